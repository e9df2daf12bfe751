//! What a call may change when a run makes it. Persons change all their jobs; a run was perhaps
//! talked into something by a text that it read, so it changes no more than its tenant allows.
//!
//! Every call that changes a job comes through [`to_change`], every other call of a run through
//! [`running`]. Both read the run, and what they allow is guarded: the unit is applied only while
//! the run is still open under the caller's token.

use crate::bindings::storage::{Guard, JobToken, StorageError};
use crate::bindings::tools::{ErrorCode, JobUpdateRequest, ToolError};
use crate::bindings::types::{Caller, Job, JobStatus, Run, RunReach, RunStatus, ToolPolicy};
use crate::errors::error;
use crate::lifecycle::ended;
use crate::limits;
use crate::prerequisites::is_own;
use crate::sabotage::{self, Sabotage};
use crate::stop;
use crate::units::{self, Draft, at_revision};
use crate::world::World;

/// The reach of a run whose tenant says nothing.
pub const REACH_DEFAULT: RunReach = RunReach::OwnDescendants;

/// A run that calls: it was open when it was read.
pub struct Running {
    /// `run_…`.
    pub id: String,
    /// The job that it is a run of.
    pub job: Job,
    token: u64,
    reach: RunReach,
}

/// The run that makes the call, where one does. Refused where it is none of this caller's, has
/// ended, or executes under another token by now.
pub fn running(world: &impl World, caller: &Caller) -> Result<Option<Running>, ToolError> {
    let Some(calling) = &caller.run else {
        return Ok(None);
    };
    // The same words in every case: a run that never was, and one of somebody else.
    let refused = || {
        let message = format!(
            "The run {} does not execute now: it has ended, was stopped, or was taken over by a newer attempt. It can \
             call no more; what is still to be done is left to the next run.",
            calling.id
        );
        error(ErrorCode::Forbidden, message)
    };
    let read = || Ok::<_, StorageError>(world.get_runs(std::slice::from_ref(&calling.id))?.pop().flatten());
    let of = read()?.ok_or_else(refused)?.job;
    let job = world.get_jobs(&[of])?.pop().flatten();
    // Once more, after its job: whatever happens to the run from now on writes the job's row, and
    // the guards notice. What happened before is seen here.
    let executes = |run: &Run| run.status == RunStatus::Executing && run.token == calling.token;
    let run = read()?.filter(executes).ok_or_else(refused)?;
    let open = |job: &Job| {
        is_own(job, caller) && job.state.open_run.as_ref() == Some(&run.id) && !ended(job.state.status)
    };
    let job = job.filter(open).ok_or_else(refused)?;
    Ok(Some(Running {
        id: run.id,
        job,
        token: calling.token,
        reach: calling.reach,
    }))
}

/// One of the caller's jobs, and the unit that is to change it: under its revision, and under
/// everything that allows the caller to.
pub fn to_change(world: &impl World, caller: &Caller, job_id: &str) -> Result<(Job, Draft), ToolError> {
    let job = stop::load(world, caller, job_id)?;
    let mut draft = Draft::guarded(&job, units::actor(caller));
    if let Some(running) = running(world, caller)? {
        if !running.reaches(world, &job)? {
            return Err(running.refusal(&job));
        }
        draft.guard_all(running.guards());
    }
    Ok((job, draft))
}

/// The run that creates a job, where one does and may.
pub fn to_create(world: &impl World, caller: &Caller) -> Result<Option<Running>, ToolError> {
    let running = running(world, caller)?;
    match running {
        Some(running) if running.reach == RunReach::OwnJob => Err(error(
            ErrorCode::Forbidden,
            format!(
                "A run may create no jobs here: the one that calls may change its own job, {}, and nothing else. Say in \
                 the run's output what is to be done. The operator allows more with the tenant's limit `run_reach`.",
                running.job.id
            ),
        )),
        running => Ok(running),
    }
}

/// Refuses to a run what would undo a person's decision in an update.
pub fn check_update(
    world: &impl World,
    caller: &Caller,
    job: &Job,
    request: &JobUpdateRequest,
) -> Result<(), ToolError> {
    if narrowed(caller) && request.tool_policy.is_some() {
        return Err(no_policy());
    }
    if narrowed(caller) && request.budget.is_some() {
        let message =
            "A run may not change a budget: budgets bound what runs spend. Ask the user to change it.";
        return Err(ToolError {
            field: Some("budget".into()),
            ..error(ErrorCode::Forbidden, message)
        });
    }
    match request.status {
        Some(JobStatus::Active | JobStatus::Paused) => check_pause(world, caller, job),
        _ => Ok(()),
    }
}

/// Refuses to a run to end or to move a pause that no run made: not at once, and not by pausing
/// until a moment from now.
pub fn check_pause(world: &impl World, caller: &Caller, job: &Job) -> Result<(), ToolError> {
    if job.state.status != JobStatus::Paused || !narrowed(caller) {
        return Ok(());
    }
    let by_run = |by: &str| by != job.user && by != units::PLATFORM;
    let paused = world.find_changes(&job.id, 1)?.pop();
    if paused.is_some_and(|change| by_run(&change.by)) {
        return Ok(());
    }
    let message = format!(
        "“{}” was not paused by a run, so no run may resume it or pause it anew. Ask the user to.",
        job.spec.title
    );
    Err(error(ErrorCode::Forbidden, message))
}

fn no_policy() -> ToolError {
    let message = "A run may not set which tools may be used: jobs that it creates have the policy of its own job. Leave \
                   tool_policy out, or ask the user to set it.";
    ToolError {
        field: Some("tool_policy".into()),
        ..error(ErrorCode::Forbidden, message)
    }
}

/// Whether a run calls that may do less than its user.
fn narrowed(caller: &Caller) -> bool {
    caller.run.as_ref().is_some_and(|run| run.reach != RunReach::All)
}

impl Running {
    /// Whether the job is one that this run may change. Where a job comes from never changes, so
    /// the answer holds without a guard.
    fn reaches(&self, world: &impl World, job: &Job) -> Result<bool, StorageError> {
        if self.reach == RunReach::All || job.id == self.job.id {
            return Ok(true);
        }
        if self.reach == RunReach::OwnJob {
            return Ok(false);
        }
        let mut origin = job.spec.origin.clone();
        for _ in 0..limits::ORIGIN_DEPTH_MAX {
            let Some(above) = origin else { return Ok(false) };
            if above.parent == self.job.id {
                return Ok(true);
            }
            let parent = world.get_jobs(&[above.parent])?.pop().flatten();
            origin = parent.and_then(|parent| parent.spec.origin);
        }
        Ok(false)
    }

    /// Whether it may do what its user may.
    pub fn acts_for_user(&self) -> bool {
        self.reach == RunReach::All
    }

    /// The tool policy of a job that it creates.
    pub fn handed_on(&self, given: Option<&ToolPolicy>) -> Result<Option<ToolPolicy>, ToolError> {
        match given {
            Some(_) if !self.acts_for_user() => Err(no_policy()),
            Some(given) => Ok(Some(given.clone())),
            None => Ok(self.job.spec.tool_policy.clone()),
        }
    }

    /// What must still hold when a unit of its call is applied.
    pub fn guards(&self) -> Vec<Guard> {
        if sabotage::on(Sabotage::CallsUnguarded) {
            return Vec::new();
        }
        let claim = JobToken {
            job: self.job.id.clone(),
            token: self.token,
        };
        vec![at_revision(&self.job), Guard::Claim(claim)]
    }

    fn refusal(&self, job: &Job) -> ToolError {
        let own = format!("its own job, “{}” ({})", self.job.spec.title, self.job.id);
        let may = match self.reach {
            RunReach::OwnJob => format!("{own}, and nothing else"),
            _ => format!("{own}, and jobs that came of it"),
        };
        error(
            ErrorCode::Forbidden,
            format!(
                "“{}” ({}) is out of this run's reach: a run may change {may}. Ask the user to change the other one. The \
                 operator allows more with the tenant's limit `run_reach`.",
                job.spec.title, job.id
            ),
        )
    }
}
