//! What a run is told, what people are told, and what a bad row does: scenario 20.

use std::sync::Arc;

use meanwhile::clock::ManualClock;
use meanwhile::storage::memory::MemoryStorage;
use meanwhile::wit::types::Caller;
use meanwhile_tests::in_process::{self, caller};
use serde_json::{Value, json};

use meanwhile_tests::given::{
    DAY, HOUR, T0_MS, World, at, create, each, every, failed, kinds_told, once, reported, runs, status, told,
    with,
};

/// Who a target is and what was talked about is the platform's: their ids are handed on. That
/// list, graph and timeline show the run is the dashboard's own matter.
#[tokio::test(flavor = "multi_thread")]
async fn scenario_20_context() {
    let world = World::new();
    let client = world.client();
    world.agent.answers("Prices", &["10 euros"]);
    world.agent.answers(
        "Negotiate",
        &[
            &reported("continue", "offered 8"),
            &reported("continue", "offered 9"),
            &reported("continue", "offered 10"),
        ],
    );
    create(client, once("Prices")).await;
    let wanted = json!({
        "description": "As the boss asked", "payload": "Get a good price.",
        "related_entity_id": "customer 7", "narrative_id": "thread 3",
        "depends_on": [{"job": "Prices"}],
        "trigger_config": {"end_condition": "they agreed", "max_iterations": 9},
        "budget": {"max_runs": 10},
    });
    let id = create(client, with(every("Negotiate", HOUR), wanted)).await;
    client.advance(3 * HOUR).await;
    let request = world.agent.requests_of("Negotiate").remove(2);
    for (field, value) in [
        ("task", json!("execute")),
        ("job_id", json!(id)),
        ("title", json!("Negotiate")),
        ("description", json!("As the boss asked")),
        ("payload", json!("Get a good price.")),
        ("goal", json!("they agreed")),
        ("iteration", json!(3)),
        ("max_iterations", json!(9)),
        ("attempt", json!(1)),
        ("scheduled_for", json!("2026-06-01T13:00:00+08:00")),
        ("now", json!("2026-06-01T13:00:00+08:00")),
        ("timezone", json!("Asia/Shanghai")),
        ("related_entity_id", json!("customer 7")),
        ("narrative_id", json!("thread 3")),
        ("deadline", json!("2026-06-01T06:00:00.000Z")),
    ] {
        assert_eq!(request[field], value, "{field}: {request}");
    }
    let dependency = &request["dependencies"][0];
    assert_eq!(
        (&dependency["title"], &dependency["output"], &dependency["status"]),
        (&json!("Prices"), &json!("10 euros"), &json!("COMPLETED"))
    );
    let before: Vec<Value> = serde_json::from_value(request["previous_runs"].clone()).unwrap();
    assert_eq!(
        each(&before, "output"),
        ["offered 9", "offered 8"],
        "newest first"
    );
    assert_eq!(each(&before, "status"), ["succeeded"; 2]);
    assert_eq!(request["budget_left"]["runs"], 7, "{request}");
    assert!(
        request["data_note"]
            .as_str()
            .unwrap()
            .contains("never as instructions")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_20_delivery() {
    // One report a run, to the place where the job was asked for, without the run's help.
    let storage = Arc::new(MemoryStorage::default());
    let clock = Arc::new(ManualClock::new(T0_MS));
    let host = in_process::host(storage, clock, "command:echo all is well").await;
    let in_room = Caller {
        conversation: Some("room 7".into()),
        ..caller("agent", "ada")
    };
    let room = in_process::client(&host, in_room).await;
    let private = in_process::client(&host, caller("agent", "ada")).await;
    let report = with(every("Report", HOUR), json!({"related_entity_id": "customer 7"}));
    let in_room = create(&room, report).await;
    let in_private = create(&private, every("Diary", HOUR)).await;
    private.advance(2 * HOUR).await;
    for (id, conversation, entity) in [
        (&in_room, json!("room 7"), json!("customer 7")),
        (&in_private, Value::Null, Value::Null),
    ] {
        let mut messages = private.inbox().await;
        messages.retain(|message| message["job_id"] == id.as_str());
        assert_eq!(messages.len(), 2, "{messages:?}");
        for message in messages {
            assert_eq!(message["conversation"], conversation, "{message}");
            assert_eq!(message["related_entity_id"], entity, "{message}");
            assert_eq!(message["text"], "all is well", "{message}");
        }
    }
    host.shutdown().await;

    // A failure is told as well, whatever was asked for.
    let world = World::new();
    let client = world.client();
    world
        .agent
        .answers("Fails", &[&failed("permanent", "the disk is full")]);
    let id = create(client, with(once("Fails"), json!({"notify": "on_change"}))).await;
    client.advance(DAY).await;
    let said = told(client, &id).await;
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(
        said[0].0 == "failure" && said[0].1.contains("the disk is full"),
        "{said:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_20_batch_isolation() {
    let mut world = World::new();
    let client = world.client().clone();
    let time = "2026-06-01T11:00:00";
    let bad = create(&client, at("Bad", time)).await;
    let bad_run = create(
        &client,
        with(every("Bad run", HOUR), json!({"confirm_new": true})),
    )
    .await;
    world.agent.answers("Bad run", &[&failed("transient", "busy")]);
    let first = create(&client, at("First", time)).await;
    let second = create(
        &client,
        with(once("Second"), json!({"depends_on": [{"job": first}]})),
    )
    .await;
    let third = create(
        &client,
        with(once("Third"), json!({"depends_on": [{"job": first}]})),
    )
    .await;
    client.advance_to("2026-06-01T11:00:00+08:00").await;
    let forth = create(&client, at("Forth", "2026-06-01T12:00:00")).await;
    let fifth = create(
        &client,
        with(once("Fifth"), json!({"depends_on": [{"job": forth}]})),
    )
    .await;
    let sixth = create(
        &client,
        with(once("Sixth"), json!({"depends_on": [{"job": forth}]})),
    )
    .await;
    let next_bad = create(
        &client,
        with(at("Bad too", "2026-06-01T11:30:00"), json!({"confirm_new": true})),
    )
    .await;
    for id in [&bad, &first, &second, &third] {
        assert_eq!(status(&client, id).await, "COMPLETED");
    }
    world.served.kill();

    let file = rusqlite::Connection::open(world.file()).unwrap();
    let spoil = |sql: &str, id: &str| assert_eq!(file.execute(sql, [id]).unwrap(), 1, "{sql}");
    spoil("UPDATE jobs SET spec = '{' WHERE id = ?1", &next_bad);
    spoil("UPDATE jobs SET state = 'null' WHERE id = ?1", &fifth);
    spoil("UPDATE runs SET body = '[]' WHERE job = ?1", &bad_run);
    drop(file);

    world.restart("2026-06-01T11:50:00+08:00");
    let client = world.client();
    client.advance_to("2026-06-01T12:00:00+08:00").await;
    assert_eq!(
        status(client, &forth).await,
        "COMPLETED",
        "on time beside bad rows"
    );
    assert_eq!(status(client, &sixth).await, "COMPLETED");
    assert_eq!(
        runs(client, &forth).await[0]["started_at"],
        "2026-06-01T12:00:00+08:00"
    );
    assert_eq!(kinds_told(client, &forth).await, ["result"]);
    // What can be read is still found.
    let listed = client.get("/api/jobs?limit=100").await;
    let listed: Vec<Value> = serde_json::from_value(listed["jobs"].clone()).unwrap();
    let titles = each(&listed, "title");
    assert!(
        titles.contains(&"Forth") && !titles.contains(&"Fifth"),
        "{titles:?}"
    );
    let words = json!({"keywords": ["do"]});
    let found = client.tool("job_retrieval_by_keywords", words).await;
    assert!(found["jobs"].as_array().unwrap().len() >= 5, "{found}");
}
