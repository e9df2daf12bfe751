//! What people are told, against an independent reading of the rules.

use meanwhile_guest::bindings::types::{JobState, JobStatus, MessageKind, Run, RunStatus};

use super::call::Call;
use super::invariants::{HISTORY, TOLD, check, ended, is_final};
use super::store::Change;
use super::world::State;

/// Looks at the runs that a unit brought to their end, and at what it told.
pub fn unit(state: &mut State, call: &Call, before: &[(usize, &JobState)], changes: &[Change]) {
    for change in changes {
        if let Change::RunUpdated { run, before: former } = change {
            let ends = !is_final(former.status) && is_final(state.store.runs[*run].status);
            if ends {
                run_ended(state, *run, before);
            }
        }
    }
    for (job, before) in before {
        in_history(state, *job, before, changes);
    }
    if !call.actor.asks() {
        for (job, before) in before {
            moved(state, *job, before, changes);
        }
    }
}

/// A change of status stands in the job's history, unless a run's own row tells it.
fn in_history(state: &mut State, job: usize, before: &JobState, changes: &[Change]) {
    use JobStatus::{Active, Completed, InProgress};
    let row = &state.store.jobs[job].job;
    let (from, to) = (before.status, row.state.status);
    let code = row.state.status_reason.as_ref().map(|why| why.code.as_str());
    let by_its_run = match (from, to) {
        (Active, InProgress) | (InProgress, Active) => true,
        (InProgress, Completed) => code == Some("run_succeeded"),
        _ => from == to,
    };
    let told = changes.iter().any(|change| match change {
        Change::StatusChange(change) => {
            let change = &state.store.changes[*change];
            (&change.job, change.from, change.to) == (&row.id, from, to) && !change.by.is_empty()
        }
        _ => false,
    });
    check(state, by_its_run || told, &HISTORY, job, || {
        format!("it went from {from:?} to {to:?}, and its history does not say so")
    });
}

fn count(state: &State, job: usize, run: &Run, kind: MessageKind) -> usize {
    state
        .store
        .messages_of(job)
        .filter(|message| message.kind == kind && message.run.as_ref() == Some(&run.id))
        .count()
}

fn run_ended(state: &mut State, run: usize, before: &[(usize, &JobState)]) {
    let run = state.store.runs[run].clone();
    let Some(job) = state.store.job_index(&run.job) else {
        return;
    };
    let was = before
        .iter()
        .find(|(index, _)| *index == job)
        .map(|(_, state)| state.status);
    let row = &state.store.jobs[job].job;
    let (status, policy) = (row.state.status, row.spec.notify);
    let cancelled = was.is_some_and(ended);
    let output = run.output.clone().unwrap_or_default();
    let worth = run.report.as_ref().is_none_or(|report| report.tell);
    let kind = match run.status {
        RunStatus::Succeeded => MessageKind::Result,
        RunStatus::Failed => MessageKind::Failure,
        RunStatus::NeedsInput => MessageKind::Question,
        _ => return,
    };
    let promised = !cancelled
        && match kind {
            MessageKind::Result => {
                let last_word = ended(status);
                state.ledger.job(job).promises(policy, worth, &output, last_word)
            }
            _ => true,
        };
    let told = count(state, job, &run, kind);
    check(state, told == usize::from(promised), &TOLD, job, || {
        format!(
            "run of slot {} ended {:?} while the job was {was:?} ({policy:?}): told {told} times, promised {promised}",
            run.slot, run.status
        )
    });
    let repeats = matches!(
        state.store.jobs[job].job.spec.job_type,
        meanwhile_guest::bindings::types::JobType::Scheduled
            | meanwhile_guest::bindings::types::JobType::Recurring
    );
    if repeats && was == Some(JobStatus::InProgress) && run.status != RunStatus::NeedsInput {
        let outcome = match run.status {
            RunStatus::Succeeded => meanwhile_guest::bindings::types::DependencyOutcome::Success,
            _ => meanwhile_guest::bindings::types::DependencyOutcome::Failure,
        };
        let now = state.now;
        state.ledger.job(job).last_end = Some((now, outcome));
    }
}

/// A job that the loop moved where only a person can help: the person hears of it.
fn moved(state: &mut State, job: usize, before: &JobState, changes: &[Change]) {
    let row = &state.store.jobs[job].job;
    let now = &row.state;
    if now.status == before.status {
        return;
    }
    let code = now
        .status_reason
        .as_ref()
        .map(|why| why.code.clone())
        .unwrap_or_default();
    let kind = match now.status {
        JobStatus::Failed => MessageKind::Failure,
        JobStatus::Blocked if code == "question_open" => MessageKind::Question,
        JobStatus::Blocked => MessageKind::Incident,
        JobStatus::Paused => MessageKind::Incident,
        _ => return,
    };
    let told = changes.iter().any(|change| match change {
        Change::MessageInserted(message) => {
            let message = &state.store.messages[*message];
            message.kind == kind && message.job == row.id
        }
        _ => false,
    });
    let status = now.status;
    check(state, told, &TOLD, job, || {
        format!("it became {status:?} ({code}), and nobody was told")
    });
}
