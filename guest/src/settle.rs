//! `settle`: records how attempts ended, decides what that means, moves their jobs on.

use std::collections::HashMap;

use crate::approval;
use crate::bindings::agent_pipeline::{Outcome, OutcomeStatus, RunRequest, Task};
use crate::bindings::runner::{FinishedRun, Problem, RunnerError, SettleReport};
use crate::bindings::storage::{Rejection, StorageError, Unit, Write};
use crate::bindings::types::{
    DependencyOutcome, ErrorClass, Instant, Job, JobStatus, JobType, MessageKind, Run, RunBrief, RunError,
    RunStatus, ToolCall, Verdict,
};
use crate::chat::verdict;
use crate::lifecycle::{ended, reason, transition};
use crate::limits;
use crate::messages;
use crate::plan;
use crate::poll;
use crate::retry;
use crate::sabotage::{self, Sabotage};
use crate::spending;
use crate::start;
use crate::trigger::{format_instant, predicate};
use crate::trouble::Trouble;
use crate::units::{self, Draft};
use crate::world::World;

/// See `wit/runner.wit`.
pub fn settle(world: &impl World, finished: Vec<FinishedRun>) -> Result<SettleReport, RunnerError> {
    let mut report = SettleReport {
        settled: 0,
        stale: 0,
        problems: Vec::new(),
    };
    let unavailable = |error: StorageError| RunnerError::Unavailable(units::describe(&error));
    // The same attempt twice in one call is one result.
    let mut seen = HashMap::new();
    let mut open: Vec<FinishedRun> = Vec::with_capacity(finished.len().min(limits::SETTLE_RUNS_MAX));
    for finished in finished.into_iter().take(limits::SETTLE_RUNS_MAX) {
        if seen
            .insert(
                (
                    finished.run_id.clone(),
                    finished.token,
                    finished.task == Task::Judge,
                ),
                (),
            )
            .is_none()
        {
            open.push(finished);
        }
    }
    for _ in 0..limits::DECISIONS_MAX {
        let jobs: Vec<String> = open.iter().map(|finished| finished.job_id.clone()).collect();
        let runs: Vec<String> = open.iter().map(|finished| finished.run_id.clone()).collect();
        let jobs = world.get_jobs(&jobs).map_err(unavailable)?;
        let runs = world.get_runs(&runs).map_err(unavailable)?;
        let now = world.now();
        let mut deciding = Vec::with_capacity(open.len());
        let mut decided = Vec::with_capacity(open.len());
        let mut follow_ups = Vec::with_capacity(open.len());
        for ((finished, job), run) in open.drain(..).zip(jobs).zip(runs) {
            let Some(job) = job else {
                report.stale += 1;
                continue;
            };
            let decision = match run {
                // The verdict on what was said in the chat: it has no run.
                None if job.state.hearing.as_ref() == Some(&finished.run_id) => {
                    verdict::settle(world, job, &finished, now)
                }
                Some(run) if is_awaited(&job, &run, &finished) => decide(world, job, run, &finished, now),
                _ => {
                    report.stale += 1;
                    continue;
                }
            };
            match decision {
                Ok((unit, follow_up)) => {
                    deciding.push(finished);
                    decided.push(unit);
                    follow_ups.push(follow_up);
                }
                Err(Trouble::Storage(error)) => return Err(unavailable(error)),
                Err(Trouble::Row(message)) => {
                    report.problems.push(Problem {
                        job_id: finished.job_id,
                        message,
                    });
                }
            }
        }
        if decided.is_empty() {
            return Ok(report);
        }
        let results = world.commit(&decided).map_err(unavailable)?;
        let mut submitted = Vec::new();
        for ((finished, follow_up), result) in deciding.into_iter().zip(follow_ups).zip(results) {
            match result {
                Ok(()) => {
                    report.settled += 1;
                    match follow_up {
                        Some(FollowUp::Judge(request)) => submitted.push(*request),
                        Some(FollowUp::Stop(run)) => world.cancel(&run),
                        None => {}
                    }
                }
                Err(Rejection::Stale) => open.push(finished),
                Err(other) => {
                    report.problems.push(Problem {
                        job_id: finished.job_id,
                        message: format!("{other:?}"),
                    });
                }
            }
        }
        if !submitted.is_empty() {
            world.submit(&submitted);
        }
        if open.is_empty() {
            return Ok(report);
        }
    }
    for finished in open {
        let message =
            "The job kept changing while its run was settled; the run goes on when its lease lapses.";
        report.problems.push(Problem {
            job_id: finished.job_id,
            message: message.into(),
        });
    }
    Ok(report)
}

/// What the pipeline is told once a unit is committed.
pub enum FollowUp {
    /// To judge the result that was recorded.
    Judge(Box<RunRequest>),
    /// To stop the run with this id, whose job has ended.
    Stop(String),
}

/// Whether this is the end of the attempt that counts.
fn is_awaited(job: &Job, run: &Run, finished: &FinishedRun) -> bool {
    // A result that comes again while it is being judged is no judgement.
    let awaited = match finished.task {
        Task::Execute => run.status == RunStatus::Executing,
        Task::Judge => run.status == RunStatus::Analysing,
    };
    awaited
        && job.state.open_run.as_deref() == Some(run.id.as_str())
        && run.token == finished.token
        && run.job == job.id
}

/// A run in short, for its job.
pub fn brief(run: &Run) -> RunBrief {
    let summary = match &run.report {
        Some(report) if !report.summary.is_empty() => Some(report.summary.as_str()),
        _ => run.output.as_deref().filter(|output| !output.is_empty()),
    };
    RunBrief {
        run_id: run.id.clone(),
        status: run.status,
        started_at: run.started_at,
        ended_at: run.ended_at,
        summary: summary.map(|text| messages::shorten(text, limits::SUMMARY_CHARS_MAX)),
        error: run.error.clone(),
    }
}

/// Adds what an attempt brought to its run.
fn record(run: &mut Run, outcome: &Outcome, now: Instant) {
    run.usage.tokens_in += outcome.usage.tokens_in;
    run.usage.tokens_out += outcome.usage.tokens_out;
    run.usage.cost_usd += outcome.usage.cost_usd.max(0.0);
    run.usage.tool_calls = run.usage.tool_calls.saturating_add(outcome.usage.tool_calls);
    run.usage.seconds += outcome.usage.seconds.max(0.0);
    run.journal.extend(
        outcome
            .journal
            .iter()
            .map(|line| messages::shorten(line, limits::JOURNAL_ENTRY_CHARS_MAX)),
    );
    let surplus = run.journal.len().saturating_sub(limits::JOURNAL_ENTRIES_MAX);
    run.journal.drain(..surplus);
    if run.status == RunStatus::Executing {
        run.output = Some(outcome.output.clone()).filter(|output| !output.is_empty());
        if outcome.output.len() > limits::OUTPUT_BYTES_MAX {
            let end = (0..=limits::OUTPUT_BYTES_MAX)
                .rev()
                .find(|at| outcome.output.is_char_boundary(*at));
            run.output = Some(outcome.output[..end.unwrap_or(0)].into());
            run.journal.push(format!(
                "The output was cut to {} bytes.",
                limits::OUTPUT_BYTES_MAX
            ));
        }
        run.report = outcome.report.clone();
        run.error = outcome.error.clone();
    }
    run.ended_at = Some(now);
}

fn decide(
    world: &impl World,
    mut job: Job,
    mut run: Run,
    finished: &FinishedRun,
    now: Instant,
) -> Result<(Unit, Option<FollowUp>), Trouble> {
    let mut unit = Draft::claimed(&job, finished.token);
    let outcome = &finished.outcome;
    let judged = run.status == RunStatus::Analysing;
    record(&mut run, outcome, now);
    spending::add(&mut job, &outcome.usage, now);

    let mut judgement = None;
    let mut step = Step {
        world,
        now,
        unit: &mut unit,
    };
    let unguarded = ended(job.state.status) && sabotage::on(Sabotage::TerminalGuardOff);
    if job.state.status == JobStatus::InProgress || unguarded {
        judgement = if judged {
            step.judged(&mut job, &mut run, outcome)?;
            None
        } else {
            step.executed(&mut job, &mut run, outcome)?
        };
    } else {
        // Paused or cancelled meanwhile: that stands, and the result is kept all the same.
        step.stopped(&mut job, &mut run, outcome, judged);
        if job.state.untold.is_none() {
            job.state.due_at = if ended(job.state.status) {
                None
            } else {
                job.state.resume_at
            };
        }
    }
    if judgement.is_none() {
        unit.release(&job, finished.token);
    }
    if let Some(due) = job.state.due_at {
        world.arm(due);
    }
    unit.push(Write::UpdateRun(run));
    unit.save(&job, None, now);
    let follow_up = judgement.map(|request| FollowUp::Judge(Box::new(request)));
    Ok((unit.finish(), follow_up))
}

/// The end of one run, and what it does to its job.
pub(crate) struct Step<'a, W: World> {
    pub(crate) world: &'a W,
    pub(crate) now: Instant,
    pub(crate) unit: &'a mut Draft,
}

impl<W: World> Step<'_, W> {
    fn tell(&mut self, job: &Job, run: &Run, kind: MessageKind, fact: &str, text: &str) {
        self.unit
            .push(messages::about(self.world, job, Some(&run.id), kind, fact, text));
    }

    /// Closes the run on its job.
    fn close(&self, job: &mut Job, run: &Run) {
        job.state.open_run = None;
        job.state.last_run = Some(brief(run));
        approval::close(job, &run.id);
    }

    fn executed(
        mut self,
        job: &mut Job,
        run: &mut Run,
        outcome: &Outcome,
    ) -> Result<Option<RunRequest>, Trouble> {
        match outcome.status {
            OutcomeStatus::Ok => return self.succeeded(job, run),
            OutcomeStatus::Failed => {
                let error = outcome.error.clone().unwrap_or(RunError {
                    class: ErrorClass::Permanent,
                    message: "The run failed without saying why.".into(),
                });
                self.failed(job, run, error, outcome.retry_after_seconds)?;
            }
            OutcomeStatus::NeedsInput => self.asks_for(job, run, outcome.asks_for.as_ref())?,
            OutcomeStatus::Cancelled => {
                // Its host stopped: the slot is not done, the next host goes on with it.
                run.status = RunStatus::Waiting;
                run.ended_at = None;
                run.journal
                    .push(format!("Attempt {} was stopped by its host.", run.attempt));
                transition(&mut job.state, JobStatus::Active, None)?;
                job.state.due_at = Some(self.now);
            }
        }
        Ok(None)
    }

    /// The run asks for something: for the approval of a call, or as its output says.
    fn asks_for(&mut self, job: &mut Job, run: &mut Run, call: Option<&ToolCall>) -> Result<(), Trouble> {
        let Some(call) = call else {
            return self.asks(job, run);
        };
        if let Err(why) = approval::check(call) {
            run.error = Some(RunError {
                class: ErrorClass::Permanent,
                message: why.clone(),
            });
            job.state.failure_streak += 1;
            return self.fails(job, run, "run_failed", &format!("Failed: {why}."));
        }
        approval::close(job, &run.id);
        let question = approval::ask(job, run, call, self.now);
        let said = run.output.take().unwrap_or_default();
        run.output = Some(format!("{question}\n\n{said}").trim_end().to_owned());
        self.asks(job, run)?;
        job.state.due_at = approval::until(job);
        Ok(())
    }

    /// The output is a question: the job waits for the answer, without holding a slot.
    fn asks(&mut self, job: &mut Job, run: &mut Run) -> Result<(), Trouble> {
        run.status = RunStatus::NeedsInput;
        let text = messages::result_text(run);
        self.close(job, run);
        let short = messages::shorten(&text, limits::NOTE_CHARS_MAX);
        transition(&mut job.state, JobStatus::Blocked, reason("question_open", short))?;
        job.state.due_at = None;
        self.tell(job, run, MessageKind::Question, "question", &text);
        Ok(())
    }

    fn failed(
        &mut self,
        job: &mut Job,
        run: &mut Run,
        error: RunError,
        retry_after_seconds: Option<u32>,
    ) -> Result<(), Trouble> {
        run.error = Some(error.clone());
        job.state.failure_streak += 1;
        let random = self.world.random();
        let retry_at =
            self.now + retry::delay_after_ms(&job.spec.retry, run.attempt, random, retry_after_seconds);
        // Nothing begins after the horizon, a retry as little as a slot.
        let horizon = plan::schedule(&job.id, &job.spec)
            .ok()
            .and_then(|schedule| schedule.end());
        let retries = run.attempt < retry::max_attempts(&job.spec.retry)
            && horizon.is_none_or(|horizon| retry_at <= horizon);
        let run_spent = spending::run_spent(job, run);
        let job_spent = spending::spent_out(job, self.now);
        match error.class {
            // Another attempt would have as little to spend.
            ErrorClass::Transient | ErrorClass::Quota if run_spent.is_some() => {
                let text = format!("{} {}", run_spent.unwrap_or_default(), error.message);
                return self.fails(job, run, "run_failed", &text);
            }
            ErrorClass::Quota if job_spent.is_some() => {
                run.status = RunStatus::Waiting;
                job.state.last_run = Some(brief(run));
                let spent = job_spent.unwrap_or_default();
                return poll::block(self.world, self.unit, job, Some(run), &spent);
            }
            ErrorClass::Transient if retries => {
                run.status = RunStatus::Waiting;
                run.journal
                    .push(format!("Attempt {} failed: {}", run.attempt, error.message));
                job.state.last_run = Some(brief(run));
                let why = format!(
                    "Attempt {} failed ({}); it is tried again.",
                    run.attempt, error.message
                );
                transition(&mut job.state, JobStatus::Active, reason("retry_waiting", why))?;
                job.state.due_at = Some(retry_at);
                return Ok(());
            }
            ErrorClass::Quota | ErrorClass::Auth => {
                let (code, what) = match error.class {
                    ErrorClass::Quota => ("quota", "a usage limit"),
                    _ => ("credentials", "the credentials"),
                };
                run.status = RunStatus::Waiting;
                job.state.last_run = Some(brief(run));
                // A limit may tell itself when it ends.
                let until = retry_after_seconds.map(|_| retry_at);
                let by_itself = until.map_or(String::new(), |until| {
                    format!(" at {}", format_instant(until, plan::zone(&job.spec)))
                });
                let why = format!(
                    "Paused because of {what}: {}. It goes on{by_itself}{} when that is mended and said to be (`meanwhile \
                     cured`), or when it is resumed.",
                    error.message,
                    if until.is_some() { "," } else { "" },
                );
                transition(&mut job.state, JobStatus::Paused, reason(code, why.clone()))?;
                job.state.resume_at = until;
                job.state.due_at = until;
                let fact = format!("{code}:{}", run.attempt);
                self.tell(job, run, MessageKind::Incident, &fact, &why);
                return Ok(());
            }
            ErrorClass::Transient | ErrorClass::Permanent => {}
        }
        if error.class == ErrorClass::Transient {
            let text = format!("Failed after {} attempts: {}", run.attempt, error.message);
            self.fails(job, run, "retries_exhausted", &text)
        } else {
            let text = format!("Failed: {}", error.message);
            self.fails(job, run, "run_failed", &text)
        }
    }

    /// Closes a bad run, tells of it, and moves the job on.
    pub(crate) fn fails(
        &mut self,
        job: &mut Job,
        run: &mut Run,
        code: &str,
        text: &str,
    ) -> Result<(), Trouble> {
        run.status = RunStatus::Failed;
        self.close(job, run);
        self.tell(job, run, MessageKind::Failure, "failed", text);
        self.after_failure(job, code, text)
    }

    /// The job was paused or cancelled while the run executed: that stands. After a pause the
    /// result is counted and told as ever; who cancels has heard enough.
    fn stopped(&mut self, job: &mut Job, run: &mut Run, outcome: &Outcome, judged: bool) {
        if let Some(call) = &outcome.asks_for {
            let tool = messages::shorten(&call.tool, limits::TOOL_NAME_CHARS_MAX);
            let said = run.output.take().unwrap_or_default();
            let question =
                format!("It wants to call {tool}, and was stopped meanwhile: it asks when it goes on.");
            run.output = Some(format!("{question}\n\n{said}").trim_end().to_owned());
        }
        let paused = !ended(job.state.status);
        let verdict = run.report.as_ref().map(|report| report.verdict);
        if paused && !judged && outcome.status == OutcomeStatus::Cancelled {
            // Its host stopped: the slot is not done, and goes on when the job is resumed.
            run.status = RunStatus::Waiting;
            run.ended_at = None;
            run.journal
                .push(format!("Attempt {} was stopped by its host.", run.attempt));
            return;
        }
        run.status = match (&outcome.status, verdict) {
            // What is judged was good, whatever became of the judgement.
            _ if judged => RunStatus::Succeeded,
            (OutcomeStatus::Ok, Some(Verdict::Failed)) => RunStatus::Failed,
            (OutcomeStatus::Ok, Some(Verdict::Blocked)) => RunStatus::NeedsInput,
            (OutcomeStatus::Ok, _) => RunStatus::Succeeded,
            (OutcomeStatus::Failed, _) => RunStatus::Failed,
            (OutcomeStatus::NeedsInput, _) => RunStatus::NeedsInput,
            (OutcomeStatus::Cancelled, _) => RunStatus::Cancelled,
        };
        self.close(job, run);
        if !paused {
            return;
        }
        let text = messages::result_text(run);
        match run.status {
            RunStatus::Succeeded => {
                job.state.failure_streak = 0;
                job.state.failed_runs = 0;
                let (tells, digest) = messages::tells(job, run);
                if tells {
                    self.tell(job, run, MessageKind::Result, "result", &text);
                    job.state.told_digest = digest;
                }
            }
            RunStatus::NeedsInput => self.tell(job, run, MessageKind::Question, "question", &text),
            _ => {
                job.state.failure_streak += 1;
                let why = match (&run.error, &run.report) {
                    (Some(error), _) => error.message.clone(),
                    (None, Some(report)) => report.summary.clone(),
                    (None, None) => "The run failed without saying why.".into(),
                };
                self.tell(
                    job,
                    run,
                    MessageKind::Failure,
                    "failed",
                    &format!("Failed: {why}"),
                );
            }
        }
        if job.spec.job_type == JobType::Ongoing && run.status != RunStatus::NeedsInput {
            job.state.iteration += 1;
        }
        if matches!(job.spec.job_type, JobType::Scheduled | JobType::Recurring) {
            match run.status {
                RunStatus::Succeeded => {
                    plan::tell_dependents(&mut job.state, DependencyOutcome::Success, self.now);
                }
                RunStatus::Failed => {
                    plan::tell_dependents(&mut job.state, DependencyOutcome::Failure, self.now);
                }
                _ => {}
            }
        }
    }

    /// One bad run does not end a repeating job; several in a row pause it.
    fn after_failure(&mut self, job: &mut Job, code: &str, text: &str) -> Result<(), Trouble> {
        if !plan::repeats(&job.spec) {
            plan::fail(&mut job.state, self.now, code, text)?;
            return Ok(());
        }
        if self.iterations_reached(job)? {
            return Ok(());
        }
        job.state.failed_runs += 1;
        if job.state.failed_runs >= limits::FAILED_RUNS_PAUSE {
            let why = format!(
                "Paused after {} failed runs in a row. {text}",
                job.state.failed_runs
            );
            transition(
                &mut job.state,
                JobStatus::Paused,
                reason("repeated_failure", why.clone()),
            )?;
            job.state.due_at = None;
            let fact = format!("repeated_failure:{}", job.state.run_count);
            self.unit.push(messages::about(
                self.world,
                job,
                None,
                MessageKind::Incident,
                &fact,
                &why,
            ));
        } else {
            plan::rearm(job, self.now)?;
        }
        plan::tell_dependents(&mut job.state, DependencyOutcome::Failure, self.now);
        Ok(())
    }

    /// Counts an ONGOING run; completes the job when its number is reached.
    fn iterations_reached(&mut self, job: &mut Job) -> Result<bool, Trouble> {
        if job.spec.job_type != JobType::Ongoing {
            return Ok(false);
        }
        job.state.iteration += 1;
        let Some(max) = job.spec.trigger.max_iterations else {
            return Ok(false);
        };
        if job.state.iteration < max {
            return Ok(false);
        }
        let why = format!("It ran {max} times, as many as were asked for.");
        plan::complete(&mut job.state, self.now, "iterations_reached", &why)?;
        Ok(true)
    }

    /// A good attempt: what the run reports, then a check on the output, then the pipeline.
    fn succeeded(mut self, job: &mut Job, run: &mut Run) -> Result<Option<RunRequest>, Trouble> {
        let verdict = run.report.as_ref().map(|report| report.verdict);
        match verdict {
            Some(Verdict::Failed) => {
                let why = run
                    .report
                    .as_ref()
                    .map(|report| report.summary.clone())
                    .unwrap_or_default();
                run.status = RunStatus::Failed;
                run.error = Some(RunError {
                    class: ErrorClass::Permanent,
                    message: why.clone(),
                });
                self.close(job, run);
                let text = format!("It reports that it cannot succeed: {why}");
                self.tell(job, run, MessageKind::Failure, "failed", &text);
                job.state.failure_streak += 1;
                if job.spec.job_type == JobType::Ongoing {
                    // Not counted as an iteration: a retry makes the same one again.
                    plan::fail(&mut job.state, self.now, "reported_failed", &text)?;
                } else {
                    self.after_failure(job, "reported_failed", &text)?;
                }
                return Ok(None);
            }
            Some(Verdict::Blocked) => {
                self.asks(job, run)?;
                return Ok(None);
            }
            Some(Verdict::Done) if job.spec.job_type == JobType::Ongoing => {
                self.ends(job, run, Some("The run reported that the goal is met."))?;
                return Ok(None);
            }
            _ => {}
        }
        if job.spec.job_type != JobType::Ongoing {
            self.ends(job, run, None)?;
            return Ok(None);
        }
        let condition = job.spec.trigger.end_condition.clone();
        match condition.as_deref().map(|text| (text, predicate::parse(text))) {
            Some((text, Some(Ok(predicate)))) => {
                let met = predicate.holds(run.output.as_deref().unwrap_or_default());
                run.reason = Some(format!("{text}: {}", if met { "true" } else { "not yet" }));
                self.ends(job, run, met.then_some("Its end condition is met."))?;
            }
            Some((_, None)) if verdict.is_none() && self.world.can_judge() => {
                run.status = RunStatus::Analysing;
                let mut material = start::gather(self.world, job)?;
                material.judge(run);
                return Ok(Some(start::request(job, run, material, Task::Judge, self.now)));
            }
            _ => self.ends(job, run, None)?,
        }
        Ok(None)
    }

    /// The pipeline judged an ONGOING run. Whatever is unclear keeps the job going.
    fn judged(mut self, job: &mut Job, run: &mut Run, outcome: &Outcome) -> Result<(), Trouble> {
        let done = outcome.status == OutcomeStatus::Ok
            && outcome
                .report
                .as_ref()
                .is_some_and(|report| report.verdict == Verdict::Done);
        // The evidence has to be a piece of what the run really produced.
        let evidence = outcome.output.trim();
        let proven = !evidence.is_empty() && run.output.as_deref().unwrap_or_default().contains(evidence);
        run.reason = Some(match (done, proven) {
            (true, true) => format!(
                "Judged to be met: “{}”",
                messages::shorten(evidence, limits::NOTE_CHARS_MAX)
            ),
            (true, false) => "Judged to be met, but the evidence is not in the output: not counted.".into(),
            (false, _) => "Judged not to be met yet.".into(),
        });
        self.ends(
            job,
            run,
            (done && proven).then_some("Its goal was judged to be met."),
        )
    }

    /// Closes a good run and moves the job on; `goal` says that and why the goal is met.
    fn ends(&mut self, job: &mut Job, run: &mut Run, goal: Option<&str>) -> Result<(), Trouble> {
        run.status = RunStatus::Succeeded;
        self.close(job, run);
        job.state.failure_streak = 0;
        job.state.failed_runs = 0;
        if let Some(why) = goal {
            job.state.iteration += 1;
            plan::complete(&mut job.state, self.now, "goal_met", why)?;
        } else if !plan::repeats(&job.spec) {
            plan::complete(&mut job.state, self.now, "run_succeeded", "It ran and succeeded.")?;
        } else if !self.iterations_reached(job)? {
            plan::rearm(job, self.now)?;
            if matches!(job.spec.job_type, JobType::Scheduled | JobType::Recurring) {
                plan::tell_dependents(&mut job.state, DependencyOutcome::Success, self.now);
            }
        }
        let (tells, digest) = messages::tells(job, run);
        let last_word =
            ended(job.state.status) && job.spec.notify != crate::bindings::types::NotifyPolicy::OnFailure;
        if tells || last_word {
            let text = match goal {
                Some(why) => format!("{}\n\n{why}", messages::result_text(run)),
                None => messages::result_text(run),
            };
            self.tell(job, run, MessageKind::Result, "result", &text);
            job.state.told_digest = digest;
        }
        Ok(())
    }
}
