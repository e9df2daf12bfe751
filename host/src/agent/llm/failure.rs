//! What a provider's failure means: whether it passes, and what a person can do about it.

use std::time::Duration;

use chrono::Utc;
use reqwest::StatusCode;
use rig_core::error::{ErrorKind, ProviderError};
use serde_json::Value;

use super::model::Model;
use crate::agent::Refusal;
use crate::limits::LLM_ERROR_CHARS_MAX;
use crate::outbound;
use crate::wit::types::ErrorClass;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Failure {
    pub(super) class: ErrorClass,
    pub(super) message: String,
    /// How long the provider asks to wait.
    pub(super) wait: Option<Duration>,
}

impl Failure {
    pub(super) fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            wait: None,
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let wait = refusal.retry_after_seconds.map(u64::from);
        Self {
            wait: wait.map(Duration::from_secs),
            ..Self::new(refusal.class, refusal.message)
        }
    }
}

/// What kind of trouble it is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    Key,
    Forbidden,
    Balance,
    NoModel,
    TooLong,
    Busy,
    Refused,
    Away,
    Wrong,
}

/// What a provider's error means for a run.
pub(super) fn of(error: &ProviderError, model: &Model) -> Failure {
    let response = error.provider_response();
    let body = error.provider_response_body().unwrap_or_default();
    let status = error.provider_response_status();
    let code = response
        .and_then(|response| response.machine_code())
        .unwrap_or_default();
    let trouble = match (response, error.kind()) {
        (Some(response), _) if response.refusal => Trouble::Refused,
        (Some(_), _) => of_answer(status, &code, body, error.is_retryable()),
        // A stream that was cut, or is none; a connection that fails.
        (None, ErrorKind::Http | ErrorKind::Json | ErrorKind::Response) => Trouble::Away,
        (None, ErrorKind::Provider) if error.is_retryable() => Trouble::Away,
        (None, _) => Trouble::Wrong,
    };
    let (class, what) = said(trouble, model);
    let words = match told(body) {
        words if words.is_empty() => cause(error),
        words => words,
    };
    let number = status
        .filter(|status| !status.is_success())
        .map_or(String::new(), |status| format!(" ({})", status.as_u16()));
    let words = shortened(&model.without_key(&words));
    let headers = response.and_then(|response| response.headers.as_ref());
    Failure {
        class,
        message: format!("{what}{number}: {words}"),
        wait: headers.and_then(|headers| outbound::asked_wait(headers, Utc::now())),
    }
}

/// What an answer says that is an error, by its status and its own words.
fn of_answer(status: Option<StatusCode>, code: &str, body: &str, is_retryable: bool) -> Trouble {
    let body = body.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| code == *word || body.contains(word));
    let status = status
        .filter(|status| !status.is_success())
        .map_or(0, |status| status.as_u16());
    // Providers tell an empty balance by statuses that mean something else.
    if status == 402
        || matches!(
            code,
            "insufficient_quota" | "billing_error" | "billing_not_active" | "billing_hard_limit_reached"
        )
        || matches!(status, 400 | 403 | 429) && says(&["credit balance is too low", "insufficient_quota"])
    {
        return Trouble::Balance;
    }
    let too_long = [
        "context_length_exceeded",
        "prompt is too long",
        "maximum context length",
        "request_too_large",
        "exceeds the context window",
        "input token count",
    ];
    if status == 413 || matches!(status, 0 | 400) && says(&too_long) {
        return Trouble::TooLong;
    }
    match status {
        401 => Trouble::Key,
        403 => Trouble::Forbidden,
        404 => Trouble::NoModel,
        429 => Trouble::Busy,
        408 | 425 | 500..=599 => Trouble::Away,
        _ if matches!(code, "authentication_error" | "invalid_api_key") => Trouble::Key,
        _ if matches!(code, "permission_error") => Trouble::Forbidden,
        _ if matches!(code, "model_not_found" | "not_found_error") => Trouble::NoModel,
        _ if code.contains("rate_limit") || code == "overloaded_error" => Trouble::Busy,
        _ if matches!(
            code,
            "api_error" | "server_error" | "timeout_error" | "internal_server_error"
        ) =>
        {
            Trouble::Away
        }
        _ if is_retryable => Trouble::Away,
        _ => Trouble::Wrong,
    }
}

/// Its class, and what it is in words, with what to do about it.
fn said(trouble: Trouble, model: &Model) -> (ErrorClass, String) {
    let (provider, id, key) = (model.provider(), model.id(), model.key_variable());
    match trouble {
        Trouble::Key => (
            ErrorClass::Auth,
            format!("{provider} does not accept the key: set {key} to a valid one and start the host anew"),
        ),
        Trouble::Forbidden => (
            ErrorClass::Auth,
            format!(
                "{provider} does not let this key use {id}: give the key that right, or another key in {key}"
            ),
        ),
        Trouble::Balance => (
            ErrorClass::Quota,
            format!("{provider} says that the balance or quota is used up: top it up there"),
        ),
        Trouble::NoModel => (
            ErrorClass::Permanent,
            format!(
                "{provider} has no model {id} at {}: mend `model` or `model_url`",
                model.url()
            ),
        ),
        Trouble::TooLong => (
            ErrorClass::Permanent,
            format!(
                "the run's texts are too long for {id}: make the instruction shorter, or take a model that reads more"
            ),
        ),
        Trouble::Busy => (
            ErrorClass::Transient,
            format!("{provider} is busy or limits the rate"),
        ),
        Trouble::Refused => (
            ErrorClass::Permanent,
            format!("{id} declined to answer: say the instruction in other words"),
        ),
        Trouble::Away => (
            ErrorClass::Transient,
            format!("{provider} did not answer as it should"),
        ),
        Trouble::Wrong => (ErrorClass::Permanent, format!("{provider} refused the request")),
    }
}

/// What is known of an error without an answer.
fn cause(error: &ProviderError) -> String {
    match error {
        ProviderError::Http(error) => outbound::cause(&**error),
        _ => error.to_string(),
    }
}

/// The message in an error's body, or the body.
fn told(body: &str) -> String {
    let parsed: Value = serde_json::from_str(body).unwrap_or_default();
    let error = parsed.get("error").unwrap_or(&parsed);
    let message = error.get("message").or(Some(error)).and_then(Value::as_str);
    message.unwrap_or(body).trim().to_owned()
}

fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(LLM_ERROR_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn answers_mean_what_they_say() {
        for (status, code, body, meant) in [
            (401, "invalid_api_key", "", Trouble::Key),
            (402, "", "", Trouble::Balance),
            (403, "", "", Trouble::Forbidden),
            (404, "model_not_found", "", Trouble::NoModel),
            (408, "", "", Trouble::Away),
            (413, "request_too_large", "", Trouble::TooLong),
            (429, "rate_limit_exceeded", "", Trouble::Busy),
            (429, "insufficient_quota", "", Trouble::Balance),
            (
                400,
                "invalid_request_error",
                "Your credit balance is too low to access",
                Trouble::Balance,
            ),
            (400, "context_length_exceeded", "", Trouble::TooLong),
            (
                400,
                "invalid_request_error",
                "prompt is too long: 210000 tokens",
                Trouble::TooLong,
            ),
            (400, "invalid_request_error", "messages: wrong", Trouble::Wrong),
            (500, "server_error", "", Trouble::Away),
            (529, "overloaded_error", "", Trouble::Away),
            // In the middle of a stream there is no status.
            (200, "overloaded_error", "", Trouble::Busy),
            (200, "rate_limit_error", "", Trouble::Busy),
            (200, "authentication_error", "", Trouble::Key),
            (200, "api_error", "", Trouble::Away),
            (200, "invalid_request_error", "", Trouble::Wrong),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(
                of_answer(Some(status), code, body, false),
                meant,
                "{status} {code} {body}"
            );
        }
        assert_eq!(of_answer(None, "", "", true), Trouble::Away);
    }

    #[test]
    fn waits_are_read_in_every_form() {
        let now = DateTime::parse_from_rfc3339("2026-11-27T10:00:00Z")
            .unwrap()
            .to_utc();
        for (name, value, seconds) in [
            ("retry-after", "7", Some(7.0)),
            ("retry-after", "0.5", Some(0.5)),
            ("retry-after", "Fri, 27 Nov 2026 10:01:30 GMT", Some(90.0)),
            ("retry-after", "Fri, 27 Nov 2026 09:00:00 GMT", Some(0.0)),
            ("retry-after-ms", "1500", Some(1.5)),
            ("retry-after", "soon", None),
            ("retry-after", "-1", None),
        ] {
            let mut headers = reqwest::header::HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            let wait = outbound::asked_wait(&headers, now).map(|wait| wait.as_secs_f64());
            assert_eq!(wait, seconds, "{name}: {value}");
        }
    }

    #[test]
    fn an_errors_own_words_are_found() {
        assert_eq!(told(r#"{"error":{"message":"No such model"}}"#), "No such model");
        assert_eq!(told(r#"{"error":"no such model"}"#), "no such model");
        assert_eq!(told(r#"{"message":"Bad"}"#), "Bad");
        assert_eq!(told("<html>"), "<html>");
        assert_eq!(
            shortened(&"é".repeat(500)).chars().count(),
            LLM_ERROR_CHARS_MAX + 1
        );
    }
}
