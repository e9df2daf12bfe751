//! What a simulation brought, as it is printed: the names are those of its JSON.

use std::collections::HashMap;

use chrono::{DateTime, Datelike as _, SecondsFormat, TimeZone as _};
use chrono_tz::Tz;
use serde::Serialize;
use serde_json::{Value, json};

use super::noteworthy::{self, Noteworthy};
use super::world::{Simulated, World};
use super::{Outage, Plan, SimulateError};
use crate::host::LOCAL_TENANT;
use crate::limits::PAGE_ROWS_MAX;
use crate::storage::Storage as _;
use crate::storage::words::Word as _;
use crate::wit::storage::{RunFilter, StorageError};
use crate::wit::types::{Instant, Job, Message, Run, RunStatus};

/// Places behind the point of a US dollar amount: sums of doubles have stray digits further on.
const COST_DIGITS: f64 = 1e6;

/// The whole report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    pub seed: u64,
    /// RFC 3339 in `timezone`.
    pub start: String,
    /// The first instant that is not simulated any more.
    pub end: String,
    pub timezone: String,
    pub fail_rate: f64,
    pub outages: Vec<Down>,
    pub run_seconds: u32,
    pub parallel_runs: u32,
    pub jobs: Vec<JobReport>,
    pub totals: Totals,
    pub noteworthy: Vec<Noteworthy>,
    /// In the order of their slots, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fires: Option<Vec<Fire>>,
}

/// A stretch without a host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Down {
    pub from: String,
    pub until: String,
}

/// What became of one job. Times are RFC 3339 in the job's zone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JobReport {
    pub title: String,
    pub job_type: String,
    pub schedule_summary: String,
    pub timezone: String,
    /// Slots for which a run was started.
    pub fires: u64,
    /// Of the fires.
    pub succeeded: u64,
    /// Of the fires; retried attempts that failed are not counted here.
    pub failed: u64,
    /// Attempts after the first.
    pub retries: u64,
    /// Slots that passed without a run.
    pub missed: u64,
    /// Messages to the person.
    pub messages: u64,
    pub tokens: u64,
    pub cost_usd: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_fire: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_fire: Option<String>,
    /// At the end.
    pub status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_reason: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_run_at: Option<String>,
}

/// Sums over all jobs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    pub jobs: u64,
    pub fires: u64,
    pub succeeded: u64,
    pub failed: u64,
    pub retries: u64,
    pub missed: u64,
    pub messages: u64,
    pub tokens: u64,
    pub cost_usd: f64,
}

/// One slot for which a run was started.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fire {
    pub title: String,
    /// RFC 3339 in the job's zone.
    pub scheduled_for: String,
    /// When its last attempt began.
    pub started_at: String,
    pub status: String,
    /// Attempts it took.
    pub attempt: u32,
}

/// Everything that is known of one job at the end.
pub(super) struct History<'a> {
    pub(super) job: Job,
    pub(super) zone: Tz,
    /// Its view by the component.
    view: Value,
    /// Rows of this simulation, oldest slot first.
    runs: Vec<Run>,
    pub(super) messages: Vec<Message>,
    world: &'a World,
}

impl History<'_> {
    /// Runs that were started.
    pub(super) fn fires(&self) -> impl DoubleEndedIterator<Item = &Run> {
        self.runs
            .iter()
            .filter(|run| self.world.pipeline.has_started(&run.id))
    }

    /// Stretches of slots that passed without a run.
    pub(super) fn missed(&self) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(|run| run.status == RunStatus::Missed)
    }

    pub(super) fn local(&self, at: Instant) -> String {
        rfc3339(at, self.zone)
    }

    /// The job's status and the reason for it, as the component words them.
    pub(super) fn text(&self, pointer: &str) -> Option<&str> {
        self.view.pointer(pointer).and_then(Value::as_str)
    }

    fn report(&self) -> JobReport {
        let text = |pointer: &str| self.text(pointer).unwrap_or_default().to_owned();
        let ended_as = |status: RunStatus| self.fires().filter(|run| run.status == status).count() as u64;
        let fires = self.fires().count() as u64;
        let attempts = self.world.pipeline.attempts_of(&self.job.id);
        JobReport {
            title: text("/title"),
            job_type: text("/job_type"),
            schedule_summary: text("/schedule_summary"),
            timezone: self.zone.name().to_owned(),
            fires,
            succeeded: ended_as(RunStatus::Succeeded),
            failed: ended_as(RunStatus::Failed),
            retries: attempts.saturating_sub(fires),
            missed: self.missed().map(|run| u64::from(run.slots)).sum(),
            messages: self.messages.len() as u64,
            tokens: self
                .fires()
                .map(|run| run.usage.tokens_in + run.usage.tokens_out)
                .sum(),
            cost_usd: rounded(self.fires().map(|run| run.usage.cost_usd).sum()),
            first_fire: self.fires().next().map(|run| self.local(run.slot)),
            last_fire: self.fires().next_back().map(|run| self.local(run.slot)),
            status: text("/status"),
            status_reason: self.view.get("status_reason").cloned(),
            next_run_at: self.text("/next_run_at").map(str::to_owned),
        }
    }

    fn list(&self) -> impl Iterator<Item = (Instant, Fire)> {
        self.fires().map(|run| {
            let fire = Fire {
                title: self.job.spec.title.clone(),
                scheduled_for: self.local(run.slot),
                started_at: self.local(run.started_at.unwrap_or(run.slot)),
                status: run.status.word().to_owned(),
                attempt: run.attempt,
            };
            (run.slot, fire)
        })
    }
}

/// Reads what the simulation left behind.
pub(super) async fn write(
    plan: &Plan,
    world: &World,
    simulated: &[Simulated],
    outages: Vec<Outage>,
) -> Result<Report, SimulateError> {
    let histories = histories(world, simulated).await?;
    let jobs: Vec<JobReport> = histories.iter().map(History::report).collect();
    let mut noteworthy = Vec::new();
    for history in &histories {
        noteworthy.extend(noteworthy::about(world, history, plan, &outages).await?);
    }
    let fires = plan.list_fires.then(|| {
        let mut fires: Vec<(Instant, Fire)> = histories.iter().flat_map(History::list).collect();
        fires.sort_by_key(|(slot, _)| *slot);
        fires.into_iter().map(|(_, fire)| fire).collect()
    });
    let local = |at: Instant| rfc3339(at, plan.time_zone);
    let down = |outage: Outage| Down {
        from: local(outage.from),
        until: local(outage.until),
    };
    Ok(Report {
        seed: plan.seed,
        start: local(plan.start),
        end: local(plan.end),
        timezone: plan.time_zone.name().to_owned(),
        fail_rate: plan.faults.fail_rate,
        outages: outages.into_iter().map(down).collect(),
        run_seconds: plan.runs.seconds,
        parallel_runs: plan.runs.parallel,
        totals: totals(&jobs),
        jobs,
        noteworthy,
        fires,
    })
}

fn totals(jobs: &[JobReport]) -> Totals {
    let mut totals = Totals {
        jobs: jobs.len() as u64,
        ..Totals::default()
    };
    for job in jobs {
        totals.fires += job.fires;
        totals.succeeded += job.succeeded;
        totals.failed += job.failed;
        totals.retries += job.retries;
        totals.missed += job.missed;
        totals.messages += job.messages;
        totals.tokens += job.tokens;
        totals.cost_usd += job.cost_usd;
    }
    totals.cost_usd = rounded(totals.cost_usd);
    totals
}

fn rounded(cost_usd: f64) -> f64 {
    (cost_usd * COST_DIGITS).round() / COST_DIGITS
}

fn unanswered(error: StorageError) -> SimulateError {
    SimulateError::Failed(format!("the simulation's storage: {error}"))
}

async fn histories<'a>(world: &'a World, simulated: &[Simulated]) -> Result<Vec<History<'a>>, SimulateError> {
    let ids = simulated.iter().map(|job| job.id.clone()).collect();
    let jobs = world
        .storage
        .get_jobs(LOCAL_TENANT, ids)
        .await
        .map_err(unanswered)?;
    let mut messages = messages(world).await?;
    let mut histories = Vec::with_capacity(simulated.len());
    for (simulated, job) in simulated.iter().zip(jobs) {
        let job = job.ok_or_else(|| SimulateError::Failed(format!("job {} is gone", simulated.id)))?;
        let request = json!({ "job_id": simulated.id, "include_runs": 0 });
        let answer = world
            .ask("tools", "job-retrieval-by-id", &simulated.caller, request)
            .await
            .map_err(|error| SimulateError::Failed(error.to_string()))?;
        let zone = job
            .spec
            .trigger
            .timezone
            .as_deref()
            .and_then(|zone| zone.parse().ok());
        histories.push(History {
            runs: runs(world, &simulated.id).await?,
            messages: messages.remove(&simulated.id).unwrap_or_default(),
            zone: zone.unwrap_or(Tz::UTC),
            view: answer.get("job").cloned().unwrap_or_default(),
            job,
            world,
        });
    }
    Ok(histories)
}

/// All runs of a job, oldest slot first.
async fn runs(world: &World, job: &str) -> Result<Vec<Run>, SimulateError> {
    let mut runs: Vec<Run> = Vec::new();
    loop {
        let filter = RunFilter {
            job: job.to_owned(),
            statuses: Vec::new(),
            before: runs.last().map(|run| run.slot),
            limit: PAGE_ROWS_MAX,
        };
        let page = world
            .storage
            .find_runs(LOCAL_TENANT, filter)
            .await
            .map_err(unanswered)?;
        let full = page.len() == PAGE_ROWS_MAX as usize;
        runs.extend(page);
        if !full {
            runs.reverse();
            return Ok(runs);
        }
    }
}

/// What people were told, oldest first, by job.
async fn messages(world: &World) -> Result<HashMap<String, Vec<Message>>, SimulateError> {
    let mut told: HashMap<String, Vec<Message>> = HashMap::new();
    let mut after = 0;
    loop {
        let page = world
            .storage
            .inbox(LOCAL_TENANT, None, after, PAGE_ROWS_MAX)
            .await;
        let page = page.map_err(unanswered)?;
        let Some(last) = page.last() else { return Ok(told) };
        after = last.position;
        for entry in page {
            told.entry(entry.message.job.clone())
                .or_default()
                .push(entry.message);
        }
    }
}

/// An instant in a zone; local times of the first and the last years of the calendar have none.
pub(super) fn rfc3339(at: Instant, zone: Tz) -> String {
    DateTime::from_timestamp_millis(at)
        .filter(|at| (1..=9_999).contains(&at.year()))
        .map(|at| {
            zone.from_utc_datetime(&at.naive_utc())
                .to_rfc3339_opts(SecondsFormat::Secs, false)
        })
        .unwrap_or_default()
}
