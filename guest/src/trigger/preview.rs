//! What a trigger means, without creating anything.

use super::limits::PREVIEW_FIRES_MAX;
use super::zone;
use super::{Context, EMPTY_TRIGGER, Schedule, clock_effect, cron, invalid, normalise, present, summary};
use crate::bindings::schedule::{ClockChange, PreviewAnswer, PreviewRequest};
use crate::bindings::tools::ToolError;
use crate::bindings::types::{Instant, TriggerConfig};

/// See [`super::preview`].
pub(super) fn preview(request: &PreviewRequest, now: Instant) -> Result<PreviewAnswer, ToolError> {
    let now = present(request.at, now)?;
    if request.count > PREVIEW_FIRES_MAX {
        return Err(invalid("count", format!("count is at most {PREVIEW_FIRES_MAX}.")));
    }
    let trigger = match (&request.text, &request.trigger_config) {
        (Some(_), Some(_)) | (None, None) => {
            return Err(invalid(
                "text",
                "give either text (cron or words) or trigger_config.",
            ));
        }
        (None, Some(trigger)) => trigger.clone(),
        (Some(text), None) if cron::looks_like(text) => TriggerConfig {
            cron: Some(text.clone()),
            ..EMPTY_TRIGGER
        },
        (Some(text), None) => TriggerConfig {
            when: Some(text.clone()),
            ..EMPTY_TRIGGER
        },
    };
    let context = Context {
        now,
        caller_zone: request.timezone.as_deref(),
        stored: None,
    };
    let done = normalise(&trigger, request.job_type, &context)?;
    let name = done.trigger.timezone.as_deref().unwrap_or("UTC");
    let zone = zone::or_utc(name);
    let schedule = Schedule::new("", done.job_type, &done.trigger, now)
        .map_err(|error| invalid("trigger_config", error))?;
    let fires = std::iter::successors(schedule.next_after(now), |last| schedule.next_after(*last));
    let next_runs = fires
        .take(request.count as usize)
        .map(|at| zone::format(zone, at))
        .collect();
    let changes = std::iter::successors(zone::next_change(zone, now), |last| {
        zone::next_change(zone, last.at)
    });
    let clock_changes = changes
        .take(2)
        .map(|change| ClockChange {
            at: zone::format(zone, change.at),
            offset_before: zone::format_offset(change.seconds_before),
            offset_after: zone::format_offset(change.seconds_after),
            effect: clock_effect::effect(done.job_type, &done.trigger, now, &change),
        })
        .collect();
    Ok(PreviewAnswer {
        summary: summary(done.job_type, &done.trigger),
        job_type: done.job_type,
        trigger_config: done.trigger,
        next_runs,
        clock_changes,
        warnings: done.warnings,
    })
}
