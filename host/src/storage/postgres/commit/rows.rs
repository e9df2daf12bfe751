//! Rows as far as they decide anything, with what is to be written of them.

use std::sync::Arc;

use super::prepared::{NewJob, RunRow, Spec, State};
use crate::storage::is_live;
use crate::wit::types::{DeliveryStatus, Instant, JobStatus, Message};

/// Bytes that a row counts beside its texts, as in SQLite.
pub(super) const JOB_BYTES: i64 = 300;
pub(super) const RUN_BYTES: i64 = 100;
pub(super) const MESSAGE_BYTES: i64 = 300;
pub(super) const CHANGE_BYTES: i64 = 100;
pub(super) const EDGE_BYTES: i64 = 150;

/// A job's row as far as it decides anything, with what is to be written of it.
#[derive(Clone)]
pub(super) struct JobRow {
    pub(super) seq: i64,
    pub(super) agent: String,
    pub(super) user: String,
    pub(super) key: Option<String>,
    pub(super) revision: i64,
    pub(super) token: i64,
    /// The word of a later version stands as it is.
    pub(super) status: Result<JobStatus, String>,
    pub(super) lease_until: Option<Instant>,
    pub(super) due_at: Option<Instant>,
    pub(super) spec_bytes: i64,
    pub(super) state_bytes: i64,
    /// To be inserted.
    pub(super) new: Option<Arc<NewJob>>,
    /// To be written.
    pub(super) spec: Option<Arc<Spec>>,
    pub(super) state: Option<Arc<State>>,
    pub(super) updated_at: Instant,
    /// Its lease is to be ended.
    pub(super) released: bool,
}

impl JobRow {
    /// When it is due again: at `due_at`, but not before a lease that is held ends.
    pub(super) fn available_at(&self) -> Option<Instant> {
        let due = self.due_at?;
        Some(self.lease_until.map_or(due, |until| until.max(due)))
    }

    pub(super) fn is_live(&self) -> bool {
        self.status.as_ref().map_or(true, |status| is_live(*status))
    }
}

/// A run's row: where it belongs and its size, with what is to be written of it.
#[derive(Clone)]
pub(super) struct RunAt {
    pub(super) job: String,
    pub(super) slot: Instant,
    pub(super) bytes: i64,
    pub(super) is_new: bool,
    pub(super) row: Option<Arc<RunRow>>,
}

#[derive(Clone)]
pub(super) struct MessageRow {
    pub(super) delivery: DeliveryStatus,
    /// To be inserted, as the how manieth.
    pub(super) new: Option<(usize, Arc<Message>)>,
}

/// Agent, user and idempotency key.
pub(super) type Key = (String, String, String);
