//! The whole host with the real component: what is asked at the front comes true at the back.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use meanwhile::agent::builtin::Builtin;
use meanwhile::clock::{Clock, ManualClock};
use meanwhile::host::{Host, LOCAL_TENANT};
use meanwhile::service::{Service, Session};
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile::tenants::Scopes;
use meanwhile::wit::types::Caller;
use serde_json::{Value, json};

/// 2026-06-01T10:00:00 in Berlin, a Monday.
const START: i64 = 1_780_300_800_000;
const DAY_MS: i64 = 86_400_000;

fn session(user: &str) -> Session {
    Session {
        tenant: LOCAL_TENANT.into(),
        caller: Caller {
            agent: "agent".into(),
            user: user.into(),
            conversation: None,
            time_zone: Some("Europe/Berlin".into()),
            run: None,
        },
        scopes: Scopes::all(),
    }
}

async fn host(folder: &Path, now: i64) -> Host {
    let storage = SqliteStorage::open(folder.join("meanwhile.db")).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(now));
    let host = Host::builder()
        .storage(Arc::new(storage))
        .agent(Arc::new(Builtin::new().unwrap()))
        .clock(clock)
        .component(meanwhile::COMPONENT)
        .build()
        .await
        .unwrap();
    host.start().await.unwrap();
    host
}

async fn call(host: &Host, tool: &str, arguments: Value) -> Value {
    host.call(&session("ada"), "tools", tool, arguments)
        .await
        .unwrap()
}

async fn told(host: &Host) -> Vec<(String, String)> {
    let inbox = host.inbox(&session("ada"), 0, 100).await.unwrap();
    inbox
        .into_iter()
        .map(|entry| (entry.message.title, entry.message.text))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monday_reminder_is_created_fires_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), START).await;
    let answer = call(
        &host,
        "job-create",
        json!({
            "title": "Pending invoices",
            "payload": "Remind me about pending invoices",
            "trigger_config": {"cron": "0 9 * * MON", "timezone": "Europe/Berlin"},
        }),
    )
    .await;
    assert_eq!(answer["created"], true);
    assert_eq!(answer["job"]["job_type"], "SCHEDULED");
    assert_eq!(answer["job"]["status"], "ACTIVE");
    assert_eq!(answer["next_runs"][0], "2026-06-08T09:00:00+02:00");
    host.advance_clock(START + 15 * DAY_MS).await.unwrap();
    let told = told(&host).await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].1.contains("pending invoices"), "{told:?}");
    let id = answer["job"]["job_id"].as_str().unwrap();
    let job = call(&host, "job-retrieval-by-id", json!({"job_id": id})).await;
    assert_eq!(job["job"]["run_count"], 2);
    assert_eq!(job["runs"].as_array().unwrap().len(), 2);
    assert_eq!(job["runs"][0]["scheduled_for"], "2026-06-15T09:00:00+02:00");
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_with_delays_runs_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), START).await;
    let job = |title: &str, after: Option<&str>, days: i64| {
        let mut job =
            json!({"title": title, "payload": format!("Remind me: {title}"), "job_type": "ONE_OFF"});
        if let Some(after) = after {
            job["depends_on"] = json!([{"job": after, "delay_seconds": days * 86_400}]);
        }
        job
    };
    call(&host, "job-create", job("Send the proposal", None, 0)).await;
    call(
        &host,
        "job-create",
        job("Follow up", Some("Send the proposal"), 3),
    )
    .await;
    call(&host, "job-create", job("Escalate", Some("Follow up"), 2)).await;
    let titles = |told: Vec<(String, String)>| told.into_iter().map(|(title, _)| title).collect::<Vec<_>>();
    host.advance_clock(START + 1_000).await.unwrap();
    assert_eq!(titles(told(&host).await), ["Send the proposal"]);
    host.advance_clock(START + 4 * DAY_MS).await.unwrap();
    assert_eq!(titles(told(&host).await), ["Send the proposal", "Follow up"]);
    host.advance_clock(START + 6 * DAY_MS).await.unwrap();
    assert_eq!(
        titles(told(&host).await),
        ["Send the proposal", "Follow up", "Escalate"]
    );
    host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let first = host(folder.path(), START).await;
    let answer = call(
        &first,
        "job-create",
        json!({"title": "Later", "payload": "Remind me of the lake", "trigger_config": {"when": "in 3 days"}}),
    )
    .await;
    first.shutdown().await;
    drop(first);
    let second = host(folder.path(), START + 10 * DAY_MS).await;
    second.advance_clock(START + 10 * DAY_MS + 1).await.unwrap();
    let id = answer["job"]["job_id"].as_str().unwrap();
    let job = call(&second, "job-retrieval-by-id", json!({"job_id": id})).await;
    assert_eq!(job["job"]["status"], "COMPLETED");
    assert_eq!(told(&second).await.len(), 1);
    second.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tool_answers_and_nobody_sees_anybody_elses_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let host = host(folder.path(), START).await;
    let answer = call(
        &host,
        "job-create",
        json!({
            "title": "Watch 100% of it",
            "payload": "Remind me",
            "trigger_config": {"interval_seconds": 3600},
        }),
    )
    .await;
    let id = answer["job"]["job_id"].clone();
    let found = call(&host, "job-retrieval-by-keywords", json!({"keywords": ["watch"]})).await;
    assert_eq!(found["total"], 1);
    let found = call(
        &host,
        "job-retrieval-semantic",
        json!({"query": "what am I watching?"}),
    )
    .await;
    assert_eq!(found["jobs"][0]["job"]["job_id"], id);
    let updated = call(
        &host,
        "job-update",
        json!({"job_id": id, "trigger_config": {"interval_seconds": 7200}}),
    )
    .await;
    assert_eq!(updated["updated_fields"], json!(["trigger_config"]));
    let paused = call(&host, "job-pause", json!({"job_id": id})).await;
    assert_eq!(paused["job"]["status"], "PAUSED");
    let cancelled = call(&host, "job-cancel", json!({"job_id": id})).await;
    assert_eq!(cancelled["job"]["status"], "CANCELLED");
    let error = host
        .call(
            &session("eve"),
            "tools",
            "job-retrieval-by-id",
            json!({"job_id": id}),
        )
        .await
        .unwrap_err();
    assert_eq!(error.0["code"], "not_found");
    let error = host
        .call(&session("ada"), "tools", "job-create", json!({"title": 5}))
        .await
        .unwrap_err();
    assert_eq!(error.0["code"], "invalid_argument");
    host.shutdown().await;
}
