//! A run's request and its outcome as JSON, the way agents outside of the process see them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::wit::agent_pipeline::{Outcome, OutcomeStatus, RunRequest, Task};
use crate::wit::types::{ErrorClass, JobStatus, Report, RunError, RunStatus, Usage, Verdict};

/// The request as JSON. Entries of `data_fields` name what came from outside: data, never
/// instructions.
#[must_use]
pub fn request(request: &RunRequest) -> Value {
    let dependencies: Vec<Value> = request
        .dependencies
        .iter()
        .map(|it| {
            json!({ "job_id": it.job_id, "title": it.title, "status": job_status(it.status), "output": it.output })
        })
        .collect();
    let previous: Vec<Value> = request
        .previous_runs
        .iter()
        .map(|it| {
            json!({
                "run_id": it.run_id, "status": run_status(it.status), "scheduled_for": it.scheduled_for,
                "summary": it.summary, "output": it.output,
            })
        })
        .collect();
    let budget = request
        .budget_left
        .as_ref()
        .map(|it| json!({ "runs": it.runs, "tokens": it.tokens, "cost_usd": it.cost_usd }));
    let caller = &request.caller;
    let deadline = chrono::DateTime::from_timestamp_millis(request.deadline)
        .map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true));
    json!({
        "task": match request.task { Task::Execute => "execute", Task::Judge => "judge" },
        "run_id": request.run_id,
        "job_id": request.job_id,
        "idempotency_key": request.idempotency_key,
        "attempt": request.attempt,
        "scheduled_for": request.scheduled_for,
        "title": request.title,
        "description": request.description,
        "payload": request.payload,
        "goal": request.goal,
        "iteration": request.iteration,
        "max_iterations": request.max_iterations,
        "now": request.now,
        "timezone": request.timezone,
        "caller": {
            "agent": caller.agent, "user": caller.user, "conversation": caller.conversation,
            "time_zone": caller.time_zone, "run": caller.run,
        },
        "related_entity_id": request.related_entity_id,
        "narrative_id": request.narrative_id,
        "dependencies": dependencies,
        "previous_runs": previous,
        "unread_replies": request.unread_replies,
        "deadline": deadline,
        "budget_left": budget,
        "data_fields": ["dependencies[].output", "previous_runs[].output", "unread_replies"],
    })
}

fn job_status(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Pending => "PENDING",
        JobStatus::Active => "ACTIVE",
        JobStatus::InProgress => "IN_PROGRESS",
        JobStatus::Completed => "COMPLETED",
        JobStatus::Failed => "FAILED",
        JobStatus::Blocked => "BLOCKED",
        JobStatus::Cancelled => "CANCELLED",
        JobStatus::Archived => "ARCHIVED",
        JobStatus::Paused => "PAUSED",
    }
}

fn run_status(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Executing => "executing",
        RunStatus::Waiting => "waiting",
        RunStatus::Analysing => "analysing",
        RunStatus::Succeeded => "succeeded",
        RunStatus::Failed => "failed",
        RunStatus::NeedsInput => "needs_input",
        RunStatus::Cancelled => "cancelled",
        RunStatus::Missed => "missed",
        RunStatus::Skipped => "skipped",
    }
}

/// An outcome as an agent writes it. Only `status` is required.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct WireOutcome {
    pub status: WireStatus,
    #[serde(default)]
    pub output: String,
    #[serde(default)]
    pub report: Option<WireReport>,
    #[serde(default)]
    pub error: Option<WireError>,
    #[serde(default)]
    pub usage: WireUsage,
    #[serde(default)]
    pub journal: Vec<String>,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum WireStatus {
    Ok,
    Failed,
    NeedsInput,
    Cancelled,
}

#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct WireReport {
    pub verdict: WireVerdict,
    #[serde(default)]
    pub summary: String,
    #[serde(default = "yes")]
    pub tell: bool,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum WireVerdict {
    Done,
    Continue,
    Failed,
    Blocked,
}

#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct WireError {
    pub class: WireClass,
    #[serde(default)]
    pub message: String,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum WireClass {
    Transient,
    Quota,
    Auth,
    Permanent,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, PartialEq)]
#[serde(default)]
pub struct WireUsage {
    pub tokens_in: u64,
    pub tokens_out: u64,
    pub cost_usd: f64,
    pub tool_calls: u32,
    pub seconds: f64,
}

impl From<WireOutcome> for Outcome {
    fn from(wire: WireOutcome) -> Self {
        let usage = wire.usage;
        Self {
            status: match wire.status {
                WireStatus::Ok => OutcomeStatus::Ok,
                WireStatus::Failed => OutcomeStatus::Failed,
                WireStatus::NeedsInput => OutcomeStatus::NeedsInput,
                WireStatus::Cancelled => OutcomeStatus::Cancelled,
            },
            output: wire.output,
            report: wire.report.map(|it| Report {
                verdict: match it.verdict {
                    WireVerdict::Done => Verdict::Done,
                    WireVerdict::Continue => Verdict::Continue,
                    WireVerdict::Failed => Verdict::Failed,
                    WireVerdict::Blocked => Verdict::Blocked,
                },
                summary: it.summary,
                tell: it.tell,
            }),
            error: wire.error.map(|it| RunError {
                class: match it.class {
                    WireClass::Transient => ErrorClass::Transient,
                    WireClass::Quota => ErrorClass::Quota,
                    WireClass::Auth => ErrorClass::Auth,
                    WireClass::Permanent => ErrorClass::Permanent,
                },
                message: it.message,
            }),
            usage: Usage {
                tokens_in: usage.tokens_in,
                tokens_out: usage.tokens_out,
                cost_usd: usage.cost_usd,
                tool_calls: usage.tool_calls,
                seconds: usage.seconds,
            },
            journal: wire.journal,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_outcome_needs_no_more_than_its_status() {
        let wire: WireOutcome = serde_json::from_str(r#"{"status": "needs_input"}"#).unwrap();
        assert_eq!(Outcome::from(wire).status, OutcomeStatus::NeedsInput);
    }

    #[test]
    fn an_outcome_survives_the_way_there_and_back() {
        let text = r#"{"status": "failed", "output": "x", "report": {"verdict": "continue", "summary": "s",
            "tell": false}, "error": {"class": "quota", "message": "m"}, "usage": {"tokens_in": 3}, "journal": ["j"]}"#;
        let wire: WireOutcome = serde_json::from_str(text).unwrap();
        let back: WireOutcome = serde_json::from_value(serde_json::to_value(&wire).unwrap()).unwrap();
        assert_eq!(wire, back);
        let outcome = Outcome::from(back);
        assert_eq!(outcome.error.unwrap().class, ErrorClass::Quota);
        assert_eq!(outcome.usage.tokens_in, 3);
        assert!(!outcome.report.unwrap().tell);
    }
}
