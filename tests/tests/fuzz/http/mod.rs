//! Whole HTTP requests, without a socket: always an answer, never "internal server error".

mod requests;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri};
use serde_json::Value;
use tower::ServiceExt;

use crate::bytes::Bytes;
use crate::front::Front;
use crate::{Given, fuzz};
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
            if let (Ok(name), Ok(value)) = (
                HeaderName::try_from(name.as_str()),
                HeaderValue::from_bytes(value),
            ) {
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
    let (method, path) = lines
        .next()
        .unwrap_or_default()
        .split_once(' ')
        .unwrap_or(("GET", "/"));
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
        let json = response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind == "application/json");
        let body = axum::body::to_bytes(response.into_body(), ANSWER_BYTES_MAX);
        (
            status,
            json,
            tokio::time::timeout(ANSWER, body)
                .await
                .expect("no end in time")
                .unwrap(),
        )
    });
    let said = String::from_utf8_lossy(&body);
    // Before the loops have started the host is not ready, and nothing else is out of order.
    assert!(
        !status.is_server_error() || path == "/readyz" || status == StatusCode::NOT_IMPLEMENTED,
        "{status} {said}"
    );
    if json && !body.is_empty() {
        assert!(serde_json::from_slice::<Value>(&body).is_ok(), "{status} {said}");
    }
}

#[test]
fn http() {
    let front = Front::new();
    fuzz("http", 2_000, move |input| match std::str::from_utf8(input) {
        Ok(text) => check(&front, &read(text)),
        Err(_) => check(&front, &requests::made(&mut Bytes::new(input))),
    });
}
