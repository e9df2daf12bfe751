//! `job_create`.

use std::collections::HashSet;

use crate::bindings::storage::{JobFilter, Rejection, SearchMode, SearchQuery, Unit, Write};
use crate::bindings::tools::{ErrorCode, JobCreateAnswer, JobCreateRequest, ToolError};
use crate::bindings::types::{
    Caller, DependencyFailurePolicy, Instant, Job, JobSpec, JobState, JobStatus, NotifyPolicy, StatusChange,
};
use crate::dependents;
use crate::errors::{conflict, contended, error, invalid, text};
use crate::forecast;
use crate::ids;
use crate::limits;
use crate::offspring;
use crate::plan;
use crate::policies;
use crate::prerequisites::{self, own, page};
use crate::reach;
use crate::spending;
pub use crate::trigger::EMPTY_TRIGGER;
use crate::trigger::{Context, normalise, summary};
use crate::units::{self, Beside};
use crate::views;
use crate::world::World;

/// Statuses of a job that has not ended.
pub const LIVE: [JobStatus; 5] = [
    JobStatus::Pending,
    JobStatus::Active,
    JobStatus::InProgress,
    JobStatus::Blocked,
    JobStatus::Paused,
];

/// See `wit/tools.wit`.
pub fn create(
    world: &impl World,
    caller: &Caller,
    request: &JobCreateRequest,
) -> Result<JobCreateAnswer, ToolError> {
    check_texts(caller, request)?;
    // Who may not create learns that first, also where the job is there already.
    reach::to_create(world, caller)?;
    let digest = request_digest(request);
    if let Some(key) = &request.idempotency_key
        && let Some(existing) = by_key(world, caller, key)?
    {
        return repeated(world, existing, digest);
    }
    let now = world.now();
    let trigger = request.trigger_config.as_ref().unwrap_or(&EMPTY_TRIGGER);
    let context = Context {
        now,
        caller_zone: caller.time_zone.as_deref(),
        stored: None,
    };
    let normalised = normalise(trigger, request.job_type, &context)?;
    let wanted = prerequisites::merged(
        request.depends_on.as_deref(),
        request.depends_on_job_ids.as_deref(),
    )?;
    let retry = policies::retry(request.retry.as_ref(), &policies::DEFAULT_RETRY)?;
    policies::timeout(request.timeout_seconds)?;
    policies::budget(request.budget.as_ref())?;
    policies::tools(request.tool_policy.as_ref())?;
    let mut spec = JobSpec {
        title: request.title.trim().into(),
        description: request.description.clone().unwrap_or_default(),
        payload: request.payload.clone(),
        job_type: normalised.job_type,
        trigger: normalised.trigger,
        anchor: now,
        retry,
        timeout_seconds: request.timeout_seconds.unwrap_or(limits::TIMEOUT_SECONDS_DEFAULT),
        budget: request.budget,
        tool_policy: request.tool_policy.clone(),
        notify: request.notify.unwrap_or(NotifyPolicy::Always),
        on_dependency_failure: request
            .on_dependency_failure
            .unwrap_or(DependencyFailurePolicy::Block),
        related_entity_id: request.related_entity_id.clone(),
        narrative_id: request.narrative_id.clone(),
        conversation: caller.conversation.clone(),
        idempotency_key: request.idempotency_key.clone(),
        request_digest: digest,
        origin: None,
    };
    if request.idempotency_key.is_none() && request.confirm_new != Some(true) {
        refuse_similar(world, caller, &spec.title)?;
    }
    let id = ids::job(world);
    for _ in 0..limits::DECISIONS_MAX {
        let now = world.now();
        spec.anchor = now;
        let mut beside = Beside::default();
        let mut guards = Vec::new();
        if let Some(running) = reach::to_create(world, caller)? {
            let origin = offspring::origin(&running)?;
            offspring::count(world, &mut beside, &running, &origin, &id)?;
            guards.extend(running.guards());
            spec.origin = Some(origin);
            spec.tool_policy = running.handed_on(request.tool_policy.as_ref())?;
        }
        let edges = prerequisites::edges(world, caller, &id, &wanted)?;
        let job = arrange(&id, caller, spec.clone(), &edges, now)?;
        let mut unit = Unit {
            guards,
            writes: vec![Write::InsertJob(job.clone())],
        };
        // ACTIVE at once needs no word of its own, a prerequisite that ended badly does.
        if !matches!(job.state.status, JobStatus::Pending | JobStatus::Active) {
            unit.writes.push(Write::InsertChange(StatusChange {
                job: id.clone(),
                at: now,
                from: JobStatus::Pending,
                to: job.state.status,
                by: units::PLATFORM.into(),
                reason: job.state.status_reason.clone(),
            }));
        }
        for (prerequisite, edge) in &edges {
            unit.writes.push(Write::PutEdge(edge.clone()));
            prerequisites::attach(&mut beside, prerequisite);
        }
        beside.write(&mut unit, now);
        match units::commit_one(world, unit)? {
            Ok(()) => return created(world, &job, normalised.warnings),
            Err(Rejection::Stale) => {}
            Err(Rejection::DuplicateKey(other)) => {
                let existing = world.get_jobs(&[other])?.pop().flatten().ok_or_else(contended)?;
                return repeated(world, existing, digest);
            }
            Err(Rejection::DuplicateSlot) => return Err(contended()),
            Err(Rejection::Forbidden(why)) => return Err(error(ErrorCode::Forbidden, why)),
            Err(Rejection::QuotaExceeded(why)) => return Err(error(ErrorCode::QuotaExceeded, why)),
        }
    }
    Err(contended())
}

fn check_texts(caller: &Caller, request: &JobCreateRequest) -> Result<(), ToolError> {
    text("title", &request.title, 1, limits::TITLE_CHARS_MAX)?;
    text("payload", &request.payload, 1, limits::PAYLOAD_CHARS_MAX)?;
    if let Some(description) = &request.description {
        text("description", description, 0, limits::DESCRIPTION_CHARS_MAX)?;
    }
    let names = [
        ("idempotency_key", &request.idempotency_key),
        ("agent_id", &request.agent_id),
        ("user_id", &request.user_id),
        ("related_entity_id", &request.related_entity_id),
        ("narrative_id", &request.narrative_id),
    ];
    for (field, value) in names {
        if let Some(value) = value {
            text(field, value, 1, limits::NAME_CHARS_MAX)?;
        }
    }
    for (field, given, actual) in [
        ("agent_id", &request.agent_id, &caller.agent),
        ("user_id", &request.user_id, &caller.user),
    ] {
        if given.as_ref().is_some_and(|given| given != actual) {
            let message = format!("{field} is not the caller's. Leave it out: it is filled in for you.");
            return Err(ToolError {
                field: Some(field.into()),
                ..error(ErrorCode::Forbidden, message)
            });
        }
    }
    Ok(())
}

/// Tells a repeated request from a different one. `confirm_new` is no content.
fn request_digest(request: &JobCreateRequest) -> u64 {
    let content = JobCreateRequest {
        confirm_new: None,
        ..request.clone()
    };
    ids::digest([format!("{content:?}").as_str()])
}

fn by_key(world: &impl World, caller: &Caller, key: &str) -> Result<Option<Job>, ToolError> {
    let filter = JobFilter {
        idempotency_key: Some(key.into()),
        include_archived: true,
        ..own(caller)
    };
    Ok(world.find_jobs(&filter, &page(1))?.jobs.pop())
}

/// The answer to a request whose idempotency key is taken.
fn repeated(world: &impl World, existing: Job, digest: u64) -> Result<JobCreateAnswer, ToolError> {
    if existing.spec.request_digest != digest {
        let message = format!(
            "idempotency_key belongs to job {} (“{}”), which was created with other content. Use job_update to \
             change that job, or another key for a new one.",
            existing.id, existing.spec.title
        );
        return Err(ToolError {
            field: Some("idempotency_key".into()),
            ..conflict(message)
        });
    }
    let mut answer = created(world, &existing, Vec::new())?;
    answer.created = false;
    Ok(answer)
}

fn created(world: &impl World, job: &Job, warnings: Vec<String>) -> Result<JobCreateAnswer, ToolError> {
    if let Some(due) = job.state.due_at {
        world.arm(due);
    }
    Ok(JobCreateAnswer {
        job: views::job(world, job)?,
        created: true,
        summary: sentence(job),
        next_runs: views::next_runs(job),
        forecast: forecast::of(job, world.now()),
        warnings,
    })
}

/// What was understood, in one sentence.
pub fn sentence(job: &Job) -> String {
    let schedule = summary(job.spec.job_type, &job.spec.trigger);
    match job.state.status {
        JobStatus::Pending => format!("“{}”: waits for its prerequisites. {schedule}", job.spec.title),
        JobStatus::Active | JobStatus::InProgress => format!("“{}”: {schedule}", job.spec.title),
        status => {
            let why = job
                .state
                .status_reason
                .as_ref()
                .map_or("", |reason| reason.message.as_str());
            format!(
                "“{}” is {}. {why}",
                job.spec.title,
                crate::lifecycle::name(status)
            )
        }
    }
}

/// The state of a job that has done nothing yet.
fn fresh() -> JobState {
    JobState {
        status: JobStatus::Pending,
        status_reason: None,
        due_at: None,
        next_fire: None,
        resume_at: None,
        open_run: None,
        unmet: 0,
        has_dependencies: false,
        dependents: 0,
        untold: None,
        run_count: 0,
        failure_streak: 0,
        failed_runs: 0,
        iteration: 0,
        last_run: None,
        told_digest: None,
        hearing: None,
        spent: spending::NOTHING,
        offspring: None,
        approval: None,
    }
}

/// The job as it begins: PENDING, and ACTIVE at once when nothing holds it back.
fn arrange(
    id: &str,
    caller: &Caller,
    spec: JobSpec,
    edges: &[(Job, crate::bindings::types::Edge)],
    now: Instant,
) -> Result<Job, ToolError> {
    let edges: Vec<_> = edges.iter().map(|(_, edge)| edge.clone()).collect();
    let mut job = Job {
        id: id.into(),
        revision: 1,
        agent: caller.agent.clone(),
        user: caller.user.clone(),
        created_by: units::actor(caller).into(),
        created_at: now,
        updated_at: now,
        spec,
        state: fresh(),
    };
    job.state.has_dependencies = !edges.is_empty();
    job.state.unmet = plan::unmet(&edges);
    dependents::weigh(&mut job, &edges, now)?;
    if job.state.status == JobStatus::Completed {
        return Err(invalid(
            "trigger_config",
            "This would never fire: its horizon ends before its first fire.",
        ));
    }
    Ok(job)
}

/// Words that tell nothing about what a job is for.
const FILLERS: [&str; 12] = [
    "to", "the", "a", "an", "for", "job", "task", "of", "and", "my", "on", "in",
];

fn words(title: &str) -> HashSet<String> {
    title
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .filter(|word| !FILLERS.contains(&word.as_str()))
        .collect()
}

fn refuse_similar(world: &impl World, caller: &Caller, title: &str) -> Result<(), ToolError> {
    let wanted = words(title);
    if wanted.is_empty() {
        return Ok(());
    }
    let live = JobFilter {
        statuses: LIVE.into(),
        ..own(caller)
    };
    let mut candidates = world.find_jobs(&live, &page(limits::SIMILAR_JOBS_MAX))?.jobs;
    // Older jobs that have these words; the page above only knows the newest.
    if candidates.len() == limits::SIMILAR_JOBS_MAX as usize {
        let query = SearchQuery {
            terms: vec![title.to_owned()],
            mode: SearchMode::Stems,
            best_first: true,
            filter: live,
            page: page(limits::KEYWORDS_MAX as u32),
        };
        candidates.extend(world.search_jobs(&query)?.hits.into_iter().map(|hit| hit.job));
    }
    let share = |job: &Job| {
        let other = words(&job.spec.title);
        let common = wanted.intersection(&other).count();
        common as f64 / (wanted.len() + other.len() - common) as f64
    };
    let similar = candidates.iter().max_by(|a, b| share(a).total_cmp(&share(b)));
    match similar.filter(|job| share(job) >= limits::SIMILAR_TITLE_SHARE) {
        None => Ok(()),
        Some(job) => Err(ToolError {
            field: Some("title".into()),
            similar_job: Some(views::similar(job)),
            ..error(
                ErrorCode::NeedsConfirmation,
                format!(
                    "A similar job exists: “{}” ({}). Nothing was created. If the user wants a second one, call again \
                     with confirm_new = true; otherwise change that one with job_update.",
                    job.spec.title, job.id
                ),
            )
        }),
    }
}
