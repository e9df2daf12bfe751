//! What one tenant has of what all tenants share, as of now.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::TenantLimits;
use super::log_lines::LogLines;
use crate::limits as host;

/// A tenant's limits as they are now, and its share of what all tenants have: of the calls that may
/// be under way, of the turns to compute, of CPU time.
pub struct Allowance {
    limits: RwLock<TenantLimits>,
    calls: Arc<Semaphore>,
    turn: Arc<Semaphore>,
    cpu: Mutex<CpuCredit>,
    log_lines: LogLines,
}

/// CPU time that a tenant may still take at once, in seconds; below zero: it took more than its share.
struct CpuCredit {
    seconds: f64,
    at: Instant,
}

impl CpuCredit {
    fn at_present(&mut self, share: f64) -> f64 {
        let ahead = host::TENANT_CPU_AHEAD.as_secs_f64();
        let earned = self.at.elapsed().as_secs_f64() * share;
        self.at = Instant::now();
        // Who took very much is not kept waiting for ever.
        self.seconds = (self.seconds + earned).clamp(-ahead, ahead);
        self.seconds
    }
}

impl Default for Allowance {
    fn default() -> Self {
        Self::new(TenantLimits::default())
    }
}

impl Allowance {
    /// Of a tenant that has no call under way and its full credit of CPU time.
    #[must_use]
    pub fn new(limits: TenantLimits) -> Self {
        Self {
            limits: RwLock::new(limits),
            calls: Arc::new(Semaphore::new(host::TENANT_PARALLEL_CALLS_MAX)),
            turn: Arc::new(Semaphore::new(1)),
            cpu: Mutex::new(CpuCredit {
                seconds: host::TENANT_CPU_AHEAD.as_secs_f64(),
                at: Instant::now(),
            }),
            log_lines: LogLines::default(),
        }
    }

    /// Its calls took CPU time; `share` is the part of a core that it may take for long.
    pub(crate) fn spend(&self, cpu: Duration, share: f64) {
        let mut credit = self.cpu.lock().unwrap_or_else(PoisonError::into_inner);
        credit.seconds = credit.at_present(share) - cpu.as_secs_f64();
    }

    /// Whether its calls took no more CPU time than their share.
    pub(crate) fn has_credit(&self, share: f64) -> bool {
        let mut credit = self.cpu.lock().unwrap_or_else(PoisonError::into_inner);
        credit.at_present(share) > 0.0
    }

    /// What is logged about it.
    pub(crate) fn log_lines(&self) -> &LogLines {
        &self.log_lines
    }

    /// Its one turn to compute.
    pub(crate) fn turn(&self) -> &Arc<Semaphore> {
        &self.turn
    }

    /// Those that hold for a call that begins now.
    #[must_use]
    pub fn limits(&self) -> TenantLimits {
        *self.limits.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets other limits: they hold from the next call on.
    pub fn set_limits(&self, limits: TenantLimits) {
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// Waits until every call that is under way has ended, and lets none begin any more.
    pub(crate) async fn close(&self) {
        let all = self
            .calls
            .acquire_many(host::TENANT_PARALLEL_CALLS_MAX as u32)
            .await;
        self.calls.close();
        drop(all);
    }

    /// Calls of this tenant that may still begin.
    pub(crate) fn calls(&self) -> &Arc<Semaphore> {
        &self.calls
    }
}
