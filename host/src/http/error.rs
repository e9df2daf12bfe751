//! Errors as answers, and the check of where a request comes from.

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::service::CallError;

/// `{"error": {"code": …, "field"?: …, "message": …}}` with the status that fits the code.
pub(super) struct Failure(pub(super) Value);

pub(super) type Answer = Result<Json<Value>, Failure>;

impl Failure {
    pub(super) fn new(code: &str, message: &str) -> Self {
        Self(json!({ "code": code, "message": message }))
    }

    pub(super) fn not_found(message: &str) -> Self {
        Self::new("not_found", message)
    }

    pub(super) fn invalid(field: &str, message: &str) -> Self {
        Self(json!({ "code": "invalid_argument", "field": field, "message": message }))
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self(error.0)
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = match self.0.get("code").and_then(Value::as_str) {
            Some("invalid_argument") => StatusCode::BAD_REQUEST,
            Some("not_found") => StatusCode::NOT_FOUND,
            Some("conflict" | "needs_confirmation") => StatusCode::CONFLICT,
            Some("unauthenticated") => StatusCode::UNAUTHORIZED,
            Some("forbidden") => StatusCode::FORBIDDEN,
            Some("quota_exceeded") => StatusCode::TOO_MANY_REQUESTS,
            Some("unavailable") => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        (status, Json(json!({ "error": self.0 }))).into_response()
    }
}

/// Lets a request through whose `Host`, and `Origin` where there is one, are this machine.
pub(super) async fn check_origin(request: Request, next: Next) -> Response {
    if from_loopback(request.headers(), request.uri()) {
        return next.run(request).await;
    }
    Failure::new(
        "forbidden",
        "only requests of and to this machine are answered: see Host and Origin",
    )
    .into_response()
}

fn from_loopback(headers: &HeaderMap, uri: &Uri) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(header::HOST).or_else(|| uri.authority().map(|it| it.as_str()));
    let origin_fits = text(header::ORIGIN).is_none_or(|origin| {
        let Some((scheme, authority)) = origin.split_once("://") else {
            return false;
        };
        matches!(scheme, "http" | "https") && is_loopback(authority)
    });
    host.is_some_and(is_loopback) && origin_fits
}

/// Whether `HOST[:PORT]` is a name of this machine for itself.
fn is_loopback(authority: &str) -> bool {
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|it| it.is_ascii_digit()) => host,
        _ => authority,
    };
    let address = host
        .strip_prefix('[')
        .and_then(|it| it.strip_suffix(']'))
        .unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        for name in [
            "localhost",
            "localhost:7803",
            "127.0.0.1:1",
            "[::1]:7803",
            "[::1]",
        ] {
            assert!(is_loopback(name), "{name}");
        }
        for name in [
            "evil.test",
            "127.0.0.1.evil.test",
            "10.0.0.1:7803",
            "localhost:x",
            "",
        ] {
            assert!(!is_loopback(name), "{name}");
        }
    }
}
