//! A trigger as one plain sentence.

use super::cron::Pattern;
use super::{phrasing, zone};
use crate::bindings::types::{JobType, TriggerConfig};

/// A time in a zone, without the parts that say nothing.
fn shown(text: &str, zone: &str, form: &str) -> String {
    let zone = zone::or_utc(zone);
    zone::parse_time(text, zone).map_or_else(
        |_| text.to_owned(),
        |at| {
            let text = zone::local(zone, at).format(form).to_string();
            text.strip_suffix(":00").map_or(text.clone(), str::to_owned)
        },
    )
}

const POINT: &str = "%Y-%m-%d %H:%M:%S";

/// See [`super::summary`].
pub(super) fn summary(job_type: JobType, trigger: &TriggerConfig) -> String {
    let zone = trigger.timezone.as_deref().unwrap_or("UTC");
    if job_type == JobType::OneOff {
        return match &trigger.run_at {
            Some(at) => format!(
                "Once, on {} ({zone}).",
                shown(at, zone, "%A %Y-%m-%d at %H:%M:%S")
            ),
            None => "Once, as soon as possible.".to_owned(),
        };
    }
    let mut text = match (&trigger.cron, trigger.interval_seconds) {
        (Some(cron), _) => format!("{} ({zone})", calendar(cron, trigger)),
        (None, Some(seconds)) => {
            let local = trigger.start_at.is_some() || trigger.end_at.is_some();
            let zone = if local {
                format!(" ({zone})")
            } else {
                String::new()
            };
            // Beside the time of an end, days would sound as if that were the time of each run.
            let text = if local && seconds.is_multiple_of(86_400) {
                format!("{} hours", seconds / 3_600)
            } else {
                distance(seconds)
            };
            format!("Every {text}{zone}")
        }
        (None, None) => "Never".to_owned(),
    };
    if let Some(start) = &trigger.start_at {
        let start = shown(start, zone, POINT);
        text += &format!(", from {}", start.strip_suffix(" 00:00").unwrap_or(&start));
    }
    if let Some(end) = &trigger.end_at {
        // A day that is included to its end.
        let end = shown(end, zone, POINT);
        text += &format!(", until {}", end.strip_suffix(" 23:59:59").unwrap_or(&end));
    }
    if let Some(goal) = &trigger.end_condition {
        text += &format!(", until the goal is met: {}", goal.trim_end_matches('.'));
    }
    if let Some(most) = trigger.max_iterations {
        text += &format!(", at most {most} time{}", if most == 1 { "" } else { "s" });
    }
    if let Some(jitter) = trigger.jitter_seconds.filter(|jitter| *jitter > 0) {
        text += &format!(", shifted by up to {}", length(jitter));
    }
    text + "."
}

fn calendar(cron: &str, trigger: &TriggerConfig) -> String {
    if let Some(text) = Pattern::parse(cron)
        .ok()
        .and_then(|pattern| phrasing::pattern(&pattern, trigger.every))
    {
        return text;
    }
    match trigger.every.filter(|every| every.count > 1) {
        Some(every) => {
            let unit = match every.unit {
                crate::bindings::types::CalendarUnit::Day => "days",
                crate::bindings::types::CalendarUnit::Week => "weeks",
                crate::bindings::types::CalendarUnit::Month => "months",
            };
            format!("On cron `{cron}`, one in {} {unit}", every.count)
        }
        None => format!("On cron `{cron}`"),
    }
}

/// An interval's distance. "Every day" would be a time of day, so a single day is 24 hours.
fn distance(seconds: u32) -> String {
    match seconds {
        86_400 => "24 hours".to_owned(),
        604_800 => "7 days".to_owned(),
        _ => length(seconds),
    }
}

/// `2 hours`, `90 minutes`: the largest unit that divides.
pub(super) fn length(seconds: u32) -> String {
    let (count, unit) = [
        (604_800, "week"),
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
    ]
    .into_iter()
    .find(|(size, _)| seconds.is_multiple_of(*size) && seconds > 0)
    .map_or((seconds, "second"), |(size, unit)| (seconds / size, unit));
    if count == 1 {
        unit.to_owned()
    } else {
        format!("{count} {unit}s")
    }
}
