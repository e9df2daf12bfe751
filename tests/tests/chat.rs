//! A person says something: over HTTP, to the real program.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;

use meanwhile_tests::served::Served;
use serde_json::{Value, json};

const HOUR: u64 = 3_600;

fn served(agent: &str) -> Served {
    Served::start(&[
        "--store",
        "memory",
        "--clock",
        "manual:2026-06-01T08:00:00Z",
        "--agent",
        agent,
    ])
}

async fn create(served: &Served, job: Value) -> String {
    let answer = served.client.tool("job_create", job).await;
    answer["job"]["job_id"].as_str().unwrap().to_owned()
}

async fn say(served: &Served, text: &str) -> Vec<Value> {
    let answer = served.client.post("/api/chat", &json!({"text": text})).await;
    answer["effects"].as_array().unwrap().clone()
}

async fn job(served: &Served, id: &str) -> Value {
    served
        .client
        .tool("job_retrieval_by_id", json!({"job_id": id}))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_goal_said_to_be_met_ends_its_job_and_the_history_tells_who_and_why() {
    let served = served("builtin");
    let id = create(
        &served,
        json!({
            "title": "Chase the ACME invoice", "payload": "Remind me to chase the invoice",
            "trigger_config": {"interval_seconds": HOUR, "end_condition": "the invoice is paid", "max_iterations": 100},
        }),
    )
    .await;
    served.client.advance(2 * HOUR).await;
    assert!(say(&served, "Has the invoice been paid?").await.is_empty());
    let effects = say(&served, "The invoice was paid, you can stop.").await;
    assert_eq!(effects.len(), 1, "{effects:?}");
    assert_eq!(
        (&effects[0]["kind"], &effects[0]["job_id"]),
        (&json!("resolved"), &json!(id))
    );
    let found = job(&served, &id).await;
    assert_eq!(found["job"]["status"], "COMPLETED", "{found}");
    assert_eq!(found["job"]["status_reason"]["code"], "goal_met", "{found}");
    let history = found["history"].as_array().unwrap();
    assert_eq!(history.len(), 2, "{found}");
    assert_eq!(
        (&history[0]["from"], &history[0]["to"]),
        (&json!("ACTIVE"), &json!("COMPLETED"))
    );
    assert_eq!(history[0]["by"], "local");
    assert!(
        history[0]["reason"]["message"]
            .as_str()
            .unwrap()
            .contains("you can stop")
    );
    assert_eq!(
        (&history[1]["from"], &history[1]["to"]),
        (&Value::Null, &json!("ACTIVE"))
    );
    served.client.advance(10 * HOUR).await;
    assert_eq!(job(&served, &id).await["job"]["run_count"], 2);
}

/// An agent that is out of credit until a file says otherwise.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_paused_for_its_quota_goes_on_when_that_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let (program, credit) = (folder.path().join("agent"), folder.path().join("credit"));
    let script = format!(
        "#!/bin/sh\ncat >/dev/null\n[ -e {} ] && echo done && exit 0\n\
         echo '{{\"status\": \"failed\", \"error\": {{\"class\": \"quota\", \"message\": \"balance is 0\"}}}}'\n",
        credit.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let served = served(&format!("command:{}", program.display()));
    let id = create(
        &served,
        json!({"title": "Research", "payload": "Do it.", "job_type": "ONE_OFF"}),
    )
    .await;
    served.client.advance(1).await;
    let found = job(&served, &id).await;
    assert_eq!(found["job"]["status"], "PAUSED", "{found}");
    assert_eq!(found["job"]["status_reason"]["code"], "quota", "{found}");
    served.client.advance(24 * HOUR).await;
    assert_eq!(served.client.inbox().await.len(), 1, "told once, not tried again");
    std::fs::write(credit, "").unwrap();
    let answer = served.client.post("/api/cured", &json!({"cause": "quota"})).await;
    assert_eq!(answer["resumed"], 1);
    served.client.advance(1).await;
    let found = job(&served, &id).await;
    assert_eq!(found["job"]["status"], "COMPLETED", "{found}");
    assert_eq!(found["runs"][0]["attempt"], 2, "{found}");
    let (status, refused) = served
        .client
        .try_request("POST", "/api/cured", Some(&json!({"cause": "rain"})))
        .await
        .unwrap();
    assert_eq!((status, &refused["error"]["field"]), (400, &json!("cause")));
}
