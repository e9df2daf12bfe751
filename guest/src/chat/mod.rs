//! `heard`: what people say to their running work. A sentence that answers a job's question
//! releases that job, one that says a goal is met ends the job whose goal it is; nothing is guessed
//! from sentences that do neither.

pub mod answers;
pub mod goals;
pub mod speech;
pub mod verdict;

use crate::approval;
use crate::bindings::conversation::{ConversationError, Effect, EffectKind, Utterance};
use crate::bindings::storage::{JobFilter, MessageUpdate, StorageError, Write};
use crate::bindings::tools::{ErrorCode, ToolError};
use crate::bindings::types::{
    ApprovalDecision, Caller, DeliveryStatus, Instant, Job, JobStatus, Message, MessageKind,
};
use crate::ids;
use crate::limits;
use crate::plan;
use crate::prerequisites::{is_own, own, page};
use crate::reach;
use crate::resume::{self, By};
use crate::stop;
use crate::trouble::Trouble;
use crate::units::{self, Draft};
use crate::world::World;

use goals::Finding;
use speech::Speech;

type Heard<T> = Result<T, ConversationError>;

impl From<StorageError> for ConversationError {
    fn from(cause: StorageError) -> Self {
        Self::Unavailable(units::describe(&cause))
    }
}

impl From<Trouble> for ConversationError {
    fn from(cause: Trouble) -> Self {
        match cause {
            Trouble::Storage(cause) => cause.into(),
            Trouble::Row(cause) => Self::Unavailable(cause),
        }
    }
}

impl From<ToolError> for ConversationError {
    fn from(cause: ToolError) -> Self {
        match cause.code {
            ErrorCode::Forbidden => Self::Forbidden(cause.message),
            ErrorCode::Unavailable => Self::Unavailable(cause.message),
            _ => Self::Invalid(cause.message),
        }
    }
}

/// See `wit/conversation.wit`.
pub fn heard(world: &impl World, caller: &Caller, said: &Utterance) -> Heard<Vec<Effect>> {
    let length = said.text.chars().count();
    if said.text.trim().is_empty() || length > limits::UTTERANCE_CHARS_MAX {
        let message = format!(
            "text must have 1 to {} characters; it has {length}.",
            limits::UTTERANCE_CHARS_MAX
        );
        return Err(ConversationError::Invalid(message));
    }
    let running = reach::running(world, caller)?;
    if let Some(running) = running.filter(|running| !running.acts_for_user()) {
        let message = format!(
            "What is said in the chat is taken for the user's word; a run, of “{}”, may not say it. The operator allows \
             it with the tenant's limit `run_reach`.",
            running.job.spec.title
        );
        return Err(ConversationError::Forbidden(message));
    }
    let speech = Speech::new(&said.text);
    let answered = match &said.in_reply_to {
        Some(id) => {
            let unknown = || ConversationError::NotFound(format!("There is no message {id}."));
            let message = verdict::message(world, id)?.filter(|message| message.user == caller.user);
            Some(message.ok_or_else(unknown)?)
        }
        None => None,
    };
    let focus = answered.as_ref().map(|message| message.job.clone());
    let question = match answered {
        Some(message) => Some(message).filter(|message| message.kind == MessageKind::Question),
        None => answers::find(world, caller, &speech)?,
    };
    if let Some(question) = question
        && let Some(effect) = answer(world, caller, &question, &said.text)?
    {
        return Ok(vec![effect]);
    }
    match goals::weigh(world, caller, &speech, &said.text, focus.as_deref())? {
        Finding::Met(job) => return resolve(world, caller, &job.id, &said.text),
        Finding::Perhaps(jobs) if world.can_judge() => return consider(world, caller, jobs, &said.text),
        Finding::Perhaps(_) | Finding::Nothing => {}
    }
    release(world, caller, &speech, focus.as_deref())
}

/// A change of one job, decided anew while others change it. `change` answers the effect, or none
/// where there is nothing to do any more.
fn changing<W: World>(
    world: &W,
    caller: &Caller,
    job: &str,
    mut change: impl FnMut(&mut Draft, &mut Job, Instant) -> Heard<Option<(Effect, Option<String>)>>,
) -> Heard<Option<Effect>> {
    for _ in 0..limits::DECISIONS_MAX {
        let found = world
            .get_jobs(std::slice::from_ref(&job.to_owned()))?
            .pop()
            .flatten();
        let Some(mut job) = found.filter(|job| is_own(job, caller)) else {
            return Ok(None);
        };
        let now = world.now();
        let mut draft = Draft::guarded(&job, units::actor(caller));
        if let Some(running) = reach::running(world, caller)? {
            draft.guard_all(running.guards());
        }
        let Some((effect, stopped)) = change(&mut draft, &mut job, now)? else {
            return Ok(None);
        };
        draft.save(&job, None, now);
        if units::commit_one(world, draft.finish())? == Ok(()) {
            if let Some(run) = stopped {
                world.cancel(&run);
            }
            world.arm(job.state.due_at.unwrap_or(now));
            return Ok(Some(effect));
        }
    }
    Err(ConversationError::Unavailable(
        "The job is being changed by others; say it again.".into(),
    ))
}

fn effect(job: &Job, kind: EffectKind, message: String) -> Effect {
    Effect {
        job_id: job.id.clone(),
        title: job.spec.title.clone(),
        kind,
        message,
    }
}

/// The person's words, to be read by the job.
fn reply(world: &impl World, job: &Job, once_key: String, text: &str, now: Instant) -> Message {
    Message {
        id: ids::message(world),
        once_key,
        kind: MessageKind::Reply,
        job: job.id.clone(),
        run: None,
        agent: job.agent.clone(),
        user: job.user.clone(),
        conversation: job.spec.conversation.clone(),
        related_entity_id: job.spec.related_entity_id.clone(),
        narrative_id: job.spec.narrative_id.clone(),
        title: job.spec.title.clone(),
        text: text.into(),
        delivery: DeliveryStatus::Delivered,
        created_at: now,
    }
}

/// Hands an answer to the job that asked; none where it asks no more.
fn answer(world: &impl World, caller: &Caller, question: &Message, text: &str) -> Heard<Option<Effect>> {
    let speech = Speech::new(text);
    changing(world, caller, &question.job, |draft, job, now| {
        if !answers::is_open(job) {
            return Ok(None);
        }
        let reply = Message {
            run: question.run.clone(),
            ..reply(world, job, format!("{}:reply", question.id), text, now)
        };
        draft.push(Write::InsertMessage(reply));
        draft.push(Write::UpdateMessage(MessageUpdate {
            id: question.id.clone(),
            delivery: DeliveryStatus::Read,
        }));
        let call = approval::open(job).map(|approval| approval.call.tool.clone());
        let decision = call.as_ref().and_then(|tool| speech.agrees(tool));
        if call.is_some() && caller.run.is_some() {
            let message = format!(
                "“{}” asks whether a tool may be called: only a person may say so, no run.",
                job.spec.title
            );
            return Err(ConversationError::Forbidden(message));
        }
        match decision {
            Some(true) => approval::decide(job, ApprovalDecision::Approved),
            Some(false) => approval::decide(job, ApprovalDecision::Denied),
            None => {}
        }
        draft.because("answered", "Its question was answered.");
        resume::resume(world, job, now, By::Person)?;
        if job.state.status == JobStatus::Active {
            // The answer is worth a run at once, also where the schedule would wait.
            plan::fire_now(world, job, now)?;
        }
        let title = &job.spec.title;
        let message = match (call, decision) {
            (Some(tool), Some(true)) => format!("Approved: “{title}” goes on now, and calls {tool}."),
            (Some(tool), Some(false)) => format!("Denied: “{title}” goes on now, without calling {tool}."),
            (Some(tool), None) => format!(
                "Your answer went to “{title}”; it goes on now. It does not call {tool} for that: only a plain yes \
                 approves a call."
            ),
            (None, _) => format!("Your answer went to “{title}”; it goes on now."),
        };
        Ok(Some((effect(job, EffectKind::Answered, message), None)))
    })
}

/// Ends a job whose goal is plainly met.
fn resolve(world: &impl World, caller: &Caller, job: &str, text: &str) -> Heard<Vec<Effect>> {
    let done = changing(world, caller, job, |draft, job, now| {
        if crate::lifecycle::ended(job.state.status) {
            return Ok(None);
        }
        let run = stop::open_run(world, job)?;
        let stopped = goals::complete(world, draft, job, run, text, now).map_err(Trouble::from)?;
        let message = format!("“{}” is completed: its goal is met.", job.spec.title);
        Ok(Some((effect(job, EffectKind::Resolved, message), stopped)))
    })?;
    Ok(done.into_iter().collect())
}

/// Lets the pipeline judge, at the next poll, for the jobs that the sentence fits best.
fn consider(world: &impl World, caller: &Caller, jobs: Vec<Job>, text: &str) -> Heard<Vec<Effect>> {
    let mut effects = Vec::new();
    for job in jobs.into_iter().take(limits::CONSIDERED_JOBS_MAX) {
        let done = changing(world, caller, &job.id, |draft, job, now| {
            if !matches!(job.state.status, JobStatus::Active | JobStatus::InProgress) {
                return Ok(None);
            }
            let id = ids::message(world);
            let reply = Message {
                id: id.clone(),
                ..reply(world, job, format!("{id}:heard"), text, now)
            };
            draft.push(Write::InsertMessage(reply));
            job.state.hearing = Some(id);
            if job.state.status == JobStatus::Active && job.state.open_run.is_none() {
                job.state.due_at = Some(now);
            }
            let message = format!(
                "Whether that meets the goal of “{}” is being judged.",
                job.spec.title
            );
            Ok(Some((effect(job, EffectKind::Considered, message), None)))
        })?;
        effects.extend(done);
    }
    Ok(effects)
}

/// Lets a blocked job go on that the sentence names. What waits for an answer needs the answer, what
/// waits for a budget needs a budget.
fn release(world: &impl World, caller: &Caller, speech: &Speech, focus: Option<&str>) -> Heard<Vec<Effect>> {
    let Some(named) = speech.goes_on() else {
        return Ok(Vec::new());
    };
    let filter = JobFilter {
        statuses: vec![JobStatus::Blocked],
        ..own(caller)
    };
    let releasable = |job: &Job| {
        let code = job
            .state
            .status_reason
            .as_ref()
            .map(|reason| reason.code.as_str());
        !matches!(code, Some("question_open" | "budget_spent"))
    };
    let common = |job: &Job| {
        let about = usize::from(focus == Some(job.id.as_str())) * named.len().max(1);
        speech::stems(&job.spec.title).intersection(&named).count() + about
    };
    let blocked = world.find_jobs(&filter, &page(limits::HEARD_JOBS_MAX))?.jobs;
    let mut fits: Vec<(usize, Job)> = blocked
        .into_iter()
        .filter(releasable)
        .map(|job| (common(&job), job))
        .filter(|(common, _)| *common > 0)
        .collect();
    fits.sort_by_key(|(common, _)| std::cmp::Reverse(*common));
    let job = match &fits[..] {
        [(_, job)] => job,
        [(first, job), (second, _), ..] if first > second => job,
        _ => return Ok(Vec::new()),
    };
    let done = changing(world, caller, &job.id, |draft, job, now| {
        if job.state.status != JobStatus::Blocked || !releasable(job) {
            return Ok(None);
        }
        draft.because("released_in_chat", "Released in the chat.");
        resume::resume(world, job, now, By::Person)?;
        let message = format!("“{}” goes on.", job.spec.title);
        Ok(Some((effect(job, EffectKind::Released, message), None)))
    })?;
    Ok(done.into_iter().collect())
}
