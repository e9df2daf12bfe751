//! Progress: what agents tell while runs execute is written into the runs' rows, a little later and many at once.
//! Nothing rests on it: where it cannot be written, the run's end tells it.

use std::sync::Arc;

use super::Runtime;
use crate::agent::Progress;
use crate::limits::{JOURNAL_ENTRIES_MAX, PROGRESS_EVERY, PROGRESS_RUNS};
use crate::storage::Quota;
use crate::wit::storage::{Guard, JobRevision, JobToken, Unit, Write};
use crate::wit::types::{Job, Run, RunStatus};

/// A run that has something to tell.
pub(super) struct Telling {
    pub(super) run: String,
    pub(super) job: String,
    pub(super) token: u64,
    pub(super) progress: Progress,
}

/// The loop. Ends when the runtime is closed.
pub(super) async fn run(runtime: Arc<Runtime>) {
    loop {
        tokio::select! {
            () = runtime.closed.cancelled() => return,
            () = runtime.pipeline.news() => {}
        }
        // What comes in between goes with it.
        tokio::select! {
            () = runtime.closed.cancelled() => return,
            () = tokio::time::sleep(PROGRESS_EVERY) => {}
        }
        let telling = runtime.pipeline.live().telling();
        for some in telling.chunks(PROGRESS_RUNS) {
            write(&runtime, some).await;
        }
    }
}

async fn write(runtime: &Runtime, telling: &[Telling]) {
    let mut writing = Vec::with_capacity(telling.len());
    for one in telling {
        writing.push(one.progress.writing().await);
    }
    let (storage, tenant) = (&runtime.context.storage, &runtime.context.tenant);
    let runs = telling.iter().map(|one| one.run.clone()).collect();
    let jobs = telling.iter().map(|one| one.job.clone()).collect();
    let (runs, jobs) = match (
        storage.get_runs(tenant, runs).await,
        storage.get_jobs(tenant, jobs).await,
    ) {
        (Ok(runs), Ok(jobs)) => (runs, jobs),
        (Err(error), _) | (_, Err(error)) => {
            tracing::debug!(%error, "progress is not written");
            return;
        }
    };
    let (mut units, mut told) = (Vec::new(), Vec::new());
    for ((one, run), job) in telling.iter().zip(runs).zip(jobs) {
        if let (Some(run), Some(job)) = (run, job)
            && run.status == RunStatus::Executing
            && run.token == one.token
        {
            let (lines, text) = one.progress.take();
            told.push((one, lines.clone()));
            units.push(unit(one, &job, run, lines, text));
        }
    }
    if units.is_empty() {
        return;
    }
    let results = storage.commit(tenant, Quota::UNLIMITED, units).await;
    // What others changed meanwhile stands; the next round reads it.
    let results = results.unwrap_or_else(|error| {
        tracing::debug!(%error, "progress is not written");
        vec![Err(crate::wit::storage::Rejection::Stale); told.len()]
    });
    for ((one, lines), result) in told.into_iter().zip(results) {
        if result.is_err() {
            one.progress.put_back(lines);
        }
    }
}

/// The run's row with what is new, provided that nobody moved its job on: whoever ends or stops a run writes its
/// job as well.
fn unit(one: &Telling, job: &Job, mut run: Run, lines: Vec<String>, text: String) -> Unit {
    run.journal.extend(lines);
    let surplus = run.journal.len().saturating_sub(JOURNAL_ENTRIES_MAX);
    run.journal.drain(..surplus);
    run.output = Some(text).filter(|text| !text.is_empty());
    Unit {
        guards: vec![
            Guard::Revision(JobRevision {
                job: one.job.clone(),
                revision: job.revision,
            }),
            Guard::Claim(JobToken {
                job: one.job.clone(),
                token: one.token,
            }),
        ],
        writes: vec![Write::UpdateRun(run)],
    }
}
