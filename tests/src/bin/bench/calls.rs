//! What a call of the component costs: instantiate, call, drop.

use std::sync::Arc;
use std::time::Instant as Timer;

use meanwhile::clock::SystemClock;
use meanwhile::component::Component;
use meanwhile::host::LOCAL_TENANT;
use meanwhile::imports::random::SystemRandom;
use meanwhile::imports::{Outlet, TenantContext};
use meanwhile::search::Search;
use meanwhile::storage::Storage;
use meanwhile::storage::memory::MemoryStorage;
use meanwhile::wit::agent_pipeline::RunRequest;
use meanwhile::wit::types::Instant;

use crate::figures::{Samples, heading, print};

const CALLS: usize = 20_000;

/// Takes nothing: these calls start no run.
struct Nowhere;

impl Outlet for Nowhere {
    fn submit(&self, _requests: Vec<RunRequest>) {}
    fn cancel(&self, _run: &str) {}
    fn can_judge(&self) -> bool {
        false
    }
    fn arm(&self, _at: Instant) {}
}

pub(crate) async fn measure() {
    heading(&format!("A call of the component ({CALLS} calls)"));
    let sandbox = meanwhile::engine::Sandbox::new().unwrap();
    let began = Timer::now();
    let component = Component::load(&sandbox, meanwhile::COMPONENT).unwrap();
    let loading = began.elapsed();
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let context = Arc::new(TenantContext {
        tenant: LOCAL_TENANT.into(),
        owner: "bench".into(),
        storage: Arc::clone(&storage),
        search: Arc::new(Search::new(storage, None)),
        clock: Arc::new(SystemClock),
        outlet: Arc::new(Nowhere),
        random: Arc::new(SystemRandom),
        allowance: Arc::default(),
    });
    for (what, limit, bound) in [
        ("instantiate + call + drop", 0, "p50 30 µs"),
        ("the same with one claim from an empty store", 1, ""),
    ] {
        let mut samples = Samples::default();
        for _ in 0..CALLS {
            let began = Timer::now();
            let end = component.poll(&context, limit).await;
            samples.push(began.elapsed().as_secs_f64() * 1e6);
            assert_eq!(end.result.unwrap().unwrap().claimed, 0);
        }
        let figure = format!("{:.1} / {:.1} µs", samples.quantile(0.5), samples.quantile(0.99));
        print(&format!("{what}, p50 / p99"), &figure, bound);
    }
    let figure = format!("{:.0} ms", loading.as_secs_f64() * 1e3);
    print("compiling the component, once a start", &figure, "");
}
