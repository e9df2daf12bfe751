//! What is kept, and for how long: a round goes through the jobs of each tenant, in small steps between which
//! others write. Ended jobs are archived, archived ones deleted, and old runs, changes and messages with
//! them. Several hosts may do it at once: each step is decided by storage on what is there.

use std::time::Duration;

use crate::clock::Clock;
use crate::limits::{
    ARCHIVE_AFTER_DEFAULT, HISTORY_AFTER_DEFAULT, HISTORY_KEPT, PLATFORM, RETENTION_CHANGES, RETENTION_PAUSE,
    RETENTION_ROWS,
};
use crate::storage::retention::{Old, SweptJob};
use crate::storage::{Quota, Storage, is_live};
use crate::wit::storage::{Guard, JobRevision, JobUpdate, StorageError, Unit, Write};
use crate::wit::types::{
    DeliveryStatus, Instant, Job, JobStatus, Message, MessageKind, StatusChange, StatusReason,
};

/// How long what is kept, in time that has passed by the host's clock. None: for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// A job that ended is ARCHIVED when it has not changed for so long.
    pub archive_after: Option<Duration>,
    /// A job that is ARCHIVED is deleted when it has not changed for so long.
    pub delete_after: Option<Duration>,
    /// Runs and status changes of repeating jobs go when they are so old, but for the newest
    /// [`HISTORY_KEPT`] of each job; messages when they were delivered and are so old; turns of conversations.
    pub history_after: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            archive_after: Some(ARCHIVE_AFTER_DEFAULT),
            delete_after: None,
            history_after: Some(HISTORY_AFTER_DEFAULT),
        }
    }
}

impl Retention {
    /// Nothing is ever archived or deleted.
    pub const FOR_EVER: Self = Self {
        archive_after: None,
        delete_after: None,
        history_after: None,
    };
}

/// What a round did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Jobs that are ARCHIVED now.
    pub archived: u64,
    /// Rows of every kind that were deleted.
    pub deleted: u64,
}

/// The instants before which something is old.
struct Cutoffs {
    ended: Option<Instant>,
    archived: Option<Instant>,
    history: Option<Instant>,
}

impl Cutoffs {
    fn at(now: Instant, policy: Retention) -> Self {
        let before = |after: Option<Duration>| {
            after.map(|after| now.saturating_sub(i64::try_from(after.as_millis()).unwrap_or(i64::MAX)))
        };
        Self {
            ended: before(policy.archive_after),
            archived: before(policy.delete_after),
            history: before(policy.history_after),
        }
    }

    fn archives(&self, job: &SweptJob) -> bool {
        let rests = job
            .status
            .is_some_and(|status| !is_live(status) && status != JobStatus::Archived);
        rests && self.ended.is_some_and(|before| job.updated_at < before)
    }

    fn deletes(&self, job: &SweptJob) -> bool {
        job.status == Some(JobStatus::Archived) && self.archived.is_some_and(|before| job.updated_at < before)
    }
}

/// A round through one tenant's rows.
pub(crate) async fn tidy(
    storage: &dyn Storage,
    clock: &dyn Clock,
    tenant: &str,
    policy: Retention,
) -> Result<Tidied, StorageError> {
    let mut tidied = Tidied::default();
    if policy == Retention::FOR_EVER {
        return Ok(tidied);
    }
    let now = clock.now();
    let cutoffs = Cutoffs::at(now, policy);
    let mut after = 0;
    loop {
        let jobs = storage.sweep(tenant, after, RETENTION_ROWS).await?;
        let Some(last) = jobs.last() else { break };
        after = last.number;
        let ended = jobs.iter().filter(|job| cutoffs.archives(job));
        let ended: Vec<String> = ended.map(|job| job.id.clone()).collect();
        for few in ended.chunks(RETENTION_CHANGES as usize) {
            tidied.archived += archive(storage, tenant, few.to_vec(), now).await?;
            tokio::time::sleep(RETENTION_PAUSE).await;
        }
        if let Some(before) = cutoffs.history {
            for job in jobs.iter().filter(|job| job.repeats) {
                tidied.deleted += history(storage, tenant, &job.id, HISTORY_KEPT, before).await?;
            }
        }
        let old = jobs.iter().filter(|job| cutoffs.deletes(job));
        let old: Vec<String> = old.map(|job| job.id.clone()).collect();
        for few in old.chunks(RETENTION_CHANGES as usize) {
            tidied.deleted += delete(storage, tenant, few.to_vec()).await?;
            tokio::time::sleep(RETENTION_PAUSE).await;
        }
    }
    if let Some(before) = cutoffs.history {
        tidied.deleted += messages(storage, tenant, before).await?;
        tidied.deleted += turns(storage, tenant, before).await?;
    }
    Ok(tidied)
}

/// Archives jobs that have ended, as far as nothing depends on them (what a job's status is tells how it ended),
/// nothing of their end has still to be passed on, and nobody changes them meanwhile.
async fn archive(
    storage: &dyn Storage,
    tenant: &str,
    ids: Vec<String>,
    now: Instant,
) -> Result<u64, StorageError> {
    let jobs = storage.get_jobs(tenant, ids).await?;
    let rests = |job: &Job| {
        let state = &job.state;
        state.dependents == 0
            && state.open_run.is_none()
            && state.untold.is_none()
            && state.hearing.is_none()
            && state.due_at.is_none()
    };
    let units: Vec<Unit> = jobs
        .into_iter()
        .flatten()
        .filter(rests)
        .map(|job| archived(job, now))
        .collect();
    if units.is_empty() {
        return Ok(0);
    }
    // Nothing is added that a quota counts but a line of history: a full tenant is tidied all the same.
    let answers = storage.commit(tenant, Quota::UNLIMITED, units).await?;
    Ok(answers.iter().filter(|answer| answer.is_ok()).count() as u64)
}

fn archived(job: Job, now: Instant) -> Unit {
    let reason = StatusReason {
        code: "retention".into(),
        message: "It ended a while ago: put away.".into(),
    };
    let change = StatusChange {
        job: job.id.clone(),
        at: now,
        from: job.state.status,
        to: JobStatus::Archived,
        by: PLATFORM.into(),
        reason: Some(reason),
    };
    // Why it ended stays.
    let mut state = job.state;
    state.status = JobStatus::Archived;
    Unit {
        guards: vec![Guard::Revision(JobRevision {
            job: job.id.clone(),
            revision: job.revision,
        })],
        writes: vec![
            Write::UpdateJob(JobUpdate {
                id: job.id,
                spec: None,
                state,
                updated_at: now,
            }),
            Write::InsertChange(change),
        ],
    }
}

/// Deletes archived jobs, as far as no job that is live came of them: what its runs create is counted on them.
/// Their histories go before them, so that no step is large.
async fn delete(storage: &dyn Storage, tenant: &str, ids: Vec<String>) -> Result<u64, StorageError> {
    let (mut going, mut deleted) = (Vec::new(), 0);
    for job in storage.get_jobs(tenant, ids).await?.into_iter().flatten() {
        if let Some(offspring) = &job.state.offspring {
            let rows = storage.get_jobs(tenant, offspring.live.clone()).await?;
            if rows.iter().flatten().any(|job| is_live(job.state.status)) {
                continue;
            }
        }
        // What others depend on may have to stay, whole.
        if job.state.dependents == 0 {
            deleted += history(storage, tenant, &job.id, 1, Instant::MAX).await?;
        }
        going.push(job.id);
    }
    if !going.is_empty() {
        deleted += storage.forget(tenant, Old::Jobs(going)).await?;
    }
    Ok(deleted)
}

/// Deletes the runs and changes of a job that are old, but for the newest, some at a time.
async fn history(
    storage: &dyn Storage,
    tenant: &str,
    job: &str,
    kept: u32,
    before: Instant,
) -> Result<u64, StorageError> {
    let mut deleted = 0;
    loop {
        let old = Old::History {
            job: job.to_owned(),
            kept,
            before,
            limit: RETENTION_CHANGES,
        };
        let rows = storage.forget(tenant, old).await?;
        deleted += rows;
        if rows < u64::from(RETENTION_CHANGES) {
            return Ok(deleted);
        }
        tokio::time::sleep(RETENTION_PAUSE).await;
    }
}

/// A question stays as long as its job does: it may be open still.
fn is_old(message: &Message, before: Instant) -> bool {
    message.created_at < before
        && message.delivery != DeliveryStatus::Queued
        && message.kind != MessageKind::Question
}

/// Deletes old messages that were delivered, oldest first.
async fn messages(storage: &dyn Storage, tenant: &str, before: Instant) -> Result<u64, StorageError> {
    let (mut after, mut deleted) = (0, 0);
    loop {
        let page = storage.sweep_messages(tenant, after, RETENTION_ROWS).await?;
        let Some(last) = page.last() else {
            return Ok(deleted);
        };
        after = last.position;
        let young = last.message.created_at >= before;
        let old = page.into_iter().filter(|entry| is_old(&entry.message, before));
        let old: Vec<String> = old.map(|entry| entry.message.id).collect();
        for few in old.chunks(RETENTION_CHANGES as usize) {
            deleted += storage.forget(tenant, Old::Messages(few.to_vec())).await?;
            tokio::time::sleep(RETENTION_PAUSE).await;
        }
        // They are in the order in which they were written.
        if young {
            return Ok(deleted);
        }
    }
}

/// Forgets old turns of conversations, some at a time.
async fn turns(storage: &dyn Storage, tenant: &str, before: Instant) -> Result<u64, StorageError> {
    let mut forgotten = 0;
    loop {
        let turns = storage.forget_turns(tenant, before, RETENTION_CHANGES).await?;
        forgotten += turns;
        if turns < u64::from(RETENTION_CHANGES) {
            return Ok(forgotten);
        }
        tokio::time::sleep(RETENTION_PAUSE).await;
    }
}
