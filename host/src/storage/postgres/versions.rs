//! Which version of the tables a database has, and how it comes to the present one.

use std::cmp::Ordering;

use tokio_postgres::Client;

use super::OpenError;
use super::schema::MIGRATIONS;

/// Any number that other programs in the same database are unlikely to choose.
pub(super) const LOCK: i64 = 0x6d65_616e_7768_696c;

/// The version that this program has.
fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Whether a database has tables of the present version.
pub(super) async fn check(client: &Client) -> Result<(), OpenError> {
    let there = client.query_one("SELECT to_regclass('schema_version') IS NOT NULL", &[]);
    if !there.await?.try_get(0)? {
        return Err(OpenError::NoStore);
    }
    let found: i64 = client
        .query_one("SELECT version FROM schema_version", &[])
        .await?
        .try_get(0)?;
    let known = known();
    match found.cmp(&known) {
        Ordering::Less => Err(OpenError::Older { found, known }),
        Ordering::Equal => Ok(()),
        Ordering::Greater => Err(OpenError::Newer { found, known }),
    }
}

/// Brings a database to the present version. Hosts that start at once take turns.
pub(super) async fn migrate(client: &mut Client) -> Result<(), OpenError> {
    let encoding: String = client.query_one("SHOW server_encoding", &[]).await?.get(0);
    if encoding != "UTF8" {
        return Err(OpenError::Encoding(encoding));
    }
    let transaction = client.transaction().await?;
    // A migration of a large store may take longer than any call does.
    let patient = "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL client_min_messages = warning";
    transaction.batch_execute(patient).await?;
    // A parameter of a function is never prepared for longer than the call.
    transaction
        .execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])
        .await?;
    transaction
        .batch_execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)")
        .await?;
    let rows = transaction
        .query("SELECT version FROM schema_version", &[])
        .await?;
    let found = rows.first().map_or(0, |row| row.get::<_, i64>(0));
    let known = known();
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    for migration in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.batch_execute(migration).await?;
    }
    if rows.is_empty() {
        transaction
            .execute("INSERT INTO schema_version VALUES ($1)", &[&known])
            .await?;
    } else if found < known {
        transaction
            .execute("UPDATE schema_version SET version = $1", &[&known])
            .await?;
    }
    transaction.commit().await?;
    Ok(())
}
