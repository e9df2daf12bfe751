//! The component's imports as a `World`, and its exports over the logic.

// The generated export functions are the only unsafe code; none is written by hand.
#![allow(unsafe_code, unreachable_pub)]

use crate::bindings::exports::meanwhile::jobs as exported;
use crate::bindings::wasi::{clocks::wall_clock, random::random};
use crate::bindings::{
    agent_pipeline, conversation, directory, runner, schedule, storage, timers, tools, types,
};
use crate::world::World;
use crate::{chat, create, cure, intake, poll, retrieve, settle, stop, trigger, update};

struct Imports;

impl World for Imports {
    fn now(&self) -> types::Instant {
        let now = wall_clock::now();
        now.seconds as i64 * 1_000 + i64::from(now.nanoseconds / 1_000_000)
    }
    fn random(&self) -> u64 {
        random::get_random_u64()
    }
    fn get_jobs(&self, ids: &[String]) -> Result<Vec<Option<types::Job>>, storage::StorageError> {
        storage::get_jobs(ids)
    }
    fn get_runs(&self, ids: &[String]) -> Result<Vec<Option<types::Run>>, storage::StorageError> {
        storage::get_runs(ids)
    }
    fn find_jobs(
        &self,
        filter: &storage::JobFilter,
        page: &storage::Page,
    ) -> Result<storage::JobPage, storage::StorageError> {
        storage::find_jobs(filter, page)
    }
    fn find_runs(&self, filter: &storage::RunFilter) -> Result<Vec<types::Run>, storage::StorageError> {
        storage::find_runs(filter)
    }
    fn find_edges(&self, filter: &storage::EdgeFilter) -> Result<Vec<types::Edge>, storage::StorageError> {
        storage::find_edges(filter)
    }
    fn find_messages(
        &self,
        filter: &storage::MessageFilter,
    ) -> Result<Vec<types::Message>, storage::StorageError> {
        storage::find_messages(filter)
    }
    fn find_changes(&self, job: &str, limit: u32) -> Result<Vec<types::StatusChange>, storage::StorageError> {
        storage::find_changes(job, limit)
    }
    fn search_jobs(&self, query: &storage::SearchQuery) -> Result<storage::HitPage, storage::StorageError> {
        storage::search_jobs(query)
    }
    fn claim_due(&self, limit: u32) -> Result<Vec<storage::Claim>, storage::StorageError> {
        storage::claim_due(limit)
    }
    fn commit(
        &self,
        units: &[storage::Unit],
    ) -> Result<Vec<Result<(), storage::Rejection>>, storage::StorageError> {
        storage::commit(units)
    }
    fn arm(&self, at: types::Instant) {
        timers::arm(at);
    }
    fn submit(&self, requests: &[agent_pipeline::RunRequest]) {
        agent_pipeline::submit(requests);
    }
    fn cancel(&self, run: &str) {
        agent_pipeline::cancel(run);
    }
    fn can_judge(&self) -> bool {
        agent_pipeline::can_judge()
    }
}

struct Component;

impl exported::tools::Guest for Component {
    fn job_create(
        caller: tools::Caller,
        request: tools::JobCreateRequest,
    ) -> Result<tools::JobCreateAnswer, tools::ToolError> {
        create::create(&Imports, &caller, &request)
    }
    fn job_retrieval_semantic(
        caller: tools::Caller,
        request: tools::SemanticRequest,
    ) -> Result<tools::SemanticAnswer, tools::ToolError> {
        retrieve::semantic(&Imports, &caller, &request)
    }
    fn job_retrieval_by_id(
        caller: tools::Caller,
        request: tools::ByIdRequest,
    ) -> Result<tools::ByIdAnswer, tools::ToolError> {
        retrieve::by_id(&Imports, &caller, &request)
    }
    fn job_retrieval_by_keywords(
        caller: tools::Caller,
        request: tools::ByKeywordsRequest,
    ) -> Result<tools::ByKeywordsAnswer, tools::ToolError> {
        retrieve::by_keywords(&Imports, &caller, &request)
    }
    fn job_update(
        caller: tools::Caller,
        request: tools::JobUpdateRequest,
    ) -> Result<tools::JobUpdateAnswer, tools::ToolError> {
        update::update(&Imports, &caller, &request)
    }
    fn job_pause(
        caller: tools::Caller,
        request: tools::JobPauseRequest,
    ) -> Result<tools::JobStopAnswer, tools::ToolError> {
        stop::pause(&Imports, &caller, &request)
    }
    fn job_cancel(
        caller: tools::Caller,
        request: tools::JobCancelRequest,
    ) -> Result<tools::JobStopAnswer, tools::ToolError> {
        stop::cancel(&Imports, &caller, &request)
    }
}

impl exported::runner::Guest for Component {
    fn poll(limit: u32) -> Result<runner::PollReport, runner::RunnerError> {
        poll::poll(&Imports, limit)
    }
    fn settle(finished: Vec<runner::FinishedRun>) -> Result<runner::SettleReport, runner::RunnerError> {
        settle::settle(&Imports, finished)
    }
    fn cured(cause: runner::PauseCause, agent: Option<String>) -> Result<u32, runner::RunnerError> {
        cure::cured(&Imports, cause, agent.as_deref())
    }
}

impl exported::conversation::Guest for Component {
    fn heard(
        caller: types::Caller,
        utterance: conversation::Utterance,
    ) -> Result<Vec<conversation::Effect>, conversation::ConversationError> {
        chat::heard(&Imports, &caller, &utterance)
    }
}

impl exported::schedule::Guest for Component {
    fn preview(request: schedule::PreviewRequest) -> Result<schedule::PreviewAnswer, tools::ToolError> {
        let now = request.at.unwrap_or_else(|| Imports.now());
        trigger::preview(&request, now)
    }
    fn plan(request: schedule::PlanRequest) -> Result<schedule::PlanAnswer, tools::ToolError> {
        let now = request.at.unwrap_or_else(|| Imports.now());
        intake::plan(&request, now)
    }
}

impl exported::directory::Guest for Component {
    fn jobs(
        caller: types::Caller,
        request: directory::JobsRequest,
    ) -> Result<directory::JobsAnswer, tools::ToolError> {
        retrieve::jobs(&Imports, &caller, &request)
    }
    fn runs(
        caller: types::Caller,
        request: directory::RunsRequest,
    ) -> Result<directory::RunsAnswer, tools::ToolError> {
        retrieve::runs(&Imports, &caller, &request)
    }
    fn run(caller: types::Caller, run_id: types::RunId) -> Result<tools::RunView, tools::ToolError> {
        retrieve::run(&Imports, &caller, &run_id)
    }
}

crate::bindings::export!(Component with_types_in crate::bindings);
