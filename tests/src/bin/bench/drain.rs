//! Draining due jobs: through the host and its component, and the same rows by storage alone.

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant as Timer};

use meanwhile::agent::noop::Noop;
use meanwhile::clock::{Clock, SystemClock};
use meanwhile::host::{Host, LOCAL_TENANT};
use meanwhile::limits::{CLAIM_JOBS_MAX, LEASE};
use meanwhile::service::Service;
use meanwhile::storage::{Quota, Storage};
use meanwhile::wit::storage::{Guard, JobRevision, JobToken, JobUpdate, RunFilter, Unit, Write};
use meanwhile::wit::types::{Job, JobStatus, Message, NotifyPolicy, Run, RunStatus};
use meanwhile_tests::rows;
use tokio::sync::mpsc;

use crate::figures::{heading, print};
use crate::stores::Bed;

const JOBS: usize = 100_000;
const PARALLEL_RUNS: u32 = 1_024;
const LOOK: Duration = Duration::from_millis(5);

/// Makes jobs that are due, and drains them through hosts that share a store. Answers jobs per second, and
/// the rows that the first job left behind. The store is closed then.
pub(crate) async fn through_the_component(
    hosts: Vec<Arc<dyn Storage>>,
    template: &Job,
    numbers: Range<usize>,
) -> (f64, Example) {
    let due = SystemClock.now();
    rows::fill(&*hosts[0], template, numbers.clone(), |_| due).await;
    let mut building = Vec::new();
    for storage in &hosts {
        let host = Host::builder()
            .storage(Arc::clone(storage))
            .agent(Arc::new(Noop))
            .limits(rows::limits())
            .component(meanwhile::COMPONENT)
            .parallel_runs(PARALLEL_RUNS);
        building.push(host.build().await.unwrap());
    }
    let before = completed(&*hosts[0]).await;
    let began = Timer::now();
    for host in &building {
        host.start().await.unwrap();
    }
    loop {
        let mut settled = 0;
        for host in &building {
            settled += host.figures(&rows::session()).await.unwrap()[0].runs_settled;
        }
        if settled >= numbers.len() as u64 {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(completed(&*hosts[0]).await - before, numbers.len() as u64);
    let example = Example::of(&*hosts[0], numbers.start).await;
    for host in building {
        host.shutdown().await;
    }
    (numbers.len() as f64 / seconds, example)
}

async fn completed(storage: &dyn Storage) -> u64 {
    let counts = storage.count_jobs(LOCAL_TENANT).await.unwrap();
    let completed = counts.iter().find(|(status, _)| *status == JobStatus::Completed);
    completed.map_or(0, |(_, count)| *count)
}

/// What the component wrote for one job, to be written again without it.
pub(crate) struct Example {
    job: Job,
    run: Run,
    message: Option<Message>,
}

impl Example {
    /// What there is of the n-th job.
    async fn of(storage: &dyn Storage, n: usize) -> Self {
        let id = rows::id(n);
        let job = storage.get_jobs(LOCAL_TENANT, vec![id.clone()]).await.unwrap();
        let filter = RunFilter {
            job: id,
            statuses: Vec::new(),
            before: None,
            limit: 1,
        };
        let runs = storage.find_runs(LOCAL_TENANT, filter).await.unwrap();
        let inbox = storage.inbox(LOCAL_TENANT, None, 0, 1).await.unwrap();
        Self {
            job: job.into_iter().next().flatten().unwrap(),
            run: runs.into_iter().next().unwrap(),
            message: inbox.into_iter().next().map(|entry| entry.message),
        }
    }

    fn run(&self, job: &str, token: u64, status: RunStatus) -> Run {
        Run {
            id: job.replace("job_", "run_"),
            job: job.into(),
            token,
            status,
            ..self.run.clone()
        }
    }
}

pub(crate) fn unit(job: &str, token: u64, revision: u64, writes: Vec<Write>) -> Unit {
    let revision = JobRevision {
        job: job.into(),
        revision,
    };
    let claim = JobToken {
        job: job.into(),
        token,
    };
    Unit {
        guards: vec![Guard::Revision(revision), Guard::Claim(claim)],
        writes,
    }
}

/// The same claims and the same units, decided by nobody: one task claims and starts, another
/// settles, as the host's two loops do.
pub(crate) async fn by_storage_alone(
    storage: Arc<dyn Storage>,
    template: &Job,
    example: Example,
    numbers: Range<usize>,
) -> f64 {
    let due = SystemClock.now();
    rows::fill(&*storage, template, numbers.clone(), |_| due).await;
    let before = completed(&*storage).await;
    let example = Arc::new(example);
    let (started, mut to_settle) = mpsc::unbounded_channel::<Vec<(Job, u64)>>();
    let began = Timer::now();
    let starting = {
        let (storage, example) = (Arc::clone(&storage), Arc::clone(&example));
        tokio::spawn(async move {
            loop {
                let now = SystemClock.now();
                let until = now + LEASE.as_millis() as i64;
                let claims = storage
                    .claim_due(LOCAL_TENANT, "bench", now, until, CLAIM_JOBS_MAX)
                    .await;
                let claims = claims.unwrap();
                if claims.is_empty() {
                    return;
                }
                let mut batch = Vec::with_capacity(claims.len());
                let mut units = Vec::with_capacity(claims.len());
                for claim in claims {
                    let mut job = claim.job;
                    job.state.status = JobStatus::InProgress;
                    let run = example.run(&job.id, claim.token, RunStatus::Executing);
                    let writes = vec![Write::InsertRun(run), update(&job, now)];
                    units.push(unit(&job.id, claim.token, job.revision, writes));
                    batch.push((job, claim.token));
                }
                applied(&*storage, units).await;
                started.send(batch).unwrap();
            }
        })
    };
    while let Some(batch) = to_settle.recv().await {
        let now = SystemClock.now();
        let units = batch.into_iter().map(|(mut job, token)| {
            let revision = job.revision + 1;
            job.state = example.job.state.clone();
            let run = example.run(&job.id, token, RunStatus::Succeeded);
            let released = Write::Release(JobToken {
                job: job.id.clone(),
                token,
            });
            let mut writes = vec![Write::UpdateRun(run), update(&job, now), released];
            writes.extend(example.message.clone().map(|message| {
                Write::InsertMessage(Message {
                    id: job.id.replace("job_", "msg_"),
                    once_key: job.id.clone(),
                    job: job.id.clone(),
                    ..message
                })
            }));
            unit(&job.id, token, revision, writes)
        });
        applied(&*storage, units.collect()).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    starting.await.unwrap();
    assert_eq!(completed(&*storage).await - before, numbers.len() as u64);
    storage.close().await;
    numbers.len() as f64 / seconds
}

pub(crate) fn update(job: &Job, now: i64) -> Write {
    Write::UpdateJob(JobUpdate {
        id: job.id.clone(),
        spec: None,
        state: job.state.clone(),
        updated_at: now,
    })
}

async fn applied(storage: &dyn Storage, units: Vec<Unit>) {
    let results = storage
        .commit(LOCAL_TENANT, Quota::UNLIMITED, units)
        .await
        .unwrap();
    assert!(
        results.iter().all(Result::is_ok),
        "{:?}",
        results.iter().find(|one| one.is_err())
    );
}

pub(crate) async fn measure() {
    heading(&format!(
        "Draining {JOBS} due no-op jobs, SQLite with synchronous=FULL"
    ));
    let mut template = rows::template().await;
    for (what, notify, bound) in [
        ("no message", NotifyPolicy::OnFailure, "8,000"),
        ("a message each", NotifyPolicy::Always, ""),
    ] {
        template.spec.notify = notify;
        let bed = Bed::sqlite();
        let storage = bed.open().await;
        let (with, example) = through_the_component(vec![storage], &template, 0..JOBS).await;
        let bed = Bed::sqlite();
        let without = by_storage_alone(bed.open().await, &template, example, 0..JOBS).await;
        print(
            &format!("through the component, {what}: jobs/s"),
            &format!("{with:.0}"),
            bound,
        );
        print(
            &format!("by storage alone, {what}: jobs/s"),
            &format!("{without:.0}"),
            "",
        );
    }
}
