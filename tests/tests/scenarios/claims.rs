//! Claims, crashes and failures: scenarios 15, 16 and 17.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use meanwhile::agent::{Agent, Attempt, answer};
use meanwhile::clock::{Clock, ManualClock};
use meanwhile::host::Host;
use meanwhile::storage::Storage;
use meanwhile::storage::memory::MemoryStorage;
use meanwhile::wit::agent_pipeline::{Outcome, OutcomeStatus, RunRequest};
use meanwhile_tests::in_process::{self, caller};
use meanwhile_tests::scripted::WAIT;
use meanwhile_tests::served::run;
use serde_json::{Value, json};

use meanwhile_tests::given::{
    DAY, HOUR, T0_MS, World, at, create, each, every, failed, job, kinds_told, once, runs, status, told, with,
};

/// Notes what it is asked to do.
#[derive(Clone, Default)]
struct Noting(Arc<Mutex<Vec<RunRequest>>>);

#[async_trait]
impl Agent for Noting {
    async fn run(&self, attempt: Attempt) -> Outcome {
        self.0.lock().unwrap().push(attempt.request);
        // Others get their turn while this one runs.
        tokio::task::yield_now().await;
        answer(OutcomeStatus::Ok, "done".to_owned())
    }

    async fn check(&self) -> Result<String, String> {
        Ok("notes".to_owned())
    }
}

/// A SQLite file belongs to one host, so there the workers are callers of one program; several
/// hosts share a storage in memory. (That a worker without its lease writes nothing, on every
/// storage: `stale_token_is_refused` in `tests/src/storage_suite.rs`, and natively in the stories.)
#[tokio::test(flavor = "multi_thread")]
async fn scenario_15_exactly_one_claim() {
    let world = World::new();
    let client = world.client();
    let id = create(client, at("Call", "2026-06-01T11:00:00")).await;
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { client.advance_to("2026-06-01T11:00:00+08:00").await })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    assert_eq!(world.agent.calls(), ["Call"]);
    assert_eq!(runs(client, &id).await[0]["attempt"], 1);

    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(T0_MS));
    let noting = Noting::default();
    let mut hosts = Vec::new();
    for _ in 0..4 {
        let host = Host::builder()
            .storage(Arc::clone(&storage))
            .agent(Arc::new(noting.clone()))
            .clock(Arc::clone(&clock))
            .component(meanwhile::COMPONENT)
            .build()
            .await
            .unwrap();
        host.start().await.unwrap();
        hosts.push(host);
    }
    let client = in_process::client(&hosts[0], caller("agent", "ada")).await;
    let mut jobs = HashSet::new();
    for number in 0..40 {
        let wanted = with(
            at(&format!("Call {number}"), "2026-06-01T11:00:00"),
            json!({"confirm_new": true}),
        );
        jobs.insert(create(&client, wanted).await);
    }
    let hour = T0_MS + i64::try_from(HOUR).unwrap() * 1_000;
    let workers: Vec<_> = hosts
        .iter()
        .map(|host| {
            let host = host.clone();
            tokio::spawn(async move { host.advance_clock(hour).await })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    // Whatever a host began before another moved the clock is settled now.
    for host in &hosts {
        host.advance_clock(hour).await;
    }
    let begun = noting.0.lock().unwrap().clone();
    assert_eq!(begun.len(), 40, "each once");
    let begun: HashSet<String> = begun.into_iter().map(|request| request.job_id).collect();
    assert_eq!(begun, jobs);
    for id in &jobs {
        assert_eq!(status(&client, id).await, "COMPLETED");
    }
    for host in hosts {
        host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_16_crash_recovery() {
    let mut world = World::new();
    world.agent.answers("Send the offer", &[WAIT]);
    let id = create(world.client(), once("Send the offer")).await;
    world.agent.begun().await;

    // Another process does not touch what a live one runs.
    let store = world.store();
    let (_, errors, end) = run(&["serve", "--listen", "127.0.0.1:0", "--store", &store]);
    assert!(!end.success() && errors.contains("another host has"), "{errors}");
    let live = runs(world.client(), &id).await;
    assert_eq!(
        (&live[0]["status"], &live[0]["attempt"]),
        (&json!("executing"), &json!(1))
    );

    world.served.kill();
    world.restart("2026-06-01T10:01:00+08:00");
    world.agent.begun().await;
    let again = runs(world.client(), &id).await;
    assert_eq!(again.len(), 1, "the same run: {again:?}");
    assert_eq!(
        (&again[0]["status"], &again[0]["attempt"]),
        (&json!("executing"), &json!(2))
    );
    // Both attempts wait at the gate; the one whose host died tells nobody.
    world.agent.release_up_to(2, "sent");
    world.client().advance(0).await;
    let requests = world.agent.requests();
    let attempts: Vec<&Value> = requests.iter().map(|request| &request["attempt"]).collect();
    assert_eq!(attempts, [1, 2]);
    assert_eq!(requests[0]["idempotency_key"], requests[1]["idempotency_key"]);
    assert_eq!(status(world.client(), &id).await, "COMPLETED");
    let run = &runs(world.client(), &id).await[0];
    assert!(run["journal"].to_string().contains("interrupted"), "{run}");
    assert_eq!(kinds_told(world.client(), &id).await, ["result"]);
    world.client().advance(DAY).await;
    assert_eq!(world.agent.calls().len(), 2);
}

/// Of a time such as 2026-06-01T10:00:00+08:00.
fn second_of_day(time: &str) -> i64 {
    let parts = time[11..19].split(':').map(|part| part.parse::<i64>().unwrap());
    parts.fold(0, |sum, part| sum * 60 + part)
}

/// Waits are up to a tenth shorter than the doubling says, so that jobs that failed together do
/// not come back together. Being cured: see `scenario_17_is_resumed_by_what_cures_it`.
#[tokio::test(flavor = "multi_thread")]
async fn scenario_17_transient_failure() {
    let world = World::new();
    let client = world.client();
    world.agent.answers(
        "Call",
        &[&failed("transient", "row 84011: unauthorized time-out")],
    );
    let id = create(client, once("Call")).await;
    client.advance(0).await;
    let waiting = job(client, &id).await;
    assert_eq!(waiting["status"], "ACTIVE", "{waiting}");
    assert_eq!(waiting["status_reason"]["code"], "retry_waiting", "{waiting}");
    assert_eq!(waiting["failure_streak"], 1, "{waiting}");
    assert!(kinds_told(client, &id).await.is_empty(), "not yet worth a word");
    client.advance(DAY).await;
    let requests = world.agent.requests();
    let begun: Vec<i64> = each(&requests, "now").into_iter().map(second_of_day).collect();
    let waits: Vec<i64> = begun.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits.len(), 7, "eight attempts: {waits:?}");
    for (wait, longest) in waits.iter().zip([60, 120, 240, 480, 960, 1_920, 3_600]) {
        // Times are shown in full seconds.
        assert!((longest * 9 / 10 - 1..=longest + 1).contains(wait), "{waits:?}");
    }
    let done = job(client, &id).await;
    assert_eq!(done["status"], "FAILED", "{done}");
    assert_eq!(done["status_reason"]["code"], "retries_exhausted", "{done}");
    let said = told(client, &id).await;
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].0 == "failure" && said[0].1.contains("84011"), "{said:?}");

    // A success forgets the failures before it.
    let busy = failed("transient", "busy");
    world.agent.answers("Watch", &[&busy, &busy, "fine"]);
    let id = create(client, every("Watch", HOUR)).await;
    client.advance(HOUR + 60).await;
    assert_eq!(job(client, &id).await["failure_streak"], 2);
    client.advance(120).await;
    let done = job(client, &id).await;
    assert_eq!(done["failure_streak"], 0, "{done}");
    assert!(
        done["last_run"]["error"].is_null() && done["status_reason"].is_null(),
        "{done}"
    );
    client.tool("job_cancel", json!({"job_id": id})).await;

    // An error from which the run recovered is none.
    let recovered = json!({
        "status": "ok", "output": "delivered", "error": {"class": "transient", "message": "first try failed"},
    });
    world.agent.answers("Deliver", &[&recovered.to_string()]);
    let id = create(client, once("Deliver")).await;
    client.advance(DAY).await;
    assert_eq!(status(client, &id).await, "COMPLETED");
    assert_eq!(kinds_told(client, &id).await, ["result"]);
    assert_eq!(world.agent.requests_of("Deliver").len(), 1);

    // Used up, or not let in: no retry helps.
    for (class, code) in [("quota", "quota"), ("auth", "credentials")] {
        let title = format!("Ask with {class}");
        world
            .agent
            .answers(&title, &[&failed(class, "come back later"), "answered"]);
        let id = create(client, with(once(&title), json!({"confirm_new": true}))).await;
        client.advance(DAY).await;
        let paused = job(client, &id).await;
        assert_eq!(paused["status"], "PAUSED", "{paused}");
        assert_eq!(paused["status_reason"]["code"], code, "{paused}");
        assert_eq!(kinds_told(client, &id).await, ["incident"]);
        client
            .tool("job_update", json!({"job_id": id, "status": "ACTIVE"}))
            .await;
        client.advance(0).await;
        assert_eq!(status(client, &id).await, "COMPLETED");
        let requests = world.agent.requests_of(&title);
        let keys = each(&requests, "idempotency_key");
        assert!(
            keys.len() == 2 && keys[0] == keys[1],
            "the same run goes on: {keys:?}"
        );
    }
}
