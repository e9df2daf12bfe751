//! Rows that must agree with each other, after every unit.

use meanwhile_guest::bindings::types::{EdgeStatus, JobStatus, RunStatus};

use super::invariants::{AWAKE, BUDGET, EDGES, OPEN_RUN, check, ended, is_final};
use super::world::State;

/// A dependency was written or removed.
pub fn edge_written(state: &mut State, dependent: usize) {
    let now = state.now;
    let waiting: Vec<usize> = state
        .store
        .edges_of(dependent)
        .filter(|(_, edge)| edge.status == EdgeStatus::Waiting)
        .map(|(prerequisite, _)| prerequisite)
        .collect();
    let known = &mut state.ledger.waiting;
    known.retain(|(of, on), _| *of != dependent || waiting.contains(on));
    for prerequisite in waiting {
        known.entry((dependent, prerequisite)).or_insert(now);
    }
}

/// A job and what hangs on it.
pub fn job(state: &mut State, index: usize) {
    let store = &state.store;
    let job = &store.jobs[index].job;
    let (status, due) = (job.state.status, job.state.due_at);
    let unmet = job.state.unmet as usize;
    let open = job.state.open_run.clone();
    let untold = job.state.untold.is_some();
    let code = job
        .state
        .status_reason
        .as_ref()
        .map(|why| why.code.clone())
        .unwrap_or_default();
    let (has, next) = (job.state.has_dependencies, job.state.next_fire);
    let edges: Vec<EdgeStatus> = store.edges_of(index).map(|(_, edge)| edge.status).collect();
    let counted = edges
        .iter()
        .filter(|status| **status != EdgeStatus::Satisfied)
        .count();
    let waits = edges.contains(&EdgeStatus::Waiting);
    let broken = edges.contains(&EdgeStatus::Broken);

    let unfinished: Vec<(String, RunStatus)> = store
        .runs_of(index)
        .rev()
        .filter(|run| !is_final(run.status))
        .map(|run| (run.id.clone(), run.status))
        .collect();
    let agrees = match (&open, &unfinished[..]) {
        (None, []) => true,
        (Some(open), [(run, _)]) => open == run,
        _ => false,
    };
    let spec = &job.spec;
    let (iteration, most) = (job.state.iteration, spec.trigger.max_iterations);
    check(state, agrees, &OPEN_RUN, index, || {
        format!("open: {open:?}, not final: {unfinished:?}")
    });
    check(state, unmet == counted, &EDGES, index, || {
        format!("{unmet} unmet, edges {edges:?}")
    });
    check(state, has != edges.is_empty(), &EDGES, index, || {
        format!("has_dependencies {has}, edges {edges:?}")
    });
    check(
        state,
        most.is_none_or(|most| iteration <= most),
        &BUDGET,
        index,
        || format!("iteration {iteration} of {most:?}"),
    );
    check(state, !untold || due.is_some(), &AWAKE, index, || {
        "its dependents are untold, and it is not due".into()
    });
    let awake = match status {
        JobStatus::Active | JobStatus::InProgress => due.is_some(),
        JobStatus::Pending => waits,
        JobStatus::Blocked if code == "dependency_failed" => broken,
        JobStatus::Blocked | JobStatus::Paused => !code.is_empty(),
        JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled | JobStatus::Archived => {
            open.is_none() || due.is_some()
        }
    };
    check(state, awake, &AWAKE, index, || {
        format!("{status:?} ({code}), due {due:?}, edges {edges:?}, open {open:?}")
    });
    let armed = match status {
        JobStatus::Active => open.is_some() || next.is_some(),
        JobStatus::InProgress => open.is_some(),
        _ => true,
    };
    check(state, armed, &AWAKE, index, || {
        format!("{status:?} without a next fire or an open run")
    });
    check(state, !ended(status) || next.is_none(), &AWAKE, index, || {
        format!("{status:?} with a next fire")
    });
    // A run whose job is paused or blocked may execute; it must be noticed when its host dies.
    let executing = unfinished
        .iter()
        .any(|(_, run)| matches!(run, RunStatus::Executing | RunStatus::Analysing));
    check(state, !executing || due.is_some(), &AWAKE, index, || {
        format!("{status:?}: a run executes, and nobody would notice its host's death")
    });
}
