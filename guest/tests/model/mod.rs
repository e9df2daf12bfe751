//! A host in memory: storage, clock and pipeline as plain data, so that the logic can be driven
//! step by step. Everything is deterministic.

pub mod jobs;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};

use meanwhile_guest::bindings::agent_pipeline::{Outcome, OutcomeStatus, RunRequest};
use meanwhile_guest::bindings::runner::FinishedRun;
use meanwhile_guest::bindings::storage::{
    Claim, EdgeFilter, Guard, Hit, HitPage, JobFilter, JobPage, MessageFilter, Page, Rejection, RunFilter,
    SearchMode, SearchQuery, StorageError, Unit, Write,
};
use meanwhile_guest::bindings::types::{
    Caller, Edge, Instant, Job, JobStatus, Message, Report, RetrievalMode, Run, RunError, StatusChange,
    Usage, Verdict,
};
use meanwhile_guest::world::World;
use meanwhile_guest::{poll, settle};

const LEASE_MS: i64 = 30_000;

#[derive(Clone, Default)]
pub struct Rows {
    pub jobs: BTreeMap<String, Job>,
    pub runs: BTreeMap<String, Run>,
    pub edges: BTreeMap<(String, String), Edge>,
    pub messages: Vec<Message>,
    pub changes: Vec<StatusChange>,
    /// Token and end of the lease, by job.
    leases: HashMap<String, (u64, Instant)>,
}

/// Does something to the world in the middle of another call.
type Meddler = Box<dyn Fn(&Model)>;

/// One host's world.
pub struct Model {
    pub rows: RefCell<Rows>,
    now: Cell<Instant>,
    /// How far this host's clock is behind storage's, in milliseconds.
    pub behind: Cell<i64>,
    random: Cell<u64>,
    submitted: RefCell<Vec<RunRequest>>,
    pub cancelled: RefCell<Vec<String>>,
    pub judges: Cell<bool>,
    /// Runs in the middle of the next commits, as another caller would.
    pub meddle: RefCell<Vec<Meddler>>,
    /// What the tenant may store.
    pub quota: Cell<Quota>,
}

/// Limits of the tenant, as a host sets them.
#[derive(Clone, Copy)]
pub struct Quota {
    pub live_jobs: usize,
    /// Of titles, descriptions and payloads together.
    pub text_bytes: usize,
}

const NO_QUOTA: Quota = Quota {
    live_jobs: usize::MAX,
    text_bytes: usize::MAX,
};

pub fn caller() -> Caller {
    Caller {
        agent: "agent".into(),
        user: "ada".into(),
        conversation: None,
        time_zone: Some("Europe/Berlin".into()),
        run: None,
    }
}

/// An outcome without anything special.
pub fn ok(output: &str) -> Outcome {
    Outcome {
        status: OutcomeStatus::Ok,
        output: output.into(),
        report: None,
        error: None,
        retry_after_seconds: None,
        asks_for: None,
        usage: Usage {
            tokens_in: 1,
            tokens_out: 1,
            cost_usd: 0.0,
            tool_calls: 0,
            seconds: 0.1,
        },
        journal: Vec::new(),
    }
}

pub fn reported(verdict: Verdict, summary: &str, tell: bool) -> Outcome {
    Outcome {
        report: Some(Report {
            verdict,
            summary: summary.into(),
            tell,
        }),
        ..ok(summary)
    }
}

pub fn failed(class: meanwhile_guest::bindings::types::ErrorClass, message: &str) -> Outcome {
    let error = Some(RunError {
        class,
        message: message.into(),
    });
    Outcome {
        status: OutcomeStatus::Failed,
        error,
        ..ok("")
    }
}

impl Model {
    /// Stands at 2026-06-01T10:00:00 in Berlin, a Monday.
    pub fn new() -> Self {
        Self {
            rows: RefCell::default(),
            now: Cell::new(1_780_300_800_000),
            behind: Cell::new(0),
            random: Cell::new(0x9e37_79b9_7f4a_7c15),
            submitted: RefCell::default(),
            cancelled: RefCell::default(),
            judges: Cell::new(false),
            meddle: RefCell::default(),
            quota: Cell::new(NO_QUOTA),
        }
    }

    pub fn job(&self, id: &str) -> Job {
        self.rows.borrow().jobs[id].clone()
    }

    pub fn status(&self, id: &str) -> JobStatus {
        self.job(id).state.status
    }

    pub fn runs(&self, job: &str) -> Vec<Run> {
        self.rows
            .borrow()
            .runs
            .values()
            .filter(|run| run.job == job)
            .cloned()
            .collect()
    }

    pub fn messages(&self, job: &str) -> Vec<Message> {
        self.rows
            .borrow()
            .messages
            .iter()
            .filter(|message| message.job == job)
            .cloned()
            .collect()
    }

    /// When something can be claimed next.
    pub fn next_due(&self) -> Option<Instant> {
        let rows = self.rows.borrow();
        rows.jobs.values().filter_map(|job| rows.available(job)).min()
    }

    /// Moves the clock.
    pub fn pass(&self, seconds: i64) {
        self.now.set(self.now.get() + seconds * 1_000);
    }

    /// Polls until nothing is due; the runs that were started.
    pub fn poll(&self) -> Vec<RunRequest> {
        for _ in 0..1_000 {
            let report = poll::poll(self, 100).expect("storage answers");
            assert!(report.problems.is_empty(), "{:?}", report.problems);
            if report.claimed == 0 {
                return self.submitted.take();
            }
        }
        panic!("polling never comes to rest");
    }

    /// Runs that were handed over since the last look.
    pub fn submitted_now(&self) -> Vec<RunRequest> {
        self.submitted.take()
    }

    pub fn settle(&self, request: &RunRequest, outcome: Outcome) -> (u32, u32) {
        let report = settle::settle(self, vec![finished(request, outcome)]).expect("storage answers");
        assert!(report.problems.is_empty(), "{:?}", report.problems);
        (report.settled, report.stale)
    }

    /// Time passes from due instant to due instant; every run ends at once as `outcome` says.
    pub fn live(&self, seconds: i64, outcome: impl Fn(&RunRequest) -> Outcome) -> Vec<RunRequest> {
        let until = self.now.get() + seconds * 1_000;
        let mut all = Vec::new();
        loop {
            for request in self.poll() {
                self.settle(&request, outcome(&request));
                all.push(request);
            }
            match self.next_due() {
                Some(due) if due <= self.now.get() => {}
                Some(due) if due <= until => self.now.set(due),
                _ => break,
            }
        }
        self.now.set(until);
        all
    }
}

pub fn finished(request: &RunRequest, outcome: Outcome) -> FinishedRun {
    FinishedRun {
        run_id: request.run_id.clone(),
        job_id: request.job_id.clone(),
        token: request.token,
        task: request.task,
        outcome,
    }
}

/// A job's row is written under the revision that was read, and once a unit: else the count of
/// somebody else would be lost.
fn written_once_and_guarded(unit: &Unit) {
    let mut written = Vec::new();
    for write in &unit.writes {
        if let Write::UpdateJob(update) = write {
            let guarded = unit
                .guards
                .iter()
                .any(|guard| matches!(guard, Guard::Revision(at) if at.job == update.id));
            assert!(guarded, "{} is written without its revision", update.id);
            assert!(!written.contains(&&update.id), "{} is written twice", update.id);
            written.push(&update.id);
        }
    }
}

impl Rows {
    fn live_jobs(&self) -> usize {
        let live = |job: &&Job| !meanwhile_guest::lifecycle::ended(job.state.status);
        self.jobs.values().filter(live).count()
    }

    fn text_bytes(&self) -> usize {
        let bytes = |job: &Job| job.spec.title.len() + job.spec.description.len() + job.spec.payload.len();
        self.jobs.values().map(bytes).sum()
    }

    /// Refuses what goes beyond the quota and further than before.
    fn fits(&self, quota: Quota, before: &Self) -> Result<(), Rejection> {
        let beyond = |what: &str, most: usize| {
            let message =
                format!("This tenant may have {most} {what}. Cancel some, or ask the operator for more.");
            Err(Rejection::QuotaExceeded(message))
        };
        if self.live_jobs() > quota.live_jobs.max(before.live_jobs()) {
            return beyond("live jobs", quota.live_jobs);
        }
        if self.text_bytes() > quota.text_bytes.max(before.text_bytes()) {
            return beyond("bytes of text", quota.text_bytes);
        }
        Ok(())
    }

    fn available(&self, job: &Job) -> Option<Instant> {
        let due = job.state.due_at?;
        Some(self.leases.get(&job.id).map_or(due, |(_, until)| due.max(*until)))
    }

    fn holds(&self, guard: &Guard) -> bool {
        match guard {
            Guard::Revision(at) => self
                .jobs
                .get(&at.job)
                .is_some_and(|job| job.revision == at.revision),
            Guard::Claim(at) => self
                .leases
                .get(&at.job)
                .is_some_and(|(token, _)| *token == at.token),
        }
    }

    fn write(&mut self, write: Write) -> Result<(), Rejection> {
        match write {
            Write::InsertJob(job) => {
                let taken = self.jobs.values().find(|other| {
                    job.spec.idempotency_key.is_some()
                        && (&other.agent, &other.user, &other.spec.idempotency_key)
                            == (&job.agent, &job.user, &job.spec.idempotency_key)
                });
                if let Some(other) = taken {
                    return Err(Rejection::DuplicateKey(other.id.clone()));
                }
                self.jobs.insert(job.id.clone(), job);
            }
            Write::UpdateJob(update) => {
                let job = self.jobs.get_mut(&update.id).ok_or(Rejection::Stale)?;
                let (from, to) = (job.state.status, update.state.status);
                let ended = meanwhile_guest::lifecycle::ended(from);
                assert!(
                    from == to || !ended || meanwhile_guest::lifecycle::successors(from).contains(&to),
                    "{from:?} {to:?}"
                );
                job.state = update.state;
                if let Some(spec) = update.spec {
                    job.spec = spec;
                }
                job.updated_at = update.updated_at;
                job.revision += 1;
            }
            Write::InsertRun(run) => {
                if self
                    .runs
                    .values()
                    .any(|other| other.job == run.job && other.slot == run.slot)
                {
                    return Err(Rejection::DuplicateSlot);
                }
                self.runs.insert(run.id.clone(), run);
            }
            Write::UpdateRun(run) => {
                let row = self.runs.get_mut(&run.id).ok_or(Rejection::Stale)?;
                *row = run;
            }
            Write::PutEdge(edge) => {
                self.edges
                    .insert((edge.dependent.clone(), edge.prerequisite.clone()), edge);
            }
            Write::DeleteEdge(key) => {
                self.edges.remove(&(key.dependent, key.prerequisite));
            }
            Write::InsertMessage(message) => {
                if self
                    .messages
                    .iter()
                    .all(|other| other.once_key != message.once_key)
                {
                    self.messages.push(message);
                }
            }
            Write::UpdateMessage(update) => {
                for message in self.messages.iter_mut().filter(|message| message.id == update.id) {
                    message.delivery = update.delivery;
                }
            }
            Write::InsertChange(change) => self.changes.push(change),
            Write::Release(at) => {
                if let Some(lease) = self
                    .leases
                    .get_mut(&at.job)
                    .filter(|(token, _)| *token == at.token)
                {
                    lease.1 = Instant::MIN;
                }
            }
        }
        Ok(())
    }

    fn matches(job: &Job, filter: &JobFilter) -> bool {
        let status = job.state.status;
        filter.agent.as_ref().is_none_or(|agent| *agent == job.agent)
            && filter.user.as_ref().is_none_or(|user| *user == job.user)
            && (filter.statuses.is_empty() || filter.statuses.contains(&status))
            && (filter.job_types.is_empty() || filter.job_types.contains(&job.spec.job_type))
            && (status != JobStatus::Archived || filter.include_archived || filter.statuses.contains(&status))
            && (filter.idempotency_key.is_none() || filter.idempotency_key == job.spec.idempotency_key)
            && filter.title.as_ref().is_none_or(|title| *title == job.spec.title)
    }
}

impl World for Model {
    fn now(&self) -> Instant {
        self.now.get() - self.behind.get()
    }

    fn random(&self) -> u64 {
        // splitmix64
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn get_jobs(&self, ids: &[String]) -> Result<Vec<Option<Job>>, StorageError> {
        Ok(ids
            .iter()
            .map(|id| self.rows.borrow().jobs.get(id).cloned())
            .collect())
    }

    fn get_runs(&self, ids: &[String]) -> Result<Vec<Option<Run>>, StorageError> {
        Ok(ids
            .iter()
            .map(|id| self.rows.borrow().runs.get(id).cloned())
            .collect())
    }

    fn find_jobs(&self, filter: &JobFilter, page: &Page) -> Result<JobPage, StorageError> {
        let rows = self.rows.borrow();
        let all: Vec<&Job> = rows
            .jobs
            .values()
            .rev()
            .filter(|job| Rows::matches(job, filter))
            .collect();
        let total = all.len() as u64;
        Ok(JobPage {
            jobs: all.into_iter().take(page.limit as usize).cloned().collect(),
            next_cursor: None,
            total,
        })
    }

    fn find_runs(&self, filter: &RunFilter) -> Result<Vec<Run>, StorageError> {
        let mut runs: Vec<Run> = self
            .runs(&filter.job)
            .into_iter()
            .filter(|run| filter.statuses.is_empty() || filter.statuses.contains(&run.status))
            .filter(|run| filter.before.is_none_or(|before| run.slot < before))
            .collect();
        runs.sort_by_key(|run| std::cmp::Reverse(run.slot));
        runs.truncate(filter.limit as usize);
        Ok(runs)
    }

    fn find_edges(&self, filter: &EdgeFilter) -> Result<Vec<Edge>, StorageError> {
        let rows = self.rows.borrow();
        let edges = rows.edges.values();
        Ok(match filter {
            EdgeFilter::OfDependents(ids) => edges
                .filter(|edge| ids.contains(&edge.dependent))
                .cloned()
                .collect(),
            EdgeFilter::Ancestors(of) => {
                let mut above: Vec<Edge> = Vec::new();
                let mut front = of.dependents.clone();
                while let Some(dependent) = front.pop() {
                    for ((_, prerequisite), edge) in
                        rows.edges.iter().filter(|((one, _), _)| *one == dependent)
                    {
                        if !above.contains(edge) && above.len() < of.limit as usize {
                            above.push(edge.clone());
                            front.push(prerequisite.clone());
                        }
                    }
                }
                above
            }
            EdgeFilter::OfPrerequisite(of) => edges
                .filter(|edge| edge.prerequisite == of.prerequisite)
                .filter(|edge| of.statuses.is_empty() || of.statuses.contains(&edge.status))
                .filter(|edge| of.after.as_ref().is_none_or(|after| edge.dependent > *after))
                .take(of.limit as usize)
                .cloned()
                .collect(),
        })
    }

    fn find_messages(&self, filter: &MessageFilter) -> Result<Vec<Message>, StorageError> {
        let rows = self.rows.borrow();
        Ok(rows
            .messages
            .iter()
            .filter(|message| filter.id.as_ref().is_none_or(|id| *id == message.id))
            .filter(|message| filter.job.as_ref().is_none_or(|job| *job == message.job))
            .filter(|message| filter.user.as_ref().is_none_or(|user| *user == message.user))
            .filter(|message| filter.kinds.is_empty() || filter.kinds.contains(&message.kind))
            .filter(|message| filter.deliveries.is_empty() || filter.deliveries.contains(&message.delivery))
            .take(filter.limit as usize)
            .cloned()
            .collect())
    }

    fn find_changes(&self, job: &str, limit: u32) -> Result<Vec<StatusChange>, StorageError> {
        let rows = self.rows.borrow();
        let changes = rows.changes.iter().rev().filter(|change| change.job == job);
        Ok(changes.take(limit as usize).cloned().collect())
    }

    fn search_jobs(&self, query: &SearchQuery) -> Result<HitPage, StorageError> {
        let rows = self.rows.borrow();
        let found = |job: &Job, term: &String| {
            let text = format!("{} {} {}", job.spec.title, job.spec.description, job.spec.payload);
            text.to_lowercase().contains(&term.to_lowercase())
        };
        let hits: Vec<Hit> = rows
            .jobs
            .values()
            .rev()
            .filter(|job| Rows::matches(job, &query.filter))
            .filter(|job| match query.mode {
                SearchMode::AllTerms => query.terms.iter().all(|term| found(job, term)),
                _ => query.terms.iter().any(|term| found(job, term)),
            })
            .map(|job| Hit {
                job: job.clone(),
                score: 1.0,
            })
            .collect();
        Ok(HitPage {
            total: hits.len() as u64,
            hits,
            next_cursor: None,
            mode: RetrievalMode::Lexical,
        })
    }

    fn claim_due(&self, limit: u32) -> Result<Vec<Claim>, StorageError> {
        let mut rows = self.rows.borrow_mut();
        let mut due: Vec<(Instant, String)> = rows
            .jobs
            .values()
            .filter_map(|job| rows.available(job).map(|at| (at, job.id.clone())))
            .filter(|(at, _)| *at <= self.now.get())
            .collect();
        due.sort();
        due.truncate(limit as usize);
        Ok(due
            .into_iter()
            .map(|(_, id)| {
                let token = rows.leases.get(&id).map_or(0, |(token, _)| *token) + 1;
                let lease_until = self.now.get() + LEASE_MS;
                rows.leases.insert(id.clone(), (token, lease_until));
                let job = rows.jobs[&id].clone();
                let open_run = job
                    .state
                    .open_run
                    .as_ref()
                    .and_then(|run| rows.runs.get(run))
                    .cloned();
                Claim {
                    job,
                    token,
                    lease_until,
                    open_run,
                }
            })
            .collect())
    }

    fn commit(&self, units: &[Unit]) -> Result<Vec<Result<(), Rejection>>, StorageError> {
        let meddle = self.meddle.borrow_mut().pop();
        if let Some(meddle) = meddle {
            meddle(self);
        }
        let mut rows = self.rows.borrow_mut();
        Ok(units
            .iter()
            .map(|unit| {
                written_once_and_guarded(unit);
                if !unit.guards.iter().all(|guard| rows.holds(guard)) {
                    return Err(Rejection::Stale);
                }
                let mut after = rows.clone();
                for write in &unit.writes {
                    after.write(write.clone())?;
                }
                after.fits(self.quota.get(), &rows)?;
                *rows = after;
                Ok(())
            })
            .collect())
    }

    fn arm(&self, _at: Instant) {}

    fn submit(&self, requests: &[RunRequest]) {
        self.submitted.borrow_mut().extend(requests.iter().cloned());
    }

    fn cancel(&self, run: &str) {
        self.cancelled.borrow_mut().push(run.into());
    }

    fn can_judge(&self) -> bool {
        self.judges.get()
    }
}
