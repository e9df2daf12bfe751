//! Requests to others over HTTP: what all clients of the host have in common.

use std::error::Error;

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
