//! Starting runs: from a claimed job to a run row and a request for the pipeline.

use crate::approval;
use crate::bindings::agent_pipeline::{DependencyOutput, PreviousRun, RunRequest, Task};
use crate::bindings::storage::{EdgeFilter, MessageFilter, MessageUpdate, RunFilter, StorageError, Write};
use crate::bindings::types::{
    Caller, CallingRun, DeliveryStatus, Edge, Instant, Job, JobStatus, JobType, MessageKind, Run, RunStatus,
    Usage,
};
use crate::limits;
use crate::plan;
use crate::reach::REACH_DEFAULT;
use crate::spending;
use crate::trigger::format_instant;
use crate::world::World;

/// Of a run that has not begun.
pub const NO_USAGE: Usage = Usage {
    tokens_in: 0,
    tokens_out: 0,
    cost_usd: 0.0,
    tool_calls: 0,
    seconds: 0.0,
};

/// A run row for a slot that is about to execute.
pub fn new_run(id: String, job: &Job, slot: Instant, token: u64, now: Instant) -> Run {
    Run {
        id,
        job: job.id.clone(),
        slot,
        slots: 1,
        status: RunStatus::Executing,
        attempt: 1,
        token,
        started_at: Some(now),
        ended_at: None,
        output: None,
        report: None,
        error: None,
        usage: NO_USAGE,
        journal: Vec::new(),
        reason: None,
    }
}

/// A row for a stretch of `slots` slots that nothing ran, from `first` on.
pub fn missed_run(id: String, job: &Job, first: Instant, slots: u32, token: u64, now: Instant) -> Run {
    Run {
        slots,
        status: RunStatus::Missed,
        attempt: 0,
        started_at: None,
        ended_at: Some(now),
        reason: Some(format!(
            "{slots} of its times passed while nothing could run them."
        )),
        ..new_run(id, job, first, token, now)
    }
}

/// What the request needs besides job and run.
pub struct Material {
    edges: Vec<Edge>,
    prerequisites: Vec<(Job, Option<Run>)>,
    previous: Vec<Run>,
    replies: Vec<(String, String)>,
}

impl Material {
    /// Nothing besides.
    pub fn none() -> Self {
        Self {
            edges: Vec::new(),
            prerequisites: Vec::new(),
            previous: Vec::new(),
            replies: Vec::new(),
        }
    }

    /// Puts the run that is to be judged first.
    pub fn judge(&mut self, run: &Run) {
        self.previous.retain(|previous| previous.id != run.id);
        self.previous.insert(0, run.clone());
    }
}

/// Reads what a run is told. A first run without dependencies and replies needs no read at all.
pub fn gather(world: &impl World, job: &Job) -> Result<Material, StorageError> {
    let mut material = Material::none();
    if job.state.run_count > 1 {
        let latest = |statuses: Vec<RunStatus>, limit| {
            world.find_runs(&RunFilter {
                job: job.id.clone(),
                statuses,
                before: None,
                limit,
            })
        };
        let ended = vec![RunStatus::Succeeded, RunStatus::Failed, RunStatus::NeedsInput];
        material.previous = latest(ended, limits::PREVIOUS_RUNS_MAX)?;
        // However often it failed since: what a watch compares with is its last good reading.
        if material
            .previous
            .iter()
            .all(|run| run.status != RunStatus::Succeeded)
        {
            material.previous.extend(latest(vec![RunStatus::Succeeded], 1)?);
        }
        material.replies = world
            .find_messages(&MessageFilter {
                id: None,
                job: Some(job.id.clone()),
                user: None,
                kinds: vec![MessageKind::Reply],
                deliveries: vec![DeliveryStatus::Delivered],
                limit: limits::REPLIES_READ_MAX,
            })?
            .into_iter()
            .map(|message| (message.id, message.text))
            .collect();
    }
    if job.state.has_dependencies {
        material.edges = world.find_edges(&EdgeFilter::OfDependents(vec![job.id.clone()]))?;
        let ids: Vec<String> = material
            .edges
            .iter()
            .map(|edge| edge.prerequisite.clone())
            .collect();
        let jobs: Vec<Job> = world.get_jobs(&ids)?.into_iter().flatten().collect();
        let runs: Vec<String> = jobs
            .iter()
            .filter_map(|job| job.state.last_run.as_ref())
            .map(|run| run.run_id.clone())
            .collect();
        let mut runs = if runs.is_empty() {
            Vec::new()
        } else {
            world.get_runs(&runs)?
        };
        material.prerequisites = jobs
            .into_iter()
            .map(|job| {
                let last = job.state.last_run.as_ref().map(|run| run.run_id.as_str());
                let run = runs
                    .iter_mut()
                    .find(|run| run.as_ref().map(|run| run.id.as_str()) == last && last.is_some());
                let run = run.and_then(Option::take);
                (job, run)
            })
            .collect();
    }
    Ok(material)
}

/// Marks the replies as read: part of the unit that starts the run.
pub fn replies_read(material: &Material) -> impl Iterator<Item = Write> + '_ {
    material.replies.iter().map(|(id, _)| {
        Write::UpdateMessage(MessageUpdate {
            id: id.clone(),
            delivery: DeliveryStatus::Read,
        })
    })
}

fn bounded(text: String, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text;
    }
    let mut end = max_bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// The request for the pipeline.
pub fn request(job: &Job, run: &Run, material: Material, task: Task, now: Instant) -> RunRequest {
    let zone = plan::zone(&job.spec);
    let spec = &job.spec;
    let budget = spending::left(job, run, now);
    // Cut to milliseconds: there is no instant beyond them.
    let seconds = budget
        .and_then(|budget| budget.seconds)
        .map(|seconds| (seconds * 1_000.0) as i64);
    let seconds = seconds.filter(|_| task == Task::Execute);
    let time = seconds
        .unwrap_or(i64::MAX)
        .min(i64::from(spec.timeout_seconds) * 1_000);
    RunRequest {
        task,
        run_id: run.id.clone(),
        job_id: job.id.clone(),
        token: run.token,
        idempotency_key: run.id.clone(),
        attempt: run.attempt,
        scheduled_for: format_instant(run.slot, zone),
        title: spec.title.clone(),
        description: spec.description.clone(),
        payload: spec.payload.clone(),
        goal: if spec.job_type == JobType::Ongoing {
            spec.trigger.end_condition.clone()
        } else {
            None
        },
        iteration: job.state.iteration + 1,
        max_iterations: spec.trigger.max_iterations,
        now: format_instant(now, zone),
        timezone: zone.into(),
        caller: Caller {
            agent: job.agent.clone(),
            user: job.user.clone(),
            conversation: spec.conversation.clone(),
            time_zone: Some(zone.into()),
            run: Some(CallingRun {
                id: run.id.clone(),
                token: run.token,
                reach: REACH_DEFAULT,
            }),
        },
        related_entity_id: spec.related_entity_id.clone(),
        narrative_id: spec.narrative_id.clone(),
        dependencies: material
            .prerequisites
            .into_iter()
            .map(|(job, run)| DependencyOutput {
                job_id: job.id,
                title: job.spec.title,
                status: job.state.status,
                output: run.and_then(|run| run.output),
            })
            .collect(),
        previous_runs: material
            .previous
            .into_iter()
            .filter(|previous| previous.id != run.id || task == Task::Judge)
            .map(|previous| PreviousRun {
                scheduled_for: format_instant(previous.slot, zone),
                summary: previous.report.map(|report| report.summary),
                output: previous
                    .output
                    .map(|output| bounded(output, limits::PREVIOUS_OUTPUT_BYTES_MAX)),
                run_id: previous.id,
                status: previous.status,
            })
            .collect(),
        unread_replies: material.replies.into_iter().map(|(_, text)| text).collect(),
        deadline: now + time,
        budget_left: budget,
        tool_policy: spec.tool_policy.clone(),
        answered_call: match task {
            Task::Execute => approval::answered(job, run),
            Task::Judge => None,
        },
        origin: spec.origin.clone(),
    }
}

/// Whether a claimed job has a run that executed when its lease lapsed.
pub fn interrupted(job: &Job, run: &Run) -> bool {
    job.state.status == JobStatus::InProgress
        && matches!(run.status, RunStatus::Executing | RunStatus::Analysing)
}
