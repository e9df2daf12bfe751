//! Requests as a test writes them, and calls that have to go well.

use meanwhile_guest::bindings::tools::{
    Dependency, JobCancelRequest, JobCreateRequest, JobPauseRequest, JobUpdateRequest, ToolError,
};
use meanwhile_guest::bindings::types::{JobStatus, JobType, TriggerConfig};
use meanwhile_guest::create::EMPTY_TRIGGER;
use meanwhile_guest::{create, stop, update};

use super::{Model, caller};

pub const MINUTE: i64 = 60;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

pub fn request(title: &str, trigger: TriggerConfig) -> JobCreateRequest {
    JobCreateRequest {
        title: title.into(),
        payload: format!("Do: {title}"),
        description: None,
        job_type: None,
        trigger_config: Some(trigger),
        depends_on: None,
        depends_on_job_ids: None,
        on_dependency_failure: None,
        retry: None,
        timeout_seconds: None,
        budget: None,
        tool_policy: None,
        notify: None,
        idempotency_key: None,
        confirm_new: Some(true),
        agent_id: None,
        user_id: None,
        related_entity_id: None,
        narrative_id: None,
    }
}

pub fn once(title: &str) -> JobCreateRequest {
    JobCreateRequest {
        job_type: Some(JobType::OneOff),
        ..request(title, EMPTY_TRIGGER)
    }
}

pub fn every(title: &str, seconds: i64) -> JobCreateRequest {
    request(
        title,
        TriggerConfig {
            interval_seconds: Some(seconds as u32),
            ..EMPTY_TRIGGER
        },
    )
}

pub fn after(title: &str, prerequisite: &str, delay_seconds: i64) -> JobCreateRequest {
    let dependency = Dependency {
        job: prerequisite.into(),
        on: None,
        delay_seconds: Some(delay_seconds as u32),
    };
    JobCreateRequest {
        depends_on: Some(vec![dependency]),
        ..once(title)
    }
}

pub fn made(world: &Model, request: &JobCreateRequest) -> String {
    create::create(world, &caller(), request).unwrap().job.job_id
}

pub fn change(job_id: &str) -> JobUpdateRequest {
    JobUpdateRequest {
        job_id: job_id.into(),
        title: None,
        description: None,
        payload: None,
        guidance_text: None,
        trigger_config: None,
        job_type: None,
        depends_on: None,
        retry: None,
        timeout_seconds: None,
        budget: None,
        tool_policy: None,
        notify: None,
        run_now: None,
        status: None,
        revision: None,
    }
}

pub fn set(world: &Model, job_id: &str, status: JobStatus) -> Result<(), ToolError> {
    update::update(
        world,
        &caller(),
        &JobUpdateRequest {
            status: Some(status),
            ..change(job_id)
        },
    )
    .map(|_| ())
}

pub fn pause(world: &Model, job_id: &str) -> Result<(), ToolError> {
    let request = JobPauseRequest {
        job_id: job_id.into(),
        note: None,
        until: None,
    };
    stop::pause(world, &caller(), &request).map(|_| ())
}

pub fn cancel(world: &Model, job_id: &str) -> Result<(), ToolError> {
    stop::cancel(
        world,
        &caller(),
        &JobCancelRequest {
            job_id: job_id.into(),
            note: None,
        },
    )
    .map(|_| ())
}
