//! What a tenant's rows come to, and their removal.

use rusqlite::{Connection, OptionalExtension, Params, params};

use super::{conversations, texts, usage};
use crate::storage::retention::{self, Old, SweptJob};
use crate::storage::units::{STATUS_COLUMNS, StatusCounts, Sums};
use crate::storage::words::Word as _;
use crate::wit::types::{Instant, JobStatus};

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

/// Deletes rows by a statement of [`retention`]; answers how many.
fn delete(
    connection: &Connection,
    statement: &str,
    values: impl Params,
    sums: &mut Sums,
) -> rusqlite::Result<u64> {
    let mut delete = connection.prepare_cached(statement)?;
    let mut deleted = delete.query(values)?;
    let mut count = 0;
    while let Some(row) = deleted.next()? {
        let status: Option<String> = row.get(1)?;
        sums.take(status.as_deref().and_then(JobStatus::parse), 1, row.get(0)?);
        count += 1;
    }
    Ok(count)
}

/// Both storages number parameters, each with a sign of its own.
fn own(statement: &str) -> String {
    statement.replace('$', "?")
}

/// Whether there is something to forget of a job's history.
pub(super) fn has_history(
    connection: &Connection,
    tenant: &str,
    job: &str,
    kept: u32,
    before: Instant,
) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(&own(&retention::has_history()))?
        .exists(params![tenant, job, before, kept])
}

pub(super) fn forget(connection: &Connection, tenant: &str, old: &Old) -> rusqlite::Result<u64> {
    let mut sums = of(connection, tenant)?;
    let mut rows = 0;
    match old {
        Old::Jobs(jobs) => {
            let statements = retention::of_job().map(|statement| own(&statement));
            let mut seqs = Vec::with_capacity(jobs.len());
            for job in jobs {
                let seq: Option<i64> = connection
                    .prepare_cached(&own(retention::ARCHIVED))?
                    .query_row(params![tenant, job], |row| row.get(0))
                    .optional()?;
                let Some(seq) = seq else { continue };
                seqs.push(seq);
                for statement in &statements {
                    rows += delete(connection, statement, params![tenant, job], &mut sums)?;
                }
            }
            texts::delete(connection, &seqs)?;
        }
        Old::History {
            job,
            kept,
            before,
            limit,
        } => {
            for statement in retention::of_history() {
                let values = params![tenant, job, before, kept, limit];
                rows += delete(connection, &own(&statement), values, &mut sums)?;
            }
        }
        Old::Messages(messages) => {
            let statement = own(&retention::of_message());
            for message in messages {
                rows += delete(connection, &statement, params![tenant, message], &mut sums)?;
            }
        }
    }
    if rows > 0 {
        put(connection, tenant, &sums)?;
    }
    Ok(rows)
}

pub(super) fn sweep(
    connection: &Connection,
    tenant: &str,
    after: u64,
    limit: u32,
) -> rusqlite::Result<Vec<SweptJob>> {
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    // A look into the index by status for each, so that other tenants' rows are not walked over.
    let of_status = |status: &str| {
        format!(
            "SELECT * FROM (SELECT seq, id, status, job_type <> 'ONE_OFF', updated_at FROM jobs \
             WHERE tenant = ?1 AND status = '{status}' AND seq > ?2 ORDER BY seq LIMIT ?3)"
        )
    };
    let all: Vec<String> = JobStatus::ALL.iter().map(|(_, word)| of_status(word)).collect();
    connection
        .prepare_cached(&format!("{} ORDER BY 1 LIMIT ?3", all.join(" UNION ALL ")))?
        .query_map(params![tenant, after, limit], |row| {
            let status: String = row.get(2)?;
            Ok(SweptJob {
                number: row.get(0)?,
                id: row.get(1)?,
                status: JobStatus::parse(&status),
                repeats: row.get(3)?,
                updated_at: row.get(4)?,
            })
        })?
        .collect()
}

pub(super) fn purge(connection: &Connection, tenant: &str, limit: u32) -> rusqlite::Result<u64> {
    let mut left = u64::from(limit);
    left -= conversations::purge(connection, tenant, left)?;
    left -= usage::purge(connection, tenant, left)?;
    let mut sums = of(connection, tenant)?;
    for (table, statement) in retention::of_tenant() {
        if left == 0 {
            break;
        }
        if table == "jobs" {
            texts::delete_first(connection, tenant, left)?;
        }
        left -= delete(connection, &own(&statement), params![tenant, left], &mut sums)?;
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
