//! `job_pause` and `job_cancel`.

use crate::bindings::storage::{StorageError, Write};
use crate::bindings::tools::{JobCancelRequest, JobPauseRequest, JobStopAnswer, ToolError};
use crate::bindings::types::{Caller, DependencyOutcome, Instant, Job, JobStatus, Run, RunStatus};
use crate::errors::{conflict, contended, invalid, not_found, text};
use crate::lifecycle::{ended, name, reason, transition};
use crate::limits;
use crate::plan;
use crate::prerequisites::is_own;
use crate::reach;
use crate::sabotage::{self, Sabotage};
use crate::trigger::{format_instant, parse_time};
use crate::units::{self, Draft};
use crate::views;
use crate::world::World;

/// One of the caller's jobs; anybody else's does not exist.
pub fn load(world: &impl World, caller: &Caller, job_id: &str) -> Result<Job, ToolError> {
    text("job_id", job_id, 1, limits::NAME_CHARS_MAX)?;
    let found = world.get_jobs(&[job_id.trim().to_owned()])?.pop().flatten();
    found
        .filter(|job| is_own(job, caller))
        .ok_or_else(|| not_found(job_id))
}

/// A job's open run, if any.
pub fn open_run(world: &impl World, job: &Job) -> Result<Option<Run>, StorageError> {
    match &job.state.open_run {
        None => Ok(None),
        Some(run) => Ok(world.get_runs(std::slice::from_ref(run))?.pop().flatten()),
    }
}

/// See `wit/tools.wit`.
pub fn pause(
    world: &impl World,
    caller: &Caller,
    request: &JobPauseRequest,
) -> Result<JobStopAnswer, ToolError> {
    let note = note(request.note.as_deref())?;
    for _ in 0..limits::DECISIONS_MAX {
        let (mut job, mut unit) = reach::to_change(world, caller, &request.job_id)?;
        reach::check_pause(world, caller, &job)?;
        let now = world.now();
        let until = until(&job, request.until.as_deref(), now)?;
        let running = job.state.status == JobStatus::InProgress;
        suspend(&mut job, note, until, now, &mut unit)?;
        unit.save(&job, None, now);
        if units::commit_one(world, unit.finish())? == Ok(()) {
            job.revision += 1;
            if let Some(until) = until {
                world.arm(until);
            }
            let zone = plan::zone(&job.spec);
            let resumed = match until {
                Some(until) => format!("It resumes by itself at {}.", format_instant(until, zone)),
                None => "Resume it with job_update status ACTIVE.".into(),
            };
            let run = if running {
                " The run in progress finishes and its result is kept."
            } else {
                ""
            };
            let message = format!("“{}” is paused.{run} {resumed}", job.spec.title);
            return Ok(JobStopAnswer {
                job: views::job(world, &job)?,
                message,
            });
        }
    }
    Err(contended())
}

/// PAUSED by a person, until then or until resumed. A paused job may be paused again.
pub fn suspend(
    job: &mut Job,
    note: Option<&str>,
    until: Option<Instant>,
    now: Instant,
    unit: &mut Draft,
) -> Result<(), ToolError> {
    if job.state.status == JobStatus::Blocked || ended(job.state.status) {
        return Err(conflict(format!(
            "“{}” is {}, so there is nothing to pause.",
            job.spec.title,
            name(job.state.status)
        )));
    }
    if sabotage::on(Sabotage::PauseIgnored) {
        return Ok(());
    }
    let why = note.unwrap_or("Paused by the user.");
    if job.state.status == JobStatus::Paused {
        // Whose pause it is now decides who may end it.
        unit.anew();
        job.state.status_reason = reason("paused_by_user", why);
    } else {
        transition(&mut job.state, JobStatus::Paused, reason("paused_by_user", why))?;
    }
    job.state.resume_at = until;
    // While a run is open the row has to stay due: should its host die, someone must notice.
    job.state.due_at = if job.state.open_run.is_some() || job.state.untold.is_some() {
        Some(now)
    } else {
        until
    };
    Ok(())
}

fn note(note: Option<&str>) -> Result<Option<&str>, ToolError> {
    if let Some(note) = note {
        text("note", note, 0, limits::NOTE_CHARS_MAX)?;
    }
    Ok(note.map(str::trim).filter(|note| !note.is_empty()))
}

fn until(job: &Job, until: Option<&str>, now: Instant) -> Result<Option<Instant>, ToolError> {
    let Some(until) = until else { return Ok(None) };
    let zone = plan::zone(&job.spec);
    let at = parse_time(until, zone).map_err(|why| invalid("until", why))?;
    if at <= now {
        let message = format!("until has passed; it is {} now.", format_instant(now, zone));
        return Err(invalid("until", message));
    }
    Ok(Some(at))
}

/// See `wit/tools.wit`.
pub fn cancel(
    world: &impl World,
    caller: &Caller,
    request: &JobCancelRequest,
) -> Result<JobStopAnswer, ToolError> {
    let note = note(request.note.as_deref())?;
    for _ in 0..limits::DECISIONS_MAX {
        let (mut job, mut unit) = reach::to_change(world, caller, &request.job_id)?;
        let message = format!("“{}” is cancelled and will not run again.", job.spec.title);
        if job.state.status == JobStatus::Cancelled {
            return Ok(JobStopAnswer {
                job: views::job(world, &job)?,
                message,
            });
        }
        let now = world.now();
        let run = open_run(world, &job)?;
        let stop = annul(&mut job, run, note, now, &mut unit)?;
        unit.save(&job, None, now);
        if units::commit_one(world, unit.finish())? == Ok(()) {
            job.revision += 1;
            if let Some(run) = stop {
                world.cancel(&run);
            }
            if let Some(due) = job.state.due_at {
                world.arm(due);
            }
            return Ok(JobStopAnswer {
                job: views::job(world, &job)?,
                message,
            });
        }
    }
    Err(contended())
}

/// CANCELLED by a person. Answers the run that the pipeline has to be told to stop.
pub fn annul(
    job: &mut Job,
    open_run: Option<Run>,
    note: Option<&str>,
    now: Instant,
    unit: &mut Draft,
) -> Result<Option<String>, ToolError> {
    if ended(job.state.status) {
        return Err(conflict(format!(
            "“{}” is {} already.",
            job.spec.title,
            name(job.state.status)
        )));
    }
    let why = note.unwrap_or("Cancelled by the user.");
    transition(
        &mut job.state,
        JobStatus::Cancelled,
        reason("cancelled_by_user", why),
    )?;
    plan::end(&mut job.state, DependencyOutcome::Failure, now);
    Ok(end_run(job, open_run, "Its job was cancelled.", now, unit))
}

/// Ends the open run of a job that has just ended. Answers the run that the pipeline has to be
/// told to stop.
pub fn end_run(
    job: &mut Job,
    open_run: Option<Run>,
    why: &str,
    now: Instant,
    unit: &mut Draft,
) -> Option<String> {
    let run = open_run?;
    if run.status == RunStatus::Waiting {
        job.state.open_run = None;
        unit.push(Write::UpdateRun(Run {
            status: RunStatus::Cancelled,
            ended_at: Some(now),
            reason: Some(why.into()),
            ..run
        }));
        return None;
    }
    // It executes: it is told to stop, and its end is recorded when it comes, or when its lease
    // lapses.
    job.state.due_at = Some(now);
    Some(run.id)
}
