//! Many tenants in one host, all of them with more due work than it can do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use async_trait::async_trait;
use meanwhile::agent::{Agent, Attempt, noop::Noop};
use meanwhile::clock::{Clock, SystemClock};
use meanwhile::host::Host;
use meanwhile::service::Service;
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile::tenants::{Registry, TenantRecord};
use meanwhile::wit::agent_pipeline::Outcome;
use meanwhile::wit::types::NotifyPolicy;
use meanwhile_tests::hostile::process::Taken;
use meanwhile_tests::rows;

use crate::figures::{heading, print};

const TENANTS: usize = 200;
const JOBS: usize = 1_000;
/// From when on the runs of each tenant are counted, and for how long.
const BEFORE: Duration = Duration::from_secs(5);
const WINDOW: Duration = Duration::from_secs(10);

/// Counts what it is asked to run.
struct Counting(AtomicU64);

#[async_trait]
impl Agent for Counting {
    async fn run(&self, attempt: Attempt) -> Outcome {
        self.0.fetch_add(1, Relaxed);
        Noop.run(attempt).await
    }

    async fn check(&self) -> Result<String, String> {
        Ok("counts runs".into())
    }
}

/// Jain's index: 1 where all are the same, one part where one has all.
fn fairness(counts: &[f64]) -> f64 {
    let sum: f64 = counts.iter().sum();
    let squares: f64 = counts.iter().map(|count| count * count).sum();
    sum * sum / (counts.len() as f64 * squares)
}

async fn started(host: &Host) -> Vec<u64> {
    let figures = host.figures(&rows::session()).await.unwrap();
    let tenants = figures
        .iter()
        .filter(|tenant| tenant.tenant.starts_with("tenant-"));
    tenants.map(|tenant| tenant.runs_started).collect()
}

pub(crate) async fn measure() {
    heading(&format!(
        "{TENANTS} tenants of {JOBS} due jobs each in one host, SQLite"
    ));
    let folder = tempfile::tempdir().unwrap();
    let storage = Arc::new(SqliteStorage::open(folder.path().join("bench.db")).unwrap());
    let mut template = rows::template().await;
    template.spec.notify = NotifyPolicy::OnFailure;
    let now = SystemClock.now();
    for number in 0..TENANTS {
        let name = format!("tenant-{number:03}");
        storage.put_tenant(TenantRecord::new(&name, now)).await.unwrap();
        rows::fill_tenant(&*storage, &name, &template, 0..JOBS, |_| now).await;
    }
    let agent = Arc::new(Counting(AtomicU64::new(0)));
    let host = Host::builder()
        .storage(Arc::clone(&storage) as _)
        .registry(storage)
        .agent(Arc::clone(&agent) as _)
        .build()
        .await
        .unwrap();
    host.start().await.unwrap();
    tokio::time::sleep(BEFORE).await;
    let before = started(&host).await;
    let at_begin = agent.0.load(Relaxed);
    tokio::time::sleep(WINDOW).await;
    let after = started(&host).await;
    let ran = agent.0.load(Relaxed) - at_begin;
    let taken = Taken::now();

    let counts: Vec<f64> = after
        .iter()
        .zip(&before)
        .map(|(after, before)| (after - before) as f64)
        .collect();
    assert!(
        after.iter().all(|started| *started < JOBS as u64),
        "the window is too long: some were done"
    );
    print(
        "runs started a second, all together",
        &format!("{:.0}", ran as f64 / WINDOW.as_secs_f64()),
        "",
    );
    let (least, most) = (
        counts.iter().copied().fold(f64::MAX, f64::min),
        counts.iter().copied().fold(0.0, f64::max),
    );
    print(
        "runs of a tenant in the window, least / most",
        &format!("{least} / {most}"),
        "",
    );
    print(
        "fairness of the runs started (Jain)",
        &format!("{:.3}", fairness(&counts)),
        "≥ 0.95",
    );
    print(
        "resident memory",
        &format!("{:.0} MB", taken.resident_kib as f64 * 1_024.0 / 1e6),
        "400 MB",
    );
    print(
        "threads / open files",
        &format!("{} / {}", taken.threads, taken.files),
        "",
    );
    host.shutdown().await;
}
