//! Finding jobs by what they are about: on every storage, with an embedder whose meaning can be read.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod by_meaning;
mod by_words;
mod in_background;
mod quality;

use std::sync::Arc;

use meanwhile::search::Search;
use meanwhile::storage::memory::MemoryStorage;
use meanwhile::storage::postgres::{LeaseClock, PostgresStorage};
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile::storage::{Quota, Storage};
use meanwhile::wit::storage::{HitPage, JobFilter, JobUpdate, Page, SearchMode, SearchQuery, Unit, Write};
use meanwhile::wit::types::{Job, JobStatus};
use meanwhile_tests::cluster::{Cluster, ROLE};
use meanwhile_tests::concepts::Concepts;
use meanwhile_tests::storage_suite::{TENANT, any_job, job, unit};
use tempfile::TempDir;

/// Every storage of one host; those of Postgres are in the tests that are ignored.
fn storages() -> Vec<(Arc<dyn Storage>, Option<TempDir>)> {
    let folder = tempfile::tempdir().unwrap();
    let file = SqliteStorage::open(folder.path().join("store.db")).unwrap();
    vec![
        (Arc::new(MemoryStorage::default()), None),
        (Arc::new(file), Some(folder)),
    ]
}

async fn postgres() -> Arc<dyn Storage> {
    let cluster = Cluster::of_process();
    let url = cluster.url(ROLE, &cluster.database().await);
    Arc::new(PostgresStorage::open(&url, LeaseClock::Caller).await.unwrap())
}

/// A job with its texts.
fn about(id: &str, title: &str, description: &str) -> Job {
    let mut job = job(id, None);
    job.spec.title = title.into();
    job.spec.description = description.into();
    job
}

async fn commit(storage: &dyn Storage, tenant: &str, writes: Vec<Write>) {
    let units: Vec<Unit> = writes
        .into_iter()
        .map(|write| unit(vec![], vec![write]))
        .collect();
    let applied = storage.commit(tenant, Quota::UNLIMITED, units).await.unwrap();
    assert!(applied.iter().all(Result::is_ok), "{applied:?}");
}

async fn insert(storage: &dyn Storage, tenant: &str, jobs: impl IntoIterator<Item = Job>) {
    commit(storage, tenant, jobs.into_iter().map(Write::InsertJob).collect()).await;
}

/// Writes a job as it is now.
async fn update(storage: &dyn Storage, job: &Job) {
    let update = JobUpdate {
        id: job.id.clone(),
        spec: Some(job.spec.clone()),
        state: job.state.clone(),
        updated_at: 2,
    };
    commit(storage, TENANT, vec![Write::UpdateJob(update)]).await;
}

async fn set_status(storage: &dyn Storage, job: &Job, status: JobStatus) {
    let mut job = job.clone();
    job.state.status = status;
    update(storage, &job).await;
}

fn with(storage: &Arc<dyn Storage>, embedder: &Arc<Concepts>) -> Search {
    Search::new(Arc::clone(storage), Some(Arc::clone(embedder) as _))
}

fn by_words_alone(storage: &Arc<dyn Storage>) -> Search {
    Search::new(Arc::clone(storage), None)
}

async fn ask_where(search: &Search, tenant: &str, text: &str, filter: JobFilter, limit: u32) -> HitPage {
    let query = SearchQuery {
        terms: vec![text.into()],
        mode: SearchMode::Meaning,
        best_first: true,
        filter,
        page: Page {
            limit,
            cursor: None,
            count: true,
        },
    };
    search.jobs(tenant, query).await.unwrap()
}

async fn ask(search: &Search, text: &str) -> HitPage {
    ask_where(search, TENANT, text, any_job(), 10).await
}

fn ids(page: &HitPage) -> Vec<&str> {
    page.hits.iter().map(|hit| hit.job.id.as_str()).collect()
}

/// Three jobs that have no word in common.
fn three() -> [Job; 3] {
    [
        about("invoices", "Pending invoices", "Remind customers every Monday."),
        about("dentist", "Call the dentist", "Ask for an appointment."),
        about(
            "weather",
            "Weather report",
            "Look whether the picnic can take place.",
        ),
    ]
}
