//! A host as its edges see it. Its loops are not started: nothing changes but by calls, and an
//! input that failed fails again.

use std::cell::Cell;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use meanwhile::agent::noop::Noop;
use meanwhile::clock::Clock;
use meanwhile::host::{Host, LOCAL_TENANT};
use meanwhile::limits;
use meanwhile::service::Session;
use meanwhile::storage::Storage as _;
use meanwhile::storage::memory::MemoryStorage;
use meanwhile::tenants::{Scopes, TenantLimits};
use meanwhile::wit::types::Instant;
use meanwhile_tests::in_process::caller;

/// 2026-06-01T08:00:00Z, a Monday.
const NOW: Instant = 1_780_300_800_000;

/// Rows are deleted after this many inputs, so that they do not pile up.
const INPUTS_KEPT: u32 = 4_000;
/// Rows deleted at once.
const PURGE_ROWS: u32 = 10_000;

/// Time stands still, and nobody can move it.
struct Still;

impl Clock for Still {
    fn now(&self) -> Instant {
        NOW
    }

    fn sleep_until(&self, _at: Instant) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }
}

/// See the module.
pub(crate) struct Front {
    pub(crate) runtime: tokio::runtime::Runtime,
    host: Host,
    storage: Arc<MemoryStorage>,
    inputs: Cell<u32>,
}

async fn host(storage: Arc<MemoryStorage>) -> Host {
    let limits = TenantLimits {
        requests_per_second: limits::TENANT_REQUESTS_PER_SECOND_MAX,
        ..TenantLimits::default()
    };
    Host::builder()
        .storage(storage)
        .agent(Arc::new(Noop))
        .clock(Arc::new(Still))
        .limits(limits)
        .component(meanwhile::COMPONENT)
        .build()
        .await
        .unwrap()
}

impl Front {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let storage = Arc::new(MemoryStorage::default());
        Self {
            host: runtime.block_on(host(Arc::clone(&storage))),
            runtime,
            storage,
            inputs: Cell::new(0),
        }
    }

    /// The host, and someone whom it does not know yet: a user for each input, since users do not
    /// see each other's jobs. Everything is allowed to them.
    pub(crate) fn next(&self) -> (Host, Session) {
        let number = self.inputs.get() + 1;
        self.inputs.set(number);
        if number.is_multiple_of(INPUTS_KEPT) {
            let purge = async { while self.storage.purge(LOCAL_TENANT, PURGE_ROWS).await.unwrap() > 0 {} };
            self.runtime.block_on(purge);
        }
        let mut caller = caller("agent", &format!("user {number}"));
        caller.time_zone = number.is_multiple_of(2).then(|| "America/New_York".to_owned());
        let session = Session {
            tenant: LOCAL_TENANT.to_owned(),
            caller,
            scopes: Scopes::all(),
        };
        (self.host.clone(), session)
    }
}
