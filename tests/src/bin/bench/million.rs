//! A store of a million future jobs under the real program.

use std::path::Path;
use std::time::{Duration, Instant as Timer};

use meanwhile::clock::{Clock, SystemClock};
use meanwhile::storage::Storage;
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile_tests::rows;
use meanwhile_tests::served::{Client, Served};
use serde_json::json;

use crate::figures::{Samples, heading, print};

const JOBS: usize = 1_000_000;
const CREATES: usize = 1_000;
const IDLE: Duration = Duration::from_secs(30);

/// Seconds of CPU used so far, by all threads.
fn cpu_seconds(process: u32) -> f64 {
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // Fields after the name in parentheses: 12 and 13 are user and system time.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / TICKS_PER_SECOND
}

fn resident_mb(process: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1_024.0 / 1e6
}

async fn fill(store: &Path) {
    let storage = SqliteStorage::open(store).unwrap();
    let due = rows::some_day(SystemClock.now());
    rows::fill(&storage, &rows::template().await, 0..JOBS, due).await;
    storage.close().await;
}

/// Milliseconds that creating a job takes.
async fn create(client: &Client, n: usize) -> f64 {
    let job = json!({
        // No two alike: else the question would be asked whether the second is meant.
        "title": format!("Delivery{n} call{n} note{n}"),
        "payload": "Ask when the delivery will come and note the answer.",
        "trigger_config": {"run_at": "2098-03-04T09:00:00", "timezone": "Europe/Berlin"},
    });
    let began = Timer::now();
    let answer = client.tool("job_create", job).await;
    let taken = began.elapsed();
    assert_eq!(answer["created"], true, "{answer}");
    taken.as_secs_f64() * 1e3
}

pub(crate) async fn measure() {
    heading(&format!("A store of {JOBS} future jobs, all of one user"));
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("bench.db");
    let began = Timer::now();
    fill(&store).await;
    print(
        "filling it: jobs/s",
        &format!("{:.0}", JOBS as f64 / began.elapsed().as_secs_f64()),
        "",
    );

    let setting = format!("sqlite:{}", store.display());
    let began = Timer::now();
    let served = Served::start(&["--agent", "noop", "--store", &setting]);
    served.client.get("/healthz").await;
    print(
        "start to ready",
        &format!("{:.2} s", began.elapsed().as_secs_f64()),
        "2 s",
    );

    let mut samples = Samples::default();
    for n in 0..CREATES {
        samples.push(create(&served.client, n).await);
    }
    let figure = format!("{:.2} / {:.2} ms", samples.quantile(0.5), samples.quantile(0.99));
    print("job_create over MCP, p50 / p99", &figure, "p99 10 ms");

    let before = cpu_seconds(served.id());
    tokio::time::sleep(IDLE).await;
    let share = (cpu_seconds(served.id()) - before) / IDLE.as_secs_f64() * 100.0;
    print("idle: CPU of one core", &format!("{share:.2} %"), "1 %");
    print(
        "resident memory",
        &format!("{:.0} MB", resident_mb(served.id())),
        "150 MB",
    );
}
