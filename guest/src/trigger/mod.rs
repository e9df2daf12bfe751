//! Triggers: from what a caller wrote to slots on the time line and back to a sentence.
//!
//! Pure functions of (trigger, instant). Slots are computed from the schedule, never from the
//! last run, so nothing drifts.

use crate::bindings::schedule::{PreviewAnswer, PreviewRequest};
use crate::bindings::tools::{ErrorCode, ToolError, TriggerPatch};
use crate::bindings::types::{Instant, JobType, TriggerConfig};

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
    pub now: Instant,
    /// The caller's zone, used where the trigger names none.
    pub caller_zone: Option<&'a str>,
}

/// A trigger that was checked and completed: what is stored in the job.
#[derive(Clone, Debug, PartialEq)]
pub struct Normalised {
    pub job_type: JobType,
    /// `when` is resolved into the other fields (and kept, as the user's words), `timezone` is
    /// always set, texts are trimmed.
    pub trigger: TriggerConfig,
    /// Things worth saying that are no errors (ONE_OFF with misfire policy, `end_at` soon, …).
    pub warnings: Vec<String>,
}

/// Checks a trigger, resolves its words, and tells the job's type where it was left out.
/// Errors name the field as `trigger_config.FIELD` (or `job_type`).
pub fn normalise(
    trigger: &TriggerConfig,
    job_type: Option<JobType>,
    context: &Context<'_>,
) -> Result<Normalised, ToolError> {
    todo!()
}

/// Merges a patch: a field given replaces, `null` clears, others stay; `misfire` and `dst` merge
/// their own fields. `when` given replaces run_at, cron and interval_seconds; any of those three
/// given clears `when`, and cron or interval given replaces the other.
pub fn merge(trigger: &TriggerConfig, patch: &TriggerPatch) -> TriggerConfig {
    todo!()
}

/// The slots of one job. Parsed once, asked often.
pub struct Schedule {}

impl Schedule {
    /// From a normalised trigger. `anchor` is the origin of the interval's phase (where the
    /// trigger has no `start_at`), `job_id` seeds the jitter. The error is a sentence (a stored
    /// trigger that no longer parses, a zone that was removed).
    pub fn new(
        job_id: &str,
        job_type: JobType,
        trigger: &TriggerConfig,
        anchor: Instant,
    ) -> Result<Self, String> {
        todo!()
    }

    /// The first slot strictly after `after`, within start and horizon. ONE_OFF: `run_at` if it is
    /// after; none without a `run_at`.
    pub fn next_after(&self, after: Instant) -> Option<Instant> {
        todo!()
    }

    /// The last slot at or before `before` and strictly after `after`, if any; with the number of
    /// slots in that stretch (counting stops at `COUNT_MAX`). For misfires.
    pub fn missed_between(&self, after: Instant, before: Instant) -> Option<(Instant, u32)> {
        todo!()
    }

    /// The instant after which nothing fires.
    pub fn horizon(&self) -> Option<Instant> {
        todo!()
    }
}

/// One plain sentence: "Every Monday at 09:00 (Europe/Berlin), until 2026-12-31."
pub fn summary(job_type: JobType, trigger: &TriggerConfig) -> String {
    todo!()
}

/// RFC 3339 in a zone, seconds precision: `2026-06-01T09:00:00+02:00`. An unknown zone: UTC.
pub fn format_instant(instant: Instant, zone: &str) -> String {
    todo!()
}

/// Reads local ISO 8601 in `zone`, or an instant with an offset. A local time in a gap is the
/// first instant after it; a repeated one is the first. The error is a sentence.
pub fn parse_time(text: &str, zone: &str) -> Result<Instant, String> {
    todo!()
}

/// Whether the name is an IANA zone; the error says what is wrong and what to use.
pub fn check_zone(name: &str) -> Result<(), String> {
    todo!()
}

/// Days since 1970-01-01 of the local date in a zone: the day that `runs-today` counts.
pub fn local_day(instant: Instant, zone: &str) -> i32 {
    todo!()
}

/// `schedule.preview`.
pub fn preview(request: &PreviewRequest, now: Instant) -> Result<PreviewAnswer, ToolError> {
    todo!()
}
