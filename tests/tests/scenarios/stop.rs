//! Pausing and cancelling: scenarios 13 and 14.

use meanwhile_tests::scripted::WAIT;
use serde_json::json;

use meanwhile_tests::given::{
    DAY, HOUR, World, at, create, every, failed, job, kinds_told, once, runs, status, with,
};

#[tokio::test(flavor = "multi_thread")]
async fn scenario_13_pause_and_resume() {
    let mut world = World::new();
    let client = world.client().clone();
    let pause = async |id: &str| client.tool("job_pause", json!({"job_id": id})).await;
    let resume = async |id: &str| {
        let active = json!({"job_id": id, "status": "ACTIVE"});
        client.tool("job_update", active).await
    };

    // An active job.
    let watch = create(&client, every("Watch", HOUR)).await;
    pause(&watch).await;
    client.advance(DAY).await;
    assert_eq!(world.agent.calls(), [] as [&str; 0]);
    client.advance(HOUR / 2).await;
    let resumed = resume(&watch).await;
    assert_eq!(
        resumed["job"]["next_run_at"], "2026-06-02T11:00:00+08:00",
        "from now on, in phase"
    );
    client.advance(HOUR).await;
    assert_eq!(world.agent.calls(), ["Watch"], "no backlog");
    client.tool("job_cancel", json!({"job_id": watch})).await;

    // A job that waits to retry: resuming forgets the failures.
    world
        .agent
        .answers("Busy", &[&failed("transient", "busy"), "fine"]);
    let busy = create(&client, once("Busy")).await;
    client.advance(0).await;
    assert_eq!(job(&client, &busy).await["failure_streak"], 1);
    pause(&busy).await;
    client.advance(DAY).await;
    assert_eq!(world.agent.requests_of("Busy").len(), 1);
    let resumed = resume(&busy).await;
    assert_eq!(resumed["job"]["failure_streak"], 0);
    client.advance(0).await;
    assert_eq!(status(&client, &busy).await, "COMPLETED");

    // A running job, whichever way the run ends.
    for (title, answer, end, kind) in [
        ("Lucky", "fine".to_owned(), "succeeded", "result"),
        ("Unlucky", failed("transient", "broken"), "failed", "failure"),
    ] {
        world.agent.answers(title, &[WAIT, "again"]);
        let id = create(&client, every(title, HOUR)).await;
        client
            .tool("job_update", json!({"job_id": id, "run_now": true}))
            .await;
        world.agent.begun().await;
        let paused = pause(&id).await;
        assert_eq!(paused["job"]["status"], "PAUSED", "{paused}");
        world.agent.release(&answer).await;
        client.advance(0).await;
        assert_eq!(status(&client, &id).await, "PAUSED", "{title}");
        assert_eq!(runs(&client, &id).await[0]["status"], end, "{title}");
        assert_eq!(
            kinds_told(&client, &id).await,
            [kind],
            "{title}: how it ended is told"
        );
        let before = world.agent.requests_of(title).len();
        client.advance(DAY).await;
        assert_eq!(world.agent.requests_of(title).len(), before, "{title} is paused");
    }

    // A ONE_OFF that ended well while it was paused is not run again.
    world.agent.answers("Send the offer", &[WAIT, "sent twice"]);
    let offer = create(&client, once("Send the offer")).await;
    world.agent.begun().await;
    pause(&offer).await;
    world.agent.release("sent").await;
    client.advance(0).await;
    assert_eq!(status(&client, &offer).await, "PAUSED");
    let resumed = resume(&offer).await;
    assert_eq!(resumed["job"]["status"], "COMPLETED", "{resumed}");
    client.advance(DAY).await;
    assert_eq!(world.agent.requests_of("Send the offer").len(), 1);

    // A job that has ended.
    let error = client.refused("job_pause", json!({"job_id": offer})).await;
    assert_eq!(error["code"], "conflict", "{error}");
    assert!(
        error["message"].as_str().unwrap().contains("COMPLETED"),
        "{error}"
    );
}

/// There is no store of entities whose references would have to be removed: a target is only
/// carried along.
#[tokio::test(flavor = "multi_thread")]
async fn scenario_14_cancel() {
    let mut world = World::new();
    let client = world.client().clone();
    let after = |title: &str, before: &str, policy: &str| {
        with(
            once(title),
            json!({"depends_on": [{"job": before}], "on_dependency_failure": policy, "confirm_new": true}),
        )
    };
    let active = create(&client, at("Tomorrow", "2026-06-02T10:00:00")).await;
    let pending = create(&client, after("After tomorrow", "Tomorrow", "block")).await;
    let blocked = create(&client, after("Third", "After tomorrow", "block")).await;
    let skipped = create(&client, after("Fourth", "After tomorrow", "skip")).await;
    world.agent.answers("Research", &[WAIT]);
    let running = create(&client, once("Research")).await;
    world.agent.begun().await;
    let waiting = create(&client, at("Busy", "2026-06-01T10:30:00")).await;
    world.agent.answers("Busy", &[&failed("transient", "busy")]);

    let mut said = Vec::new();
    for (id, was) in [
        (&pending, "PENDING"),
        (&running, "IN_PROGRESS"),
        (&active, "ACTIVE"),
    ] {
        assert_eq!(status(&client, id).await, was);
        let answer = client
            .tool("job_cancel", json!({"job_id": id, "note": "not needed"}))
            .await;
        assert_eq!(answer["job"]["status"], "CANCELLED", "{answer}");
        assert_eq!(
            answer["job"]["status_reason"]["message"], "not needed",
            "{answer}"
        );
        said.push(answer["message"].clone());
    }
    // The running one was told to stop, and ended so.
    client.advance(1).await;
    assert_eq!(runs(&client, &running).await[0]["status"], "cancelled");
    // Dependents by their policy.
    assert_eq!(status(&client, &blocked).await, "BLOCKED");
    assert_eq!(status(&client, &skipped).await, "CANCELLED");
    // One that waits for a retry.
    client.advance_to("2026-06-01T10:30:05+08:00").await;
    let reason = job(&client, &waiting).await["status_reason"].take();
    assert_eq!(reason["code"], "retry_waiting");
    client.tool("job_cancel", json!({"job_id": waiting})).await;

    let all = [&pending, &running, &active, &waiting];
    for (index, id) in all.into_iter().enumerate() {
        let before = job(&client, id).await;
        // Nobody changes it any more …
        for change in [
            json!({"status": "ACTIVE"}),
            json!({"run_now": true}),
            json!({"title": "Other"}),
            json!({"trigger_config": {"run_at": "2026-06-05T10:00:00"}}),
            json!({"status": "PAUSED"}),
        ] {
            let change = with(json!({"job_id": id}), change);
            let error = client.refused("job_update", change.clone()).await;
            assert_eq!(error["code"], "conflict", "{change}: {error}");
        }
        let error = client.refused("job_pause", json!({"job_id": id})).await;
        assert_eq!(error["code"], "conflict", "{error}");
        // … and cancelling it again says the same as before.
        let again = client.tool("job_cancel", json!({"job_id": id})).await;
        assert!(
            said.get(index).is_none_or(|said| *said == again["message"]),
            "{again}"
        );
        assert_eq!(job(&client, id).await, before, "nothing changed");
    }
    // Nor do time, a crash, and another host.
    world.served.kill();
    world.restart("2026-06-04T10:00:00+08:00");
    let client = world.client();
    client.advance(DAY).await;
    for id in all {
        assert_eq!(status(client, id).await, "CANCELLED");
    }
    assert_eq!(world.agent.calls(), ["Research", "Busy"]);
}
