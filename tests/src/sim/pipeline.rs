//! A host's pipeline: runs that take a while and end in every way there is.

use meanwhile_guest::bindings::agent_pipeline::{Outcome, OutcomeStatus, RunRequest, Task};
use meanwhile_guest::bindings::runner::FinishedRun;
use meanwhile_guest::bindings::types::{ErrorClass, Instant, Report, RunError, ToolCall, Usage, Verdict};

use super::random::Random;
use super::setting::{HOUR, MINUTE, SECOND};
use super::world::{Event, State};
use super::{callers, invariants};

/// A run that a host knows: executing, or ended and not settled.
#[derive(Clone, Debug)]
pub struct Live {
    pub run: usize,
    pub job: usize,
    pub token: u64,
    pub task: Task,
    pub executing: bool,
    pub outcome: Outcome,
    /// Tells this start from others of the same run on this host.
    pub number: u64,
}

/// Tokens that every attempt uses, in and out: countable.
pub const TOKENS_AN_ATTEMPT: u64 = 2;

/// Starts a run as the host's pipeline does: the same attempt twice is one, a newer attempt
/// replaces an older one.
pub fn start(state: &mut State, host: usize, request: &RunRequest) {
    if hears(state, host, request) {
        return;
    }
    invariants::submitted(state, request);
    let Some((run, job)) = state
        .store
        .run_index(&request.run_id)
        .zip(state.store.job_index(&request.job_id))
    else {
        return;
    };
    if state.weather().is_some() && state.random.one_in(80) {
        let said = format!("host {host}: the start of attempt {} was lost", request.attempt);
        state.log(Some(job), said);
        return;
    }
    let known = state.hosts[host].live.iter().position(|live| live.run == run);
    if let Some(index) = known {
        let live = &state.hosts[host].live[index];
        let judges = live.token == request.token && live.task != request.task && !live.executing;
        if live.token >= request.token && !judges {
            return;
        }
        state.hosts[host].live.swap_remove(index);
    }
    let here = state.now + state.hosts[host].skew_ms;
    let mut length = length(&mut state.random);
    let mut outcome = match request.task {
        Task::Execute => executed(&mut state.random, state.setting.end <= state.now),
        Task::Judge => judged(&mut state.random, request),
    };
    if here + length > request.deadline {
        length = (request.deadline - here).max(0);
        outcome = failed(ErrorClass::Transient, "timed out");
    }
    state.numbers += 1;
    let number = state.numbers;
    let said = format!(
        "host {host}: {:?} of slot {} starts, attempt {} under token {}, {} s",
        request.task,
        state.store.runs[run].slot,
        request.attempt,
        request.token,
        length / 1_000
    );
    state.log(Some(job), said);
    state.starts += 1;
    let life = state.hosts[host].life;
    state.hosts[host].live.push(Live {
        run,
        job,
        token: request.token,
        task: request.task,
        executing: true,
        outcome,
        number,
    });
    // Renewed for as long as the host lives and knows the run.
    state.store.renew((host, life), job, request.token, Instant::MAX);
    state.schedule(state.now + length, Event::RunEnds { host, life, number });
    callers::plan(state, request, run, job, length);
    // Now and then a host's renewals do not arrive, though its runs go on.
    if state.weather().is_some() && state.random.one_in(60) {
        let at = state.now + state.random.between(0, length.max(1));
        state.schedule(at, Event::Unrenewed { host, life, number });
    }
}

/// A sentence of a person that is to be judged: it has no run. The verdict comes soon, now and then
/// twice, or never.
fn hears(state: &mut State, host: usize, request: &RunRequest) -> bool {
    let Some(job) = state.store.job_index(&request.job_id) else {
        return false;
    };
    if state.store.jobs[job].job.state.hearing.as_ref() != Some(&request.run_id) {
        return false;
    }
    state.log(Some(job), format!("host {host}: judges what was said"));
    let free = Usage {
        tokens_in: 0,
        tokens_out: 0,
        cost_usd: 0.0,
        tool_calls: 0,
        seconds: 0.0,
    };
    let finished = FinishedRun {
        run_id: request.run_id.clone(),
        job_id: request.job_id.clone(),
        token: request.token,
        task: request.task,
        outcome: Outcome {
            usage: free,
            ..judged(&mut state.random, request)
        },
    };
    if state.weather().is_some() && state.random.one_in(10) {
        return true;
    }
    if state.weather().is_some() && state.random.one_in(10) {
        let after = state.random.between(0, 2 * MINUTE);
        state.schedule(state.now + after, Event::ComesAgain(Box::new(finished.clone())));
    }
    state.hosts[host].ended.push(finished);
    let life = state.hosts[host].life;
    let after = state.random.between(1, 20 * SECOND);
    state.schedule(state.now + after, Event::Settle { host, life });
    true
}

/// Tells a run to stop, where it executes here.
pub fn cancel(state: &mut State, host: usize, run: &str) {
    let run = state.store.run_index(run);
    state.numbers += 1;
    let number = state.numbers;
    let life = state.hosts[host].life;
    let live = state.hosts[host]
        .live
        .iter_mut()
        .find(|live| Some(live.run) == run && live.executing);
    let Some(live) = live else { return };
    live.outcome = Outcome {
        status: OutcomeStatus::Cancelled,
        error: None,
        ..live.outcome.clone()
    };
    live.number = number;
    let job = live.job;
    let after = state.random.between(0, 2 * SECOND);
    state.log(Some(job), format!("host {host}: its run is told to stop"));
    state.schedule(state.now + after, Event::RunEnds { host, life, number });
}

/// A run ended: its result waits to be settled.
pub fn ended(state: &mut State, host: usize, number: u64) {
    let live = state.hosts[host]
        .live
        .iter_mut()
        .find(|live| live.number == number);
    let Some(live) = live.filter(|live| live.executing) else {
        return;
    };
    live.executing = false;
    let live = live.clone();
    let finished = FinishedRun {
        run_id: state.store.runs[live.run].id.clone(),
        job_id: state.store.jobs[live.job].job.id.clone(),
        token: live.token,
        task: live.task,
        outcome: live.outcome,
    };
    let said = format!(
        "host {host}: attempt under token {} ends {:?} {:?}",
        live.token,
        finished.outcome.status,
        finished.outcome.report.as_ref().map(|report| report.verdict)
    );
    state.log(Some(live.job), said);
    state.ledger.finished(live.run, live.token, live.task);
    if state.weather().is_some() && state.random.one_in(15) {
        // The same result comes again, soon or much later, through any host.
        let after = match state.random.index(3) {
            0 => state.random.between(0, SECOND),
            1 => state.random.between(0, 2 * MINUTE),
            _ => state.random.between(0, 30 * HOUR),
        };
        state.schedule(state.now + after, Event::ComesAgain(Box::new(finished.clone())));
    }
    state.hosts[host].ended.push(finished);
    let life = state.hosts[host].life;
    let after = state.random.between(1, 200);
    state.schedule(state.now + after, Event::Settle { host, life });
}

fn length(random: &mut Random) -> i64 {
    match random.weighted(&[3, 4, 4, 1]) {
        0 => random.between(10, 2 * SECOND),
        1 => random.between(SECOND, MINUTE),
        2 => random.between(MINUTE, 20 * MINUTE),
        _ => random.between(20 * MINUTE, 5 * HOUR),
    }
}

fn outcome(status: OutcomeStatus, output: &str) -> Outcome {
    Outcome {
        status,
        output: output.into(),
        report: None,
        error: None,
        retry_after_seconds: None,
        asks_for: None,
        usage: Usage {
            tokens_in: TOKENS_AN_ATTEMPT / 2,
            tokens_out: TOKENS_AN_ATTEMPT / 2,
            cost_usd: 0.25,
            tool_calls: 1,
            seconds: 1.0,
        },
        journal: Vec::new(),
    }
}

fn failed(class: ErrorClass, message: &str) -> Outcome {
    Outcome {
        error: Some(RunError {
            class,
            message: message.into(),
        }),
        ..outcome(OutcomeStatus::Failed, "")
    }
}

fn executed(random: &mut Random, calm: bool) -> Outcome {
    const OUTPUTS: [&str; 5] = ["red", "green", "green", "blue", "the goal is reached"];
    let output = random.pick(&OUTPUTS);
    let kind = if calm {
        random.weighted(&[60, 20, 10])
    } else {
        random.weighted(&[50, 12, 8, 3, 3, 8, 4, 2, 1, 1, 4, 2])
    };
    let reported = |verdict, tell| Outcome {
        report: Some(Report {
            verdict,
            summary: format!("it is {output}"),
            tell,
        }),
        ..outcome(OutcomeStatus::Ok, output)
    };
    match kind {
        0 => outcome(OutcomeStatus::Ok, output),
        1 => reported(Verdict::Continue, random.percent(70)),
        2 => reported(Verdict::Done, random.percent(70)),
        3 => reported(Verdict::Failed, true),
        4 => reported(Verdict::Blocked, true),
        5 => failed(ErrorClass::Transient, "the network is down"),
        6 => failed(ErrorClass::Permanent, "there is no such page"),
        7 => failed(ErrorClass::Quota, "the limit is used up"),
        8 => failed(ErrorClass::Auth, "the key was withdrawn"),
        9 => Outcome {
            error: None,
            ..failed(ErrorClass::Permanent, "")
        },
        10 if random.percent(70) => Outcome {
            asks_for: Some(ToolCall {
                tool: "mail__send".into(),
                arguments: "{}".into(),
            }),
            ..outcome(OutcomeStatus::NeedsInput, "")
        },
        10 => outcome(OutcomeStatus::NeedsInput, "which one?"),
        _ => outcome(OutcomeStatus::Cancelled, ""),
    }
}

fn judged(random: &mut Random, request: &RunRequest) -> Outcome {
    let produced = request
        .previous_runs
        .first()
        .and_then(|run| run.output.clone())
        .unwrap_or_default();
    let says = |verdict, evidence: &str| Outcome {
        report: Some(Report {
            verdict,
            summary: "judged".into(),
            tell: false,
        }),
        ..outcome(OutcomeStatus::Ok, evidence)
    };
    match random.weighted(&[5, 2, 1, 1]) {
        0 => says(Verdict::Continue, &produced),
        1 => says(Verdict::Done, &produced),
        2 => says(Verdict::Done, "something else"),
        _ => failed(ErrorClass::Transient, "the judge is away"),
    }
}
