//! What tests on a running host begin with, and how they look at what became of it.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::Arc;

use meanwhile::clock::ManualClock;
use meanwhile::host::Host;
use meanwhile::storage::sqlite::SqliteStorage;
use serde_json::{Value, json};

use crate::in_process::{self, caller};
use crate::scripted::Scripted;
use crate::served::{Client, Served};

pub const MINUTE: u64 = 60;
pub const HOUR: u64 = 60 * MINUTE;
pub const DAY: u64 = 24 * HOUR;

/// T0 of the scenarios: 10:00 in Shanghai.
pub const T0: &str = "2026-06-01T10:00:00+08:00";
/// The same, in milliseconds.
pub const T0_MS: i64 = 1_780_279_200_000;

/// A running program on a file of its own, with an agent that does as it is told.
pub struct World {
    pub agent: Scripted,
    pub served: Served,
    folder: tempfile::TempDir,
}

impl World {
    /// Needs a tokio runtime, as [`World::at`] does.
    #[must_use]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self::at(T0)
    }

    #[must_use]
    pub fn at(instant: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let agent = Scripted::new();
        let served = serve(&folder, &agent, instant);
        Self {
            agent,
            served,
            folder,
        }
    }

    #[must_use]
    pub fn client(&self) -> &Client {
        &self.served.client
    }

    #[must_use]
    pub fn file(&self) -> PathBuf {
        file(&self.folder)
    }

    #[must_use]
    pub fn store(&self) -> String {
        store(&self.folder)
    }

    /// After its end, another program goes on with the file.
    pub fn restart(&mut self, instant: &str) {
        self.served = serve(&self.folder, &self.agent, instant);
    }
}

fn file(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("meanwhile.db")
}

fn store(folder: &tempfile::TempDir) -> String {
    format!("sqlite:{}", file(folder).display())
}

fn serve(folder: &tempfile::TempDir, agent: &Scripted, instant: &str) -> Served {
    let clock = format!("manual:{instant}");
    Served::start(&[
        "--store",
        &store(folder),
        "--clock",
        &clock,
        "--agent",
        &agent.setting(),
    ])
}

/// A host with an endpoint for each of three callers: Ada and Eve share an agent, Ada has another
/// one as well.
pub struct People {
    pub ada: Client,
    pub eve: Client,
    pub other_agent: Client,
    pub host: Host,
    _folder: tempfile::TempDir,
}

impl People {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Arc::new(SqliteStorage::open(file(&folder)).unwrap());
        let clock = Arc::new(ManualClock::new(T0_MS));
        let host = in_process::host(storage, clock, "builtin").await;
        Self {
            ada: in_process::client(&host, caller("agent", "ada")).await,
            eve: in_process::client(&host, caller("agent", "eve")).await,
            other_agent: in_process::client(&host, caller("other", "ada")).await,
            host,
            _folder: folder,
        }
    }
}

/// A job without a time of its own: it runs as soon as nothing holds it back.
#[must_use]
pub fn once(title: &str) -> Value {
    json!({"title": title, "payload": format!("Do: {title}"), "job_type": "ONE_OFF"})
}

/// A job that runs at a local time in Shanghai.
#[must_use]
pub fn at(title: &str, run_at: &str) -> Value {
    with(
        once(title),
        json!({"trigger_config": {"run_at": run_at, "timezone": "Asia/Shanghai"}}),
    )
}

#[must_use]
pub fn every(title: &str, seconds: u64) -> Value {
    json!({
        "title": title, "payload": format!("Do: {title}"),
        "trigger_config": {"interval_seconds": seconds, "timezone": "Asia/Shanghai"},
    })
}

/// A job with further members, those of `trigger_config` one by one.
#[must_use]
pub fn with(mut job: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap().clone() {
        match (job.get_mut(&name), value) {
            (Some(Value::Object(inner)), Value::Object(more)) => inner.extend(more),
            (_, value) => job[name] = value,
        }
    }
    job
}

pub async fn create(client: &Client, job: Value) -> String {
    let answer = client.tool("job_create", job).await;
    id(&answer)
}

#[must_use]
pub fn id(answer: &Value) -> String {
    answer["job"]["job_id"].as_str().unwrap().to_owned()
}

/// A job with its runs, newest first.
pub async fn found(client: &Client, id: &str) -> Value {
    let arguments = json!({"job_id": id, "include_runs": 50});
    client.tool("job_retrieval_by_id", arguments).await
}

pub async fn job(client: &Client, id: &str) -> Value {
    found(client, id).await["job"].take()
}

pub async fn runs(client: &Client, id: &str) -> Vec<Value> {
    let mut found = found(client, id).await;
    serde_json::from_value(found["runs"].take()).unwrap()
}

/// The slots that were run, oldest first.
pub async fn slots(client: &Client, id: &str) -> Vec<String> {
    let mut runs = runs(client, id).await;
    runs.reverse();
    each(&runs, "scheduled_for")
        .into_iter()
        .map(String::from)
        .collect()
}

pub async fn status(client: &Client, id: &str) -> String {
    job(client, id).await["status"].as_str().unwrap().to_owned()
}

/// What was told about a job: (kind, text) of each message.
pub async fn told(client: &Client, id: &str) -> Vec<(String, String)> {
    let text = |message: &Value, field: &str| message[field].as_str().unwrap().to_owned();
    let inbox = client.inbox().await;
    let of_job = inbox.iter().filter(|message| message["job_id"] == id);
    of_job
        .map(|message| (text(message, "kind"), text(message, "text")))
        .collect()
}

pub async fn kinds_told(client: &Client, id: &str) -> Vec<String> {
    let told = told(client, id).await;
    told.into_iter().map(|(kind, _)| kind).collect()
}

pub async fn total(client: &Client) -> u64 {
    client.get("/api/jobs?limit=1").await["total"].as_u64().unwrap()
}

/// A failed outcome.
#[must_use]
pub fn failed(class: &str, message: &str) -> String {
    json!({"status": "failed", "error": {"class": class, "message": message}}).to_string()
}

/// An outcome that reports about itself, with its only journal line.
#[must_use]
pub fn reported(verdict: &str, output: &str) -> String {
    json!({
        "status": "ok", "output": output, "journal": [format!("looked: {output}")],
        "report": {"verdict": verdict, "summary": output, "tell": true},
    })
    .to_string()
}

/// One field of each value.
#[must_use]
pub fn each<'a>(values: &'a [Value], field: &str) -> Vec<&'a str> {
    let text = |value: &'a Value| value[field].as_str();
    values
        .iter()
        .map(|value| text(value).unwrap_or_default())
        .collect()
}
