//! Leases: renewed while a run lives here, from its claim until it is settled.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use super::Runtime;
use crate::limits::{LEASE, LEASE_RENEWAL, LEASE_RENEWAL_AGAIN};
use crate::wit::types::Instant;

/// Renews every live run's lease until `lease_until`, and stops the runs whose lease was lost. False:
/// storage did not answer.
pub(super) async fn renew(runtime: &Runtime, lease_until: Instant) -> bool {
    let context = &runtime.context;
    let asked_at = context.clock.now();
    let leases = runtime.pipeline.live().leases();
    if leases.is_empty() {
        runtime.last_renewal.store(asked_at, SeqCst);
        return true;
    }
    match context
        .storage
        .renew(&context.tenant, &context.owner, leases, lease_until)
        .await
    {
        Ok(lost) => {
            runtime.last_renewal.store(asked_at, SeqCst);
            if !lost.is_empty() {
                tracing::warn!(runs = lost.len(), "leases were lost: their runs are stopped here");
                runtime.pipeline.leases_lost(&lost);
            }
            true
        }
        Err(error) => {
            tracing::warn!(%error, "leases were not renewed");
            false
        }
    }
}

/// Renews before anything is claimed where the last renewal is long past (a machine that was
/// suspended): else this host would take its own live runs for lost ones.
pub(super) async fn renew_overdue(runtime: &Runtime) {
    let now = runtime.context.clock.now();
    if now.saturating_sub(runtime.last_renewal.load(SeqCst)) > LEASE_RENEWAL.as_millis() as i64 {
        renew(runtime, now.saturating_add(LEASE.as_millis() as i64)).await;
    }
}

/// The renewal loop.
pub(super) async fn run(runtime: Arc<Runtime>) {
    let clock = &runtime.context.clock;
    loop {
        let next = runtime
            .last_renewal
            .load(SeqCst)
            .saturating_add(LEASE_RENEWAL.as_millis() as i64);
        tokio::select! {
            () = runtime.closed.cancelled() => return,
            () = clock.sleep_until(next) => {}
        }
        if renew(&runtime, clock.now().saturating_add(LEASE.as_millis() as i64)).await {
            continue;
        }
        tokio::select! {
            () = runtime.closed.cancelled() => return,
            () = tokio::time::sleep(LEASE_RENEWAL_AGAIN) => {}
        }
    }
}
