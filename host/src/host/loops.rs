//! What a host does by itself beside the loops of its tenants and of the outbox: it looks at what other hosts
//! wrote, and puts old rows away.

use std::sync::{Arc, Weak};

use tokio_util::sync::CancellationToken;

use super::{Host, Shared};
use crate::limits;
use crate::runtime::Tidied;
use crate::storage::Storage;
use crate::tenants::Registry;

/// A round of retention every now and then.
pub(super) async fn keep_tidy(host: Weak<Shared>, closed: CancellationToken) {
    loop {
        tokio::select! {
            () = closed.cancelled() => return,
            () = tokio::time::sleep(limits::RETENTION_EVERY) => {}
        }
        let Some(host) = host.upgrade().map(Host) else {
            return;
        };
        let tidied = tokio::select! {
            () = closed.cancelled() => return,
            tidied = host.tidy() => tidied,
        };
        match tidied {
            Ok(tidied) if tidied == Tidied::default() => {}
            Ok(Tidied { archived, deleted }) => {
                tracing::info!(archived, deleted, "old rows were put away");
            }
            Err(error) => tracing::warn!(%error, "old rows wait for the next round"),
        }
    }
}

/// Looks at once where another host wrote something for a tenant.
pub(super) async fn heed_nudges(storage: Arc<dyn Storage>, host: Weak<Shared>, closed: CancellationToken) {
    loop {
        let tenant = tokio::select! {
            () = closed.cancelled() => return,
            tenant = storage.nudged() => tenant,
        };
        let Some(host) = host.upgrade().map(Host) else {
            return;
        };
        let runtimes = match tenant {
            Some(tenant) => host
                .served()
                .get(&tenant)
                .and_then(|served| served.runtime.clone())
                .into_iter()
                .collect(),
            None => host.runtimes(),
        };
        for runtime in runtimes {
            runtime.touched();
        }
    }
}

/// Tells who watches here what another host wrote.
pub(super) async fn heed_changes(storage: Arc<dyn Storage>, host: Weak<Shared>, closed: CancellationToken) {
    loop {
        let (tenant, changes) = tokio::select! {
            () = closed.cancelled() => return,
            told = storage.told_changes() => told,
        };
        let Some(host) = host.upgrade().map(Host) else {
            return;
        };
        let served = host.served();
        if let Some(runtime) = served.get(&tenant).and_then(|served| served.runtime.as_ref()) {
            runtime.pipeline.changes_of_rows().tell(changes);
        }
    }
}

/// Serves tenants as other hosts have changed them: looks at the registry again and again.
pub(super) async fn follow_registry(
    registry: Arc<dyn Registry>,
    host: Weak<Shared>,
    closed: CancellationToken,
    mut seen: u64,
) {
    loop {
        tokio::select! {
            () = closed.cancelled() => return,
            () = tokio::time::sleep(limits::REGISTRY_LOOK) => {}
        }
        // A registry that does not answer now does at a later look; the polls tell of it.
        let Ok(Some(revision)) = registry.revision().await else {
            continue;
        };
        if revision == seen {
            continue;
        }
        let Some(host) = host.upgrade().map(Host) else {
            return;
        };
        let _turn = host.0.changes.lock().await;
        match host.serve_all().await {
            Ok(()) => seen = revision,
            Err(error) => tracing::warn!(%error, "tenants that were changed wait for storage"),
        }
    }
}
