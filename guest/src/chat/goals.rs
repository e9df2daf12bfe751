//! Goals of ONGOING jobs that a person says are met.

use std::collections::BTreeSet;

use super::speech::{self, Speech};
use crate::bindings::storage::{JobFilter, SearchMode, SearchQuery, StorageError};
use crate::bindings::types::{Caller, Instant, Job, JobStatus, JobType, MessageKind, Run};
use crate::create::LIVE;
use crate::lifecycle::{IllegalTransition, transition};
use crate::limits;
use crate::messages;
use crate::plan;
use crate::prerequisites::{own, page};
use crate::stop;
use crate::trigger::predicate;
use crate::units::Draft;
use crate::world::World;

/// What a sentence says about the person's ONGOING jobs.
#[derive(Debug, PartialEq)]
pub enum Finding {
    /// It ends this one, plainly.
    Met(Box<Job>),
    /// It may end one of these: worth asking the pipeline.
    Perhaps(Vec<Job>),
    /// It has nothing to do with any of them.
    Nothing,
}

/// How well a statement fits a job.
#[derive(PartialEq, PartialOrd)]
struct Fit {
    /// Every word of the goal was said, or that the work may stop.
    plain: bool,
    /// Words in common with the goal and the title.
    common: usize,
    /// Words in common with the instruction and the description.
    around: usize,
}

/// Weighs what was said against the person's live ONGOING jobs; `focus` is the job that the
/// message it answers was about.
pub fn weigh(
    world: &impl World,
    caller: &Caller,
    speech: &Speech,
    text: &str,
    focus: Option<&str>,
) -> Result<Finding, StorageError> {
    let stated = speech.stated();
    if stated.stems.is_empty() && !stated.stops {
        return Ok(Finding::Nothing);
    }
    let fit = |job: &Job| {
        let spec = &job.spec;
        let goal = spec.trigger.end_condition.as_deref().unwrap_or_default();
        let goal = match predicate::parse(goal) {
            // A check is made on outputs, whatever people say.
            Some(_) => BTreeSet::new(),
            None => speech::stems(goal),
        };
        let mut subject = speech::stems(&spec.title);
        subject.extend(goal.iter().cloned());
        let common = subject.intersection(&stated.stems).count();
        let mut around = speech::stems(&spec.payload);
        around.extend(speech::stems(&spec.description));
        let named = common > 0 || focus == Some(job.id.as_str());
        // One word alone ("paid") says a goal only together with "you can stop".
        let whole = goal.len() > 1 && goal.is_subset(&stated.stems);
        Fit {
            plain: whole || (stated.stops && named),
            common: common + usize::from(focus == Some(job.id.as_str())) * stated.stems.len(),
            around: around.intersection(&stated.stems).count(),
        }
    };
    let mut fits: Vec<(Fit, Job)> = candidates(world, caller, text)?
        .into_iter()
        .map(|job| (fit(&job), job))
        .filter(|(fit, _)| fit.common > 0 || fit.plain)
        .collect();
    fits.sort_by(|(a, _), (b, _)| b.partial_cmp(a).unwrap_or(std::cmp::Ordering::Equal));
    let alone = match &fits[..] {
        [] => return Ok(Finding::Nothing),
        [_] => true,
        [(first, _), (second, _), ..] => first != second,
    };
    let plain = fits[0].0.plain;
    let mut jobs = fits.into_iter().map(|(_, job)| job);
    Ok(match jobs.next() {
        Some(job) if plain && alone => Finding::Met(Box::new(job)),
        Some(job) => Finding::Perhaps(std::iter::once(job).chain(jobs).collect()),
        None => Finding::Nothing,
    })
}

/// The person's live ONGOING jobs: the newest, and where there are more, those that are about the same.
fn candidates(world: &impl World, caller: &Caller, text: &str) -> Result<Vec<Job>, StorageError> {
    let filter = JobFilter {
        statuses: LIVE.into(),
        job_types: vec![JobType::Ongoing],
        ..own(caller)
    };
    let mut jobs = world.find_jobs(&filter, &page(limits::HEARD_JOBS_MAX))?.jobs;
    if jobs.len() == limits::HEARD_JOBS_MAX as usize {
        let query = SearchQuery {
            terms: vec![messages::shorten(text, limits::QUERY_CHARS_MAX)],
            mode: SearchMode::Meaning,
            best_first: true,
            filter,
            page: page(limits::HEARD_JOBS_MAX),
        };
        for hit in world.search_jobs(&query)?.hits {
            if jobs.iter().all(|job| job.id != hit.job.id) {
                jobs.push(hit.job);
            }
        }
    }
    Ok(jobs)
}

/// Completes a job whose goal is met by what was said. Answers the run that the pipeline has to be
/// told to stop.
pub fn complete(
    world: &impl World,
    draft: &mut Draft,
    job: &mut Job,
    open_run: Option<Run>,
    said: &str,
    now: Instant,
) -> Result<Option<String>, IllegalTransition> {
    if !matches!(job.state.status, JobStatus::Active | JobStatus::InProgress) {
        transition(&mut job.state, JobStatus::Active, None)?;
    }
    let quoted = messages::shorten(said.trim(), limits::NOTE_CHARS_MAX);
    let why = format!("Its goal is met, as was said in the chat: “{quoted}”");
    plan::complete(&mut job.state, now, "goal_met", &why)?;
    job.state.hearing = None;
    let stop = stop::end_run(job, open_run, "Its job's goal was met meanwhile.", now, draft);
    draft.push(messages::about(
        world,
        job,
        None,
        MessageKind::Result,
        "goal_met",
        &why,
    ));
    Ok(stop)
}
