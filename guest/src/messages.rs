//! What people are told. Writing a message is part of the unit that made it true; the host
//! delivers it.

use crate::bindings::storage::Write;
use crate::bindings::types::{DeliveryStatus, Job, Message, MessageKind, NotifyPolicy, Run, Verdict};
use crate::ids;
use crate::limits;
use crate::world::World;

/// Cuts a text to `max` characters, marking the cut.
pub fn shorten(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.into(),
        Some(_) => {
            let kept = text.char_indices().nth(max - 1).map_or(0, |(at, _)| at);
            format!("{}…", &text[..kept])
        }
    }
}

/// A message about a job. `fact` tells this fact from others of the same job: the same fact is
/// told once.
pub fn about(
    world: &impl World,
    job: &Job,
    run: Option<&str>,
    kind: MessageKind,
    fact: &str,
    text: &str,
) -> Write {
    Write::InsertMessage(Message {
        id: ids::message(world),
        once_key: format!("{}:{fact}", run.unwrap_or(&job.id)),
        kind,
        job: job.id.clone(),
        run: run.map(Into::into),
        agent: job.agent.clone(),
        user: job.user.clone(),
        conversation: job.spec.conversation.clone(),
        related_entity_id: job.spec.related_entity_id.clone(),
        narrative_id: job.spec.narrative_id.clone(),
        title: job.spec.title.clone(),
        text: shorten(text, limits::MESSAGE_CHARS_MAX),
        delivery: DeliveryStatus::Queued,
        created_at: world.now(),
    })
}

/// The text of a run's result: what the run says of itself, and what it produced unless it only
/// reports on the way.
pub fn result_text(run: &Run) -> String {
    let output = run.output.as_deref().unwrap_or_default();
    match &run.report {
        Some(report) if !report.summary.is_empty() => {
            if output.is_empty() || output == report.summary || report.verdict == Verdict::Continue {
                report.summary.clone()
            } else {
                format!("{}\n\n{output}", report.summary)
            }
        }
        _ if output.is_empty() => "Done; the run produced no text.".into(),
        _ => output.into(),
    }
}

/// Whether a good result is told, and the digest to remember. A result that ends the job is
/// always worth telling, except to those who asked for failures only.
pub fn tells(job: &Job, run: &Run) -> (bool, Option<u64>) {
    let output = run.output.as_deref().unwrap_or_default();
    let digest = Some(ids::digest([output]));
    let worth = run.report.as_ref().is_none_or(|report| report.tell);
    let tell = match job.spec.notify {
        NotifyPolicy::Always => worth,
        NotifyPolicy::OnChange => worth && digest != job.state.told_digest,
        NotifyPolicy::OnFailure => false,
    };
    (tell, digest)
}
