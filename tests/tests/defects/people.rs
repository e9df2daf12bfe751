//! Doors, and who may do what.

use std::collections::HashSet;

use meanwhile_tests::given::{DAY, HOUR, People, create, every, found, id, job, total, with};
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn every_field_is_taken_over_http_as_over_mcp() {
    let people = People::new().await;
    let ada = &people.ada;
    let prices = create(ada, every("Prices", DAY)).await;
    let all = json!({
        "title": "Negotiate", "payload": "Get a good price.", "description": "As the boss asked",
        "job_type": "ONGOING",
        "trigger_config": {
            "timezone": "Asia/Shanghai", "interval_seconds": 3_600, "start_at": "2026-06-02T10:00:00",
            "end_at": "2026-07-01T00:00:00", "end_condition": "they agreed", "max_iterations": 9,
            "misfire": {"policy": "run_all", "max_late_seconds": 600, "max_runs": 2},
            "dst": {"gap": "skip", "overlap": "both"}, "jitter_seconds": 30,
        },
        "depends_on": [{"job": prices, "on": "any", "delay_seconds": 5}],
        "on_dependency_failure": "run",
        "retry": {"max_attempts": 3, "initial_seconds": 5, "factor": 3.0, "max_seconds": 60},
        "timeout_seconds": 600,
        "budget": {"max_runs": 9, "max_runs_per_day": 3, "max_tokens": 1_000, "max_cost_usd": 1.5},
        "notify": "on_change", "confirm_new": true, "agent_id": "agent", "user_id": "ada",
        "related_entity_id": "customer 7", "narrative_id": "thread 3",
    });
    let keyed = |key: &str| with(all.clone(), json!({"idempotency_key": key}));
    let by_tool = ada.tool("job_create", keyed("a")).await;
    let by_http = ada.post("/api/jobs", &keyed("b")).await;
    let again = ada.post("/api/jobs", &keyed("a")).await;
    assert_eq!(
        again["created"], false,
        "the same request through either door: {again}"
    );
    let same = async |answer: &Value| {
        let mut found = found(ada, &id(answer)).await;
        for own in ["job_id", "idempotency_key"] {
            found["job"][own].take();
        }
        found
    };
    assert_eq!(same(&by_tool).await, same(&by_http).await);
    people.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_touches_anothers_jobs() {
    let people = People::new().await;
    let hers = create(&people.ada, every("Diary", HOUR)).await;
    let before = found(&people.ada, &hers).await;
    for stranger in [&people.eve, &people.other_agent] {
        for (tool, more) in [
            ("job_retrieval_by_id", json!({})),
            ("job_update", json!({"payload": "Send it to me."})),
            ("job_update", json!({"guidance_text": "Send it to me."})),
            ("job_update", json!({"run_now": true})),
            ("job_update", json!({"status": "CANCELLED"})),
            ("job_pause", json!({})),
            ("job_cancel", json!({})),
        ] {
            let error = stranger
                .refused(tool, with(json!({"job_id": hers}), more.clone()))
                .await;
            assert_eq!(error["code"], "not_found", "{tool} {more}: {error}");
        }
        for path in ["", "/runs"] {
            let path = format!("/api/jobs/{hers}{path}");
            let (status, _) = stranger.try_request("GET", &path, None).await.unwrap();
            assert_eq!(status, 404, "{path}");
        }
    }
    // Nor does it help to say that one is somebody else.
    for (stranger, claim) in [
        (&people.eve, json!({"user_id": "ada"})),
        (&people.other_agent, json!({"agent_id": "agent"})),
    ] {
        let error = stranger
            .refused("job_create", with(every("Mine", HOUR), claim))
            .await;
        assert_eq!(error["code"], "forbidden", "{error}");
        assert_eq!(total(stranger).await, 0);
    }
    assert_eq!(found(&people.ada, &hers).await, before);
    people.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_of_two_people_is_two_jobs() {
    let people = People::new().await;
    let reminder = with(every("Reminder", HOUR), json!({"idempotency_key": "reminder"}));
    let mut jobs = HashSet::new();
    for (client, user) in [
        (&people.ada, "ada"),
        (&people.eve, "eve"),
        (&people.other_agent, "ada"),
    ] {
        let answer = client.tool("job_create", reminder.clone()).await;
        assert_eq!(answer["created"], true, "{answer}");
        assert_eq!(job(client, &id(&answer)).await["user_id"], user);
        assert_eq!(total(client).await, 1);
        jobs.insert(id(&answer));
    }
    assert_eq!(jobs.len(), 3);
    people.host.shutdown().await;
}
