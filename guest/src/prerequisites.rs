//! What a job is to wait for: from references to edges.

use crate::bindings::storage::{EdgeFilter, JobFilter, Page, Write};
use crate::bindings::tools::{Dependency, ToolError};
use crate::bindings::types::{Caller, DependencyCondition, Edge, EdgeStatus, Job};
use crate::dependents;
use crate::errors::{invalid, range, text};
use crate::limits;
use crate::units;
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

/// The writes that make a prerequisite notice a new dependent: its row changes, so that its end
/// and the new edge cannot pass each other by.
pub fn attach(prerequisite: &Job, now: i64) -> Write {
    let mut job = prerequisite.clone();
    job.state.dependents += 1;
    units::update(&job, None, now)
}

/// Refuses edges that would close a circle, naming it.
pub fn check_cycle(world: &impl World, job: &Job, wanted: &[(Job, Edge)]) -> Result<(), ToolError> {
    let mut trail: std::collections::HashMap<String, String> = std::collections::HashMap::new();
    let mut front: Vec<String> = Vec::new();
    for (prerequisite, _) in wanted {
        trail.insert(prerequisite.id.clone(), job.id.clone());
        front.push(prerequisite.id.clone());
    }
    while !front.is_empty() {
        if trail.len() > limits::CYCLE_JOBS_MAX {
            let message = format!(
                "More than {} jobs hang together here; simplify the dependencies.",
                limits::CYCLE_JOBS_MAX
            );
            return Err(invalid("depends_on", message));
        }
        let mut next = Vec::new();
        for page in front.chunks(1_000) {
            for edge in world.find_edges(&EdgeFilter::OfDependents(page.to_vec()))? {
                if edge.prerequisite == job.id {
                    return Err(cycle(world, job, &trail, &edge.dependent)?);
                }
                if !trail.contains_key(&edge.prerequisite) {
                    trail.insert(edge.prerequisite.clone(), edge.dependent);
                    next.push(edge.prerequisite);
                }
            }
        }
        front = next;
    }
    Ok(())
}

fn cycle(
    world: &impl World,
    job: &Job,
    trail: &std::collections::HashMap<String, String>,
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
    let mut titles = vec![job.spec.title.clone()];
    titles.extend(
        world
            .get_jobs(&ids)?
            .into_iter()
            .flatten()
            .map(|job| job.spec.title),
    );
    titles.push(job.spec.title.clone());
    let circle: Vec<String> = titles.iter().map(|title| format!("“{title}”")).collect();
    Ok(invalid(
        "depends_on",
        format!(
            "These would wait for each other in a circle: {}.",
            circle.join(" → ")
        ),
    ))
}
