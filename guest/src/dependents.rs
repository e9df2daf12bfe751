//! Dependencies: passing the end of a prerequisite on, and deciding about those who wait.

use crate::bindings::storage::{EdgeFilter, PrerequisiteEdges, Rejection, StorageError, Unit, Write};
use crate::bindings::types::{
    DependencyCondition, DependencyFailurePolicy, DependencyOutcome, Edge, EdgeStatus, Instant, Job,
    JobStatus, MessageKind,
};
use crate::lifecycle::{IllegalTransition, ended, reason, transition};
use crate::limits;
use crate::messages;
use crate::plan;
use crate::units::{Draft, PLATFORM};
use crate::world::World;

/// What an end means for an edge.
pub fn settle(on: DependencyCondition, outcome: DependencyOutcome) -> EdgeStatus {
    match (on, outcome) {
        (DependencyCondition::Any, _)
        | (DependencyCondition::Success, DependencyOutcome::Success)
        | (DependencyCondition::Failure, DependencyOutcome::Failure) => EdgeStatus::Satisfied,
        _ => EdgeStatus::Broken,
    }
}

/// How a job that has ended counts for a dependency that is made now; none while it lives.
/// Repeating jobs count from their next run on.
pub fn outcome_of(job: &Job) -> Option<DependencyOutcome> {
    match job.state.status {
        JobStatus::Completed => Some(DependencyOutcome::Success),
        JobStatus::Failed | JobStatus::Cancelled => Some(DependencyOutcome::Failure),
        JobStatus::Archived => Some(match job.state.last_run.as_ref().map(|run| run.status) {
            Some(crate::bindings::types::RunStatus::Succeeded) => DependencyOutcome::Success,
            _ => DependencyOutcome::Failure,
        }),
        _ => None,
    }
}

/// Tells the dependents of `job` how it ended. True: all know; false: go on at the next poll.
/// Every step is a unit of its own under the dependent's revision, so that two prerequisites that
/// end at once cannot both overlook the other.
pub fn tell(world: &impl World, job: &Job, outcome: DependencyOutcome) -> Result<bool, StorageError> {
    let mut after: Option<String> = None;
    for _ in 0..limits::DEPENDENTS_PAGES_MAX {
        let edges = world.find_edges(&EdgeFilter::OfPrerequisite(PrerequisiteEdges {
            prerequisite: job.id.clone(),
            statuses: vec![EdgeStatus::Waiting, EdgeStatus::Broken],
            after: after.clone(),
            limit: limits::DEPENDENTS_PAGE,
        }))?;
        let Some(last) = edges.last() else { return Ok(true) };
        after = Some(last.dependent.clone());
        let full = edges.len() == limits::DEPENDENTS_PAGE as usize;
        tell_page(world, job, outcome, edges)?;
        if !full {
            return Ok(true);
        }
    }
    Ok(false)
}

fn tell_page(
    world: &impl World,
    prerequisite: &Job,
    outcome: DependencyOutcome,
    mut edges: Vec<Edge>,
) -> Result<(), StorageError> {
    for _ in 0..limits::DECISIONS_MAX {
        let ids: Vec<String> = edges.iter().map(|edge| edge.dependent.clone()).collect();
        let jobs = world.get_jobs(&ids)?;
        let all = world.find_edges(&EdgeFilter::OfDependents(ids))?;
        let now = world.now();
        let mut units = Vec::with_capacity(edges.len());
        let mut written = Vec::with_capacity(edges.len());
        for (edge, dependent) in edges.drain(..).zip(jobs) {
            let Some(dependent) = dependent else { continue };
            let of_this: Vec<Edge> = all
                .iter()
                .filter(|other| other.dependent == edge.dependent)
                .cloned()
                .collect();
            // The dependency may have been removed or met meanwhile.
            let Some(current) = of_this
                .iter()
                .find(|other| other.prerequisite == edge.prerequisite)
                .cloned()
            else {
                continue;
            };
            if current.status == EdgeStatus::Satisfied || settle(current.on, outcome) == current.status {
                continue;
            }
            units.push(unit(
                world,
                prerequisite,
                outcome,
                current,
                of_this,
                dependent,
                now,
            ));
            written.push(edge);
        }
        if units.is_empty() {
            return Ok(());
        }
        let results = world.commit(&units)?;
        edges = written
            .into_iter()
            .zip(results)
            .filter(|(_, result)| matches!(result, Err(Rejection::Stale)))
            .map(|(edge, _)| edge)
            .collect();
        if edges.is_empty() {
            return Ok(());
        }
    }
    Err(StorageError::Unavailable(
        "dependents kept changing while they were told".into(),
    ))
}

fn unit(
    world: &impl World,
    prerequisite: &Job,
    outcome: DependencyOutcome,
    mut edge: Edge,
    mut edges: Vec<Edge>,
    mut dependent: Job,
    now: Instant,
) -> Unit {
    let mut unit = Draft::guarded(&dependent, PLATFORM);
    edge.status = settle(edge.on, outcome);
    edge.settled_at = Some(now);
    for other in &mut edges {
        if other.prerequisite == edge.prerequisite {
            *other = edge.clone();
        }
    }
    unit.push(Write::PutEdge(edge.clone()));
    dependent.state.unmet = plan::unmet(&edges);
    let before = dependent.state.status;
    // A job that has a place of its own (paused, running, ended, asking) keeps it.
    let waits = before == JobStatus::Pending
        || (before == JobStatus::Blocked
            && dependent
                .state
                .status_reason
                .as_ref()
                .is_some_and(|reason| reason.code == "dependency_failed"));
    if waits && weigh(&mut dependent, &edges, now).is_ok() && edge.status == EdgeStatus::Broken {
        name_predecessor(&mut dependent, prerequisite);
        let told = match dependent.state.status {
            JobStatus::Blocked => Some(MessageKind::Incident),
            JobStatus::Failed => Some(MessageKind::Failure),
            _ => None,
        };
        if let (Some(kind), Some(why)) = (told, dependent.state.status_reason.clone()) {
            let fact = format!("dependency:{}:{}", prerequisite.id, dependent.revision);
            unit.push(messages::about(
                world,
                &dependent,
                None,
                kind,
                &fact,
                &why.message,
            ));
        }
    }
    unit.because("dependencies_met", "Its prerequisites ended as needed.");
    unit.save(&dependent, None, now);
    if let Some(due) = dependent.state.due_at {
        world.arm(due);
    }
    unit.finish()
}

/// Names the job on whose account the status is what it is.
fn name_predecessor(dependent: &mut Job, prerequisite: &Job) {
    let status = crate::lifecycle::name(prerequisite.state.status);
    if let Some(reason) = &mut dependent.state.status_reason {
        reason.message = format!(
            "{} “{}” ({}) ended {status}.",
            reason.message, prerequisite.spec.title, prerequisite.id
        );
    }
}

/// Decides about a job that waits for its dependencies (PENDING, or BLOCKED by one).
pub fn weigh(job: &mut Job, edges: &[Edge], now: Instant) -> Result<(), IllegalTransition> {
    debug_assert!(!ended(job.state.status), "an ended job waits for nothing");
    let broken = edges.iter().any(|edge| edge.status == EdgeStatus::Broken);
    let waiting = edges.iter().any(|edge| edge.status == EdgeStatus::Waiting);
    let policy = job.spec.on_dependency_failure;
    if broken && policy != DependencyFailurePolicy::Run {
        match policy {
            DependencyFailurePolicy::Skip => {
                let why = reason(
                    "dependency_skipped",
                    "Left out: a prerequisite did not end as needed.",
                );
                transition(&mut job.state, JobStatus::Cancelled, why)?;
                plan::end(&mut job.state, DependencyOutcome::Failure, now);
            }
            _ => {
                if job.state.status != JobStatus::Blocked {
                    let why = reason("dependency_failed", "A prerequisite did not end as needed.");
                    transition(&mut job.state, JobStatus::Blocked, why)?;
                    job.state.due_at = None;
                }
                if policy == DependencyFailurePolicy::Fail {
                    let why = "Failed with a prerequisite that did not end as needed.";
                    plan::fail(&mut job.state, now, "dependency_failed", why)?;
                }
            }
        }
        return Ok(());
    }
    if waiting {
        if job.state.status == JobStatus::Blocked {
            transition(&mut job.state, JobStatus::Pending, None)?;
        }
        return Ok(());
    }
    plan::arm(job, edges, now)
}
