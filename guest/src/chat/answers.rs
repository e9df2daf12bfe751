//! Questions that jobs have asked, and which of them a sentence answers.

use super::speech::{self, Speech};
use crate::bindings::storage::{JobFilter, MessageFilter, StorageError};
use crate::bindings::types::{Caller, DeliveryStatus, Job, JobStatus, Message, MessageKind};
use crate::limits;
use crate::prerequisites::{own, page};
use crate::world::World;

/// Whether the job waits for an answer.
pub fn is_open(job: &Job) -> bool {
    let code = job
        .state
        .status_reason
        .as_ref()
        .map(|reason| reason.code.as_str());
    job.state.status == JobStatus::Blocked && code == Some("question_open")
}

/// The question that a sentence answers though it does not say which: the one that shares most
/// words with it, or the only one open where the sentence plainly is an answer. Another question
/// is no answer.
pub fn find(world: &impl World, caller: &Caller, speech: &Speech) -> Result<Option<Message>, StorageError> {
    if speech.only_asks() {
        return Ok(None);
    }
    let filter = JobFilter {
        statuses: vec![JobStatus::Blocked],
        ..own(caller)
    };
    let blocked = world.find_jobs(&filter, &page(limits::HEARD_JOBS_MAX))?.jobs;
    let open: Vec<Job> = blocked.into_iter().filter(is_open).collect();
    let said = speech.stems();
    let common = |job: &Job| {
        let question = job
            .state
            .status_reason
            .as_ref()
            .map_or("", |reason| reason.message.as_str());
        let mut asked = speech::stems(question);
        asked.extend(speech::stems(&job.spec.title));
        asked.intersection(&said).count()
    };
    let mut fits: Vec<(usize, &Job)> = open.iter().map(|job| (common(job), job)).collect();
    fits.sort_by_key(|(common, _)| std::cmp::Reverse(*common));
    let job = match &fits[..] {
        [(common, job)] if *common > 0 || speech.answers() => job,
        [(first, job), (second, _), ..] if first > second => job,
        _ => return Ok(None),
    };
    let last = world.find_messages(&MessageFilter {
        id: None,
        job: Some(job.id.clone()),
        user: Some(caller.user.clone()),
        kinds: vec![MessageKind::Question],
        deliveries: vec![
            DeliveryStatus::Queued,
            DeliveryStatus::Delivered,
            DeliveryStatus::Failed,
        ],
        limit: limits::REPLIES_READ_MAX,
    })?;
    Ok(last.into_iter().next_back())
}
