//! Jobs, runs and dependencies as people and models see them.

use std::collections::HashMap;

use crate::bindings::storage::{EdgeFilter, StorageError};
use crate::bindings::tools::{
    DependencyView, JobView, LastRunView, RunView, SimilarJob, SpentView, StatusChangeView,
};
use crate::bindings::types::{Edge, Instant, Job, JobStatus, Run, RunStatus, StatusChange};

use crate::limits;
use crate::messages::shorten;
use crate::plan;
use crate::trigger::{format_instant, summary};
use crate::world::World;

/// When the job acts next, as people understand it.
fn next_run(job: &Job) -> Option<Instant> {
    match job.state.status {
        // While it waits to retry, the retry comes first.
        JobStatus::Active if job.state.open_run.is_some() => job.state.due_at,
        JobStatus::Active | JobStatus::InProgress => job.state.next_fire,
        _ => None,
    }
}

/// Views of jobs, with their dependencies, in two reads however many jobs there are.
pub fn jobs(world: &impl World, jobs: &[Job]) -> Result<Vec<JobView>, StorageError> {
    let dependents: Vec<String> = jobs
        .iter()
        .filter(|job| job.state.has_dependencies)
        .map(|job| job.id.clone())
        .collect();
    let edges = if dependents.is_empty() {
        Vec::new()
    } else {
        world.find_edges(&EdgeFilter::OfDependents(dependents))?
    };
    let prerequisites = by_id(world, edges.iter().map(|edge| edge.prerequisite.clone()))?;
    Ok(jobs
        .iter()
        .map(|job| {
            let own = edges.iter().filter(|edge| edge.dependent == job.id);
            let depends_on = own
                .filter_map(|edge| {
                    prerequisites
                        .get(&edge.prerequisite)
                        .map(|other| dependency(edge, other))
                })
                .collect();
            view(job, depends_on)
        })
        .collect())
}

/// View of one job.
pub fn job(world: &impl World, one: &Job) -> Result<JobView, StorageError> {
    let mut views = jobs(world, std::slice::from_ref(one))?;
    views
        .pop()
        .ok_or_else(|| StorageError::Unavailable("no view of a job".into()))
}

/// The jobs with these ids.
pub fn by_id(
    world: &impl World,
    ids: impl Iterator<Item = String>,
) -> Result<HashMap<String, Job>, StorageError> {
    let mut ids: Vec<String> = ids.collect();
    ids.sort();
    ids.dedup();
    let mut found = HashMap::with_capacity(ids.len());
    for page in ids.chunks(1_000) {
        found.extend(
            world
                .get_jobs(page)?
                .into_iter()
                .flatten()
                .map(|job| (job.id.clone(), job)),
        );
    }
    Ok(found)
}

/// A dependency, seen from one end: `other` is the job at the other one.
pub fn dependency(edge: &Edge, other: &Job) -> DependencyView {
    DependencyView {
        job_id: other.id.clone(),
        title: other.spec.title.clone(),
        on: edge.on,
        delay_seconds: edge.delay_seconds,
        status: other.state.status,
        dependency_status: edge.status,
    }
}

fn view(job: &Job, depends_on: Vec<DependencyView>) -> JobView {
    let zone = plan::zone(&job.spec);
    let time = |instant: Instant| format_instant(instant, zone);
    let spec = job.spec.clone();
    let state = &job.state;
    JobView {
        job_id: job.id.clone(),
        schedule_summary: summary(spec.job_type, &spec.trigger),
        title: spec.title,
        description: spec.description,
        payload: spec.payload,
        job_type: spec.job_type,
        trigger_config: spec.trigger,
        status: state.status,
        status_reason: state.status_reason.clone(),
        next_run_at: next_run(job).map(time),
        last_run: state.last_run.clone().map(|run| LastRunView {
            run_id: run.run_id,
            status: run.status,
            started_at: run.started_at.map(time),
            ended_at: run.ended_at.map(time),
            summary: run.summary,
            error: run.error,
        }),
        run_count: state.run_count,
        failure_streak: state.failure_streak,
        iteration: state.iteration,
        depends_on,
        on_dependency_failure: spec.on_dependency_failure,
        retry: spec.retry,
        timeout_seconds: spec.timeout_seconds,
        budget: spec.budget,
        tool_policy: spec.tool_policy,
        spent: SpentView {
            runs: state.run_count,
            runs_today: state.spent.runs_today,
            tokens: state.spent.tokens,
            cost_usd: state.spent.cost_usd,
            tool_calls: state.spent.tool_calls.unwrap_or(0),
            seconds: state.spent.seconds.unwrap_or(0.0),
        },
        notify: spec.notify,
        idempotency_key: spec.idempotency_key,
        related_entity_id: spec.related_entity_id,
        narrative_id: spec.narrative_id,
        agent_id: job.agent.clone(),
        user_id: job.user.clone(),
        created_at: time(job.created_at),
        updated_at: time(job.updated_at),
        created_by: job.created_by.clone(),
        depth: spec.origin.as_ref().map_or(0, |origin| origin.depth),
        parent_job_id: spec.origin.map(|origin| origin.parent),
        children: state.offspring.as_ref().map_or(0, |offspring| offspring.children),
        revision: job.revision,
    }
}

/// A job's changes of status, newest first; the oldest that is shown is its creation, unless there
/// are more changes than are shown.
pub fn history(job: &Job, changes: Vec<StatusChange>) -> Vec<StatusChangeView> {
    let zone = plan::zone(&job.spec);
    let whole = changes.len() < limits::HISTORY_SHOWN_MAX as usize;
    let first = changes.last().map_or(job.state.status, |oldest| oldest.from);
    let created = StatusChangeView {
        at: format_instant(job.created_at, zone),
        from: None,
        // Where it stands elsewhere by now, a run took it there from ACTIVE.
        to: if first == JobStatus::Pending {
            first
        } else {
            JobStatus::Active
        },
        by: job.created_by.clone(),
        reason: None,
    };
    let shown = changes.into_iter().map(|change| StatusChangeView {
        at: format_instant(change.at, zone),
        from: Some(change.from),
        to: change.to,
        by: change.by,
        reason: change.reason,
    });
    shown.chain(whole.then_some(created)).collect()
}

/// View of a run, in the zone of its job.
pub fn run(run: Run, zone: &str) -> RunView {
    let time = |instant: Instant| format_instant(instant, zone);
    RunView {
        run_id: run.id,
        job_id: run.job,
        status: run.status,
        scheduled_for: time(run.slot),
        slots: run.slots,
        attempt: run.attempt,
        started_at: run.started_at.map(time),
        ended_at: run
            .ended_at
            .filter(|_| run.status != RunStatus::Executing)
            .map(time),
        summary: run
            .report
            .map(|report| report.summary)
            .filter(|summary| !summary.is_empty()),
        output: run.output,
        error: run.error,
        usage: run.usage,
        journal: run.journal,
        reason: run.reason,
    }
}

/// A job in short, for a question whether another one is wanted.
pub fn similar(job: &Job) -> SimilarJob {
    SimilarJob {
        job_id: job.id.clone(),
        title: job.spec.title.clone(),
        description: shorten(&job.spec.description, limits::NOTE_CHARS_MAX),
        job_type: job.spec.job_type,
        status: job.state.status,
        schedule_summary: summary(job.spec.job_type, &job.spec.trigger),
        next_run_at: next_run(job).map(|at| format_instant(at, plan::zone(&job.spec))),
    }
}

/// The next fires of a job, RFC 3339 in its zone; none while nothing can fire.
pub fn next_runs(job: &Job) -> Vec<String> {
    let zone = plan::zone(&job.spec);
    let mut fires = Vec::with_capacity(limits::NEXT_RUNS_SHOWN);
    let mut next = next_run(job);
    let schedule = plan::schedule(&job.id, &job.spec)
        .ok()
        .filter(|_| plan::repeats(&job.spec));
    while let Some(at) = next {
        fires.push(format_instant(at, zone));
        if fires.len() == limits::NEXT_RUNS_SHOWN {
            break;
        }
        next = schedule.as_ref().and_then(|schedule| schedule.next_after(at));
    }
    fires
}
