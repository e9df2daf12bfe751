//! SQLite storage: one file, one host. Writes go through one thread and share transactions; a
//! commit that was answered is on disk (WAL, synchronous=FULL).

mod claim;
mod codec;
mod commit;
mod condition;
mod conversations;
mod dump;
mod fill;
mod list;
mod load;
mod messages;
mod open;
mod read;
mod readers;
mod registry;
mod room;
mod schema;
mod search;
mod snapshot;
mod steps;
mod stored;
mod texts;
mod turns;
mod usage;
mod write;
mod writer;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use rusqlite::Connection;

pub use self::dump::dump;
pub use self::fill::SqliteTarget;
pub use self::open::OpenError;
use self::readers::Readers;
pub use self::snapshot::{Snapshot, StoredJob};
use self::writer::Writer;
use super::retention::{Old, SweptJob};
use super::texts::{JobTexts, NewVector, Picked, Unembedded};
use super::turns::{Conversation, Turn};
use super::usage::{Booking, DayUse};
use super::work;
use super::{InboxEntry, Owner, Quota, Storage, Stored, Tenant};
use crate::cpu;
use crate::wit::storage::{
    Claim, EdgeFilter, HitPage, JobFilter, JobPage, JobToken, MessageFilter, Page, Rejection, RunFilter,
    SearchQuery, StorageError, Unit,
};
use crate::wit::types::{DeliveryStatus, Edge, Instant, Job, JobStatus, Message, Run, StatusChange};

/// The lane of the host's own writes. No tenant has this name.
const HOST: &str = "";

/// A store in one SQLite file.
pub struct SqliteStorage {
    path: PathBuf,
    writer: Writer,
    readers: Arc<Readers>,
    /// Held as long as the store is open.
    _lock: File,
}

impl SqliteStorage {
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StorageError> {
        let readers = Arc::clone(&self.readers);
        let work = cpu::counted(move || readers.with(work));
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| StorageError::Unavailable(error.to_string()))?
            .map_err(room::failure)
    }
}

#[async_trait]
impl Storage for SqliteStorage {
    async fn get_jobs(&self, tenant: &Tenant, ids: Vec<String>) -> Result<Vec<Option<Job>>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| read::jobs(connection, &tenant, &ids))
            .await
    }

    async fn get_runs(&self, tenant: &Tenant, ids: Vec<String>) -> Result<Vec<Option<Run>>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| read::runs(connection, &tenant, &ids))
            .await
    }

    async fn find_jobs(
        &self,
        tenant: &Tenant,
        filter: JobFilter,
        page: Page,
    ) -> Result<JobPage, StorageError> {
        let tenant = tenant.to_owned();
        let before = super::before(&page)?;
        self.read(move |connection| list::find_jobs(connection, &tenant, &filter, &page, before))
            .await
    }

    async fn find_runs(&self, tenant: &Tenant, filter: RunFilter) -> Result<Vec<Run>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| read::find_runs(connection, &tenant, &filter))
            .await
    }

    async fn find_edges(&self, tenant: &Tenant, filter: EdgeFilter) -> Result<Vec<Edge>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| read::find_edges(connection, &tenant, &filter))
            .await
    }

    async fn find_messages(
        &self,
        tenant: &Tenant,
        filter: MessageFilter,
    ) -> Result<Vec<Message>, StorageError> {
        let tenant = tenant.to_owned();
        let found = self
            .read(move |connection| messages::find(connection, &tenant, &filter))
            .await?;
        Ok(found.into_iter().map(|entry| entry.message).collect())
    }

    async fn find_changes(
        &self,
        tenant: &Tenant,
        job: String,
        limit: u32,
    ) -> Result<Vec<StatusChange>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| read::find_changes(connection, &tenant, &job, limit))
            .await
    }

    async fn search_jobs(&self, tenant: &Tenant, query: SearchQuery) -> Result<HitPage, StorageError> {
        let tenant = tenant.to_owned();
        let before = super::before(&query.page)?;
        self.read(move |connection| search::jobs(connection, &tenant, &query, before))
            .await
    }

    async fn texts(&self, tenant: &Tenant, after: u64, limit: u32) -> Result<Vec<JobTexts>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| texts::behind(connection, &tenant, after, limit))
            .await
    }

    async fn unembedded(&self, model: &str, limit: u32) -> Result<Vec<Unembedded>, StorageError> {
        let model = model.to_owned();
        self.read(move |connection| texts::unembedded(connection, &model, limit))
            .await
    }

    async fn put_vectors(
        &self,
        tenant: &Tenant,
        model: &str,
        vectors: Vec<NewVector>,
    ) -> Result<(), StorageError> {
        let (lane, model) = (tenant.to_owned(), model.to_owned());
        let tenant = lane.clone();
        self.writer
            .run(&lane, work::VECTOR * vectors.len(), move |connection| {
                texts::put_vectors(connection, &tenant, &model, &vectors)
            })
            .await
    }

    async fn pick_jobs(
        &self,
        tenant: &Tenant,
        numbers: Vec<u64>,
        filter: JobFilter,
    ) -> Result<Picked, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| texts::pick(connection, &tenant, &numbers, &filter))
            .await
    }

    async fn job_numbers(
        &self,
        tenant: &Tenant,
        filter: JobFilter,
        limit: u32,
    ) -> Result<Vec<u64>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| texts::numbers(connection, &tenant, &filter, limit))
            .await
    }

    async fn claim_due(
        &self,
        tenant: &Tenant,
        owner: &Owner,
        now: Instant,
        lease_until: Instant,
        limit: u32,
    ) -> Result<Vec<Claim>, StorageError> {
        let (tenant, owner) = (tenant.to_owned(), owner.to_owned());
        let lane = tenant.clone();
        let taken = self
            .writer
            .run(&lane, work::CLAIM * limit as usize, move |connection| {
                claim::due(connection, &tenant, &owner, now, lease_until, limit)
            })
            .await?;
        // Read by the caller's thread, not by the one that writes.
        Ok(claim::read(taken, lease_until))
    }

    async fn commit(
        &self,
        tenant: &Tenant,
        quota: Quota,
        units: Vec<Unit>,
    ) -> Result<Vec<Result<(), Rejection>>, StorageError> {
        let prepare = |unit| {
            commit::Prepared::of(tenant, unit).map_err(|error| Rejection::Forbidden(error.to_string()))
        };
        let units = units.into_iter().map(prepare).collect();
        // Cut between units, so that others' writes pass between the pieces. All are put into the
        // lane at once: where nobody else waits they share a transaction all the same.
        let slices = commit::slices(units).into_iter().map(|(work, slice)| {
            let tenant_of_units = tenant.to_owned();
            let count = slice.len();
            let applied = self.writer.run(tenant, work, move |connection| {
                commit::units(connection, &tenant_of_units, quota, &slice)
            });
            async move { (applied.await, count) }
        });
        let applied = join_all(slices).await;
        if applied.iter().all(|(applied, _)| applied.is_err())
            && let Some((Err(error), _)) = applied.first()
        {
            return Err(error.clone());
        }
        let each = applied.into_iter().flat_map(|(applied, count)| match applied {
            Ok(results) => results,
            // Other units are durable already: these have to be decided again.
            Err(_) => vec![Err(Rejection::Stale); count],
        });
        Ok(each.collect())
    }

    async fn next_due(&self, tenant: &Tenant) -> Result<Option<Instant>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| read::next_due(connection, &tenant))
            .await
    }

    async fn due_tenants(&self, now: Instant) -> Result<Vec<String>, StorageError> {
        self.read(move |connection| read::due_tenants(connection, now))
            .await
    }

    async fn renew(
        &self,
        tenant: &Tenant,
        owner: &Owner,
        leases: Vec<JobToken>,
        lease_until: Instant,
    ) -> Result<Vec<JobToken>, StorageError> {
        let (tenant, owner) = (tenant.to_owned(), owner.to_owned());
        let (lane, work) = (tenant.clone(), work::RENEWAL * leases.len());
        self.writer
            .run(&lane, work, move |connection| {
                claim::renew(connection, &tenant, &owner, leases, lease_until)
            })
            .await
    }

    async fn release_owner(&self, owner: &Owner) -> Result<u64, StorageError> {
        let owner = owner.to_owned();
        self.writer
            .run(HOST, 1, move |connection| claim::end(connection, &owner, false))
            .await
    }

    async fn take_over(&self, owner: &Owner) -> Result<u64, StorageError> {
        let owner = owner.to_owned();
        self.writer
            .run(HOST, 1, move |connection| claim::end(connection, &owner, true))
            .await
    }

    async fn inbox(
        &self,
        tenant: &Tenant,
        user: Option<String>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<InboxEntry>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| messages::inbox(connection, &tenant, user.as_ref(), after, limit))
            .await
    }

    async fn last_message(&self, tenant: &Tenant) -> Result<u64, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| messages::last(connection, &tenant))
            .await
    }

    async fn set_delivery(
        &self,
        tenant: &Tenant,
        ids: Vec<String>,
        delivery: DeliveryStatus,
    ) -> Result<u64, StorageError> {
        let tenant = tenant.to_owned();
        let (lane, work) = (tenant.clone(), work::RENEWAL * ids.len());
        self.writer
            .run(&lane, work, move |connection| {
                messages::set_delivery(connection, &tenant, &ids, delivery)
            })
            .await
    }

    async fn undelivered(&self, tenant: &Tenant, limit: u32) -> Result<Vec<InboxEntry>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| messages::undelivered(connection, &tenant, limit))
            .await
    }

    async fn undelivered_tenants(&self) -> Result<Vec<String>, StorageError> {
        self.read(messages::undelivered_tenants).await
    }

    async fn count_jobs(&self, tenant: &Tenant) -> Result<Vec<(JobStatus, u64)>, StorageError> {
        let tenant = tenant.to_owned();
        let sums = self
            .read(move |connection| stored::of(connection, &tenant))
            .await?;
        Ok(sums.jobs.some())
    }

    async fn stored(&self, tenant: &Tenant) -> Result<Stored, StorageError> {
        let tenant = tenant.to_owned();
        let sums = self
            .read(move |connection| stored::of(connection, &tenant))
            .await?;
        Ok(sums.stored())
    }

    async fn purge(&self, tenant: &Tenant, limit: u32) -> Result<u64, StorageError> {
        let tenant = tenant.to_owned();
        let (lane, work) = (tenant.clone(), work::DELETION * limit as usize);
        self.writer
            .run(&lane, work, move |connection| {
                stored::purge(connection, &tenant, limit)
            })
            .await
    }

    async fn sweep(&self, tenant: &Tenant, after: u64, limit: u32) -> Result<Vec<SweptJob>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| stored::sweep(connection, &tenant, after, limit))
            .await
    }

    async fn sweep_messages(
        &self,
        tenant: &Tenant,
        after: u64,
        limit: u32,
    ) -> Result<Vec<InboxEntry>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| messages::sweep(connection, &tenant, after, limit))
            .await
    }

    async fn forget(&self, tenant: &Tenant, old: Old) -> Result<u64, StorageError> {
        let tenant = tenant.to_owned();
        if let Old::History {
            job, kept, before, ..
        } = &old
        {
            let (of, job, kept, before) = (tenant.clone(), job.clone(), *kept, *before);
            let has = self.read(move |connection| stored::has_history(connection, &of, &job, kept, before));
            if !has.await? {
                return Ok(0);
            }
        }
        let (lane, work) = (tenant.clone(), work::DELETION * old.len());
        self.writer
            .run(&lane, work, move |connection| {
                stored::forget(connection, &tenant, &old)
            })
            .await
    }

    async fn add_turns(&self, tenant: &Tenant, turns: Vec<Turn>) -> Result<(), StorageError> {
        let tenant = tenant.to_owned();
        let (lane, work) = (tenant.clone(), work::of_turns(&turns));
        self.writer
            .run(&lane, work, move |connection| {
                conversations::add(connection, &tenant, &turns)
            })
            .await
    }

    async fn book(&self, tenant: &Tenant, day: i64, booking: Booking) -> Result<bool, StorageError> {
        let tenant = tenant.to_owned();
        self.writer
            .run(&tenant.clone(), work::BOOKING, move |connection| {
                usage::book(connection, &tenant, day, &booking)
            })
            .await
    }

    async fn day_use(&self, tenant: &Tenant, day: i64) -> Result<DayUse, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| usage::of_day(connection, &tenant, day))
            .await
    }

    async fn turns(&self, tenant: &Tenant, of: &Conversation, limit: u32) -> Result<Vec<Turn>, StorageError> {
        let (tenant, of) = (tenant.to_owned(), of.clone());
        self.read(move |connection| conversations::latest(connection, &tenant, &of, limit))
            .await
    }

    async fn forget_turns(&self, tenant: &Tenant, before: Instant, limit: u32) -> Result<u64, StorageError> {
        let tenant = tenant.to_owned();
        let (lane, work) = (tenant.clone(), work::DELETION * limit as usize);
        self.writer
            .run(&lane, work, move |connection| {
                conversations::forget(connection, &tenant, before, limit)
            })
            .await
    }

    async fn check(&self) -> Result<String, StorageError> {
        self.read(|connection| {
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
        })
        .await
        .and_then(|found| match found.as_str() {
            "ok" => Ok(format!("SQLite store {}, sound", self.path.display())),
            damage => Err(StorageError::Unavailable(format!(
                "{} is damaged: {damage}",
                self.path.display()
            ))),
        })
    }

    async fn close(&self) {
        self.writer.close();
    }
}
