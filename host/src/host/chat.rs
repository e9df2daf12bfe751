//! What a person says to the host: it concerns jobs of theirs, or the agent answers.

use serde_json::{Value, json};

use super::answers::{error, invalid, storage_failed};
use super::{Host, check};
use crate::agent::{NO_USAGE, Progress, Said, Talk};
use crate::limits::{CHAT_JOBS, CHAT_TURNS, CONVERSATION_CHARS_MAX, TURN_BYTES_MAX};
use crate::service::{CallError, Service as _, Session};
use crate::storage::turns::{Conversation, Speaker, Turn};
use crate::tenants::Scope;
use crate::wit::types::{ErrorClass, RunError};

/// The conversation of those who name none.
const CONVERSATION_DEFAULT: &str = "chat";

/// Jobs that have not ended, as their list is asked for.
const LIVE: [&str; 5] = ["PENDING", "ACTIVE", "IN_PROGRESS", "BLOCKED", "PAUSED"];

impl Host {
    /// See [`Service::chat`](crate::service::Service::chat).
    pub(super) async fn chat_with(
        &self,
        session: &Session,
        mut request: Value,
        progress: Progress,
    ) -> Result<Value, CallError> {
        check(session, Scope::JobsWrite)?;
        let conversation = conversation(session, &mut request)?;
        let mut session = session.clone();
        session.caller.conversation = Some(conversation.id.clone());
        let text = request
            .get("text")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let effects = self.heard(&session, request).await?;
        let messages = effects.as_array().into_iter().flatten();
        let messages: Vec<&str> = messages
            .filter_map(|effect| effect.get("message")?.as_str())
            .collect();
        let reply = if messages.is_empty() {
            self.answer(&session, &conversation, &text, progress).await?
        } else {
            Some(messages.join("\n"))
        };
        if let Some(reply) = &reply {
            self.remember(&session, &conversation, text, reply.clone())
                .await?;
        }
        Ok(json!({ "conversation": conversation.id, "effects": effects, "reply": reply }))
    }

    /// What the agent answers, if it talks.
    async fn answer(
        &self,
        session: &Session,
        conversation: &Conversation,
        text: &str,
        progress: Progress,
    ) -> Result<Option<String>, CallError> {
        if !self.0.agent.talks() {
            return Ok(None);
        }
        let before = self
            .0
            .storage
            .turns(&session.tenant, conversation, CHAT_TURNS)
            .await;
        let listed = json!({ "status": LIVE, "limit": CHAT_JOBS });
        let listed = self.call(session, "directory", "jobs", listed).await?;
        let jobs = listed.get("jobs").and_then(Value::as_array).into_iter().flatten();
        let day_budget = self.runtime(session)?.pipeline.day_budget();
        if let Err(refusal) = day_budget.extend(&NO_USAGE).await {
            return Err(failed(RunError {
                class: refusal.class,
                message: refusal.message,
            }));
        }
        let talk = Talk {
            session: session.clone(),
            text: text.to_owned(),
            before: before
                .map_err(storage_failed)?
                .into_iter()
                .map(|turn| match turn.by {
                    Speaker::Person => Said::Person(turn.text),
                    Speaker::Agent => Said::Agent(turn.text),
                })
                .collect(),
            jobs: jobs.map(line).collect(),
            now: self.0.clock.now(),
            progress,
            day_budget: day_budget.clone(),
        };
        let Some(answered) = self.0.agent.talk(talk).await else {
            return Ok(None);
        };
        day_budget.settle(&answered.usage).await;
        answered.reply.map(Some).map_err(failed)
    }

    async fn remember(
        &self,
        session: &Session,
        conversation: &Conversation,
        said: String,
        reply: String,
    ) -> Result<(), CallError> {
        let at = self.0.clock.now();
        let turn = |by, mut text: String| {
            crate::agent::cut(&mut text, TURN_BYTES_MAX);
            Turn {
                conversation: conversation.clone(),
                by,
                text,
                at,
            }
        };
        let turns = vec![turn(Speaker::Person, said), turn(Speaker::Agent, reply)];
        let added = self.0.storage.add_turns(&session.tenant, turns).await;
        added.map_err(storage_failed)
    }
}

/// Which conversation it is; the request has it no more.
fn conversation(session: &Session, request: &mut Value) -> Result<Conversation, CallError> {
    let named = request
        .as_object_mut()
        .and_then(|fields| fields.remove("conversation"));
    let id = match named {
        None | Some(Value::Null) => session.caller.conversation.clone(),
        Some(Value::String(id)) if !id.is_empty() && id.chars().count() <= CONVERSATION_CHARS_MAX => Some(id),
        Some(_) => {
            let message = format!("`conversation` is a name of 1 to {CONVERSATION_CHARS_MAX} characters");
            return Err(invalid("conversation", &message));
        }
    };
    Ok(Conversation {
        agent: session.caller.agent.clone(),
        user: session.caller.user.clone(),
        id: id.unwrap_or_else(|| CONVERSATION_DEFAULT.to_owned()),
    })
}

/// A job in a line.
fn line(job: &Value) -> String {
    let text = |name: &str| job.get(name).and_then(Value::as_str).unwrap_or_default();
    let mut line = format!(
        "{} {} “{}”: {}",
        text("job_id"),
        text("status"),
        text("title"),
        text("schedule_summary")
    );
    if let Some(why) = job.pointer("/status_reason/message").and_then(Value::as_str) {
        line.push_str(&format!(" ({why})"));
    }
    if !text("next_run_at").is_empty() {
        line.push_str(&format!(" Next: {}", text("next_run_at")));
    }
    line
}

fn failed(failure: RunError) -> CallError {
    let code = match failure.class {
        ErrorClass::Quota => "quota_exceeded",
        ErrorClass::Transient | ErrorClass::Auth | ErrorClass::Permanent => "unavailable",
    };
    error(code, failure.message)
}
