//! What the component can reach: one file an interface. The state of a call binds the tenant, so
//! that no signature has to name it.

mod agent_pipeline;
pub mod random;
mod storage;
mod timers;
mod wall_clock;

use std::sync::Arc;

use wasmtime::ResourceLimiter;
use wasmtime::component::{HasSelf, Linker};

use self::random::Random;
use crate::clock::Clock;
use crate::limits;
use crate::storage::Storage;
use crate::wit::Jobs;
use crate::wit::agent_pipeline::RunRequest;
use crate::wit::storage::JobToken;
use crate::wit::types::Instant;

/// Where calls of `agent-pipeline` and `timers` go, at once. The runtime implements it.
pub trait Outlet: Send + Sync + 'static {
    /// Starts runs; the same (run, token) again has no effect.
    fn submit(&self, requests: Vec<RunRequest>);
    /// Stops a run, if it executes here.
    fn cancel(&self, run: &str);
    fn can_judge(&self) -> bool;
    /// Something is due at `at`.
    fn arm(&self, at: Instant);
}

/// What all calls of one tenant share.
pub struct TenantContext {
    pub tenant: String,
    /// Who takes the leases.
    pub owner: String,
    pub storage: Arc<dyn Storage>,
    pub clock: Arc<dyn Clock>,
    pub outlet: Arc<dyn Outlet>,
    /// What `wasi:random` answers.
    pub random: Arc<dyn Random>,
}

/// A limit of the sandbox that a call ran into.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum LimitReached {
    #[error("the component computed for longer than {} ticks", limits::CPU_TICKS_MAX)]
    Cpu,
    #[error("the component called the host more than {} times", limits::HOST_CALLS_MAX)]
    HostCalls,
}

/// The state of one call: lives and dies with its instance.
pub struct CallState {
    pub(crate) context: Arc<TenantContext>,
    host_calls_left: u32,
    ticks_left: u64,
    memory_bytes: usize,
    /// The guest asked for more memory than it may have.
    pub(crate) memory_refused: bool,
    /// Claims that this call took, and jobs whose runs it submitted.
    pub(crate) claims: Vec<JobToken>,
    pub(crate) submitted_jobs: Vec<String>,
}

impl CallState {
    pub(crate) fn new(context: Arc<TenantContext>) -> Self {
        Self {
            context,
            host_calls_left: limits::HOST_CALLS_MAX,
            ticks_left: limits::CPU_TICKS_MAX,
            memory_bytes: 0,
            memory_refused: false,
            claims: Vec::new(),
            submitted_jobs: Vec::new(),
        }
    }

    /// Begins a further call of the same instance: its limits are full again.
    pub(crate) fn next_call(&mut self) {
        self.host_calls_left = limits::HOST_CALLS_MAX;
        self.ticks_left = limits::CPU_TICKS_MAX;
        self.claims.clear();
        self.submitted_jobs.clear();
    }

    /// Counts a call of an import. Every import begins with it.
    fn count_host_call(&mut self) -> Result<(), LimitReached> {
        self.host_calls_left = self
            .host_calls_left
            .checked_sub(1)
            .ok_or(LimitReached::HostCalls)?;
        Ok(())
    }

    /// Counts a tick of the CPU meter.
    pub(crate) fn count_tick(&mut self) -> Result<(), LimitReached> {
        self.ticks_left = self.ticks_left.checked_sub(1).ok_or(LimitReached::Cpu)?;
        Ok(())
    }

    /// Claims for which no run was submitted.
    pub(crate) fn unused_claims(self) -> Vec<JobToken> {
        let Self {
            mut claims,
            submitted_jobs,
            ..
        } = self;
        claims.retain(|claim| !submitted_jobs.contains(&claim.job));
        claims
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
        let granted = total <= limits::GUEST_MEMORY_BYTES_MAX;
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
