//! Fetching a page as text, with every bound a page's owner could otherwise ignore.

use reqwest::StatusCode;
use reqwest::redirect::Policy;

use crate::limits::FETCH_BYTES_MAX;
use crate::outbound;
use crate::wit::types::ErrorClass;

/// Redirects followed.
pub(super) const REDIRECTS_MAX: usize = 5;

/// Columns of the text made from HTML: wide, so that a small edit changes few lines.
const TEXT_COLUMNS: usize = 120;

/// Why there is no page.
#[derive(Debug, PartialEq)]
pub(super) struct FetchError {
    pub(super) class: ErrorClass,
    pub(super) message: String,
}

impl FetchError {
    fn new(class: ErrorClass, message: String) -> Self {
        Self { class, message }
    }
}

/// A client that trusts the usual roots.
pub(super) fn client() -> Result<reqwest::Client, String> {
    outbound::built(outbound::client().redirect(Policy::limited(REDIRECTS_MAX)))
}

/// The text of a page of at most [`FETCH_BYTES_MAX`].
pub(super) async fn text(client: &reqwest::Client, url: &str) -> Result<String, FetchError> {
    let transient = |error: reqwest::Error| {
        let class = if error.is_builder() || error.is_redirect() {
            ErrorClass::Permanent
        } else {
            ErrorClass::Transient
        };
        FetchError::new(
            class,
            format!("fetching {url} failed: {}", outbound::cause(&error)),
        )
    };
    let mut response = client.get(url).send().await.map_err(transient)?;
    let status = response.status();
    if !status.is_success() {
        return Err(FetchError::new(
            class_of(status),
            format!("{url} answered {status}"),
        ));
    }
    let html = response
        .headers()
        .get(reqwest::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("html"));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(transient)? {
        if body.len() + chunk.len() > FETCH_BYTES_MAX {
            let message = format!("{url} is larger than {FETCH_BYTES_MAX} bytes");
            return Err(FetchError::new(ErrorClass::Permanent, message));
        }
        body.extend_from_slice(&chunk);
    }
    if !html {
        return Ok(String::from_utf8_lossy(&body).trim().to_owned());
    }
    html2text::config::plain_no_decorate()
        .string_from_read(body.as_slice(), TEXT_COLUMNS)
        .map(|text| text.trim().to_owned())
        .map_err(|error| {
            FetchError::new(
                ErrorClass::Permanent,
                format!("{url} is no readable HTML: {error}"),
            )
        })
}

/// Answers that a retry will not change are permanent.
fn class_of(status: StatusCode) -> ErrorClass {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::GONE => {
            ErrorClass::Permanent
        }
        _ => ErrorClass::Transient,
    }
}
