//! The loop that keeps the promises: polls what is due, carries runs out, settles what ended,
//! renews leases, delivers messages. Each step is a function that can be called by hand; the
//! loops around them only wait.

mod advance;
mod attempt;
mod delivery;
mod leases;
mod pipeline;
mod poll;
mod settle;
#[cfg(test)]
mod tests;
mod wake;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub use delivery::{Delivery, Inbox};
use pipeline::Pipeline;
use wake::Wake;

use crate::agent::Agent;
use crate::clock::Clock;
use crate::component::Component;
use crate::imports::TenantContext;
use crate::imports::random::SystemRandom;
use crate::limits;
use crate::storage::Storage;
use crate::wit::runner::FinishedRun;
use crate::wit::storage::StorageError;

/// What a runtime is made of.
pub struct Parts {
    pub component: Component,
    pub storage: Arc<dyn Storage>,
    pub clock: Arc<dyn Clock>,
    pub agent: Arc<dyn Agent>,
    pub delivery: Arc<dyn Delivery>,
    pub tenant: String,
    /// Unique to this host: leases are taken under it.
    pub owner: String,
    /// Runs of the tenant that may execute at the same time.
    pub parallel_runs: u32,
}

/// The runtime of one tenant. Lives as long as the process serves.
pub struct Runtime {
    pub(crate) component: Component,
    pub(crate) context: Arc<TenantContext>,
    pub(crate) pipeline: Pipeline,
    pub(crate) figures: Counters,
    parallel_runs: u32,
    wake: Arc<Wake>,
    delivery: Arc<dyn Delivery>,
    messages: Notify,
    last_renewal: AtomicI64,
    poll_gate: tokio::sync::Mutex<poll::Pace>,
    advance_gate: tokio::sync::Mutex<()>,
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
    pub fn new(parts: Parts) -> Arc<Self> {
        let (ended_sender, ended) = mpsc::unbounded_channel();
        let wake = Arc::new(Wake::default());
        let pipeline = Pipeline::new(
            parts.agent,
            Arc::clone(&parts.clock),
            ended_sender,
            Arc::clone(&wake),
        );
        let context = Arc::new(TenantContext {
            tenant: parts.tenant,
            owner: parts.owner,
            storage: parts.storage,
            clock: parts.clock,
            outlet: Arc::new(pipeline.clone()),
            random: Arc::new(SystemRandom),
        });
        Arc::new(Self {
            component: parts.component,
            last_renewal: AtomicI64::new(context.clock.now()),
            context,
            pipeline,
            figures: Counters::default(),
            parallel_runs: parts.parallel_runs.max(1),
            wake,
            delivery: parts.delivery,
            messages: Notify::new(),
            poll_gate: tokio::sync::Mutex::default(),
            advance_gate: tokio::sync::Mutex::default(),
            ended: Mutex::new(Some(ended)),
            tasks: Mutex::default(),
            closing: CancellationToken::new(),
            closed: CancellationToken::new(),
        })
    }

    /// Takes over from former owners where storage allows it, and starts the loops.
    ///
    /// # Errors
    /// When storage does not answer. Called twice, it does nothing.
    pub async fn start(self: &Arc<Self>) -> Result<(), StorageError> {
        let Some(ended) = self.ended.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        let freed = match self.context.storage.take_over(&self.context.owner).await {
            Ok(freed) => freed,
            Err(error) => {
                *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(ended);
                return Err(error);
            }
        };
        if freed > 0 {
            tracing::info!(freed, "leases of a former host were ended: their runs go on here");
        }
        self.figures.ready.store(true, Ordering::Relaxed);
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.push(tokio::spawn(poll::run(Arc::clone(self))));
        tasks.push(tokio::spawn(settle::run(Arc::clone(self), ended)));
        tasks.push(tokio::spawn(leases::run(Arc::clone(self))));
        tasks.push(tokio::spawn(delivery::run(Arc::clone(self))));
        Ok(())
    }

    /// Something outside the loop may have written rows: look at what is due, deliver messages.
    pub fn touched(&self) {
        self.wake.now();
        self.messages.notify_one();
    }

    /// Drains: no new claims, a grace time for running attempts, what ended is settled, what did
    /// not is left to the next host at once.
    pub async fn shutdown(&self) {
        self.closing.cancel();
        self.wake.now();
        // No poll is under way once the gate was passed: nothing new is submitted.
        drop(self.poll_gate.lock().await);
        tracing::info!("draining");
        let drained = self.pipeline.wait_until(|live| live.executing() == 0);
        if tokio::time::timeout(limits::SHUTDOWN_GRACE, drained)
            .await
            .is_err()
        {
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
        if let Err(error) = self.context.storage.release_owner(&self.context.owner).await {
            tracing::warn!(%error, "leases were not released: they lapse by themselves");
        }
        self.context.storage.close().await;
    }
}
