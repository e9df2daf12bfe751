//! Storage in memory, for tests and trials: same semantics as SQLite, nothing survives the host.

mod find;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use self::find::{among, cut, rows_of_page, search};
use super::words::Word;
use super::{InboxEntry, Owner, Storage, Tenant};
use crate::wit::storage::{
    AncestorEdges, Claim, EdgeFilter, HitPage, JobFilter, JobPage, JobToken, MessageFilter, Page, Rejection,
    RunFilter, SearchQuery, StorageError, Unit,
};
use crate::wit::types::{
    DeliveryStatus, Edge, EdgeStatus, Instant, Job, JobStatus, Message, MessageKind, Run, StatusChange,
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
    /// Oldest first.
    changes: BTreeMap<String, Vec<StatusChange>>,
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

impl JobRow {
    /// `due-at`, or the lease's end where that is later.
    fn available(&self) -> Option<Instant> {
        let due = self.job.state.due_at?;
        Some(self.lease.as_ref().map_or(due, |lease| due.max(lease.until)))
    }
}

impl Rows {
    fn run(&self, id: &str) -> Option<&Run> {
        self.runs.get(self.slots.get(id)?)
    }

    fn ancestors(&self, of: &AncestorEdges) -> Vec<Edge> {
        let mut above = Vec::new();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut front: Vec<&str> = of.dependents.iter().map(String::as_str).collect();
        while let Some(dependent) = front.pop() {
            if !seen.insert(dependent) {
                continue;
            }
            let first = (dependent.to_owned(), String::new());
            for (_, edge) in self
                .edges
                .range(first..)
                .take_while(|(key, _)| key.0 == dependent)
            {
                if above.len() == of.limit as usize {
                    return above;
                }
                above.push(edge.clone());
                front.push(&edge.prerequisite);
            }
        }
        above
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
        let before = super::before(&page)?;
        self.read(tenant, |rows| {
            let (jobs, next_cursor, total) = cut(&rows.newest(&filter, |_| true), &page, before);
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
            EdgeFilter::Ancestors(of) => rows.ancestors(of),
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

    async fn find_changes(
        &self,
        tenant: &Tenant,
        job: String,
        limit: u32,
    ) -> Result<Vec<StatusChange>, StorageError> {
        self.read(tenant, |rows| {
            let changes = rows.changes.get(&job).into_iter().flatten().rev();
            changes.take(rows_of_page(limit)).cloned().collect()
        })
    }

    async fn search_jobs(&self, tenant: &Tenant, query: SearchQuery) -> Result<HitPage, StorageError> {
        let before = super::before(&query.page)?;
        self.read(tenant, |rows| search(rows, &query, before))
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
