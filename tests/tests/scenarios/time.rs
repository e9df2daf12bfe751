//! Schedules: scenarios 3, 4 and 5.

use meanwhile_tests::scripted::WAIT;
use serde_json::json;

use meanwhile_tests::given::{
    DAY, HOUR, MINUTE, World, create, every, failed, job, kinds_told, runs, slots, status, with,
};

#[tokio::test(flavor = "multi_thread")]
async fn scenario_03_scheduled_cron_across_dst() {
    let world = World::at("2026-03-06T12:00:00-05:00");
    let client = world.client();
    let cron = |title: &str, cron: &str| {
        json!({
            "title": title, "payload": "Look", "trigger_config": {"cron": cron, "timezone": "America/New_York"},
        })
    };
    let daily = create(client, cron("Every morning", "0 8 * * *")).await;
    client.advance_to("2026-03-09T12:00:00-04:00").await;
    let spring = [
        "2026-03-07T08:00:00-05:00",
        "2026-03-08T08:00:00-04:00",
        "2026-03-09T08:00:00-04:00",
    ];
    assert_eq!(slots(client, &daily).await, spring);

    // Asleep over the summer, which is of no interest here.
    let pause = json!({"job_id": daily, "until": "2026-10-30T12:00:00"});
    client.tool("job_pause", pause).await;
    client.advance_to("2026-11-01T00:50:00-04:00").await;
    let quarters = create(client, cron("Every quarter of an hour", "*/15 * * * *")).await;
    client.advance_to("2026-11-01T02:10:00-05:00").await;
    let fold = [
        "2026-11-01T01:00:00-04:00",
        "2026-11-01T01:15:00-04:00",
        "2026-11-01T01:30:00-04:00",
        "2026-11-01T01:45:00-04:00",
        "2026-11-01T01:00:00-05:00",
        "2026-11-01T01:15:00-05:00",
        "2026-11-01T01:30:00-05:00",
        "2026-11-01T01:45:00-05:00",
        "2026-11-01T02:00:00-05:00",
    ];
    assert_eq!(slots(client, &quarters).await, fold);
    for run in runs(client, &quarters).await {
        assert_eq!(
            run["started_at"], run["scheduled_for"],
            "on time, never late: {run}"
        );
    }
    client.tool("job_cancel", json!({"job_id": quarters})).await;

    client.advance_to("2026-11-02T12:00:00-05:00").await;
    let autumn = [
        "2026-10-31T08:00:00-04:00",
        "2026-11-01T08:00:00-05:00",
        "2026-11-02T08:00:00-05:00",
    ];
    assert_eq!(slots(client, &daily).await, [spring, autumn].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_04_recurring_interval() {
    let mut world = World::new();
    let client = world.client().clone();
    let wanted = with(every("Watch", HOUR), json!({"timeout_seconds": 86_400}));
    let id = create(&client, wanted).await;
    world.agent.answers("Watch", &["fine", WAIT, "fine"]);
    client.advance(HOUR).await;
    let after_one = job(&client, &id).await;
    assert_eq!(after_one["job_type"], "RECURRING");
    assert_eq!(after_one["status"], "ACTIVE", "{after_one}");
    assert_eq!(after_one["run_count"], 1);
    assert_eq!(after_one["next_run_at"], "2026-06-01T12:00:00+08:00");

    // The run of 12:00 goes on until 14:30.
    client.advance_to("2026-06-01T14:30:00+08:00").await;
    world.agent.begun().await;
    assert_eq!(status(&client, &id).await, "IN_PROGRESS");
    assert_eq!(world.agent.calls().len(), 2, "no second run beside it");
    world.agent.release("at last").await;
    client.advance(1).await;
    assert_eq!(
        world.agent.calls().len(),
        3,
        "one run makes up for 13:00 and 14:00"
    );
    assert_eq!(
        slots(&client, &id).await,
        [
            "2026-06-01T11:00:00+08:00",
            "2026-06-01T12:00:00+08:00",
            "2026-06-01T13:00:00+08:00",
            "2026-06-01T14:00:00+08:00",
        ]
    );
    let next = job(&client, &id).await["next_run_at"].take();
    assert_eq!(next, "2026-06-01T15:00:00+08:00", "the phase is kept");

    // Five hours without a host.
    world.served.kill();
    world.restart("2026-06-01T19:40:00+08:00");
    let client = world.client().clone();
    client.advance(1).await;
    assert_eq!(world.agent.calls().len(), 4, "exactly one late run");
    let latest = runs(&client, &id).await;
    assert_eq!(latest[0]["scheduled_for"], "2026-06-01T19:00:00+08:00");
    assert_eq!(
        (&latest[1]["status"], &latest[1]["slots"]),
        (&json!("missed"), &json!(4)),
        "15:00 to 18:00 are recorded: {latest:?}"
    );
    assert!(latest[1]["reason"].is_string());
}

/// An `end_at` belongs to repeating jobs only: a ONE_OFF with one is told so, rather than
/// ignoring it.
#[tokio::test(flavor = "multi_thread")]
async fn scenario_05_horizon() {
    let world = World::new();
    let client = world.client();
    let until = |end_at: &str| json!({"trigger_config": {"end_at": end_at}});
    let three = create(
        client,
        with(every("Three days", DAY), until("2026-06-04T12:00:00")),
    )
    .await;
    let once = json!({
        "title": "Call", "payload": "Call", "trigger_config":
            {"run_at": "2026-06-01T11:00:00", "end_at": "2026-06-04T12:00:00", "timezone": "Asia/Shanghai"},
    });
    let error = client.refused("job_create", once).await;
    assert_eq!(error["field"], "trigger_config.end_at", "{error}");
    client.advance(2 * DAY).await;
    assert_eq!(status(client, &three).await, "ACTIVE");
    client.advance(DAY).await;
    let done = job(client, &three).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(done["status_reason"]["code"], "horizon_reached", "{done}");
    assert!(done["next_run_at"].is_null(), "{done}");
    client.advance(5 * DAY).await;
    assert_eq!(
        world.agent.calls(),
        ["Three days"; 3],
        "no further call of any kind"
    );

    // A retry that would come after the horizon is none.
    let short = create(client, with(every("Failing", HOUR), until("2026-06-09T11:00:30"))).await;
    world
        .agent
        .answers("Failing", &[&failed("transient", "time-out")]);
    client.advance(HOUR).await;
    client.advance(10 * MINUTE).await;
    let done = job(client, &short).await;
    assert_eq!(done["status"], "COMPLETED", "{done}");
    assert_eq!(done["status_reason"]["code"], "horizon_reached", "{done}");
    assert_eq!(world.agent.requests_of("Failing").len(), 1);
    assert_eq!(runs(client, &short).await[0]["status"], "failed");
    assert_eq!(kinds_told(client, &short).await, ["failure"]);
}
