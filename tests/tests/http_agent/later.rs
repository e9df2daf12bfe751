//! A platform that answers every request with 202, and what becomes of the outcomes that it sends.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use meanwhile::agent::http::{Http, Secret};
use meanwhile::agent::{Agent, Attempt, answer};
use meanwhile::clock::{Clock as _, ManualClock};
use meanwhile::host::Host;
use meanwhile::service::Session;
use meanwhile::storage::Storage;
use meanwhile::storage::memory::{MemoryRegistry, MemoryStorage};
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile::tenants::Authenticator;
use meanwhile::wit::agent_pipeline::{Outcome, OutcomeStatus};
use meanwhile_tests::served::Client;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::SECRET;

const START: i64 = 1_780_300_800_000;
/// A message that does not arrive within this is a failure.
const ARRIVES: Duration = Duration::from_secs(60);
const LEASE_RENEWAL_MS: i64 = 10_000;

/// What arrived at the platform.
struct Asked {
    headers: HeaderMap,
    body: Value,
}

impl Asked {
    fn header(&self, name: &str) -> String {
        self.headers[name].to_str().unwrap().to_owned()
    }

    fn token(&self) -> String {
        self.header("meanwhile-token")
    }

    fn run(&self) -> &str {
        self.body["run_id"].as_str().unwrap()
    }
}

/// The platform.
struct Platform {
    url: String,
    asked: mpsc::UnboundedReceiver<Asked>,
}

impl Platform {
    async fn start() -> Self {
        let (tell, asked) = mpsc::unbounded_channel();
        let handler = move |headers: HeaderMap, body: String| {
            let body = serde_json::from_str(&body).unwrap();
            tell.send(Asked { headers, body }).unwrap();
            async { StatusCode::ACCEPTED }
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/work", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        Self { url, asked }
    }

    /// The next message, which is of this task.
    async fn asked(&mut self, task: &str) -> Asked {
        let asked = tokio::time::timeout(ARRIVES, self.asked.recv()).await;
        let asked = asked.expect("nothing arrived").unwrap();
        assert_eq!(asked.body["task"], task, "{}", asked.body);
        asked
    }

    fn agent(&self, host: String) -> Arc<dyn Agent> {
        let secret = Secret::parse(SECRET).unwrap();
        let agent = Http::new(&self.url, Some(secret)).unwrap();
        Arc::new(agent.serving_at(Some(host)))
    }
}

/// A host that serves over HTTP.
struct Served {
    host: Host,
    client: Client,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Served {
    async fn start(
        storage: Arc<dyn Storage>,
        clock: &Arc<ManualClock>,
        agent: impl FnOnce(String) -> Arc<dyn Agent>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let host = Host::builder()
            .storage(storage)
            .agent(agent(format!("http://{address}")))
            .clock(Arc::clone(clock) as _)
            .build()
            .await
            .unwrap();
        host.start().await.unwrap();
        let registry = Arc::new(MemoryRegistry::default());
        let authenticator = Authenticator::new(registry, Arc::clone(clock) as _)
            .without_token(Session::local())
            .runs(host.run_tokens());
        let router = meanwhile::http::router(Arc::new(host.clone()), Arc::new(authenticator));
        let bounds = meanwhile::http::Bounds::default();
        let stop = CancellationToken::new();
        let until = stop.clone().cancelled_owned();
        let serving = tokio::spawn(meanwhile::http::serve(listener, router, bounds, until));
        Self {
            host,
            client: Client::new(&address),
            stop,
            serving,
        }
    }

    /// Ends it as the program does.
    async fn end(self) {
        self.stop.cancel();
        self.serving.await.unwrap();
        self.host.shutdown().await;
    }

    /// One in memory that asks a platform.
    async fn asking(platform: &Platform) -> Self {
        let clock = Arc::new(ManualClock::new(START));
        Self::start(Arc::new(MemoryStorage::default()), &clock, |host| {
            platform.agent(host)
        })
        .await
    }

    /// A job that is due at once, and is tried so often.
    async fn create(&self, attempts: u32) -> String {
        let job = json!({
            "title": "Research", "payload": "Research it.", "job_type": "ONE_OFF", "timeout_seconds": 60,
            "retry": {"max_attempts": attempts},
        });
        let created = self.client.post("/api/jobs", &job).await;
        created["job"]["job_id"].as_str().unwrap().to_owned()
    }

    /// Sends an outcome: status and message of the answer.
    async fn send(&self, run: &str, token: &str, outcome: &Value) -> (u16, String) {
        let client = self.client.with_token(token);
        send(&client, run, outcome).await
    }

    /// The job's last run, once all that ended is settled.
    async fn last_run(&self, job: &str) -> Value {
        self.client.advance(1).await;
        let runs = self.client.get(&format!("/api/jobs/{job}/runs")).await;
        runs["runs"][0].clone()
    }
}

async fn send(client: &Client, run: &str, outcome: &Value) -> (u16, String) {
    let path = format!("/api/runs/{run}/outcome");
    let (status, answer) = client.try_request("POST", &path, Some(outcome)).await.unwrap();
    let told = answer["error"]["message"].as_str().map(str::to_owned);
    (status, told.unwrap_or_else(|| answer.to_string()))
}

fn done(output: &str) -> Value {
    json!({"status": "ok", "output": output, "usage": {"cost_usd": 0.25}})
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_comes_later_is_the_runs_and_only_its_token_brings_it() {
    let mut platform = Platform::start().await;
    let served = Served::asking(&platform).await;
    let job = served.create(1).await;
    let asked = platform.asked("execute").await;
    let (run, token) = (asked.run(), asked.token());
    assert_eq!(asked.header("meanwhile-url"), served.client.url);
    // Who has no token of it cannot end it.
    let (status, told) = send(&served.client, run, &done("mine")).await;
    assert!(
        status == 401 && told.contains("meanwhile-token"),
        "{status} {told}"
    );
    let (status, told) = served.send(run, "mwr_0123456789abcdef", &done("mine")).await;
    assert!(
        status == 401 && told.contains("no run that this host carries out"),
        "{status} {told}"
    );
    let (status, told) = served.send("run_other", &token, &done("mine")).await;
    assert!(
        status == 404 && told.contains("not that of this run"),
        "{status} {told}"
    );
    // What is no outcome, or too long, is none; the run still waits.
    let (status, told) = served.send(run, &token, &json!({"state": "great"})).await;
    assert!(
        status == 400 && told.contains(r#"{"state":"great"}"#) && told.contains("still waits"),
        "{status} {told}"
    );
    let (status, told) = served.send(run, &token, &done(&"x".repeat(600 << 10))).await;
    assert!(status == 400 && told.contains("524288 bytes"), "{status} {told}");
    let (status, _) = served.send(run, &token, &done(&"x".repeat(2 << 20))).await;
    assert_eq!(status, 413);
    // The first one counts, the same again is no error.
    for _ in 0..2 {
        let (status, told) = served.send(run, &token, &done("50 profiles")).await;
        assert!(status == 202 && told.contains(run), "{status} {told}");
    }
    let (status, told) = served.send(run, &token, &done("51 profiles")).await;
    assert!(status == 409 && told.contains("came first"), "{status} {told}");
    let ended = served.last_run(&job).await;
    assert_eq!(
        (&ended["status"], &ended["output"]),
        (&json!("succeeded"), &json!("50 profiles")),
        "{ended}"
    );
    assert_eq!(ended["usage"]["cost_usd"], 0.25);
    assert!(
        served.client.inbox().await[0]["text"]
            .as_str()
            .unwrap()
            .contains("50 profiles")
    );
    // That it was taken is still told when all is over, and its token opens nothing else.
    assert_eq!(served.send(run, &token, &done("50 profiles")).await.0, 202);
    assert_eq!(served.send(run, &token, &done("51 profiles")).await.0, 409);
    for (method, path) in [
        ("GET", "/api/jobs"),
        ("POST", "/mcp"),
        ("GET", &*format!("/api/runs/{run}/outcome")),
    ] {
        let answer = served
            .client
            .with_token(&token)
            .try_request(method, path, None)
            .await;
        assert_eq!(answer.unwrap().0, 401, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_its_token_a_run_uses_the_tools_until_it_has_ended() {
    let mut platform = Platform::start().await;
    let served = Served::asking(&platform).await;
    served.create(1).await;
    let asked = platform.asked("execute").await;
    let as_run = served.client.with_token(&asked.token());
    let jobs = as_run.get("/api/jobs").await;
    assert_eq!(jobs["jobs"][0]["title"], "Research");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cancelled_is_told_to_the_platform_and_its_outcome_is_late() {
    let mut platform = Platform::start().await;
    let served = Served::asking(&platform).await;
    let job = served.create(1).await;
    let asked = platform.asked("execute").await;
    served
        .client
        .post(&format!("/api/jobs/{job}/cancel"), &json!({}))
        .await;
    let told = platform.asked("cancel").await;
    for name in ["run_id", "job_id", "idempotency_key", "attempt", "tenant"] {
        assert_eq!(told.body[name], asked.body[name], "{name}");
    }
    assert!(told.headers.contains_key("webhook-signature"));
    let ended = served.last_run(&job).await;
    assert_eq!(ended["status"], "cancelled", "{ended}");
    let (status, why) = served.send(asked.run(), &asked.token(), &done("late")).await;
    assert!(status == 409 && why.contains("has ended"), "{status} {why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_never_comes_is_waited_for_until_the_deadline() {
    let mut platform = Platform::start().await;
    let served = Served::asking(&platform).await;
    let job = served.create(1).await;
    let asked = platform.asked("execute").await;
    served.client.advance(120).await;
    platform.asked("cancel").await;
    let ended = served.last_run(&job).await;
    assert_eq!(ended["status"], "failed", "{ended}");
    assert!(
        ended["error"]["message"]
            .as_str()
            .unwrap()
            .contains("timed out after 60 s"),
        "{ended}"
    );
    let (status, why) = served.send(asked.run(), &asked.token(), &done("late")).await;
    assert!(status == 409 && why.contains("deadline"), "{status} {why}");
}

/// The second attempt of a run is asked for with the same key, and can end it. Its first one cannot any more.
async fn goes_on(platform: &mut Platform, first: &Asked, served: &Served, job: &str) {
    let second = platform.asked("execute").await;
    assert_eq!((second.run(), &second.body["attempt"]), (first.run(), &json!(2)));
    assert_eq!(second.body["idempotency_key"], first.body["idempotency_key"]);
    assert_ne!(second.header("webhook-id"), first.header("webhook-id"));
    assert_ne!(second.token(), first.token());
    let (status, why) = served.send(first.run(), &first.token(), &done("old")).await;
    assert!(
        status == 401 && why.contains("host was started anew"),
        "{status} {why}"
    );
    assert_eq!(
        served.send(second.run(), &second.token(), &done("new")).await.0,
        202
    );
    let ended = served.last_run(job).await;
    assert_eq!(
        (&ended["status"], &ended["output"]),
        (&json!("succeeded"), &json!("new")),
        "{ended}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_as_its_next_attempt_when_the_host_is_started_anew() {
    let mut platform = Platform::start().await;
    let folder = tempfile::tempdir().unwrap();
    let open = || Arc::new(SqliteStorage::open(folder.path().join("jobs.db")).unwrap());
    let clock = Arc::new(ManualClock::new(START));
    let before = Served::start(open(), &clock, |host| platform.agent(host)).await;
    let job = before.create(2).await;
    let first = platform.asked("execute").await;
    before.end().await;
    let told = platform.asked("cancel").await;
    assert_eq!((told.run(), &told.body["attempt"]), (first.run(), &json!(1)));
    let after = Served::start(open(), &clock, |host| platform.agent(host)).await;
    goes_on(&mut platform, &first, &after, &job).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_goes_on_at_another_host_when_its_lease_is_lost() {
    let mut platform = Platform::start().await;
    let storage = Arc::new(MemoryStorage::default());
    let clock = Arc::new(ManualClock::new(START));
    let loses = Served::start(Arc::clone(&storage) as _, &clock, |host| platform.agent(host)).await;
    let job = loses.create(2).await;
    let first = platform.asked("execute").await;
    // One store is one host's: who starts later takes its leases.
    let other = Arc::new(ManualClock::new(START));
    let gets = Served::start(storage, &other, |host| platform.agent(host)).await;
    goes_on(&mut platform, &first, &gets, &job).await;
    clock.advance_to(clock.now() + LEASE_RENEWAL_MS + 1);
    let told = platform.asked("cancel").await;
    assert_eq!(told.body["attempt"], 1);
}

/// An agent that answers by itself, and shows its run's token.
struct Alone {
    tokens: mpsc::UnboundedSender<(String, String)>,
    go_on: Arc<Notify>,
}

#[async_trait]
impl Agent for Alone {
    async fn run(&self, attempt: Attempt) -> Outcome {
        let token = attempt.access.token().unwrap().to_owned();
        self.tokens.send((attempt.request.run_id.clone(), token)).unwrap();
        self.go_on.notified().await;
        answer(OutcomeStatus::Ok, "by itself".into())
    }

    async fn check(&self) -> Result<String, String> {
        Ok("alone".into())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_agent_answers_by_itself_takes_no_outcome() {
    let (tokens, mut shown) = mpsc::unbounded_channel();
    let go_on = Arc::new(Notify::new());
    let alone = Arc::new(Alone {
        tokens,
        go_on: Arc::clone(&go_on),
    });
    let clock = Arc::new(ManualClock::new(START));
    let served = Served::start(Arc::new(MemoryStorage::default()), &clock, |_| alone).await;
    let job = served.create(1).await;
    let (run, token) = shown.recv().await.unwrap();
    let (status, told) = served.send(&run, &token, &done("mine")).await;
    assert!(
        status == 409 && told.contains("answers by itself"),
        "{status} {told}"
    );
    go_on.notify_one();
    assert_eq!(served.last_run(&job).await["output"], "by itself");
    assert_eq!(served.send(&run, &token, &done("mine")).await.0, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_an_attempt_is_shows_until_its_outcome_is_there() {
    let mut platform = Platform::start().await;
    let served = Served::asking(&platform).await;
    let job = served.create(1).await;
    let asked = platform.asked("execute").await;
    let client = served.client.with_token(&asked.token());
    let path = format!("/api/runs/{}/progress", asked.run());
    let tell = async |told: Value| client.try_request("POST", &path, Some(&told)).await.unwrap().0;
    assert_eq!(
        tell(json!({"notes": ["reads page 3"], "output": "12 of"})).await,
        202
    );
    assert_eq!(tell(json!({"note": "reads"})).await, 400);
    let nobody = served
        .client
        .try_request("POST", &path, Some(&json!({})))
        .await
        .unwrap()
        .0;
    assert_eq!(nobody, 401);
    let run = loop {
        let runs = served.client.get(&format!("/api/jobs/{job}/runs")).await;
        if runs["runs"][0]["output"] == "12 of" {
            break runs["runs"][0].clone();
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(
        (&run["status"], &run["journal"][0]),
        (&json!("executing"), &json!("reads page 3"))
    );
    let (status, told) = served
        .send(asked.run(), &asked.token(), &done("50 profiles"))
        .await;
    assert_eq!(status, 202, "{told}");
    let run = served.last_run(&job).await;
    assert_eq!(
        (&run["output"], &run["journal"]),
        (&json!("50 profiles"), &json!(["reads page 3"]))
    );
    assert_eq!(tell(json!({"notes": ["late"]})).await, 409);
    served.end().await;
}
