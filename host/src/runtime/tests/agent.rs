//! An agent that does what the payload says, and requests for it.

use async_trait::async_trait;

use crate::agent::{Agent, Attempt};
use crate::wit::agent_pipeline::{Outcome, OutcomeStatus, RunRequest, Task};
use crate::wit::types::{Caller, Usage};

pub(super) struct Puppet;

#[async_trait]
impl Agent for Puppet {
    async fn run(&self, attempt: Attempt) -> Outcome {
        let Attempt { request, stop, .. } = attempt;
        match request.payload.as_str() {
            "panic" => panic!("as asked"),
            "until stopped" => stop.cancelled().await,
            "never" => std::future::pending().await,
            _ => {}
        }
        ok(request.payload)
    }

    async fn check(&self) -> Result<String, String> {
        Ok("a puppet".to_owned())
    }
}

pub(super) fn ok(output: String) -> Outcome {
    Outcome {
        status: OutcomeStatus::Ok,
        output,
        report: None,
        error: None,
        retry_after_seconds: None,
        asks_for: None,
        usage: Usage {
            tokens_in: 0,
            tokens_out: 0,
            cost_usd: 0.0,
            tool_calls: 0,
            seconds: 0.0,
        },
        journal: vec!["a note".to_owned()],
    }
}

pub(super) fn request(run: &str, token: u64, payload: &str) -> RunRequest {
    RunRequest {
        task: Task::Execute,
        run_id: run.to_owned(),
        job_id: format!("job_of_{run}"),
        token,
        idempotency_key: run.to_owned(),
        attempt: 1,
        scheduled_for: String::new(),
        title: String::new(),
        description: String::new(),
        payload: payload.to_owned(),
        goal: None,
        iteration: 1,
        max_iterations: None,
        now: String::new(),
        timezone: "UTC".to_owned(),
        caller: Caller {
            agent: "a".to_owned(),
            user: "u".to_owned(),
            conversation: None,
            time_zone: None,
            run: None,
        },
        related_entity_id: None,
        narrative_id: None,
        dependencies: Vec::new(),
        previous_runs: Vec::new(),
        unread_replies: Vec::new(),
        deadline: 60_000,
        budget_left: None,
        tool_policy: None,
        answered_call: None,
        origin: None,
    }
}
