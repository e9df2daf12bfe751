//! What is said in the chat, and cures: scenario 8 and the end of scenario 17.

use meanwhile_tests::given::{
    DAY, HOUR, People, World, create, each, every, failed, found, job, once, status, with,
};
use meanwhile_tests::served::Client;
use serde_json::{Value, json};

async fn say(client: &Client, text: &str) -> Vec<Value> {
    let answer = client.post("/api/chat", &json!({"text": text})).await;
    serde_json::from_value(answer["effects"].clone()).unwrap()
}

/// The person whose word counts is the job's own (agent and user): a target is only carried along.
#[tokio::test(flavor = "multi_thread")]
async fn scenario_08_chat_resolution() {
    let people = People::new().await;
    let ada = &people.ada;
    let goal =
        |condition: &str| json!({"trigger_config": {"end_condition": condition, "max_iterations": 100}});
    let invoice = every("Chase the ACME invoice", HOUR);
    let invoice = create(ada, with(invoice, goal("the invoice is paid"))).await;
    let thanks = with(once("Thank them"), json!({"depends_on": [{"job": invoice}]}));
    let thanks = create(ada, thanks).await;
    let parcel = every("Watch the parcel", 10 * DAY);
    let parcel = create(ada, with(parcel, goal("the parcel has arrived"))).await;
    ada.advance(2 * HOUR).await;
    let before = job(ada, &invoice).await;
    assert_eq!(before["status"], "ACTIVE", "{before}");

    // A question, or somebody else's word, changes nothing and costs no iteration.
    assert_eq!(say(ada, "Has the invoice been paid?").await, [] as [Value; 0]);
    for stranger in [&people.eve, &people.other_agent] {
        let effects = say(stranger, "The invoice was paid, you can stop.").await;
        assert_eq!(effects, [] as [Value; 0]);
    }
    assert_eq!(job(ada, &invoice).await, before);

    let effects = say(ada, "The invoice was paid, you can stop.").await;
    assert_eq!(each(&effects, "job_id"), [invoice.as_str()]);
    assert_eq!(each(&effects, "kind"), ["resolved"]);
    assert!(
        effects[0]["message"]
            .as_str()
            .unwrap()
            .contains("Chase the ACME invoice")
    );
    let done = found(ada, &invoice).await;
    assert_eq!(done["job"]["status"], "COMPLETED", "{done}");
    let reason = &done["job"]["status_reason"];
    assert_eq!(reason["code"], "goal_met", "{reason}");
    assert!(
        reason["message"]
            .as_str()
            .unwrap()
            .contains("The invoice was paid"),
        "{reason}"
    );
    assert!(done["job"]["next_run_at"].is_null(), "{done}");
    let latest = &done["history"][0];
    assert_eq!(
        (&latest["from"], &latest["to"]),
        (&json!("ACTIVE"), &json!("COMPLETED"))
    );
    assert_eq!(latest["by"], "ada", "{latest}");
    ada.advance(0).await;
    assert_eq!(
        status(ada, &thanks).await,
        "COMPLETED",
        "who waited for it goes on"
    );

    // Also one that has never run.
    assert_eq!(job(ada, &parcel).await["run_count"], 0);
    let effects = say(ada, "The parcel has arrived, thank you!").await;
    assert_eq!(each(&effects, "job_id"), [parcel.as_str()]);
    assert_eq!(status(ada, &parcel).await, "COMPLETED");
    ada.advance(30 * DAY).await;
    assert_eq!(job(ada, &invoice).await["run_count"], 2, "nothing runs on");
    people.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scenario_17_is_resumed_by_what_cures_it() {
    let world = World::new();
    let client = world.client();
    let mut jobs = Vec::new();
    for (title, class) in [("Ask", "quota"), ("Look up", "quota"), ("Log in", "auth")] {
        world
            .agent
            .answers(title, &[&failed(class, "not now"), "answered"]);
        jobs.push(create(client, once(title)).await);
    }
    client.advance(DAY).await;
    for id in &jobs {
        assert_eq!(status(client, id).await, "PAUSED");
    }
    let answer = client.post("/api/cured", &json!({"cause": "quota"})).await;
    assert_eq!(answer["resumed"], 2, "{answer}");
    client.advance(0).await;
    for (id, wanted) in jobs.iter().zip(["COMPLETED", "COMPLETED", "PAUSED"]) {
        assert_eq!(status(client, id).await, wanted);
    }
    client.post("/api/cured", &json!({"cause": "credentials"})).await;
    client.advance(0).await;
    assert_eq!(status(client, &jobs[2]).await, "COMPLETED");
    for title in ["Ask", "Look up", "Log in"] {
        let requests = world.agent.requests_of(title);
        let keys = each(&requests, "idempotency_key");
        assert!(
            keys.len() == 2 && keys[0] == keys[1],
            "{title}: the same run goes on: {keys:?}"
        );
    }
}
