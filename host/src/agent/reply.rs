//! What agents outside answer, as an outcome: the same rules for programs and for addresses.

use super::{answer, cut, wire};
use crate::limits::{
    AGENT_ANSWER_BYTES_MAX, AGENT_HTTP_TOLD_CHARS, JOURNAL_ENTRIES_MAX, JOURNAL_ENTRY_CHARS_MAX,
    OUTPUT_BYTES_MAX,
};
use crate::visible::visible;
use crate::wit::agent_pipeline::{Outcome, OutcomeStatus};

/// An outcome as JSON.
pub(super) fn outcome(text: &str) -> serde_json::Result<Outcome> {
    serde_json::from_str::<wire::Outcome>(text).map(Outcome::from)
}

/// A text that is no outcome: the output of a run that went well.
pub(super) fn output(text: &str) -> Outcome {
    answer(OutcomeStatus::Ok, text.trim().to_owned())
}

/// What is kept of an outcome.
pub(super) fn bounded(mut outcome: Outcome) -> Outcome {
    cut(&mut outcome.output, OUTPUT_BYTES_MAX);
    outcome.journal.truncate(JOURNAL_ENTRIES_MAX);
    for note in &mut outcome.journal {
        if let Some((end, _)) = note.char_indices().nth(JOURNAL_ENTRY_CHARS_MAX) {
            note.truncate(end);
        }
    }
    outcome
}

/// The outcome in the body of a request or an answer over HTTP: JSON, or a text where it says that it is one or
/// nothing at all. The error goes on after a word for the body.
pub(crate) fn of_body(content_type: Option<&str>, body: &[u8]) -> Result<Outcome, String> {
    if body.len() > AGENT_ANSWER_BYTES_MAX {
        return Err(too_long());
    }
    let kind = content_type.unwrap_or("text/plain").split(';').next();
    let kind = kind.unwrap_or_default().trim().to_ascii_lowercase();
    let text = str::from_utf8(body).map_err(|_| format!("is no text in UTF-8: {}", beginning(body)))?;
    if text.trim().is_empty() {
        return Err("is empty: it has to have the outcome".to_owned());
    }
    let read = match outcome(text.trim()) {
        Ok(outcome) => outcome,
        Err(_) if kind == "text/plain" => output(text),
        Err(error) => {
            let beginning = beginning(body);
            return Err(format!(
                "is no outcome ({error}), and `{kind}` is no plain text: {beginning}"
            ));
        }
    };
    Ok(bounded(read))
}

pub(super) fn too_long() -> String {
    format!("has more than {AGENT_ANSWER_BYTES_MAX} bytes: no outcome is as long")
}

/// How a body begins, for people.
pub(super) fn beginning(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text: String = text.trim().chars().take(AGENT_HTTP_TOLD_CHARS).collect();
    visible(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_an_outcome_and_plain_text_an_output() {
        let json = br#" {"status": "needs_input", "output": "Which?"} "#;
        for kind in [None, Some("application/json; charset=utf-8"), Some("text/plain")] {
            let outcome = of_body(kind, json).unwrap();
            assert_eq!(
                (outcome.status, outcome.output.as_str()),
                (OutcomeStatus::NeedsInput, "Which?")
            );
        }
        for kind in [None, Some("text/plain"), Some("Text/Plain; charset=utf-8")] {
            assert_eq!(of_body(kind, "Grüße\n".as_bytes()), Ok(output("Grüße")));
        }
    }

    #[test]
    fn what_is_neither_is_quoted() {
        let page = b"<html>Welcome\x1b[2J";
        for (kind, body, told) in [
            (Some("text/html"), &page[..], "<html>Welcome"),
            (
                Some("application/json"),
                br#"{"state": "ok"}"#,
                r#"{"state": "ok"}"#,
            ),
            (Some("application/json"), b"[1", "[1"),
            (Some("application/json"), br#"{"status": "great"}"#, "needs_input"),
            (None, b"\xff\xfe", "UTF-8"),
            (None, b" \n", "empty"),
        ] {
            let error = of_body(kind, body).unwrap_err();
            assert!(error.contains(told) && !error.contains('\x1b'), "{error}");
        }
        let error = of_body(None, &vec![b'x'; AGENT_ANSWER_BYTES_MAX + 1]).unwrap_err();
        assert!(error.contains("524288 bytes"), "{error}");
        let long = "é".repeat(AGENT_HTTP_TOLD_CHARS * 2);
        let error = of_body(Some("text/html"), long.as_bytes()).unwrap_err();
        assert!(error.chars().count() < AGENT_HTTP_TOLD_CHARS + 200);
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let json = serde_json::json!({
            "status": "ok", "output": "ä".repeat(OUTPUT_BYTES_MAX), "journal": vec!["x".repeat(3_000); 201],
        });
        let kept = bounded(outcome(&json.to_string()).unwrap());
        assert_eq!(kept.output.len(), OUTPUT_BYTES_MAX);
        assert_eq!(
            (kept.journal.len(), kept.journal[0].len()),
            (JOURNAL_ENTRIES_MAX, JOURNAL_ENTRY_CHARS_MAX)
        );
    }
}
