//! What must hold once the world has come to rest: nothing is due, no fault is left.

use meanwhile_guest::bindings::types::{
    DependencyOutcome, EdgeStatus, Instant, JobStatus, JobType, RunStatus,
};

use super::callers;
use super::invariants::{ACCOUNTED, AWAKE, COUNTED, EDGES, check, ended};
use super::oracle;
use super::pipeline::TOKENS_AN_ATTEMPT;
use super::world::State;

pub fn check_world(state: &mut State) {
    for job in 0..state.store.jobs.len() {
        asleep(state, job);
        dependents(state, job);
        counts(state, job);
        callers::counted_at_rest(state, job);
        once(state, job);
        let found = oracle::account(state, job);
        if let Err(text) = found {
            check(state, false, &ACCOUNTED, job, || text);
        }
    }
}

/// What nobody executes is due later, or waits with a reason.
fn asleep(state: &mut State, job: usize) {
    let row = &state.store.jobs[job];
    let now = state.now;
    let executed = state
        .hosts
        .iter()
        .any(|host| host.live.iter().any(|live| live.job == job));
    let (status, next, due) = (
        row.job.state.status,
        row.job.state.next_fire,
        row.job.state.due_at,
    );
    let open = row.job.state.open_run.is_some();
    let lease = row.lease.as_ref().map(|lease| lease.until);
    let later = due.is_none_or(|due| due > now)
        || lease.is_some_and(|until| until > now && (until < Instant::MAX || executed));
    check(state, later, &AWAKE, job, || {
        format!("{status:?} is due at {due:?}, held until {lease:?}, executed: {executed}")
    });
    let armed = status != JobStatus::Active || open || next.is_some_and(|next| next > now);
    check(state, armed, &AWAKE, job, || {
        format!("ACTIVE, and its next fire {next:?} has passed")
    });
    check(
        state,
        !(ended(status) && open && !executed && due.is_none()),
        &AWAKE,
        job,
        || format!("{status:?} with an open run for ever"),
    );
}

/// Those who wait hear of every end.
fn dependents(state: &mut State, job: usize) {
    let edges: Vec<_> = state
        .store
        .edges_of(job)
        .filter(|(_, edge)| edge.status == EdgeStatus::Waiting)
        .map(|(prerequisite, _)| prerequisite)
        .collect();
    for prerequisite in edges {
        let other = &state.store.jobs[prerequisite].job;
        let status = other.state.status;
        check(state, !ended(status), &EDGES, job, || {
            format!("it waits for job {prerequisite}, which is {status:?}")
        });
        let since = state.ledger.waiting.get(&(job, prerequisite)).copied();
        let last = state.ledger.job(prerequisite).last_end;
        if let (Some(since), Some((end, outcome))) = (since, last) {
            let kind: DependencyOutcome = outcome;
            check(state, end <= since, &EDGES, job, || {
                format!("it waits since {since} for job {prerequisite}, whose run ended {kind:?} at {end}")
            });
        }
    }
}

/// What a job counts is what its runs say.
fn counts(state: &mut State, job: usize) {
    let row = &state.store.jobs[job];
    let mut started = 0;
    let mut tokens = 0;
    let mut twice = None;
    for (_, index) in &row.runs {
        let run = &state.store.runs[*index];
        if !matches!(run.status, RunStatus::Missed | RunStatus::Skipped) {
            started += 1;
        }
        let used = run.usage.tokens_in + run.usage.tokens_out;
        tokens += used;
        let ends = state.ledger.ends(*index);
        if used > ends * TOKENS_AN_ATTEMPT {
            twice = Some((run.slot, used, ends));
        }
    }
    let (counted, spent) = (row.job.state.run_count, row.job.state.spent.tokens);
    check(state, counted == started, &COUNTED, job, || {
        format!("it counts {counted} runs of {started}")
    });
    check(state, spent == tokens, &COUNTED, job, || {
        format!("it counts {spent} tokens of {tokens}")
    });
    check(state, twice.is_none(), &COUNTED, job, || {
        format!("slot, tokens, ends: {twice:?}")
    });
}

/// A job that runs once succeeds once.
fn once(state: &mut State, job: usize) {
    let row = &state.store.jobs[job].job;
    let good = state
        .store
        .runs_of(job)
        .filter(|run| run.status == RunStatus::Succeeded)
        .count();
    let (job_type, status) = (row.spec.job_type, row.state.status);
    if job_type == JobType::OneOff {
        check(state, good <= 1, &ACCOUNTED, job, || {
            format!("a ONE_OFF succeeded {good} times")
        });
        check(
            state,
            status != JobStatus::Completed || good == 1,
            &ACCOUNTED,
            job,
            || "a ONE_OFF is completed without a good run".into(),
        );
    }
}
