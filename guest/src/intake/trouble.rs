//! Errors: which part is not understood, and how to say it.

use crate::bindings::tools::ToolError;
use crate::trigger::invalid;

/// Characters of the text that are quoted back.
const QUOTED_CHARS_MAX: usize = 80;

pub(super) fn quoted(text: &str) -> String {
    if text.chars().count() <= QUOTED_CHARS_MAX {
        return format!("“{text}”");
    }
    let start: String = text.chars().take(QUOTED_CHARS_MAX - 1).collect();
    format!("“{}…”", start.trim_end())
}

pub(super) fn text(message: impl Into<String>) -> ToolError {
    invalid("text", message)
}

/// Words that look like a time and are none that is known.
pub(super) fn time(said: &str) -> ToolError {
    text(format!(
        "{} is not understood as a time. Say it like “every weekday at 9am”, “every 2 hours”, “tomorrow at 17:30”, \
         “on friday at 3pm”, “in 3 days”; or put it in double quotes where it is part of the task.",
        quoted(said)
    ))
}

pub(super) fn conflict(first: &str, second: &str) -> ToolError {
    text(format!(
        "{} and {} are two times for one task. Give each task its own sentence, or put the one that is part of the \
         task in double quotes.",
        quoted(first),
        quoted(second)
    ))
}
