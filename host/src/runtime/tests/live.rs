//! The list of live runs: once per (run, token), leases until settled, lost leases.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::agent::{Puppet, request};
use crate::clock::ManualClock;
use crate::imports::Outlet as _;
use crate::runtime::pipeline::Pipeline;
use crate::runtime::wake::Wake;
use crate::storage::memory::MemoryStorage;
use crate::wit::agent_pipeline::{OutcomeStatus, RunRequest, Task};
use crate::wit::runner::FinishedRun;
use crate::wit::storage::JobToken;

fn pipeline() -> (Pipeline, mpsc::UnboundedReceiver<FinishedRun>) {
    let (sender, ended) = mpsc::unbounded_channel();
    let clock = Arc::new(ManualClock::new(0));
    (
        Pipeline::new(
            "local".to_owned(),
            Arc::new(MemoryStorage::default()),
            Arc::default(),
            Arc::default(),
            Arc::new(Puppet),
            clock,
            sender,
            Arc::new(Wake::default()),
            Arc::default(),
        ),
        ended,
    )
}

/// How many runs may start.
fn free(pipeline: &Pipeline, parallel_runs: u32, backlog_max: usize) -> u32 {
    let places = pipeline.places(9, parallel_runs, backlog_max);
    places.map_or(0, |places| places.count())
}

#[tokio::test]
async fn the_same_attempt_submitted_twice_runs_once() {
    let (pipeline, mut ended) = pipeline();
    pipeline.submit(vec![request("run_1", 7, "done"), request("run_1", 7, "done")]);
    let run = ended.recv().await.unwrap();
    pipeline.submit(vec![request("run_1", 7, "done")]);
    assert_eq!((run.run_id.as_str(), run.token), ("run_1", 7));
    assert_eq!(pipeline.live().started(), 1);
    assert!(ended.try_recv().is_err());
}

#[tokio::test]
async fn a_run_keeps_its_lease_until_it_is_settled() {
    let (pipeline, mut ended) = pipeline();
    pipeline.submit(vec![request("run_1", 7, "done")]);
    let run = ended.recv().await.unwrap();
    assert_eq!(pipeline.live().unsettled(), 1);
    assert_eq!(
        pipeline.live().leases(),
        [JobToken {
            job: "job_of_run_1".to_owned(),
            token: 7
        }]
    );
    pipeline.settled(&[run]);
    assert_eq!(pipeline.live().unsettled(), 0);
    assert!(pipeline.live().leases().is_empty());
}

#[tokio::test]
async fn a_cancelled_run_comes_back_as_cancelled() {
    let (pipeline, mut ended) = pipeline();
    pipeline.submit(vec![request("run_1", 7, "until stopped")]);
    pipeline.cancel("run_of_somebody_else");
    pipeline.cancel("run_1");
    assert_eq!(
        ended.recv().await.unwrap().outcome.status,
        OutcomeStatus::Cancelled
    );
}

#[tokio::test]
async fn a_run_whose_lease_was_lost_is_stopped_and_its_end_dropped() {
    let (pipeline, mut ended) = pipeline();
    pipeline.submit(vec![
        request("run_1", 7, "until stopped"),
        request("run_2", 7, "until stopped"),
    ]);
    pipeline.leases_lost(&[JobToken {
        job: "job_of_run_1".to_owned(),
        token: 7,
    }]);
    pipeline.wait_until(|live| live.executing() == 1).await;
    assert!(ended.try_recv().is_err());
    assert_eq!(
        pipeline.live().leases(),
        [JobToken {
            job: "job_of_run_2".to_owned(),
            token: 7
        }]
    );
}

#[tokio::test]
async fn a_newer_attempt_takes_the_place_of_an_older_and_an_older_one_is_ignored() {
    let (pipeline, mut ended) = pipeline();
    pipeline.submit(vec![request("run_1", 7, "until stopped")]);
    pipeline.submit(vec![request("run_1", 8, "done")]);
    pipeline.submit(vec![request("run_1", 6, "done")]);
    let run = ended.recv().await.unwrap();
    assert_eq!(run.token, 8);
    pipeline.wait_until(|live| live.executing() == 0).await;
    assert_eq!(pipeline.live().unsettled(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_from_which_a_newer_took_over_has_its_place_until_it_ended() {
    let (pipeline, mut ended) = pipeline();
    pipeline.submit(vec![request("run_1", 7, "never")]);
    pipeline.submit(vec![request("run_1", 8, "done")]);
    assert_eq!(ended.recv().await.unwrap().token, 8);
    assert_eq!(pipeline.live().executing(), 1);
    assert_eq!(free(&pipeline, 1, 9), 0);
    pipeline.wait_until(|live| live.executing() == 0).await;
    assert_eq!(pipeline.live().unsettled(), 1);
    assert_eq!(free(&pipeline, 1, 9), 1);
}

#[tokio::test]
async fn free_places_are_what_does_not_execute_and_none_while_too_much_is_unsettled() {
    let (pipeline, mut ended) = pipeline();
    pipeline.submit(vec![
        request("run_1", 7, "until stopped"),
        request("run_2", 7, "done"),
    ]);
    ended.recv().await.unwrap();
    assert_eq!(free(&pipeline, 5, 2), 4);
    assert_eq!(free(&pipeline, 1, 2), 0);
    assert_eq!(free(&pipeline, 5, 1), 0);
}

#[tokio::test]
async fn a_judgement_under_the_same_token_is_carried_out_and_outlives_the_settling() {
    let (pipeline, mut ended) = pipeline();
    pipeline.submit(vec![request("run_1", 7, "done")]);
    let executed = ended.recv().await.unwrap();
    let judge = || RunRequest {
        task: Task::Judge,
        ..request("run_1", 7, "judged")
    };
    pipeline.submit(vec![judge(), judge()]);
    let judged = ended.recv().await.unwrap();
    assert_eq!(judged.outcome.output, "judged");
    pipeline.settled(&[executed]);
    assert_eq!(pipeline.live().unsettled(), 1);
    pipeline.settled(&[judged]);
    assert_eq!(pipeline.live().unsettled(), 0);
    assert_eq!(pipeline.live().started(), 2);
}

#[tokio::test]
async fn a_place_is_one_polls() {
    let (pipeline, _ended) = pipeline();
    let first = pipeline.places(2, 3, 9).unwrap();
    assert_eq!(first.count(), 2);
    let second = pipeline.places(2, 3, 9).unwrap();
    assert_eq!(second.count(), 1);
    assert!(pipeline.places(2, 3, 9).is_none());
    drop(first);
    assert_eq!(free(&pipeline, 3, 9), 2);
    drop(second);
    assert_eq!(free(&pipeline, 3, 9), 3);
}
