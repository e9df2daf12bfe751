//! The simulated world around the component, and its course from one instant to the next.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::agent::Pipeline;
use super::random::Seeded;
use super::{Jobs, Outage, Plan, RunUsage, SimulateError};
use crate::clock::{Clock as _, ManualClock};
use crate::component::{Component, Kept};
use crate::contract;
use crate::host::LOCAL_TENANT;
use crate::imports::TenantContext;
use crate::limits;
use crate::search::Search;
use crate::storage::memory::MemoryStorage;
use crate::storage::sqlite::Snapshot;
use crate::storage::{Quota, Storage as _};
use crate::wit::runner::{FinishedRun, RunnerError};
use crate::wit::schedule::{PreviewAnswer, PreviewRequest};
use crate::wit::storage::{StorageError, Unit, Write};
use crate::wit::types::{Caller, Instant};

/// Who asks for jobs that do not say it.
const CALLER: &str = "local";

/// A job of the simulation, and who may ask for it.
pub(super) struct Simulated {
    pub(super) id: String,
    pub(super) caller: Caller,
}

pub(super) struct World {
    component: Component,
    /// An instance of it for `context`, and the calls it may still take.
    kept: Option<(Kept, u32)>,
    pub(super) storage: Arc<MemoryStorage>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) pipeline: Arc<Pipeline>,
    /// What a call sees: the host that is up now.
    pub(super) context: Arc<TenantContext>,
    /// Hosts that were down again.
    former_hosts: u32,
    parallel_runs: usize,
}

fn failed(error: impl std::fmt::Display) -> SimulateError {
    SimulateError::Failed(error.to_string())
}

fn unanswered(error: StorageError) -> SimulateError {
    SimulateError::Failed(format!("the simulation's storage: {error}"))
}

impl World {
    pub(super) fn new(plan: &Plan, usage: HashMap<String, RunUsage>) -> Result<Self, SimulateError> {
        let sandbox = crate::engine::Sandbox::new().map_err(failed)?;
        let component = Component::load(&sandbox, crate::COMPONENT).map_err(failed)?;
        let storage = Arc::new(MemoryStorage::default());
        let clock = Arc::new(ManualClock::new(plan.start));
        let pipeline = Arc::new(Pipeline::new(plan, Arc::clone(&clock), usage));
        let context = Arc::new(TenantContext {
            tenant: LOCAL_TENANT.to_owned(),
            owner: "host_0".to_owned(),
            storage: Arc::clone(&storage) as _,
            search: Arc::new(Search::new(Arc::clone(&storage) as _, None)),
            clock: Arc::clone(&clock) as _,
            outlet: Arc::clone(&pipeline) as _,
            random: Arc::new(Seeded::new(plan.seed)),
            allowance: Arc::default(),
        });
        Ok(Self {
            component,
            kept: None,
            storage,
            clock,
            pipeline,
            context,
            former_hosts: 0,
            parallel_runs: plan.runs.parallel.max(1) as usize,
        })
    }

    /// Puts the plan's jobs into storage.
    pub(super) async fn fill(&self, plan: &Plan) -> Result<Vec<Simulated>, SimulateError> {
        match &plan.jobs {
            Jobs::Requests(requests) => self.create(requests, plan.time_zone.name()).await,
            Jobs::Snapshot(snapshot) => self.copy(snapshot).await,
        }
    }

    async fn create(&self, requests: &[Value], zone: &str) -> Result<Vec<Simulated>, SimulateError> {
        let mut made: Vec<Simulated> = Vec::with_capacity(requests.len());
        for (at, request) in requests.iter().enumerate() {
            let mut request = request.clone();
            let named = |field: &str| request.get(field).and_then(Value::as_str).unwrap_or(CALLER);
            let caller = Caller {
                agent: named("agent_id").to_owned(),
                user: named("user_id").to_owned(),
                conversation: None,
                time_zone: Some(zone.to_owned()),
                run: None,
            };
            // Who wrote the file has decided that it is another job.
            if let Some(fields) = request.as_object_mut() {
                fields.insert("confirm_new".to_owned(), true.into());
            }
            let title = request.get("title").and_then(Value::as_str).unwrap_or("no title");
            let place = format!("Job {} (“{title}”)", at + 1);
            let answer = self.ask("tools", "job-create", &caller, request.clone()).await;
            let answer = answer.map_err(|error| refused(&place, &error))?;
            let id = answer.pointer("/job/job_id").and_then(Value::as_str);
            let id = id.ok_or_else(|| failed("the component created a job without an id"))?;
            if made.iter().all(|known| known.id != id) {
                made.push(Simulated {
                    id: id.to_owned(),
                    caller,
                });
            }
        }
        Ok(made)
    }

    async fn copy(&self, snapshot: &Snapshot) -> Result<Vec<Simulated>, SimulateError> {
        let mut units = Vec::with_capacity(snapshot.jobs.len());
        for stored in &snapshot.jobs {
            let mut writes = vec![Write::InsertJob(stored.job.clone())];
            writes.extend(stored.edges.iter().cloned().map(Write::PutEdge));
            writes.extend(stored.open_run.clone().map(Write::InsertRun));
            units.push(Unit {
                guards: Vec::new(),
                writes,
            });
        }
        let results = self.storage.commit(LOCAL_TENANT, Quota::UNLIMITED, units).await;
        for (stored, result) in snapshot.jobs.iter().zip(results.map_err(unanswered)?) {
            result.map_err(|why| {
                SimulateError::Failed(format!("job {} could not be copied: {why:?}", stored.job.id))
            })?;
        }
        let simulated = snapshot.jobs.iter().map(|stored| Simulated {
            id: stored.job.id.clone(),
            caller: Caller {
                agent: stored.job.agent.clone(),
                user: stored.job.user.clone(),
                conversation: None,
                time_zone: None,
                run: None,
            },
        });
        Ok(simulated.collect())
    }

    /// Calls a function of the component as `Host::call` does; the error is the tool's own.
    pub(super) async fn ask(
        &self,
        interface: &str,
        function: &str,
        caller: &Caller,
        request: Value,
    ) -> Result<Value, Value> {
        let typed = contract::function(interface, function)
            .ok_or_else(|| json!({ "message": format!("there is no function `{function}`") }))?;
        let request = contract::arguments_to_val(&typed, request).map_err(|error| error.0)?;
        let arguments = vec![contract::caller_to_val(caller), request];
        let result = self
            .component
            .call_dynamic(&self.context, interface, function, arguments)
            .await
            .map_err(|failure| json!({ "message": failure.to_string() }))?;
        contract::result_to_json(&typed, result).map_err(|error| error.0)
    }

    /// What a trigger means, as the component says it; none where it says that it means nothing.
    pub(super) async fn preview(
        &self,
        request: &PreviewRequest,
    ) -> Result<Option<PreviewAnswer>, SimulateError> {
        let answer = self.component.preview(&self.context, request).await;
        Ok(answer.map_err(failed)?.ok())
    }

    /// Lets time pass until `end`; what is due at `end` itself does not happen any more.
    pub(super) async fn run(&mut self, end: Instant, outages: &[Outage]) -> Result<(), SimulateError> {
        let mut outages = outages.iter().copied().peekable();
        let mut steps_at_once = 0;
        loop {
            let now = self.clock.now();
            if now >= end {
                return Ok(());
            }
            if let Some(outage) = outages.next_if(|outage| outage.from <= now) {
                self.be_down(outage, end).await?;
                steps_at_once = 0;
                continue;
            }
            steps_at_once += 1;
            if steps_at_once > limits::SIMULATED_STEPS_AT_ONCE_MAX {
                return Err(failed("the jobs go on without end at one instant"));
            }
            let ended = self.pipeline.take_ended(now, limits::SETTLE_RUNS_MAX);
            if !ended.is_empty() {
                self.settle(&ended).await?;
                continue;
            }
            let due = self.storage.next_due(LOCAL_TENANT).await.map_err(unanswered)?;
            let free = self.parallel_runs.saturating_sub(self.pipeline.executing());
            if free > 0 && due.is_some_and(|due| due <= now) {
                self.poll(free).await?;
                continue;
            }
            self.keep_leases().await?;
            let due = due.filter(|due| *due > now);
            let outage = outages.peek().map(|outage| outage.from);
            let next = [due, self.pipeline.next_end(), outage]
                .into_iter()
                .flatten()
                .min();
            self.clock.advance_to(next.map_or(end, |next| next.min(end)));
            steps_at_once = 0;
        }
    }

    /// The instance that makes the next call, and the calls it may take after that.
    async fn instance(&mut self) -> Result<(Kept, u32), SimulateError> {
        Ok(match self.kept.take().filter(|(_, calls_left)| *calls_left > 0) {
            Some((kept, calls_left)) => (kept, calls_left - 1),
            None => {
                let kept = self.component.keep(&self.context).await.map_err(failed)?;
                (kept, limits::SIMULATED_CALLS_KEPT)
            }
        })
    }

    async fn poll(&mut self, free: usize) -> Result<(), SimulateError> {
        let limit = u32::try_from(free)
            .unwrap_or(u32::MAX)
            .min(limits::CLAIM_JOBS_MAX);
        let (kept, calls_left) = self.instance().await?;
        let (kept, answer) = kept.poll(limit).await.map_err(failed)?;
        self.kept = Some((kept, calls_left));
        let report = answer.map_err(|RunnerError::Unavailable(why)| failed(why))?;
        if let Some(problem) = report.problems.first() {
            return Err(failed(format!("job {}: {}", problem.job_id, problem.message)));
        }
        if report.claimed == 0 {
            return Err(failed("a job is due, but none could be claimed"));
        }
        if self.pipeline.attempts() > limits::SIMULATED_ATTEMPTS_MAX {
            return Err(SimulateError::input(format!(
                "There are more than {} runs until {}: simulate fewer jobs or a shorter time.",
                limits::SIMULATED_ATTEMPTS_MAX,
                super::report::rfc3339(self.clock.now(), chrono_tz::UTC),
            )));
        }
        Ok(())
    }

    async fn settle(&mut self, ended: &[FinishedRun]) -> Result<(), SimulateError> {
        let (kept, calls_left) = self.instance().await?;
        let (kept, answer) = kept.settle(ended).await.map_err(failed)?;
        self.kept = Some((kept, calls_left));
        let report = answer.map_err(|RunnerError::Unavailable(why)| failed(why))?;
        match report.problems.first() {
            None => Ok(()),
            Some(problem) => Err(failed(format!("job {}: {}", problem.job_id, problem.message))),
        }
    }

    /// Holds what was started until its end, as the host's renewals would.
    async fn keep_leases(&self) -> Result<(), SimulateError> {
        let (last_end, leases) = self.pipeline.fresh_leases();
        let Some(last_end) = last_end else { return Ok(()) };
        if leases.is_empty() {
            return Ok(());
        }
        let until = last_end.saturating_add(limits::LEASE.as_millis() as i64);
        let lost = self
            .storage
            .renew(LOCAL_TENANT, &self.context.owner, leases, until)
            .await;
        // Of runs that have ended since, the lease is released already: those are no loss.
        lost.map(drop).map_err(unanswered)
    }

    /// The host dies, and another starts on the same storage when the outage is over.
    async fn be_down(&mut self, outage: Outage, end: Instant) -> Result<(), SimulateError> {
        self.pipeline.lose_all();
        self.clock.advance_to(outage.until.min(end));
        self.former_hosts += 1;
        self.kept = None;
        self.context = Arc::new(TenantContext {
            tenant: self.context.tenant.clone(),
            owner: format!("host_{}", self.former_hosts),
            storage: Arc::clone(&self.context.storage),
            search: Arc::clone(&self.context.search),
            clock: Arc::clone(&self.context.clock),
            outlet: Arc::clone(&self.context.outlet),
            random: Arc::clone(&self.context.random),
            allowance: Arc::clone(&self.context.allowance),
        });
        let freed = self.storage.take_over(&self.context.owner).await;
        freed.map(drop).map_err(unanswered)
    }
}

/// The component's refusal of a job, with its place.
fn refused(place: &str, error: &Value) -> SimulateError {
    let text = |name: &str| error.get(name).and_then(Value::as_str);
    let message = text("message").unwrap_or("it was refused");
    SimulateError::Input {
        field: text("field").map(str::to_owned),
        message: match text("field") {
            Some(field) => format!("{place}: {field}: {message}"),
            None => format!("{place}: {message}"),
        },
    }
}
