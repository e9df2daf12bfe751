//! Reading: by id, by filter. Each read is one statement on a connection of its own.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::codec::{self, CHANGE, EDGE, JOB, JOB_TEXTS};
use super::condition::{Condition, text};
use super::room::Room;
use crate::limits::PAGE_ROWS_MAX;
use crate::wit::storage::{EdgeFilter, RunFilter};
use crate::wit::types::{Edge, Instant, Job, Run, StatusChange};

pub(super) fn jobs(
    connection: &Connection,
    tenant: &str,
    ids: &[String],
) -> rusqlite::Result<Vec<Option<Job>>> {
    let mut get =
        connection.prepare_cached(&format!("SELECT {JOB} FROM jobs WHERE tenant = ?1 AND id = ?2"))?;
    let mut room = Room::new();
    ids.iter()
        .map(|id| {
            let row = get.query_row(params![tenant, id], |row| {
                room.take(row, &JOB_TEXTS)?;
                codec::readable_job(row)
            });
            Ok(row.optional()?.flatten())
        })
        .collect()
}

pub(super) fn runs(
    connection: &Connection,
    tenant: &str,
    ids: &[String],
) -> rusqlite::Result<Vec<Option<Run>>> {
    let mut get = connection.prepare_cached("SELECT body FROM runs WHERE tenant = ?1 AND id = ?2")?;
    let mut room = Room::new();
    ids.iter()
        .map(|id| {
            let row = get.query_row(params![tenant, id], |row| {
                room.take(row, &[0])?;
                codec::readable_run(row)
            });
            Ok(row.optional()?.flatten())
        })
        .collect()
}

pub(super) fn find_runs(
    connection: &Connection,
    tenant: &str,
    filter: &RunFilter,
) -> rusqlite::Result<Vec<Run>> {
    let mut condition = Condition::new("tenant = ? AND job = ?", vec![text(tenant), text(&filter.job)]);
    condition.and_words("status", &filter.statuses);
    if let Some(before) = filter.before {
        condition.and("slot < ?", [Value::Integer(before)]);
    }
    let limit = filter.limit.clamp(1, PAGE_ROWS_MAX);
    let sql = format!(
        "SELECT body FROM runs WHERE {} ORDER BY slot DESC LIMIT {limit}",
        condition.text
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut room = Room::new();
    let runs = statement.query_map(params_from_iter(&condition.values), |row| {
        room.take(row, &[0])?;
        codec::readable_run(row)
    })?;
    runs.filter_map(Result::transpose).collect()
}

pub(super) fn find_edges(
    connection: &Connection,
    tenant: &str,
    filter: &EdgeFilter,
) -> rusqlite::Result<Vec<Edge>> {
    match filter {
        EdgeFilter::OfDependents(ids) => {
            let sql = format!("SELECT {EDGE} FROM edges WHERE tenant = ?1 AND dependent = ?2");
            let mut statement = connection.prepare_cached(&sql)?;
            let mut edges = Vec::new();
            for id in ids {
                for edge in statement.query_map(params![tenant, id], codec::edge)? {
                    edges.push(edge?);
                }
            }
            Ok(edges)
        }
        EdgeFilter::Ancestors(of) => {
            let first = serde_json::to_string(&of.dependents).unwrap_or_default();
            // UNION, not UNION ALL: each job once, so that a diamond is no explosion.
            let mut statement = connection.prepare_cached(&format!(
                "WITH RECURSIVE above (job) AS ( \
                     SELECT value FROM json_each(?2) \
                     UNION \
                     SELECT edges.prerequisite FROM above JOIN edges ON edges.tenant = ?1 AND edges.dependent = above.job) \
                 SELECT {EDGE} FROM above JOIN edges ON edges.tenant = ?1 AND edges.dependent = above.job LIMIT ?3"
            ))?;
            statement
                .query_map(params![tenant, first, of.limit], codec::edge)?
                .collect()
        }
        EdgeFilter::OfPrerequisite(of) => {
            let mut condition = Condition::new(
                "tenant = ? AND prerequisite = ?",
                vec![text(tenant), text(&of.prerequisite)],
            );
            condition.and_words("status", &of.statuses);
            if let Some(after) = &of.after {
                condition.and("dependent > ?", [text(after)]);
            }
            let limit = of.limit.clamp(1, PAGE_ROWS_MAX);
            let sql = format!(
                "SELECT {EDGE} FROM edges WHERE {} ORDER BY dependent LIMIT {limit}",
                condition.text
            );
            let mut statement = connection.prepare_cached(&sql)?;
            statement
                .query_map(params_from_iter(&condition.values), codec::edge)?
                .collect()
        }
    }
}

pub(super) fn find_changes(
    connection: &Connection,
    tenant: &str,
    job: &str,
    limit: u32,
) -> rusqlite::Result<Vec<StatusChange>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {CHANGE} FROM changes WHERE tenant = ?1 AND job = ?2 ORDER BY position DESC LIMIT ?3"
    ))?;
    let mut room = Room::new();
    statement
        .query_map(params![tenant, job, limit.clamp(1, PAGE_ROWS_MAX)], |row| {
            room.take(row, &[6])?;
            codec::change(row)
        })?
        .collect()
}

pub(super) fn next_due(connection: &Connection, tenant: &str) -> rusqlite::Result<Option<Instant>> {
    connection
        .prepare_cached(
            "SELECT available_at FROM jobs WHERE tenant = ?1 AND available_at IS NOT NULL ORDER BY available_at LIMIT 1",
        )?
        .query_row([tenant], |row| row.get(0))
        .optional()
}

pub(super) fn due_tenants(connection: &Connection, now: Instant) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached(
        // Leaps from tenant to tenant over the index.
        "WITH RECURSIVE known (tenant) AS (SELECT min(tenant) FROM jobs WHERE available_at IS NOT NULL \
             UNION ALL SELECT (SELECT min(tenant) FROM jobs WHERE available_at IS NOT NULL AND tenant > known.tenant) \
             FROM known WHERE known.tenant IS NOT NULL) \
         SELECT tenant FROM known WHERE tenant IS NOT NULL AND ?1 >= (SELECT min(available_at) FROM jobs \
             WHERE jobs.tenant = known.tenant AND available_at IS NOT NULL)",
    )?;
    statement.query_map([now], |row| row.get(0))?.collect()
}
