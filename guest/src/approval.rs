//! Calls of tools that need the person's approval. A run that wants to make one ends with the question; the job waits,
//! BLOCKED, for the answer or until the policy takes the silence for one; then the next run is told. An approved call
//! may be made by that run's first attempt alone: an attempt that breaks off leaves open whether it was made, and no
//! such call is to happen twice.

use crate::bindings::agent_pipeline::{AnsweredCall, AnsweredCallStatus};
use crate::bindings::types::{
    Approval, ApprovalDecision, Instant, Job, JobStatus, Run, ToolCall, UnansweredPolicy,
};
use crate::limits;
use crate::plan;
use crate::sabotage::{self, Sabotage};
use crate::trigger::format_instant;

/// Why this call cannot be asked about.
pub fn check(call: &ToolCall) -> Result<(), String> {
    let chars = call.tool.chars().count();
    if call.tool.trim().is_empty() || chars > limits::TOOL_NAME_CHARS_MAX {
        let most = limits::TOOL_NAME_CHARS_MAX;
        return Err(format!(
            "it asks to call a tool whose name has {chars} characters; 1 to {most} can be asked about"
        ));
    }
    let bytes = call.arguments.len();
    if bytes > limits::TOOL_ARGUMENTS_BYTES_MAX {
        let most = limits::TOOL_ARGUMENTS_BYTES_MAX;
        return Err(format!(
            "it asks to call {} with {bytes} bytes of arguments; at most {most} can be asked about",
            call.tool
        ));
    }
    Ok(())
}

/// Puts the question on the job. Answers it in words.
pub fn ask(job: &mut Job, run: &Run, call: &ToolCall, now: Instant) -> String {
    let policy = job.spec.tool_policy.as_ref();
    let seconds = policy
        .and_then(|policy| policy.answer_seconds)
        .unwrap_or(limits::ANSWER_SECONDS_DEFAULT);
    let until = now + i64::from(seconds) * 1_000;
    let question = format!(
        "May I call {} with {}? Answer yes or no by {}; no answer counts as {}.",
        call.tool,
        call.arguments,
        format_instant(until, plan::zone(&job.spec)),
        match unanswered(job) {
            UnansweredPolicy::Deny => "no",
            UnansweredPolicy::Approve => "yes",
        }
    );
    job.state.approval = Some(Approval {
        call: call.clone(),
        asked_by: run.id.clone(),
        until,
        decision: None,
        told: None,
    });
    question
}

fn unanswered(job: &Job) -> UnansweredPolicy {
    let policy = job.spec.tool_policy.as_ref();
    policy
        .and_then(|policy| policy.unanswered)
        .unwrap_or(UnansweredPolicy::Deny)
}

/// The call that the job waits to be answered about.
pub fn open(job: &Job) -> Option<&Approval> {
    let waits = job.state.status == JobStatus::Blocked;
    job.state
        .approval
        .as_ref()
        .filter(|approval| waits && approval.decision.is_none())
}

/// When the job goes on without an answer.
pub fn until(job: &Job) -> Option<Instant> {
    open(job).map(|approval| approval.until)
}

/// Decides; what was decided before stays.
pub fn decide(job: &mut Job, decision: ApprovalDecision) {
    if let Some(approval) = &mut job.state.approval {
        approval.decision.get_or_insert(decision);
    }
}

/// Takes the silence for the answer that the policy says. Answers what that means, in a sentence.
pub fn lapse(job: &mut Job) -> &'static str {
    match unanswered(job) {
        UnansweredPolicy::Deny => {
            decide(job, ApprovalDecision::Unanswered);
            "Nobody answered in time: it goes on without the call."
        }
        UnansweredPolicy::Approve => {
            decide(job, ApprovalDecision::Approved);
            "Nobody answered in time, which counts as yes."
        }
    }
}

/// The job goes on: a question that is still open then is dropped.
pub fn drop_open(job: &mut Job) {
    if job
        .state
        .approval
        .as_ref()
        .is_some_and(|approval| approval.decision.is_none())
    {
        job.state.approval = None;
    }
}

/// Hands the decision to a run that begins.
pub fn tell(job: &mut Job, run: &str) {
    if let Some(approval) = &mut job.state.approval
        && approval.decision.is_some()
    {
        approval.told.get_or_insert_with(|| run.to_owned());
    }
}

/// What an attempt of a run is told.
pub fn answered(job: &Job, run: &Run) -> Option<AnsweredCall> {
    let approval = job.state.approval.as_ref()?;
    if approval.told.as_ref() != Some(&run.id) {
        return None;
    }
    Some(AnsweredCall {
        call: approval.call.clone(),
        status: match approval.decision? {
            ApprovalDecision::Approved if run.attempt > 1 && !sabotage::on(Sabotage::ApprovalRepeated) => {
                AnsweredCallStatus::HandedOver
            }
            ApprovalDecision::Approved => AnsweredCallStatus::Approved,
            ApprovalDecision::Denied => AnsweredCallStatus::Denied,
            ApprovalDecision::Unanswered => AnsweredCallStatus::Unanswered,
        },
    })
}

/// The run that was told has ended.
pub fn close(job: &mut Job, run: &str) {
    let told = job
        .state
        .approval
        .as_ref()
        .and_then(|approval| approval.told.as_deref());
    if told == Some(run) {
        job.state.approval = None;
    }
}
