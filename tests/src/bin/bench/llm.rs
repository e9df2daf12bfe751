//! The agent that asks a model: many runs in flight at once, on a provider that answers slowly.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use meanwhile_tests::provider::{Gate, KEY, Provider, Reply};
use meanwhile_tests::served::{Served, command};
use serde_json::json;

use crate::figures::{Samples, heading, print};

const RUNS: usize = 500;
/// Jobs that are due at the same second.
const AT_ONCE: usize = 50;
/// Seconds until the first is due: by then all are created.
const AHEAD: u64 = 12;

fn now_ms() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

pub(crate) async fn measure() {
    heading(&format!("{RUNS} runs in flight, each waiting for its model"));
    let provider = Provider::start().await;
    let gate = Gate::new();
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
        let due = first + (number / AT_ONCE) as u64;
        let run_at = chrono::DateTime::from_timestamp(i64::try_from(due).unwrap(), 0)
            .unwrap()
            .to_rfc3339();
        let job = json!({
            "title": format!("Run {number}"), "payload": format!("run {number}"), "confirm_new": true,
            "trigger_config": {"run_at": run_at},
        });
        served.client.post("/api/jobs", &job).await;
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
    let figure = format!(
        "{:.0} / {:.0} / {:.0} ms",
        samples.quantile(0.5),
        samples.quantile(0.99),
        samples.quantile(1.0)
    );
    print("due to asked, p50 / p99 / max", &figure, "50 ms");
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
