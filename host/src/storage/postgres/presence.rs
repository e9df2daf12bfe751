//! Who has a database open: each host as long as it listens for hints, or one import. A lock of Postgres'
//! says so (an "advisory" one), which ends with its connection.

use tokio_postgres::Client;

use super::OpenError;
use super::failure::Failure;
use crate::storage::limits::LOCK_WAIT;

/// Beside [`LOCK`](super::versions::LOCK).
const PRESENT: i64 = super::versions::LOCK + 1;

/// As what one is there.
#[derive(Clone, Copy, Debug)]
pub(super) enum As {
    /// Beside any number of others.
    Host,
    /// Alone.
    Import,
}

/// Takes the lock, which the connection has from now on. Waits a moment for those who are just going.
/// False: others are there.
pub(super) async fn enter(client: &Client, role: As) -> Result<bool, OpenError> {
    let function = match role {
        As::Host => "pg_advisory_lock_shared",
        As::Import => "pg_advisory_lock",
    };
    let wait = LOCK_WAIT.as_millis();
    let entered = client
        .batch_execute(&format!(
            "BEGIN; SET LOCAL lock_timeout = {wait}; SELECT {function}({PRESENT}); COMMIT"
        ))
        .await;
    match entered {
        Ok(()) => Ok(true),
        Err(error) if error.code() == Some(&tokio_postgres::error::SqlState::LOCK_NOT_AVAILABLE) => {
            client.batch_execute("ROLLBACK").await?;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

/// The same for a connection that was lost and is made again, on which nothing depends.
pub(super) fn enter_again() -> String {
    format!("SELECT pg_advisory_lock_shared({PRESENT})")
}

/// Whether a host is there.
pub(super) async fn has_host(client: &Client) -> Result<bool, Failure> {
    // The halves of the number are two columns.
    let sql = format!(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND mode = 'ShareLock' \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND classid::bigint = {PRESENT} >> 32 AND objid::bigint = {PRESENT} & 4294967295 AND objsubid = 1)"
    );
    Ok(client.query_one(&sql, &[]).await?.try_get(0)?)
}
