//! When jobs run.

use meanwhile_tests::given::{HOUR, World, create, each, every, id, job, runs, with};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_time_that_does_not_exist_fires_when_it_is_said_to() {
    let world = World::at("2026-03-28T12:00:00Z");
    let client = world.client();
    let gap = json!({
        "title": "At night", "payload": "Look", "trigger_config":
            {"run_at": "2026-03-29T02:30:00", "timezone": "Europe/Berlin"},
    });
    let answer = client.tool("job_create", gap).await;
    let warning = answer["warnings"][0].as_str().unwrap();
    let said = answer["next_runs"][0].as_str().unwrap();
    assert!(
        warning.contains("does not exist") && warning.contains(said),
        "{warning}"
    );
    assert_eq!(answer["job"]["next_run_at"], said);
    client.advance_to("2026-03-29T12:00:00Z").await;
    let runs = runs(client, &id(&answer)).await;
    assert_eq!(each(&runs, "scheduled_for"), [said]);
    assert_eq!(each(&runs, "started_at"), [said]);
}

#[tokio::test(flavor = "multi_thread")]
async fn times_without_offset_are_local_everywhere() {
    let world = World::new();
    let client = world.client();
    let bounds =
        json!({"trigger_config": {"start_at": "2026-06-01T12:00:00", "end_at": "2026-06-01T18:00:00"}});
    let id = create(client, with(every("Watch", HOUR), bounds)).await;
    let local = "2026-06-01T12:00:00+08:00";
    let first = job(client, &id).await;
    assert_eq!(first["trigger_config"]["start_at"], local);
    assert_eq!(first["trigger_config"]["end_at"], "2026-06-01T18:00:00+08:00");
    assert_eq!(first["next_run_at"], local);
    let pause = json!({"job_id": id, "until": "2026-06-01T14:30:00"});
    client.tool("job_pause", pause).await;
    client.advance_to("2026-06-01T14:59:59+08:00").await;
    assert!(world.agent.calls().is_empty());
    assert_eq!(job(client, &id).await["status"], "ACTIVE");
    client.advance(1).await;
    assert_eq!(world.agent.calls().len(), 1);
    let once = json!({
        "title": "Call", "payload": "Call", "trigger_config": {"run_at": "2026-06-01T16:00:00", "timezone": "Asia/Shanghai"},
    });
    let once = create(client, once).await;
    let later = json!({"job_id": once, "trigger_config": {"run_at": "2026-06-01T17:00:00"}});
    let answer = client.tool("job_update", later).await;
    assert_eq!(answer["job"]["next_run_at"], "2026-06-01T17:00:00+08:00");
}

#[tokio::test(flavor = "multi_thread")]
async fn missed_times_are_made_up_for_as_was_asked() {
    let mut world = World::new();
    let client = world.client().clone();
    let missing = |policy: Value| json!({"trigger_config": {"misfire": policy}, "confirm_new": true});
    let cases = [
        ("Unsaid", json!({}), vec!["15:00"], vec![("missed", 4)]),
        (
            "Once",
            json!({"policy": "run_once"}),
            vec!["15:00"],
            vec![("missed", 4)],
        ),
        ("None", json!({"policy": "skip"}), vec![], vec![("missed", 5)]),
        (
            "Soon",
            json!({"max_late_seconds": 600}),
            vec![],
            vec![("missed", 5)],
        ),
        (
            "All",
            json!({"policy": "run_all"}),
            vec!["11:00", "12:00", "13:00", "14:00", "15:00"],
            vec![],
        ),
        (
            "Two",
            json!({"policy": "run_all", "max_runs": 2}),
            vec!["14:00", "15:00"],
            vec![("missed", 3)],
        ),
    ];
    let mut jobs = Vec::new();
    for (title, policy, _, _) in &cases {
        jobs.push(create(&client, with(every(title, HOUR), missing(policy.clone()))).await);
    }
    let paused = create(&client, every("Paused", HOUR)).await;
    client.tool("job_pause", json!({"job_id": paused})).await;
    world.served.kill();

    world.restart("2026-06-01T15:30:00+08:00");
    let client = world.client();
    client.advance(0).await;
    for ((title, _, made_up, missed), id) in cases.iter().zip(&jobs) {
        let runs = runs(client, id).await;
        let slot = |run: &Value| run["scheduled_for"].as_str().unwrap()[11..16].to_owned();
        let done: Vec<String> = runs
            .iter()
            .rev()
            .filter(|run| run["status"] == "succeeded")
            .map(slot)
            .collect();
        assert_eq!(done, *made_up, "{title}");
        let rows: Vec<(&str, u64)> = runs
            .iter()
            .filter(|run| run["status"] != "succeeded")
            .map(|run| (run["status"].as_str().unwrap(), run["slots"].as_u64().unwrap()))
            .collect();
        assert_eq!(rows, *missed, "{title}: what was left out is on record");
        assert_eq!(
            job(client, id).await["next_run_at"],
            "2026-06-01T16:00:00+08:00",
            "{title}"
        );
    }
    // A paused job, now: in one call.
    let now = json!({"job_id": paused, "status": "ACTIVE", "run_now": true});
    client.tool("job_update", now).await;
    client.advance(0).await;
    assert_eq!(runs(client, &paused).await.len(), 1);
}
