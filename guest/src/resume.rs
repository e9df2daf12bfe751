//! Resuming: from PAUSED, BLOCKED or FAILED back to where the job can go on.

use crate::bindings::storage::{EdgeFilter, StorageError};
use crate::bindings::types::{Edge, EdgeStatus, Instant, Job, JobStatus};
use crate::dependents;
use crate::lifecycle::{IllegalTransition, transition};
use crate::plan;
use crate::trouble::Trouble;
use crate::world::World;

/// What a job depends on.
pub fn edges_of(world: &impl World, job: &Job) -> Result<Vec<Edge>, StorageError> {
    if !job.state.has_dependencies {
        return Ok(Vec::new());
    }
    world.find_edges(&EdgeFilter::OfDependents(vec![job.id.clone()]))
}

/// Moves the job on: an open run gets its next attempt at once, unmet dependencies are waited for,
/// otherwise the schedule is armed from now, without a backlog.
pub fn resume(world: &impl World, job: &mut Job, now: Instant) -> Result<(), Trouble> {
    let edges = edges_of(world, job)?;
    job.state.failure_streak = 0;
    if job.state.open_run.is_some() {
        transition(&mut job.state, JobStatus::Active, None)?;
        job.state.due_at = Some(now);
        return Ok(());
    }
    job.state.unmet = plan::unmet(&edges);
    // Who resumes a job by hand wants it to go on although a prerequisite failed.
    if edges.iter().all(|edge| edge.status != EdgeStatus::Waiting) {
        plan::arm(job, &edges, now)?;
        return Ok(());
    }
    wait(job)?;
    dependents::weigh(job, &edges, now)?;
    Ok(())
}

/// PENDING, from wherever the table allows it.
pub fn wait(job: &mut Job) -> Result<(), IllegalTransition> {
    if job.state.status == JobStatus::Failed {
        transition(&mut job.state, JobStatus::Active, None)?;
    }
    if job.state.status == JobStatus::Active {
        transition(&mut job.state, JobStatus::Blocked, None)?;
    }
    if job.state.status != JobStatus::Pending {
        transition(&mut job.state, JobStatus::Pending, None)?;
    }
    job.state.next_fire = None;
    job.state.due_at = None;
    Ok(())
}
