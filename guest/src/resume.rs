//! Resuming: from PAUSED, BLOCKED or FAILED back to where the job can go on.

use crate::approval;
use crate::bindings::storage::{EdgeFilter, StorageError};
use crate::bindings::types::{Edge, EdgeStatus, Instant, Job, JobStatus, JobType, RunStatus};
use crate::dependents;
use crate::lifecycle::{IllegalTransition, transition};
use crate::plan;
use crate::trouble::Trouble;
use crate::world::World;

/// On whose account a job goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Somebody asked for it, or what had stopped it was mended.
    Person,
    /// The end that was set for a pause, or the next day of a budget.
    Clock,
}

/// What a job depends on.
pub fn edges_of(world: &impl World, job: &Job) -> Result<Vec<Edge>, StorageError> {
    if !job.state.has_dependencies {
        return Ok(Vec::new());
    }
    world.find_edges(&EdgeFilter::OfDependents(vec![job.id.clone()]))
}

/// Moves the job on: an open run gets its next attempt at once, unmet dependencies are waited for,
/// otherwise the schedule is armed from now, without a backlog.
pub fn resume(world: &impl World, job: &mut Job, now: Instant, by: By) -> Result<(), Trouble> {
    let edges = edges_of(world, job)?;
    job.state.failure_streak = 0;
    approval::drop_open(job);
    if job.state.open_run.is_some() {
        transition(&mut job.state, JobStatus::Active, None)?;
        job.state.due_at = Some(now);
        return Ok(());
    }
    if let Some((code, why)) = done(job) {
        transition(&mut job.state, JobStatus::Active, None)?;
        plan::complete(&mut job.state, now, code, why)?;
        return Ok(());
    }
    job.state.unmet = plan::unmet(&edges);
    // Who resumes a job by hand wants it to go on although a prerequisite failed; a pause that ends
    // by itself only lets go on what was armed before.
    let wanted = by == By::Person || job.state.next_fire.is_some();
    if wanted && edges.iter().all(|edge| edge.status != EdgeStatus::Waiting) {
        plan::arm(job, &edges, now)?;
        return Ok(());
    }
    wait(job)?;
    dependents::weigh(job, &edges, now)?;
    Ok(())
}

/// Why a job that was paused while its run executed has nothing left to do: that run was the last.
fn done(job: &Job) -> Option<(&'static str, &'static str)> {
    if job.state.status != JobStatus::Paused {
        return None;
    }
    let last = job.state.last_run.as_ref().map(|run| run.status);
    if job.spec.job_type == JobType::OneOff {
        let good = last == Some(RunStatus::Succeeded);
        return good.then_some(("run_succeeded", "It ran and succeeded while it was paused."));
    }
    let most = job.spec.trigger.max_iterations?;
    let all = job.spec.job_type == JobType::Ongoing && job.state.iteration >= most;
    all.then_some(("iterations_reached", "It ran as many times as were asked for."))
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
