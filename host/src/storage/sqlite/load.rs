//! Reads what units are about, row by row through an index.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::codec;
use super::commit::{JobRow, Rows, Unit};
use super::stored;
use crate::storage::units::{MessageRow, Named, RunAt, Step};
use crate::storage::words::Word as _;
use crate::wit::types::JobStatus;

const JOB: &str = "SELECT seq, agent, user, idempotency_key, revision, lease_token, status, lease_until, due_at, \
     octet_length(spec), octet_length(state), updated_at FROM jobs WHERE tenant = ?1 AND id = ?2";
const KEY: &str =
    "SELECT id FROM jobs WHERE tenant = ?1 AND agent = ?2 AND user = ?3 AND idempotency_key = ?4";
const RUN: &str = "SELECT job, slot, octet_length(body) FROM runs WHERE tenant = ?1 AND id = ?2";
const SLOT: &str = "SELECT id FROM runs WHERE tenant = ?1 AND job = ?2 AND slot = ?3";
const EDGE: &str = "SELECT 1 FROM edges WHERE tenant = ?1 AND dependent = ?2 AND prerequisite = ?3";
const MESSAGE: &str = "SELECT delivery FROM messages WHERE tenant = ?1 AND id = ?2";
const ONCE: &str = "SELECT 1 FROM messages WHERE tenant = ?1 AND once_key = ?2";
/// AUTOINCREMENT never gives a number twice, also those of rows that are gone.
const LAST_SEQ: &str = "SELECT seq FROM sqlite_sequence WHERE name = 'jobs'";

pub(super) fn rows(connection: &Connection, tenant: &str, units: &[Unit]) -> rusqlite::Result<Rows> {
    let named = Named::by(units.iter().flatten());
    let mut rows = Rows {
        sums: stored::of(connection, tenant)?,
        ..Rows::default()
    };
    let mut find = connection.prepare_cached(JOB)?;
    for id in &named.jobs {
        if let Some(job) = find.query_row(params![tenant, id], job_row).optional()? {
            load_key(&mut rows, id, &job);
            rows.jobs.load((*id).to_owned(), job);
        }
    }
    let mut find = connection.prepare_cached(RUN)?;
    for id in &named.runs {
        let run = find.query_row(params![tenant, id], |row| {
            Ok(RunAt {
                job: row.get(0)?,
                slot: row.get(1)?,
                bytes: row.get(2)?,
                is_new: false,
                row: None,
            })
        });
        if let Some(run) = run.optional()? {
            rows.runs.load((*id).to_owned(), run);
        }
    }
    let mut find = connection.prepare_cached(SLOT)?;
    for (job, slot) in &named.slots {
        let run = find.query_row(params![tenant, job, slot], |row| row.get(0));
        if let Some(run) = run.optional()? {
            rows.slots.load(((*job).to_owned(), *slot), run);
        }
    }
    let mut find = connection.prepare_cached(EDGE)?;
    for (dependent, prerequisite) in &named.edges {
        if find.exists(params![tenant, dependent, prerequisite])? {
            rows.edges
                .load(((*dependent).to_owned(), (*prerequisite).to_owned()), None);
        }
    }
    let mut find = connection.prepare_cached(MESSAGE)?;
    for id in &named.messages {
        let delivery = find.query_row(params![tenant, id], |row| codec::word(row, 0));
        if let Some(delivery) = delivery.optional()? {
            rows.messages
                .load((*id).to_owned(), MessageRow { delivery, new: None });
        }
    }
    let mut find = connection.prepare_cached(ONCE)?;
    for key in &named.once {
        if find.exists(params![tenant, key])? {
            rows.once.load((*key).to_owned(), ());
        }
    }
    for (agent, user, key) in &named.keys {
        keys(connection, tenant, agent, user, key, &mut rows)?;
    }
    keys_of_updates(connection, tenant, units, &mut rows)?;
    if named.new_jobs > 0 {
        let last = connection
            .prepare_cached(LAST_SEQ)?
            .query_row([], |row| row.get::<_, i64>(0))
            .optional()?
            .unwrap_or(0);
        let numbers: Vec<i64> = (1..=named.new_jobs).map(|n| last.saturating_add(n)).collect();
        rows.seqs = numbers.into_iter();
    }
    Ok(rows)
}

fn job_row(row: &Row<'_>) -> rusqlite::Result<JobRow> {
    let status: String = row.get(6)?;
    Ok(JobRow {
        seq: row.get(0)?,
        agent: row.get(1)?,
        user: row.get(2)?,
        key: row.get(3)?,
        revision: row.get(4)?,
        token: row.get(5)?,
        status: JobStatus::parse(&status).ok_or(status),
        lease_until: row.get(7)?,
        due_at: row.get(8)?,
        spec_bytes: row.get(9)?,
        state_bytes: row.get(10)?,
        updated_at: row.get(11)?,
        new: None,
        spec: None,
        state: None,
        released: false,
    })
}

fn load_key(rows: &mut Rows, id: &str, job: &JobRow) {
    if let Some(key) = &job.key {
        rows.keys
            .load((job.agent.clone(), job.user.clone(), key.clone()), id.to_owned());
    }
}

fn keys(
    connection: &Connection,
    tenant: &str,
    agent: &str,
    user: &str,
    key: &str,
    rows: &mut Rows,
) -> rusqlite::Result<()> {
    let mut find = connection.prepare_cached(KEY)?;
    let holder = find.query_row(params![tenant, agent, user, key], |row| row.get(0));
    if let Some(holder) = holder.optional()? {
        rows.keys
            .load((agent.to_owned(), user.to_owned(), key.to_owned()), holder);
    }
    Ok(())
}

/// Who has the keys that jobs are to get: known once the jobs are. Hardly ever is there one.
fn keys_of_updates(
    connection: &Connection,
    tenant: &str,
    units: &[Unit],
    rows: &mut Rows,
) -> rusqlite::Result<()> {
    for step in units.iter().flatten().flat_map(|unit| &unit.steps) {
        let Step::UpdateJob(update) = step else { continue };
        let key = update.spec.as_ref().and_then(|spec| spec.key.as_ref());
        let Some((key, row)) = key.zip(rows.jobs.get(&update.id)) else {
            continue;
        };
        if row.key.as_ref() != Some(key) {
            let (agent, user) = (row.agent.clone(), row.user.clone());
            keys(connection, tenant, &agent, &user, key, rows)?;
        }
    }
    Ok(())
}
