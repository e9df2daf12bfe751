//! Looks at a web page and tells what changed since the last look.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::time::Duration;

use futures_util::StreamExt as _;

use super::{failure, outcome};
use crate::limits::OUTPUT_BYTES_MAX;
use crate::wit::agent_pipeline::{Outcome, OutcomeStatus};
use crate::wit::types::{ErrorClass, Report, Verdict};

/// Bytes of a page that are read.
const PAGE_BYTES_MAX: usize = 2 << 20;
/// Bytes of a page's text that are kept and compared: what the next run is shown of this one.
const TEXT_BYTES_MAX: usize = 16_384;
/// Columns to which text is laid out.
const TEXT_COLUMNS: usize = 100;
/// Lines of the difference that a summary quotes, and characters of one.
const DIFFERENCE_LINES_MAX: usize = 4;
const DIFFERENCE_LINE_CHARS_MAX: usize = 80;
/// One look, from connecting to the last byte.
const LOOK_TIME_MAX: Duration = Duration::from_secs(30);

const _: () = assert!(TEXT_BYTES_MAX <= OUTPUT_BYTES_MAX);

pub(super) fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder()
        .timeout(LOOK_TIME_MAX)
        .user_agent(concat!("meanwhile/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// The first web address in a text.
pub(super) fn address(text: &str) -> Option<&str> {
    let start = ["https://", "http://"]
        .iter()
        .filter_map(|scheme| text.find(scheme))
        .min()?;
    let rest = &text[start..];
    let end = rest
        .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | ')' | ']' | '`'))
        .unwrap_or(rest.len());
    Some(rest[..end].trim_end_matches(['.', ',', ';', ':', '!', '?']))
}

/// Fetches a page and compares its text with the one before.
pub(super) async fn look(client: &reqwest::Client, address: &str, previous: Option<&str>) -> Outcome {
    let text = match fetch(client, address).await {
        Ok(text) => text,
        Err(failed) => return *failed,
    };
    let (tell, summary) = match previous {
        None => (false, format!("First look at {address}.")),
        Some(previous) if previous.trim() == text.trim() => (false, format!("{address} is unchanged.")),
        Some(previous) => (
            true,
            format!("{address} changed: {}", difference(previous, &text)),
        ),
    };
    let mut done = outcome(OutcomeStatus::Ok, text);
    done.report = Some(Report {
        verdict: Verdict::Continue,
        summary,
        tell,
    });
    done
}

async fn fetch(client: &reqwest::Client, address: &str) -> Result<String, Box<Outcome>> {
    let transient = |error: reqwest::Error| {
        let class = if error.is_builder() {
            ErrorClass::Permanent
        } else {
            ErrorClass::Transient
        };
        Box::new(failure(class, format!("{address} could not be fetched: {error}")))
    };
    let response = client.get(address).send().await.map_err(transient)?;
    let status = response.status();
    if !status.is_success() {
        let passing = !status.is_client_error() || matches!(status.as_u16(), 408 | 429);
        let class = if passing {
            ErrorClass::Transient
        } else {
            ErrorClass::Permanent
        };
        return Err(Box::new(failure(class, format!("{address} answered {status}"))));
    }
    let html = response
        .headers()
        .get(reqwest::header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_none_or(|value| value.contains("html"));
    let mut bytes = Vec::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk.map_err(transient)?);
        if bytes.len() >= PAGE_BYTES_MAX {
            bytes.truncate(PAGE_BYTES_MAX);
            break;
        }
    }
    let mut text = if html {
        let laid_out = tokio::task::spawn_blocking(move || {
            html2text::config::plain_no_decorate().string_from_read(bytes.as_slice(), TEXT_COLUMNS)
        });
        match laid_out.await {
            Ok(Ok(text)) => text,
            _ => {
                let message = format!("the page at {address} cannot be read as HTML");
                return Err(Box::new(failure(ErrorClass::Permanent, message)));
            }
        }
    } else {
        String::from_utf8_lossy(&bytes).into_owned()
    };
    text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    Ok(text.trim().to_owned())
}

/// The lines that came and went, the first few of them.
fn difference(before: &str, after: &str) -> String {
    fn lines(text: &str) -> impl Iterator<Item = &str> {
        text.lines().map(str::trim).filter(|line| !line.is_empty())
    }
    let (old, new): (HashSet<_>, HashSet<_>) = (lines(before).collect(), lines(after).collect());
    let gone = lines(before)
        .filter(|line| !new.contains(line))
        .map(|line| ('-', line));
    let came = lines(after)
        .filter(|line| !old.contains(line))
        .map(|line| ('+', line));
    let changes: Vec<_> = came.chain(gone).collect();
    if changes.is_empty() {
        return "the same lines in another order".to_owned();
    }
    let mut text = String::new();
    for (sign, line) in changes.iter().take(DIFFERENCE_LINES_MAX) {
        let line: String = line.chars().take(DIFFERENCE_LINE_CHARS_MAX).collect();
        let _ = write!(text, "{}{sign} {line}", if text.is_empty() { "" } else { "\n" });
    }
    if changes.len() > DIFFERENCE_LINES_MAX {
        let _ = write!(text, "\nand {} more lines", changes.len() - DIFFERENCE_LINES_MAX);
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_address_ends_where_its_sentence_does() {
        assert_eq!(
            address("Watch https://a.test/x?y=1. Then tell"),
            Some("https://a.test/x?y=1")
        );
        assert_eq!(address("see (http://a.test/)"), Some("http://a.test/"));
        assert_eq!(address("no address"), None);
    }

    #[test]
    fn a_difference_names_what_came_and_went() {
        assert_eq!(difference("a\nb", "a\nc"), "+ c\n- b");
    }

    #[tokio::test]
    async fn a_changed_page_is_told_and_an_unchanged_one_is_not() {
        let page = || async { axum::response::Html("<p>Price: 12</p>") };
        let app = axum::Router::new().route("/", axum::routing::get(page));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = client().unwrap();

        let first = look(&client, &address, None).await;
        assert_eq!(first.output, "Price: 12");
        assert!(!first.report.unwrap().tell);
        assert!(
            !look(&client, &address, Some("Price: 12"))
                .await
                .report
                .unwrap()
                .tell
        );
        let changed = look(&client, &address, Some("Price: 11")).await.report.unwrap();
        assert!(changed.tell);
        assert!(changed.summary.contains("+ Price: 12"), "{}", changed.summary);
        let missing = look(&client, &format!("{address}none"), None).await;
        assert_eq!(missing.error.unwrap().class, ErrorClass::Permanent);
        server.abort();
    }
}
