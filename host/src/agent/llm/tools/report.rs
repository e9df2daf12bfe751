//! The tool by which a run says how it stands.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::wit::types::{Report, Verdict};

pub(super) const DESCRIPTION: &str = "Say how this run ends: once, before your last answer. With a question, the run ends here, and the job \
     goes on when the person has answered.";

pub(super) fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "verdict": {
                "type": "string",
                "enum": ["done", "continue", "failed", "blocked"],
                "description": "done: the job's aim is reached. continue: a later run goes on. failed: the aim cannot be \
                                reached. blocked: it needs the person, and there is a question.",
            },
            "summary": { "type": "string", "description": "One or two sentences for the person and for later runs." },
            "tell": { "type": "boolean", "description": "Whether the person wants to hear of this run." },
            "question": {
                "type": "string",
                "description": "What the person has to answer before the job can go on. Leave it out where nothing is open.",
            },
        },
        "required": ["verdict", "summary"],
        "additionalProperties": false,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    verdict: Word,
    summary: String,
    tell: Option<bool>,
    question: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Done,
    Continue,
    Failed,
    Blocked,
}

/// What a run said of itself.
#[derive(Clone, Debug)]
pub(in super::super) struct Reported {
    pub(in super::super) report: Report,
    pub(in super::super) question: Option<String>,
}

/// The report in a call's arguments; the error says how to mend the call.
pub(super) fn read(arguments: Value) -> Result<Reported, String> {
    let arguments: Arguments = serde_json::from_value(arguments).map_err(|error| error.to_string())?;
    let question = arguments.question.filter(|question| !question.trim().is_empty());
    let verdict = match arguments.verdict {
        Word::Blocked if question.is_none() => {
            return Err("`blocked` needs a `question`: what does the person have to answer?".into());
        }
        Word::Done => Verdict::Done,
        Word::Continue => Verdict::Continue,
        Word::Failed => Verdict::Failed,
        Word::Blocked => Verdict::Blocked,
    };
    let report = Report {
        verdict,
        summary: arguments.summary,
        tell: arguments.tell.unwrap_or(true),
    };
    Ok(Reported { report, question })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::read;
    use crate::wit::types::Verdict;

    #[test]
    fn a_report_is_read_or_says_how_to_mend_it() {
        let reported = read(json!({"verdict": "done", "summary": "Sent.", "question": " "})).unwrap();
        assert_eq!(
            (reported.report.verdict, reported.report.tell),
            (Verdict::Done, true)
        );
        assert!(reported.question.is_none());
        for (wrong, told) in [
            (json!({"summary": "s"}), "verdict"),
            (json!({"verdict": "perhaps", "summary": "s"}), "perhaps"),
            (json!({"verdict": "blocked", "summary": "s"}), "`question`"),
            (json!({"verdict": "done", "summary": "s", "say": 1}), "say"),
        ] {
            let error = read(wrong).unwrap_err();
            assert!(error.contains(told), "{error}");
        }
    }
}
