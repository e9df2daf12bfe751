//! `job_update`.

use crate::bindings::storage::{Rejection, Write};
use crate::bindings::tools::{ErrorCode, JobUpdateAnswer, JobUpdateRequest, ToolError};
use crate::bindings::types::{Caller, Edge, Instant, Job, JobStatus};
use crate::create::sentence;
use crate::dependents;
use crate::errors::{conflict, contended, error, invalid, text};
use crate::forecast;
use crate::ids;
use crate::lifecycle::{ended, name, transition};
use crate::limits;
use crate::offspring;
use crate::plan;
use crate::policies;
use crate::poll;
use crate::prerequisites;
use crate::reach;
use crate::resume::{self, By};
use crate::start;
use crate::stop;
use crate::trigger::{Context, merge, normalise};
use crate::units::{self, Draft, at_revision};
use crate::views;
use crate::world::World;

/// See `wit/tools.wit`.
pub fn update(
    world: &impl World,
    caller: &Caller,
    request: &JobUpdateRequest,
) -> Result<JobUpdateAnswer, ToolError> {
    check_texts(request)?;
    let mut taken = None;
    for _ in 0..limits::DECISIONS_MAX {
        let (job, unit) = reach::to_change(world, caller, &request.job_id)?;
        reach::check_update(world, caller, &job, request)?;
        if let Some(revision) = request.revision
            && revision != job.revision
        {
            let message = format!(
                "The job was changed meanwhile: it has revision {}, not {revision}. Read it again, then decide.",
                job.revision
            );
            return Err(ToolError {
                field: Some("revision".into()),
                ..conflict(message)
            });
        }
        let mut change = Change::new(world, caller, job, unit, taken);
        change.apply(request)?;
        if change.fields.is_empty() {
            return Err(error(
                ErrorCode::InvalidArgument,
                "Nothing to change was given. Name at least one field to update.",
            ));
        }
        let Change {
            before,
            mut job,
            mut unit,
            fields,
            stop,
            now,
            ..
        } = change;
        if let Some(origin) = job.spec.origin.as_ref().filter(|_| caller.run.is_some())
            && ended(before.state.status)
            && !ended(job.state.status)
        {
            offspring::revive(world, &mut unit.beside, origin, &job)?;
        }
        let spec = Some(&job.spec).filter(|spec| **spec != before.spec);
        unit.save(&job, spec.cloned(), now);
        match units::commit_one(world, unit.finish())? {
            Ok(()) => {
                job.revision += 1;
                job.updated_at = now;
                if let Some(run) = stop {
                    world.cancel(&run);
                }
                if let Some(due) = job.state.due_at {
                    world.arm(due);
                }
                return Ok(JobUpdateAnswer {
                    summary: sentence(&job),
                    next_runs: views::next_runs(&job),
                    forecast: forecast::of(&job, now),
                    job: views::job(world, &job)?,
                    updated_fields: fields,
                });
            }
            Err(Rejection::Forbidden(why)) => return Err(error(ErrorCode::Forbidden, why)),
            Err(Rejection::QuotaExceeded(why)) => return Err(error(ErrorCode::QuotaExceeded, why)),
            Err(Rejection::DuplicateSlot) => taken = before.state.next_fire,
            Err(_) => {}
        }
    }
    Err(contended())
}

fn check_texts(request: &JobUpdateRequest) -> Result<(), ToolError> {
    let texts = [
        ("title", &request.title, 1, limits::TITLE_CHARS_MAX),
        (
            "description",
            &request.description,
            0,
            limits::DESCRIPTION_CHARS_MAX,
        ),
        ("payload", &request.payload, 1, limits::PAYLOAD_CHARS_MAX),
        (
            "guidance_text",
            &request.guidance_text,
            1,
            limits::GUIDANCE_CHARS_MAX,
        ),
    ];
    for (field, value, min, max) in texts {
        if let Some(value) = value {
            text(field, value, min, max)?;
        }
    }
    policies::timeout(request.timeout_seconds)?;
    policies::budget(request.budget.as_ref().and_then(Option::as_ref))?;
    policies::tools(request.tool_policy.as_ref().and_then(Option::as_ref))
}

/// One update on its way: the job as it will be, and the unit that makes it so.
struct Change<'a, W: World> {
    world: &'a W,
    caller: &'a Caller,
    now: Instant,
    /// As it was read.
    before: Job,
    job: Job,
    unit: Draft,
    fields: Vec<String>,
    /// The slot that turned out to have a run already.
    taken: Option<Instant>,
    /// The run that has to be stopped.
    stop: Option<String>,
}

impl<'a, W: World> Change<'a, W> {
    fn new(world: &'a W, caller: &'a Caller, job: Job, unit: Draft, taken: Option<Instant>) -> Self {
        Self {
            world,
            caller,
            now: world.now(),
            before: job.clone(),
            job,
            taken,
            unit,
            fields: Vec::new(),
            stop: None,
        }
    }

    fn changed(&mut self, field: &str) {
        self.fields.push(field.into());
    }

    fn apply(&mut self, request: &JobUpdateRequest) -> Result<(), ToolError> {
        let edits = request.title.is_some()
            || request.description.is_some()
            || request.payload.is_some()
            || request.guidance_text.is_some()
            || request.trigger_config.is_some()
            || request.job_type.is_some()
            || request.depends_on.is_some()
            || request.retry.is_some()
            || request.timeout_seconds.is_some()
            || request.budget.is_some()
            || request.tool_policy.is_some()
            || request.notify.is_some()
            || request.run_now == Some(true);
        let status = self.job.state.status;
        let revives = status == JobStatus::Failed && request.status == Some(JobStatus::Active);
        if edits && ended(status) && !revives {
            return Err(conflict(format!(
                "“{}” is {}: it cannot be changed any more. Create a new job instead{}.",
                self.job.spec.title,
                name(status),
                if status == JobStatus::Failed {
                    ", or retry it with status ACTIVE"
                } else {
                    ""
                }
            )));
        }
        self.texts(request)?;
        self.policies(request)?;
        let schedule = self.schedule(request)?;
        let dependencies = self.dependencies(request)?;
        self.status(request)?;
        if (schedule || dependencies) && request.status.is_none() {
            self.rearm(dependencies)?;
        }
        if request.run_now == Some(true) {
            self.run_now()?;
        }
        Ok(())
    }

    fn texts(&mut self, request: &JobUpdateRequest) -> Result<(), ToolError> {
        if let Some(title) = &request.title {
            self.job.spec.title = title.trim().into();
            self.changed("title");
        }
        if let Some(description) = &request.description {
            self.job.spec.description.clone_from(description);
            self.changed("description");
        }
        if let Some(payload) = &request.payload {
            self.job.spec.payload.clone_from(payload);
            self.changed("payload");
        }
        if let Some(guidance) = &request.guidance_text {
            let payload = format!("{}\n\n{guidance}", self.job.spec.payload);
            text("payload", &payload, 1, limits::PAYLOAD_CHARS_MAX)?;
            self.job.spec.payload = payload;
            self.changed("guidance_text");
        }
        Ok(())
    }

    fn policies(&mut self, request: &JobUpdateRequest) -> Result<(), ToolError> {
        if request.retry.is_some() {
            self.job.spec.retry = policies::retry(request.retry.as_ref(), &self.job.spec.retry)?;
            self.changed("retry");
        }
        if let Some(timeout) = request.timeout_seconds {
            self.job.spec.timeout_seconds = timeout;
            self.changed("timeout_seconds");
        }
        if let Some(budget) = request.budget {
            self.job.spec.budget = budget;
            self.changed("budget");
        }
        if let Some(policy) = &request.tool_policy {
            self.job.spec.tool_policy.clone_from(policy);
            self.changed("tool_policy");
        }
        if let Some(notify) = request.notify {
            self.job.spec.notify = notify;
            self.changed("notify");
        }
        Ok(())
    }

    /// Whether the schedule changed.
    fn schedule(&mut self, request: &JobUpdateRequest) -> Result<bool, ToolError> {
        if request.trigger_config.is_none() && request.job_type.is_none() {
            return Ok(false);
        }
        let mut trigger = self.job.spec.trigger.clone();
        let mut job_type = request.job_type.or(Some(self.job.spec.job_type));
        if let Some(patch) = &request.trigger_config {
            trigger = merge(&trigger, patch);
            // Words, or another kind of time, may make another type of it.
            let kind = patch.when.as_ref().is_some_and(Option::is_some);
            if kind && request.job_type.is_none() {
                job_type = None;
            }
        }
        let context = Context {
            now: self.now,
            caller_zone: self.caller.time_zone.as_deref(),
            stored: Some(&self.job.spec.trigger),
        };
        let normalised = normalise(&trigger, job_type, &context)?;
        if self.job.spec.trigger.interval_seconds != normalised.trigger.interval_seconds {
            self.job.spec.anchor = self.now;
        }
        self.job.spec.trigger = normalised.trigger;
        self.job.spec.job_type = normalised.job_type;
        if request.trigger_config.is_some() {
            self.changed("trigger_config");
        }
        if request.job_type.is_some() {
            self.changed("job_type");
        }
        Ok(true)
    }

    /// Whether the dependencies changed.
    fn dependencies(&mut self, request: &JobUpdateRequest) -> Result<bool, ToolError> {
        let Some(wanted) = &request.depends_on else {
            return Ok(false);
        };
        let wanted = prerequisites::merged(Some(wanted), None)?;
        let wanted = prerequisites::edges(self.world, self.caller, &self.job.id, &wanted)?;
        for guard in prerequisites::check_cycle(self.world, &self.job, &wanted)? {
            self.unit.guard(guard);
        }
        let present = resume::edges_of(self.world, &self.job)?;
        for old in &present {
            if wanted
                .iter()
                .all(|(_, edge)| edge.prerequisite != old.prerequisite)
            {
                self.unit
                    .push(Write::DeleteEdge(crate::bindings::storage::EdgeKey {
                        dependent: old.dependent.clone(),
                        prerequisite: old.prerequisite.clone(),
                    }));
            }
        }
        for (prerequisite, edge) in &wanted {
            self.unit.guard(at_revision(prerequisite));
            self.unit.push(Write::PutEdge(edge.clone()));
            if present.iter().all(|old| old.prerequisite != edge.prerequisite) {
                prerequisites::attach(&mut self.unit.beside, prerequisite);
            }
        }
        let edges: Vec<Edge> = wanted.into_iter().map(|(_, edge)| edge).collect();
        self.job.state.has_dependencies = !edges.is_empty();
        self.job.state.unmet = plan::unmet(&edges);
        self.edges_now(&edges)?;
        self.changed("depends_on");
        Ok(true)
    }

    /// Brings a job that has not started in line with its new dependencies.
    fn edges_now(&mut self, edges: &[Edge]) -> Result<(), ToolError> {
        let status = self.job.state.status;
        if status == JobStatus::Active && plan::free(&self.job.spec, edges, self.now) {
            // Nothing holds it back: its schedule goes on, with what is due at this moment.
            return Ok(());
        }
        if status == JobStatus::Paused
            && self.job.state.open_run.is_none()
            && !plan::free(&self.job.spec, edges, self.now)
        {
            // What was armed before does not count any more: the end of the pause looks at what it waits for now.
            self.job.state.next_fire = None;
            return Ok(());
        }
        let idle = matches!(
            status,
            JobStatus::Active | JobStatus::Pending | JobStatus::Blocked
        );
        if idle && self.job.state.open_run.is_none() {
            self.unit
                .because("dependencies_changed", "It waits for other jobs now.");
            self.pass_over()?;
            resume::wait(&mut self.job)?;
            dependents::weigh(&mut self.job, edges, self.now)?;
        }
        Ok(())
    }

    fn status(&mut self, request: &JobUpdateRequest) -> Result<(), ToolError> {
        let Some(status) = request.status else {
            return Ok(());
        };
        let present = self.job.state.status;
        self.unit.because("resumed_by_user", "Resumed by the user.");
        match status {
            JobStatus::Active => match present {
                JobStatus::Active | JobStatus::InProgress | JobStatus::Pending => {}
                JobStatus::Paused if self.executing()? => {
                    // Its run still executes: it simply goes on.
                    transition(&mut self.job.state, JobStatus::Active, None)?;
                    transition(&mut self.job.state, JobStatus::InProgress, None)?;
                    self.job.state.due_at = Some(self.now);
                }
                JobStatus::Paused | JobStatus::Blocked | JobStatus::Failed => {
                    resume::resume(self.world, &mut self.job, self.now, By::Person)?;
                }
                _ => transition(&mut self.job.state, status, None)?,
            },
            JobStatus::Paused => stop::suspend(&mut self.job, None, None, self.now, &mut self.unit)?,
            JobStatus::Cancelled if present == JobStatus::Cancelled => {}
            JobStatus::Cancelled => {
                let run = match &self.job.state.open_run {
                    Some(run) => self.world.get_runs(std::slice::from_ref(run))?.pop().flatten(),
                    None => None,
                };
                self.stop = stop::annul(&mut self.job, run, None, self.now, &mut self.unit)?;
            }
            JobStatus::Archived if present == JobStatus::Archived => {}
            JobStatus::Archived => {
                if !ended(present) {
                    return Err(conflict(format!(
                        "“{}” is {}; only a job that has ended can be archived. Cancel it first.",
                        self.job.spec.title,
                        name(present)
                    )));
                }
                let reason = self.job.state.status_reason.clone();
                transition(&mut self.job.state, status, reason)?;
            }
            _ => {
                let message = format!(
                    "status cannot be set to {}; use ACTIVE, PAUSED, CANCELLED or ARCHIVED.",
                    name(status)
                );
                return Err(invalid("status", message));
            }
        }
        self.changed("status");
        Ok(())
    }

    fn executing(&self) -> Result<bool, ToolError> {
        use crate::bindings::types::RunStatus;
        let Some(run) = &self.job.state.open_run else {
            return Ok(false);
        };
        let run = self.world.get_runs(std::slice::from_ref(run))?.pop().flatten();
        Ok(run.is_some_and(|run| matches!(run.status, RunStatus::Executing | RunStatus::Analysing)))
    }

    /// After a change of schedule: the next fire is computed anew. An update that would leave the
    /// job without any fire is refused.
    fn rearm(&mut self, dependencies: bool) -> Result<(), ToolError> {
        if dependencies {
            // Done with the dependencies.
            return Ok(());
        }
        let status = self.job.state.status;
        let running = self.job.state.open_run.is_some();
        // Without an open run, resuming arms a stopped job.
        let armed = matches!(status, JobStatus::Active | JobStatus::InProgress);
        if !armed && !running {
            return Ok(());
        }
        let (before, spec) = (&self.before.spec, &self.job.spec);
        let same = before.job_type == spec.job_type
            && before.trigger == spec.trigger
            && before.anchor == spec.anchor;
        if same {
            return Ok(());
        }
        self.pass_over()?;
        let slot = plan::first_slot(&self.job.id, &self.job.spec, self.now)
            .map_err(|why| invalid("trigger_config", why))?;
        let Some(slot) = slot else {
            return Err(invalid(
                "trigger_config",
                "With this change the job would never fire again. Cancel it instead.",
            ));
        };
        self.job.state.next_fire = Some(slot).filter(|_| !running || plan::repeats(&self.job.spec));
        if !running {
            self.job.state.due_at = Some(slot);
        }
        Ok(())
    }

    /// Slots that are due and were not started: recorded as missed, since what comes now counts
    /// from the present.
    fn pass_over(&mut self) -> Result<(), ToolError> {
        let (spec, now) = (&self.before.spec, self.now);
        let armed = matches!(
            self.before.state.status,
            JobStatus::Active | JobStatus::InProgress
        );
        let slot = self.before.state.next_fire.filter(|slot| *slot <= now);
        let Some(slot) = slot.filter(|_| armed && plan::repeats(spec) && slot != self.taken) else {
            return Ok(());
        };
        let schedule = plan::schedule(&self.job.id, spec).map_err(|why| invalid("trigger_config", why))?;
        let more = schedule.missed_between(slot, now).map_or(0, |(_, count)| count);
        let id = ids::run(self.world);
        let run = start::missed_run(id, &self.before, slot, more.saturating_add(1), 0, now);
        self.unit.push(Write::InsertRun(run));
        Ok(())
    }

    /// Arms the present. A slot that is due is not lost by it: it is the run that is asked for, or
    /// it is recorded as missed where it is too late to run.
    fn fire_now(&mut self) -> Result<(), ToolError> {
        let now = self.now;
        if plan::repeats(&self.job.spec)
            && let Some(slot) = self.job.state.next_fire.filter(|slot| *slot <= now)
        {
            let choice = poll::choose_slot(&self.job, slot, now);
            if let (None, _) = choice.map_err(|why| invalid("trigger_config", why))? {
                self.pass_over()?;
                self.job.state.next_fire = None;
            }
        }
        plan::fire_now(self.world, &mut self.job, now)?;
        Ok(())
    }

    fn run_now(&mut self) -> Result<(), ToolError> {
        match self.job.state.status {
            JobStatus::Active => {
                self.job.state.due_at = Some(self.now);
                if self.job.state.open_run.is_none() {
                    self.fire_now()?;
                }
            }
            JobStatus::InProgress => {
                return Err(conflict(format!(
                    "“{}” is running at this moment.",
                    self.job.spec.title
                )));
            }
            status => {
                return Err(conflict(format!(
                    "“{}” is {}; it can run now only when it is ACTIVE.",
                    self.job.spec.title,
                    name(status)
                )));
            }
        }
        self.changed("run_now");
        Ok(())
    }
}
