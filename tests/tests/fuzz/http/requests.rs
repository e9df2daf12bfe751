//! Requests made up by bytes: every route, with what it takes and with what it does not.

use serde_json::{Value, json};

use super::Parts;
use crate::bytes::Bytes;
use crate::json as made_json;
use crate::mcp::SCHEMAS;

const METHODS: [&str; 9] = [
    "GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "TRACE", "X-ODD",
];

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

const SEGMENTS: [&str; 9] = [
    "a",
    "t1",
    "job_1",
    "%00",
    "%F0%9F%98%80",
    "%ff",
    "..",
    "a%2Fb",
    "local",
];

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
    let tool = |name: &str| {
        SCHEMAS
            .iter()
            .find(|tool| tool.name == name)
            .map(|tool| &tool.input)
    };
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
            let methods = [
                "tools/call",
                "tools/list",
                "initialize",
                "ping",
                "resources/list",
                "x",
            ];
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
        "/api/plan" => {
            json!({"text": text(bytes), "timezone": text(bytes), "at": bytes.number().cast_signed()})
        }
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

/// A request that bytes choose.
pub(super) fn made(bytes: &mut Bytes<'_>) -> Parts {
    let (usual, route) = *bytes.pick(&ROUTES);
    let method = if bytes.chance(1) {
        *bytes.pick(&METHODS)
    } else {
        usual
    };
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
        headers.push((
            "accept".to_owned(),
            b"application/json, text/event-stream".to_vec(),
        ));
    }
    while bytes.chance(2) {
        let (name, value) = *bytes.pick(&HEADERS);
        headers.retain(|(other, _)| name != other || bytes.byte().is_multiple_of(2));
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
