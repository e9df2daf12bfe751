//! `cured`: what rules paused jobs for is mended; they go on with the run they were at.

use crate::bindings::runner::{PauseCause, RunnerError};
use crate::bindings::storage::{JobFilter, Page, StorageError};
use crate::bindings::types::{Job, JobStatus};
use crate::limits;
use crate::resume::{self, By};
use crate::trouble::Trouble;
use crate::units::{self, Draft, PLATFORM};
use crate::world::World;

/// See `wit/runner.wit`.
pub fn cured(world: &impl World, cause: PauseCause, agent: Option<&str>) -> Result<u32, RunnerError> {
    let unavailable = |error: StorageError| RunnerError::Unavailable(units::describe(&error));
    let code = match cause {
        PauseCause::Quota => "quota",
        PauseCause::Credentials => "credentials",
    };
    let paused_for_it = |job: &Job| {
        job.state.status == JobStatus::Paused
            && job
                .state
                .status_reason
                .as_ref()
                .is_some_and(|reason| reason.code == code)
    };
    let filter = JobFilter {
        agent: agent.map(Into::into),
        user: None,
        statuses: vec![JobStatus::Paused],
        job_types: Vec::new(),
        include_archived: false,
        idempotency_key: None,
        title: None,
    };
    let mut cursor = None;
    let mut resumed = 0;
    while resumed < limits::CURE_JOBS_MAX {
        let page = Page {
            limit: limits::CURE_PAGE,
            cursor,
            count: false,
        };
        let found = world.find_jobs(&filter, &page).map_err(unavailable)?;
        let mut units = Vec::new();
        let now = world.now();
        for mut job in found.jobs.into_iter().filter(paused_for_it) {
            let mut draft = Draft::guarded(&job, PLATFORM);
            draft.because("cured", "What it was paused for is mended.");
            match resume::resume(world, &mut job, now, By::Person) {
                Ok(()) => {}
                Err(Trouble::Storage(error)) => return Err(unavailable(error)),
                // A row that cannot be moved stays as it is, and holds nobody up.
                Err(Trouble::Row(_)) => continue,
            }
            draft.save(&job, None, now);
            units.push(draft.finish());
        }
        if !units.is_empty() {
            // Who was changed meanwhile was resumed, or stopped, by somebody else.
            let results = world.commit(&units).map_err(unavailable)?;
            resumed += results.iter().filter(|result| result.is_ok()).count() as u32;
            world.arm(now);
        }
        cursor = found.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(resumed)
}
