//! What `when` says, put into the other fields of a trigger.

use chrono::NaiveDateTime;
use chrono_tz::Tz;

use super::normalise::{Checked, wrong, zone_wanted};
use super::words::{self, Length, Meaning, Said};
use super::zone::{self, clip};
use super::{Context, invalid};
use crate::bindings::types::{CalendarInterval, Instant, JobType, TriggerConfig};

/// What words come to as fields.
#[derive(PartialEq)]
struct Resolved {
    run_at: Option<String>,
    cron: Option<String>,
    every: Option<CalendarInterval>,
    interval_seconds: Option<u32>,
    start_at: Option<String>,
    end_at: Option<String>,
}

impl Resolved {
    fn of(said: &Said, zone: Tz, now: Instant) -> Self {
        let written = |at: NaiveDateTime| at.format("%Y-%m-%dT%H:%M:%S").to_string();
        let mut fields = Self {
            run_at: None,
            cron: None,
            every: None,
            interval_seconds: None,
            start_at: said.start.map(written),
            end_at: said.end.map(written),
        };
        match &said.meaning {
            Meaning::Now => {}
            Meaning::At(at) => fields.run_at = Some(written(*at)),
            Meaning::After(length) => fields.run_at = Some(zone::format(zone, after(*length, zone, now))),
            Meaning::Interval(seconds) => fields.interval_seconds = Some(*seconds),
            Meaning::Cron { cron, every } => (fields.cron, fields.every) = (Some(cron.clone()), *every),
        }
        fields
    }

    /// Whether fields that came with the words may have come from them. Days told from the
    /// present move on, so only their presence is compared.
    fn agrees(&self, trigger: &TriggerConfig) -> bool {
        trigger.run_at.is_some() == self.run_at.is_some()
            && trigger.cron == self.cron
            && trigger.every == self.every
            && trigger.interval_seconds == self.interval_seconds
            && (trigger.start_at.is_some() || self.start_at.is_none())
            && (trigger.end_at.is_some() || self.end_at.is_none())
    }
}

/// A length from now: its days at the same local time, its hours on the time line.
fn after(length: Length, zone: Tz, now: Instant) -> Instant {
    let seconds = i64::from(length.seconds) * 1000;
    if length.seconds > 0 && length.months == 0 && length.weeks == 0 && length.days == 0 {
        return now.saturating_add(seconds);
    }
    let here = zone::local(zone, now);
    let there = length.days_after(here).unwrap_or(NaiveDateTime::MAX);
    zone::place(zone, there).first().saturating_add(seconds)
}

fn has_times(trigger: &TriggerConfig) -> bool {
    trigger.run_at.is_some() || trigger.cron.is_some() || trigger.interval_seconds.is_some()
}

/// Whether the words and what they were resolved to are as they were stored. They are not read
/// again then: "tomorrow" is the day after the words were said.
fn untouched(trigger: &TriggerConfig, stored: Option<&TriggerConfig>) -> bool {
    stored.is_some_and(|stored| {
        has_times(stored)
            && trigger.when == stored.when
            && trigger.run_at == stored.run_at
            && trigger.cron == stored.cron
            && trigger.every == stored.every
            && trigger.interval_seconds == stored.interval_seconds
    })
}

/// Puts what `when` says into the other fields. True: it says "now".
pub(super) fn resolve_words(
    trigger: &mut TriggerConfig,
    zone: Option<Tz>,
    job_type: Option<JobType>,
    context: &Context<'_>,
    warnings: &mut Vec<String>,
) -> Checked<bool> {
    let Some(text) = trigger.when.clone() else {
        return Ok(false);
    };
    if untouched(trigger, context.stored) {
        return Ok(false);
    }
    let now = context.now;
    let said = words::read(&text, zone::local(zone.unwrap_or(Tz::UTC), now))
        .map_err(|error| invalid("trigger_config.when", error))?;
    if zone.is_none() && said.is_local() {
        return wrong("timezone", zone_wanted("when"));
    }
    let fields = Resolved::of(&said, zone.unwrap_or(Tz::UTC), now);
    // A trigger that was read from a job comes with the fields its words were resolved to.
    if has_times(trigger) {
        if !fields.agrees(trigger) {
            return wrong(
                "when",
                format!(
                    "`{}` says something else than run_at, cron, every or interval_seconds: give either the words or the \
                     fields.",
                    clip(&text)
                ),
            );
        }
        return Ok(false);
    }
    for (field, given, own) in [
        ("every", trigger.every.is_some(), true),
        ("start_at", trigger.start_at.is_some(), fields.start_at.is_some()),
        ("end_at", trigger.end_at.is_some(), fields.end_at.is_some()),
    ] {
        if given && own {
            return wrong(
                field,
                format!(
                    "`{}` says this itself: leave {field} out, or take it out of the words.",
                    clip(&text)
                ),
            );
        }
    }
    warnings.extend(said.notes.iter().cloned());
    let (cron, interval) = (&fields.cron, fields.interval_seconds);
    let fits = match job_type {
        None => true,
        Some(JobType::OneOff) => cron.is_none() && interval.is_none(),
        Some(JobType::Scheduled) => cron.is_some(),
        Some(JobType::Recurring) => interval.is_some(),
        Some(JobType::Ongoing) => cron.is_some() || interval.is_some(),
    };
    if !fits {
        let (is, natural) = match &said.meaning {
            Meaning::Now | Meaning::At(_) | Meaning::After(_) => ("one time", "ONE_OFF"),
            Meaning::Interval(_) => ("an interval", "RECURRING"),
            Meaning::Cron { .. } => ("times of the calendar", "SCHEDULED"),
        };
        return Err(invalid(
            "job_type",
            format!(
                "`{}` names {is}, which is {natural}: leave job_type out or set it to {natural}.",
                clip(&text)
            ),
        ));
    }
    (trigger.run_at, trigger.cron, trigger.interval_seconds) =
        (fields.run_at, fields.cron, fields.interval_seconds);
    trigger.every = fields.every;
    trigger.start_at = fields.start_at.or(trigger.start_at.take());
    trigger.end_at = fields.end_at.or(trigger.end_at.take());
    Ok(matches!(said.meaning, Meaning::Now))
}
