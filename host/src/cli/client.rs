//! Asks a running host.

use anyhow::{Context as _, bail};
use reqwest::Method;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::Value;

use crate::tls;

/// An error that the host answered: `{code, field?, message, …}`.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.get("message").and_then(Value::as_str).unwrap_or("the host refused"))]
pub(super) struct Refused(pub(super) Value);

/// A host's HTTP interface.
pub(super) struct Client {
    base: String,
    http: reqwest::Client,
}

impl Client {
    pub(super) fn new(url: &str, token: Option<&str>) -> anyhow::Result<Self> {
        tls::choose_cryptography();
        let mut headers = HeaderMap::new();
        if let Some(token) = token {
            let mut header = HeaderValue::from_str(&format!("Bearer {}", token.trim()))
                .context("the token has characters that no token has")?;
            header.set_sensitive(true);
            headers.insert(AUTHORIZATION, header);
        }
        let http = reqwest::Client::builder()
            .no_proxy()
            .default_headers(headers)
            .build()?;
        Ok(Self {
            base: url.trim_end_matches('/').to_owned(),
            http,
        })
    }

    /// One request; an error answer becomes [`Refused`], with the host's own words.
    pub(super) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(&body);
        }
        self.send(request, path).await
    }

    /// The same with bytes as the body.
    pub(super) async fn upload(&self, path: &str, bytes: Vec<u8>) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.base)).body(bytes);
        self.send(request, path).await
    }

    /// Posts, and gives the answer as it comes: events. An error answer as in [`ask`](Self::ask).
    pub(super) async fn listen(&self, path: &str, body: Value) -> anyhow::Result<reqwest::Response> {
        let request = self.http.post(format!("{}{path}", self.base)).json(&body);
        let response = self.sent(request.header(ACCEPT, "text/event-stream")).await?;
        if response.status().is_success() {
            return Ok(response);
        }
        self.read(response, path).await?;
        bail!("{}{path} answered no events", self.base)
    }

    async fn send(&self, request: reqwest::RequestBuilder, path: &str) -> anyhow::Result<Value> {
        let response = self.sent(request).await?;
        self.read(response, path).await
    }

    async fn sent(&self, request: reqwest::RequestBuilder) -> anyhow::Result<reqwest::Response> {
        let base = &self.base;
        let sent = request.send().await;
        sent.with_context(|| format!("no host answers at {base}: start one with `meanwhile serve`"))
    }

    async fn read(&self, response: reqwest::Response, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.base);
        let status = response.status();
        let mut answer: Value = response
            .json()
            .await
            .with_context(|| format!("{url} answered no JSON"))?;
        if status.is_success() {
            return Ok(answer);
        }
        match answer.get_mut("error").map(Value::take) {
            Some(error) if error.get("message").is_some_and(Value::is_string) => Err(Refused(error).into()),
            _ => bail!("{url} answered {status}"),
        }
    }
}

/// An id as one segment of a path.
pub(super) fn segment(id: &str) -> anyhow::Result<&str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if id.is_empty() || !id.chars().all(plain) {
        bail!("`{id}` is no id: ids look like job_… or run_…");
    }
    Ok(id)
}
