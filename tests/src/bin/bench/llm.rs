//! The agent that asks a model: many runs in flight at once, on a provider that answers slowly.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use chrono::DateTime;
use meanwhile::agent::llm::{Llm, LlmSetting};
use meanwhile::agent::{Agent, Attempt};
use meanwhile::host::Host;
use meanwhile::service::Service as _;
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile::wit::agent_pipeline::Outcome;
use meanwhile_tests::provider::{Gate, KEY, Provider, Reply};
use meanwhile_tests::rows;
use meanwhile_tests::served::{Served, command};
use serde_json::{Value, json};

use crate::figures::{Samples, heading, print};

const RUNS: usize = 500;
/// Jobs that are due at the same second.
const AT_ONCE: usize = 50;
/// Seconds until the first is due: by then all are created.
const AHEAD: u64 = 12;

fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

/// The agent, and how long after their due time its runs began.
struct Timed {
    agent: Llm,
    late: Arc<Mutex<Samples>>,
}

#[async_trait]
impl Agent for Timed {
    async fn run(&self, attempt: Attempt) -> Outcome {
        let due = DateTime::parse_from_rfc3339(&attempt.request.scheduled_for).unwrap();
        let due = u64::try_from(due.timestamp_millis()).unwrap();
        self.late
            .lock()
            .unwrap()
            .push(now_ms().saturating_sub(due) as f64);
        self.agent.run(attempt).await
    }

    async fn check(&self) -> Result<String, String> {
        self.agent.check().await
    }
}

/// A provider that answers when the gate opens, and when each run's question arrived there.
async fn provider(gate: &Gate) -> (Provider, Arc<Mutex<HashMap<usize, u64>>>) {
    let provider = Provider::start().await;
    let arrived: Arc<Mutex<HashMap<usize, u64>>> = Arc::default();
    let (seen, held) = (Arc::clone(&arrived), gate.clone());
    provider.model(move |asked| {
        let at = now_ms();
        let said = asked.last_user();
        let number = said
            .split_once("Instruction: run ")
            .unwrap()
            .1
            .lines()
            .next()
            .unwrap();
        seen.lock().unwrap().entry(number.parse().unwrap()).or_insert(at);
        Reply::text("Done, after a while, as asked.").held_after(2, &held)
    });
    (provider, arrived)
}

/// The job of a number, due so many seconds after the first.
fn a_job(number: usize, first: u64) -> Value {
    let due = first + (number / AT_ONCE) as u64;
    let run_at = DateTime::from_timestamp(i64::try_from(due).unwrap(), 0)
        .unwrap()
        .to_rfc3339();
    json!({
        "title": format!("Run {number}"), "payload": format!("run {number}"), "confirm_new": true,
        "trigger_config": {"run_at": run_at},
    })
}

fn figure(samples: &mut Samples) -> String {
    format!(
        "{:.0} / {:.0} / {:.0} ms",
        samples.quantile(0.5),
        samples.quantile(0.99),
        samples.quantile(1.0)
    )
}

/// Runs begin when they are due, however many are in flight.
async fn punctuality() {
    let gate = Gate::new();
    let (provider, _) = provider(&gate).await;
    let setting = LlmSetting {
        model: Some("openai:test-model".to_owned()),
        url: Some(format!("{}/v1", provider.url())),
        ..LlmSetting::default()
    };
    let late: Arc<Mutex<Samples>> = Arc::default();
    let agent = Timed {
        agent: Llm::with_key(&setting, Some(KEY.to_owned())).unwrap(),
        late: Arc::clone(&late),
    };
    let folder = tempfile::tempdir().unwrap();
    let host = Host::builder()
        .storage(Arc::new(
            SqliteStorage::open(folder.path().join("store.db")).unwrap(),
        ))
        .agent(Arc::new(agent))
        .limits(rows::limits())
        .component(meanwhile::COMPONENT)
        .parallel_runs(500)
        .build()
        .await
        .unwrap();
    host.start().await.unwrap();
    let first = now_ms() / 1_000 + AHEAD;
    for number in 0..RUNS {
        let created = host
            .call(&rows::session(), "tools", "job-create", a_job(number, first))
            .await;
        created.unwrap();
    }
    provider.asked_at_least(RUNS).await;
    let figure = figure(&mut late.lock().unwrap());
    print("due to started, p50 / p99 / max", &figure, "p99 50 ms");
    gate.open();
    host.shutdown().await;
}

pub(crate) async fn measure() {
    heading(&format!("{RUNS} runs in flight, each waiting for its model"));
    punctuality().await;
    let gate = Gate::new();
    let (provider, arrived) = provider(&gate).await;
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("store.db").display());
    let mut program = command();
    program.env("MEANWHILE_MODEL_KEY", KEY);
    let url = format!("{}/v1", provider.url());
    let served = Served::start_as(
        program,
        &[
            "--store",
            &store,
            "--agent",
            "llm",
            "--model",
            "openai:test-model",
            "--model-url",
            &url,
            "--parallel-runs",
            "500",
        ],
    );
    let first = now_ms() / 1_000 + AHEAD;
    for number in 0..RUNS {
        served.client.post("/api/jobs", &a_job(number, first)).await;
    }
    provider.asked_at_least(RUNS).await;
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.id())).unwrap();
    let resident = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    let resident: u64 = resident.trim().split(' ').next().unwrap().parse().unwrap();
    let mut samples = Samples::default();
    for (number, at) in arrived.lock().unwrap().iter() {
        let due = (first + (number / AT_ONCE) as u64) * 1_000;
        samples.push(at.saturating_sub(due) as f64);
    }
    print("in flight", &provider.open().to_string(), "500");
    print(
        "resident memory of the host",
        &format!("{} MB", resident / 1_024),
        "300 MB",
    );
    print("due to asked, p50 / p99 / max", &figure(&mut samples), "");
    gate.open();
    let began = std::time::Instant::now();
    while served.client.inbox().await.len() < RUNS {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    print(
        "all told after",
        &format!("{:.1} s", began.elapsed().as_secs_f64()),
        "",
    );
}
