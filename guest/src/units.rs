//! Building and committing units of work: decide, commit, and when something changed meanwhile,
//! read and decide again, a bounded number of times.

use crate::bindings::storage::{
    Guard, JobRevision, JobToken, JobUpdate, Rejection, StorageError, Unit, Write,
};
use crate::bindings::types::{Caller, Instant, Job, JobSpec, JobStatus, StatusChange, StatusReason};
use crate::lifecycle::reason;
use crate::world::World;

/// Who decides where no person does.
pub const PLATFORM: &str = "meanwhile";

/// Rows of other jobs that a unit writes beside its own, each once, however much of it changes: a
/// second write of a row would undo the first.
#[derive(Default)]
pub struct Beside {
    rows: Vec<Job>,
    guards: Vec<Guard>,
}

impl Beside {
    /// The row as it will be written; the unit is applied only if it is still as it was read.
    pub fn row(&mut self, read: &Job) -> &mut Job {
        // Read twice with a change in between, both guards stand, and the unit is stale.
        self.guards.push(at_revision(read));
        let at = self.rows.iter().position(|row| row.id == read.id);
        let at = at.unwrap_or_else(|| {
            self.rows.push(read.clone());
            self.rows.len() - 1
        });
        &mut self.rows[at]
    }

    /// Guards and writes the rows.
    pub fn write(self, unit: &mut Unit, now: Instant) {
        unit.guards.extend(self.guards);
        unit.writes
            .extend(self.rows.iter().map(|row| update(row, None, now)));
    }
}

/// A unit about one job on its way. It knows where the job stood when it was read, so that a
/// change of its status goes into the job's history with the write that makes it.
pub struct Draft {
    unit: Unit,
    /// Other jobs' rows.
    pub beside: Beside,
    stood: JobStatus,
    by: String,
    anew: bool,
    because: Option<StatusReason>,
}

impl Draft {
    /// Under the revision that was read; decided by a person, a run, or [`PLATFORM`].
    pub fn guarded(job: &Job, by: &str) -> Self {
        Self {
            unit: Unit {
                guards: vec![at_revision(job)],
                writes: Vec::with_capacity(4),
            },
            beside: Beside::default(),
            stood: job.state.status,
            by: by.into(),
            anew: false,
            because: None,
        }
    }

    /// Under the revision that was read and the claim that is held; decided by a rule.
    pub fn claimed(job: &Job, token: u64) -> Self {
        let mut draft = Self::guarded(job, PLATFORM);
        draft.guard(Guard::Claim(JobToken {
            job: job.id.clone(),
            token,
        }));
        draft
    }

    /// Why the status changes, where the status itself says no reason: that it goes on.
    pub fn because(&mut self, code: &str, message: &str) {
        self.because = reason(code, message);
    }

    /// The job keeps its status, and somebody decided so: that stands in its history, too.
    pub fn anew(&mut self) {
        self.anew = true;
    }

    /// Adds a condition under which the unit is applied.
    pub fn guard(&mut self, guard: Guard) {
        self.unit.guards.push(guard);
    }

    /// Adds several.
    pub fn guard_all(&mut self, guards: impl IntoIterator<Item = Guard>) {
        self.unit.guards.extend(guards);
    }

    /// Adds a write that is no change of the job itself.
    pub fn push(&mut self, write: Write) {
        self.unit.writes.push(write);
    }

    /// Adds several.
    pub fn extend(&mut self, writes: impl IntoIterator<Item = Write>) {
        self.unit.writes.extend(writes);
    }

    /// Writes the job as it is now, its change of status into its history, and the rows beside it.
    pub fn save(&mut self, job: &Job, spec: Option<JobSpec>, now: Instant) {
        let change = StatusChange {
            job: job.id.clone(),
            at: now,
            from: self.stood,
            to: job.state.status,
            by: self.by.clone(),
            reason: job.state.status_reason.clone().or(self.because.take()),
        };
        if (change.from != change.to && !told_by_a_run(&change)) || self.anew {
            self.push(Write::InsertChange(change));
        }
        self.push(update(job, spec, now));
        std::mem::take(&mut self.beside).write(&mut self.unit, now);
    }

    /// Ends the lease.
    pub fn release(&mut self, job: &Job, token: u64) {
        self.push(release(job, token));
    }

    /// The unit, to be committed.
    pub fn finish(self) -> Unit {
        self.unit
    }
}

/// Whether the row of a run says it already: that it started, or ended without consequence.
fn told_by_a_run(change: &StatusChange) -> bool {
    let code = change.reason.as_ref().map(|reason| reason.code.as_str());
    match (change.from, change.to) {
        (JobStatus::Active, JobStatus::InProgress) | (JobStatus::InProgress, JobStatus::Active) => true,
        (JobStatus::InProgress, JobStatus::Completed) => code == Some("run_succeeded"),
        _ => false,
    }
}

/// Who acts in a call: the run that makes it, else the person.
pub fn actor(caller: &Caller) -> &str {
    caller.run.as_ref().map_or(&caller.user, |run| &run.id)
}

/// The job still has the revision that was read.
pub fn at_revision(job: &Job) -> Guard {
    Guard::Revision(JobRevision {
        job: job.id.clone(),
        revision: job.revision,
    })
}

/// Writes the job's state, and its spec where that changed. Whatever else happens to a job that
/// has still to tell its dependents of an end, it stays due for that.
pub fn update(job: &Job, spec: Option<JobSpec>, now: Instant) -> Write {
    let mut state = job.state.clone();
    if state.untold.is_some() {
        state.due_at = Some(state.due_at.map_or(now, |due| due.min(now)));
    }
    Write::UpdateJob(JobUpdate {
        id: job.id.clone(),
        spec,
        state,
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
