//! Jobs that wait for each other: scenarios 18 and 19.

use serde_json::{Value, json};

use meanwhile_tests::given::{
    DAY, HOUR, People, World, at, create, each, every, failed, found, job, kinds_told, once, status, total,
    with,
};

fn after(title: &str, prerequisite: &str) -> Value {
    with(once(title), json!({"depends_on": [{"job": prerequisite}]}))
}

/// A repeating prerequisite releases those that wait for it with its next good run.
#[tokio::test(flavor = "multi_thread")]
async fn scenario_18_dependency_chain_and_outputs() {
    let world = World::new();
    let client = world.client();
    world.agent.answers("Collect", &["12 orders"]);
    world.agent.answers("Summarise", &["12 orders, 3 late"]);
    let keyed = json!({"idempotency_key": "collect-1"});
    create(client, with(at("Collect", "2026-06-01T11:00:00"), keyed)).await;
    let by_key = create(client, after("Summarise", "collect-1")).await;
    let by_title = create(client, after("Send", "Summarise")).await;
    let by_id = create(client, after("File", &by_title)).await;
    for id in [&by_key, &by_title, &by_id] {
        assert_eq!(status(client, id).await, "PENDING");
    }
    let waits_for = &job(client, &by_key).await["depends_on"][0];
    assert_eq!(
        (&waits_for["title"], &waits_for["status"]),
        (&json!("Collect"), &json!("ACTIVE"))
    );

    client.advance_to("2026-06-01T10:59:59+08:00").await;
    assert!(world.agent.calls().is_empty());
    client.advance(1).await;
    assert_eq!(world.agent.calls(), ["Collect", "Summarise", "Send", "File"]);
    let requests = world.agent.requests();
    let again = each(&requests, "now");
    // Jobs without times of their own have no zone but UTC.
    assert_eq!(again[0], "2026-06-01T11:00:00+08:00");
    assert_eq!(again[1..], ["2026-06-01T03:00:00+00:00"; 3], "one upon the other");
    let handed_on = |request: &Value| request["dependencies"][0].clone();
    for (request, title, output) in [
        (1, "Collect", "12 orders"),
        (2, "Summarise", "12 orders, 3 late"),
        (3, "Send", "done"),
    ] {
        let dependency = handed_on(&requests[request]);
        assert_eq!(dependency["title"], title);
        assert_eq!(dependency["output"], output);
        assert_eq!(dependency["status"], "COMPLETED");
    }

    world.agent.answers(
        "Watch",
        &[&failed("permanent", "closed"), "open again", "still open"],
    );
    create(client, every("Watch", HOUR)).await;
    let waiting = create(
        client,
        with(after("Tell", "Watch"), json!({"on_dependency_failure": "block"})),
    )
    .await;
    client.advance(HOUR).await;
    assert_eq!(status(client, &waiting).await, "BLOCKED", "its first run failed");
    client.advance(2 * HOUR).await;
    assert_eq!(status(client, &waiting).await, "COMPLETED");
    let told = world.agent.requests_of("Tell");
    assert_eq!(told.len(), 1, "once");
    assert_eq!(told[0]["dependencies"][0]["output"], "open again");
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_19_dependency_failure_cancel_cycles_unknown() {
    let world = World::new();
    let client = world.client();
    // Failed, and cancelled: each policy.
    for cancelled in [false, true] {
        let (name, time) = if cancelled {
            ("Cancelled", "2026-06-06T10:00:00")
        } else {
            ("Failed", "2026-06-05T10:00:00")
        };
        let first = format!("{name} first");
        let named = first.clone();
        world
            .agent
            .answers(&first, &[&failed("permanent", "no such file"), "found"]);
        let first = create(client, with(at(&first, time), json!({"confirm_new": true}))).await;
        let mut dependents = Vec::new();
        for (policy, becomes) in [
            ("block", "BLOCKED"),
            ("skip", "CANCELLED"),
            ("fail", "FAILED"),
            ("run", "COMPLETED"),
        ] {
            let more = json!({"on_dependency_failure": policy, "confirm_new": true});
            let id = create(client, with(after(&format!("{name} {policy}"), &first), more)).await;
            dependents.push((id, policy, becomes));
        }
        if cancelled {
            client.tool("job_cancel", json!({"job_id": first})).await;
            client.advance(0).await;
        } else {
            client.advance_to("2026-06-05T10:00:00+08:00").await;
            assert_eq!(status(client, &first).await, "FAILED");
        }
        for (id, policy, becomes) in &dependents {
            let now = job(client, id).await;
            assert_eq!(now["status"], *becomes, "{name} {policy}: {now}");
        }
        let blocked = &dependents[0].0;
        let reason = job(client, blocked).await["status_reason"].take();
        assert_eq!(reason["code"], "dependency_failed", "{reason}");
        let why = reason["message"].as_str().unwrap();
        assert!(
            why.contains(&named) && why.contains(&name.to_uppercase()),
            "{why}"
        );
        assert_eq!(kinds_told(client, blocked).await, ["incident"]);
        if !cancelled {
            // It succeeds after all.
            client
                .tool("job_update", json!({"job_id": first, "status": "ACTIVE"}))
                .await;
            client.advance(0).await;
            assert_eq!(status(client, &first).await, "COMPLETED");
            assert_eq!(status(client, blocked).await, "COMPLETED");
            for (id, policy, _) in &dependents[1..3] {
                let now = status(client, id).await;
                assert!(
                    ["CANCELLED", "FAILED"].contains(&now.as_str()),
                    "{policy}: ended is ended"
                );
            }
        }
    }

    // What cannot be waited for.
    let people = People::new().await;
    let ada = &people.ada;
    let first = create(ada, at("Alpha", "2026-06-05T10:00:00")).await;
    let second = create(ada, after("Beta", &first)).await;
    let third = create(ada, after("Gamma", &second)).await;
    let foreign = create(&people.eve, at("Hers", "2026-06-05T10:00:00")).await;
    let foreign_agent = create(&people.other_agent, at("Its", "2026-06-05T10:00:00")).await;
    let jobs = total(ada).await;
    for unknown in [
        "job_unknown",
        "Nothing of that name",
        &foreign,
        "Hers",
        &foreign_agent,
    ] {
        let error = ada.refused("job_create", after("Delta", unknown)).await;
        assert_eq!(error["code"], "invalid_argument", "{unknown}: {error}");
        assert_eq!(error["field"], "depends_on[0].job", "{unknown}: {error}");
    }
    assert_eq!(total(ada).await, jobs);
    let before = found(ada, &first).await;
    for (prerequisite, names) in [
        (&first, "itself"),
        (&third, "“Alpha” → “Gamma” → “Beta” → “Alpha”"),
    ] {
        let update = json!({"job_id": first, "depends_on": [{"job": prerequisite}]});
        let error = ada.refused("job_update", update).await;
        assert_eq!(error["code"], "invalid_argument", "{error}");
        assert!(error["message"].as_str().unwrap().contains(names), "{error}");
    }
    assert_eq!(found(ada, &first).await, before, "nothing half done");
    ada.advance(5 * DAY).await;
    assert_eq!(status(ada, &third).await, "COMPLETED");
    people.host.shutdown().await;
}
