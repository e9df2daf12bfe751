//! Jobs that runs create: where they come from, and how many there may be. A model that goes
//! astray, or is led astray, must not fill the store: generations end, a run creates a bounded
//! number of jobs, and of what came of one person's job a bounded number is live.
//!
//! The counts stand on rows that the creating unit writes under their revisions: the parent's, and
//! the root's. Two calls at once cannot both find room for the last one; whoever else writes such
//! a row (its own run's end, an update) writes it under its revision, too, and decides again.
//!
//! That a descendant ends writes no counter: an end must never fail or wait for another row. The
//! root's list is checked against the rows when it is full instead, and an end only makes room.

use crate::bindings::tools::{ErrorCode, ToolError};
use crate::bindings::types::{Job, Offspring, Origin};
use crate::errors::{conflict, error};
use crate::lifecycle::ended;
use crate::limits;
use crate::reach::Running;
use crate::units::Beside;
use crate::world::World;

/// Where a job comes from that this run creates, unless it comes of too many generations.
pub fn origin(running: &Running) -> Result<Origin, ToolError> {
    let parent = &running.job;
    let (root, depth) = match &parent.spec.origin {
        Some(origin) => (origin.root.clone(), origin.depth),
        None => (parent.id.clone(), 0),
    };
    if depth >= limits::ORIGIN_DEPTH_MAX {
        return Err(exceeded(format!(
            "“{}” was itself created by a run, in generation {depth}, the last: its runs may create no jobs. Do the work \
             in this run, or say in its output what is to be done.",
            parent.spec.title
        )));
    }
    Ok(Origin {
        parent: parent.id.clone(),
        run: running.id.clone(),
        root,
        depth: depth + 1,
    })
}

/// Counts a new job on its parent and on its root.
pub fn count(
    world: &impl World,
    beside: &mut Beside,
    running: &Running,
    origin: &Origin,
    job_id: &str,
) -> Result<(), ToolError> {
    let row = beside.row(&running.job);
    let offspring = begun(row, &running.id);
    if offspring.run != running.id {
        offspring.run.clone_from(&running.id);
        offspring.run_children = 0;
    }
    if offspring.run_children >= limits::RUN_CHILDREN_MAX {
        return Err(exceeded(format!(
            "This run has created {} jobs, as many as a run may. Give each job more to do, or leave the rest to the next \
             run.",
            limits::RUN_CHILDREN_MAX
        )));
    }
    offspring.run_children += 1;
    offspring.children += 1;
    live(world, beside, origin, job_id, &running.job)
}

/// Counts a job as live that had ended, and that a run brings back.
pub fn revive(world: &impl World, beside: &mut Beside, origin: &Origin, job: &Job) -> Result<(), ToolError> {
    live(world, beside, origin, &job.id, job)
}

/// Puts a job on its root's list of live ones; `known` may be the root's row.
fn live(
    world: &impl World,
    beside: &mut Beside,
    origin: &Origin,
    job_id: &str,
    known: &Job,
) -> Result<(), ToolError> {
    let root = if known.id == origin.root {
        known.clone()
    } else {
        let found = world.get_jobs(std::slice::from_ref(&origin.root))?;
        found.into_iter().next().flatten().ok_or_else(|| gone(origin))?
    };
    let row = beside.row(&root);
    let title = row.spec.title.clone();
    let listed = &mut begun(row, &origin.run).live;
    if listed.iter().any(|id| id == job_id) {
        return Ok(());
    }
    if listed.len() >= limits::LIVE_DESCENDANTS_MAX {
        let rows = world.get_jobs(listed)?;
        let alive = |row: &Option<Job>| row.as_ref().is_some_and(|job| !ended(job.state.status));
        let mut rows = rows.iter();
        listed.retain(|_| rows.next().is_some_and(alive));
    }
    if listed.len() >= limits::LIVE_DESCENDANTS_MAX {
        return Err(exceeded(format!(
            "{} jobs that came of “{title}” ({}) have not ended, as many as may be. Wait until some have, or cancel \
             those that are not needed.",
            limits::LIVE_DESCENDANTS_MAX,
            origin.root
        )));
    }
    listed.push(job_id.into());
    Ok(())
}

/// What a job's runs created, also where that is nothing yet.
fn begun<'a>(row: &'a mut Job, run: &str) -> &'a mut Offspring {
    row.state.offspring.get_or_insert_with(|| Offspring {
        children: 0,
        run: run.into(),
        run_children: 0,
        live: Vec::new(),
    })
}

/// A job that came of one that was deleted since: a host deletes none that has live ones, but a run may bring
/// back one that had ended.
fn gone(origin: &Origin) -> ToolError {
    conflict(format!(
        "The job {} that this one comes from is not there: nothing more may come of it.",
        origin.root
    ))
}

fn exceeded(message: String) -> ToolError {
    error(ErrorCode::QuotaExceeded, message)
}
