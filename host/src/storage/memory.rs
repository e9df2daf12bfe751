//! Storage in memory, for tests and trials: same semantics as SQLite, nothing survives the host.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::words::{STOP_WORDS, Word, may_move};
use super::{InboxEntry, Owner, Storage, Tenant};
use crate::limits::{PAGE_ROWS_MAX, TOTAL_COUNT_MAX};
use crate::wit::storage::{
    Claim, EdgeFilter, Guard, Hit, HitPage, JobFilter, JobPage, JobToken, JobUpdate, MessageFilter, Page,
    Rejection, RunFilter, SearchMode, SearchQuery, StorageError, Unit, Write,
};
use crate::wit::types::{
    DeliveryStatus, Edge, EdgeStatus, Instant, Job, JobStatus, Message, MessageKind, Run,
};

/// A store that lives as long as its value.
#[derive(Default)]
pub struct MemoryStorage {
    all: Mutex<All>,
}

#[derive(Default)]
struct All {
    tenants: BTreeMap<String, Rows>,
    /// The last position given, over all tenants: of jobs and of messages.
    sequence: u64,
    closed: bool,
}

/// One tenant's rows.
#[derive(Default)]
struct Rows {
    jobs: BTreeMap<String, JobRow>,
    runs: BTreeMap<(String, Instant), Run>,
    /// Job and slot of a run, by its id.
    slots: BTreeMap<String, (String, Instant)>,
    edges: BTreeMap<(String, String), Edge>,
    messages: BTreeMap<u64, Message>,
}

#[derive(Clone)]
struct JobRow {
    /// The order of creation.
    seq: u64,
    job: Job,
    token: u64,
    lease: Option<Lease>,
}

#[derive(Clone)]
struct Lease {
    owner: String,
    until: Instant,
}

/// What brings a row back to what it was before its unit.
enum Undo {
    Job(String, Option<Box<JobRow>>),
    Run((String, Instant), Option<Box<Run>>),
    Edge((String, String), Option<Edge>),
    Message(u64, Option<Box<Message>>),
}

impl JobRow {
    /// `due-at`, or the lease's end where that is later.
    fn available(&self) -> Option<Instant> {
        let due = self.job.state.due_at?;
        Some(self.lease.as_ref().map_or(due, |lease| due.max(lease.until)))
    }
}

impl Rows {
    fn holds(&self, guard: &Guard) -> bool {
        match guard {
            Guard::Revision(at) => self
                .jobs
                .get(&at.job)
                .is_some_and(|row| row.job.revision == at.revision),
            Guard::Claim(at) => self.jobs.get(&at.job).is_some_and(|row| row.token == at.token),
        }
    }

    fn unit(&mut self, unit: Unit, sequence: &mut u64) -> Result<(), Rejection> {
        if !unit.guards.iter().all(|guard| self.holds(guard)) {
            return Err(Rejection::Stale);
        }
        let mut undo = Vec::new();
        let applied = unit
            .writes
            .into_iter()
            .try_for_each(|write| self.write(write, sequence, &mut undo));
        if applied.is_err() {
            for step in undo.into_iter().rev() {
                self.undo(step);
            }
        }
        applied
    }

    fn undo(&mut self, step: Undo) {
        match step {
            Undo::Job(id, None) => {
                self.jobs.remove(&id);
            }
            Undo::Job(id, Some(row)) => {
                self.jobs.insert(id, *row);
            }
            Undo::Run(key, None) => {
                if let Some(run) = self.runs.remove(&key) {
                    self.slots.remove(&run.id);
                }
            }
            Undo::Run(key, Some(run)) => {
                self.runs.insert(key, *run);
            }
            Undo::Edge(key, None) => {
                self.edges.remove(&key);
            }
            Undo::Edge(key, Some(edge)) => {
                self.edges.insert(key, edge);
            }
            Undo::Message(position, None) => {
                self.messages.remove(&position);
            }
            Undo::Message(position, Some(message)) => {
                self.messages.insert(position, *message);
            }
        }
    }

    fn write(&mut self, write: Write, sequence: &mut u64, undo: &mut Vec<Undo>) -> Result<(), Rejection> {
        match write {
            Write::InsertJob(job) => return self.insert_job(job, sequence, undo),
            Write::UpdateJob(update) => return self.update_job(update, undo),
            Write::InsertRun(run) => return self.insert_run(run, undo),
            Write::UpdateRun(run) => {
                let key = (run.job.clone(), run.slot);
                let present = self.runs.get_mut(&key).filter(|present| present.id == run.id);
                let before = std::mem::replace(present.ok_or(Rejection::Stale)?, run);
                undo.push(Undo::Run(key, Some(Box::new(before))));
            }
            Write::PutEdge(edge) => {
                let key = (edge.dependent.clone(), edge.prerequisite.clone());
                let before = self.edges.insert(key.clone(), edge);
                undo.push(Undo::Edge(key, before));
            }
            Write::DeleteEdge(key) => {
                let key = (key.dependent, key.prerequisite);
                let before = self.edges.remove(&key);
                undo.push(Undo::Edge(key, before));
            }
            Write::InsertMessage(message) => return self.insert_message(message, sequence, undo),
            Write::UpdateMessage(update) => {
                let found = self
                    .messages
                    .iter_mut()
                    .find(|(_, message)| message.id == update.id);
                if let Some((position, message)) =
                    found.filter(|(_, message)| message.delivery != DeliveryStatus::Read)
                {
                    undo.push(Undo::Message(*position, Some(Box::new(message.clone()))));
                    message.delivery = update.delivery;
                }
            }
            Write::Release(at) => {
                if let Some(row) = self.jobs.get_mut(&at.job).filter(|row| row.token == at.token) {
                    undo.push(Undo::Job(at.job, Some(Box::new(row.clone()))));
                    row.lease = None;
                }
            }
        }
        Ok(())
    }

    /// The job that has this one's idempotency key.
    fn key_holder(&self, agent: &str, user: &str, key: Option<&String>) -> Option<&Job> {
        let key = key?;
        self.jobs.values().map(|row| &row.job).find(|job| {
            job.agent == agent && job.user == user && job.spec.idempotency_key.as_ref() == Some(key)
        })
    }

    fn insert_job(&mut self, job: Job, sequence: &mut u64, undo: &mut Vec<Undo>) -> Result<(), Rejection> {
        if let Some(other) = self.key_holder(&job.agent, &job.user, job.spec.idempotency_key.as_ref()) {
            return Err(Rejection::DuplicateKey(other.id.clone()));
        }
        if self.jobs.contains_key(&job.id) {
            return Err(Rejection::Forbidden(format!("there is a job {} already", job.id)));
        }
        *sequence += 1;
        undo.push(Undo::Job(job.id.clone(), None));
        let row = JobRow {
            seq: *sequence,
            token: 0,
            lease: None,
            job,
        };
        self.jobs.insert(row.job.id.clone(), row);
        Ok(())
    }

    fn update_job(&mut self, update: JobUpdate, undo: &mut Vec<Undo>) -> Result<(), Rejection> {
        let present = self.jobs.get(&update.id).ok_or(Rejection::Stale)?;
        let (from, to) = (present.job.state.status, update.state.status);
        if !may_move(from, to) {
            return Err(Rejection::Forbidden(format!(
                "job {} has ended as {}: it cannot become {}",
                update.id,
                from.word(),
                to.word()
            )));
        }
        if let Some(spec) = &update.spec {
            let holder = self.key_holder(
                &present.job.agent,
                &present.job.user,
                spec.idempotency_key.as_ref(),
            );
            if holder.is_some_and(|holder| holder.id != update.id) {
                return Err(Rejection::Forbidden(
                    "the idempotency key belongs to another job".into(),
                ));
            }
        }
        let row = self.jobs.get_mut(&update.id).ok_or(Rejection::Stale)?;
        undo.push(Undo::Job(update.id, Some(Box::new(row.clone()))));
        row.job.state = update.state;
        row.job.updated_at = update.updated_at;
        row.job.revision += 1;
        if let Some(spec) = update.spec {
            row.job.spec = spec;
        }
        Ok(())
    }

    fn insert_run(&mut self, run: Run, undo: &mut Vec<Undo>) -> Result<(), Rejection> {
        let key = (run.job.clone(), run.slot);
        if self.runs.contains_key(&key) {
            return Err(Rejection::DuplicateSlot);
        }
        if self.slots.contains_key(&run.id) {
            return Err(Rejection::Forbidden(format!("there is a run {} already", run.id)));
        }
        self.slots.insert(run.id.clone(), key.clone());
        self.runs.insert(key.clone(), run);
        undo.push(Undo::Run(key, None));
        Ok(())
    }

    fn insert_message(
        &mut self,
        message: Message,
        sequence: &mut u64,
        undo: &mut Vec<Undo>,
    ) -> Result<(), Rejection> {
        if self
            .messages
            .values()
            .any(|other| other.once_key == message.once_key)
        {
            return Ok(());
        }
        if self.messages.values().any(|other| other.id == message.id) {
            return Err(Rejection::Forbidden(format!(
                "there is a message {} already",
                message.id
            )));
        }
        *sequence += 1;
        undo.push(Undo::Message(*sequence, None));
        self.messages.insert(*sequence, message);
        Ok(())
    }

    fn run(&self, id: &str) -> Option<&Run> {
        self.runs.get(self.slots.get(id)?)
    }

    fn claim(&mut self, owner: &str, now: Instant, lease_until: Instant, limit: u32) -> Vec<Claim> {
        let mut due: Vec<(Instant, u64, String)> = self
            .jobs
            .values()
            .filter_map(|row| Some((row.available()?, row.seq, row.job.id.clone())))
            .filter(|(at, ..)| *at <= now)
            .collect();
        due.sort();
        due.truncate(limit as usize);
        let mut claims = Vec::new();
        for (_, seq, id) in due {
            let Some(row) = self.jobs.get_mut(&id) else {
                continue;
            };
            row.token += 1;
            row.lease = Some(Lease {
                owner: owner.into(),
                until: lease_until,
            });
            let (job, token) = (row.job.clone(), row.token);
            let open_run = job.state.open_run.as_ref().and_then(|run| self.run(run)).cloned();
            let claim = Claim {
                job,
                token,
                lease_until,
                open_run,
            };
            claims.push((seq, claim));
        }
        claims.sort_by_key(|(seq, claim)| (claim.job.state.due_at, *seq));
        claims.into_iter().map(|(_, claim)| claim).collect()
    }

    /// Jobs that match, newest first.
    fn newest(&self, filter: &JobFilter, found: impl Fn(&Job) -> bool) -> Vec<&JobRow> {
        let mut rows: Vec<&JobRow> = self
            .jobs
            .values()
            .filter(|row| matches(&row.job, filter) && found(&row.job))
            .collect();
        rows.sort_by_key(|row| Reverse(row.seq));
        rows
    }
}

fn matches(job: &Job, filter: &JobFilter) -> bool {
    let status = job.state.status;
    filter.agent.as_ref().is_none_or(|agent| *agent == job.agent)
        && filter.user.as_ref().is_none_or(|user| *user == job.user)
        && among(&filter.statuses, &status)
        && among(&filter.job_types, &job.spec.job_type)
        && (status != JobStatus::Archived || filter.include_archived || filter.statuses.contains(&status))
        && (filter.idempotency_key.is_none() || filter.idempotency_key == job.spec.idempotency_key)
        && filter.title.as_ref().is_none_or(|title| *title == job.spec.title)
}

/// Whether a list that narrows lets `value` pass.
fn among<T: PartialEq>(list: &[T], value: &T) -> bool {
    list.is_empty() || list.contains(value)
}

fn rows_of_page(limit: u32) -> usize {
    limit.clamp(1, PAGE_ROWS_MAX) as usize
}

/// A page of rows that stand newest first, and where the next one begins.
fn cut<'a>(rows: &[&'a JobRow], page: &Page) -> (Vec<&'a Job>, Option<String>, u64) {
    let total = rows.len().min(TOTAL_COUNT_MAX as usize) as u64;
    // A cursor that is none stands before everything.
    let before = page
        .cursor
        .as_ref()
        .map_or(u64::MAX, |cursor| cursor.parse().unwrap_or(0));
    let limit = rows_of_page(page.limit);
    let shown: Vec<&JobRow> = rows
        .iter()
        .copied()
        .filter(|row| row.seq < before)
        .take(limit)
        .collect();
    let next = shown
        .last()
        .filter(|_| shown.len() == limit)
        .map(|row| row.seq.to_string());
    (shown.into_iter().map(|row| &row.job).collect(), next, total)
}

/// The words of a text, lower case.
fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Whether the words of `term` stand in one of the fields, side by side.
fn says(fields: &[&str], term: &[String]) -> bool {
    !term.is_empty()
        && fields
            .iter()
            .any(|field| words(field).windows(term.len()).any(|at| at == term))
}

fn search(rows: &Rows, query: &SearchQuery) -> HitPage {
    let terms: Vec<Vec<String>> = query.terms.iter().map(|term| words(term)).collect();
    if query.mode == SearchMode::Meaning {
        let mut asked = terms.concat();
        asked.retain(|word| !STOP_WORDS.contains(&word.as_str()));
        return by_meaning(rows, query, &asked);
    }
    let found = rows.newest(&query.filter, |job| {
        let fields = [job.spec.title.as_str(), &job.spec.description, &job.spec.payload];
        match query.mode {
            SearchMode::AllTerms => !terms.is_empty() && terms.iter().all(|term| says(&fields, term)),
            _ => terms.iter().any(|term| says(&fields, term)),
        }
    });
    let (jobs, next_cursor, total) = cut(&found, &query.page);
    let hits = jobs.into_iter().map(|job| Hit {
        job: job.clone(),
        score: 1.0,
    });
    HitPage {
        hits: hits.collect(),
        next_cursor,
        total,
    }
}

/// The share of the query's words that title and description hold.
fn by_meaning(rows: &Rows, query: &SearchQuery, asked: &[String]) -> HitPage {
    let mut hits = Vec::new();
    for row in rows.newest(&query.filter, |_| true) {
        let held = words(&format!("{} {}", row.job.spec.title, row.job.spec.description));
        let share = asked.iter().filter(|word| held.contains(word)).count();
        if share > 0 {
            hits.push(Hit {
                job: row.job.clone(),
                score: share as f64 / asked.len() as f64,
            });
        }
    }
    let total = hits.len().min(TOTAL_COUNT_MAX as usize) as u64;
    hits.sort_by(|a, b| b.score.total_cmp(&a.score));
    hits.truncate(rows_of_page(query.page.limit));
    HitPage {
        hits,
        next_cursor: None,
        total,
    }
}

impl MemoryStorage {
    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, tenant: &str, work: impl FnOnce(&Rows) -> T) -> Result<T, StorageError> {
        let all = self.all();
        Ok(match all.tenants.get(tenant) {
            Some(rows) => work(rows),
            None => work(&Rows::default()),
        })
    }

    fn change<T>(&self, work: impl FnOnce(&mut All) -> T) -> Result<T, StorageError> {
        let mut all = self.all();
        if all.closed {
            return Err(StorageError::Unavailable("the store is closed".into()));
        }
        Ok(work(&mut all))
    }

    fn end(&self, ends: impl Fn(&Lease) -> bool) -> Result<u64, StorageError> {
        self.change(|all| {
            let mut ended = 0;
            for row in all.tenants.values_mut().flat_map(|rows| rows.jobs.values_mut()) {
                if row.lease.as_ref().is_some_and(&ends) {
                    row.lease = None;
                    ended += 1;
                }
            }
            ended
        })
    }
}

#[async_trait]
impl Storage for MemoryStorage {
    async fn get_jobs(&self, tenant: &Tenant, ids: Vec<String>) -> Result<Vec<Option<Job>>, StorageError> {
        self.read(tenant, |rows| {
            let job = |id| rows.jobs.get(id).map(|row| row.job.clone());
            ids.iter().map(job).collect()
        })
    }

    async fn get_runs(&self, tenant: &Tenant, ids: Vec<String>) -> Result<Vec<Option<Run>>, StorageError> {
        self.read(tenant, |rows| {
            ids.iter().map(|id| rows.run(id).cloned()).collect()
        })
    }

    async fn find_jobs(
        &self,
        tenant: &Tenant,
        filter: JobFilter,
        page: Page,
    ) -> Result<JobPage, StorageError> {
        self.read(tenant, |rows| {
            let (jobs, next_cursor, total) = cut(&rows.newest(&filter, |_| true), &page);
            JobPage {
                jobs: jobs.into_iter().cloned().collect(),
                next_cursor,
                total,
            }
        })
    }

    async fn find_runs(&self, tenant: &Tenant, filter: RunFilter) -> Result<Vec<Run>, StorageError> {
        self.read(tenant, |rows| {
            rows.runs
                .range((filter.job.clone(), Instant::MIN)..=(filter.job.clone(), Instant::MAX))
                .rev()
                .map(|(_, run)| run)
                .filter(|run| among(&filter.statuses, &run.status))
                .filter(|run| filter.before.is_none_or(|before| run.slot < before))
                .take(rows_of_page(filter.limit))
                .cloned()
                .collect()
        })
    }

    async fn find_edges(&self, tenant: &Tenant, filter: EdgeFilter) -> Result<Vec<Edge>, StorageError> {
        self.read(tenant, |rows| match &filter {
            EdgeFilter::OfDependents(ids) => ids
                .iter()
                .flat_map(|id| rows.edges.values().filter(move |edge| edge.dependent == *id))
                .cloned()
                .collect(),
            EdgeFilter::OfPrerequisite(of) => rows
                .edges
                .values()
                .filter(|edge| edge.prerequisite == of.prerequisite)
                .filter(|edge| among::<EdgeStatus>(&of.statuses, &edge.status))
                .filter(|edge| of.after.as_ref().is_none_or(|after| edge.dependent > *after))
                .take(rows_of_page(of.limit))
                .cloned()
                .collect(),
        })
    }

    async fn find_messages(
        &self,
        tenant: &Tenant,
        filter: MessageFilter,
    ) -> Result<Vec<Message>, StorageError> {
        self.read(tenant, |rows| {
            rows.messages
                .values()
                .filter(|message| filter.id.as_ref().is_none_or(|id| *id == message.id))
                .filter(|message| filter.job.as_ref().is_none_or(|job| *job == message.job))
                .filter(|message| filter.user.as_ref().is_none_or(|user| *user == message.user))
                .filter(|message| among(&filter.kinds, &message.kind))
                .filter(|message| among(&filter.deliveries, &message.delivery))
                .take(rows_of_page(filter.limit))
                .cloned()
                .collect()
        })
    }

    async fn search_jobs(&self, tenant: &Tenant, query: SearchQuery) -> Result<HitPage, StorageError> {
        self.read(tenant, |rows| search(rows, &query))
    }

    async fn claim_due(
        &self,
        tenant: &Tenant,
        owner: &Owner,
        now: Instant,
        lease_until: Instant,
        limit: u32,
    ) -> Result<Vec<Claim>, StorageError> {
        self.change(|all| {
            let rows = all.tenants.get_mut(tenant);
            rows.map_or_else(Vec::new, |rows| rows.claim(owner, now, lease_until, limit))
        })
    }

    async fn commit(
        &self,
        tenant: &Tenant,
        units: Vec<Unit>,
    ) -> Result<Vec<Result<(), Rejection>>, StorageError> {
        self.change(|all| {
            let rows = all.tenants.entry(tenant.to_owned()).or_default();
            let sequence = &mut all.sequence;
            units.into_iter().map(|unit| rows.unit(unit, sequence)).collect()
        })
    }

    async fn next_due(&self, tenant: &Tenant) -> Result<Option<Instant>, StorageError> {
        self.read(tenant, |rows| {
            rows.jobs.values().filter_map(JobRow::available).min()
        })
    }

    async fn due_tenants(&self, now: Instant) -> Result<Vec<String>, StorageError> {
        let all = self.all();
        let due = |row: &JobRow| row.available().is_some_and(|at| at <= now);
        let tenants = all.tenants.iter().filter(|(_, rows)| rows.jobs.values().any(due));
        Ok(tenants.map(|(tenant, _)| tenant.clone()).collect())
    }

    async fn renew(
        &self,
        tenant: &Tenant,
        owner: &Owner,
        leases: Vec<JobToken>,
        lease_until: Instant,
    ) -> Result<Vec<JobToken>, StorageError> {
        self.change(|all| {
            let Some(rows) = all.tenants.get_mut(tenant) else {
                return leases;
            };
            let mut lost = Vec::new();
            for held in leases {
                let row = rows.jobs.get_mut(&held.job).filter(|row| row.token == held.token);
                match row
                    .and_then(|row| row.lease.as_mut())
                    .filter(|lease| lease.owner == owner)
                {
                    Some(lease) => lease.until = lease_until,
                    None => lost.push(held),
                }
            }
            lost
        })
    }

    async fn release_owner(&self, owner: &Owner) -> Result<u64, StorageError> {
        self.end(|lease| lease.owner == owner)
    }

    async fn take_over(&self, owner: &Owner) -> Result<u64, StorageError> {
        self.end(|lease| lease.owner != owner)
    }

    async fn inbox(
        &self,
        tenant: &Tenant,
        user: Option<String>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<InboxEntry>, StorageError> {
        self.read(tenant, |rows| {
            rows.messages
                .range(after.saturating_add(1)..)
                .filter(|(_, message)| user.as_ref().is_none_or(|user| *user == message.user))
                .filter(|(_, message)| message.kind != MessageKind::Reply)
                .take(rows_of_page(limit))
                .map(entry)
                .collect()
        })
    }

    async fn set_delivery(
        &self,
        tenant: &Tenant,
        ids: Vec<String>,
        delivery: DeliveryStatus,
    ) -> Result<u64, StorageError> {
        self.change(|all| {
            let mut changed = 0;
            for message in all
                .tenants
                .get_mut(tenant)
                .into_iter()
                .flat_map(|rows| rows.messages.values_mut())
            {
                let open = message.delivery != DeliveryStatus::Read && message.delivery != delivery;
                if open && ids.contains(&message.id) {
                    message.delivery = delivery;
                    changed += 1;
                }
            }
            changed
        })
    }

    async fn undelivered(&self, limit: u32) -> Result<Vec<(String, InboxEntry)>, StorageError> {
        let all = self.all();
        let mut queued = Vec::new();
        for (tenant, rows) in &all.tenants {
            let open = |(_, message): &(&u64, &Message)| message.delivery == DeliveryStatus::Queued;
            let messages = rows.messages.iter().filter(open);
            queued.extend(messages.map(|message| (tenant.clone(), entry(message))));
        }
        queued.sort_by_key(|(_, entry)| entry.position);
        queued.truncate(rows_of_page(limit));
        Ok(queued)
    }

    async fn count_jobs(&self, tenant: &Tenant) -> Result<Vec<(JobStatus, u64)>, StorageError> {
        self.read(tenant, |rows| {
            let mut counts: BTreeMap<&str, (JobStatus, u64)> = BTreeMap::new();
            for status in rows.jobs.values().map(|row| row.job.state.status) {
                counts.entry(status.word()).or_insert((status, 0)).1 += 1;
            }
            counts.into_values().collect()
        })
    }

    async fn check(&self) -> Result<String, StorageError> {
        Ok("store in memory, sound; nothing survives the host's end".into())
    }

    async fn close(&self) {
        self.all().closed = true;
    }
}

fn entry((position, message): (&u64, &Message)) -> InboxEntry {
    InboxEntry {
        position: *position,
        message: message.clone(),
    }
}
