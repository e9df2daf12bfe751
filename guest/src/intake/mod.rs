//! A whole sentence to jobs, without a model: "Send the proposal, follow up in 3 days, then
//! escalate".
//!
//! The text is split into parts (`clauses`); parts that are one instruction are put together again
//! (`join`), and the instructions become steps (`steps`). Each is read by itself (`reading`): its
//! times are found (`spans`, by trying what the triggers read) and told from those of the task
//! (`phrases`), then what bounds them (`bounds`) and the kind of work (`kinds`). What says a time
//! and was not read is an error (`leftovers`), so that no schedule is guessed.

mod bounds;
mod clauses;
mod conditions;
mod join;
mod kinds;
mod leftovers;
mod lexicon;
mod phrases;
mod reader;
mod reading;
mod spans;
mod steps;
mod title;
mod tokens;
mod trouble;

use crate::bindings::schedule::{PlanAnswer, PlanRequest, PlannedJob};
use crate::bindings::tools::ToolError;
use crate::bindings::types::{DependencyCondition, Instant, JobType};
use crate::errors;
use crate::limits::{NEXT_RUNS_SHOWN, PLAN_TEXT_CHARS_MAX};
use crate::trigger::{self, Normalised, Schedule, format_instant, invalid};
use reader::Reader;
use steps::Step;
use tokens::Word;

/// `schedule.plan`. `now` where the request names no present.
pub fn plan(request: &PlanRequest, now: Instant) -> Result<PlanAnswer, ToolError> {
    let now = trigger::present(request.at, now)?;
    errors::text("text", &request.text, 1, PLAN_TEXT_CHARS_MAX)?;
    if let Some(control) = request
        .text
        .chars()
        .find(|c| c.is_control() && !c.is_whitespace())
    {
        return Err(trouble::text(format!(
            "There is a control character (U+{:04X}) in the text: leave it out.",
            u32::from(control)
        )));
    }
    let zone = request
        .timezone
        .as_deref()
        .map(str::trim)
        .filter(|zone| !zone.is_empty());
    if let Some(zone) = zone {
        trigger::check_zone(zone).map_err(|error| invalid("timezone", error))?;
    }
    let words = tokens::words(&request.text);
    check_language(&words)?;
    let parts = clauses::split(words.clone());
    let steps = steps::read(parts, &Reader::new(now, zone))?;
    if let [step] = steps.as_slice()
        && step.done.job_type == JobType::OneOff
        && step.done.trigger.run_at.is_none()
        && is_mostly_foreign(&request.text)
    {
        return Err(english());
    }
    if steps.is_empty() {
        return Err(trouble::text("There is nothing to do in it."));
    }
    let whole = request.text.trim();
    let jobs = steps
        .into_iter()
        .map(|step| job(step, whole, now))
        .collect::<Result<_, _>>()?;
    Ok(PlanAnswer { jobs })
}

fn english() -> ToolError {
    trouble::text(
        "Only English is read without a model. Write it in English, or call job_create with title, payload and \
         trigger_config.",
    )
}

/// Refuses texts that name times in another language: they would be lost.
fn check_language(words: &[Word]) -> Result<(), ToolError> {
    if words.iter().any(|word| word.is(lexicon::FOREIGN_TIMES)) {
        return Err(english());
    }
    Ok(())
}

/// Whether most letters are of a script that English does not use.
fn is_mostly_foreign(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let latin = text.chars().filter(|c| c.is_alphabetic() && *c <= 'ɏ').count();
    letters > 0 && latin * 2 < letters
}

fn job(step: Step, whole: &str, now: Instant) -> Result<PlannedJob, ToolError> {
    let summary = summary(&step);
    let next_runs = if step.depends_on.is_empty() {
        next_runs(&step.done, now)?
    } else {
        Vec::new()
    };
    Ok(PlannedJob {
        description: (step.payload != whole).then(|| whole.to_owned()),
        title: step.title,
        payload: step.payload,
        job_type: step.done.job_type,
        trigger_config: step.done.trigger,
        depends_on: step.depends_on,
        on_dependency_failure: step.on_dependency_failure,
        notify: step.notify,
        summary,
        next_runs,
        warnings: step.done.warnings,
    })
}

/// When the job runs, in one sentence.
fn summary(step: &Step) -> String {
    let said = trigger::summary(step.done.job_type, &step.done.trigger);
    let Some(dependency) = step.depends_on.first() else {
        return match &step.deadline {
            Some(due) => format!("{}, wanted {due}.", said.trim_end_matches('.')),
            None => said,
        };
    };
    let end = match dependency.on {
        Some(DependencyCondition::Failure) => "has failed",
        Some(DependencyCondition::Any) => "has ended",
        _ => "has succeeded",
    };
    let after = match dependency.delay_seconds.unwrap_or(0) {
        0 => format!("as soon as “{}” {end}", dependency.job),
        seconds => format!("{} after “{}” {end}", counted(seconds), dependency.job),
    };
    let plain = step.done.job_type == JobType::OneOff && step.done.trigger.run_at.is_none();
    if plain {
        format!("Once, {after}.")
    } else {
        format!("{}, {after}.", said.trim_end_matches('.'))
    }
}

/// "1 week", "3 days".
fn counted(seconds: u32) -> String {
    let length = trigger::length(seconds);
    if length.starts_with(|c: char| c.is_ascii_digit()) {
        return length;
    }
    format!("1 {length}")
}

fn next_runs(done: &Normalised, now: Instant) -> Result<Vec<String>, ToolError> {
    let zone = done.trigger.timezone.as_deref().unwrap_or("UTC");
    let schedule = Schedule::new("", done.job_type, &done.trigger, now)
        .map_err(|error| trouble::text(format!("It cannot be scheduled: {error}.")))?;
    if done.job_type == JobType::OneOff {
        let at = schedule.next_after(now - 1).unwrap_or(now);
        return Ok(vec![format_instant(at, zone)]);
    }
    let fires = std::iter::successors(schedule.next_after(now - 1), |last| schedule.next_after(*last));
    Ok(fires
        .take(NEXT_RUNS_SHOWN)
        .map(|at| format_instant(at, zone))
        .collect())
}
