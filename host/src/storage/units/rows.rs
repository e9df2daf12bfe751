//! Rows as far as they decide anything, with what is to be written of them.

use std::sync::Arc;

use super::prepared::{NewJob, RunRow, Spec, State};
use crate::wit::types::{DeliveryStatus, Instant, JobStatus, Message};

/// Bytes that a row counts beside its texts: a round number for the rest of it.
pub(in crate::storage) const JOB_BYTES: i64 = 300;
pub(in crate::storage) const RUN_BYTES: i64 = 100;
pub(in crate::storage) const MESSAGE_BYTES: i64 = 300;
pub(in crate::storage) const CHANGE_BYTES: i64 = 100;
pub(in crate::storage) const EDGE_BYTES: i64 = 150;

/// A job's row as far as it decides anything, with what is to be written of it.
#[derive(Clone)]
pub(in crate::storage) struct JobRow<I> {
    pub(in crate::storage) seq: i64,
    pub(in crate::storage) agent: String,
    pub(in crate::storage) user: String,
    pub(in crate::storage) key: Option<String>,
    pub(in crate::storage) revision: i64,
    pub(in crate::storage) token: i64,
    /// A word that is none stands as it is.
    pub(in crate::storage) status: Result<JobStatus, String>,
    pub(in crate::storage) lease_until: Option<Instant>,
    pub(in crate::storage) due_at: Option<Instant>,
    pub(in crate::storage) spec_bytes: i64,
    pub(in crate::storage) state_bytes: i64,
    /// To be inserted.
    pub(in crate::storage) new: Option<Arc<NewJob<I>>>,
    /// To be written.
    pub(in crate::storage) spec: Option<Arc<Spec<I>>>,
    pub(in crate::storage) state: Option<Arc<State>>,
    pub(in crate::storage) updated_at: Instant,
    /// Its lease is to be ended.
    pub(in crate::storage) released: bool,
}

impl<I> JobRow<I> {
    /// When it is due again: at `due_at`, but not before a lease that is held ends.
    pub(in crate::storage) fn available_at(&self) -> Option<Instant> {
        let due = self.due_at?;
        Some(self.lease_until.map_or(due, |until| until.max(due)))
    }
}

/// A run's row: where it belongs and its size, with what is to be written of it.
#[derive(Clone)]
pub(in crate::storage) struct RunAt {
    pub(in crate::storage) job: String,
    pub(in crate::storage) slot: Instant,
    pub(in crate::storage) bytes: i64,
    pub(in crate::storage) is_new: bool,
    pub(in crate::storage) row: Option<Arc<RunRow>>,
}

#[derive(Clone)]
pub(in crate::storage) struct MessageRow {
    pub(in crate::storage) delivery: DeliveryStatus,
    /// To be inserted, as the how manieth.
    pub(in crate::storage) new: Option<(usize, Arc<Message>)>,
}

/// Agent, user and idempotency key.
pub(in crate::storage) type Key = (String, String, String);
