//! Errors as answers.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
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

/// Stands with an answer that refuses for want of scopes: which the request needs.
#[derive(Clone)]
pub(super) struct NeededScopes(pub(super) String);

impl Failure {
    /// The answer with a status that no code has; the connection ends with it, since the request
    /// was not read to its end.
    pub(super) fn ending(self, status: StatusCode) -> Response {
        let mut response = self.into_response();
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
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
        let scope = self.0.get("scope").and_then(Value::as_str).map(str::to_owned);
        let mut response = (status, Json(json!({ "error": self.0 }))).into_response();
        if let Some(scope) = scope {
            response.extensions_mut().insert(NeededScopes(scope));
        }
        response
    }
}
