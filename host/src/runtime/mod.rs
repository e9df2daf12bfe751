//! The loops that keep the promises: each tenant's poll what is due, carry runs out, settle what
//! ended and renew leases; one of the host delivers messages. Each step is a function that can be
//! called by hand; the loops around them only wait.

mod advance;
mod attempt;
mod day_budget;
mod delivery;
mod leases;
mod pipeline;
mod poll;
mod progress;
mod retention;
mod settle;
#[cfg(test)]
mod tests;
mod wake;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use advance::advance;
pub(crate) use day_budget::DAY_MS;
pub use day_budget::{DayBudget, Refusal};
pub(crate) use delivery::Outbox;
pub use delivery::{Delivery, Inbox};
pub(crate) use retention::tidy;
pub use retention::{Retention, Tidied};

use pipeline::Pipeline;
use wake::Wake;

use crate::agent::Agent;
use crate::clock::Clock;
use crate::component::Component;
use crate::imports::TenantContext;
use crate::imports::random::SystemRandom;
use crate::limits;
use crate::search::Search;
use crate::storage::Storage;
use crate::tenants::{Allowance, RunTokens, TenantLimits};
use crate::wit::runner::FinishedRun;

/// What a runtime is made of.
pub(crate) struct Parts {
    pub(crate) component: Arc<Component>,
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) search: Arc<Search>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) agent: Arc<dyn Agent>,
    pub(crate) tenant: String,
    /// Unique to this host: leases are taken under it.
    pub(crate) owner: String,
    pub(crate) limits: TenantLimits,
    /// Where the tokens of its runs are.
    pub(crate) tokens: Arc<RunTokens>,
    /// Told whenever a message was written.
    pub(crate) messages: Arc<Notify>,
}

/// The runtime of one tenant. Lives as long as the tenant is served.
pub(crate) struct Runtime {
    component: RwLock<Arc<Component>>,
    pub(crate) context: Arc<TenantContext>,
    pub(crate) pipeline: Pipeline,
    pub(crate) figures: Counters,
    wake: Arc<Wake>,
    last_renewal: AtomicI64,
    poll_gate: tokio::sync::Mutex<poll::Pace>,
    /// Held by polls under way: by one alone, or by two where much is due.
    polls: tokio::sync::RwLock<()>,
    /// Told when a second poll may go on beside the first.
    much_due: Notify,
    ended: Mutex<Option<mpsc::UnboundedReceiver<FinishedRun>>>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    /// No new claims.
    closing: CancellationToken,
    /// No new work at all.
    closed: CancellationToken,
}

/// Figures that only grow, and readiness.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) settled: AtomicU64,
    pub(crate) polls: AtomicU64,
    pub(crate) component_failures: AtomicU64,
    /// Storage answered the last poll, and the loop lives.
    pub(crate) ready: AtomicBool,
}

impl Runtime {
    /// A runtime that does nothing yet.
    #[must_use]
    pub(crate) fn new(parts: Parts) -> Arc<Self> {
        let (ended_sender, ended) = mpsc::unbounded_channel();
        let wake = Arc::new(Wake::default());
        let allowance = Arc::new(Allowance::new(parts.limits));
        let pipeline = Pipeline::new(
            parts.tenant.clone(),
            Arc::clone(&parts.storage),
            Arc::clone(&allowance),
            parts.tokens,
            parts.agent,
            Arc::clone(&parts.clock),
            ended_sender,
            Arc::clone(&wake),
            parts.messages,
        );
        let context = Arc::new(TenantContext {
            tenant: parts.tenant,
            owner: parts.owner,
            storage: parts.storage,
            search: parts.search,
            clock: parts.clock,
            outlet: Arc::new(pipeline.clone()),
            random: Arc::new(SystemRandom),
            allowance,
        });
        Arc::new(Self {
            component: RwLock::new(parts.component),
            last_renewal: AtomicI64::new(context.clock.now()),
            context,
            pipeline,
            figures: Counters::default(),
            wake,
            poll_gate: tokio::sync::Mutex::default(),
            polls: tokio::sync::RwLock::default(),
            much_due: Notify::new(),
            ended: Mutex::new(Some(ended)),
            tasks: Mutex::default(),
            closing: CancellationToken::new(),
            closed: CancellationToken::new(),
        })
    }

    /// Cancelled when the tenant is served no longer.
    pub(crate) fn closing(&self) -> CancellationToken {
        self.closing.clone()
    }

    /// The component that serves the next call.
    pub(crate) fn component(&self) -> Arc<Component> {
        Arc::clone(&self.component.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From the next call on another component serves: it takes live jobs over as they are.
    pub(crate) fn replace_component(&self, component: Arc<Component>) {
        *self.component.write().unwrap_or_else(PoisonError::into_inner) = component;
        self.wake.now();
    }

    /// From the next call on these limits hold.
    pub(crate) fn set_limits(&self, limits: TenantLimits) {
        self.context.allowance.set_limits(limits);
        self.wake.now();
    }

    /// Starts the loops. Called twice, it does nothing.
    pub(crate) fn start(self: &Arc<Self>) {
        let Some(ended) = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return;
        };
        self.figures.ready.store(true, Ordering::Relaxed);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.push(tokio::spawn(poll::run(Arc::clone(self))));
        tasks.push(tokio::spawn(poll::assist(Arc::clone(self))));
        tasks.push(tokio::spawn(settle::run(Arc::clone(self), ended)));
        tasks.push(tokio::spawn(leases::run(Arc::clone(self))));
        tasks.push(tokio::spawn(progress::run(Arc::clone(self))));
    }

    /// Something outside the loop may have written rows: look at what is due.
    pub(crate) fn touched(&self) {
        self.wake.now();
    }

    /// Drains: no new claims, a grace time for running attempts, what ended is settled, what did
    /// not is left to its lease.
    pub(crate) async fn drain(&self, grace: Duration) {
        self.closing.cancel();
        self.wake.now();
        // Behind the gate no poll begins any more: when those under way have ended, nothing new is submitted.
        drop((self.poll_gate.lock().await, self.polls.write().await));
        let drained = self.pipeline.wait_until(|live| live.executing() == 0);
        if tokio::time::timeout(grace, drained).await.is_err() {
            self.pipeline.stop_all();
            let stopped = self.pipeline.wait_until(|live| live.executing() == 0);
            // An attempt ends within STOP_GRACE of being told to.
            let _ = tokio::time::timeout(limits::STOP_GRACE * 2, stopped).await;
        }
        let settled = self.pipeline.wait_until(|live| live.unsettled() == 0);
        if tokio::time::timeout(limits::SHUTDOWN_GRACE, settled)
            .await
            .is_err()
        {
            tracing::warn!("some results could not be settled: their runs are resumed by the next host");
        }
        self.closed.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a loop of the host had failed");
            }
        }
    }
}
