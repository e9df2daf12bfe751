//! Rows to records.

use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::failure::Failure;
use super::text;
use crate::storage::InboxEntry;
use crate::storage::units::{StatusCounts, Sums};
use crate::storage::words::Word;
use crate::wit::types::{Edge, Job, Message, Run, StatusChange, StatusReason};

/// The columns of [`job`], in its order.
pub(super) const JOB: &str = "jobs.id, jobs.revision, jobs.agent, jobs.\"user\", jobs.created_by, jobs.created_at, \
     jobs.updated_at, jobs.spec, jobs.state";

/// How many they are: what follows stands behind them.
pub(super) const JOB_COLUMNS: usize = 9;

/// The columns of [`message`], in its order.
pub(super) const MESSAGE: &str = "position, id, once_key, kind, job, run, agent, \"user\", conversation, \
     related_entity_id, narrative_id, title, text, delivery, created_at";

/// The columns of [`edge`], in its order.
pub(super) const EDGE: &str = "edges.dependent, edges.prerequisite, edges.condition, edges.delay_seconds, edges.status, \
     edges.settled_at";

/// The columns of [`change`], in its order.
pub(super) const CHANGE: &str = "job, at, from_status, to_status, by, code, message";

fn get<'a, T: FromSql<'a>>(row: &'a Row, column: usize) -> Result<T, Failure> {
    row.try_get(column)
        .map_err(|error| Failure::Unreadable(error.to_string()))
}

pub(super) fn text(row: &Row, column: usize) -> Result<String, Failure> {
    get(row, column).map(text::original)
}

pub(super) fn maybe_text(row: &Row, column: usize) -> Result<Option<String>, Failure> {
    get(row, column).map(|text: Option<&str>| text.map(text::original))
}

pub(super) fn int(row: &Row, column: usize) -> Result<i64, Failure> {
    get(row, column)
}

pub(super) fn maybe_int(row: &Row, column: usize) -> Result<Option<i64>, Failure> {
    get(row, column)
}

pub(super) fn bytes(row: &Row, column: usize) -> Result<Vec<u8>, Failure> {
    get(row, column)
}

pub(super) fn maybe_bytes(row: &Row, column: usize) -> Result<Option<Vec<u8>>, Failure> {
    get(row, column)
}

/// A number that is never negative.
pub(super) fn count<T: TryFrom<i64>>(row: &Row, column: usize) -> Result<T, Failure> {
    let number = int(row, column)?;
    T::try_from(number).map_err(|_| Failure::Unreadable(format!("{number} is out of range")))
}

pub(super) fn word<T: Word>(row: &Row, column: usize) -> Result<T, Failure> {
    let word: &str = get(row, column)?;
    T::parse(word).ok_or_else(|| Failure::Unreadable(format!("the word {word:?} is not known")))
}

fn document<T: DeserializeOwned>(row: &Row, column: usize) -> Result<T, Failure> {
    let text: &str = get(row, column)?;
    serde_json::from_str(text).map_err(|error| Failure::Unreadable(error.to_string()))
}

pub(super) fn job(row: &Row) -> Result<Job, Failure> {
    Ok(Job {
        id: text(row, 0)?,
        revision: count(row, 1)?,
        agent: text(row, 2)?,
        user: text(row, 3)?,
        created_by: text(row, 4)?,
        created_at: int(row, 5)?,
        updated_at: int(row, 6)?,
        spec: document(row, 7)?,
        state: document(row, 8)?,
    })
}

/// A record, or none where its row cannot be read: a bad row stops nothing but itself.
pub(super) fn readable<T>(record: Result<T, Failure>, row: &Row) -> Option<T> {
    match record {
        Ok(record) => Some(record),
        Err(error) => {
            let name = text(row, 0).unwrap_or_default();
            tracing::warn!(row = name.get(..64).unwrap_or(&name), %error, "a row cannot be read: it is passed over");
            None
        }
    }
}

/// A run, from its `body`.
pub(super) fn run(row: &Row, column: usize) -> Result<Run, Failure> {
    document(row, column)
}

pub(super) fn edge(row: &Row) -> Result<Edge, Failure> {
    Ok(Edge {
        dependent: text(row, 0)?,
        prerequisite: text(row, 1)?,
        on: word(row, 2)?,
        delay_seconds: count(row, 3)?,
        status: word(row, 4)?,
        settled_at: maybe_int(row, 5)?,
    })
}

pub(super) fn change(row: &Row) -> Result<StatusChange, Failure> {
    let (code, message) = (maybe_text(row, 5)?, maybe_text(row, 6)?);
    Ok(StatusChange {
        job: text(row, 0)?,
        at: int(row, 1)?,
        from: word(row, 2)?,
        to: word(row, 3)?,
        by: text(row, 4)?,
        reason: code
            .zip(message)
            .map(|(code, message)| StatusReason { code, message }),
    })
}

pub(super) fn message(row: &Row) -> Result<InboxEntry, Failure> {
    Ok(InboxEntry {
        position: count(row, 0)?,
        message: Message {
            id: text(row, 1)?,
            once_key: text(row, 2)?,
            kind: word(row, 3)?,
            job: text(row, 4)?,
            run: maybe_text(row, 5)?,
            agent: text(row, 6)?,
            user: text(row, 7)?,
            conversation: maybe_text(row, 8)?,
            related_entity_id: maybe_text(row, 9)?,
            narrative_id: maybe_text(row, 10)?,
            title: text(row, 11)?,
            text: text(row, 12)?,
            delivery: word(row, 13)?,
            created_at: int(row, 14)?,
        },
    })
}

/// A row of `stored`: bytes, then the counts.
pub(super) fn sums(row: &Row) -> Result<Sums, Failure> {
    Ok(Sums {
        bytes: int(row, 0)?,
        jobs: StatusCounts::read(|place| int(row, place + 1))?,
    })
}
