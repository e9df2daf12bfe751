//! Errors of the tools, and the checks of arguments that share a shape.

use crate::bindings::storage::StorageError;
use crate::bindings::tools::{ErrorCode, ToolError};
pub use crate::trigger::invalid;
use crate::trouble::Trouble;
use crate::units;

/// An error that no one field of the request caused. The message says how to mend the call.
pub fn error(code: ErrorCode, message: impl Into<String>) -> ToolError {
    ToolError {
        code,
        field: None,
        message: message.into(),
        similar_job: None,
    }
}

/// The same words whether the job never was, or belongs to someone else.
pub fn not_found(job_id: &str) -> ToolError {
    ToolError {
        field: Some("job_id".into()),
        ..error(
            ErrorCode::NotFound,
            format!("There is no job {job_id}. Find its id with job_retrieval_by_keywords."),
        )
    }
}

/// As `not_found`, for a run.
pub fn unknown_run(run_id: &str) -> ToolError {
    ToolError {
        field: Some("run_id".into()),
        ..error(ErrorCode::NotFound, format!("There is no run {run_id}."))
    }
}

/// The job does not stand so that this could be done: the message names how it stands.
pub fn conflict(message: impl Into<String>) -> ToolError {
    error(ErrorCode::Conflict, message)
}

/// A cursor that no page gave.
pub fn bad_cursor() -> ToolError {
    invalid(
        "cursor",
        "cursor must be the next_cursor of the page before, unchanged.",
    )
}

/// Someone else kept changing what the call needed.
pub fn contended() -> ToolError {
    error(
        ErrorCode::Unavailable,
        "The job is being changed by others; nothing was changed by this call. Call again.",
    )
}

impl From<StorageError> for ToolError {
    fn from(cause: StorageError) -> Self {
        if cause == StorageError::BadCursor {
            return bad_cursor();
        }
        error(
            ErrorCode::Unavailable,
            format!(
                "Nothing was changed: {}. Call again later.",
                units::describe(&cause)
            ),
        )
    }
}

impl From<crate::lifecycle::IllegalTransition> for ToolError {
    fn from(cause: crate::lifecycle::IllegalTransition) -> Self {
        conflict(format!("Not possible: {cause}."))
    }
}

impl From<Trouble> for ToolError {
    fn from(cause: Trouble) -> Self {
        match cause {
            Trouble::Storage(cause) => cause.into(),
            Trouble::Row(cause) => conflict(format!("Not possible: {cause}.")),
        }
    }
}

/// A text of `min` to `max` characters, not blank when `min` is not 0.
pub fn text(field: &str, value: &str, min: usize, max: usize) -> Result<(), ToolError> {
    let length = value.chars().count();
    if length > max {
        return Err(invalid(
            field,
            format!("{field} has {length} characters; at most {max} are allowed. Shorten it."),
        ));
    }
    if length < min || (min > 0 && value.trim().is_empty()) {
        return Err(invalid(
            field,
            format!("{field} is empty; give {min} to {max} characters."),
        ));
    }
    Ok(())
}

/// A number within bounds.
pub fn range<T: PartialOrd + std::fmt::Display + Copy>(
    field: &str,
    value: Option<T>,
    min: T,
    max: T,
) -> Result<(), ToolError> {
    match value {
        Some(value) if !(value >= min && value <= max) => Err(invalid(
            field,
            format!("{field} is {value}; it must be {min} to {max}."),
        )),
        _ => Ok(()),
    }
}
