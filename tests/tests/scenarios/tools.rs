//! Finding and changing jobs: scenarios 11 and 12.

use meanwhile_tests::served::Client;
use serde_json::{Value, json};

use meanwhile_tests::given::{HOUR, People, World, at, create, each, every, failed, found, job, runs, with};

/// Titles that a retrieval found, in its order.
async fn titles(client: &Client, tool: &str, arguments: Value) -> Vec<String> {
    let answer = client.tool(tool, arguments).await;
    let jobs = answer["jobs"].as_array().unwrap();
    let title = |entry: &Value| match entry.get("job") {
        Some(job) => job["title"].as_str().unwrap().to_owned(),
        None => entry["title"].as_str().unwrap().to_owned(),
    };
    jobs.iter().map(title).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_11_retrieval_tools() {
    let people = People::new().await;
    let ada = &people.ada;
    let text = |title: &str, payload: &str, description: &str| {
        json!({
            "title": title, "payload": payload, "description": description, "confirm_new": true,
            "trigger_config": {"interval_seconds": 86_400},
        })
    };
    let invoices = create(ada, text("Pending invoices", "List what customers owe us", "")).await;
    create(
        ada,
        text("Weather", "Tell the forecast", "for 100% of the region"),
    )
    .await;
    let discount = create(ada, text("Discount_2026", "Check the shop", "")).await;
    create(ada, text("Discount 2026", "Check the other shop", "")).await;
    ada.tool("job_cancel", json!({"job_id": discount})).await;

    // By keywords: any of them, in any text, newest first, each literal.
    let by = async |arguments: Value| titles(ada, "job_retrieval_by_keywords", arguments).await;
    assert_eq!(
        by(json!({"keywords": ["owe", "forecast"]})).await,
        ["Weather", "Pending invoices"]
    );
    assert_eq!(
        by(json!({"keywords": ["owe", "forecast"], "match": "all"})).await,
        [] as [&str; 0]
    );
    assert_eq!(by(json!({"keywords": ["100%"]})).await, ["Weather"]);
    for wildcard in ["%", "_", "sh%", "sh*", "s_op", "owe OR shop", "NEAR(owe shop)"] {
        assert_eq!(
            by(json!({"keywords": [wildcard]})).await,
            [] as [&str; 0],
            "{wildcard}"
        );
    }
    assert_eq!(
        by(json!({"keywords": ["shop"], "status": "ACTIVE"})).await,
        ["Discount 2026"]
    );
    assert_eq!(
        by(json!({"keywords": ["shop"], "limit": 1})).await,
        ["Discount 2026"]
    );
    let error = ada
        .refused(
            "job_retrieval_by_keywords",
            json!({"keywords": ["shop"], "status": "SLEEPY"}),
        )
        .await;
    assert_eq!(
        (&error["code"], &error["field"]),
        (&json!("invalid_argument"), &json!("status"))
    );

    // By meaning: best first, with a score.
    let query = json!({"query": "which invoices are pending?"});
    let answer = ada.tool("job_retrieval_semantic", query).await;
    assert_eq!(answer["jobs"][0]["job"]["job_id"], invoices.as_str(), "{answer}");
    let score = answer["jobs"][0]["score"].as_f64().unwrap();
    assert!(0.0 < score && score <= 1.0, "{score}");

    // Nobody finds another's jobs, nor learns that they exist.
    for stranger in [&people.eve, &people.other_agent] {
        assert_eq!(
            titles(
                stranger,
                "job_retrieval_by_keywords",
                json!({"keywords": ["owe"]})
            )
            .await,
            [] as [&str; 0]
        );
        assert_eq!(
            titles(stranger, "job_retrieval_semantic", json!({"query": "invoices"})).await,
            [] as [&str; 0]
        );
        let foreign = stranger
            .refused("job_retrieval_by_id", json!({"job_id": invoices}))
            .await;
        let unknown = stranger
            .refused("job_retrieval_by_id", json!({"job_id": "job_unknown"}))
            .await;
        let message = foreign["message"].as_str().unwrap();
        assert_eq!(foreign["code"], "not_found");
        assert_eq!(
            message.replace(&invoices, "job_unknown"),
            unknown["message"].as_str().unwrap()
        );
    }
    people.host.shutdown().await;

    // By id: everything there is to know, in the job's own time.
    let world = World::new();
    let client = world.client();
    let id = create(
        client,
        with(
            every("Watch", HOUR),
            json!({"description": "The shop's page", "retry": {"max_attempts": 1}}),
        ),
    )
    .await;
    let outcome = json!({
        "status": "failed", "error": {"class": "transient", "message": "no answer"}, "journal": ["opened the page"],
    });
    world.agent.answers("Watch", &[&outcome.to_string()]);
    client.advance(HOUR).await;
    let found = found(client, &id).await;
    let (job, run) = (&found["job"], &found["runs"][0]);
    assert_eq!(job["payload"], "Do: Watch");
    assert_eq!(job["description"], "The shop's page");
    assert_eq!(job["last_run"]["error"]["message"], "no answer", "{job}");
    assert_eq!(run["journal"], json!(["opened the page"]), "{run}");
    assert_eq!(run["error"]["class"], "transient", "{run}");
    assert_eq!(run["started_at"], "2026-06-01T11:00:00+08:00");
    let names: Vec<&String> = job.as_object().unwrap().keys().collect();
    for internal in [
        "due_at",
        "next_fire",
        "anchor",
        "token",
        "lease_until",
        "request_digest",
    ] {
        assert!(
            !names.iter().any(|name| *name == internal),
            "{internal} is the platform's own"
        );
    }
}

/// "Run it now" is `run_now`, in the place of a `next_run_time`.
#[tokio::test(flavor = "multi_thread")]
async fn scenario_12_update() {
    let people = People::new().await;
    let ada = &people.ada;
    let wanted = json!({
        "description": "The customer's order",
        "trigger_config": {
            "end_condition": "paid", "max_iterations": 9, "end_at": "2026-07-01T00:00:00",
        },
    });
    let id = create(ada, with(every("Follow", HOUR), wanted)).await;

    // The title alone.
    let before = job(ada, &id).await;
    let answer = ada
        .tool("job_update", json!({"job_id": id, "title": "Follow up"}))
        .await;
    assert_eq!(answer["updated_fields"], json!(["title"]));
    let mut after = job(ada, &id).await;
    assert_eq!(after["title"], "Follow up");
    for changed in ["title", "revision", "updated_at"] {
        after[changed] = before[changed].clone();
    }
    assert_eq!(after, before, "nothing else changed");

    // Payload, then guidance.
    ada.tool("job_update", json!({"job_id": id, "payload": "Call them."}))
        .await;
    ada.tool("job_update", json!({"job_id": id, "guidance_text": "Be kind."}))
        .await;
    let payload = job(ada, &id).await["payload"].take();
    let payload = payload.as_str().unwrap();
    assert!(
        payload.starts_with("Call them.") && payload.ends_with("Be kind."),
        "{payload}"
    );

    // The interval alone.
    let interval = json!({"job_id": id, "trigger_config": {"interval_seconds": 7_200}});
    ada.tool("job_update", interval).await;
    let after = job(ada, &id).await;
    let trigger = &after["trigger_config"];
    assert_eq!(trigger["interval_seconds"], 7_200);
    assert_eq!(trigger["end_condition"], "paid");
    assert_eq!(trigger["max_iterations"], 9);
    assert_eq!(trigger["end_at"], "2026-07-01T00:00:00+08:00");
    assert_eq!(after["next_run_at"], "2026-06-01T12:00:00+08:00");

    // Another type.
    let other = create(ada, at("Report", "2026-06-01T15:00:00")).await;
    let scheduled = json!({
        "job_id": other, "job_type": "SCHEDULED", "trigger_config": {"cron": "0 9 * * *"},
    });
    let answer = ada.tool("job_update", scheduled).await;
    assert_eq!(answer["job"]["job_type"], "SCHEDULED", "{answer}");
    assert_eq!(answer["next_runs"][0], "2026-06-02T09:00:00+08:00", "{answer}");

    // Now, and then as before.
    let answer = ada
        .tool("job_update", json!({"job_id": other, "run_now": true}))
        .await;
    assert_eq!(
        answer["job"]["next_run_at"], "2026-06-01T10:00:00+08:00",
        "{answer}"
    );
    ada.advance(0).await;
    let runs = runs(ada, &other).await;
    assert_eq!(each(&runs, "started_at"), ["2026-06-01T10:00:00+08:00"]);
    let next = job(ada, &other).await["next_run_at"].take();
    assert_eq!(next, "2026-06-02T09:00:00+08:00");

    // What says nothing, contradicts itself, or means nobody's job.
    let nothing = ada.refused("job_update", json!({"job_id": id})).await;
    assert_eq!(nothing["code"], "invalid_argument", "{nothing}");
    let never = json!({"job_id": id, "trigger_config": {"interval_seconds": null}});
    let never = ada.refused("job_update", never).await;
    assert_eq!(never["code"], "invalid_argument", "{never}");
    let unknown = json!({"job_id": "job_unknown", "title": "Mine"});
    assert_eq!(ada.refused("job_update", unknown).await["code"], "not_found");
    for stranger in [&people.eve, &people.other_agent] {
        let foreign = json!({"job_id": id, "title": "Mine"});
        assert_eq!(stranger.refused("job_update", foreign).await["code"], "not_found");
    }
    assert_eq!(job(ada, &id).await["title"], "Follow up");
    people.host.shutdown().await;

    // What is changed before a run is what the run carries out.
    let world = World::new();
    let client = world.client();
    let id = create(client, every("Watch", HOUR)).await;
    world
        .agent
        .answers("Watch", &[&failed("transient", "busy"), "fine"]);
    client.advance(HOUR).await;
    client
        .tool("job_update", json!({"job_id": id, "payload": "Look closer"}))
        .await;
    client.advance(HOUR / 2).await;
    let payloads = world.agent.requests();
    assert_eq!(each(&payloads, "payload"), ["Do: Watch", "Look closer"]);
}
