//! What one write of a unit does to its row.

use rusqlite::{Connection, OptionalExtension, params};

use super::codec::json;
use super::schema;
use crate::storage::revives;
use crate::storage::words::{Word, may_move};
use crate::wit::storage::{JobToken, JobUpdate, Rejection, Write};
use crate::wit::types::{Edge, Job, JobSpec, JobStatus, Message, Run, StatusChange};

/// Why a unit was not applied: refused, or SQLite failed.
pub(super) enum Failure {
    Refused(Rejection),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

/// A counter as a column holds it. None: beyond what any row has.
pub(super) fn counter(value: u64) -> Option<i64> {
    i64::try_from(value).ok()
}

/// Answers whether an ended job is live again.
pub(super) fn apply(connection: &Connection, tenant: &str, write: Write) -> Result<bool, Failure> {
    match write {
        Write::UpdateJob(update) => return update_job(connection, tenant, &update),
        Write::InsertJob(job) => insert_job(connection, tenant, &job)?,
        Write::InsertRun(run) => insert_run(connection, tenant, &run)?,
        Write::UpdateRun(run) => update_run(connection, tenant, &run)?,
        Write::PutEdge(edge) => put_edge(connection, tenant, &edge)?,
        Write::DeleteEdge(key) => {
            connection
                .prepare_cached(
                    "DELETE FROM edges WHERE tenant = ?1 AND dependent = ?2 AND prerequisite = ?3",
                )?
                .execute(params![tenant, key.dependent, key.prerequisite])?;
        }
        Write::InsertMessage(message) => insert_message(connection, tenant, &message)?,
        Write::UpdateMessage(update) => {
            connection
                .prepare_cached(
                    "UPDATE messages SET delivery = ?3 WHERE tenant = ?1 AND id = ?2 AND delivery <> 'read'",
                )?
                .execute(params![tenant, update.id, update.delivery.word()])?;
        }
        Write::InsertChange(change) => insert_change(connection, tenant, &change)?,
        Write::Release(at) => release(connection, tenant, &at)?,
    }
    Ok(false)
}

fn insert_job(connection: &Connection, tenant: &str, job: &Job) -> Result<(), Failure> {
    if let Some(key) = &job.spec.idempotency_key {
        let taken: Option<String> = connection
            .prepare_cached(
                "SELECT id FROM jobs WHERE tenant = ?1 AND agent = ?2 AND user = ?3 AND idempotency_key = ?4",
            )?
            .query_row(params![tenant, job.agent, job.user, key], |row| row.get(0))
            .optional()?;
        if let Some(other) = taken {
            return Err(Failure::Refused(Rejection::DuplicateKey(other)));
        }
    }
    let inserted = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO jobs (tenant, id, agent, user, created_by, created_at, updated_at, revision, \
             status, job_type, title, idempotency_key, due_at, available_at, spec, state) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13, ?14, ?15)",
        )?
        .execute(params![
            tenant,
            job.id,
            job.agent,
            job.user,
            job.created_by,
            job.created_at,
            job.updated_at,
            job.revision,
            job.state.status.word(),
            job.spec.job_type.word(),
            job.spec.title,
            job.spec.idempotency_key,
            job.state.due_at,
            json(&job.spec)?,
            json(&job.state)?,
        ])?;
    if inserted == 0 {
        return Err(Failure::Refused(Rejection::Forbidden(format!(
            "there is a job {} already",
            job.id
        ))));
    }
    index_text(connection, tenant, connection.last_insert_rowid(), &job.spec)?;
    Ok(())
}

fn index_text(connection: &Connection, tenant: &str, seq: i64, spec: &JobSpec) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO job_text (rowid, title, description, payload, owner) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            seq,
            spec.title,
            spec.description,
            spec.payload,
            schema::owner(tenant)
        ])?;
    Ok(())
}

/// The job is due again at `due_at`, but not before a lease that is held ends.
const AVAILABLE: &str = "CASE WHEN lease_until > ?4 THEN lease_until ELSE ?4 END";

fn update_job(connection: &Connection, tenant: &str, update: &JobUpdate) -> Result<bool, Failure> {
    let present: Option<(i64, String)> = connection
        .prepare_cached("SELECT seq, status FROM jobs WHERE tenant = ?1 AND id = ?2")?
        .query_row(params![tenant, update.id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((seq, status)) = present else {
        return Err(Failure::Refused(Rejection::Stale));
    };
    let to = update.state.status;
    let from = JobStatus::parse(&status);
    if from.is_some_and(|from| !may_move(from, to)) {
        let message = format!(
            "job {} has ended as {status}: it cannot become {}",
            update.id,
            to.word()
        );
        return Err(Failure::Refused(Rejection::Forbidden(message)));
    }
    connection
        .prepare_cached(&format!(
            "UPDATE jobs SET revision = revision + 1, status = ?2, updated_at = ?3, due_at = ?4, \
             available_at = CASE WHEN ?4 IS NULL THEN NULL ELSE {AVAILABLE} END, state = ?5 WHERE seq = ?1"
        ))?
        .execute(params![
            seq,
            to.word(),
            update.updated_at,
            update.state.due_at,
            json(&update.state)?
        ])?;
    if let Some(spec) = &update.spec {
        connection
            .prepare_cached(
                "UPDATE jobs SET spec = ?2, title = ?3, job_type = ?4, idempotency_key = ?5 WHERE seq = ?1",
            )?
            .execute(params![
                seq,
                json(spec)?,
                spec.title,
                spec.job_type.word(),
                spec.idempotency_key
            ])?;
        connection
            .prepare_cached("DELETE FROM job_text WHERE rowid = ?1")?
            .execute([seq])?;
        index_text(connection, tenant, seq, spec)?;
    }
    Ok(from.is_some_and(|from| revives(from, to)))
}

fn insert_run(connection: &Connection, tenant: &str, run: &Run) -> Result<(), Failure> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO runs (tenant, id, job, slot, status, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
             ON CONFLICT (tenant, job, slot) DO NOTHING",
        )?
        .execute(params![
            tenant,
            run.id,
            run.job,
            run.slot,
            run.status.word(),
            json(run)?
        ])?;
    if inserted == 0 {
        Err(Failure::Refused(Rejection::DuplicateSlot))
    } else {
        Ok(())
    }
}

fn update_run(connection: &Connection, tenant: &str, run: &Run) -> Result<(), Failure> {
    let updated = connection
        .prepare_cached(
            "UPDATE runs SET status = ?3, body = ?4 WHERE tenant = ?1 AND id = ?2 AND job = ?5 AND slot = ?6",
        )?
        .execute(params![
            tenant,
            run.id,
            run.status.word(),
            json(run)?,
            run.job,
            run.slot
        ])?;
    if updated == 0 {
        Err(Failure::Refused(Rejection::Stale))
    } else {
        Ok(())
    }
}

/// No `OR REPLACE`: it deletes the old row without its trigger, whose room would stay taken.
fn put_edge(connection: &Connection, tenant: &str, edge: &Edge) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "INSERT INTO edges (tenant, dependent, prerequisite, condition, delay_seconds, status, settled_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (tenant, dependent, prerequisite) DO UPDATE SET \
             condition = excluded.condition, delay_seconds = excluded.delay_seconds, status = excluded.status, \
             settled_at = excluded.settled_at",
        )?
        .execute(params![
            tenant,
            edge.dependent,
            edge.prerequisite,
            edge.on.word(),
            edge.delay_seconds,
            edge.status.word(),
            edge.settled_at,
        ])?;
    Ok(())
}

fn insert_message(connection: &Connection, tenant: &str, message: &Message) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "INSERT INTO messages (tenant, id, once_key, kind, job, run, agent, user, conversation, \
             related_entity_id, narrative_id, title, text, delivery, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) \
             ON CONFLICT (tenant, once_key) DO NOTHING",
        )?
        .execute(params![
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
            message.delivery.word(),
            message.created_at,
        ])?;
    Ok(())
}

fn insert_change(connection: &Connection, tenant: &str, change: &StatusChange) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "INSERT INTO changes (tenant, job, at, from_status, to_status, by, code, message) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            tenant,
            change.job,
            change.at,
            change.from.word(),
            change.to.word(),
            change.by,
            change.reason.as_ref().map(|reason| &reason.code),
            change.reason.as_ref().map(|reason| &reason.message),
        ])?;
    Ok(())
}

fn release(connection: &Connection, tenant: &str, at: &JobToken) -> Result<(), Failure> {
    connection
        .prepare_cached(
            "UPDATE jobs SET lease_owner = NULL, lease_until = NULL, available_at = due_at \
             WHERE tenant = ?1 AND id = ?2 AND lease_token = ?3",
        )?
        .execute(params![tenant, at.job, counter(at.token)])?;
    Ok(())
}
