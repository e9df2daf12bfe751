//! Creating jobs: scenarios 1, 2, 9 and 10.

use serde_json::{Value, json};

use meanwhile_tests::given::{People, World, at, create, each, every, id, job, once, runs, total, with};

/// A ONE_OFF is ACTIVE from the start, since nothing holds it back; `next_run_at` carries the
/// zone's offset, and with it the instant.
#[tokio::test(flavor = "multi_thread")]
async fn scenario_01_create_one_off() {
    let world = World::new();
    let client = world.client();
    let answer = client
        .tool("job_create", at("Call the bank", "2026-06-01T11:00:00"))
        .await;
    assert_eq!(answer["created"], true, "{answer}");
    assert_eq!(answer["job"]["status"], "ACTIVE", "{answer}");
    assert_eq!(answer["job"]["next_run_at"], "2026-06-01T11:00:00+08:00");
    assert_eq!(answer["job"]["trigger_config"]["timezone"], "Asia/Shanghai");
    let id = id(&answer);

    client.advance_to("2026-06-01T10:59:00+08:00").await;
    assert_eq!(runs(client, &id).await, [] as [Value; 0]);
    client.advance_to("2026-06-01T03:00:00Z").await;
    let runs_then = runs(client, &id).await;
    assert_eq!(each(&runs_then, "scheduled_for"), ["2026-06-01T11:00:00+08:00"]);
    let done = job(client, &id).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert!(done["next_run_at"].is_null(), "{done}");
    assert_eq!(
        done["last_run"]["ended_at"], "2026-06-01T11:00:00+08:00",
        "{done}"
    );

    client.advance_to("2026-06-03T00:00:00Z").await;
    assert_eq!(world.agent.calls(), ["Call the bank"]);
}

/// Unlike the source: an offset in `run_at` is understood, and a ONE_OFF without `run_at` runs
/// as soon as it can.
#[tokio::test(flavor = "multi_thread")]
async fn scenario_02_validation() {
    let world = World::new();
    let client = world.client();
    let cases = [
        (
            "no zone",
            json!({"trigger_config": {"run_at": "2026-06-01T11:00:00"}}),
            "trigger_config.timezone",
        ),
        (
            "an abbreviated zone",
            json!({"trigger_config": {"run_at": "2026-06-01T11:00:00", "timezone": "CST"}}),
            "trigger_config.timezone",
        ),
        (
            "a time that has passed",
            json!({"trigger_config": {"run_at": "2026-06-01T09:00:00", "timezone": "Asia/Shanghai"}}),
            "trigger_config.run_at",
        ),
        ("no time at all", json!({}), "job_type"),
        (
            "SCHEDULED without cron",
            json!({"job_type": "SCHEDULED", "trigger_config": {"timezone": "Asia/Shanghai"}}),
            "trigger_config.cron",
        ),
        (
            "RECURRING without interval",
            json!({"job_type": "RECURRING", "trigger_config": {}}),
            "trigger_config.interval_seconds",
        ),
        (
            "ONGOING without interval",
            json!({"job_type": "ONGOING", "trigger_config": {"max_iterations": 3}}),
            "trigger_config.cron",
        ),
        (
            "ONGOING without an end",
            json!({"job_type": "ONGOING", "trigger_config": {"interval_seconds": 3_600}}),
            "trigger_config.end_condition",
        ),
        (
            "an unknown type",
            json!({"job_type": "SOMETIMES", "trigger_config": {"interval_seconds": 3_600}}),
            "job_type",
        ),
        (
            "an interval that never ends",
            json!({"trigger_config": {"interval_seconds": 0}}),
            "trigger_config.interval_seconds",
        ),
    ];
    for (case, more, field) in cases {
        let wanted = with(json!({"title": "Call", "payload": "Call the bank"}), more);
        let error = client.refused("job_create", wanted).await;
        assert_eq!(error["code"], "invalid_argument", "{case}: {error}");
        assert_eq!(error["field"], field, "{case}: {error}");
    }
    assert_eq!(total(client).await, 0, "nothing is half done");

    let offset =
        json!({"title": "Call", "payload": "Call", "trigger_config": {"run_at": "2026-06-01T03:30:00Z"}});
    let answer = client.tool("job_create", offset).await;
    assert_eq!(answer["next_runs"], json!(["2026-06-01T03:30:00+00:00"]));
}

/// What is "the same" is said by an idempotency key; without one, a title that is taken is a
/// question, so that neither request is dropped.
#[tokio::test(flavor = "multi_thread")]
async fn scenario_09_idempotent_create() {
    let world = World::new();
    let client = world.client();
    let keyed = with(
        at("Reminder", "2026-06-01T11:00:00"),
        json!({"idempotency_key": "reminder 1"}),
    );
    let first = client.tool("job_create", keyed.clone()).await;
    let again = client.tool("job_create", keyed.clone()).await;
    assert_eq!(first["created"], true);
    assert_eq!(again["created"], false, "{again}");
    assert_eq!(id(&first), id(&again));

    for other in [
        json!({"payload": "Something else"}),
        json!({"trigger_config": {"run_at": "2026-06-01T12:00:00"}}),
    ] {
        let error = client
            .refused("job_create", with(keyed.clone(), other.clone()))
            .await;
        assert_eq!(error["code"], "conflict", "{other}: {error}");
        assert_eq!(error["field"], "idempotency_key", "{other}: {error}");
        let error = client
            .refused(
                "job_create",
                with(at("Reminder", "2026-06-01T11:00:00"), other.clone()),
            )
            .await;
        assert_eq!(error["code"], "needs_confirmation", "{other}: {error}");
        assert_eq!(error["similar_job"]["job_id"], id(&first).as_str(), "{error}");
    }
    assert_eq!(total(client).await, 1);

    let parallel = with(once("Once only"), json!({"idempotency_key": "parallel"}));
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let (client, job) = (client.clone(), parallel.clone());
            tokio::spawn(async move { client.tool("job_create", job).await })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    let created = answers.iter().filter(|answer| answer["created"] == true).count();
    assert_eq!(created, 1, "{answers:?}");
    assert!(answers.iter().all(|answer| id(answer) == id(&answers[0])));
    assert_eq!(total(client).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_10_similar_title() {
    let people = People::new().await;
    let weather = create(&people.ada, every("Daily Weather Report", 86_400)).await;
    let news = every("Daily News Report", 86_400);
    let error = people.ada.refused("job_create", news.clone()).await;
    assert_eq!(error["code"], "needs_confirmation", "{error}");
    assert_eq!(error["similar_job"]["job_id"], weather.as_str(), "{error}");
    assert_eq!(total(&people.ada).await, 1);

    let confirmed = with(news.clone(), json!({"confirm_new": true}));
    let answer = people.ada.tool("job_create", confirmed).await;
    assert_eq!(answer["created"], true, "{answer}");
    let answer = people.eve.tool("job_create", news).await;
    assert_eq!(
        answer["created"], true,
        "another person's jobs are no reason to ask: {answer}"
    );
    people.host.shutdown().await;
}
