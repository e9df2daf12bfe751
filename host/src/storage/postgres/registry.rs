//! Tenants, tokens and components in the same database as their jobs.

use async_trait::async_trait;
use tokio_postgres::Row;

use super::PostgresStorage;
use super::codec;
use super::failure::Failure;
use super::session::{self, Scope, Sql};
use super::value::Value;
use crate::tenants::{ComponentRecord, Registry, Scopes, TenantRecord, TokenHash, TokenRecord};
use crate::wit::storage::StorageError;
use crate::wit::types::Instant;

/// The columns of [`token`], in its order.
const TOKEN: &str = "id, hash, tenant, agent, \"user\", scopes, timezone, created_at, expires_at";

/// None: written by a later version, with words that this one does not know.
fn tenant(row: &Row) -> Result<Option<TenantRecord>, Failure> {
    Ok(TenantRecord::stored(
        codec::text(row, 0)?,
        &codec::text(row, 1)?,
        &codec::text(row, 2)?,
        codec::maybe_text(row, 3)?,
        codec::int(row, 4)?,
    ))
}

fn token(row: &Row) -> Result<TokenRecord, Failure> {
    let hash: [u8; 32] = codec::bytes(row, 1)?
        .try_into()
        .map_err(|_| Failure::Unreadable("a token's hash has not 32 bytes".into()))?;
    Ok(TokenRecord {
        id: codec::text(row, 0)?,
        hash: TokenHash(hash),
        tenant: codec::text(row, 2)?,
        agent: codec::text(row, 3)?,
        user: codec::text(row, 4)?,
        scopes: Scopes::known(&codec::text(row, 5)?),
        timezone: codec::maybe_text(row, 6)?,
        created_at: codec::int(row, 7)?,
        expires_at: codec::maybe_int(row, 8)?,
    })
}

impl PostgresStorage {
    async fn host_rows(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, Failure> {
        self.rows(Scope::Host, Sql::Fixed(sql), values).await
    }

    /// Every change of the registry, made twice, is as if it were made once; it answers a row where
    /// something was changed.
    async fn host_change(&self, sql: &str, values: &[Value]) -> Result<bool, StorageError> {
        let rows = session::change_again(&self.pool, Scope::Host, Sql::Fixed(sql), values).await?;
        Ok(!rows.is_empty())
    }
}

fn maybe_text(text: Option<&String>) -> Value {
    Value::MaybeText(text.map(|text| super::text::stored(text).into_owned()))
}

#[async_trait]
impl Registry for PostgresStorage {
    async fn revision(&self) -> Result<Option<u64>, StorageError> {
        let rows = self.host_rows("SELECT revision FROM registry", &[]).await?;
        Ok(rows.first().map(|row| codec::count(row, 0)).transpose()?)
    }

    async fn tenants(&self) -> Result<Vec<TenantRecord>, StorageError> {
        let sql = "SELECT name, state, limits, component, created_at FROM tenants ORDER BY name";
        let rows = self.host_rows(sql, &[]).await?;
        let all: Result<Vec<_>, Failure> = rows.iter().map(tenant).collect();
        Ok(all?.into_iter().flatten().collect())
    }

    async fn put_tenant(&self, tenant: TenantRecord) -> Result<(), StorageError> {
        let limits = serde_json::to_string(&tenant.limits)
            .map_err(|error| StorageError::Unavailable(error.to_string()))?;
        let sql = "WITH changed AS (UPDATE registry SET revision = revision + 1) \
                   INSERT INTO tenants (name, state, limits, component, created_at) VALUES ($1, $2, $3, $4, $5) \
                   ON CONFLICT (name) DO UPDATE SET state = $2, limits = $3, component = $4";
        let values = [
            Value::text(&tenant.name),
            Value::text(tenant.state.word()),
            Value::text(&limits),
            maybe_text(tenant.component.as_ref()),
            Value::Int(tenant.created_at),
        ];
        self.host_change(sql, &values).await.map(drop)
    }

    async fn remove_tenant(&self, name: &str) -> Result<(), StorageError> {
        let sql = "WITH changed AS (UPDATE registry SET revision = revision + 1), \
                   gone AS (DELETE FROM tokens WHERE tenant = $1) DELETE FROM tenants WHERE name = $1";
        self.host_change(sql, &[Value::text(name)]).await.map(drop)
    }

    async fn tokens(&self, tenant: &str) -> Result<Vec<TokenRecord>, StorageError> {
        let sql = format!("SELECT {TOKEN} FROM tokens WHERE tenant = $1 ORDER BY created_at, id");
        let rows = self.host_rows(&sql, &[Value::text(tenant)]).await?;
        Ok(rows.iter().map(token).collect::<Result<_, Failure>>()?)
    }

    async fn token(&self, id: &str) -> Result<Option<TokenRecord>, StorageError> {
        let sql = format!("SELECT {TOKEN} FROM tokens WHERE id = $1");
        let rows = self.host_rows(&sql, &[Value::text(id)]).await?;
        Ok(rows.first().map(token).transpose()?)
    }

    async fn insert_token(&self, token: TokenRecord) -> Result<(), StorageError> {
        // The same token again is the retry of an insert whose answer was lost; another one of its
        // name there never is, as names are random.
        let sql = format!(
            "INSERT INTO tokens ({TOKEN}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING"
        );
        let values = [
            Value::text(&token.id),
            Value::Bytes(token.hash.0.to_vec()),
            Value::text(&token.tenant),
            Value::text(&token.agent),
            Value::text(&token.user),
            Value::text(&token.scopes.to_string()),
            maybe_text(token.timezone.as_ref()),
            Value::Int(token.created_at),
            Value::MaybeInt(token.expires_at),
        ];
        self.host_change(&sql, &values).await.map(drop)
    }

    async fn remove_token(&self, tenant: &str, id: &str) -> Result<bool, StorageError> {
        let sql = "DELETE FROM tokens WHERE tenant = $1 AND id = $2 RETURNING 1";
        self.host_change(sql, &[Value::text(tenant), Value::text(id)])
            .await
    }

    async fn components(&self) -> Result<Vec<ComponentRecord>, StorageError> {
        let sql = "SELECT digest, octet_length(bytes)::bigint, created_at FROM components ORDER BY created_at, digest";
        let rows = self.host_rows(sql, &[]).await?;
        let record = |row: &Row| {
            Ok(ComponentRecord {
                digest: codec::text(row, 0)?,
                size_bytes: codec::count(row, 1)?,
                created_at: codec::int(row, 2)?,
            })
        };
        Ok(rows.iter().map(record).collect::<Result<_, Failure>>()?)
    }

    async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, StorageError> {
        let sql = "SELECT bytes FROM components WHERE digest = $1";
        let rows = self.host_rows(sql, &[Value::text(digest)]).await?;
        Ok(rows.first().map(|row| codec::bytes(row, 0)).transpose()?)
    }

    async fn insert_component(
        &self,
        digest: &str,
        bytes: Vec<u8>,
        created_at: Instant,
    ) -> Result<(), StorageError> {
        let sql =
            "INSERT INTO components (digest, bytes, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        let values = [Value::text(digest), Value::Bytes(bytes), Value::Int(created_at)];
        self.host_change(sql, &values).await.map(drop)
    }

    async fn remove_component(&self, digest: &str) -> Result<bool, StorageError> {
        let sql = "DELETE FROM components WHERE digest = $1 \
                   AND NOT EXISTS (SELECT 1 FROM tenants WHERE component = $1) RETURNING 1";
        self.host_change(sql, &[Value::text(digest)]).await
    }
}
