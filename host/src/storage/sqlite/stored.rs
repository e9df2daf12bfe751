//! What a tenant's rows come to, and their removal.

use rusqlite::{Connection, OptionalExtension, params};

use crate::storage::Stored;

pub(super) fn of(connection: &Connection, tenant: &str) -> rusqlite::Result<Stored> {
    let found = connection
        .prepare_cached("SELECT live_jobs, bytes FROM stored WHERE tenant = ?1")?
        .query_row([tenant], |row| {
            Ok(Stored {
                live_jobs: row.get(0)?,
                bytes: row.get(1)?,
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// The tables of a tenant's rows: those that name jobs before the jobs themselves.
const DELETE: [&str; 6] = [
    "DELETE FROM messages WHERE position IN (SELECT position FROM messages WHERE tenant = ?1 LIMIT ?2)",
    "DELETE FROM changes WHERE position IN (SELECT position FROM changes WHERE tenant = ?1 LIMIT ?2)",
    "DELETE FROM runs WHERE (tenant, id) IN (SELECT tenant, id FROM runs WHERE tenant = ?1 LIMIT ?2)",
    "DELETE FROM edges WHERE (tenant, dependent, prerequisite) IN \
     (SELECT tenant, dependent, prerequisite FROM edges WHERE tenant = ?1 LIMIT ?2)",
    "DELETE FROM job_text WHERE rowid IN (SELECT seq FROM jobs WHERE tenant = ?1 ORDER BY id LIMIT ?2)",
    "DELETE FROM jobs WHERE seq IN (SELECT seq FROM jobs WHERE tenant = ?1 ORDER BY id LIMIT ?2)",
];

pub(super) fn purge(connection: &Connection, tenant: &str, limit: u32) -> rusqlite::Result<u64> {
    let mut left = u64::from(limit);
    for statement in DELETE {
        let deleted = connection
            .prepare_cached(statement)?
            .execute(params![tenant, left])? as u64;
        // The text of a job goes with its row: one deletion, counted there.
        if !statement.contains("job_text") {
            left -= deleted;
        }
        if left == 0 {
            break;
        }
    }
    if left == u64::from(limit) {
        connection
            .prepare_cached("DELETE FROM stored WHERE tenant = ?1")?
            .execute([tenant])?;
    }
    Ok(u64::from(limit) - left)
}
