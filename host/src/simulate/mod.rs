//! The time machine: the real component in a simulated world. Its storage is in memory, its clock
//! is moved from one due instant to the next, its randomness comes from a seed, and its pipeline
//! is an agent that only takes time. One thing happens after the other, so the same plan gives
//! the same report to the last byte.
//!
//! The component is called directly, without the host's loops: with those, what is settled
//! together would depend on the machine's threads.

mod agent;
mod faults;
mod input;
mod noteworthy;
mod random;
mod report;
#[cfg(test)]
mod tests;
mod world;

use std::collections::HashMap;

use chrono_tz::Tz;

pub use self::faults::{Faults, Outage};
pub use self::input::read_requests;
pub use self::report::{Fire, JobReport, Report, Totals};
use crate::storage::sqlite::Snapshot;
use crate::wit::types::Instant;

/// What is simulated.
pub struct Plan {
    pub jobs: Jobs,
    /// The first instant, and the first one that is not simulated any more.
    pub start: Instant,
    pub end: Instant,
    /// The caller's zone: for triggers that name none, and for the report's own times.
    pub time_zone: Tz,
    pub seed: u64,
    pub faults: Faults,
    pub runs: Runs,
    /// Whether the report lists every fire.
    pub list_fires: bool,
}

/// Where the jobs come from.
pub enum Jobs {
    /// `job_create` requests, created at the start one after the other.
    Requests(Vec<serde_json::Value>),
    /// The live jobs of a store, as they stand.
    Snapshot(Snapshot),
}

/// What a run is like.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Runs {
    /// How long one takes.
    pub seconds: u32,
    /// What one uses. None: the mean of the job's latest runs in the store, nothing where it has
    /// none.
    pub tokens: Option<u64>,
    pub cost_usd: Option<f64>,
    /// How many may execute at the same time.
    pub parallel: u32,
}

/// What one run of a job uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct RunUsage {
    tokens: u64,
    cost_usd: f64,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// What was given has to be mended.
    #[error("{message}")]
    Input {
        /// The field's path, in the job that is meant.
        field: Option<String>,
        message: String,
    },
    /// The simulation itself did not come to its end.
    #[error("{0}")]
    Failed(String),
}

impl SimulateError {
    pub(crate) fn input(message: impl Into<String>) -> Self {
        Self::Input {
            field: None,
            message: message.into(),
        }
    }
}

/// Carries out a plan.
///
/// # Errors
/// When a job is refused, or the simulation grows beyond its limits.
pub async fn simulate(plan: Plan) -> Result<Report, SimulateError> {
    let usage = match &plan.jobs {
        Jobs::Requests(_) => HashMap::new(),
        Jobs::Snapshot(snapshot) => input::mean_usage(snapshot),
    };
    let outages = plan.faults.outages(plan.start, plan.end, plan.seed);
    let mut world = world::World::new(&plan, usage)?;
    let jobs = world.fill(&plan).await?;
    world.run(plan.end, &outages).await?;
    report::write(&plan, &world, &jobs, outages).await
}
