//! Dependencies at length: a chain, a wide fan, a ladder of diamonds.

use std::sync::Arc;
use std::time::{Duration, Instant as Timer};

use meanwhile::agent::noop::Noop;
use meanwhile::host::{Host, LOCAL_TENANT};
use meanwhile::service::Service;
use meanwhile::storage::Storage;
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile::wit::types::JobStatus;
use meanwhile_tests::rows;
use serde_json::{Value, json};

use crate::figures::{heading, print};

const JOBS: usize = 10_000;
const PARALLEL_RUNS: u32 = 256;
const LOOK: Duration = Duration::from_millis(5);

/// What the n-th job waits for, by keys.
type Shape = fn(usize) -> Vec<usize>;

/// Creates the jobs, starts the host, and waits until all have run in their order. Answers the
/// seconds of both.
async fn run(shape: Shape) -> (f64, f64) {
    let folder = tempfile::tempdir().unwrap();
    let storage = Arc::new(SqliteStorage::open(folder.path().join("bench.db")).unwrap());
    let host = Host::builder()
        .storage(Arc::clone(&storage) as Arc<dyn Storage>)
        .agent(Arc::new(Noop))
        .component(meanwhile::COMPONENT)
        .parallel_runs(PARALLEL_RUNS)
        .build()
        .await
        .unwrap();
    let session = rows::session();
    let began = Timer::now();
    for n in 0..JOBS {
        let depends_on: Vec<Value> = shape(n).into_iter().map(|n| json!({"job": key(n)})).collect();
        let job = json!({
            "title": format!("Job {n}"), "payload": "Do it.", "job_type": "ONE_OFF", "notify": "on_failure",
            "idempotency_key": key(n), "depends_on": depends_on,
        });
        host.call(&session, "tools", "job-create", job).await.unwrap();
    }
    let creating = began.elapsed().as_secs_f64();
    let began = Timer::now();
    host.start().await.unwrap();
    while host.figures(&session).await.unwrap()[0].runs_settled < JOBS as u64 {
        tokio::time::sleep(LOOK).await;
    }
    let running = began.elapsed().as_secs_f64();
    let counts = storage.count_jobs(LOCAL_TENANT).await.unwrap();
    assert_eq!(counts, [(JobStatus::Completed, JOBS as u64)]);
    host.shutdown().await;
    (creating, running)
}

fn key(n: usize) -> String {
    format!("key {n}")
}

pub(crate) async fn measure() {
    heading(&format!(
        "Dependencies: {JOBS} no-op jobs, SQLite with synchronous=FULL"
    ));
    let chain: Shape = |n| n.checked_sub(1).into_iter().collect();
    let fan: Shape = |n| if n == 0 { vec![] } else { vec![0] };
    // Rungs of two: each job waits for both of the rung before.
    let ladder: Shape = |n| {
        let rung = n / 2;
        if rung == 0 {
            vec![]
        } else {
            vec![rung * 2 - 2, rung * 2 - 1]
        }
    };
    for (what, shape) in [("chain", chain), ("fan", fan), ("ladder of diamonds", ladder)] {
        let (creating, running) = run(shape).await;
        let figure = format!(
            "{:.2} / {:.2} ms",
            creating * 1e3 / JOBS as f64,
            running * 1e3 / JOBS as f64
        );
        print(&format!("{what}: created / run, a job"), &figure, "");
    }
}
