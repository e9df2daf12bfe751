//! How promptly due jobs start.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use meanwhile::agent::{Agent, Attempt, noop::Noop};
use meanwhile::clock::{Clock, SystemClock};
use meanwhile::host::Host;
use meanwhile::storage::Storage;
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile::wit::agent_pipeline::Outcome;
use meanwhile::wit::types::Instant;
use tokio::sync::mpsc;

use crate::figures::{Samples, print};
use crate::rows;

const JOBS: usize = 200;
const STRETCH_MS: i64 = 60_000;
/// The first job is due so long after the rows are made: the host has to be up by then.
const LEAD_MS: i64 = 5_000;

fn now_ms() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs_f64()
        * 1e3
}

/// Notes when each job's run starts.
struct Noting {
    due: Mutex<HashMap<String, Instant>>,
    started: mpsc::UnboundedSender<f64>,
}

#[async_trait]
impl Agent for Noting {
    async fn run(&self, attempt: Attempt) -> Outcome {
        let now = now_ms();
        let due = self.due.lock().unwrap().remove(&attempt.request.job_id);
        let due = due.expect("a job starts once");
        self.started.send(now - due as f64).unwrap();
        Noop.run(attempt).await
    }

    async fn check(&self) -> Result<String, String> {
        Ok("notes when runs start".into())
    }
}

pub(crate) async fn measure() {
    println!(
        "Due to started, {JOBS} jobs over {} s, SQLite",
        STRETCH_MS / 1_000
    );
    let folder = tempfile::tempdir().unwrap();
    let storage = Arc::new(SqliteStorage::open(folder.path().join("bench.db")).unwrap());
    // Spread evenly but for a shift that is no multiple of anything.
    let begin = SystemClock.now() + LEAD_MS;
    let due = |n: usize| begin + (n as i64 * 7_919_317) % STRETCH_MS;
    rows::fill(&*storage, &rows::template().await, JOBS, due).await;
    let (started, mut starts) = mpsc::unbounded_channel();
    let agent = Noting {
        due: Mutex::new((0..JOBS).map(|n| (format!("job_{n:016}"), due(n))).collect()),
        started,
    };
    let host = Host::builder()
        .storage(Arc::clone(&storage) as Arc<dyn Storage>)
        .agent(Arc::new(agent))
        .component(meanwhile::COMPONENT)
        .build()
        .await
        .unwrap();
    host.start().await.unwrap();
    let mut samples = Samples::default();
    while samples.len() < JOBS {
        let started = tokio::time::timeout(Duration::from_millis(STRETCH_MS as u64), starts.recv()).await;
        samples.push(started.expect("every job starts").unwrap());
    }
    host.shutdown().await;
    let figure = format!("{:.2} / {:.2} ms", samples.quantile(0.5), samples.quantile(0.99));
    print("due to started, p50 / p99", &figure, "p99 5 ms");
}
