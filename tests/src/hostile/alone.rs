//! A component without a host around it: called by hand, with what it reaches in view.

use std::sync::{Arc, Mutex};

use meanwhile::clock::ManualClock;
use meanwhile::component::{CallFailure, Component};
use meanwhile::contract;
use meanwhile::engine::Sandbox;
use meanwhile::imports::random::SystemRandom;
use meanwhile::imports::{Outlet, TenantContext};
use meanwhile::search::Search;
use meanwhile::storage::Storage;
use meanwhile::wit::agent_pipeline::RunRequest;
use meanwhile::wit::types::Instant;

use serde_json::json;
use wasmtime::component::Val;

use super::component;
use crate::given::T0_MS;
use crate::in_process::caller;

/// Keeps the ids of the runs that it is asked to start, and starts none.
#[derive(Default)]
pub struct Started(Mutex<Vec<String>>);

impl Started {
    /// In order.
    #[must_use]
    pub fn runs(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Outlet for Started {
    fn submit(&self, requests: Vec<RunRequest>) {
        let ids = requests.into_iter().map(|request| request.run_id);
        self.0.lock().unwrap().extend(ids);
    }

    fn cancel(&self, _run: &str) {}

    fn can_judge(&self) -> bool {
        false
    }

    fn arm(&self, _at: Instant) {}
}

/// See the module.
pub struct Alone {
    pub component: Component,
    pub started: Arc<Started>,
    storage: Arc<dyn Storage>,
}

impl Alone {
    #[must_use]
    pub fn new(guest: &str, storage: Arc<dyn Storage>) -> Self {
        let sandbox = Sandbox::new().unwrap();
        Self {
            component: Component::load(&sandbox, &component(guest)).unwrap(),
            started: Arc::default(),
            storage,
        }
    }

    /// What calls of a tenant see.
    #[must_use]
    pub fn tenant(&self, name: &str) -> Arc<TenantContext> {
        Arc::new(TenantContext {
            tenant: name.into(),
            owner: "host".into(),
            storage: Arc::clone(&self.storage),
            search: Arc::new(Search::new(Arc::clone(&self.storage), None)),
            clock: Arc::new(ManualClock::new(T0_MS)),
            outlet: Arc::clone(&self.started) as _,
            random: Arc::new(SystemRandom),
            allowance: Arc::default(),
        })
    }

    /// Asks it to pause a job.
    ///
    /// # Errors
    /// The call did not come to its end.
    pub async fn call(&self, tenant: &Arc<TenantContext>) -> Result<Val, CallFailure> {
        let pause = contract::function("tools", "job-pause").unwrap();
        let request = contract::arguments_to_val(&pause, json!({ "job_id": "job_1" })).unwrap();
        let arguments = vec![contract::caller_to_val(&caller("agent", "ada")), request];
        self.component
            .call_dynamic(tenant, "tools", "job-pause", arguments)
            .await
    }
}
