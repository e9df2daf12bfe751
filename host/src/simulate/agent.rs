//! The simulated pipeline: a run takes its time on the simulation's clock and ends as the seed
//! says. It does nothing else.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::random::share;
use super::{Plan, RunUsage};
use crate::agent::{answer, cancelled, failure};
use crate::clock::{Clock as _, ManualClock};
use crate::imports::Outlet;
use crate::wit::agent_pipeline::{Outcome, OutcomeStatus, RunRequest};
use crate::wit::runner::FinishedRun;
use crate::wit::storage::JobToken;
use crate::wit::types::{ErrorClass, Instant};

/// What every good run says: the same each time, so a job that tells only changes is silent.
const OUTPUT: &str = "Simulated.";

/// Carries out runs on the simulation's clock.
pub(super) struct Pipeline {
    clock: Arc<ManualClock>,
    seed: u64,
    fail_rate: f64,
    run_ms: i64,
    /// What a run uses, by job; the first where the job has none of its own.
    usage: (RunUsage, HashMap<String, RunUsage>),
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// What executes, by when it ends and the order of its start.
    executing: BTreeMap<(Instant, u64), FinishedRun>,
    attempts: u64,
    attempts_of: HashMap<String, u64>,
    started: HashSet<String>,
    /// Started since the leases were last renewed.
    fresh: Vec<JobToken>,
}

impl Pipeline {
    pub(super) fn new(plan: &Plan, clock: Arc<ManualClock>, means: HashMap<String, RunUsage>) -> Self {
        let given = |mean: RunUsage| RunUsage {
            tokens: plan.runs.tokens.unwrap_or(mean.tokens),
            cost_usd: plan.runs.cost_usd.unwrap_or(mean.cost_usd),
        };
        let own = means.into_iter().map(|(job, mean)| (job, given(mean))).collect();
        Self {
            clock,
            seed: plan.seed,
            fail_rate: plan.faults.fail_rate,
            run_ms: i64::from(plan.runs.seconds) * 1_000,
            usage: (given(RunUsage::default()), own),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn executing(&self) -> usize {
        self.state().executing.len()
    }

    /// Attempts so far.
    pub(super) fn attempts(&self) -> u64 {
        self.state().attempts
    }

    /// Attempts of a job.
    pub(super) fn attempts_of(&self, job: &str) -> u64 {
        self.state().attempts_of.get(job).copied().unwrap_or(0)
    }

    /// Whether this run had an attempt here.
    pub(super) fn has_started(&self, run: &str) -> bool {
        self.state().started.contains(run)
    }

    /// When the first of what executes ends.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.state().executing.keys().next().map(|(at, _)| *at)
    }

    /// When the last of what executes ends, and the leases of what was started since the last call.
    pub(super) fn fresh_leases(&self) -> (Option<Instant>, Vec<JobToken>) {
        let mut state = self.state();
        let last = state.executing.keys().next_back().map(|(at, _)| *at);
        (last, std::mem::take(&mut state.fresh))
    }

    /// Takes at most `limit` runs that have ended by `now`, in the order of their ends.
    pub(super) fn take_ended(&self, now: Instant, limit: usize) -> Vec<FinishedRun> {
        let mut state = self.state();
        let mut ended = Vec::new();
        while ended.len() < limit
            && let Some(first) = state.executing.first_entry()
            && first.key().0 <= now
        {
            ended.push(first.remove());
        }
        ended
    }

    /// The host went down: what executed has no end.
    pub(super) fn lose_all(&self) {
        let mut state = self.state();
        state.executing.clear();
        state.fresh.clear();
    }

    /// How an attempt ends, and when.
    fn carry_out(&self, request: &RunRequest) -> (Instant, Outcome) {
        let now = self.clock.now();
        let end = now.saturating_add(self.run_ms);
        let mut outcome = if end > request.deadline {
            let seconds = request.deadline.saturating_sub(now) / 1_000;
            failure(ErrorClass::Transient, format!("timed out after {seconds} s"))
        } else {
            let attempt = request.attempt.to_string();
            let about = [request.job_id.as_str(), &request.scheduled_for, &attempt];
            if share(self.seed, &about) < self.fail_rate {
                failure(ErrorClass::Transient, "a simulated failure")
            } else {
                answer(OutcomeStatus::Ok, OUTPUT.to_owned())
            }
        };
        let end = end.min(request.deadline);
        let (usual, own) = &self.usage;
        let usage = own.get(&request.job_id).unwrap_or(usual);
        outcome.usage.tokens_in = usage.tokens;
        outcome.usage.cost_usd = usage.cost_usd;
        outcome.usage.seconds = end.saturating_sub(now) as f64 / 1_000.0;
        (end, outcome)
    }
}

impl Outlet for Pipeline {
    fn submit(&self, requests: Vec<RunRequest>) {
        for request in requests {
            let (end, outcome) = self.carry_out(&request);
            let mut state = self.state();
            state.attempts += 1;
            let order = state.attempts;
            *state.attempts_of.entry(request.job_id.clone()).or_default() += 1;
            state.started.insert(request.run_id.clone());
            state.fresh.push(JobToken {
                job: request.job_id.clone(),
                token: request.token,
            });
            let finished = FinishedRun {
                run_id: request.run_id,
                job_id: request.job_id,
                token: request.token,
                task: request.task,
                outcome,
            };
            state.executing.insert((end, order), finished);
        }
    }

    fn cancel(&self, run: &str) {
        let mut state = self.state();
        let found = state
            .executing
            .iter()
            .find(|(_, finished)| finished.run_id == run);
        let Some(key) = found.map(|(key, _)| *key) else {
            return;
        };
        if let Some(mut finished) = state.executing.remove(&key) {
            finished.outcome = cancelled();
            state.executing.insert((self.clock.now(), key.1), finished);
        }
    }

    fn can_judge(&self) -> bool {
        false
    }

    /// The simulation asks storage what is due: it needs no hint.
    fn arm(&self, _at: Instant) {}
}
