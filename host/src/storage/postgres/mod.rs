//! Postgres storage, version 15 or later: any number of hosts on one database. Reads and claims are one
//! statement each; commits of a tenant take turns and share transactions. A commit that was answered is as
//! durable as Postgres makes it (`synchronous_commit`).
//!
//! Nothing is used that CockroachDB and YugabyteDB lack, but for: advisory locks (migrations of hosts that
//! start at once; who is there), LISTEN and NOTIFY (hints only), and policies of row-level security.

mod check;
mod claim;
mod codec;
mod commit;
mod condition;
mod connect;
mod dump;
mod failure;
mod fill;
mod list;
mod nudge;
mod offers;
mod open;
mod outbox;
mod presence;
mod purge;
mod read;
mod registry;
mod schema;
mod search;
mod session;
mod terms;
mod text;
mod texts;
mod turns;
mod usage;
mod value;
mod versions;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::Pool;

use self::check::Hint;
pub use self::claim::LeaseClock;
use self::commit::Lanes;
use self::connect::SharedConnector;
pub use self::dump::dump;
use self::failure::Failure;
pub use self::fill::PostgresTarget;
use self::nudge::Nudges;
pub use self::open::OpenError;
use self::session::{Scope, Sql};
use self::value::Value;
use super::retention::{Old, SweptJob};
use super::texts::{JobTexts, NewVector, Picked, Unembedded};
use super::turns::{Conversation, Turn};
use super::usage::{Booking, DayUse};
use super::words::Word as _;
use super::{InboxEntry, Owner, Quota, Storage, Stored, Tenant};
use crate::clock::{Clock, StoreClock};
use crate::events::Change;
use crate::wit::storage::{
    Claim, EdgeFilter, HitPage, JobFilter, JobPage, JobToken, MessageFilter, Page, Rejection, RunFilter,
    SearchQuery, StorageError, Unit,
};
use crate::wit::types::{DeliveryStatus, Edge, Instant, Job, JobStatus, Message, Run, StatusChange};

/// A store in a Postgres database.
pub struct PostgresStorage {
    pool: Pool,
    connector: SharedConnector,
    clock: LeaseClock,
    /// The database's clock, as this machine's shows it.
    shown: Arc<StoreClock>,
    lanes: Arc<Lanes>,
    nudges: Nudges,
}

impl PostgresStorage {
    /// The database's clock: that of hosts whose leases end by it ([`LeaseClock::Database`]), so that what one
    /// of them calls due is due for all.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.shown) as _
    }

    fn writable(&self) -> Result<(), StorageError> {
        if self.lanes.is_closed() {
            return Err(Failure::Closed.into());
        }
        Ok(())
    }
}

#[async_trait]
impl Storage for PostgresStorage {
    async fn get_jobs(&self, tenant: &Tenant, ids: Vec<String>) -> Result<Vec<Option<Job>>, StorageError> {
        Ok(self.read_jobs(tenant, &ids).await?)
    }

    async fn get_runs(&self, tenant: &Tenant, ids: Vec<String>) -> Result<Vec<Option<Run>>, StorageError> {
        Ok(self.read_runs(tenant, &ids).await?)
    }

    async fn find_jobs(
        &self,
        tenant: &Tenant,
        filter: JobFilter,
        page: Page,
    ) -> Result<JobPage, StorageError> {
        let before = super::before(&page)?;
        Ok(self.read_page(tenant, &filter, &page, before).await?)
    }

    async fn find_runs(&self, tenant: &Tenant, filter: RunFilter) -> Result<Vec<Run>, StorageError> {
        Ok(self.runs_of_job(tenant, &filter).await?)
    }

    async fn find_edges(&self, tenant: &Tenant, filter: EdgeFilter) -> Result<Vec<Edge>, StorageError> {
        Ok(self.edges(tenant, &filter).await?)
    }

    async fn find_messages(
        &self,
        tenant: &Tenant,
        filter: MessageFilter,
    ) -> Result<Vec<Message>, StorageError> {
        let found = self.messages(tenant, &filter).await?;
        Ok(found.into_iter().map(|entry| entry.message).collect())
    }

    async fn find_changes(
        &self,
        tenant: &Tenant,
        job: String,
        limit: u32,
    ) -> Result<Vec<StatusChange>, StorageError> {
        Ok(self.changes(tenant, &job, limit).await?)
    }

    async fn search_jobs(&self, tenant: &Tenant, query: SearchQuery) -> Result<HitPage, StorageError> {
        let before = super::before(&query.page)?;
        Ok(self.search(tenant, &query, before).await?)
    }

    async fn texts(&self, tenant: &Tenant, after: u64, limit: u32) -> Result<Vec<JobTexts>, StorageError> {
        Ok(self.texts_behind(tenant, after, limit).await?)
    }

    async fn unembedded(&self, model: &str, limit: u32) -> Result<Vec<Unembedded>, StorageError> {
        Ok(self.not_embedded(model, limit).await?)
    }

    async fn put_vectors(
        &self,
        tenant: &Tenant,
        model: &str,
        vectors: Vec<NewVector>,
    ) -> Result<(), StorageError> {
        self.writable()?;
        Ok(self.keep_vectors(tenant, model, &vectors).await?)
    }

    async fn pick_jobs(
        &self,
        tenant: &Tenant,
        numbers: Vec<u64>,
        filter: JobFilter,
    ) -> Result<Picked, StorageError> {
        Ok(self.picked(tenant, &numbers, &filter).await?)
    }

    async fn job_numbers(
        &self,
        tenant: &Tenant,
        filter: JobFilter,
        limit: u32,
    ) -> Result<Vec<u64>, StorageError> {
        Ok(self.numbers(tenant, &filter, limit).await?)
    }

    async fn claim_due(
        &self,
        tenant: &Tenant,
        owner: &Owner,
        now: Instant,
        lease_until: Instant,
        limit: u32,
    ) -> Result<Vec<Claim>, StorageError> {
        self.writable()?;
        Ok(self.claim(tenant, owner, now, lease_until, limit).await?)
    }

    async fn commit(
        &self,
        tenant: &Tenant,
        quota: Quota,
        units: Vec<Unit>,
    ) -> Result<Vec<Result<(), Rejection>>, StorageError> {
        let hint = self.hint(&units);
        let answers = self.lanes.commit(&self.pool, tenant, quota, units).await?;
        match hint {
            Some(Hint::Offer) => self.nudges.offer(tenant),
            Some(Hint::Tell) => self.nudges.tell(tenant),
            None => {}
        }
        Ok(answers)
    }

    async fn next_due(&self, tenant: &Tenant) -> Result<Option<Instant>, StorageError> {
        Ok(self.next_due_of(tenant).await?)
    }

    async fn due_tenants(&self, now: Instant) -> Result<Vec<String>, StorageError> {
        Ok(self.tenants_due(self.present(now)).await?)
    }

    async fn renew(
        &self,
        tenant: &Tenant,
        owner: &Owner,
        leases: Vec<JobToken>,
        lease_until: Instant,
    ) -> Result<Vec<JobToken>, StorageError> {
        self.writable()?;
        Ok(self.renew_leases(tenant, owner, leases, lease_until).await?)
    }

    async fn release_owner(&self, owner: &Owner) -> Result<u64, StorageError> {
        self.writable()?;
        Ok(self.end_leases(owner).await?)
    }

    /// Other hosts may live: their leases lapse by themselves.
    async fn take_over(&self, _owner: &Owner) -> Result<u64, StorageError> {
        self.writable()?;
        Ok(0)
    }

    async fn inbox(
        &self,
        tenant: &Tenant,
        user: Option<String>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<InboxEntry>, StorageError> {
        Ok(self.inbox_after(tenant, user.as_ref(), after, limit).await?)
    }

    async fn last_message(&self, tenant: &Tenant) -> Result<u64, StorageError> {
        Ok(self.newest_message(tenant).await?)
    }

    async fn set_delivery(
        &self,
        tenant: &Tenant,
        ids: Vec<String>,
        delivery: DeliveryStatus,
    ) -> Result<u64, StorageError> {
        // Rows are locked in one order, whoever else does the same.
        const SQL: &str = "WITH held AS MATERIALIZED (SELECT found.position FROM unnest($2::text[]) AS asked (id) \
                 CROSS JOIN LATERAL (SELECT position FROM messages WHERE tenant = $1 AND id = asked.id \
                     AND delivery <> 'read' AND delivery <> $3 FOR UPDATE) AS found) \
             UPDATE messages SET delivery = $3 FROM held WHERE messages.position = held.position RETURNING 1";
        self.writable()?;
        let ids: BTreeSet<String> = ids.into_iter().collect();
        let values = [
            Value::text(tenant),
            Value::texts(ids.iter().map(String::as_str)),
            Value::text(delivery.word()),
        ];
        let rows = session::change_again(&self.pool, Scope::Tenant(tenant), Sql::Fixed(SQL), &values).await?;
        Ok(rows.len() as u64)
    }

    async fn undelivered(&self, tenant: &Tenant, limit: u32) -> Result<Vec<InboxEntry>, StorageError> {
        Ok(self.queued(tenant, limit).await?)
    }

    async fn hold_outbox(
        &self,
        tenant: &Tenant,
        owner: &Owner,
        lasting: Duration,
    ) -> Result<bool, StorageError> {
        self.writable()?;
        Ok(self.hold(tenant, owner, lasting).await?)
    }

    async fn leave_outbox(&self, tenant: &Tenant, owner: &Owner) -> Result<(), StorageError> {
        self.writable()?;
        Ok(self.leave(tenant, owner).await?)
    }

    async fn undelivered_tenants(&self) -> Result<Vec<String>, StorageError> {
        Ok(self.recipients().await?)
    }

    async fn count_jobs(&self, tenant: &Tenant) -> Result<Vec<(JobStatus, u64)>, StorageError> {
        Ok(self.sums(tenant).await?.jobs.some())
    }

    async fn stored(&self, tenant: &Tenant) -> Result<Stored, StorageError> {
        Ok(self.sums(tenant).await?.stored())
    }

    async fn purge(&self, tenant: &Tenant, limit: u32) -> Result<u64, StorageError> {
        self.writable()?;
        Ok(self.purge_some(tenant, limit).await?)
    }

    async fn sweep(&self, tenant: &Tenant, after: u64, limit: u32) -> Result<Vec<SweptJob>, StorageError> {
        Ok(self.swept(tenant, after, limit).await?)
    }

    async fn sweep_messages(
        &self,
        tenant: &Tenant,
        after: u64,
        limit: u32,
    ) -> Result<Vec<InboxEntry>, StorageError> {
        Ok(self.messages_after(tenant, after, limit).await?)
    }

    async fn forget(&self, tenant: &Tenant, old: Old) -> Result<u64, StorageError> {
        self.writable()?;
        Ok(self.forget_old(tenant, &old).await?)
    }

    async fn add_turns(&self, tenant: &Tenant, turns: Vec<Turn>) -> Result<(), StorageError> {
        self.writable()?;
        Ok(self.add_all_turns(tenant, turns).await?)
    }

    async fn turns(&self, tenant: &Tenant, of: &Conversation, limit: u32) -> Result<Vec<Turn>, StorageError> {
        Ok(self.latest_turns(tenant, of, limit).await?)
    }

    async fn forget_turns(&self, tenant: &Tenant, before: Instant, limit: u32) -> Result<u64, StorageError> {
        self.writable()?;
        Ok(self.forget_old_turns(tenant, before, limit).await?)
    }

    async fn book(&self, tenant: &Tenant, day: i64, booking: Booking) -> Result<bool, StorageError> {
        self.writable()?;
        Ok(self.book_on(tenant, day, booking).await?)
    }

    async fn day_use(&self, tenant: &Tenant, day: i64) -> Result<DayUse, StorageError> {
        Ok(self.used_on(tenant, day).await?)
    }

    async fn check(&self) -> Result<String, StorageError> {
        self.is_sound().await
    }

    async fn nudged(&self) -> Option<String> {
        self.nudges.heard().await
    }

    fn decline_due(&self, tenant: &Tenant) {
        self.nudges.decline(tenant);
    }

    fn watch(&self, tenant: &Tenant) {
        self.nudges.watch(tenant);
    }

    fn is_watched(&self, tenant: &Tenant) -> bool {
        self.nudges.is_watched(tenant)
    }

    fn tell_changes(&self, tenant: &Tenant, changes: &[Change]) {
        self.nudges.tell_changes(tenant, changes);
    }

    async fn told_changes(&self) -> (String, Vec<Change>) {
        self.nudges.told_changes().await
    }

    async fn close(&self) {
        self.lanes.close().await;
        self.nudges.stop();
    }
}
