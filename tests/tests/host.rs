//! The whole host with the real component: what is asked at the front comes true at the back.
#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use meanwhile::agent::builtin::Builtin;
use meanwhile::agent::noop::Noop;
use meanwhile::agent::{Agent, Attempt};
use meanwhile::clock::{Clock, ManualClock};
use meanwhile::component::Component;
use meanwhile::engine::Sandbox;
use meanwhile::host::{Host, LOCAL_TENANT};
use meanwhile::runtime::Delivery;
use meanwhile::service::{Service, Session};
use meanwhile::storage::memory::MemoryStorage;
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile::storage::{InboxEntry, Storage};
use meanwhile::tenants::Scopes;
use meanwhile::wit::agent_pipeline::Outcome;
use meanwhile::wit::types::{Caller, JobStatus};
use meanwhile_tests::interposed::Interposed;
use serde_json::{Value, json};
use tokio::sync::Notify;

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

/// Ends when it is told to.
struct Told(Arc<Notify>);

#[async_trait]
impl Agent for Told {
    async fn run(&self, attempt: Attempt) -> Outcome {
        self.0.notified().await;
        Noop.run(attempt).await
    }

    async fn check(&self) -> Result<String, String> {
        Ok("ends when it is told to".into())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_result_releases_after_the_look_still_happens_at_this_instant() {
    let compiled = Component::load(&Sandbox::new().unwrap(), meanwhile::COMPONENT).unwrap();
    let compiled = Arc::new(compiled);
    // The loop of the host may be first to look: then nothing is late.
    for _ in 0..8 {
        let rows: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
        let storage = Arc::new(Interposed::new(Arc::clone(&rows)));
        let told = Arc::new(Notify::new());
        let host = Host::builder()
            .storage(Arc::clone(&storage) as _)
            .agent(Arc::new(Told(Arc::clone(&told))))
            .clock(Arc::new(ManualClock::new(START)))
            .compiled(Arc::clone(&compiled))
            .build()
            .await
            .unwrap();
        host.start().await.unwrap();
        let due = json!({"title": "First", "payload": "Do it.", "trigger_config": {"when": "in 1 second"}});
        let first = call(&host, "job-create", due).await["job"]["job_id"].clone();
        let first = first.as_str().unwrap().to_owned();
        let after = json!({"title": "Second", "payload": "Do it.", "job_type": "ONE_OFF", "depends_on": [{"job": first}]});
        call(&host, "job-create", after).await;

        let look = move || {
            let (rows, told, first) = (Arc::clone(&rows), Arc::clone(&told), first.clone());
            let meanwhile = async move {
                let status = async || {
                    let jobs = rows.get_jobs(LOCAL_TENANT, vec![first.clone()]).await;
                    jobs.unwrap()[0].as_ref().unwrap().state.status
                };
                if status().await != JobStatus::Active {
                    // It runs, or has: both may end now.
                    told.notify_one();
                }
                while status().await == JobStatus::InProgress {
                    tokio::task::yield_now().await;
                }
                // The host takes note of what it settled.
                for _ in 0..1_000 {
                    tokio::task::yield_now().await;
                }
            };
            meanwhile.boxed()
        };
        storage.set_after_look(Arc::new(look));
        let report = host.advance_clock(START + 1_000).await.unwrap();
        assert_eq!((report.started, report.settled), (2, 2));
        host.shutdown().await;
    }
}

/// Says when messages came, and has delivered them when it is told to.
struct SlowChat {
    came: Notify,
    delivered: Notify,
}

#[async_trait]
impl Delivery for SlowChat {
    async fn deliver(&self, _tenant: &str, _messages: &[InboxEntry]) -> Result<(), String> {
        self.came.notify_one();
        self.delivered.notified().await;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_waits_for_messages_on_their_way() {
    let storage = Arc::new(MemoryStorage::default());
    let chat = Arc::new(SlowChat {
        came: Notify::new(),
        delivered: Notify::new(),
    });
    let host = Host::builder()
        .storage(Arc::clone(&storage) as _)
        .agent(Arc::new(Builtin::new().unwrap()))
        .delivery(Arc::clone(&chat) as _)
        .component(meanwhile::COMPONENT)
        .build()
        .await
        .unwrap();
    host.start().await.unwrap();
    let reminder = json!({"title": "Now", "payload": "Remind me of the lake", "job_type": "ONE_OFF"});
    call(&host, "job-create", reminder).await;
    chat.came.notified().await;
    assert_eq!(storage.undelivered(LOCAL_TENANT, 9).await.unwrap().len(), 1);
    let shutdown = tokio::spawn(async move { host.shutdown().await });
    chat.delivered.notify_one();
    shutdown.await.unwrap();
    assert_eq!(storage.undelivered(LOCAL_TENANT, 9).await.unwrap(), []);
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
