//! What a tenant's rows come to, and their removal.

use rusqlite::{Connection, OptionalExtension, params};

use crate::storage::units::{STATUS_COLUMNS, StatusCounts, Sums};
use crate::storage::words::Word as _;
use crate::wit::types::JobStatus;

pub(super) fn of(connection: &Connection, tenant: &str) -> rusqlite::Result<Sums> {
    let found = connection
        .prepare_cached(&format!(
            "SELECT bytes, {STATUS_COLUMNS} FROM stored WHERE tenant = ?1"
        ))?
        .query_row([tenant], |row| {
            Ok(Sums {
                bytes: row.get(0)?,
                jobs: StatusCounts::read(|place| row.get(place + 1))?,
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

pub(super) fn put(connection: &Connection, tenant: &str, sums: &Sums) -> rusqlite::Result<()> {
    let counts = sums.jobs.columns();
    let marks = vec!["?"; counts.len()].join(", ");
    let mut put = connection.prepare_cached(&format!(
        "INSERT OR REPLACE INTO stored (tenant, bytes, {STATUS_COLUMNS}) VALUES (?, ?, {marks})"
    ))?;
    put.raw_bind_parameter(1, tenant)?;
    put.raw_bind_parameter(2, sums.bytes)?;
    for (place, count) in counts.iter().enumerate() {
        put.raw_bind_parameter(place + 3, count)?;
    }
    put.raw_execute()?;
    Ok(())
}

/// The tables of a tenant's rows: those that name jobs before the jobs themselves. Each answers of every row
/// that it deletes the bytes that it counted, and of jobs the status.
const DELETE: [&str; 5] = [
    "DELETE FROM messages WHERE position IN (SELECT position FROM messages WHERE tenant = ?1 LIMIT ?2) \
     RETURNING octet_length(title) + octet_length(text) + 300, NULL",
    "DELETE FROM changes WHERE position IN (SELECT position FROM changes WHERE tenant = ?1 LIMIT ?2) \
     RETURNING coalesce(octet_length(message), 0) + 100, NULL",
    "DELETE FROM runs WHERE (tenant, id) IN (SELECT tenant, id FROM runs WHERE tenant = ?1 LIMIT ?2) \
     RETURNING octet_length(body) + 100, NULL",
    "DELETE FROM edges WHERE (tenant, dependent, prerequisite) IN \
     (SELECT tenant, dependent, prerequisite FROM edges WHERE tenant = ?1 LIMIT ?2) RETURNING 150, NULL",
    "DELETE FROM jobs WHERE seq IN (SELECT seq FROM jobs WHERE tenant = ?1 ORDER BY id LIMIT ?2) \
     RETURNING octet_length(spec) + octet_length(state) + 300, status",
];
/// The texts of the jobs that are deleted next.
const DELETE_TEXTS: &str =
    "DELETE FROM job_text WHERE rowid IN (SELECT seq FROM jobs WHERE tenant = ?1 ORDER BY id LIMIT ?2)";

pub(super) fn purge(connection: &Connection, tenant: &str, limit: u32) -> rusqlite::Result<u64> {
    let mut left = u64::from(limit);
    let mut sums = of(connection, tenant)?;
    for statement in DELETE {
        if left == 0 {
            break;
        }
        if statement.starts_with("DELETE FROM jobs ") {
            connection
                .prepare_cached(DELETE_TEXTS)?
                .execute(params![tenant, left])?;
        }
        let mut delete = connection.prepare_cached(statement)?;
        let mut deleted = delete.query(params![tenant, left])?;
        while let Some(row) = deleted.next()? {
            let status: Option<String> = row.get(1)?;
            sums.take(status.as_deref().and_then(JobStatus::parse), 1, row.get(0)?);
            left -= 1;
        }
    }
    if left < u64::from(limit) {
        put(connection, tenant, &sums)?;
    } else {
        connection
            .prepare_cached("DELETE FROM stored WHERE tenant = ?1")?
            .execute([tenant])?;
    }
    Ok(u64::from(limit) - left)
}
