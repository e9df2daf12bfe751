//! When a job acts next: arming, resuming and advancing, always through the schedule.

use crate::bindings::storage::{RunFilter, StorageError};
use crate::bindings::types::{
    DependencyFailurePolicy, DependencyOutcome, Edge, EdgeStatus, Instant, Job, JobSpec, JobState, JobStatus,
    JobType,
};
use crate::lifecycle::{IllegalTransition, reason, transition};
use crate::trigger::Schedule;
use crate::trouble::Trouble;
use crate::world::World;

/// Whether the job fires again and again.
pub fn repeats(spec: &JobSpec) -> bool {
    spec.job_type != JobType::OneOff
}

/// The zone of a stored job.
pub fn zone(spec: &JobSpec) -> &str {
    spec.trigger.timezone.as_deref().unwrap_or("UTC")
}

/// The job's schedule; the error is a sentence for the status.
pub fn schedule(id: &str, spec: &JobSpec) -> Result<Schedule, String> {
    Schedule::new(id, spec.job_type, &spec.trigger, spec.anchor)
}

/// The first slot at or after `from`. A ONE_OFF whose time has passed, or that has none, fires at
/// `from`.
pub fn first_slot(id: &str, spec: &JobSpec, from: Instant) -> Result<Option<Instant>, String> {
    let slot = schedule(id, spec)?.next_after(from - 1);
    Ok(if repeats(spec) { slot } else { slot.or(Some(from)) })
}

/// Milliseconds of the slowest dependency's delay still to be waited for, as an instant.
fn ready_at(edges: &[Edge]) -> Instant {
    let ready = |edge: &Edge| edge.settled_at.unwrap_or(0) + i64::from(edge.delay_seconds) * 1_000;
    edges.iter().map(ready).max().unwrap_or(Instant::MIN)
}

/// Whether the dependencies let the job fire now.
pub fn free(spec: &JobSpec, edges: &[Edge], now: Instant) -> bool {
    let lets = |edge: &Edge| match edge.status {
        EdgeStatus::Satisfied => true,
        EdgeStatus::Broken => spec.on_dependency_failure == DependencyFailurePolicy::Run,
        EdgeStatus::Waiting => false,
    };
    edges.iter().all(lets) && ready_at(edges) <= now
}

/// Arms a job whose dependencies are met: ACTIVE with its next fire, or COMPLETED when its
/// horizon has passed. Never runs a backlog: slots count from `now`.
pub fn arm(job: &mut Job, edges: &[Edge], now: Instant) -> Result<(), IllegalTransition> {
    let from = now.max(ready_at(edges));
    if job.state.status != JobStatus::Active {
        transition(&mut job.state, JobStatus::Active, None)?;
    }
    match first_slot(&job.id, &job.spec, from) {
        Ok(Some(slot)) => {
            job.state.next_fire = Some(slot);
            job.state.due_at = Some(slot);
            Ok(())
        }
        Ok(None) => complete(
            &mut job.state,
            now,
            "horizon_reached",
            "Its schedule has no further fire.",
        ),
        Err(why) => {
            job.state.next_fire = None;
            job.state.due_at = None;
            transition(&mut job.state, JobStatus::Failed, reason("schedule_invalid", why))?;
            tell_dependents(&mut job.state, DependencyOutcome::Failure, now);
            Ok(())
        }
    }
}

/// The latest slot of a job that has a run.
pub fn latest_slot(world: &impl World, job: &Job) -> Result<Option<Instant>, StorageError> {
    let latest = RunFilter {
        job: job.id.clone(),
        statuses: Vec::new(),
        before: None,
        limit: 1,
    };
    Ok(world.find_runs(&latest)?.first().map(|run| run.slot))
}

/// Lets an ACTIVE job without an open run fire at once, beside its schedule. A slot that is due
/// already and has no run stays the slot that it is; a slot of the schedule is never taken for the
/// run beside it.
pub fn fire_now(world: &impl World, job: &mut Job, now: Instant) -> Result<(), Trouble> {
    job.state.due_at = Some(now);
    let latest = latest_slot(world, job)?.unwrap_or(Instant::MIN);
    if job
        .state
        .next_fire
        .is_none_or(|slot| slot > now || slot <= latest)
    {
        let free = now.max(latest.saturating_add(1));
        let schedule = schedule(&job.id, &job.spec).map_err(Trouble::Row)?;
        let scheduled = schedule.next_after(free - 1) == Some(free);
        job.state.next_fire = Some(free + i64::from(scheduled));
    }
    Ok(())
}

/// After a run: ACTIVE with the slot that comes next, or COMPLETED past the horizon.
pub fn rearm(job: &mut Job, now: Instant) -> Result<(), IllegalTransition> {
    if job.state.status != JobStatus::Active {
        transition(&mut job.state, JobStatus::Active, None)?;
    }
    if let Some(slot) = job.state.next_fire {
        // What was said meanwhile is judged before the next run.
        job.state.due_at = Some(if job.state.hearing.is_some() { now } else { slot });
        return Ok(());
    }
    complete(
        &mut job.state,
        now,
        "horizon_reached",
        "Its schedule has no further fire.",
    )
}

/// Ends a job well.
pub fn complete(
    state: &mut JobState,
    now: Instant,
    code: &str,
    message: &str,
) -> Result<(), IllegalTransition> {
    transition(state, JobStatus::Completed, reason(code, message))?;
    end(state, DependencyOutcome::Success, now);
    Ok(())
}

/// Ends a job badly.
pub fn fail(state: &mut JobState, now: Instant, code: &str, message: &str) -> Result<(), IllegalTransition> {
    transition(state, JobStatus::Failed, reason(code, message))?;
    end(state, DependencyOutcome::Failure, now);
    Ok(())
}

/// What every end has in common: nothing fires any more, and dependents hear of it.
pub fn end(state: &mut JobState, outcome: DependencyOutcome, now: Instant) {
    state.next_fire = None;
    state.due_at = None;
    tell_dependents(state, outcome, now);
}

/// Notes that dependents have to be told; the next poll does it, whatever crashes meanwhile.
pub fn tell_dependents(state: &mut JobState, outcome: DependencyOutcome, now: Instant) {
    if state.dependents > 0 {
        state.untold = Some(outcome);
        state.due_at = Some(now);
    }
}

/// Dependencies that do not let the job fire yet.
pub fn unmet(edges: &[Edge]) -> u32 {
    let open = edges
        .iter()
        .filter(|edge| edge.status != EdgeStatus::Satisfied)
        .count();
    u32::try_from(open).unwrap_or(u32::MAX)
}
