//! How promptly due jobs start.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use meanwhile::agent::{Agent, Attempt, noop::Noop};
use meanwhile::clock::{Clock, SystemClock};
use meanwhile::host::Host;
use meanwhile::runtime::Retention;
use meanwhile::storage::Storage;
use meanwhile::wit::agent_pipeline::Outcome;
use meanwhile::wit::types::{Instant, Job};
use meanwhile_tests::rows;
use tokio::sync::mpsc;

use crate::figures::{Samples, heading, print};
use crate::stores::Bed;

const JOBS: usize = 200;
const STRETCH_MS: i64 = 60_000;
/// The first job is due so long after the rows are made: the host has to be up by then.
pub(crate) const LEAD_MS: i64 = 15_000;

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

/// Fills in jobs that are due over a stretch of time, from a while from now on, and lets hosts start them.
/// Answers how many milliseconds after it was due each one started.
pub(crate) async fn lateness(
    hosts: Vec<Arc<dyn Storage>>,
    template: &Job,
    numbers: Range<usize>,
    stretch_ms: i64,
) -> Samples {
    lateness_beside(
        hosts,
        template,
        numbers,
        stretch_ms,
        Retention::default(),
        async |_| (),
    )
    .await
}

/// The same while something else is done with the first host, which has a policy on what is kept.
pub(crate) async fn lateness_beside(
    hosts: Vec<Arc<dyn Storage>>,
    template: &Job,
    numbers: Range<usize>,
    stretch_ms: i64,
    retention: Retention,
    beside: impl AsyncFnOnce(Host),
) -> Samples {
    // Spread evenly but for a shift that is no multiple of anything.
    let begin = SystemClock.now() + LEAD_MS;
    let due = |n: usize| begin + (n as i64 * 7_919_317) % stretch_ms;
    rows::fill(&*hosts[0], template, numbers.clone(), due).await;
    let (started, mut starts) = mpsc::unbounded_channel();
    let agent = Arc::new(Noting {
        due: Mutex::new(numbers.clone().map(|n| (rows::id(n), due(n))).collect()),
        started,
    });
    let mut running = Vec::new();
    for storage in &hosts {
        let builder = Host::builder()
            .storage(Arc::clone(storage))
            .limits(rows::limits())
            .retention(retention)
            .agent(Arc::clone(&agent) as _);
        let host = builder.component(meanwhile::COMPONENT).build().await.unwrap();
        host.start().await.unwrap();
        running.push(host);
    }
    assert!(SystemClock.now() < begin, "the hosts were not up in time");
    let starting = async {
        let mut samples = Samples::default();
        while samples.len() < numbers.len() {
            let wait = Duration::from_millis((LEAD_MS + stretch_ms) as u64);
            let started = tokio::time::timeout(wait, starts.recv()).await;
            samples.push(started.expect("every job starts").unwrap());
        }
        samples
    };
    let (samples, ()) = tokio::join!(starting, beside(running[0].clone()));
    for host in running {
        host.shutdown().await;
    }
    samples
}

pub(crate) async fn measure() {
    heading(&format!(
        "Due to started, {JOBS} jobs over {} s, SQLite",
        STRETCH_MS / 1_000
    ));
    let bed = Bed::sqlite();
    let storage = bed.open().await;
    let mut samples = lateness(vec![storage], &rows::template().await, 0..JOBS, STRETCH_MS).await;
    let figure = format!("{:.2} / {:.2} ms", samples.quantile(0.5), samples.quantile(0.99));
    print("due to started, p50 / p99", &figure, "p99 5 ms");
}
