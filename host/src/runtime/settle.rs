//! Settling: hands the ends of runs to the component, in batches of what ended meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use super::Runtime;
use crate::component::CallFailure;
use crate::limits::{self, SETTLE_BYTES_MAX, SETTLE_CALLS_MAX, SETTLE_RUNS_MAX};
use crate::tenants::clipped;
use crate::wit::runner::{FinishedRun, RunnerError};

/// The settle loop. Ends when the runtime is closed. Where much ends, two calls go on at once: one decides
/// while what the other decided is being written.
pub(super) async fn run(runtime: Arc<Runtime>, mut ended: mpsc::UnboundedReceiver<FinishedRun>) {
    let mut batch = Vec::with_capacity(SETTLE_RUNS_MAX);
    let mut under_way = JoinSet::new();
    loop {
        let room = SETTLE_RUNS_MAX - batch.len();
        if (room == 0 && under_way.len() < SETTLE_CALLS_MAX) || (!batch.is_empty() && under_way.is_empty()) {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(SETTLE_RUNS_MAX));
            let runtime = Arc::clone(&runtime);
            under_way.spawn(async move { settle_all(&runtime, &full).await });
            continue;
        }
        tokio::select! {
            biased;
            taken = ended.recv_many(&mut batch, room), if room > 0 => {
                if taken == 0 {
                    break;
                }
            }
            Some(ended) = under_way.join_next() => told(ended),
            () = runtime.closed.cancelled(), if under_way.is_empty() => break,
        }
    }
    while let Some(ended) = under_way.join_next().await {
        told(ended);
    }
}

/// A panic is the loop's own, which whoever waits for it tells.
fn told(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}

async fn settle_all(runtime: &Runtime, batch: &[FinishedRun]) {
    let mut rest = batch;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(within_bytes(rest));
        settle(runtime, now).await;
        rest = later;
    }
}

/// How many of the first runs fit one call by size; at least one.
fn within_bytes(runs: &[FinishedRun]) -> usize {
    let mut bytes = 0;
    let fits = |run: &&FinishedRun| {
        let outcome = &run.outcome;
        bytes += outcome.output.len() + outcome.journal.iter().map(String::len).sum::<usize>();
        bytes <= SETTLE_BYTES_MAX
    };
    runs.iter().take_while(fits).count().max(1)
}

/// Settles a batch to the last row: halves what fails, waits for what does not answer. A row that
/// fails by itself is left to its lease.
async fn settle(runtime: &Runtime, batch: &[FinishedRun]) {
    let mut parts = vec![batch];
    let mut wait = limits::RETRY_WAIT_FIRST;
    while let Some(part) = parts.pop() {
        match runtime.component().settle(&runtime.context, part).await {
            Ok(Ok(report)) => {
                for problem in &report.problems {
                    runtime.context.log(|tenant| {
                        let (job, message) = (clipped(&problem.job_id), clipped(&problem.message));
                        tracing::warn!(tenant, job, message, "a result could not be settled");
                    });
                }
                runtime
                    .figures
                    .settled
                    .fetch_add(u64::from(report.settled), Relaxed);
                wait = limits::RETRY_WAIT_FIRST;
                runtime.pipeline.settled(part);
            }
            Ok(Err(RunnerError::Unavailable(reason))) => {
                let mut most = limits::RETRY_WAIT_MAX;
                if runtime.pipeline.take_storage_failed() {
                    runtime.figures.ready.store(false, Relaxed);
                    most = limits::STORAGE_RETRY_WAIT_MAX;
                }
                let reason = clipped(&reason);
                runtime
                    .context
                    .log(|tenant| tracing::warn!(tenant, reason, "results wait for storage"));
                parts.push(part);
                if !pause(runtime, &mut wait, most).await {
                    return;
                }
            }
            Err(CallFailure::Busy) => {
                parts.push(part);
                if !pause(runtime, &mut wait, limits::RETRY_WAIT_MAX).await {
                    return;
                }
            }
            Err(failure) => {
                runtime.figures.component_failures.fetch_add(1, Relaxed);
                let failure = clipped(&failure);
                if let [run] = part {
                    let run = &run.run_id;
                    runtime.context.log(|tenant| {
                        let line = "a result cannot be settled: left to its lease";
                        tracing::error!(tenant, run, failure, "{line}");
                    });
                    runtime.pipeline.settled(part);
                } else {
                    let runs = part.len();
                    runtime.context.log(|tenant| {
                        tracing::warn!(tenant, runs, failure, "settling failed: trying halves");
                    });
                    let (first, second) = part.split_at(part.len() / 2);
                    parts.push(second);
                    parts.push(first);
                }
            }
        }
    }
}

/// Waits, longer each time. False: the runtime was closed meanwhile.
async fn pause(runtime: &Runtime, wait: &mut Duration, most: Duration) -> bool {
    let this = (*wait).min(most);
    *wait = this * 2;
    tokio::select! {
        () = tokio::time::sleep(this) => true,
        () = runtime.closed.cancelled() => false,
    }
}
