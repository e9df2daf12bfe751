//! Guests that are hostile when they are polled.

use std::sync::Arc;

use meanwhile::component::CallFailure;
use meanwhile::host::LOCAL_TENANT;
use meanwhile::service::Service as _;
use meanwhile::storage::memory::MemoryStorage;
use meanwhile::storage::{Quota, Storage};
use meanwhile::wit::storage::Write;
use meanwhile::wit::types::JobStatus;
use meanwhile_tests::given::T0_MS;
use meanwhile_tests::hostile::alone::Alone;
use meanwhile_tests::hostile::yard::{Yard, session};
use meanwhile_tests::storage_suite::{TENANT, job, unit};
use serde_json::json;

/// A store with three jobs that are due.
async fn due() -> Arc<dyn Storage> {
    let storage = MemoryStorage::default();
    let jobs = ["a", "b", "c"].map(|id| Write::InsertJob(job(id, Some(T0_MS))));
    let units = vec![unit(vec![], jobs.to_vec())];
    let applied = storage.commit(TENANT, Quota::UNLIMITED, units).await;
    assert_eq!(applied.unwrap(), [Ok(())]);
    Arc::new(storage)
}

#[tokio::test]
async fn a_poll_claims_no_more_than_it_was_told_and_starts_one_run_a_claim() {
    let storage = due().await;
    let alone = Alone::new("claims-and-runs-all", Arc::clone(&storage));
    let end = alone.component.poll(&alone.tenant(TENANT), 1).await;

    let what = "it submitted a run without a claim, or a second one under a claim";
    assert_eq!(end.result.err(), Some(CallFailure::Forbidden(what)));
    assert_eq!(alone.started.runs(), ["run_1"]);
    assert_eq!((end.claimed, end.unused.len()), (1, 0));
    let left = storage
        .claim_due(TENANT, "other", T0_MS, T0_MS + 1, 9)
        .await
        .unwrap();
    assert_eq!(left.len(), 2);
}

#[tokio::test]
async fn a_poll_that_cancels_a_job_cannot_start_it_all_the_same() {
    let storage = due().await;
    let alone = Alone::new("revives-in-poll", Arc::clone(&storage));
    let end = alone.component.poll(&alone.tenant(TENANT), 1).await;

    let report = end.result.unwrap().unwrap();
    let message = "job a has ended as CANCELLED: it cannot become IN_PROGRESS";
    assert_eq!(report.problems[0].message, message);
    let jobs = storage.get_jobs(TENANT, vec!["a".into()]).await.unwrap();
    assert_eq!(jobs[0].as_ref().unwrap().state.status, JobStatus::Cancelled);
    let runs = storage.get_runs(TENANT, vec!["run_forged".into()]).await.unwrap();
    assert_eq!(runs, [None]);
}

#[tokio::test]
async fn a_component_that_blames_storage_does_not_make_the_host_unready() {
    let yard = Yard::new().await;
    yard.add_tenant("hostile", &json!({})).await;
    let due = json!({ "title": "Soon", "payload": "Do it.", "trigger_config": {"when": "in 1 second"} });
    yard.call("hostile", "job-create", due).await.unwrap();
    let digest = yard.upload("says-unavailable").await.unwrap();
    yard.give("hostile", Some(&digest)).await;
    assert!(yard.host.advance_clock(T0_MS + 2_000).await.is_some());

    // The second poll comes after the answer to the first.
    let polls = || async {
        let figures = yard.host.figures(&session(LOCAL_TENANT)).await.unwrap();
        figures.iter().find(|it| it.tenant == "hostile").unwrap().polls
    };
    while polls().await < 2 {
        tokio::task::yield_now().await;
    }
    assert!(yard.host.ready());
    yard.host.shutdown().await;
}
