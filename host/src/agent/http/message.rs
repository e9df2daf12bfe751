//! What is posted to an agent behind an address.

use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Client, RequestBuilder, Url};
use sha2::{Digest as _, Sha256};

use super::Secret;
use crate::hex::hex;
use crate::wit::agent_pipeline::{RunRequest, Task};

/// The headers of Standard Webhooks.
const ID: &str = "webhook-id";
const TIMESTAMP: &str = "webhook-timestamp";
const SIGNATURE: &str = "webhook-signature";
/// Where the host is, and the token of the run: how the agent sends its outcome, and uses the tools.
const HOST: &str = "meanwhile-url";
const TOKEN: &str = "meanwhile-token";

/// Bytes of a digest that make an id unique.
const ID_BYTES: usize = 16;

/// The id of an attempt's message: the same however often it is sent, another one for each attempt. A run's own
/// id is only unique in its tenant, and a component's choice.
pub(super) fn id(tenant: &str, request: &RunRequest) -> String {
    let task = match request.task {
        Task::Execute => "execute",
        Task::Judge => "judge",
    };
    let attempt = (tenant, &request.run_id, request.token, request.attempt, task);
    // Plain data: it can always be written.
    let digest = Sha256::digest(serde_json::to_vec(&attempt).unwrap_or_default());
    format!("att_{}", hex(&digest[..ID_BYTES]))
}

/// A body with its id and, of a request, the way back.
pub(super) struct Message {
    id: String,
    body: Vec<u8>,
    /// The host's address and the run's token.
    way_back: Option<(String, String)>,
}

impl Message {
    pub(super) fn new(id: String, body: Vec<u8>, way_back: Option<(String, String)>) -> Self {
        Self { id, body, way_back }
    }

    /// The request that posts it now.
    pub(super) fn request(&self, client: &Client, url: &Url, secret: Option<&Secret>) -> RequestBuilder {
        // The receiver compares it with its own clock: so it is the machine's, whatever clock rules the host.
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs();
        let mut request = client
            .post(url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(ID, &self.id)
            .header(TIMESTAMP, now);
        if let Some(secret) = secret {
            request = request.header(SIGNATURE, secret.sign(&self.id, now, &self.body));
        }
        if let Some((host, token)) = &self.way_back {
            request = request.header(HOST, host);
            // Tokens are digits and letters.
            if let Ok(mut token) = HeaderValue::from_str(token) {
                token.set_sensitive(true);
                request = request.header(TOKEN, token);
            }
        }
        request.body(self.body.clone())
    }

    /// A foreign text without the run's token, should it stand in it.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        match &self.way_back {
            Some((_, token)) => text.replace(token.as_str(), "***"),
            None => text.to_owned(),
        }
    }
}
