//! Rows to records and back.

use rusqlite::Row;
use rusqlite::types::{FromSqlError, Type};
use serde::de::DeserializeOwned;

use crate::storage::InboxEntry;
use crate::storage::words::Word;
use crate::wit::types::{Edge, Instant, Job, Message, Run, StatusChange, StatusReason};

/// The columns of `job`, in its order.
pub(super) const JOB: &str = "jobs.id, jobs.revision, jobs.agent, jobs.user, jobs.created_by, jobs.created_at, jobs.updated_at, jobs.spec, jobs.state";

/// The columns of `message`, in its order.
pub(super) const MESSAGE: &str = "position, id, once_key, kind, job, run, agent, user, conversation, related_entity_id, \
     narrative_id, title, text, delivery, created_at";

/// Which columns of [`JOB`] and [`MESSAGE`] hold texts that may be long.
pub(super) const JOB_TEXTS: [usize; 2] = [7, 8];
pub(super) const MESSAGE_TEXTS: [usize; 2] = [11, 12];

/// The columns of `edge`, in its order.
pub(super) const EDGE: &str = "dependent, prerequisite, condition, delay_seconds, status, settled_at";

fn bad(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}

fn document<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row
        .get_ref(column)?
        .as_str()
        .map_err(|error| bad(column, error))?;
    record(text, column)
}

fn record<T: DeserializeOwned>(text: &str, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| bad(column, error))
}

pub(super) fn word<T: Word>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row
        .get_ref(column)?
        .as_str()
        .map_err(|error| bad(column, error))?;
    T::parse(text).ok_or_else(|| bad(column, FromSqlError::InvalidType))
}

/// A job whose records are not read yet.
pub(super) struct JobTexts {
    pub(super) id: String,
    revision: u64,
    agent: String,
    user: String,
    created_by: String,
    created_at: Instant,
    updated_at: Instant,
    spec: String,
    state: String,
}

fn job_texts(row: &Row<'_>) -> rusqlite::Result<JobTexts> {
    Ok(JobTexts {
        id: row.get(0)?,
        revision: row.get(1)?,
        agent: row.get(2)?,
        user: row.get(3)?,
        created_by: row.get(4)?,
        created_at: row.get(5)?,
        updated_at: row.get(6)?,
        spec: row.get(7)?,
        state: row.get(8)?,
    })
}

/// The same, or none where the row cannot be read.
pub(super) fn readable_job_texts(row: &Row<'_>) -> rusqlite::Result<Option<JobTexts>> {
    readable(job_texts(row), || format!("job {:?}", row.get_ref(0)))
}

impl JobTexts {
    /// The job, or none where it cannot be read.
    pub(super) fn read(self) -> Option<Job> {
        let name = format!("job {}", self.id);
        self.parse().inspect_err(|error| passed_over(&name, error)).ok()
    }

    fn parse(self) -> rusqlite::Result<Job> {
        Ok(Job {
            spec: record(&self.spec, 7)?,
            state: record(&self.state, 8)?,
            id: self.id,
            revision: self.revision,
            agent: self.agent,
            user: self.user,
            created_by: self.created_by,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// A record from its text, or none where that cannot be read: a bad row stops nothing but itself.
pub(super) fn readable_text<T: DeserializeOwned>(text: &str, name: impl FnOnce() -> String) -> Option<T> {
    serde_json::from_str(text)
        .inspect_err(|error| passed_over(&name(), error))
        .ok()
}

fn passed_over(row: &str, error: &dyn std::error::Error) {
    tracing::warn!(row, %error, "a row cannot be read: it is passed over");
}

pub(super) fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    job_texts(row)?.parse()
}

/// The job of a row, or none where the row cannot be read: a bad row stops nothing but itself.
pub(super) fn readable_job(row: &Row<'_>) -> rusqlite::Result<Option<Job>> {
    readable(job(row), || format!("job {:?}", row.get_ref(0)))
}

/// The run of a row, or none where the row cannot be read.
pub(super) fn readable_run(row: &Row<'_>) -> rusqlite::Result<Option<Run>> {
    readable(run(row), || "a run".to_owned())
}

fn readable<T>(record: rusqlite::Result<T>, name: impl FnOnce() -> String) -> rusqlite::Result<Option<T>> {
    match record {
        Ok(record) => Ok(Some(record)),
        Err(
            error @ (rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)),
        ) => {
            passed_over(&name(), &error);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A run, from its `body` alone.
pub(super) fn run(row: &Row<'_>) -> rusqlite::Result<Run> {
    document(row, 0)
}

pub(super) fn edge(row: &Row<'_>) -> rusqlite::Result<Edge> {
    Ok(Edge {
        dependent: row.get(0)?,
        prerequisite: row.get(1)?,
        on: word(row, 2)?,
        delay_seconds: row.get(3)?,
        status: word(row, 4)?,
        settled_at: row.get(5)?,
    })
}

/// The columns of `change`, in its order.
pub(super) const CHANGE: &str = "job, at, from_status, to_status, by, code, message";

pub(super) fn change(row: &Row<'_>) -> rusqlite::Result<StatusChange> {
    let (code, message): (Option<String>, Option<String>) = (row.get(5)?, row.get(6)?);
    Ok(StatusChange {
        job: row.get(0)?,
        at: row.get(1)?,
        from: word(row, 2)?,
        to: word(row, 3)?,
        by: row.get(4)?,
        reason: code
            .zip(message)
            .map(|(code, message)| StatusReason { code, message }),
    })
}

pub(super) fn message(row: &Row<'_>) -> rusqlite::Result<InboxEntry> {
    Ok(InboxEntry {
        position: row.get(0)?,
        message: Message {
            id: row.get(1)?,
            once_key: row.get(2)?,
            kind: word(row, 3)?,
            job: row.get(4)?,
            run: row.get(5)?,
            agent: row.get(6)?,
            user: row.get(7)?,
            conversation: row.get(8)?,
            related_entity_id: row.get(9)?,
            narrative_id: row.get(10)?,
            title: row.get(11)?,
            text: row.get(12)?,
            delivery: word(row, 13)?,
            created_at: row.get(14)?,
        },
    })
}
