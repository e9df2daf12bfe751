//! Requests to others over HTTP: what all clients of the host have in common.

use std::error::Error;
use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, Url};

use crate::address::is_loopback;
use crate::tls;

/// Begins a client: cryptography is chosen, and it says who asks.
pub(crate) fn client() -> ClientBuilder {
    tls::choose_cryptography();
    Client::builder().user_agent(concat!("meanwhile/", env!("CARGO_PKG_VERSION")))
}

/// Begins one for an address: no proxy leads to this machine.
pub(crate) fn client_to(url: &Url) -> ClientBuilder {
    if is_loopback(url) {
        client().no_proxy()
    } else {
        client()
    }
}

/// The client, or in words why there is none.
pub(crate) fn built(client: ClientBuilder) -> Result<Client, String> {
    client.build().map_err(|error| format!("no HTTP client: {error}"))
}

/// What is at the bottom of an error: libraries wrap what people know ("Connection refused").
pub(crate) fn cause(error: &(dyn Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

/// How long an answer asks to wait: `Retry-After` in seconds or as a date, or in milliseconds as some have it.
pub(crate) fn asked_wait(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    if let Some(milliseconds) = text("retry-after-ms").and_then(|text| text.parse().ok()) {
        return Some(Duration::from_millis(milliseconds));
    }
    let wait = text(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = wait.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let until = DateTime::parse_from_rfc2822(wait).ok()?;
    Some((until.with_timezone(&Utc) - now).to_std().unwrap_or_default())
}
