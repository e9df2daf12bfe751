//! What must always hold, each with a name and a sentence, and where it is checked.

use meanwhile_guest::bindings::agent_pipeline::{AnsweredCallStatus, RunRequest};
use meanwhile_guest::bindings::storage::{Claim, Guard, Unit};
use meanwhile_guest::bindings::types::{
    DependencyFailurePolicy, EdgeStatus, Instant, JobState, JobStatus, Run, RunStatus, UnansweredPolicy,
};

use super::call::{Actor, Call};
use super::ledger::Stop;
use super::logic::Tool;
use super::setting::SECOND;
use super::store::Change;
use super::told;
use super::users::{Deed, What};
use super::world::State;
use super::{callers, consistency};

/// A rule.
#[derive(Debug, PartialEq, Eq)]
pub struct Invariant {
    pub name: &'static str,
    pub sentence: &'static str,
}

macro_rules! invariants {
    ($($id:ident $name:literal $sentence:literal;)+) => {
        $(pub const $id: Invariant = Invariant { name: $name, sentence: $sentence };)+
        /// All of them.
        pub const ALL: &[Invariant] = &[$($id),+];
    };
}

invariants! {
    NO_PANIC "no-panic" "The logic never panics.";
    SLOT_ONCE "slot-once" "A slot has one run, and what ended stays as it ended.";
    FENCED "fenced" "A write under an old token never lands.";
    STOPPED "stopped" "Nothing starts after a pause or a cancellation was acknowledged, until it is resumed.";
    ACCOUNTED "accounted" "Every due slot is a run or lies in one recorded stretch, once; nothing else runs.";
    GROWING "growing" "Revisions and tokens only grow.";
    LIFECYCLE "lifecycle" "Every change of status is in the table, and what ended stays ended.";
    TOLD "told" "Every ended run told what its job's policy promises, once.";
    HISTORY "history" "Every change of status is in the history of its job, or told by its run.";
    SUBMITTED "submitted" "A run is submitted once an attempt, after the commit that recorded it.";
    OPEN_RUN "open-run" "A job's open run is its one run that is not final.";
    AWAKE "awake" "A live job has something due, or a reason to wait.";
    EDGES "edges" "The count of unmet dependencies is that of the edges, and dependents hear of an end.";
    BUDGET "budget" "No job runs more often than its budget and its iterations allow.";
    COUNTED "counted" "What a job counts is what its runs say; each attempt counts once.";
    NO_SPIN "no-spin" "A job is not claimed again and again without getting on.";
    DECIDED "decided" "Every due job and every result can be decided.";
    CALLS "calls" "A run's call changes only what its tenant allows, and only while the run is open under its token.";
    APPROVED "approved" "A call that needs approval is handed to one attempt, after a yes of the person, or the silence that counts as one.";
    OFFSPRING "offspring" "Jobs that runs create are counted, and no limit on them is passed.";
    KEYS "keys" "An idempotency key always answers with the same job.";
    COMES_TO_REST "comes-to-rest" "Without faults the world comes to rest.";
}

/// A rule that did not hold.
#[derive(Clone, Debug)]
pub struct Violation {
    pub invariant: &'static Invariant,
    pub job: Option<usize>,
    pub text: String,
}

/// Notes a violation unless `holds`.
pub fn check(
    state: &mut State,
    holds: bool,
    invariant: &'static Invariant,
    job: usize,
    text: impl FnOnce() -> String,
) {
    if !holds {
        state.broken(Violation {
            invariant,
            job: Some(job),
            text: text(),
        });
    }
}

/// Claims of one job within so many milliseconds that are too many.
const SPIN_MS: i64 = 4 * SECOND;
const SPIN_CLAIMS: usize = 30;

/// A job was claimed.
pub fn claimed(state: &mut State, job: usize, claim: &Claim) {
    let now = state.now;
    let known = state.ledger.job(job);
    let before = std::mem::replace(&mut known.token, claim.token);
    known.claims.push_back(now);
    if known.claims.len() > SPIN_CLAIMS {
        known.claims.pop_front();
    }
    let spins =
        known.claims.len() == SPIN_CLAIMS && known.claims.front().is_some_and(|first| now - first < SPIN_MS);
    check(state, claim.token > before, &GROWING, job, || {
        format!("token {} after {before}", claim.token)
    });
    check(state, !spins, &NO_SPIN, job, || {
        format!("claimed {SPIN_CLAIMS} times within {SPIN_MS} ms")
    });
}

/// A run was handed to a pipeline.
pub fn submitted(state: &mut State, request: &RunRequest) {
    let ends = state
        .store
        .run_index(&request.run_id)
        .zip(state.store.job_index(&request.job_id));
    let Some((run, job)) = ends else {
        state.broken(Violation {
            invariant: &SUBMITTED,
            job: None,
            text: format!("{} was submitted and is not recorded", request.run_id),
        });
        return;
    };
    let recorded = state.store.runs[run].token;
    check(state, recorded >= request.token, &SUBMITTED, job, || {
        format!("token {} was submitted, {recorded} is recorded", request.token)
    });
    let first = state.ledger.submitted(run, request.token, request.task);
    check(state, first, &SUBMITTED, job, || {
        format!(
            "{:?} under token {} was submitted twice",
            request.task, request.token
        )
    });
    approved(state, request, job);
}

/// A run may make a call that it could not make by itself.
fn approved(state: &mut State, request: &RunRequest, job: usize) {
    let Some(answered) = &request.answered_call else {
        return;
    };
    if answered.status != AnsweredCallStatus::Approved {
        return;
    }
    let policy = state.store.jobs[job].job.spec.tool_policy.as_ref();
    let silence = policy.is_some_and(|policy| policy.unanswered == Some(UnansweredPolicy::Approve));
    let known = state.ledger.job(job);
    let first = known.approved_runs.insert(request.run_id.clone());
    let (approved, yeses) = (known.approved_runs.len() as u64, known.yeses);
    check(state, first && request.attempt == 1, &APPROVED, job, || {
        format!(
            "attempt {} of {} is told that it may make the call",
            request.attempt, request.run_id
        )
    });
    check(state, silence || approved <= yeses, &APPROVED, job, || {
        format!("{approved} calls were approved by {yeses} yeses")
    });
}

/// A unit was applied: everything that it changed is looked at.
pub fn applied(state: &mut State, call: &Call, unit: &Unit, changes: Vec<Change>) {
    for guard in &unit.guards {
        if let Guard::Claim(at) = guard
            && let Some(job) = state.store.job_index(&at.job)
        {
            let latest = state.ledger.job(job).token;
            check(state, at.token == latest, &FENCED, job, || {
                format!("a unit under token {} landed; the latest is {latest}", at.token)
            });
        }
    }
    let mut jobs: Vec<usize> = Vec::with_capacity(2);
    let before: Vec<(usize, &JobState)> = changes
        .iter()
        .filter_map(|change| match change {
            Change::JobUpdated { job, before } => Some((*job, &before.0)),
            _ => None,
        })
        .collect();
    if let Actor::Run(by) = call.actor {
        callers::applied(state, by, unit, &before, &changes);
    }
    for change in &changes {
        match change {
            Change::JobInserted(job) | Change::JobUpdated { job, .. } => {
                jobs.push(*job);
                job_written(
                    state,
                    call,
                    *job,
                    before
                        .iter()
                        .find(|(index, _)| index == job)
                        .map(|(_, state)| *state),
                );
            }
            Change::RunInserted(run) => run_written(state, call, *run, None),
            Change::RunUpdated { run, before } => run_written(state, call, *run, Some(before)),
            Change::Edge { dependent } => {
                consistency::edge_written(state, *dependent);
                if !jobs.contains(dependent) {
                    jobs.push(*dependent);
                }
            }
            Change::MessageInserted(message) => {
                let message = &state.store.messages[*message];
                let said = format!("told: {:?}", message.kind);
                let job = state.store.job_index(&message.job);
                state.log(job, said);
            }
            // Read together with the write of its job.
            Change::StatusChange(_) => {}
        }
    }
    told::unit(state, call, &before, &changes);
    for job in jobs {
        consistency::job(state, job);
    }
}

fn job_written(state: &mut State, call: &Call, index: usize, before: Option<&JobState>) {
    let job = &state.store.jobs[index].job;
    let revision = job.revision;
    let said = format!(
        "{:?}{} rev {revision} next {:?} due {:?} open {} ({} {:?})",
        job.state.status,
        job.state
            .status_reason
            .as_ref()
            .map_or(String::new(), |why| format!(" {}", why.code)),
        job.state.next_fire,
        job.state.due_at,
        job.state.open_run.is_some(),
        call.host,
        call.actor,
    );
    let (status, resume_at) = (job.state.status, before.and_then(|before| before.resume_at));
    let latest = state.store.runs_of(index).next_back().map(|run| run.slot);
    let known = state.ledger.job(index);
    let last = std::mem::replace(&mut known.revision, revision);
    let job = &state.store.jobs[index].job;
    let open = |of: &JobState| {
        of.approval
            .as_ref()
            .is_some_and(|approval| approval.decision.is_none())
    };
    // Silence is taken for an answer, and an answer asks for a run.
    let silence = before.is_some_and(open) && job.state.approval.is_some() && !open(&job.state);
    known.follow(job, call.actor.asks() || silence, latest);
    state.log(Some(index), said);
    check(state, revision > last, &GROWING, index, || {
        format!("revision {revision} after {last}")
    });
    callers::counted(state, index);
    let Some(before) = before else { return };
    callers::revived(state, call, index, before);
    let from = before.status;
    check(state, reachable(from, status), &LIFECYCLE, index, || {
        format!("{from:?} became {status:?}")
    });
    if call.actor.asks() {
        return;
    }
    check(
        state,
        from != JobStatus::Failed || matches!(status, JobStatus::Failed | JobStatus::Archived),
        &LIFECYCLE,
        index,
        || format!("FAILED became {status:?}, and nobody asked for it"),
    );
    let paused_on = from == JobStatus::Paused && !matches!(status, JobStatus::Paused | JobStatus::Cancelled);
    let may = resume_at.is_some_and(|at| at <= state.now + state.setting.skew_ms);
    check(state, !paused_on || may, &STOPPED, index, || {
        format!("PAUSED until {resume_at:?} became {status:?} by itself")
    });
    if paused_on && may {
        let now = state.now;
        state.ledger.resumed(index, now);
    }
}

/// The table of ARCHITECTURE.md, written down once more.
fn next(from: JobStatus) -> &'static [JobStatus] {
    use JobStatus::{Active, Archived, Blocked, Cancelled, Completed, Failed, InProgress, Paused, Pending};
    match from {
        Pending => &[Active, Blocked, Paused, Cancelled],
        Active => &[InProgress, Paused, Blocked, Completed, Failed, Cancelled],
        InProgress => &[Active, Completed, Failed, Blocked, Paused, Cancelled],
        Blocked => &[Pending, Active, Failed, Cancelled],
        Paused => &[Pending, Active, Cancelled],
        Failed => &[Archived, Active],
        Completed | Cancelled => &[Archived],
        Archived => &[],
    }
}

pub fn ended(status: JobStatus) -> bool {
    use JobStatus::{Archived, Cancelled, Completed, Failed};
    matches!(status, Completed | Failed | Cancelled | Archived)
}

/// Whether a unit may take a job from here to there: in a few steps of the table, none of which
/// leaves an end but the first.
fn reachable(from: JobStatus, to: JobStatus) -> bool {
    const STEPS_MAX: usize = 4;
    let mut front = vec![from];
    for _ in 0..STEPS_MAX {
        if front.contains(&to) {
            return true;
        }
        front = front
            .iter()
            .filter(|at| **at == from || !ended(**at))
            .flat_map(|at| next(*at).iter().copied())
            .collect();
    }
    front.contains(&to)
}

pub fn is_final(status: RunStatus) -> bool {
    !matches!(
        status,
        RunStatus::Executing | RunStatus::Waiting | RunStatus::Analysing
    )
}

fn run_written(state: &mut State, call: &Call, index: usize, before: Option<&Run>) {
    let run = state.store.runs[index].clone();
    let Some(job) = state.store.job_index(&run.job) else {
        return;
    };
    state.log(
        Some(job),
        format!(
            "run of slot {}: {:?} attempt {} token {} slots {}",
            run.slot, run.status, run.attempt, run.token, run.slots
        ),
    );
    if let Some(before) = before {
        check(state, !is_final(before.status), &SLOT_ONCE, job, || {
            format!(
                "the run of slot {} was {:?} and became {:?}",
                run.slot, before.status, run.status
            )
        });
        check(state, run.token >= before.token, &GROWING, job, || {
            format!("run token {} after {}", run.token, before.token)
        });
    } else {
        let known = state.ledger.job(job);
        if let Some(stretch) = known.stretches.len().checked_sub(1) {
            known.recorded.insert(run.slot, stretch);
        }
        let row = &state.store.jobs[job];
        let here = row.runs.range((run.slot, 0)..=(run.slot, usize::MAX)).count();
        check(state, here == 1, &SLOT_ONCE, job, || {
            format!("slot {} has {here} runs", run.slot)
        });
    }
    let starts = run.status == RunStatus::Executing
        && before.is_none_or(|before| before.attempt < run.attempt || before.status != RunStatus::Executing);
    if starts {
        may_start(state, call, job, &run);
        if before.is_none() {
            within_budget(state, job);
        }
    }
}

/// A run was recorded as started.
fn may_start(state: &mut State, call: &Call, job: usize, run: &Run) {
    let status = state.store.jobs[job].job.state.status;
    check(state, status == JobStatus::InProgress, &STOPPED, job, || {
        format!("a run starts while the job is {status:?}")
    });
    let slack = state.setting.skew_ms;
    if let Some(stop) = state.ledger.job(job).stopped {
        let over = stop.until.is_some_and(|until| until <= state.now + slack);
        check(state, over, &STOPPED, job, || {
            format!(
                "{:?} of host {} starts slot {} after {stop:?}",
                call.actor, call.host, run.slot
            )
        });
    }
    let edges: Vec<EdgeStatus> = state.store.edges_of(job).map(|(_, edge)| edge.status).collect();
    let spec = &state.store.jobs[job].job.spec;
    let first = run.attempt == 1 && state.store.jobs[job].job.state.run_count == 1;
    let minds = spec.on_dependency_failure != DependencyFailurePolicy::Run && !state.ledger.job(job).released;
    let waits = run.attempt == 1 && edges.contains(&EdgeStatus::Waiting);
    let broken = first && minds && edges.contains(&EdgeStatus::Broken);
    check(state, !waits && !broken, &EDGES, job, || {
        format!("slot {} starts with dependencies {edges:?}", run.slot)
    });
    let token = state.ledger.job(job).token;
    check(state, run.token == token, &FENCED, job, || {
        format!("a run starts under token {}; the latest is {token}", run.token)
    });
}

/// A new run was recorded: counted with it, the job is within what it may spend.
fn within_budget(state: &mut State, job: usize) {
    let row = &state.store.jobs[job].job;
    let zone = row
        .spec
        .trigger
        .timezone
        .as_deref()
        .and_then(|zone| zone.parse().ok());
    let now = chrono::DateTime::from_timestamp_millis(row.updated_at).unwrap_or_default();
    let today = now
        .with_timezone(&zone.unwrap_or(chrono_tz::Tz::UTC))
        .date_naive();
    let Some(budget) = row.spec.budget else {
        state.ledger.job(job).count_start(today);
        return;
    };
    let runs = state.store.runs_of(job).filter(|run| run.attempt > 0).count();
    let today_runs = state.ledger.job(job).count_start(today);
    let within = budget.max_runs.is_none_or(|max| runs <= max as usize)
        && budget.max_runs_per_day.is_none_or(|max| today_runs <= max);
    check(state, within, &BUDGET, job, || {
        format!("{runs} runs, {today_runs} of them on {today}; {budget:?}")
    });
}

/// A person was told that a call was done.
pub fn acknowledged(state: &mut State, deed: &Deed, answer: Option<&str>) {
    // A run may end the pause of a run: nobody was promised anything.
    let promised = deed.caller.run.is_none();
    let What::Tool(tool) = &deed.what else { return };
    let stop = |for_good, until| Stop {
        at: state.now,
        for_good,
        until,
    };
    match tool {
        Tool::Pause(request) => {
            let until = request.until.as_deref().map(instant);
            let stop = stop(false, until);
            if let Some(job) = deed.job.filter(|_| promised) {
                state.ledger.stopped(job, stop, deed.began);
            }
        }
        Tool::Cancel(_) => {
            let stop = stop(true, None);
            if let Some(job) = deed.job {
                state.ledger.stopped(job, stop, deed.began);
            }
        }
        Tool::Create(request) => {
            let (Some(key), Some(id)) = (&request.idempotency_key, answer) else {
                return;
            };
            let first = state
                .ledger
                .keys
                .entry(key.clone())
                .or_insert_with(|| id.to_owned());
            let same = first == id;
            let job = state.store.job_index(id).unwrap_or(0);
            check(state, same, &KEYS, job, || {
                format!("{key} answered with two jobs")
            });
        }
        Tool::Update(_) => {}
    }
}

fn instant(text: &str) -> Instant {
    chrono::DateTime::parse_from_rfc3339(text).map_or(Instant::MAX, |at| at.timestamp_millis())
}
