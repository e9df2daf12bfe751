//! `heard`: what people say to their running work. A sentence that answers a job's question
//! releases that job; nothing is guessed from sentences that answer none.

use crate::bindings::conversation::{ConversationError, Effect, EffectKind, Utterance};
use crate::bindings::storage::{MessageFilter, MessageUpdate, StorageError, Write};
use crate::bindings::types::{Caller, DeliveryStatus, JobStatus, Message, MessageKind};
use crate::ids;
use crate::limits;
use crate::prerequisites::is_own;
use crate::resume;
use crate::units;
use crate::world::World;

impl From<StorageError> for ConversationError {
    fn from(cause: StorageError) -> Self {
        Self::Unavailable(units::describe(&cause))
    }
}

/// See `wit/conversation.wit`.
pub fn heard(
    world: &impl World,
    caller: &Caller,
    said: &Utterance,
) -> Result<Vec<Effect>, ConversationError> {
    let length = said.text.chars().count();
    if said.text.trim().is_empty() || length > limits::UTTERANCE_CHARS_MAX {
        let message = format!(
            "text must have 1 to {} characters; it has {length}.",
            limits::UTTERANCE_CHARS_MAX
        );
        return Err(ConversationError::Invalid(message));
    }
    let Some(message_id) = &said.in_reply_to else {
        return Ok(Vec::new());
    };
    let unknown = || ConversationError::NotFound(format!("There is no message {message_id}."));
    let by_id = MessageFilter {
        id: Some(message_id.clone()),
        job: None,
        user: Some(caller.user.clone()),
        kinds: Vec::new(),
        deliveries: Vec::new(),
        limit: 1,
    };
    let message = world.find_messages(&by_id)?.pop().ok_or_else(unknown)?;
    for _ in 0..limits::DECISIONS_MAX {
        let job = world
            .get_jobs(std::slice::from_ref(&message.job))?
            .pop()
            .flatten();
        let mut job = job.filter(|job| is_own(job, caller)).ok_or_else(unknown)?;
        let asks = job
            .state
            .status_reason
            .as_ref()
            .is_some_and(|reason| reason.code == "question_open");
        if message.kind != MessageKind::Question || job.state.status != JobStatus::Blocked || !asks {
            return Ok(Vec::new());
        }
        let now = world.now();
        let mut unit = units::guarded(&job);
        let reply = Message {
            id: ids::message(world),
            once_key: format!("{message_id}:reply"),
            kind: MessageKind::Reply,
            text: said.text.clone(),
            delivery: DeliveryStatus::Delivered,
            created_at: now,
            ..message.clone()
        };
        unit.writes.push(Write::InsertMessage(reply));
        let read = MessageUpdate {
            id: message_id.clone(),
            delivery: DeliveryStatus::Read,
        };
        unit.writes.push(Write::UpdateMessage(read));
        resume::resume(world, &mut job, now)
            .map_err(|error| ConversationError::Unavailable(format!("{error:?}")))?;
        if job.state.status == JobStatus::Active {
            // The answer is worth a run at once, also where the schedule would wait.
            job.state.next_fire = Some(now);
            job.state.due_at = Some(now);
        }
        unit.writes.push(units::update(&job, None, now));
        if units::commit_one(world, unit)? == Ok(()) {
            world.arm(now);
            let title = job.spec.title.clone();
            let message = format!("Your answer went to “{title}”; it goes on now.");
            return Ok(vec![Effect {
                job_id: job.id,
                title,
                kind: EffectKind::Answered,
                message,
            }]);
        }
    }
    Err(ConversationError::Unavailable(
        "The job is being changed by others; say it again.".into(),
    ))
}
