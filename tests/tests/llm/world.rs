//! A host with the agent `llm`, and the provider that it asks.

use std::sync::{Arc, LazyLock};

use meanwhile::agent::llm::{Llm, LlmSetting};
use meanwhile::clock::ManualClock;
use meanwhile::component::Component;
use meanwhile::engine::Sandbox;
use meanwhile::host::Host;
use meanwhile::service::Service as _;
use meanwhile::storage::memory::MemoryStorage;
use meanwhile::tenants::TenantLimits;
use meanwhile_tests::provider::{KEY, Provider, Wire};
use meanwhile_tests::rows::{limits, session};
use serde_json::{Value, json};

/// 2026-06-01T10:00:00Z.
const START: i64 = 1_780_308_000_000;
pub(crate) const SECOND: i64 = 1_000;
pub(crate) const HOUR: i64 = 3_600 * SECOND;

/// The wires that any provider's address may be of.
pub(crate) const WIRES: [Wire; 2] = [Wire::Chat, Wire::Messages];

/// Compiled once for all hosts.
static COMPONENT: LazyLock<Arc<Component>> = LazyLock::new(|| {
    let sandbox = Sandbox::new().unwrap();
    Arc::new(Component::load(&sandbox, meanwhile::COMPONENT).unwrap())
});

pub(crate) struct World {
    pub(crate) provider: Provider,
    pub(crate) host: Host,
}

/// A setting that leads to a provider.
pub(crate) fn setting(provider: &Provider, wire: Wire) -> LlmSetting {
    let (model, url) = match wire {
        Wire::Messages => ("anthropic:test-model", provider.url().to_owned()),
        Wire::Chat | Wire::Responses => ("openai:test-model", format!("{}/v1", provider.url())),
    };
    LlmSetting {
        model: Some(model.to_owned()),
        url: Some(url),
        ..LlmSetting::default()
    }
}

impl World {
    pub(crate) async fn new(wire: Wire) -> Self {
        Self::with(wire, |_| {}).await
    }

    /// The same with other settings.
    pub(crate) async fn with(wire: Wire, change: impl FnOnce(&mut LlmSetting)) -> Self {
        Self::limited(wire, change, limits()).await
    }

    /// The same for a tenant with other limits.
    pub(crate) async fn limited(
        wire: Wire,
        change: impl FnOnce(&mut LlmSetting),
        limits: TenantLimits,
    ) -> Self {
        let provider = Provider::start().await;
        let mut setting = setting(&provider, wire);
        change(&mut setting);
        let agent = Llm::with_key(&setting, Some(KEY.to_owned())).unwrap();
        let host = Host::builder()
            .storage(Arc::new(MemoryStorage::default()))
            .agent(Arc::new(agent))
            .clock(Arc::new(ManualClock::new(START)))
            .compiled(Arc::clone(&COMPONENT))
            .limits(TenantLimits {
                parallel_runs: 50,
                ..limits
            })
            .build()
            .await
            .unwrap();
        host.start().await.unwrap();
        Self { provider, host }
    }

    /// Creates a job; its id.
    pub(crate) async fn create(&self, job: Value) -> String {
        let created = self
            .host
            .call(&session(), "tools", "job-create", job)
            .await
            .unwrap();
        created["job"]["job_id"].as_str().unwrap().to_owned()
    }

    /// Creates a job that runs at once, and has one attempt only.
    pub(crate) async fn create_once(&self, payload: &str) -> String {
        self.create(json!({
            "title": format!("Once: {payload}"), "payload": payload, "job_type": "ONE_OFF", "confirm_new": true,
            "retry": {"max_attempts": 1},
        }))
        .await
    }

    /// Lets time pass, and what is due run to its end.
    pub(crate) async fn pass(&self, milliseconds: i64) {
        let to = self.host.now() + milliseconds;
        Host::advance_clock(&self.host, to).await.unwrap();
    }

    /// A job with its runs.
    pub(crate) async fn found(&self, job: &str) -> Value {
        let asked = json!({"job_id": job, "include_runs": 10});
        let found = self
            .host
            .call(&session(), "tools", "job-retrieval-by-id", asked)
            .await;
        found.unwrap()
    }

    /// The newest run of a job, with its journal.
    pub(crate) async fn run(&self, job: &str) -> Value {
        let found = self.found(job).await;
        let id = found["runs"][0]["run_id"].clone();
        let run = self
            .host
            .call(&session(), "directory", "run", json!({"run_id": id}))
            .await;
        run.unwrap()
    }

    /// What the person was told, oldest first.
    pub(crate) async fn told(&self) -> Vec<String> {
        let inbox = self.host.inbox(&session(), 0, 100).await.unwrap();
        inbox.into_iter().map(|entry| entry.message.text).collect()
    }
}
