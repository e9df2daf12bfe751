//! Progress: what agents tell while runs execute is written into the runs' rows, a little later and many at once.
//! Nothing rests on it: where it cannot be written, the run's end tells it.

use std::sync::Arc;

use super::Runtime;
use crate::agent::Progress;
use crate::events::Change;
use crate::imports::Outlet as _;
use crate::limits::{JOURNAL_ENTRIES_MAX, PROGRESS_EVERY, PROGRESS_RUNS};
use crate::storage::{Quota, Storage};
use crate::wit::storage::{Guard, JobRevision, JobToken, StorageError, Unit, Write};
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
            let written = write(&*runtime.context.storage, &runtime.context.tenant, some).await;
            runtime.pipeline.changed(written);
        }
    }
}

/// Writes what some runs have to tell; answers which. What cannot be written is told again with the next round, or by
/// the run's end.
pub(super) async fn write(storage: &dyn Storage, tenant: &str, telling: &[Telling]) -> Vec<Change> {
    let mut writing = Vec::with_capacity(telling.len());
    let mut told = Vec::with_capacity(telling.len());
    for one in telling {
        writing.push(one.progress.writing().await);
        told.push(one.progress.take());
    }
    let written = try_write(storage, tenant, telling, &told)
        .await
        .unwrap_or_else(|error| {
            tracing::debug!(%error, "progress is not written");
            vec![false; telling.len()]
        });
    let mut changed = Vec::new();
    for ((one, (lines, _)), written) in telling.iter().zip(told).zip(written) {
        if written {
            changed.push(Change::Run(one.run.clone()));
        } else {
            one.progress.put_back(lines);
        }
    }
    changed
}

/// Of each, whether it was written. What others changed meanwhile stands; the next round reads it.
async fn try_write(
    storage: &dyn Storage,
    tenant: &str,
    telling: &[Telling],
    told: &[(Vec<String>, String)],
) -> Result<Vec<bool>, StorageError> {
    let runs = telling.iter().map(|one| one.run.clone()).collect();
    let jobs = telling.iter().map(|one| one.job.clone()).collect();
    let (runs, jobs) = (
        storage.get_runs(tenant, runs).await?,
        storage.get_jobs(tenant, jobs).await?,
    );
    let (mut units, mut places) = (Vec::new(), Vec::new());
    for (place, (run, job)) in runs.into_iter().zip(jobs).enumerate() {
        let (one, (lines, text)) = (&telling[place], &told[place]);
        if let (Some(run), Some(job)) = (run, job)
            && run.status == RunStatus::Executing
            && run.token == one.token
        {
            places.push(place);
            units.push(unit(one, &job, run, lines.clone(), text.clone()));
        }
    }
    let mut written = vec![false; telling.len()];
    if !units.is_empty() {
        let results = storage.commit(tenant, Quota::UNLIMITED, units).await?;
        for (place, result) in places.into_iter().zip(results) {
            written[place] = result.is_ok();
        }
    }
    Ok(written)
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
