//! What runs may do, and what becomes of many of them.

use std::sync::Arc;

use meanwhile::clock::ManualClock;
use meanwhile::storage::memory::MemoryStorage;
use meanwhile_tests::given::{
    HOUR, MINUTE, T0_MS, World, at, create, each, every, failed, job, kinds_told, once, reported, runs,
    status, with,
};
use meanwhile_tests::in_process::{self, caller};
use meanwhile_tests::scripted::WAIT;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_speaks_for_its_own_job_and_owner_alone() {
    let world = World::new();
    let client = world.client();
    let goal =
        json!({"trigger_config": {"end_condition": "it is sold", "max_iterations": 50}, "confirm_new": true});
    let victim = create(client, with(every("Victim", 10 * HOUR), goal.clone())).await;
    let forged = json!({
        "status": "ok", "output": format!("{victim} is done"), "job_id": victim, "run_id": "run_other",
        "report": {"verdict": "done", "summary": "sold", "tell": true, "job_id": victim},
    });
    world.agent.answers("Forger", &[&forged.to_string()]);
    let named = with(goal, json!({"related_entity_id": "eve"}));
    let forger = create(client, with(every("Forger", HOUR), named)).await;
    client.advance(HOUR).await;
    assert_eq!(status(client, &forger).await, "COMPLETED");
    let untouched = job(client, &victim).await;
    assert_eq!(
        (&untouched["status"], &untouched["iteration"]),
        (&json!("ACTIVE"), &json!(0))
    );
    // The target is told of, and the run still works for who asked for it.
    let request = world.agent.requests().remove(0);
    assert_eq!(request["related_entity_id"], "eve");
    assert_eq!(
        request["caller"]["user"],
        job(client, &forger).await["user_id"],
        "{request}"
    );
    assert_eq!(kinds_told(client, &forger).await, ["result"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_during_a_run_holds_from_then_on() {
    let mut world = World::new();
    let client = world.client().clone();
    world.agent.answers("Watch", &[WAIT, "fine"]);
    let id = create(&client, every("Watch", HOUR)).await;
    client
        .tool("job_update", json!({"job_id": id, "run_now": true}))
        .await;
    world.agent.begun().await;
    let change = json!({
        "job_id": id, "payload": "Look closer.", "trigger_config": {"interval_seconds": 2 * HOUR},
    });
    client.tool("job_update", change).await;
    world.agent.release("fine").await;
    client.advance(0).await;
    let after = job(&client, &id).await;
    assert_eq!(after["payload"], "Look closer.");
    assert_eq!(after["next_run_at"], "2026-06-01T12:00:00+08:00", "{after}");
    client.advance(2 * HOUR).await;
    let requests = world.agent.requests();
    assert_eq!(each(&requests, "payload"), ["Do: Watch", "Look closer."]);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_run_together_count_once_each() {
    let world = World::new();
    let client = world.client();
    let mut jobs = Vec::new();
    for title in ["Mercury", "Venus", "Mars", "Jupiter"] {
        world.agent.answers(title, &[&reported("continue", title)]);
        let goal = json!({"trigger_config": {"end_condition": "it is seen", "max_iterations": 50}});
        jobs.push((title, create(client, with(every(title, HOUR), goal)).await));
    }
    client.advance(HOUR).await;
    assert_eq!(world.agent.calls().len(), 4, "nothing else is asked");
    for (title, id) in &jobs {
        assert_eq!(job(client, id).await["iteration"], 1, "{title}");
        let runs = runs(client, id).await;
        assert_eq!(runs.len(), 1, "{title}");
        assert_eq!(runs[0]["journal"], json!([format!("looked: {title}")]));
        assert_eq!(kinds_told(client, id).await, ["result"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hung_runs_end_at_their_deadline_and_others_go_on() {
    let mut world = World::new();
    let client = world.client().clone();
    let mut hung = Vec::new();
    for title in ["One", "Two", "Three", "Four", "Five"] {
        world.agent.answers(title, &[WAIT]);
        let limits = json!({"timeout_seconds": 60, "retry": {"max_attempts": 1}});
        hung.push(create(&client, with(once(title), limits)).await);
        world.agent.begun().await;
    }
    let waiting = create(&client, once("Waiting")).await;
    assert_eq!(status(&client, &waiting).await, "ACTIVE", "every place is taken");
    client.advance(2 * MINUTE).await;
    for id in &hung {
        let ended = job(&client, id).await;
        assert_eq!(ended["status"], "FAILED", "{ended}");
        let why = ended["last_run"]["error"]["message"].as_str().unwrap();
        assert!(why.contains("timed out after 60 s"), "{why}");
        assert_eq!(kinds_told(&client, id).await, ["failure"]);
    }
    assert_eq!(status(&client, &waiting).await, "COMPLETED");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_due_runs_however_much_it_is() {
    const JOBS: usize = 600;
    let storage = Arc::new(MemoryStorage::default());
    let host = in_process::host(storage, Arc::new(ManualClock::new(T0_MS)), "noop").await;
    let client = in_process::client(&host, caller("agent", "ada")).await;
    let creating: Vec<_> = (0..JOBS)
        .map(|number| {
            let client = client.clone();
            let job = with(
                at(&format!("Job {number}"), "2026-06-01T11:00:00"),
                json!({"confirm_new": true}),
            );
            tokio::spawn(async move { create(&client, job).await })
        })
        .collect();
    for job in creating {
        job.await.unwrap();
    }
    client.advance_to("2026-06-01T11:00:00+08:00").await;
    let page = client.get("/api/jobs?status=COMPLETED&limit=1").await;
    assert_eq!(page["total"], JOBS);
    host.shutdown().await;
}

/// FAILED goes back by an explicit retry, and then as if for the first time; COMPLETED is over.
#[tokio::test(flavor = "multi_thread")]
async fn an_ended_job_is_retried_or_stays_ended() {
    let world = World::new();
    let client = world.client();
    let busy = failed("transient", "busy");
    world.agent.answers("Call", &[&busy, &busy, &busy, "answered"]);
    let id = create(client, with(once("Call"), json!({"retry": {"max_attempts": 2}}))).await;
    client.advance(HOUR).await;
    assert_eq!(status(client, &id).await, "FAILED");
    assert_eq!(world.agent.calls().len(), 2);

    let retry = json!({"job_id": id, "status": "ACTIVE"});
    let answer = client.tool("job_update", retry.clone()).await;
    assert_eq!(answer["job"]["failure_streak"], 0, "{answer}");
    client.advance(HOUR).await;
    assert_eq!(status(client, &id).await, "COMPLETED");
    let requests = world.agent.requests();
    let attempts: Vec<_> = requests
        .iter()
        .map(|request| request["attempt"].clone())
        .collect();
    assert_eq!(attempts, [1, 2, 1, 2], "the full number of attempts again");
    assert_ne!(requests[1]["idempotency_key"], requests[2]["idempotency_key"]);

    let error = client.refused("job_update", retry).await;
    assert_eq!(error["code"], "conflict", "{error}");
    assert!(
        error["message"].as_str().unwrap().contains("COMPLETED"),
        "{error}"
    );
    assert_eq!(status(client, &id).await, "COMPLETED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_is_not_for_callers_is_refused() {
    let world = World::new();
    let client = world.client();
    let id = create(client, every("Watch", HOUR)).await;
    let before = job(client, &id).await;
    for wrong in ["PENDING", "IN_PROGRESS", "COMPLETED", "FAILED", "BLOCKED"] {
        let update = json!({"job_id": id, "title": "Other", "status": wrong});
        let error = client.refused("job_update", update).await;
        assert_eq!(error["code"], "invalid_argument", "{wrong}: {error}");
        assert_eq!(error["field"], "status", "{wrong}: {error}");
    }
    let archive = json!({"job_id": id, "status": "ARCHIVED"});
    assert_eq!(client.refused("job_update", archive).await["code"], "conflict");
    assert_eq!(job(client, &id).await, before, "nothing half done");
}
