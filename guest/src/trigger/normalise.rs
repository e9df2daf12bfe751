//! Checking and completing a trigger.

use chrono_tz::Tz;

use super::cron::Pattern;
use super::limits::*;
use super::resolve::resolve_words;
use super::zone::{self, Place};
use super::{Context, Normalised, Schedule, invalid, predicate};
use crate::bindings::tools::ToolError;
use crate::bindings::types::{Instant, JobType, TriggerConfig};

pub(super) type Checked<T> = Result<T, ToolError>;

pub(super) fn wrong<T>(field: &str, message: impl Into<String>) -> Checked<T> {
    Err(invalid(format!("trigger_config.{field}"), message))
}

pub(super) fn type_name(job_type: JobType) -> &'static str {
    match job_type {
        JobType::OneOff => "ONE_OFF",
        JobType::Scheduled => "SCHEDULED",
        JobType::Recurring => "RECURRING",
        JobType::Ongoing => "ONGOING",
    }
}

/// See [`super::normalise`].
pub(super) fn normalise(
    trigger: &TriggerConfig,
    job_type: Option<JobType>,
    context: &Context<'_>,
) -> Checked<Normalised> {
    let mut trigger = trimmed(trigger);
    let mut warnings = Vec::new();
    let known_zone = known_zone(&trigger, context)?;
    let at_once = resolve_words(&mut trigger, known_zone, job_type, context, &mut warnings)?;
    let zone = match known_zone {
        Some(zone) => zone,
        None => match local_field(&trigger) {
            Some(field) => return wrong("timezone", zone_wanted(field)),
            None => Tz::UTC,
        },
    };
    trigger.timezone = Some(zone.name().to_owned());
    let job_type = job_type_of(&trigger, job_type, at_once)?;
    belongs(&mut trigger, job_type, &mut warnings)?;
    ranges(&trigger)?;
    if let Some(condition) = &trigger.end_condition
        && let Some(Err(error)) = predicate::parse(condition)
    {
        return wrong("end_condition", error);
    }
    if let Some(cron) = &trigger.cron
        && let Err(error) = Pattern::parse(cron)
    {
        return wrong("cron", error);
    }
    times(&mut trigger, zone, context.now, &mut warnings)?;
    fires(&trigger, job_type, zone, context.now, &mut warnings)?;
    Ok(Normalised {
        job_type,
        trigger,
        warnings,
    })
}

pub(super) fn zone_wanted(field: &str) -> String {
    format!(
        "`{field}` is local time, so the zone is needed: set trigger_config.timezone to an IANA name such as Europe/Berlin \
         (or UTC)."
    )
}

/// Texts without blanks around; what was blank counts as left out.
fn trimmed(trigger: &TriggerConfig) -> TriggerConfig {
    let text = |field: &Option<String>| {
        field
            .as_deref()
            .map(str::trim)
            .filter(|t| !t.is_empty())
            .map(str::to_owned)
    };
    TriggerConfig {
        timezone: text(&trigger.timezone),
        when: text(&trigger.when),
        run_at: text(&trigger.run_at),
        cron: text(&trigger.cron),
        start_at: text(&trigger.start_at),
        end_at: text(&trigger.end_at),
        end_condition: text(&trigger.end_condition),
        ..trigger.clone()
    }
}

fn known_zone(trigger: &TriggerConfig, context: &Context<'_>) -> Checked<Option<Tz>> {
    match trigger.timezone.as_deref().or(context.caller_zone) {
        Some(name) => zone::find(name)
            .map(Some)
            .map_err(|error| invalid("trigger_config.timezone", error)),
        None => Ok(None),
    }
}

/// The first field that is read in local time.
fn local_field(trigger: &TriggerConfig) -> Option<&'static str> {
    let local = |text: &Option<String>| text.as_deref().is_some_and(|text| !zone::has_offset(text));
    if trigger.cron.is_some() {
        return Some("cron");
    }
    [
        ("run_at", &trigger.run_at),
        ("start_at", &trigger.start_at),
        ("end_at", &trigger.end_at),
    ]
    .into_iter()
    .find(|(_, text)| local(text))
    .map(|(name, _)| name)
}

fn job_type_of(trigger: &TriggerConfig, given: Option<JobType>, at_once: bool) -> Checked<JobType> {
    if trigger.cron.is_some() && trigger.interval_seconds.is_some() {
        return wrong(
            "interval_seconds",
            "cron and interval_seconds exclude each other: give one of them.",
        );
    }
    let repeats = trigger.cron.is_some() || trigger.interval_seconds.is_some();
    if trigger.run_at.is_some() && repeats {
        return wrong(
            "run_at",
            "run_at is for one run, cron and interval_seconds repeat: give one of them. The first fire of a repeating job is start_at.",
        );
    }
    if let Some(given) = given {
        return Ok(given);
    }
    let goal = trigger.end_condition.is_some() || trigger.max_iterations.is_some();
    if trigger.run_at.is_some() || at_once {
        Ok(JobType::OneOff)
    } else if goal && repeats {
        Ok(JobType::Ongoing)
    } else if trigger.cron.is_some() {
        Ok(JobType::Scheduled)
    } else if trigger.interval_seconds.is_some() {
        Ok(JobType::Recurring)
    } else if goal || trigger.start_at.is_some() || trigger.end_at.is_some() {
        wrong(
            "cron",
            "a repeating job needs cron, interval_seconds, or `when` such as \"every weekday at 9am\".",
        )
    } else {
        Err(invalid(
            "job_type",
            "say when to run: trigger_config.when (\"tomorrow at 9\", \"every weekday at 9am\"), run_at, cron or \
             interval_seconds; or job_type ONE_OFF for as soon as possible.",
        ))
    }
}

/// Refuses fields that do not belong to the type, and types that lack one.
fn belongs(trigger: &mut TriggerConfig, job_type: JobType, warnings: &mut Vec<String>) -> Checked<()> {
    use JobType::{OneOff, Ongoing, Recurring, Scheduled};
    let name = type_name(job_type);
    let fields: [(&str, bool, &[JobType]); 9] = [
        ("run_at", trigger.run_at.is_some(), &[OneOff]),
        ("cron", trigger.cron.is_some(), &[Scheduled, Ongoing]),
        ("every", trigger.every.is_some(), &[Scheduled, Ongoing]),
        (
            "interval_seconds",
            trigger.interval_seconds.is_some(),
            &[Recurring, Ongoing],
        ),
        (
            "start_at",
            trigger.start_at.is_some(),
            &[Scheduled, Recurring, Ongoing],
        ),
        (
            "end_at",
            trigger.end_at.is_some(),
            &[Scheduled, Recurring, Ongoing],
        ),
        ("end_condition", trigger.end_condition.is_some(), &[Ongoing]),
        ("max_iterations", trigger.max_iterations.is_some(), &[Ongoing]),
        (
            "jitter_seconds",
            trigger.jitter_seconds.is_some_and(|s| s > 0),
            &[Scheduled, Recurring, Ongoing],
        ),
    ];
    for (field, given, types) in fields {
        if given && !types.contains(&job_type) {
            let names: Vec<&str> = types.iter().map(|one| type_name(*one)).collect();
            return wrong(
                field,
                format!(
                    "{field} does not belong to {name}: leave it out, or use job_type {}.",
                    names.join(" or ")
                ),
            );
        }
    }
    if trigger.every.is_some() && trigger.cron.is_none() {
        return wrong(
            "every",
            "every goes with cron, which names the times: give cron, or interval_seconds alone.",
        );
    }
    match job_type {
        OneOff => {
            trigger.jitter_seconds = None;
            if trigger.misfire.take().is_some() {
                warnings.push(
                    "misfire is for repeating jobs; a ONE_OFF job that was missed runs late.".to_owned(),
                );
            }
        }
        Scheduled if trigger.cron.is_none() => {
            return wrong(
                "cron",
                "SCHEDULED needs cron, such as `0 9 * * 1-5`, or `when` such as \"every weekday at 9am\".",
            );
        }
        Recurring if trigger.interval_seconds.is_none() => {
            return wrong(
                "interval_seconds",
                "RECURRING needs interval_seconds, or `when` such as \"every 2 hours\".",
            );
        }
        Ongoing if trigger.cron.is_none() && trigger.interval_seconds.is_none() => {
            return wrong(
                "cron",
                "ONGOING needs cron or interval_seconds, or `when` such as \"every 2 hours\".",
            );
        }
        Ongoing
            if trigger.end_condition.is_none()
                && trigger.max_iterations.is_none()
                && trigger.end_at.is_none() =>
        {
            return wrong(
                "end_condition",
                "ONGOING needs an end: end_condition, max_iterations or end_at.",
            );
        }
        _ => {}
    }
    Ok(())
}

fn ranges(trigger: &TriggerConfig) -> Checked<()> {
    let misfire = trigger.misfire.as_ref();
    let numbers = [
        (
            "interval_seconds",
            trigger.interval_seconds,
            INTERVAL_SECONDS_MIN,
            INTERVAL_SECONDS_MAX,
        ),
        (
            "every.count",
            trigger.every.map(|every| every.count),
            1,
            CADENCE_MAX,
        ),
        ("max_iterations", trigger.max_iterations, 1, ITERATIONS_MAX),
        ("jitter_seconds", trigger.jitter_seconds, 0, JITTER_SECONDS_MAX),
        (
            "misfire.max_late_seconds",
            misfire.and_then(|m| m.max_late_seconds),
            1,
            MISFIRE_LATE_SECONDS_MAX,
        ),
        (
            "misfire.max_runs",
            misfire.and_then(|m| m.max_runs),
            1,
            MISFIRE_RUNS_MAX,
        ),
    ];
    for (field, value, low, high) in numbers {
        if let Some(value) = value.filter(|value| !(low..=high).contains(value)) {
            return wrong(field, format!("{field} is {value}; it must be {low} to {high}."));
        }
    }
    if trigger
        .end_condition
        .as_ref()
        .is_some_and(|text| text.chars().count() > END_CONDITION_CHARS_MAX)
    {
        return wrong(
            "end_condition",
            format!("end_condition has at most {END_CONDITION_CHARS_MAX} characters."),
        );
    }
    Ok(())
}

/// Reads the times and writes them back with the zone's offset.
fn times(trigger: &mut TriggerConfig, zone: Tz, now: Instant, warnings: &mut Vec<String>) -> Checked<()> {
    let read = |field: &str, text: &Option<String>| {
        let Some(text) = text else { return Ok(None) };
        zone::parse_time(text, zone)
            .map(Some)
            .map_err(|error| invalid(format!("trigger_config.{field}"), error))
    };
    let run_at = read("run_at", &trigger.run_at)?;
    let (start, end) = (
        read("start_at", &trigger.start_at)?,
        read("end_at", &trigger.end_at)?,
    );
    let present = || format!("It is now {} in {}", zone::format(zone, now), zone.name());
    if let Some(at) = run_at {
        if at < now.saturating_sub(PAST_TOLERANCE_MS) {
            return wrong(
                "run_at",
                format!("run_at {} is in the past. {}.", zone::format(zone, at), present()),
            );
        }
        if let Some(text) = trigger.run_at.as_deref().filter(|text| !zone::has_offset(text)) {
            match zone::read_local(text).map(|local| zone::place(zone, local)) {
                Some(Place::Gap { .. }) => warnings.push(format!(
                    "{text} does not exist in {}: the clocks go forward. {} is taken.",
                    zone.name(),
                    zone::format(zone, at)
                )),
                Some(Place::Twice(..)) => warnings.push(format!(
                    "{text} comes twice in {}: the clocks go back. The first, {}, is taken.",
                    zone.name(),
                    zone::format(zone, at)
                )),
                _ => {}
            }
        }
    }
    if let Some(end) = end {
        if end <= now {
            return wrong(
                "end_at",
                format!(
                    "end_at {} is in the past. {}.",
                    zone::format(zone, end),
                    present()
                ),
            );
        }
        if let Some(start) = start.filter(|start| end < *start) {
            return wrong(
                "end_at",
                format!(
                    "end_at {} is before start_at {}.",
                    zone::format(zone, end),
                    zone::format(zone, start)
                ),
            );
        }
    }
    let write = |at: Option<Instant>| at.map(|at| zone::format(zone, at));
    (trigger.run_at, trigger.start_at, trigger.end_at) = (write(run_at), write(start), write(end));
    Ok(())
}

/// Refuses a repeating trigger that would never fire.
fn fires(
    trigger: &TriggerConfig,
    job_type: JobType,
    zone: Tz,
    now: Instant,
    warnings: &mut Vec<String>,
) -> Checked<()> {
    if job_type == JobType::OneOff {
        return Ok(());
    }
    let plain = TriggerConfig {
        jitter_seconds: None,
        ..trigger.clone()
    };
    let never = |error: String| invalid("trigger_config", error);
    let schedule = Schedule::new("", job_type, &plain, now).map_err(never)?;
    let Some(first) = schedule.next_after(now) else {
        let open = TriggerConfig {
            end_at: None,
            ..plain
        };
        let first = Schedule::new("", job_type, &open, now)
            .map_err(never)?
            .next_after(now);
        return match first {
            Some(first) => wrong(
                "end_at",
                format!(
                    "nothing would fire: the first fire, {}, is after end_at.",
                    zone::format(zone, first)
                ),
            ),
            None => wrong(
                if trigger.cron.is_some() {
                    "cron"
                } else {
                    "interval_seconds"
                },
                format!(
                    "nothing would ever fire after now ({}): every time it names is past.",
                    zone::format(zone, now)
                ),
            ),
        };
    };
    // The jitter of a job follows from its id, which it does not have yet: any could be drawn, but
    // none as long as an interval.
    let longest = trigger.interval_seconds.map_or(u32::MAX, |seconds| seconds - 1);
    if let (Some(end), Some(jitter)) = (schedule.horizon(), trigger.jitter_seconds.map(|j| j.min(longest)))
        && first.saturating_add(i64::from(jitter) * 1000) > end
    {
        return wrong(
            "jitter_seconds",
            format!(
                "jitter_seconds may move the first fire, {}, past end_at, and then nothing would fire: make it smaller \
                 or end_at later.",
                zone::format(zone, first)
            ),
        );
    }
    if trigger.end_at.is_some() && schedule.next_after(first).is_none() {
        warnings.push(format!(
            "end_at leaves one fire only: {}.",
            zone::format(zone, first)
        ));
    }
    Ok(())
}
