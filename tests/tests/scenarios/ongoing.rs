//! Jobs with a goal: scenarios 6 and 7.

use serde_json::{Value, json};

use meanwhile_tests::given::{DAY, HOUR, World, create, every, found, job, kinds_told, reported, runs, with};

/// A goal in words, judged by what the run reports of itself. (That a pipeline with a model is
/// asked where a run reports nothing is told natively, in `guest/tests/stories.rs`.)
#[tokio::test(flavor = "multi_thread")]
async fn scenario_06_ongoing_until_condition() {
    let world = World::new();
    let client = world.client();
    let goal = json!({"trigger_config": {"end_condition": "customer bought", "max_iterations": 50}});
    let id = create(client, with(every("Follow the customer", HOUR), goal)).await;
    world.agent.answers(
        "Follow the customer",
        &[
            &reported("continue", "still thinking"),
            &reported("done", "bought it"),
        ],
    );
    client.advance(HOUR).await;
    let after_one = job(client, &id).await;
    assert_eq!(after_one["status"], "ACTIVE", "{after_one}");
    assert_eq!(after_one["iteration"], 1, "{after_one}");
    assert_eq!(after_one["next_run_at"], "2026-06-01T12:00:00+08:00");

    client.advance(HOUR).await;
    let done = found(client, &id).await;
    assert_eq!(done["job"]["status"], "COMPLETED", "{done}");
    assert_eq!(done["job"]["status_reason"]["code"], "goal_met", "{done}");
    assert!(done["job"]["next_run_at"].is_null(), "{done}");
    let journals: Vec<&Value> = done["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| &run["journal"])
        .collect();
    assert_eq!(
        journals,
        [&json!(["looked: bought it"]), &json!(["looked: still thinking"])]
    );
    let goals: Vec<(Value, Value)> = world
        .agent
        .requests()
        .into_iter()
        .map(|mut request| (request["goal"].take(), request["iteration"].take()))
        .collect();
    assert_eq!(
        goals,
        [
            (json!("customer bought"), json!(1)),
            (json!("customer bought"), json!(2))
        ]
    );
    client.advance(DAY).await;
    assert_eq!(world.agent.calls().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_07_ongoing_max_iterations() {
    let world = World::new();
    let client = world.client();
    let limits =
        json!({"trigger_config": {"end_condition": "output contains \"sold\"", "max_iterations": 3}});
    let id = create(client, with(every("Ask three times", HOUR), limits)).await;
    world.agent.answers("Ask three times", &["no answer"]);
    client.advance(DAY).await;
    let done = job(client, &id).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(done["status_reason"]["code"], "iterations_reached", "{done}");
    assert!(done["next_run_at"].is_null(), "{done}");
    assert_eq!(done["iteration"], 3, "{done}");
    assert_eq!(world.agent.calls().len(), 3);
    assert_eq!(runs(client, &id).await.len(), 3);
    assert_eq!(kinds_told(client, &id).await, ["result"; 3]);

    // Nobody revives it. (A result that comes late is refused by its token: told natively.)
    let revive = json!({"job_id": id, "status": "ACTIVE"});
    assert_eq!(client.refused("job_update", revive).await["code"], "conflict");
}
