//! What a job is to wait for: from references to edges.

use std::collections::{HashMap, VecDeque};

use crate::bindings::storage::{AncestorEdges, EdgeFilter, Guard, JobFilter, Page};
use crate::bindings::tools::{Dependency, ToolError};
use crate::bindings::types::{Caller, DependencyCondition, Edge, EdgeStatus, Job};
use crate::dependents;
use crate::errors::{invalid, range, text};
use crate::limits;
use crate::units::{self, Beside};
use crate::world::World;

/// The jobs of one person.
pub fn own(caller: &Caller) -> JobFilter {
    JobFilter {
        agent: Some(caller.agent.clone()),
        user: Some(caller.user.clone()),
        statuses: Vec::new(),
        job_types: Vec::new(),
        include_archived: false,
        idempotency_key: None,
        title: None,
    }
}

/// A first page, without a total.
pub fn page(limit: u32) -> Page {
    Page {
        limit,
        cursor: None,
        count: false,
    }
}

/// Whether a job belongs to the caller.
pub fn is_own(job: &Job, caller: &Caller) -> bool {
    job.agent == caller.agent && job.user == caller.user
}

/// `depends_on` and its short form as one list, with the name of the field of each.
pub fn merged(
    long: Option<&[Dependency]>,
    short: Option<&[String]>,
) -> Result<Vec<(String, Dependency)>, ToolError> {
    let mut all = Vec::new();
    for (index, dependency) in long.unwrap_or_default().iter().enumerate() {
        all.push((format!("depends_on[{index}]"), dependency.clone()));
    }
    for (index, job) in short.unwrap_or_default().iter().enumerate() {
        let dependency = Dependency {
            job: job.clone(),
            on: None,
            delay_seconds: None,
        };
        all.push((format!("depends_on_job_ids[{index}]"), dependency));
    }
    if all.len() > limits::DEPENDENCIES_MAX {
        let message = format!(
            "{} prerequisites; at most {} are allowed.",
            all.len(),
            limits::DEPENDENCIES_MAX
        );
        return Err(invalid("depends_on", message));
    }
    for (field, dependency) in &all {
        text(
            &format!("{field}.job"),
            &dependency.job,
            1,
            limits::NAME_CHARS_MAX,
        )?;
        range(
            &format!("{field}.delay_seconds"),
            dependency.delay_seconds,
            0,
            limits::DELAY_SECONDS_MAX,
        )?;
    }
    Ok(all)
}

/// The job a reference means: its id, else its idempotency key, else its title.
fn resolve(world: &impl World, caller: &Caller, field: &str, reference: &str) -> Result<Job, ToolError> {
    let unknown = || {
        let message = format!(
            "“{reference}” is no job of yours by id, idempotency key or title. Create it first, or look its id up \
             with job_retrieval_by_keywords."
        );
        invalid(format!("{field}.job"), message)
    };
    if reference.starts_with("job_")
        && let Some(job) = world.get_jobs(&[reference.to_owned()])?.pop().flatten()
    {
        return if is_own(&job, caller) {
            Ok(job)
        } else {
            Err(unknown())
        };
    }
    let by_key = JobFilter {
        idempotency_key: Some(reference.into()),
        include_archived: true,
        ..own(caller)
    };
    if let Some(job) = world.find_jobs(&by_key, &page(1))?.jobs.pop() {
        return Ok(job);
    }
    let by_title = JobFilter {
        title: Some(reference.into()),
        ..own(caller)
    };
    let mut found = world.find_jobs(&by_title, &page(2))?.jobs;
    if let [first, second] = &found[..] {
        let message = format!(
            "“{reference}” is the title of several jobs, among them {} and {}: name one by its id.",
            first.id, second.id
        );
        return Err(invalid(format!("{field}.job"), message));
    }
    found.pop().ok_or_else(unknown)
}

/// A job's prerequisites, each with the edge to it.
pub fn edges(
    world: &impl World,
    caller: &Caller,
    dependent: &str,
    wanted: &[(String, Dependency)],
) -> Result<Vec<(Job, Edge)>, ToolError> {
    let mut all: Vec<(Job, Edge)> = Vec::with_capacity(wanted.len());
    for (field, dependency) in wanted {
        let job = resolve(world, caller, field, dependency.job.trim())?;
        if job.id == dependent {
            return Err(invalid(format!("{field}.job"), "A job cannot depend on itself."));
        }
        if all.iter().any(|(other, _)| other.id == job.id) {
            let message = format!(
                "“{}” is named twice; name each prerequisite once.",
                job.spec.title
            );
            return Err(invalid(format!("{field}.job"), message));
        }
        let on = dependency.on.unwrap_or(DependencyCondition::Success);
        let outcome = dependents::outcome_of(&job);
        let edge = Edge {
            dependent: dependent.into(),
            prerequisite: job.id.clone(),
            on,
            delay_seconds: dependency.delay_seconds.unwrap_or(0),
            status: outcome.map_or(EdgeStatus::Waiting, |outcome| dependents::settle(on, outcome)),
            settled_at: outcome.map(|_| ended_at(&job)),
        };
        all.push((job, edge));
    }
    Ok(all)
}

fn ended_at(job: &Job) -> i64 {
    job.state
        .last_run
        .as_ref()
        .and_then(|run| run.ended_at)
        .unwrap_or(job.updated_at)
}

/// Makes a prerequisite notice a new dependent: its row changes, so that its end and the new edge
/// cannot pass each other by.
pub fn attach(beside: &mut Beside, prerequisite: &Job) {
    beside.row(prerequisite).state.dependents += 1;
}

/// Refuses edges that would close a circle, naming it. Who has no dependents is in no circle.
///
/// Two changes far apart can close a circle together, each seeing none. So every job that the
/// answer rests on is guarded: a change of what a job waits for writes that job's row.
pub fn check_cycle(world: &impl World, job: &Job, wanted: &[(Job, Edge)]) -> Result<Vec<Guard>, ToolError> {
    if job.state.dependents == 0 || wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut front: VecDeque<String> = wanted.iter().map(|(wanted, _)| wanted.id.clone()).collect();
    let ancestors = EdgeFilter::Ancestors(AncestorEdges {
        dependents: front.iter().cloned().collect(),
        limit: limits::CYCLE_EDGES_MAX,
    });
    // First the rows, then what is decided on: a change in between makes the rows stale.
    let seen = world.find_edges(&ancestors)?;
    let ends = seen
        .into_iter()
        .flat_map(|edge| [edge.dependent, edge.prerequisite]);
    let mut guarded: Vec<String> = ends.collect();
    guarded.sort();
    guarded.dedup();
    guarded.truncate(limits::CYCLE_GUARDS_MAX);
    let rows = world.get_jobs(&guarded)?;
    let guards = rows.iter().flatten().map(units::at_revision).collect();
    let above = world.find_edges(&ancestors)?;
    if above.len() == limits::CYCLE_EDGES_MAX as usize {
        let message = format!(
            "{} dependencies or more hang together here; simplify them.",
            limits::CYCLE_EDGES_MAX
        );
        return Err(invalid("depends_on", message));
    }
    let mut waits_for: HashMap<&str, Vec<&str>> = HashMap::with_capacity(above.len());
    for edge in &above {
        waits_for
            .entry(&edge.dependent)
            .or_default()
            .push(&edge.prerequisite);
    }
    // Who was reached from whom, on the way up from the job.
    let mut trail: HashMap<String, String> = front.iter().map(|id| (id.clone(), job.id.clone())).collect();
    while let Some(reached) = front.pop_front() {
        for above in waits_for.get(reached.as_str()).into_iter().flatten() {
            if *above == job.id {
                return Err(cycle(world, job, &trail, &reached)?);
            }
            if !trail.contains_key(*above) {
                trail.insert((*above).to_owned(), reached.clone());
                front.push_back((*above).to_owned());
            }
        }
    }
    Ok(guards)
}

fn cycle(
    world: &impl World,
    job: &Job,
    trail: &HashMap<String, String>,
    last: &str,
) -> Result<ToolError, ToolError> {
    let mut ids = vec![last.to_owned()];
    while let Some(before) = ids
        .last()
        .and_then(|id| trail.get(id))
        .filter(|id| **id != job.id)
    {
        ids.push(before.clone());
    }
    ids.reverse();
    // A long circle is told by its two ends.
    let left_out = ids.len().saturating_sub(limits::CYCLE_JOBS_NAMED_MAX);
    let half = limits::CYCLE_JOBS_NAMED_MAX / 2;
    if left_out > 0 {
        ids.drain(half..half + left_out);
    }
    let between = world
        .get_jobs(&ids)?
        .into_iter()
        .flatten()
        .map(|job| job.spec.title);
    let own = std::iter::once(job.spec.title.clone());
    let titles = own.clone().chain(between).chain(own);
    let mut circle: Vec<String> = titles.map(|title| format!("“{title}”")).collect();
    if left_out > 0 {
        circle.insert(half + 1, format!("… {left_out} more …"));
    }
    Ok(invalid(
        "depends_on",
        format!(
            "These would wait for each other in a circle: {}.",
            circle.join(" → ")
        ),
    ))
}
