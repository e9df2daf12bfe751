//! Asks a running host.

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::Value;

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
    pub(super) fn new(url: &str) -> anyhow::Result<Self> {
        // Another part of the process may have installed it before: that is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self {
            base: url.trim_end_matches('/').to_owned(),
            http,
        })
    }

    /// One request; an error answer becomes [`Refused`], with the host's own words.
    pub(super) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let url = format!("{}{path}", self.base);
        let mut request = self.http.request(method, &url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.with_context(|| {
            format!(
                "no host answers at {}: start one with `meanwhile serve`",
                self.base
            )
        })?;
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
