//! The logic under test: compiled natively, or the built component.

use std::sync::Arc;

use meanwhile_guest::bindings::conversation::{ConversationError, Utterance};
use meanwhile_guest::bindings::runner::{FinishedRun, PollReport, RunnerError, SettleReport};
use meanwhile_guest::bindings::tools::{
    JobCancelRequest, JobCreateRequest, JobPauseRequest, JobUpdateRequest, ToolError,
};
use meanwhile_guest::bindings::types::Caller;
use meanwhile_guest::{chat, create, poll, settle, stop, update};

use super::call::Call;

/// A call of one of the tools that change something.
#[derive(Clone, Debug)]
pub enum Tool {
    Create(JobCreateRequest),
    Update(JobUpdateRequest),
    Pause(JobPauseRequest),
    Cancel(JobCancelRequest),
}

/// The exports that the simulation calls. The error of each is a sentence for the trace.
pub trait Logic: Send + Sync {
    fn poll(&self, call: &Arc<Call>, limit: u32) -> Result<PollReport, String>;
    fn settle(&self, call: &Arc<Call>, finished: Vec<FinishedRun>) -> Result<SettleReport, String>;
    /// Answers how many jobs the sentence concerned.
    fn heard(&self, call: &Arc<Call>, caller: &Caller, said: &Utterance) -> Result<usize, String>;
    /// Answers the job's id.
    fn tool(&self, call: &Arc<Call>, caller: &Caller, tool: &Tool) -> Result<String, String>;
}

/// The logic as a library.
pub struct Native;

impl Logic for Native {
    fn poll(&self, call: &Arc<Call>, limit: u32) -> Result<PollReport, String> {
        poll::poll(&**call, limit).map_err(|RunnerError::Unavailable(why)| why)
    }

    fn settle(&self, call: &Arc<Call>, finished: Vec<FinishedRun>) -> Result<SettleReport, String> {
        settle::settle(&**call, finished).map_err(|RunnerError::Unavailable(why)| why)
    }

    fn heard(&self, call: &Arc<Call>, caller: &Caller, said: &Utterance) -> Result<usize, String> {
        match chat::heard(&**call, caller, said) {
            Ok(effects) => Ok(effects.len()),
            Err(
                ConversationError::Invalid(why)
                | ConversationError::NotFound(why)
                | ConversationError::Unavailable(why)
                | ConversationError::Forbidden(why),
            ) => Err(why),
        }
    }

    fn tool(&self, call: &Arc<Call>, caller: &Caller, tool: &Tool) -> Result<String, String> {
        let said = |error: ToolError| error.message;
        let world = &**call;
        match tool {
            Tool::Create(request) => create::create(world, caller, request)
                .map(|answer| answer.job.job_id)
                .map_err(said),
            Tool::Update(request) => update::update(world, caller, request)
                .map(|answer| answer.job.job_id)
                .map_err(said),
            Tool::Pause(request) => stop::pause(world, caller, request)
                .map(|answer| answer.job.job_id)
                .map_err(said),
            Tool::Cancel(request) => stop::cancel(world, caller, request)
                .map(|answer| answer.job.job_id)
                .map_err(said),
        }
    }
}
