//! What an authorization server publishes: its metadata, and the keys it signs with.

use reqwest::redirect::Policy;
use reqwest::{StatusCode, Url};
use serde_json::Value;

use super::address::{is_loopback, metadata_urls, safe_url};
use super::keys::Key;
use crate::limits::{OAUTH_DOCUMENT_BYTES_MAX, OAUTH_FETCH_TIME, OAUTH_KEYS_MAX};
use crate::outbound;

/// Reads an authorization server's documents.
pub(super) struct Documents {
    http: reqwest::Client,
    issuer: String,
    url: Url,
}

impl Documents {
    pub(super) fn new(issuer: &str) -> Result<Self, String> {
        let url = safe_url(issuer)?;
        let http = outbound::client_to(&url)
            .redirect(Policy::none())
            .timeout(OAUTH_FETCH_TIME);
        Ok(Self {
            http: outbound::built(http)?,
            issuer: issuer.to_owned(),
            url,
        })
    }

    /// The keys that tokens can be signed with, at most [`OAUTH_KEYS_MAX`]. Its metadata is read
    /// anew: keys can move.
    pub(super) async fn keys(&self) -> Result<Vec<Key>, String> {
        let keys_url = self.keys_url().await?;
        let answered = self.json(&keys_url).await?;
        let document = answered.ok_or_else(|| format!("{keys_url} is not there"))?;
        let listed = document.get("keys").and_then(Value::as_array);
        let listed = listed.ok_or_else(|| format!("{keys_url} has no `keys`"))?;
        // A key that we do not understand is another program's.
        let keys: Vec<Key> = listed
            .iter()
            .take(OAUTH_KEYS_MAX)
            .filter_map(Key::parse)
            .collect();
        if keys.is_empty() {
            return Err(format!(
                "{keys_url} has no key for signatures of RS256, ES256 or EdDSA"
            ));
        }
        Ok(keys)
    }

    async fn keys_url(&self) -> Result<Url, String> {
        for url in metadata_urls(&self.url) {
            let Some(metadata) = self.json(&url).await? else {
                continue;
            };
            // RFC 8414, section 3.3: else one server could speak for another.
            if metadata.get("issuer").and_then(Value::as_str) != Some(&self.issuer) {
                return Err(format!(
                    "{url} speaks for another issuer than `{}`: compare them letter by letter",
                    self.issuer
                ));
            }
            let keys_url = metadata.get("jwks_uri").and_then(Value::as_str);
            let keys_url = keys_url.ok_or_else(|| format!("{url} has no `jwks_uri`"))?;
            let keys_url = safe_url(keys_url).map_err(|why| format!("`jwks_uri` of {url}: {why}"))?;
            if is_loopback(&keys_url) && !is_loopback(&self.url) {
                return Err(format!("`jwks_uri` of {url} is an address of this machine"));
            }
            return Ok(keys_url);
        }
        Err(format!("{} publishes no metadata", self.issuer))
    }

    /// A document; none: there is none at that address.
    async fn json(&self, url: &Url) -> Result<Option<Value>, String> {
        let failed = |error: reqwest::Error| format!("{url} does not answer: {}", error.without_url());
        let mut response = self.http.get(url.clone()).send().await.map_err(failed)?;
        let status = response.status();
        if matches!(
            status,
            StatusCode::NOT_FOUND
                | StatusCode::METHOD_NOT_ALLOWED
                | StatusCode::FORBIDDEN
                | StatusCode::UNAUTHORIZED
        ) {
            return Ok(None);
        }
        if !status.is_success() {
            return Err(format!("{url} answered {status}"));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > OAUTH_DOCUMENT_BYTES_MAX {
                return Err(format!("{url} has more than {OAUTH_DOCUMENT_BYTES_MAX} bytes"));
            }
            body.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&body)
            .map(Some)
            .map_err(|error| format!("{url} is no JSON: {error}"))
    }
}
