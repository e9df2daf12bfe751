//! Requests and answers that are no tools: read and written by hand.

use serde_json::{Value, json};

use crate::component::CallFailure;
use crate::imports::TenantContext;
use crate::service::CallError;
use crate::tenants::clipped;
use crate::wit::conversation::{Effect, EffectKind, Utterance};
use crate::wit::runner::PauseCause;
use crate::wit::storage::StorageError;
use crate::wit::types::JobStatus;

pub(super) fn error(code: &str, message: impl std::fmt::Display) -> CallError {
    CallError(json!({ "code": code, "message": message.to_string() }))
}

/// A call of a tenant's component did not come to its end.
pub(super) fn failed(of: &TenantContext, failure: CallFailure) -> CallError {
    let what = clipped(&failure);
    of.log(|tenant| tracing::warn!(tenant, failure = what, "a call of the component failed"));
    error("unavailable", failure)
}

pub(super) fn storage_failed(failure: StorageError) -> CallError {
    match failure {
        StorageError::Unavailable(message) => error("unavailable", message),
        StorageError::LimitExceeded(message) => error("invalid_argument", message),
        StorageError::BadCursor => error("invalid_argument", "the cursor is none of this store"),
    }
}

pub(super) fn unknown(interface: &str, function: &str) -> CallError {
    error(
        "not_found",
        format_args!("there is no function `{function}` in `{interface}`"),
    )
}

pub(super) fn invalid(field: &str, message: &str) -> CallError {
    CallError(json!({ "code": "invalid_argument", "field": field, "message": message }))
}

/// `{"cause": …, "agent"?: …}`.
pub(super) fn read_cure(request: &Value) -> Result<(PauseCause, Option<String>), CallError> {
    let cause = match request.get("cause").and_then(Value::as_str) {
        Some("quota") => PauseCause::Quota,
        Some("credentials") => PauseCause::Credentials,
        _ => return Err(invalid("cause", "`cause` is `quota` or `credentials`")),
    };
    let agent = match request.get("agent") {
        None | Some(Value::Null) => None,
        Some(Value::String(agent)) => Some(agent.clone()),
        Some(_) => return Err(invalid("agent", "`agent` is the name of an agent")),
    };
    Ok((cause, agent))
}

/// `{"text": …, "in_reply_to"?: …}`.
pub(super) fn read_utterance(utterance: &Value) -> Result<Utterance, CallError> {
    let text = utterance.get("text").and_then(Value::as_str);
    let in_reply_to = match utterance.get("in_reply_to") {
        None | Some(Value::Null) => None,
        Some(Value::String(message)) => Some(message.clone()),
        Some(_) => return Err(invalid("in_reply_to", "`in_reply_to` is the id of a message")),
    };
    Ok(Utterance {
        text: text
            .ok_or_else(|| invalid("text", "`text` is missing or no string"))?
            .to_owned(),
        in_reply_to,
    })
}

pub(super) fn effect_json(effect: &Effect) -> Value {
    let kind = match effect.kind {
        EffectKind::Answered => "answered",
        EffectKind::Resolved => "resolved",
        EffectKind::Released => "released",
        EffectKind::Considered => "considered",
    };
    json!({ "job_id": effect.job_id, "title": effect.title, "kind": kind, "message": effect.message })
}

/// The status as people read it.
pub(super) fn status_word(status: JobStatus) -> String {
    let word = match status {
        JobStatus::Pending => "PENDING",
        JobStatus::Active => "ACTIVE",
        JobStatus::InProgress => "IN_PROGRESS",
        JobStatus::Completed => "COMPLETED",
        JobStatus::Failed => "FAILED",
        JobStatus::Blocked => "BLOCKED",
        JobStatus::Cancelled => "CANCELLED",
        JobStatus::Archived => "ARCHIVED",
        JobStatus::Paused => "PAUSED",
    };
    word.to_owned()
}
