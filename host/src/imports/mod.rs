//! What the component can reach: one file an interface. The state of a call binds the tenant, so
//! that no signature has to name it.

mod agent_pipeline;
mod guard;
pub mod random;
mod storage;
mod timers;
mod wall_clock;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use wasmtime::component::{HasSelf, Linker};
use wasmtime::{ResourceLimiter, UpdateDeadline};

use self::random::Random;
use crate::background::{Background, Demotion};
use crate::clock::Clock;
use crate::cpu::Spent;
use crate::events::Change;
use crate::limits;
use crate::search::Search;
use crate::storage::Storage;
use crate::tenants::Allowance;
use crate::turns::{Turn, Turns};
use crate::wit::Jobs;
use crate::wit::agent_pipeline::{RunRequest, Task};
use crate::wit::runner::FinishedRun;
use crate::wit::storage::JobToken;
use crate::wit::types::Instant;

/// Where calls of `agent-pipeline` and `timers` go, at once. The runtime implements it.
pub trait Outlet: Send + Sync + 'static {
    /// Starts runs; the same (run, token) again has no effect.
    fn submit(&self, requests: Vec<RunRequest>);
    /// Stops a run, if it executes here.
    fn cancel(&self, run: &str);
    /// Whether the agent can carry out `judge` tasks.
    fn can_judge(&self) -> bool;
    /// Something is due at `at`.
    fn arm(&self, at: Instant);
    /// Storage did not answer a call of the component.
    fn storage_failed(&self) {}
    /// The component wrote messages, or changed how they are delivered.
    fn messages_written(&self) {}
    /// Whether anybody wants to know what is written.
    fn is_watched(&self) -> bool {
        false
    }
    /// The component wrote this.
    fn changed(&self, _changes: Vec<Change>) {}
}

/// What all calls of one tenant share.
pub struct TenantContext {
    /// Its name: the one whose rows the calls see.
    pub tenant: String,
    /// Who takes the leases.
    pub owner: String,
    /// What `storage` is answered from.
    pub storage: Arc<dyn Storage>,
    /// What searches jobs in it.
    pub search: Arc<Search>,
    /// What `wasi:clocks` answers, and what leases are counted by.
    pub clock: Arc<dyn Clock>,
    /// What `agent-pipeline` and `timers` reach.
    pub outlet: Arc<dyn Outlet>,
    /// What `wasi:random` answers.
    pub random: Arc<dyn Random>,
    /// What the tenant may use.
    pub allowance: Arc<Allowance>,
}

impl TenantContext {
    /// Logs a line about the tenant, as long as there are not too many.
    pub(crate) fn log(&self, line: impl FnOnce(&str)) {
        let log_lines = self.allowance.log_lines();
        log_lines.write(&self.tenant, || line(&self.tenant));
    }
}

/// A limit of the sandbox that a call ran into.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum LimitReached {
    /// More CPU time than the tenant allows one call.
    #[error("the component computed for longer than it may")]
    Cpu,
    /// More calls of imports than [`HOST_CALLS_MAX`](limits::HOST_CALLS_MAX).
    #[error("the component called the host more than {} times", limits::HOST_CALLS_MAX)]
    HostCalls,
    /// A read of more bytes than [`READ_BYTES_MAX`](limits::READ_BYTES_MAX).
    #[error("the component asked for more rows than fit into its memory")]
    Memory,
    /// Something that no component of good faith does; the text names it.
    #[error("the component did what it may not: {0}")]
    Permission(&'static str),
}

/// The state of one call: lives and dies with its instance.
pub struct CallState {
    pub(crate) context: Arc<TenantContext>,
    host_calls_left: u32,
    /// CPU time: of this call, as far as its tenant was charged, and at most.
    spent: Arc<Spent>,
    charged: Duration,
    cpu_max: Duration,
    turns: Arc<Turns>,
    /// The turn of a call that needs one. Shared with the wait for it, which outlives no call.
    turn: Arc<Mutex<Option<Turn>>>,
    demotion: Arc<Demotion>,
    memory_bytes: usize,
    memory_bytes_max: usize,
    /// The guest asked for more memory than it may have.
    pub(crate) memory_refused: bool,
    /// Jobs that this call may still claim, and has claimed.
    claims_left: u32,
    claimed: u32,
    /// Claims, as (job, token), under which this call may submit one run each, with the run that it
    /// did submit: those it took, or those of the runs it settles.
    submittable: HashMap<(String, u64), Option<(String, Task)>>,
}

impl CallState {
    pub(crate) fn new(context: Arc<TenantContext>, turns: Arc<Turns>, background: &Arc<Background>) -> Self {
        let allowed = context.allowance.limits();
        Self {
            context,
            host_calls_left: limits::HOST_CALLS_MAX,
            spent: Arc::default(),
            charged: Duration::ZERO,
            cpu_max: allowed.cpu_per_call(),
            turns,
            turn: Arc::default(),
            demotion: Arc::new(Demotion::to(background)),
            memory_bytes: 0,
            memory_bytes_max: usize::try_from(allowed.memory_bytes_per_call).unwrap_or(usize::MAX),
            memory_refused: false,
            claims_left: 0,
            claimed: 0,
            submittable: HashMap::new(),
        }
    }

    /// Begins a further call of the same instance: its limits are full again.
    pub(crate) fn next_call(&mut self) {
        self.host_calls_left = limits::HOST_CALLS_MAX;
        self.charge();
        (self.spent, self.charged) = (Arc::default(), Duration::ZERO);
        self.end_turn();
        (self.claims_left, self.claimed) = (0, 0);
        self.submittable.clear();
    }

    /// This call is a poll: it may claim so many jobs, and start a run of each.
    pub(crate) fn may_claim(&mut self, jobs: u32) {
        self.claims_left = jobs;
    }

    /// This call settles runs: it may have each of them judged.
    pub(crate) fn may_judge(&mut self, finished: &[FinishedRun]) {
        let claims = finished.iter().map(|run| (run.job_id.clone(), run.token));
        self.submittable.extend(claims.map(|claim| (claim, None)));
    }

    /// Jobs that this call has claimed.
    pub(crate) fn claimed(&self) -> u32 {
        self.claimed
    }

    /// Counts a call of an import. Every import begins with it.
    fn count_host_call(&mut self) -> Result<(), LimitReached> {
        self.host_calls_left = self
            .host_calls_left
            .checked_sub(1)
            .ok_or(LimitReached::HostCalls)?;
        Ok(())
    }

    /// What counts the work that is done for this call.
    pub(crate) fn spent(&self) -> &Arc<Spent> {
        &self.spent
    }

    /// Begins the call. A tenant that is ahead of its share waits for a turn before.
    pub(crate) async fn begin(&self) {
        self.turns.called(&self.context.allowance);
        self.take_turn().await;
    }

    /// Looks at the CPU time at every tick that the guest computes; others' work goes first.
    pub(crate) fn tick(&mut self) -> Result<UpdateDeadline, LimitReached> {
        self.charge();
        if self.charged > self.cpu_max {
            return Err(LimitReached::Cpu);
        }
        self.end_turn();
        if !self.needs_turn() {
            return Ok(UpdateDeadline::Yield(1));
        }
        self.demotion.demote();
        let context = Arc::clone(&self.context);
        let (turns, turn) = (Arc::clone(&self.turns), Arc::clone(&self.turn));
        let wait = async move {
            let next = turns.take(&context.allowance).await;
            *turn.lock().unwrap_or_else(PoisonError::into_inner) = next;
            // A turn begins behind everything that is ready to go on.
            tokio::task::yield_now().await;
        };
        Ok(UpdateDeadline::YieldCustom(1, Box::pin(wait)))
    }

    /// Charges the tenant with what this call took since it was charged last.
    pub(crate) fn charge(&mut self) {
        let spent = self.spent.so_far();
        let new = spent.saturating_sub(self.charged);
        self.context.allowance.spend(new, self.turns.share());
        self.charged = spent;
    }

    /// Tells whether this call takes turns.
    pub(crate) fn demotion(&self) -> &Arc<Demotion> {
        &self.demotion
    }

    pub(crate) fn turns(&self) -> &Arc<Turns> {
        &self.turns
    }

    /// Whether this call computes for long, or its tenant has computed much, and others are there.
    fn needs_turn(&self) -> bool {
        let allowance = &self.context.allowance;
        let much = self.spent.so_far() >= limits::CALL_CPU_FREE || !allowance.has_credit(self.turns.share());
        much && self.turns.is_crowded(allowance)
    }

    /// Waits for a turn where this call needs one and has none: before work that is done for it
    /// elsewhere, and without a tick.
    async fn take_turn(&self) {
        let has_one = self.turn.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        if !has_one && self.needs_turn() {
            self.demotion.demote();
            let next = self.turns.take(&self.context.allowance).await;
            *self.turn.lock().unwrap_or_else(PoisonError::into_inner) = next;
        }
    }

    fn end_turn(&self) {
        drop(self.turn.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Claims of a poll for which no run was submitted.
    pub(crate) fn unused_claims(&mut self) -> Vec<JobToken> {
        let unused = self.submittable.drain().filter(|(_, run)| run.is_none());
        unused.map(|((job, token), _)| JobToken { job, token }).collect()
    }
}

impl ResourceLimiter for CallState {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        let granted = total <= self.memory_bytes_max;
        if granted {
            self.memory_bytes = total;
        } else {
            self.memory_refused = true;
        }
        Ok(granted)
    }

    fn table_growing(
        &mut self,
        _current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= limits::GUEST_TABLE_ELEMENTS_MAX)
    }

    fn instances(&self) -> usize {
        limits::GUEST_CORE_INSTANCES_MAX as usize
    }

    fn tables(&self) -> usize {
        limits::GUEST_TABLES_MAX as usize
    }

    fn memories(&self) -> usize {
        limits::GUEST_MEMORIES_MAX as usize
    }
}

/// A linker that offers the world's imports, and nothing else.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<CallState>> {
    let mut linker = Linker::new(engine);
    Jobs::add_to_linker::<CallState, HasSelf<CallState>>(&mut linker, |state| state)?;
    Ok(linker)
}

impl crate::wit::types::Host for CallState {}
