//! Storage in memory, for tests and trials: same semantics as SQLite, nothing survives the host.

mod find;
mod messages;
mod registry;
mod retention;
mod rows;
mod tables;
mod texts;
mod turns;
mod write;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use self::find::{cut, rows_of_page, search};
pub use self::registry::MemoryRegistry;
use self::rows::{JobRow, Lease, Rows};
use super::retention::{Old, SweptJob};
use super::texts::{JobTexts, NewVector, Picked, Unembedded};
use super::turns::{Conversation, Turn};
use super::usage::{Booking, DayUse};
use super::words::Word;
use super::{InboxEntry, Owner, Quota, Storage, Stored, Tenant};
use crate::wit::storage::{
    Claim, EdgeFilter, HitPage, JobFilter, JobPage, JobToken, MessageFilter, Page, Rejection, RunFilter,
    SearchQuery, StorageError, Unit,
};
use crate::wit::types::{
    DeliveryStatus, Edge, Instant, Job, JobStatus, Message, MessageKind, Run, StatusChange,
};

/// A store that lives as long as its value.
#[derive(Default)]
pub struct MemoryStorage {
    all: Mutex<All>,
}

#[derive(Default)]
struct All {
    tenants: BTreeMap<String, Rows>,
    /// The last position given, over all tenants: of jobs, messages, texts and turns.
    sequence: u64,
    closed: bool,
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
            let ends = |row: &JobRow| row.lease.as_ref().is_some_and(&ends);
            all.tenants
                .values_mut()
                .map(|rows| rows.jobs.end_leases(ends))
                .sum()
        })
    }
}

#[async_trait]
impl Storage for MemoryStorage {
    async fn get_jobs(&self, tenant: &Tenant, ids: Vec<String>) -> Result<Vec<Option<Job>>, StorageError> {
        self.read(tenant, |rows| {
            let job = |id: &String| rows.jobs.get(id).map(|row| row.job.clone());
            ids.iter().map(job).collect()
        })
    }

    async fn get_runs(&self, tenant: &Tenant, ids: Vec<String>) -> Result<Vec<Option<Run>>, StorageError> {
        self.read(tenant, |rows| {
            ids.iter().map(|id| rows.runs.get(id).cloned()).collect()
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
        self.read(tenant, |rows| rows.runs_of_job(&filter))
    }

    async fn find_edges(&self, tenant: &Tenant, filter: EdgeFilter) -> Result<Vec<Edge>, StorageError> {
        self.read(tenant, |rows| rows.edges(&filter))
    }

    async fn find_messages(
        &self,
        tenant: &Tenant,
        filter: MessageFilter,
    ) -> Result<Vec<Message>, StorageError> {
        self.read(tenant, |rows| rows.messages(&filter))
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

    async fn texts(&self, tenant: &Tenant, after: u64, limit: u32) -> Result<Vec<JobTexts>, StorageError> {
        self.read(tenant, |rows| rows.texts_behind(after, limit))
    }

    async fn unembedded(&self, model: &str, limit: u32) -> Result<Vec<Unembedded>, StorageError> {
        let all = self.all();
        let texts = all
            .tenants
            .iter()
            .flat_map(|(tenant, rows)| rows.unembedded(tenant, model));
        let mut texts: Vec<Unembedded> = texts.collect();
        texts.sort_by_key(|text| text.revision);
        texts.truncate(limit as usize);
        Ok(texts)
    }

    async fn put_vectors(
        &self,
        tenant: &Tenant,
        model: &str,
        vectors: Vec<NewVector>,
    ) -> Result<(), StorageError> {
        self.change(|all| {
            let Some(rows) = all.tenants.get_mut(tenant) else {
                return;
            };
            for vector in vectors {
                rows.put_vector(model, vector, &mut all.sequence);
            }
        })
    }

    async fn pick_jobs(
        &self,
        tenant: &Tenant,
        numbers: Vec<u64>,
        filter: JobFilter,
    ) -> Result<Picked, StorageError> {
        self.read(tenant, |rows| rows.pick(&numbers, &filter))
    }

    async fn job_numbers(
        &self,
        tenant: &Tenant,
        filter: JobFilter,
        limit: u32,
    ) -> Result<Vec<u64>, StorageError> {
        self.read(tenant, |rows| {
            let found = rows.newest(&filter, |_| true);
            found.iter().take(limit as usize).map(|row| row.seq).collect()
        })
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
        quota: Quota,
        units: Vec<Unit>,
    ) -> Result<Vec<Result<(), Rejection>>, StorageError> {
        self.change(|all| {
            let rows = all.tenants.entry(tenant.to_owned()).or_default();
            let sequence = &mut all.sequence;
            units
                .into_iter()
                .map(|unit| rows.unit(unit, quota, sequence))
                .collect()
        })
    }

    async fn next_due(&self, tenant: &Tenant) -> Result<Option<Instant>, StorageError> {
        self.read(tenant, |rows| rows.jobs.earliest())
    }

    async fn due_tenants(&self, now: Instant) -> Result<Vec<String>, StorageError> {
        let all = self.all();
        let due = |rows: &Rows| rows.jobs.earliest().is_some_and(|at| at <= now);
        let tenants = all.tenants.iter().filter(|(_, rows)| due(rows));
        Ok(tenants.map(|(tenant, _)| tenant.clone()).collect())
    }

    async fn renew(
        &self,
        tenant: &Tenant,
        owner: &Owner,
        leases: Vec<JobToken>,
        lease_until: Instant,
    ) -> Result<Vec<JobToken>, StorageError> {
        self.change(|all| match all.tenants.get_mut(tenant) {
            Some(rows) => rows.renew(owner, leases, lease_until),
            None => leases,
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

    async fn last_message(&self, tenant: &Tenant) -> Result<u64, StorageError> {
        self.read(tenant, |rows| rows.messages.last().unwrap_or(0))
    }

    async fn set_delivery(
        &self,
        tenant: &Tenant,
        ids: Vec<String>,
        delivery: DeliveryStatus,
    ) -> Result<u64, StorageError> {
        self.change(|all| {
            let mut changed = 0;
            let Some(rows) = all.tenants.get_mut(tenant) else {
                return changed;
            };
            for id in &ids {
                let Some((position, _)) = rows.messages.by_id(id) else {
                    continue;
                };
                changed += u64::from(rows.messages.deliver(position, delivery).is_some());
            }
            changed
        })
    }

    async fn undelivered(&self, tenant: &Tenant, limit: u32) -> Result<Vec<InboxEntry>, StorageError> {
        self.read(tenant, |rows| {
            let queued = rows.messages.queued().take(rows_of_page(limit));
            queued.map(entry).collect()
        })
    }

    async fn undelivered_tenants(&self) -> Result<Vec<String>, StorageError> {
        let all = self.all();
        let queued = all
            .tenants
            .iter()
            .filter(|(_, rows)| rows.messages.queued().next().is_some());
        Ok(queued.map(|(tenant, _)| tenant.clone()).collect())
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

    async fn stored(&self, tenant: &Tenant) -> Result<Stored, StorageError> {
        self.read(tenant, Rows::stored)
    }

    async fn purge(&self, tenant: &Tenant, _limit: u32) -> Result<u64, StorageError> {
        // A map is dropped at once: no other tenant waits for it.
        self.change(|all| u64::from(all.tenants.remove(tenant).is_some()))
    }

    async fn sweep(&self, tenant: &Tenant, after: u64, limit: u32) -> Result<Vec<SweptJob>, StorageError> {
        self.read(tenant, |rows| rows.sweep(after, limit))
    }

    async fn sweep_messages(
        &self,
        tenant: &Tenant,
        after: u64,
        limit: u32,
    ) -> Result<Vec<InboxEntry>, StorageError> {
        self.read(tenant, |rows| {
            let behind = rows.messages.range(after.saturating_add(1)..);
            behind.take(rows_of_page(limit)).map(entry).collect()
        })
    }

    async fn forget(&self, tenant: &Tenant, old: Old) -> Result<u64, StorageError> {
        self.change(|all| all.tenants.get_mut(tenant).map_or(0, |rows| rows.forget(&old)))
    }

    async fn add_turns(&self, tenant: &Tenant, turns: Vec<Turn>) -> Result<(), StorageError> {
        self.change(|all| {
            let rows = all.tenants.entry(tenant.to_owned()).or_default();
            for turn in turns {
                all.sequence += 1;
                rows.turns.add(turn, all.sequence);
            }
        })
    }

    async fn turns(&self, tenant: &Tenant, of: &Conversation, limit: u32) -> Result<Vec<Turn>, StorageError> {
        self.read(tenant, |rows| rows.turns.latest(of, limit))
    }

    async fn forget_turns(&self, tenant: &Tenant, before: Instant, limit: u32) -> Result<u64, StorageError> {
        self.change(|all| match all.tenants.get_mut(tenant) {
            Some(rows) => rows.turns.forget(before, limit),
            None => 0,
        })
    }

    async fn book(&self, tenant: &Tenant, day: i64, booking: Booking) -> Result<bool, StorageError> {
        self.change(|all| {
            let rows = all.tenants.entry(tenant.to_owned()).or_default();
            let of_day = rows.usage.entry(day).or_default();
            let after = of_day.after(&booking);
            *of_day = after.unwrap_or(*of_day);
            after.is_some()
        })
    }

    async fn day_use(&self, tenant: &Tenant, day: i64) -> Result<DayUse, StorageError> {
        self.read(tenant, |rows| rows.usage.get(&day).copied().unwrap_or_default())
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
