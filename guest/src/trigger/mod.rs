//! Triggers: from what a caller wrote to slots on the time line and back to a sentence.
//!
//! Pure functions of (trigger, instant). Slots are computed from the schedule, never from the
//! last run, so nothing drifts.

mod cadence;
mod clock_effect;
mod cron;
pub mod limits;
mod merge;
mod normalise;
mod phrasing;
pub mod predicate;
mod preview;
mod resolve;
mod sentence;
mod slots;
mod words;
mod zone;

#[cfg(test)]
mod tests;

pub use slots::Schedule;

use crate::bindings::schedule::{PreviewAnswer, PreviewRequest};
use crate::bindings::tools::{ErrorCode, ToolError, TriggerPatch};
use crate::bindings::types::{Instant, JobType, TriggerConfig};

/// A trigger in which nothing is said.
pub const EMPTY_TRIGGER: TriggerConfig = TriggerConfig {
    timezone: None,
    when: None,
    run_at: None,
    cron: None,
    every: None,
    interval_seconds: None,
    start_at: None,
    end_at: None,
    end_condition: None,
    max_iterations: None,
    misfire: None,
    dst: None,
    jitter_seconds: None,
};

/// An `invalid-argument` error about `field`.
pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> ToolError {
    ToolError {
        code: ErrorCode::InvalidArgument,
        field: Some(field.into()),
        message: message.into(),
        similar_job: None,
    }
}

/// What `normalise` needs to know besides the trigger.
pub struct Context<'a> {
    /// The present that "tomorrow" and "in 3 days" are read from.
    pub now: Instant,
    /// The caller's zone, used where the trigger names none.
    pub caller_zone: Option<&'a str>,
    /// The job's trigger before a change. Words that the change left alone are not read again.
    pub stored: Option<&'a TriggerConfig>,
}

/// A trigger that was checked and completed: what is stored in the job.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalised {
    /// As the request says, or as the trigger makes it plain.
    pub job_type: JobType,
    /// `when` is resolved into the other fields (and kept, as the user's words), `timezone` is
    /// always set, texts are trimmed.
    pub trigger: TriggerConfig,
    /// Things worth saying that are no errors (ONE_OFF with misfire policy, `end_at` soon, …).
    pub warnings: Vec<String>,
}

/// Checks a trigger, resolves its words, and tells the job's type where it was left out.
/// Errors name the field as `trigger_config.FIELD` (or `job_type`).
///
/// A trigger whose `when` is set *and* resolved (as stored) is taken as stored: the words are not
/// read again, so "tomorrow" does not move when another field is changed.
pub fn normalise(
    trigger: &TriggerConfig,
    job_type: Option<JobType>,
    context: &Context<'_>,
) -> Result<Normalised, ToolError> {
    normalise::normalise(trigger, job_type, context)
}

/// Merges a patch: a field given replaces, `null` clears, others stay; `misfire` and `dst` merge
/// their own fields. `when` given replaces run_at, cron, every and interval_seconds, and the start
/// and end that the old words had set; any of the times given clears `when` and the other kinds.
/// A new start, end or cadence clears words that had set another.
pub fn merge(trigger: &TriggerConfig, patch: &TriggerPatch) -> TriggerConfig {
    merge::merge(trigger, patch)
}

/// One plain sentence: "Every Monday at 09:00 (Europe/Berlin), until 2026-12-31."
pub fn summary(job_type: JobType, trigger: &TriggerConfig) -> String {
    sentence::summary(job_type, trigger)
}

/// A length of time in words: `2 hours`, `90 minutes`, `3 days`; one of a unit without its number.
pub fn length(seconds: u32) -> String {
    sentence::length(seconds)
}

/// RFC 3339 in a zone, seconds precision: `2026-06-01T09:00:00+02:00`. An unknown zone: UTC.
pub fn format_instant(instant: Instant, zone: &str) -> String {
    zone::format(zone::or_utc(zone), instant)
}

/// Reads local ISO 8601 in `zone`, or an instant with an offset. A local time in a gap is the
/// first instant after it; a repeated one is the first. The error is a sentence.
pub fn parse_time(text: &str, zone: &str) -> Result<Instant, String> {
    zone::parse_time(text, zone::find(zone)?)
}

/// Whether the name is an IANA zone; the error says what is wrong and what to use.
pub fn check_zone(name: &str) -> Result<(), String> {
    zone::find(name).map(|_| ())
}

/// The present of a request that may name one in `at`; `now` is the clock's.
pub fn present(at: Option<Instant>, now: Instant) -> Result<Instant, ToolError> {
    match at {
        Some(at) if !zone::is_in_years(at) => Err(invalid(
            "at",
            format!(
                "at lies outside the years 1970 to {}: give milliseconds since 1970-01-01T00:00:00Z.",
                limits::YEAR_LAST
            ),
        )),
        at => Ok(at.unwrap_or(now)),
    }
}

/// Days since 1970-01-01 of the local date in a zone: the day that `runs-today` counts.
pub fn local_day(instant: Instant, zone: &str) -> i32 {
    zone::local_day(zone::or_utc(zone), instant)
}

/// Whether `when` takes these words. What they mean, `normalise` tells.
pub fn understands(words: &str, now: Instant, zone: &str) -> bool {
    words::read(words, zone::local(zone::or_utc(zone), now)).is_ok()
}

/// Why `when` takes no words that it reads: they are past, or contradict each other. None: they are
/// no words of time to it, or it takes them.
pub fn objection(words: &str, now: Instant, zone: &str) -> Option<String> {
    let refusal = words::read(words, zone::local(zone::or_utc(zone), now)).err()?;
    (!refusal.contains("is not understood")).then_some(refusal)
}

/// `schedule.preview`.
pub fn preview(request: &PreviewRequest, now: Instant) -> Result<PreviewAnswer, ToolError> {
    preview::preview(request, now)
}
