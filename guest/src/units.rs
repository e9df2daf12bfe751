//! Building and committing units of work: decide, commit, and when something changed meanwhile,
//! read and decide again, a bounded number of times.

use crate::bindings::storage::{
    Guard, JobRevision, JobToken, JobUpdate, Rejection, StorageError, Unit, Write,
};
use crate::bindings::types::{Instant, Job, JobSpec};
use crate::world::World;

/// A unit under the revision that was read.
pub fn guarded(job: &Job) -> Unit {
    Unit {
        guards: vec![at_revision(job)],
        writes: Vec::with_capacity(4),
    }
}

/// A unit under the revision that was read and the claim that is held.
pub fn claimed(job: &Job, token: u64) -> Unit {
    let claim = Guard::Claim(JobToken {
        job: job.id.clone(),
        token,
    });
    Unit {
        guards: vec![at_revision(job), claim],
        writes: Vec::with_capacity(4),
    }
}

/// The job still has the revision that was read.
pub fn at_revision(job: &Job) -> Guard {
    Guard::Revision(JobRevision {
        job: job.id.clone(),
        revision: job.revision,
    })
}

/// Writes the job's state, and its spec where that changed.
pub fn update(job: &Job, spec: Option<JobSpec>, now: Instant) -> Write {
    Write::UpdateJob(JobUpdate {
        id: job.id.clone(),
        spec,
        state: job.state.clone(),
        updated_at: now,
    })
}

/// Ends the lease.
pub fn release(job: &Job, token: u64) -> Write {
    Write::Release(JobToken {
        job: job.id.clone(),
        token,
    })
}

/// Commits one unit.
pub fn commit_one(world: &impl World, unit: Unit) -> Result<Result<(), Rejection>, StorageError> {
    let mut results = world.commit(&[unit])?;
    results
        .pop()
        .ok_or_else(|| StorageError::Unavailable("storage answered no result for a unit".into()))
}

/// The sentence of a storage error.
pub fn describe(error: &StorageError) -> String {
    match error {
        StorageError::Unavailable(why) => format!("storage is unavailable: {why}"),
        StorageError::LimitExceeded(why) => format!("a storage limit was exceeded: {why}"),
        StorageError::BadCursor => "storage did not give this cursor".into(),
    }
}
