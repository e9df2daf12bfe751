#![allow(clippy::unwrap_used)]

use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::service::{ClockReport, Figures};
use crate::storage::InboxEntry;
use crate::tenants::{Authenticator, TenantCommand};
use crate::wit::types::Instant;

/// Answers with what it was asked; refuses a title of "bad".
struct Echo;

#[async_trait]
impl Service for Echo {
    async fn call(
        &self,
        session: &Session,
        interface: &str,
        function: &str,
        arguments: Value,
    ) -> Result<Value, CallError> {
        if arguments["title"] == "bad" {
            return Err(CallError(
                json!({ "code": "invalid_argument", "field": "title", "message": "no" }),
            ));
        }
        Ok(json!({ "user": session.caller.user, "called": [interface, function], "arguments": arguments }))
    }

    async fn preview(&self, _session: &Session, _request: Value) -> Result<Value, CallError> {
        Ok(Value::Null)
    }

    async fn plan(&self, _session: &Session, _request: Value) -> Result<Value, CallError> {
        Ok(Value::Null)
    }

    async fn heard(&self, _session: &Session, _utterance: Value) -> Result<Value, CallError> {
        Ok(Value::Null)
    }

    async fn chat(
        &self,
        _session: &Session,
        _request: Value,
        _progress: crate::agent::Progress,
    ) -> Result<Value, CallError> {
        Ok(Value::Null)
    }

    async fn events(
        &self,
        _session: &Session,
        _after: Option<u64>,
    ) -> Result<tokio::sync::mpsc::Receiver<crate::service::Event>, CallError> {
        Ok(tokio::sync::mpsc::channel(1).1)
    }

    async fn cured(&self, _session: &Session, _request: Value) -> Result<u32, CallError> {
        Ok(0)
    }

    async fn inbox(
        &self,
        _session: &Session,
        _after: u64,
        _limit: u32,
    ) -> Result<Vec<InboxEntry>, CallError> {
        Ok(Vec::new())
    }

    async fn acknowledge(&self, _session: &Session, _message: &str) -> Result<bool, CallError> {
        Ok(false)
    }

    fn now(&self) -> Instant {
        0
    }

    fn ready(&self) -> bool {
        true
    }

    async fn advance_clock(
        &self,
        _session: &Session,
        _to: Instant,
    ) -> Result<Option<ClockReport>, CallError> {
        Ok(None)
    }

    async fn figures(&self, _session: &Session) -> Result<Vec<Figures>, CallError> {
        Ok(Vec::new())
    }

    fn admit(&self, _tenant: &str) -> Result<(), Duration> {
        Ok(())
    }

    async fn operate(&self, _session: &Session, _command: TenantCommand) -> Result<Value, CallError> {
        Ok(Value::Null)
    }
}

/// A client of a server on a free port, which ends with the test.
struct Client {
    address: std::net::SocketAddr,
}

impl Client {
    async fn start() -> Self {
        let mut session = Session::local();
        session.caller.user = "ada".to_owned();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let clock = Arc::new(crate::clock::ManualClock::new(0));
        let registry = Arc::new(crate::storage::memory::MemoryRegistry::default());
        let authenticator = Authenticator::new(registry, clock).without_token(session);
        let router = crate::http::router(Arc::new(Echo), Arc::new(authenticator));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address }
    }

    async fn post(&self, method: &str, params: Value, origin: Option<&str>) -> (u16, Value) {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        crate::tls::choose_cryptography();
        // No proxy of the environment stands between a test and itself.
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = client
            .post(format!("http://{}/mcp", self.address))
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(body.to_string());
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    async fn call(&self, name: &str, arguments: Value) -> Value {
        self.post(
            "tools/call",
            json!({ "name": name, "arguments": arguments }),
            None,
        )
        .await
        .1
    }
}

#[tokio::test]
async fn it_says_who_it_is() {
    let params = json!({
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": { "name": "test", "version": "1" },
    });
    let (status, answer) = Client::start().await.post("initialize", params, None).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["result"]["serverInfo"]["name"], "meanwhile");
    assert_eq!(
        answer["result"]["serverInfo"]["version"],
        env!("CARGO_PKG_VERSION")
    );
    assert!(answer["result"]["capabilities"]["tools"].is_object());
}

#[tokio::test]
async fn seven_tools_are_listed_in_order() {
    let (_, answer) = Client::start().await.post("tools/list", json!({}), None).await;
    let tools = answer["result"]["tools"].as_array().unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    let expected = [
        "job_create",
        "job_retrieval_semantic",
        "job_retrieval_by_id",
        "job_retrieval_by_keywords",
        "job_update",
        "job_pause",
        "job_cancel",
    ];
    assert_eq!(names, expected);
    for tool in tools {
        assert!(!tool["title"].as_str().unwrap().is_empty());
        assert!(!tool["description"].as_str().unwrap().is_empty());
        assert_eq!(tool["inputSchema"]["type"], "object");
        assert!(tool["outputSchema"]["properties"]["error"].is_object());
        assert_eq!(tool["annotations"]["openWorldHint"], false);
    }
    assert_eq!(tools[1]["annotations"]["readOnlyHint"], true);
    assert_eq!(tools[6]["annotations"]["destructiveHint"], true);
}

#[tokio::test]
async fn a_call_reaches_the_service_as_the_sessions_caller() {
    let answer = Client::start()
        .await
        .call("job_create", json!({ "title": "T" }))
        .await;
    let expected = json!({ "user": "ada", "called": ["tools", "job-create"], "arguments": { "title": "T" } });
    assert_eq!(answer["result"]["structuredContent"], expected);
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), expected);
    assert_ne!(answer["result"]["isError"], true);
}

#[tokio::test]
async fn a_refused_call_is_an_answer_and_an_unknown_tool_is_not() {
    let client = Client::start().await;
    let answer = client.call("job_create", json!({ "title": "bad" })).await;
    assert_eq!(answer["result"]["isError"], true);
    assert_eq!(answer["result"]["structuredContent"]["error"]["field"], "title");
    let answer = client.call("job_destroy", json!({})).await;
    assert_eq!(answer["error"]["code"], -32602);
    assert!(
        answer["error"]["message"]
            .as_str()
            .unwrap()
            .contains("job_cancel")
    );
}

#[tokio::test]
async fn only_pages_of_this_machine_may_call() {
    let client = Client::start().await;
    let status = async |origin| client.post("tools/list", json!({}), Some(origin)).await.0;
    assert_eq!(status("http://localhost:3000").await, 200);
    assert_eq!(status("http://evil.example").await, 403);
}

#[test]
fn a_message_needs_the_scopes_of_the_tool_that_it_calls() {
    let needed = |name: &str, arguments: Value| {
        let call = json!({ "method": "tools/call", "params": { "name": name, "arguments": arguments } });
        scopes_needed(call.to_string().as_bytes()).map(|scopes| scopes.to_string())
    };
    let some = |scopes: &str| Some(scopes.to_owned());
    assert_eq!(needed("job_retrieval_by_id", json!({})), some("jobs:read"));
    assert_eq!(needed("job_create", json!({})), some("jobs:write"));
    assert_eq!(
        needed("job_update", json!({ "run_now": false })),
        some("jobs:write")
    );
    let now = json!({ "run_now": true });
    assert_eq!(needed("job_update", now), some("jobs:write jobs:run"));
    assert_eq!(needed("job_delete", json!({})), None);
    for other in ["", "[]", "{\"method\":1}", "{\"method\":\"tools/list\"}"] {
        assert_eq!(scopes_needed(other.as_bytes()), None, "{other}");
    }
}
