//! What a provider says when it does not do what it was asked, in its own form.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Wire;
use super::plan::Problem;

/// A request that is not done.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) message: String,
    /// `OpenAI`'s, where it is not that of the status.
    kind: Option<&'static str>,
    /// `OpenAI` only.
    code: Option<&'static str>,
    /// What of the request is wrong; `OpenAI` only.
    param: Option<String>,
}

impl Refusal {
    pub(super) fn new(status: u16, message: String) -> Self {
        Self {
            status,
            message,
            kind: None,
            code: None,
            param: None,
        }
    }

    /// The request is wrong, and why.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, message.into())
    }

    pub(super) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub(super) fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    fn kind(mut self, kind: &'static str) -> Self {
        self.kind = Some(kind);
        self
    }

    /// What the providers say with this status when nothing is wrong with the request.
    pub(super) fn of_status(status: u16) -> Self {
        let (code, message) = match status {
            401 => (Some("invalid_api_key"), "Incorrect API key provided."),
            402 => (None, "Insufficient balance."),
            403 => (None, "You do not have permission to do this."),
            404 => (Some("model_not_found"), "The model does not exist."),
            408 => (None, "Request timed out."),
            413 => (None, "Request exceeds the maximum size."),
            429 => (
                Some("rate_limit_exceeded"),
                "Rate limit reached. Please try again later.",
            ),
            503 | 529 => (None, "Overloaded"),
            _ => (None, "The server had an error while processing your request."),
        };
        Self {
            code,
            ..Self::new(status, message.to_owned())
        }
    }

    /// As the reply to a request.
    pub(super) fn answer(&self, wire: Wire) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap();
        (status, Json(self.body(wire))).into_response()
    }

    /// The error in the wire's form.
    pub(super) fn body(&self, wire: Wire) -> Value {
        match wire {
            Wire::Chat | Wire::Responses => json!({"error": {
                "message": self.message,
                "type": self.kind.unwrap_or_else(|| openai_kind(self.status)),
                "param": self.param,
                "code": self.code,
            }}),
            Wire::Messages => json!({
                "type": "error",
                "error": {"type": anthropic_kind(self.status), "message": self.message},
                "request_id": REQUEST_ID,
            }),
        }
    }
}

/// What every request is called, in the header and in the error.
pub(super) const REQUEST_ID: &str = "req_000000000000000000000001";

fn openai_kind(status: u16) -> &'static str {
    match status {
        429 => "requests",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

/// <https://platform.claude.com/docs/en/api/errors>
fn anthropic_kind(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        408 | 504 => "timeout_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

/// A problem that a test wants, as this wire has it.
pub(super) fn of_problem(wire: Wire, problem: Problem) -> Refusal {
    match (problem, wire) {
        (Problem::Status(status), _) => Refusal::of_status(status),
        (Problem::Other(refusal), _) => refusal,
        (Problem::ContextTooLong, Wire::Chat) => Refusal::bad(
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 131072 \
             tokens. Please reduce the length of the messages.",
        )
        .code("context_length_exceeded")
        .param("messages"),
        (Problem::ContextTooLong, Wire::Responses) => Refusal::bad(
            "Your input exceeds the context window of this model. Please adjust your input and try again.",
        )
        .code("context_length_exceeded")
        .param("input"),
        (Problem::ContextTooLong, Wire::Messages) => {
            Refusal::bad("prompt is too long: 208310 tokens > 200000 maximum")
        }
        (Problem::OutOfCredit, Wire::Messages) => {
            let message = "Your credit balance is too low to access the Anthropic API.";
            Refusal::new(402, message.to_owned())
        }
        (Problem::OutOfCredit, _) => {
            let message = "You exceeded your current quota, please check your plan and billing details.";
            let refusal = Refusal::new(429, message.to_owned());
            refusal.kind("insufficient_quota").code("insufficient_quota")
        }
    }
}

/// A body that cannot be read.
pub(super) fn no_json(wire: Wire, error: &serde_json::Error) -> Refusal {
    Refusal::bad(match wire {
        Wire::Chat | Wire::Responses => {
            format!("We could not parse the JSON body of your request: {error}")
        }
        Wire::Messages => format!("The request body is not valid JSON: {error}"),
    })
}

/// A provider that fails in the middle of its reply.
pub(super) fn failing(wire: Wire) -> Refusal {
    Refusal::of_status(match wire {
        Wire::Chat | Wire::Responses => 500,
        Wire::Messages => 529,
    })
}
