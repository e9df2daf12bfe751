//! What storage does at once is bounded, whatever is asked of it.

use std::sync::Arc;

use meanwhile::limits::{CLAIM_BYTES_MAX, PAGE_BYTES_MAX, READ_BYTES_MAX};
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile::storage::{Quota, Storage};
use meanwhile::wit::storage::{Page, RunFilter, SearchMode, SearchQuery, StorageError, Unit, Write};
use meanwhile_tests::hostile::alone::Alone;
use meanwhile_tests::storage_suite::{TENANT, any_job, job, run, unit};

/// A run as large as runs may be.
const RUN_BYTES: usize = 2_000_000;

async fn commit(storage: &dyn Storage, tenant: &str, units: Vec<Unit>) {
    let results = storage.commit(tenant, Quota::UNLIMITED, units).await.unwrap();
    assert!(results.iter().all(Result::is_ok));
}

fn store() -> (Arc<SqliteStorage>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let storage = SqliteStorage::open(folder.path().join("store.db")).unwrap();
    (Arc::new(storage), folder)
}

/// Runs of the job `job_1` that are together more than is read in one go.
async fn fill_with_runs(storage: &dyn Storage, tenant: &str) {
    let insert = unit(vec![], vec![Write::InsertJob(job("job_1", None))]);
    commit(storage, tenant, vec![insert]).await;
    for slot in 0..=(READ_BYTES_MAX / RUN_BYTES) {
        let mut large = run(&format!("run_{slot}"), "job_1", slot as i64);
        large.output = Some("x".repeat(RUN_BYTES));
        commit(storage, tenant, vec![unit(vec![], vec![Write::InsertRun(large)])]).await;
    }
}

#[tokio::test]
async fn rows_that_are_too_many_for_one_read_are_refused() {
    let (storage, _folder) = store();
    fill_with_runs(&*storage, TENANT).await;
    let filter = |limit| RunFilter {
        job: "job_1".into(),
        statuses: vec![],
        before: None,
        limit,
    };
    let refused = storage.find_runs(TENANT, filter(1_000)).await.unwrap_err();
    let text = format!("the rows come to more than {READ_BYTES_MAX} bytes: ask for fewer");
    assert_eq!(refused, StorageError::LimitExceeded(text));
    assert_eq!(storage.find_runs(TENANT, filter(5)).await.unwrap().len(), 5);
}

#[tokio::test]
async fn a_component_that_asks_for_them_is_out_of_memory() {
    let (storage, _folder) = store();
    fill_with_runs(&*storage, "t").await;
    let alone = Alone::new("reads-huge-runs", storage);
    let end = alone.call(&alone.tenant("t")).await;
    assert_eq!(end, Err(meanwhile::component::CallFailure::Memory));
}

/// Jobs of 40 KiB, due at their number.
async fn fill_with_jobs(storage: &dyn Storage, bytes: usize) -> usize {
    const PAYLOAD: usize = 40_000;
    let count = bytes / PAYLOAD + 10;
    let units = (0..count).map(|n| {
        let mut large = job(&format!("job_{n:04}"), Some(n as i64));
        large.spec.payload = "word ".repeat(PAYLOAD / 5);
        unit(vec![], vec![Write::InsertJob(large)])
    });
    commit(storage, TENANT, units.collect()).await;
    count
}

#[tokio::test]
async fn a_page_of_large_jobs_ends_early_and_the_next_one_goes_on() {
    let (storage, _folder) = store();
    let count = fill_with_jobs(&*storage, PAGE_BYTES_MAX).await;
    let page = |cursor| Page {
        limit: 1_000,
        cursor,
        count: true,
    };
    let first = storage.find_jobs(TENANT, any_job(), page(None)).await.unwrap();
    assert!(first.jobs.len() < count && first.next_cursor.is_some());
    assert_eq!(first.total, count as u64);
    let second = storage
        .find_jobs(TENANT, any_job(), page(first.next_cursor))
        .await
        .unwrap();
    assert_eq!(
        (first.jobs.len() + second.jobs.len(), second.next_cursor),
        (count, None)
    );
    let query = SearchQuery {
        terms: vec!["word".into()],
        mode: SearchMode::AnyTerm,
        best_first: false,
        filter: any_job(),
        page: page(None),
    };
    let found = storage.search_jobs(TENANT, query).await.unwrap();
    assert!(found.hits.len() < count && found.next_cursor.is_some());
}

#[tokio::test]
async fn a_claim_of_large_jobs_takes_some_and_leaves_the_others_due() {
    let (storage, _folder) = store();
    let count = fill_with_jobs(&*storage, CLAIM_BYTES_MAX).await;
    let now = count as i64;
    let mut claimed = Vec::new();
    loop {
        let claims = storage
            .claim_due(TENANT, "host", now, now + 100, 256)
            .await
            .unwrap();
        if claims.is_empty() {
            break;
        }
        assert!(claims.len() < count);
        claimed.extend(claims.into_iter().map(|claim| claim.job.id));
    }
    claimed.sort();
    claimed.dedup();
    assert_eq!(claimed.len(), count);
}

/// What one tenant writes is not read by another's search: they share an index, and no word of it.
#[tokio::test]
async fn a_search_finds_its_own_tenants_jobs_alone() {
    let (storage, _folder) = store();
    for tenant in ["a", "a-b", "b"] {
        let insert = unit(
            vec![],
            vec![Write::InsertJob(job(&format!("job {tenant}"), None))],
        );
        commit(&*storage, tenant, vec![insert]).await;
    }
    for mode in [SearchMode::AllTerms, SearchMode::AnyTerm, SearchMode::Meaning] {
        let query = SearchQuery {
            terms: vec!["title".into()],
            mode,
            best_first: false,
            filter: any_job(),
            page: Page {
                limit: 10,
                cursor: None,
                count: true,
            },
        };
        let found = storage.search_jobs("a", query).await.unwrap();
        assert_eq!((found.hits.len(), found.total), (1, 1));
        assert_eq!(found.hits[0].job.id, "job a");
    }
}
