//! Tenants, tokens and components in the same file as their jobs.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{HOST, SqliteStorage};
use crate::tenants::{ComponentRecord, Registry, Scopes, TenantRecord, TokenHash, TokenRecord};
use crate::wit::storage::StorageError;
use crate::wit::types::Instant;

const TOKEN: &str = "id, hash, tenant, agent, user, scopes, timezone, created_at, expires_at";

/// None: written by a later version, with words that this one does not know.
fn tenant(row: &Row<'_>) -> rusqlite::Result<Option<TenantRecord>> {
    let (state, limits): (String, String) = (row.get(1)?, row.get(2)?);
    Ok(TenantRecord::stored(
        row.get(0)?,
        &state,
        &limits,
        row.get(3)?,
        row.get(4)?,
    ))
}

fn token(row: &Row<'_>) -> rusqlite::Result<TokenRecord> {
    let scopes: String = row.get(5)?;
    Ok(TokenRecord {
        id: row.get(0)?,
        hash: TokenHash(row.get(1)?),
        tenant: row.get(2)?,
        agent: row.get(3)?,
        user: row.get(4)?,
        scopes: Scopes::known(&scopes),
        timezone: row.get(6)?,
        created_at: row.get(7)?,
        expires_at: row.get(8)?,
    })
}

#[async_trait]
impl Registry for SqliteStorage {
    async fn tenants(&self) -> Result<Vec<TenantRecord>, StorageError> {
        self.read(|connection| {
            let mut all = connection.prepare_cached(
                "SELECT name, state, limits, component, created_at FROM tenants ORDER BY name",
            )?;
            let rows = all.query_map([], tenant)?;
            Ok(rows
                .collect::<rusqlite::Result<Vec<_>>>()?
                .into_iter()
                .flatten()
                .collect())
        })
        .await
    }

    async fn put_tenant(&self, tenant: TenantRecord) -> Result<(), StorageError> {
        let limits = serde_json::to_string(&tenant.limits)
            .map_err(|error| StorageError::Unavailable(error.to_string()))?;
        self.writer
            .run(HOST, 1, move |connection| {
                connection
                    .prepare_cached(
                        "INSERT INTO tenants (name, state, limits, component, created_at) VALUES (?1, ?2, ?3, ?4, ?5) \
                         ON CONFLICT (name) DO UPDATE SET state = ?2, limits = ?3, component = ?4",
                    )?
                    .execute(params![
                        tenant.name,
                        tenant.state.word(),
                        limits,
                        tenant.component,
                        tenant.created_at
                    ])?;
                Ok(())
            })
            .await
    }

    async fn remove_tenant(&self, name: &str) -> Result<(), StorageError> {
        let name = name.to_owned();
        self.writer
            .run(HOST, 1, move |connection| {
                connection.execute("DELETE FROM tokens WHERE tenant = ?1", [&name])?;
                connection.execute("DELETE FROM tenants WHERE name = ?1", [&name])?;
                Ok(())
            })
            .await
    }

    async fn tokens(&self, tenant: &str) -> Result<Vec<TokenRecord>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| {
            let mut of = connection.prepare_cached(&format!(
                "SELECT {TOKEN} FROM tokens WHERE tenant = ?1 ORDER BY created_at, id"
            ))?;
            of.query_map([tenant], token)?.collect()
        })
        .await
    }

    async fn token(&self, id: &str) -> Result<Option<TokenRecord>, StorageError> {
        let id = id.to_owned();
        self.read(move |connection| {
            connection
                .prepare_cached(&format!("SELECT {TOKEN} FROM tokens WHERE id = ?1"))?
                .query_row([id], token)
                .optional()
        })
        .await
    }

    async fn insert_token(&self, token: TokenRecord) -> Result<(), StorageError> {
        self.writer
            .run(HOST, 1, move |connection| {
                connection.execute(
                    &format!("INSERT INTO tokens ({TOKEN}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"),
                    params![
                        token.id,
                        token.hash.0,
                        token.tenant,
                        token.agent,
                        token.user,
                        token.scopes.to_string(),
                        token.timezone,
                        token.created_at,
                        token.expires_at
                    ],
                )?;
                Ok(())
            })
            .await
    }

    async fn remove_token(&self, tenant: &str, id: &str) -> Result<bool, StorageError> {
        let (tenant, id) = (tenant.to_owned(), id.to_owned());
        self.changed(move |connection| {
            connection.execute("DELETE FROM tokens WHERE tenant = ?1 AND id = ?2", [tenant, id])
        })
        .await
    }

    async fn components(&self) -> Result<Vec<ComponentRecord>, StorageError> {
        self.read(|connection| {
            let mut all = connection.prepare_cached(
                "SELECT digest, octet_length(bytes), created_at FROM components ORDER BY created_at, digest",
            )?;
            let record = |row: &Row<'_>| {
                Ok(ComponentRecord {
                    digest: row.get(0)?,
                    size_bytes: row.get(1)?,
                    created_at: row.get(2)?,
                })
            };
            all.query_map([], record)?.collect()
        })
        .await
    }

    async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let digest = digest.to_owned();
        self.read(move |connection| {
            connection
                .prepare_cached("SELECT bytes FROM components WHERE digest = ?1")?
                .query_row([digest], |row| row.get(0))
                .optional()
        })
        .await
    }

    async fn insert_component(
        &self,
        digest: &str,
        bytes: Vec<u8>,
        created_at: Instant,
    ) -> Result<(), StorageError> {
        let digest = digest.to_owned();
        self.changed(move |connection| {
            connection.execute(
                "INSERT INTO components (digest, bytes, created_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                params![digest, bytes, created_at],
            )
        })
        .await
        .map(drop)
    }

    async fn remove_component(&self, digest: &str) -> Result<bool, StorageError> {
        let digest = digest.to_owned();
        self.changed(move |connection| {
            connection.execute(
                "DELETE FROM components WHERE digest = ?1 \
                 AND NOT EXISTS (SELECT 1 FROM tenants WHERE component = ?1)",
                [digest],
            )
        })
        .await
    }
}

impl SqliteStorage {
    /// Whether a statement changed anything.
    async fn changed(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<usize> + Send + 'static,
    ) -> Result<bool, StorageError> {
        self.writer.run(HOST, 1, work).await.map(|changed| changed > 0)
    }
}
