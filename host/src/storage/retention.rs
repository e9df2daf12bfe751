//! What a store no longer needs to keep: what is looked at, what is deleted, and the statements that both SQL
//! storages have in common.

use super::units::{CHANGE_BYTES, EDGE_BYTES, JOB_BYTES, MESSAGE_BYTES, RUN_BYTES};
use crate::wit::types::{Instant, JobStatus};

/// A job as retention sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct SweptJob {
    /// The order of creation: a sweep goes on behind it.
    pub number: u64,
    /// The job.
    pub id: String,
    /// None: a word of a later version.
    pub status: Option<JobStatus>,
    /// It is no ONE_OFF: its runs become more and more.
    pub repeats: bool,
    /// When it changed last.
    pub updated_at: Instant,
}

/// What is to be deleted of a tenant's rows.
#[derive(Clone, Debug, PartialEq)]
pub enum Old {
    /// These jobs with all that is theirs, as far as they are ARCHIVED and no job that is not depends on
    /// them. A message that was not delivered yet stays.
    Jobs(Vec<String>),
    /// Of a job's runs and history what is before an instant, but for the newest `kept` of each, the newest run
    /// that succeeded (what comes next is compared with it), and runs that are not settled; at most `limit` of
    /// each. Where there is none nothing is written.
    History {
        /// The job.
        job: String,
        /// How many stay, however old.
        kept: u32,
        /// What is due, or happened, earlier goes.
        before: Instant,
        /// Rows that go at once, of each kind.
        limit: u32,
    },
    /// Messages, as far as they were delivered.
    Messages(Vec<String>),
}

/// What a job that goes takes along, about.
const ROWS_OF_A_JOB: usize = 8;

impl Old {
    /// Rows that may go.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Jobs(jobs) => jobs.len() * ROWS_OF_A_JOB,
            Self::History { limit, .. } => 2 * *limit as usize,
            Self::Messages(messages) => messages.len(),
        }
    }
}

/// Whether a job may go: answers its `seq`.
pub(super) const ARCHIVED: &str = "SELECT seq FROM jobs WHERE tenant = $1 AND id = $2 AND status = 'ARCHIVED' AND NOT EXISTS \
     (SELECT 1 FROM edges JOIN jobs AS other ON other.tenant = edges.tenant AND other.id = edges.dependent \
      WHERE edges.tenant = $1 AND edges.prerequisite = $2 AND other.status <> 'ARCHIVED')";

/// What a deleted row of a table counted, in SQL.
pub(super) fn size(table: &str) -> String {
    match table {
        "messages" => format!("octet_length(title) + octet_length(text) + {MESSAGE_BYTES}"),
        "changes" => format!("coalesce(octet_length(message), 0) + {CHANGE_BYTES}"),
        "runs" => format!("octet_length(body) + {RUN_BYTES}"),
        "edges" => EDGE_BYTES.to_string(),
        _ => format!("octet_length(spec) + octet_length(state) + {JOB_BYTES}"),
    }
}

/// A statement that deletes rows of a table; of each it answers the bytes, and of jobs the status.
fn delete(table: &str, which: &str) -> String {
    let status = if table == "jobs" { "status" } else { "NULL" };
    format!(
        "DELETE FROM {table} WHERE {which} RETURNING {}, {status}",
        size(table)
    )
}

/// Statements that delete some ($2) of a tenant's rows, with their tables: those that name jobs before the
/// jobs themselves, and jobs but for their texts.
pub(super) fn of_tenant() -> [(&'static str, String); 5] {
    [
        ("messages", "position", ""),
        ("changes", "position", ""),
        ("runs", "(tenant, id)", ""),
        ("edges", "(tenant, dependent, prerequisite)", ""),
        ("jobs", "(tenant, id)", "ORDER BY id"),
    ]
    .map(|(table, key, order)| {
        let columns = key.trim_matches(['(', ')']);
        let few = format!("SELECT {columns} FROM {table} WHERE tenant = $1 {order} LIMIT $2");
        (table, delete(table, &format!("{key} IN ({few})")))
    })
}

/// Statements that delete what is a job's ($2), and then the job, but for its text.
pub(super) fn of_job() -> [String; 6] {
    [
        (
            "messages",
            "tenant = $1 AND job = $2 AND NOT (delivery = 'queued' AND kind <> 'reply')",
        ),
        ("changes", "tenant = $1 AND job = $2"),
        ("runs", "tenant = $1 AND job = $2"),
        ("edges", "tenant = $1 AND dependent = $2"),
        ("edges", "tenant = $1 AND prerequisite = $2"),
        ("jobs", "tenant = $1 AND id = $2"),
    ]
    .map(|(table, which)| delete(table, which))
}

/// The old rows of a job's ($2) history in a table: before an instant ($3), but for so many of the newest ($4).
fn history(table: &str, key: &str, order: &str, more: &str) -> String {
    format!(
        "SELECT {key} FROM {table} WHERE tenant = $1 AND job = $2 AND {more} AND {order} <= \
             (SELECT {order} FROM {table} WHERE tenant = $1 AND job = $2 ORDER BY {order} DESC LIMIT 1 OFFSET $4)"
    )
}

fn old_runs() -> String {
    let more = "slot < $3 AND status NOT IN ('executing', 'waiting', 'analysing') AND slot IS DISTINCT FROM \
         (SELECT slot FROM runs WHERE tenant = $1 AND job = $2 AND status = 'succeeded' ORDER BY slot DESC LIMIT 1)";
    history("runs", "id", "slot", more)
}

fn old_changes() -> String {
    history("changes", "position", "position", "at < $3")
}

/// Whether there is any such row.
pub(super) fn has_history() -> String {
    format!(
        "SELECT 1 WHERE EXISTS ({}) OR EXISTS ({})",
        old_runs(),
        old_changes()
    )
}

/// Statements that delete them, oldest first and at most so many ($5) of each table.
pub(super) fn of_history() -> [String; 2] {
    let few = |table: &str, key: &str, order: &str, old: &str| {
        delete(
            table,
            &format!("tenant = $1 AND {key} IN ({old} ORDER BY {order} LIMIT $5)"),
        )
    };
    [
        few("runs", "id", "slot", &old_runs()),
        few("changes", "position", "position", &old_changes()),
    ]
}

/// The statement that deletes a message ($2) that was delivered.
pub(super) fn of_message() -> String {
    delete("messages", "tenant = $1 AND id = $2 AND delivery <> 'queued'")
}
