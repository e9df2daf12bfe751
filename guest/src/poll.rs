//! `poll`: claims what is due, decides each, records what was decided, starts runs.

use std::collections::HashSet;

use crate::approval;
use crate::bindings::agent_pipeline::{RunRequest, Task};
use crate::bindings::runner::{PollReport, Problem, RunnerError};
use crate::bindings::storage::{Claim, Rejection, StorageError, Unit, Write};
use crate::bindings::types::{
    EdgeStatus, ErrorClass, Instant, Job, JobStatus, MessageKind, MisfirePolicy, Run, RunError, RunStatus,
};
use crate::chat::verdict;
use crate::dependents;
use crate::ids;
use crate::lifecycle::{ended, reason, transition};
use crate::limits;
use crate::messages;
use crate::plan;
use crate::resume::{self, By};
use crate::retry;
use crate::settle::Step;
use crate::spending::{self, SpentOut};
use crate::start;
use crate::trouble::Trouble;
use crate::units::{self, Draft};
use crate::world::World;

/// What was decided about one claim.
struct Decision {
    unit: Unit,
    /// The run to hand to the pipeline once the unit is committed.
    request: Option<RunRequest>,
}

/// See `wit/runner.wit`.
pub fn poll(world: &impl World, limit: u32) -> Result<PollReport, RunnerError> {
    let mut report = PollReport {
        claimed: 0,
        started: 0,
        conflicts: 0,
        problems: Vec::new(),
    };
    if limit == 0 {
        return Ok(report);
    }
    let unavailable = |error: StorageError| RunnerError::Unavailable(units::describe(&error));
    let mut open = world
        .claim_due(limit.min(limits::POLL_JOBS_MAX))
        .map_err(unavailable)?;
    report.claimed = open.len() as u32;
    // What storage hands out is due by its clock; where this host's is behind, storage's counts.
    let due = open.iter().filter_map(|claim| claim.job.state.due_at).max();
    let due = due.unwrap_or(Instant::MIN);
    // Slots that turned out to have a run already, with their jobs.
    let mut taken = HashSet::new();
    for _ in 0..limits::DECISIONS_MAX {
        let mut deciding = Vec::with_capacity(open.len());
        let mut decided = Vec::with_capacity(open.len());
        let mut requests = Vec::with_capacity(open.len());
        for claim in open.drain(..) {
            let now = world.now().max(due);
            match decide(world, &claim, &taken, now) {
                Ok(Decision { unit, request }) => {
                    deciding.push(claim);
                    decided.push(unit);
                    requests.push(request);
                }
                Err(Trouble::Storage(error)) => return Err(unavailable(error)),
                // The lease stays: the row is looked at again when it lapses, not in a hot loop.
                Err(Trouble::Row(message)) => report.problems.push(Problem {
                    job_id: claim.job.id,
                    message,
                }),
            }
        }
        if decided.is_empty() {
            return Ok(report);
        }
        let slots: Vec<Option<Instant>> = decided.iter().map(first_slot).collect();
        let results = world.commit(&decided).map_err(unavailable)?;
        let mut submitted = Vec::with_capacity(deciding.len());
        let mut again = Vec::new();
        let decided = deciding.into_iter().zip(requests).zip(slots);
        for (((claim, request), slot), result) in decided.zip(results) {
            match result {
                Ok(()) => submitted.extend(request),
                Err(Rejection::Stale) => again.push(claim),
                Err(Rejection::DuplicateSlot) => {
                    taken.extend(slot.map(|slot| (claim.job.id.clone(), slot)));
                    again.push(claim);
                }
                Err(other) => report.problems.push(Problem {
                    job_id: claim.job.id,
                    message: format!("{other:?}"),
                }),
            }
        }
        report.started += submitted.len() as u32;
        if !submitted.is_empty() {
            world.submit(&submitted);
        }
        if again.is_empty() {
            return Ok(report);
        }
        open = reread(world, again).map_err(unavailable)?;
    }
    report.conflicts = open.len() as u32;
    let releases: Vec<Unit> = open
        .iter()
        .map(|claim| Unit {
            guards: Vec::new(),
            writes: vec![units::release(&claim.job, claim.token)],
        })
        .collect();
    world.commit(&releases).map_err(unavailable)?;
    Ok(report)
}

/// The first slot for which a unit inserts a run.
fn first_slot(unit: &Unit) -> Option<Instant> {
    unit.writes.iter().find_map(|write| match write {
        Write::InsertRun(run) => Some(run.slot),
        _ => None,
    })
}

/// Claims whose jobs changed after they were read, as they are now.
fn reread(world: &impl World, claims: Vec<Claim>) -> Result<Vec<Claim>, StorageError> {
    let ids: Vec<String> = claims.iter().map(|claim| claim.job.id.clone()).collect();
    let mut fresh = Vec::with_capacity(claims.len());
    for (claim, job) in claims.into_iter().zip(world.get_jobs(&ids)?) {
        let Some(job) = job else { continue };
        let open_run = match &job.state.open_run {
            Some(run) => world.get_runs(std::slice::from_ref(run))?.pop().flatten(),
            None => None,
        };
        fresh.push(Claim {
            job,
            open_run,
            ..claim
        });
    }
    Ok(fresh)
}

fn decide(
    world: &impl World,
    claim: &Claim,
    taken: &HashSet<(String, Instant)>,
    now: Instant,
) -> Result<Decision, Trouble> {
    let mut job = claim.job.clone();
    let is_taken = |slot: Instant| taken.contains(&(claim.job.id.clone(), slot));
    for _ in 0..taken.len() {
        if job.state.status == JobStatus::Active && job.state.next_fire.is_some_and(is_taken) {
            pass_slot(world, &mut job)?;
        }
    }
    let mut unit = Draft::claimed(&job, claim.token);
    if let Some(outcome) = job.state.untold.take() {
        if dependents::tell(world, &job, outcome)? {
            job.state.due_at = settled_due(&job, now);
        } else {
            job.state.untold = Some(outcome);
        }
        return Ok(finish(unit, job, claim.token, now));
    }
    if let Some(run) = &claim.open_run {
        return take_over(world, unit, job, run, claim.token, now);
    }
    if job.state.status == JobStatus::Active
        && let Some(heard) = job.state.hearing.take()
    {
        return hear(world, unit, job, &heard, claim.token, now);
    }
    match job.state.status {
        JobStatus::Active => fire(world, unit, job, claim.token, now),
        JobStatus::Paused if job.state.resume_at.is_some_and(|at| at <= now) => {
            unit.because("resumed_by_time", "The pause is over.");
            resumes(world, &mut unit, &mut job, now)?;
            Ok(finish(unit, job, claim.token, now))
        }
        JobStatus::Blocked if approval::until(&job).is_some_and(|until| until <= now) => {
            unit.because("unanswered", approval::lapse(&mut job));
            resume::resume(world, &mut job, now, By::Person)?;
            if job.state.status == JobStatus::Active {
                plan::fire_now(world, &mut job, now)?;
            }
            tell_stop(world, &mut unit, &job);
            Ok(finish(unit, job, claim.token, now))
        }
        JobStatus::Blocked if job.state.due_at.is_some() && blocked_for_budget(&job) => {
            unit.because("budget_renewed", "A new day's budget is there.");
            resumes(world, &mut unit, &mut job, now)?;
            Ok(finish(unit, job, claim.token, now))
        }
        _ => {
            // Nothing to do by itself: asleep until someone acts.
            job.state.hearing = None;
            job.state.due_at = asleep_until(&job);
            unit.save(&job, None, now);
            unit.release(&job, claim.token);
            Ok(Decision {
                unit: unit.finish(),
                request: None,
            })
        }
    }
}

/// Resumes a job by itself.
fn resumes(world: &impl World, unit: &mut Draft, job: &mut Job, now: Instant) -> Result<(), Trouble> {
    resume::resume(world, job, now, By::Clock)?;
    tell_stop(world, unit, job);
    Ok(())
}

/// Where a job was brought to its end or left to a person, the person hears of it.
fn tell_stop(world: &impl World, unit: &mut Draft, job: &Job) {
    let kind = match job.state.status {
        JobStatus::Blocked => MessageKind::Incident,
        JobStatus::Failed => MessageKind::Failure,
        _ => return,
    };
    if let Some(why) = &job.state.status_reason {
        let fact = format!("stopped:{}", job.revision);
        unit.push(messages::about(world, job, None, kind, &fact, &why.message));
    }
}

/// The slot has a run. A slot of the schedule: on to the next one. A run beside the schedule (a ONE_OFF
/// that runs again, `run_now`, an answer): it takes the millisecond after the job's latest run.
fn pass_slot(world: &impl World, job: &mut Job) -> Result<(), Trouble> {
    let Some(taken) = job.state.next_fire else {
        return Ok(());
    };
    let schedule = plan::schedule(&job.id, &job.spec).map_err(Trouble::Row)?;
    job.state.next_fire = if plan::repeats(&job.spec) && schedule.next_after(taken - 1) == Some(taken) {
        schedule.next_after(taken)
    } else {
        plan::latest_slot(world, job)?.map(|latest| taken.max(latest + 1))
    };
    Ok(())
}

fn blocked_for_budget(job: &Job) -> bool {
    job.state
        .status_reason
        .as_ref()
        .is_some_and(|reason| reason.code == "budget_spent")
}

/// When a job that has told its dependents is due again.
fn settled_due(job: &Job, now: Instant) -> Option<Instant> {
    if job.state.open_run.is_some() {
        // It was interrupted, too: that comes next.
        return Some(now);
    }
    match job.state.status {
        JobStatus::Active if job.state.hearing.is_some() => Some(now),
        JobStatus::Active => job.state.next_fire,
        _ => asleep_until(job),
    }
}

/// When a job that does nothing by itself goes on by the clock.
fn asleep_until(job: &Job) -> Option<Instant> {
    match job.state.status {
        JobStatus::Paused => job.state.resume_at,
        JobStatus::Blocked => approval::until(job),
        _ => None,
    }
}

fn finish(mut unit: Draft, job: Job, token: u64, now: Instant) -> Decision {
    unit.save(&job, None, now);
    unit.release(&job, token);
    Decision {
        unit: unit.finish(),
        request: None,
    }
}

/// Asks the pipeline whether what was said means that the job's goal is met. The lease is kept until
/// the verdict is settled; should this host die, the next one asks again.
fn hear(
    world: &impl World,
    mut unit: Draft,
    mut job: Job,
    heard: &str,
    token: u64,
    now: Instant,
) -> Result<Decision, Trouble> {
    let said = verdict::message(world, heard)?;
    let Some(said) = said.filter(|_| world.can_judge() && plan::repeats(&job.spec)) else {
        plan::rearm(&mut job, now)?;
        return Ok(finish(unit, job, token, now));
    };
    let request = verdict::request(&job, &said, token, now);
    job.state.hearing = Some(heard.into());
    job.state.due_at = Some(now);
    unit.save(&job, None, now);
    Ok(Decision {
        unit: unit.finish(),
        request: Some(request),
    })
}

/// The claimed job has an open run: it waited for its next attempt, or its host died.
fn take_over(
    world: &impl World,
    mut unit: Draft,
    mut job: Job,
    run: &Run,
    token: u64,
    now: Instant,
) -> Result<Decision, Trouble> {
    let mut run = run.clone();
    if ended(job.state.status) {
        run.status = RunStatus::Cancelled;
        run.ended_at = Some(now);
        run.reason = Some("Its job had ended when its lease lapsed.".into());
        job.state.open_run = None;
        job.state.due_at = None;
        unit.push(Write::UpdateRun(run));
        return Ok(finish(unit, job, token, now));
    }
    if matches!(job.state.status, JobStatus::Paused | JobStatus::Blocked) {
        if job.state.resume_at.is_some_and(|at| at <= now) {
            unit.because("resumed_by_time", "The pause is over.");
            resumes(world, &mut unit, &mut job, now)?;
            return Ok(finish(unit, job, token, now));
        }
        // Interrupted while it was to stop: it waits, and goes on when the job is resumed.
        run.status = RunStatus::Waiting;
        job.state.due_at = job.state.resume_at;
        unit.push(Write::UpdateRun(run));
        return Ok(finish(unit, job, token, now));
    }
    if start::interrupted(&job, &run) {
        run.journal
            .push(format!("Attempt {} was interrupted.", run.attempt));
        if run.attempt >= retry::max_attempts(&job.spec.retry) {
            let text = format!("Interrupted {} times without an end.", run.attempt);
            run.ended_at = Some(now);
            run.error = Some(RunError {
                class: ErrorClass::Transient,
                message: text.clone(),
            });
            let mut step = Step {
                world,
                now,
                unit: &mut unit,
            };
            step.fails(&mut job, &mut run, "retries_exhausted", &text)?;
            unit.push(Write::UpdateRun(run));
            return Ok(finish(unit, job, token, now));
        }
    }
    let task = if run.status == RunStatus::Analysing {
        Task::Judge
    } else {
        Task::Execute
    };
    if task == Task::Execute
        && let Some(spent) = spending::spent_out(&job, now)
    {
        // The run waits: with more budget, resumed, it goes on where it was.
        run.status = RunStatus::Waiting;
        block(world, &mut unit, &mut job, Some(&run), &spent)?;
        unit.push(Write::UpdateRun(run));
        return Ok(finish(unit, job, token, now));
    }
    run.attempt += 1;
    run.token = token;
    run.started_at = Some(now);
    if task == Task::Execute {
        run.status = RunStatus::Executing;
    }
    if job.state.status == JobStatus::Active {
        transition(&mut job.state, JobStatus::InProgress, None)?;
    }
    job.state.due_at = Some(now);
    submit(world, unit, job, run, task, now, false)
}

/// BLOCKED, and told, because the budget is spent.
pub(crate) fn block(
    world: &impl World,
    unit: &mut Draft,
    job: &mut Job,
    run: Option<&Run>,
    (text, until): &SpentOut,
) -> Result<(), Trouble> {
    transition(
        &mut job.state,
        JobStatus::Blocked,
        reason("budget_spent", text.as_str()),
    )?;
    job.state.due_at = *until;
    let fact = format!("budget:{}", job.revision);
    let run = run.map(|run| run.id.as_str());
    unit.push(messages::about(
        world,
        job,
        run,
        MessageKind::Incident,
        &fact,
        text,
    ));
    Ok(())
}

/// ACTIVE and due: starts the run of its slot, after its misfire policy and its budget were asked.
fn fire(
    world: &impl World,
    mut unit: Draft,
    mut job: Job,
    token: u64,
    now: Instant,
) -> Result<Decision, Trouble> {
    let Some(slot) = job.state.next_fire else {
        plan::rearm(&mut job, now)?;
        return Ok(finish(unit, job, token, now));
    };
    // It may have been moved on by milliseconds, past a slot that was taken.
    if slot > now + limits::SLOT_SHIFT_MS_MAX {
        job.state.due_at = Some(slot);
        return Ok(finish(unit, job, token, now));
    }
    if job.state.unmet > 0 {
        // Dependencies that it was given while a run executed hold back the next one.
        let edges = resume::edges_of(world, &job)?;
        if edges.iter().any(|edge| edge.status == EdgeStatus::Waiting) {
            resume::wait(&mut job)?;
            dependents::weigh(&mut job, &edges, now)?;
            tell_stop(world, &mut unit, &job);
            return Ok(finish(unit, job, token, now));
        }
    }
    if let Some(spent) = spending::over_budget(&job, now) {
        block(world, &mut unit, &mut job, None, &spent)?;
        return Ok(finish(unit, job, token, now));
    }
    let (mut run_slot, mut missed) = match choose_slot(&job, slot, now) {
        Ok(choice) => choice,
        Err(why) => {
            plan::fail(&mut job.state, now, "schedule_invalid", &why)?;
            unit.push(messages::about(
                world,
                &job,
                None,
                MessageKind::Failure,
                "schedule",
                &why,
            ));
            return Ok(finish(unit, job, token, now));
        }
    };
    let mut done = slot;
    if missed.is_some()
        && let Some(newest) = plan::latest_slot(world, &job)?.filter(|newest| *newest >= slot)
    {
        // A host whose clock is behind armed a time among those that ran already.
        (run_slot, missed, done) = (Some(slot), None, newest);
    }
    if let Some((first, slots)) = missed {
        let run = start::missed_run(ids::run(world), &job, first, slots, token, now);
        unit.push(Write::InsertRun(run));
    }
    let after = run_slot.or(missed.map(|_| now)).unwrap_or(now).max(done);
    job.state.next_fire = match plan::schedule(&job.id, &job.spec) {
        Ok(schedule) if plan::repeats(&job.spec) => schedule.next_after(after),
        _ => None,
    };
    let Some(run_slot) = run_slot else {
        plan::rearm(&mut job, now)?;
        return Ok(finish(unit, job, token, now));
    };
    let run = start::new_run(ids::run(world), &job, run_slot, token, now);
    transition(&mut job.state, JobStatus::InProgress, None)?;
    job.state.open_run = Some(run.id.clone());
    job.state.due_at = Some(now);
    spending::count(&mut job, now);
    approval::tell(&mut job, &run.id);
    submit(world, unit, job, run, Task::Execute, now, true)
}

fn submit(
    world: &impl World,
    mut unit: Draft,
    job: Job,
    run: Run,
    task: Task,
    now: Instant,
    new: bool,
) -> Result<Decision, Trouble> {
    let material = start::gather(world, &job)?;
    unit.extend(start::replies_read(&material));
    let request = start::request(&job, &run, material, task, now);
    unit.push(if new {
        Write::InsertRun(run)
    } else {
        Write::UpdateRun(run)
    });
    unit.save(&job, None, now);
    Ok(Decision {
        unit: unit.finish(),
        request: Some(request),
    })
}

/// The slot to run, if any, and the stretch of missed ones (first, how many) to record.
pub(crate) type Choice = (Option<Instant>, Option<(Instant, u32)>);

/// Applies the misfire policy to slots from `slot` to `now`.
pub(crate) fn choose_slot(job: &Job, slot: Instant, now: Instant) -> Result<Choice, String> {
    if !plan::repeats(&job.spec) {
        return Ok((Some(slot), None));
    }
    let misfire = job.spec.trigger.misfire.as_ref();
    let policy = misfire
        .and_then(|misfire| misfire.policy)
        .unwrap_or(MisfirePolicy::RunOnce);
    let max_late = misfire
        .and_then(|misfire| misfire.max_late_seconds)
        .map(|late| i64::from(late) * 1_000);
    let schedule = plan::schedule(&job.id, &job.spec)?;
    // Slots after the first that have come meanwhile.
    let later = schedule.missed_between(slot, now);
    let (latest, count) = later.map_or((slot, 1), |(last, count)| (last, count.saturating_add(1)));
    let too_late = |slot: Instant| {
        let lateness = now - slot;
        max_late.is_some_and(|max| lateness > max)
            || (policy == MisfirePolicy::Skip && lateness > limits::ON_TIME_MS)
    };
    if too_late(latest) {
        return Ok((None, Some((slot, count))));
    }
    if count == 1 {
        return Ok((Some(slot), None));
    }
    if policy != MisfirePolicy::RunAll {
        return Ok((Some(latest), Some((slot, count - 1))));
    }
    let keep = misfire
        .and_then(|misfire| misfire.max_runs)
        .unwrap_or(limits::MISFIRE_RUNS_DEFAULT);
    let mut first_kept = slot;
    let mut passed = 0;
    while count - passed > keep || too_late(first_kept) {
        passed += 1;
        match schedule.next_after(first_kept) {
            Some(next) if next <= now => first_kept = next,
            _ => break,
        }
    }
    Ok((Some(first_kept), (passed > 0).then_some((slot, passed))))
}
