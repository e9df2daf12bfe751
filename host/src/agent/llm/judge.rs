//! Whether a job's goal is met, in a model's judgement: a fixed form, with a piece of evidence.

use rig_core::completion::ToolDefinition;
use rig_core::message::{Message, ToolName};
use serde::Deserialize;
use serde_json::{Value, json};

use super::model::Model;
use crate::agent::{Progress, answer, failure};
use crate::wit::agent_pipeline::{Outcome, OutcomeStatus};
use crate::wit::types::{Report, Verdict};

const TOOL: &str = "judgement";

fn definition(name: ToolName) -> ToolDefinition {
    let schema = json!({
        "type": "object",
        "properties": {
            "met": { "type": "boolean", "description": "Whether the goal is plainly met." },
            "evidence": { "type": "string", "description": "The piece of the latest entry that proves it, letter for letter." },
            "reason": { "type": "string", "description": "Why, in one sentence." },
        },
        "required": ["met", "evidence", "reason"],
        "additionalProperties": false,
    });
    ToolDefinition::new(name, "Say whether the goal is met.", schema)
}

#[derive(Deserialize)]
struct Judgement {
    met: bool,
    #[serde(default)]
    evidence: String,
    #[serde(default)]
    reason: String,
}

/// Asks the model. What is unclear is not met: the job goes on. Whether the evidence is there, the component checks.
pub(super) async fn judge(model: &Model, rules: String, request: String, progress: &Progress) -> Outcome {
    let Ok(name) = ToolName::new(TOOL) else {
        return answer(OutcomeStatus::Ok, String::new());
    };
    let conversation = [Message::system(rules), Message::user(request)];
    let tools = || vec![definition(name.clone())];
    let (answered, spent) = model.ask(&conversation, &tools, None, progress).await;
    let outcome = match answered {
        Ok(response) => {
            let called = response
                .tool_calls()
                .find(|call| call.function.name.as_str() == TOOL);
            // Some models write down what they should have called.
            let judged = match called {
                Some(call) => Some(call.function.arguments_value()),
                None => written(&response.text()),
            };
            judgement(judged.and_then(|judged| serde_json::from_value(judged).ok()))
        }
        Err(failed) => failure(failed.class, failed.message),
    };
    spent.on(outcome)
}

/// The first JSON object in a text.
fn written(text: &str) -> Option<Value> {
    let start = text.find('{')?;
    serde_json::Deserializer::from_str(&text[start..])
        .into_iter()
        .next()?
        .ok()
}

fn judgement(judged: Option<Judgement>) -> Outcome {
    let (verdict, evidence, summary) = match judged {
        Some(judged) if judged.met => (Verdict::Done, judged.evidence, judged.reason),
        Some(judged) => (Verdict::Continue, String::new(), judged.reason),
        None => (
            Verdict::Continue,
            String::new(),
            "The judgement was unclear.".to_owned(),
        ),
    };
    Outcome {
        report: Some(Report {
            verdict,
            summary,
            tell: false,
        }),
        ..answer(OutcomeStatus::Ok, evidence)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{judgement, written};
    use crate::wit::types::Verdict;

    fn verdict(text: &str) -> (Verdict, String) {
        let judged = written(text).and_then(|value| serde_json::from_value(value).ok());
        let outcome = judgement(judged);
        (outcome.report.unwrap().verdict, outcome.output)
    }

    #[test]
    fn what_is_unclear_is_not_met() {
        let met = r#"Well: {"met": true, "evidence": "Paid.", "reason": "It says so."} So it is."#;
        assert_eq!(verdict(met), (Verdict::Done, "Paid.".to_owned()));
        for text in [
            r#"{"met": false, "evidence": "Paid."}"#,
            r#"{"met": "yes"}"#,
            "The goal is met.",
            "{",
            "",
        ] {
            assert_eq!(verdict(text), (Verdict::Continue, String::new()), "{text}");
        }
        assert_eq!(written("a {\"b\": 1} {\"c\": 2}"), Some(json!({"b": 1})));
    }
}
