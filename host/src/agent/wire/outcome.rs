//! What an agent answers.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::request::seen_json;

use crate::wit::agent_pipeline as wit;
use crate::wit::types;

/// What an agent answers. Only `status` has to be there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// How the attempt ended.
    pub status: Status,
    /// The result, or the question to the person. What is beyond
    /// [`OUTPUT_BYTES_MAX`](crate::limits::OUTPUT_BYTES_MAX) is cut off.
    #[serde(default)]
    pub output: String,
    /// What the agent says of its run. None: the output alone is told and judged.
    #[serde(default)]
    pub report: Option<Report>,
    /// Of a failed attempt. None is read as permanent.
    #[serde(default)]
    pub error: Option<Error>,
    /// What the attempt cost: it is taken from the job's budget.
    #[serde(default)]
    pub usage: Usage,
    /// Notes on the way, oldest first; at most
    /// [`JOURNAL_ENTRIES_MAX`](crate::limits::JOURNAL_ENTRIES_MAX) are kept.
    #[serde(default)]
    pub journal: Vec<String>,
    /// With `needs_input`: the call of a tool for which the person's approval is asked. The question is put in words
    /// by the component, before the output.
    #[serde(default)]
    pub asks_for: Option<ToolCall>,
}

/// A call of a tool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The tool's name.
    pub tool: String,
    /// Its arguments, an object: at most
    /// [`TOOL_ARGUMENTS_BYTES_MAX`](crate::limits::TOOL_ARGUMENTS_BYTES_MAX) bytes as JSON.
    #[serde(default)]
    pub arguments: Map<String, Value>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It was carried out; what that means for the job is told by the report, or decided afterwards.
    Ok,
    /// It was not carried out: the error's class says what comes of it.
    Failed,
    /// The output is a question to the person.
    NeedsInput,
    /// It was told to stop, and did.
    Cancelled,
}

/// What an agent says of its run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// How the job stands.
    pub verdict: Verdict,
    /// One or two sentences for the person and for later runs.
    pub summary: String,
    /// Whether the person wants to hear of it.
    pub tell: bool,
}

/// How the job stands after the run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The job's aim is reached.
    Done,
    /// It goes on as planned.
    Continue,
    /// The aim cannot be reached.
    Failed,
    /// It cannot go on without the person.
    Blocked,
}

/// Why an attempt failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Error {
    /// What is to be done about it.
    pub class: Class,
    /// For the person, in words; cut after
    /// [`REPORT_CHARS_MAX`](crate::limits::REPORT_CHARS_MAX) characters.
    pub message: String,
    /// Of a transient failure, where it is known: seconds before which another attempt is of no use.
    #[serde(default)]
    pub retry_after_seconds: Option<u32>,
}

/// How a failure is treated.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// May pass: retried with backoff.
    Transient,
    /// A usage limit or balance: the job pauses until it is resumed.
    Quota,
    /// Credentials: the job pauses until it is resumed.
    Auth,
    /// Will not pass: the run fails.
    Permanent,
}

/// What an attempt cost; what is left out is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Tokens that models read.
    pub tokens_in: u64,
    /// Tokens that models wrote.
    pub tokens_out: u64,
    /// US dollars.
    pub cost_usd: f64,
    /// Calls of tools.
    pub tool_calls: u32,
    /// Seconds of work.
    pub seconds: f64,
}

impl From<Outcome> for wit::Outcome {
    fn from(from: Outcome) -> Self {
        Self {
            status: match from.status {
                Status::Ok => wit::OutcomeStatus::Ok,
                Status::Failed => wit::OutcomeStatus::Failed,
                Status::NeedsInput => wit::OutcomeStatus::NeedsInput,
                Status::Cancelled => wit::OutcomeStatus::Cancelled,
            },
            output: from.output,
            report: from.report.map(|from| types::Report {
                verdict: match from.verdict {
                    Verdict::Done => types::Verdict::Done,
                    Verdict::Continue => types::Verdict::Continue,
                    Verdict::Failed => types::Verdict::Failed,
                    Verdict::Blocked => types::Verdict::Blocked,
                },
                summary: from.summary,
                tell: from.tell,
            }),
            retry_after_seconds: from.error.as_ref().and_then(|error| error.retry_after_seconds),
            error: from.error.map(|from| types::RunError {
                class: match from.class {
                    Class::Transient => types::ErrorClass::Transient,
                    Class::Quota => types::ErrorClass::Quota,
                    Class::Auth => types::ErrorClass::Auth,
                    Class::Permanent => types::ErrorClass::Permanent,
                },
                message: from.message,
            }),
            usage: types::Usage {
                tokens_in: from.usage.tokens_in,
                tokens_out: from.usage.tokens_out,
                cost_usd: from.usage.cost_usd,
                tool_calls: from.usage.tool_calls,
                seconds: from.usage.seconds,
            },
            journal: from.journal,
            asks_for: from.asks_for.map(|call| types::ToolCall {
                tool: call.tool,
                arguments: seen_json(&call.arguments),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_may_leave_out_all_but_its_status() {
        let outcome: Outcome = serde_json::from_str(r#"{"status":"needs_input","output":"Which?"}"#).unwrap();
        let outcome = wit::Outcome::from(outcome);
        assert_eq!(outcome.status, wit::OutcomeStatus::NeedsInput);
        assert_eq!(outcome.output, "Which?");
    }

    #[test]
    fn every_part_of_an_outcome_arrives() {
        let text = r#"{"status":"failed","report":{"verdict":"blocked","summary":"s","tell":true},
            "error":{"class":"quota","message":"m","retry_after_seconds":9},"usage":{"tokens_in":3},"journal":["j"],
            "asks_for":{"tool":"mail","arguments":{"to":"bob\u202e"}}}"#;
        let outcome = wit::Outcome::from(serde_json::from_str::<Outcome>(text).unwrap());
        assert_eq!(outcome.report.unwrap().verdict, types::Verdict::Blocked);
        assert_eq!(outcome.error.unwrap().class, types::ErrorClass::Quota);
        assert_eq!(outcome.retry_after_seconds, Some(9));
        assert_eq!(outcome.usage.tokens_in, 3);
        assert_eq!(outcome.journal, ["j"]);
        let call = outcome.asks_for.unwrap();
        assert_eq!(
            (call.tool.as_str(), call.arguments.as_str()),
            ("mail", r#"{"to":"bob\u202e"}"#)
        );
    }
}
