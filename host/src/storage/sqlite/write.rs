//! Writes what was decided: every row that changed, once.

use rusqlite::{Connection, params};

use super::commit::{JobRow, Rows};
use super::texts::{self, Texts};
use crate::storage::units::{MessageRow, NewJob, RunAt, Spec, State};
use crate::storage::words::Word as _;
use crate::wit::types::Message;

const INSERT_JOB: &str = "INSERT INTO jobs (seq, tenant, id, agent, user, created_by, created_at, updated_at, revision, \
     status, job_type, title, idempotency_key, due_at, available_at, open_run, spec, state) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)";
const UPDATE_JOB: &str = "UPDATE jobs SET revision = ?2, status = ?3, updated_at = ?4, due_at = ?5, available_at = ?6, \
     open_run = ?7, state = ?8 WHERE seq = ?1";
const UPDATE_AND_RELEASE_JOB: &str = "UPDATE jobs SET revision = ?2, status = ?3, updated_at = ?4, due_at = ?5, \
     available_at = ?6, open_run = ?7, state = ?8, lease_owner = NULL, lease_until = NULL WHERE seq = ?1";
const RELEASE_JOB: &str =
    "UPDATE jobs SET lease_owner = NULL, lease_until = NULL, available_at = ?2 WHERE seq = ?1";
const UPDATE_SPEC: &str =
    "UPDATE jobs SET spec = ?2, title = ?3, job_type = ?4, idempotency_key = ?5 WHERE seq = ?1";
const INSERT_RUN: &str =
    "INSERT INTO runs (tenant, id, job, slot, status, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const UPDATE_RUN: &str = "UPDATE runs SET status = ?3, body = ?4 WHERE tenant = ?1 AND id = ?2";
/// No `OR REPLACE`: where it finds a row it deletes it.
const PUT_EDGE: &str = "INSERT INTO edges (tenant, dependent, prerequisite, condition, delay_seconds, status, settled_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (tenant, dependent, prerequisite) DO UPDATE SET \
     condition = excluded.condition, delay_seconds = excluded.delay_seconds, status = excluded.status, \
     settled_at = excluded.settled_at";
const DELETE_EDGE: &str = "DELETE FROM edges WHERE tenant = ?1 AND dependent = ?2 AND prerequisite = ?3";
const INSERT_MESSAGE: &str = "INSERT INTO messages (tenant, id, once_key, kind, job, run, agent, user, conversation, \
     related_entity_id, narrative_id, title, text, delivery, created_at) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
const UPDATE_MESSAGE: &str = "UPDATE messages SET delivery = ?3 WHERE tenant = ?1 AND id = ?2";
const INSERT_CHANGE: &str = "INSERT INTO changes (tenant, job, at, from_status, to_status, by, code, message) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";

pub(super) fn all(connection: &Connection, tenant: &str, rows: &Rows) -> rusqlite::Result<()> {
    // In their order in the file: neighbours share pages.
    let mut jobs: Vec<&JobRow> = rows.jobs.changes().filter_map(|(_, row)| row).collect();
    jobs.sort_unstable_by_key(|row| row.seq);
    for row in jobs {
        match row
            .new
            .as_deref()
            .zip(row.spec.as_deref())
            .zip(row.state.as_deref())
        {
            Some(((new, spec), state)) => insert_job(connection, tenant, row, new, spec, state)?,
            None => update_job(connection, tenant, row)?,
        }
    }
    let mut runs: Vec<(&String, &RunAt)> = rows
        .runs
        .changes()
        .filter_map(|(id, row)| Some((id, row?)))
        .collect();
    runs.sort_unstable_by_key(|(id, _)| *id);
    for (_, run) in runs {
        write_run(connection, tenant, run)?;
    }
    for ((dependent, prerequisite), edge) in rows.edges.changes() {
        match edge {
            None => {
                let mut delete = connection.prepare_cached(DELETE_EDGE)?;
                delete.execute(params![tenant, dependent, prerequisite])?;
            }
            Some(None) => {}
            Some(Some(edge)) => {
                connection.prepare_cached(PUT_EDGE)?.execute(params![
                    tenant,
                    edge.dependent,
                    edge.prerequisite,
                    edge.on.word(),
                    edge.delay_seconds,
                    edge.status.word(),
                    edge.settled_at,
                ])?;
            }
        }
    }
    messages(connection, tenant, rows)?;
    for change in &rows.new_changes {
        connection.prepare_cached(INSERT_CHANGE)?.execute(params![
            tenant,
            change.job,
            change.at,
            change.from.word(),
            change.to.word(),
            change.by,
            change.reason.as_ref().map(|reason| &reason.code),
            change.reason.as_ref().map(|reason| &reason.message),
        ])?;
    }
    Ok(())
}

fn insert_job(
    connection: &Connection,
    tenant: &str,
    row: &JobRow,
    new: &NewJob<Texts>,
    spec: &Spec<Texts>,
    state: &State,
) -> rusqlite::Result<()> {
    connection.prepare_cached(INSERT_JOB)?.execute(params![
        row.seq,
        tenant,
        new.id,
        new.agent,
        new.user,
        new.created_by,
        new.created_at,
        row.updated_at,
        row.revision,
        state.status.word(),
        spec.job_type.word(),
        spec.title,
        spec.key,
        row.due_at,
        row.available_at(),
        state.open_run,
        spec.json,
        state.json,
    ])?;
    texts::put(connection, tenant, row.seq, &spec.title, &spec.indexed)
}

fn update_job(connection: &Connection, tenant: &str, row: &JobRow) -> rusqlite::Result<()> {
    if let Some(state) = &row.state {
        let sql = if row.released {
            UPDATE_AND_RELEASE_JOB
        } else {
            UPDATE_JOB
        };
        connection.prepare_cached(sql)?.execute(params![
            row.seq,
            row.revision,
            state.status.word(),
            row.updated_at,
            row.due_at,
            row.available_at(),
            state.open_run,
            state.json,
        ])?;
    } else if row.released {
        let mut release = connection.prepare_cached(RELEASE_JOB)?;
        release.execute(params![row.seq, row.available_at()])?;
    }
    if let Some(spec) = &row.spec {
        let are_same = texts::are_in_record(connection, row.seq, &spec.title, &spec.indexed)?;
        connection.prepare_cached(UPDATE_SPEC)?.execute(params![
            row.seq,
            spec.json,
            spec.title,
            spec.job_type.word(),
            spec.key
        ])?;
        if !are_same {
            texts::change(connection, tenant, row.seq, &spec.title, &spec.indexed)?;
        }
    }
    Ok(())
}

fn write_run(connection: &Connection, tenant: &str, run: &RunAt) -> rusqlite::Result<()> {
    let Some(row) = &run.row else { return Ok(()) };
    if run.is_new {
        connection.prepare_cached(INSERT_RUN)?.execute(params![
            tenant,
            row.id,
            row.job,
            row.slot,
            row.status.word(),
            row.json
        ])?;
    } else {
        let mut update = connection.prepare_cached(UPDATE_RUN)?;
        update.execute(params![tenant, row.id, row.status.word(), row.json])?;
    }
    Ok(())
}

fn messages(connection: &Connection, tenant: &str, rows: &Rows) -> rusqlite::Result<()> {
    let mut new: Vec<(usize, &Message, &MessageRow)> = Vec::new();
    for (id, row) in rows.messages.changes() {
        let Some(row) = row else { continue };
        if let Some((place, message)) = &row.new {
            new.push((*place, message, row));
        } else {
            let mut update = connection.prepare_cached(UPDATE_MESSAGE)?;
            update.execute(params![tenant, id, row.delivery.word()])?;
        }
    }
    new.sort_unstable_by_key(|(place, ..)| *place);
    for (_, message, row) in new {
        connection.prepare_cached(INSERT_MESSAGE)?.execute(params![
            tenant,
            message.id,
            message.once_key,
            message.kind.word(),
            message.job,
            message.run,
            message.agent,
            message.user,
            message.conversation,
            message.related_entity_id,
            message.narrative_id,
            message.title,
            message.text,
            row.delivery.word(),
            message.created_at,
        ])?;
    }
    Ok(())
}
