//! Whole HTTP requests, without a socket: always an answer, never "internal server error".

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::bytes::Bytes;
use crate::front::Front;
use crate::mcp::SCHEMAS;
use crate::{Given, fuzz, json as made_json};
use meanwhile_tests::in_process;

/// Real time within which an answer has to be there.
const ANSWER: Duration = Duration::from_secs(20);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A request before it is one: what is no method, path or header is left out.
struct Parts {
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl std::fmt::Debug for Parts {
    /// As it would go over the wire.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(formatter, "{} {}", self.method, self.path)?;
        for (name, value) in &self.headers {
            writeln!(formatter, "{name}: {}", value.escape_ascii())?;
        }
        write!(formatter, "\n{}", String::from_utf8_lossy(&self.body))
    }
}

impl Parts {
    fn request(&self) -> Option<Request<Body>> {
        let method = Method::from_bytes(self.method.as_bytes()).ok()?;
        let uri: Uri = self.path.parse().ok()?;
        let mut request = Request::new(Body::from(self.body.clone()));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name.as_str()), HeaderValue::from_bytes(value)) {
                request.headers_mut().append(name, value);
            }
        }
        Some(request)
    }
}

/// `METHOD PATH`, lines of headers, an empty line, the body. The host is this machine unless said.
fn read(text: &str) -> Parts {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, path) = lines.next().unwrap_or_default().split_once(' ').unwrap_or(("GET", "/"));
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.trim().to_owned(), value.trim().as_bytes().to_vec()))
    };
    let mut headers: Vec<_> = lines.filter_map(header).collect();
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        headers.push(("host".to_owned(), b"localhost".to_vec()));
    }
    Parts {
        method: method.to_owned(),
        path: path.to_owned(),
        headers,
        body: body.as_bytes().to_vec(),
    }
}

const METHODS: [&str; 9] = ["GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "TRACE", "X-ODD"];

/// Routes with a method that each has. `{}` is an id or a name.
const ROUTES: [(&str, &str); 31] = [
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("POST", "/api/plan"),
    ("GET", "/api/jobs"),
    ("POST", "/api/jobs"),
    ("GET", "/api/jobs/{}"),
    ("PATCH", "/api/jobs/{}"),
    ("POST", "/api/jobs/{}/pause"),
    ("POST", "/api/jobs/{}/resume"),
    ("POST", "/api/jobs/{}/cancel"),
    ("POST", "/api/jobs/{}/run"),
    ("GET", "/api/jobs/{}/runs"),
    ("GET", "/api/runs/{}"),
    ("GET", "/api/messages"),
    ("POST", "/api/messages/{}/ack"),
    ("POST", "/api/chat"),
    ("POST", "/api/cured"),
    ("POST", "/api/clock"),
    ("GET", "/api/tenants"),
    ("POST", "/api/tenants"),
    ("GET", "/api/tenants/{}"),
    ("PATCH", "/api/tenants/{}"),
    ("DELETE", "/api/tenants/{}"),
    ("POST", "/api/tenants/{}/tokens"),
    ("DELETE", "/api/tenants/{}/tokens/{}"),
    ("POST", "/api/components"),
    ("DELETE", "/api/components/{}"),
    ("POST", "/mcp"),
    ("GET", "/mcp"),
    ("GET", "/.well-known/oauth-protected-resource"),
];

const SEGMENTS: [&str; 9] = ["a", "t1", "job_1", "%00", "%F0%9F%98%80", "%ff", "..", "a%2Fb", "local"];

const QUERIES: [&str; 10] = [
    "limit=2",
    "limit=99999999999",
    "status=active,%20paused",
    "include_archived=yes",
    "cursor=garbage",
    "job_type=",
    "after=18446744073709551615",
    "limit=1&limit=2",
    "%ff=%ff",
    "include_runs=-1",
];

const HEADERS: [(&str, &str); 18] = [
    ("host", "evil.test"),
    ("host", "[::1]:7803"),
    ("origin", "http://localhost:1"),
    ("origin", "null"),
    ("origin", "https://evil.test"),
    ("authorization", "Bearer mw_abc_def"),
    ("authorization", "Basic eA=="),
    ("authorization", "Bearer"),
    ("content-type", "text/plain"),
    ("content-type", "application/json; charset=utf-16"),
    ("content-encoding", "gzip"),
    ("content-length", "99999999999999999999"),
    ("transfer-encoding", "chunked"),
    ("accept", "text/event-stream"),
    ("mcp-protocol-version", "1999-01-01"),
    ("mcp-session-id", "x"),
    ("expect", "100-continue"),
    ("x-forwarded-host", "evil.test"),
];

/// What a route's body is made of.
fn body(path: &str, bytes: &mut Bytes<'_>) -> Value {
    let text = |bytes: &mut Bytes<'_>| made_json::like(&json!({"type": "string"}), bytes);
    let tool = |name: &str| SCHEMAS.iter().find(|tool| tool.name == name).map(|tool| &tool.input);
    let schema = match path {
        "/api/jobs" => tool("job-create"),
        "/api/jobs/{}" => tool("job-update"),
        "/api/jobs/{}/pause" => tool("job-pause"),
        "/api/jobs/{}/cancel" => tool("job-cancel"),
        _ => None,
    };
    match path {
        _ if bytes.chance(1) => made_json::any(bytes, 0),
        "/mcp" => {
            let methods = ["tools/call", "tools/list", "initialize", "ping", "resources/list", "x"];
            let method = *bytes.pick(&methods);
            let tool = &SCHEMAS[bytes.below(SCHEMAS.len())];
            let name = tool.name.replace('-', "_");
            let params = match method {
                "initialize" => json!({
                    "protocolVersion": text(bytes), "capabilities": {}, "clientInfo": {"name": "fuzz", "version": "1"},
                }),
                _ => json!({"name": name, "arguments": made_json::like(&tool.input, bytes)}),
            };
            let id = made_json::any(bytes, 3);
            json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
        }
        "/api/plan" => json!({"text": text(bytes), "timezone": text(bytes), "at": bytes.number().cast_signed()}),
        "/api/chat" => json!({"text": text(bytes), "in_reply_to": text(bytes)}),
        "/api/cured" => json!({"cause": bytes.pick(&["quota", "credentials", "x"]), "agent": text(bytes)}),
        "/api/clock" if bytes.chance(8) => json!({"advance_seconds": bytes.number()}),
        "/api/clock" => json!({"to": text(bytes)}),
        "/api/tenants" => json!({
            "name": bytes.pick(&["t1", "t2", "T 3", ""]),
            "limits": {"jobs_max": bytes.number(), "parallel_runs": bytes.number()},
        }),
        "/api/tenants/{}" => json!({
            "state": bytes.pick(&["active", "suspended", "x"]), "component": made_json::any(bytes, 3),
        }),
        "/api/tenants/{}/tokens" => json!({
            "agent": text(bytes), "user": text(bytes), "timezone": text(bytes),
            "scopes": [bytes.pick(&["jobs:read", "jobs:write", "tenants:admin", "x"])],
            "expires_in_seconds": bytes.number(),
        }),
        _ => schema.map_or(Value::Null, |schema| made_json::like(schema, bytes)),
    }
}

fn made(bytes: &mut Bytes<'_>) -> Parts {
    let (usual, route) = *bytes.pick(&ROUTES);
    let method = if bytes.chance(1) { *bytes.pick(&METHODS) } else { usual };
    let mut path = route.to_owned();
    while let Some(at) = path.find("{}") {
        path.replace_range(at..at + 2, bytes.pick::<&str>(&SEGMENTS));
    }
    if bytes.chance(4) {
        path = format!("{path}?{}", bytes.pick(&QUERIES));
    }
    let mut headers = Vec::new();
    if !bytes.chance(1) {
        headers.push(("host".to_owned(), b"127.0.0.1:7803".to_vec()));
        headers.push(("content-type".to_owned(), b"application/json".to_vec()));
        headers.push(("accept".to_owned(), b"application/json, text/event-stream".to_vec()));
    }
    while bytes.chance(2) {
        let (name, value) = *bytes.pick(&HEADERS);
        headers.retain(|(other, _)| name != other || bytes.byte() % 2 == 0);
        headers.push((name.to_owned(), value.as_bytes().to_vec()));
    }
    let mut text = body(route, bytes).to_string().into_bytes();
    if bytes.chance(1) {
        // Cut, or followed by what is no JSON.
        text.truncate(bytes.below(64));
        text.extend_from_slice(bytes.rest());
    }
    Parts {
        method: method.to_owned(),
        path,
        headers,
        body: text,
    }
}

fn check(front: &Front, parts: &Parts) {
    let _given = Given(parts);
    let Some(request) = parts.request() else { return };
    let path = request.uri().path().to_owned();
    let (host, session) = front.next();
    let router = in_process::router(Arc::new(host), session);
    let (status, json, body) = front.runtime.block_on(async move {
        let answer = tokio::time::timeout(ANSWER, router.oneshot(request)).await;
        let response = answer.expect("no answer in time").unwrap();
        let status = response.status();
        let json = response.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/json");
        let body = axum::body::to_bytes(response.into_body(), ANSWER_BYTES_MAX);
        (status, json, tokio::time::timeout(ANSWER, body).await.expect("no end in time").unwrap())
    });
    let said = String::from_utf8_lossy(&body);
    // Before the loops have started the host is not ready, and nothing else is out of order.
    assert!(!status.is_server_error() || path == "/readyz" || status == StatusCode::NOT_IMPLEMENTED, "{status} {said}");
    if json && !body.is_empty() {
        assert!(serde_json::from_slice::<Value>(&body).is_ok(), "{status} {said}");
    }
}

#[test]
fn http() {
    let front = Front::new();
    fuzz("http", 2_000, move |input| match std::str::from_utf8(input) {
        Ok(text) => check(&front, &read(text)),
        Err(_) => check(&front, &made(&mut Bytes::new(input))),
    });
}
