//! A storage with something in the middle of it: what is set goes before the next commit, between a look
//! at what is due and its answer, or before an answer about jobs. That is how two meet on one row,
//! without luck, and how somebody waits in vain.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use meanwhile::storage::retention::{Old, SweptJob};
use meanwhile::storage::texts::{JobTexts, NewVector, Picked, Unembedded};
use meanwhile::storage::turns::{Conversation, Turn};
use meanwhile::storage::usage::{Booking, DayUse};
use meanwhile::storage::{InboxEntry, Owner, Quota, Storage, Stored, Tenant};
use meanwhile::wit::storage::{
    Claim, EdgeFilter, HitPage, JobFilter, JobPage, JobToken, MessageFilter, Page, Rejection, RunFilter,
    SearchQuery, StorageError, Unit,
};
use meanwhile::wit::types::{DeliveryStatus, Edge, Instant, Job, JobStatus, Message, Run, StatusChange};
use tokio::sync::Notify;

/// How the names of tenants begin that wait in vain, where some do.
pub const PARKED: &str = "parked";

/// See the module.
pub struct Interposed {
    inner: Arc<dyn Storage>,
    before_commit: Mutex<Option<BoxFuture<'static, ()>>>,
    after_look: Mutex<Option<Meanwhile>>,
    /// Tenants whose names begin with [`PARKED`] never learn about jobs by their ids.
    parking: bool,
    claims: AtomicBool,
    vectors_put: Notify,
}

/// What happens meanwhile, every time.
pub type Meanwhile = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

impl Interposed {
    #[must_use]
    pub fn new(inner: Arc<dyn Storage>) -> Self {
        Self {
            inner,
            before_commit: Mutex::default(),
            after_look: Mutex::default(),
            parking: false,
            claims: AtomicBool::default(),
            vectors_put: Notify::new(),
        }
    }

    /// A storage that never tells tenants whose names begin with [`PARKED`] about jobs by their ids.
    #[must_use]
    pub fn parking(inner: Arc<dyn Storage>) -> Self {
        Self {
            parking: true,
            ..Self::new(inner)
        }
    }

    /// What happens after each look at what is due, before its answer arrives.
    pub fn set_after_look(&self, what: Meanwhile) {
        *self.after_look.lock().unwrap() = Some(what);
    }

    /// Whether a claim was begun since this was asked last: what it took is not due any more, and may
    /// execute.
    pub fn had_claims(&self) -> bool {
        self.claims.swap(false, SeqCst)
    }

    /// Waits until vectors were put, since this was waited for last.
    pub async fn vectors_put(&self) {
        self.vectors_put.notified().await;
    }

    /// What happens right before the next commit; none: nothing any more.
    pub fn set_before_commit(&self, what: Option<BoxFuture<'static, ()>>) {
        *self.before_commit.lock().unwrap() = what;
    }
}

macro_rules! passed_on {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl Storage for Interposed {
            $(async fn $name(&self, $($argument: $type),*) -> $answer {
                self.inner.$name($($argument),*).await
            })*

            async fn get_jobs(&self, tenant: &Tenant, ids: Vec<String>) -> Result<Vec<Option<Job>>, StorageError> {
                if self.parking && tenant.starts_with(PARKED) {
                    std::future::pending::<()>().await;
                }
                self.inner.get_jobs(tenant, ids).await
            }

            async fn claim_due(
                &self,
                tenant: &Tenant,
                owner: &Owner,
                now: Instant,
                lease_until: Instant,
                limit: u32,
            ) -> Result<Vec<Claim>, StorageError> {
                self.claims.store(true, SeqCst);
                self.inner.claim_due(tenant, owner, now, lease_until, limit).await
            }

            async fn commit(
                &self,
                tenant: &Tenant,
                quota: Quota,
                units: Vec<Unit>,
            ) -> Result<Vec<Result<(), Rejection>>, StorageError> {
                let first = self.before_commit.lock().unwrap().take();
                if let Some(first) = first {
                    first.await;
                }
                self.inner.commit(tenant, quota, units).await
            }

            async fn put_vectors(
                &self,
                tenant: &Tenant,
                model: &str,
                vectors: Vec<NewVector>,
            ) -> Result<(), StorageError> {
                let put = self.inner.put_vectors(tenant, model, vectors).await;
                self.vectors_put.notify_one();
                put
            }

            async fn next_due(&self, tenant: &Tenant) -> Result<Option<Instant>, StorageError> {
                let due = self.inner.next_due(tenant).await;
                let then = self.after_look.lock().unwrap().clone();
                if let Some(then) = then {
                    then().await;
                }
                due
            }
        }
    };
}

passed_on! {
    get_runs(tenant: &Tenant, ids: Vec<String>) -> Result<Vec<Option<Run>>, StorageError>;
    find_jobs(tenant: &Tenant, filter: JobFilter, page: Page) -> Result<JobPage, StorageError>;
    find_runs(tenant: &Tenant, filter: RunFilter) -> Result<Vec<Run>, StorageError>;
    find_edges(tenant: &Tenant, filter: EdgeFilter) -> Result<Vec<Edge>, StorageError>;
    find_messages(tenant: &Tenant, filter: MessageFilter) -> Result<Vec<Message>, StorageError>;
    find_changes(tenant: &Tenant, job: String, limit: u32) -> Result<Vec<StatusChange>, StorageError>;
    search_jobs(tenant: &Tenant, query: SearchQuery) -> Result<HitPage, StorageError>;
    texts(tenant: &Tenant, after: u64, limit: u32) -> Result<Vec<JobTexts>, StorageError>;
    unembedded(model: &str, limit: u32) -> Result<Vec<Unembedded>, StorageError>;
    pick_jobs(tenant: &Tenant, numbers: Vec<u64>, filter: JobFilter) -> Result<Picked, StorageError>;
    job_numbers(tenant: &Tenant, filter: JobFilter, limit: u32) -> Result<Vec<u64>, StorageError>;
    due_tenants(now: Instant) -> Result<Vec<String>, StorageError>;
    renew(tenant: &Tenant, owner: &Owner, leases: Vec<JobToken>, lease_until: Instant) -> Result<Vec<JobToken>, StorageError>;
    release_owner(owner: &Owner) -> Result<u64, StorageError>;
    take_over(owner: &Owner) -> Result<u64, StorageError>;
    inbox(tenant: &Tenant, user: Option<String>, after: u64, limit: u32) -> Result<Vec<InboxEntry>, StorageError>;
    set_delivery(tenant: &Tenant, ids: Vec<String>, delivery: DeliveryStatus) -> Result<u64, StorageError>;
    undelivered(tenant: &Tenant, limit: u32) -> Result<Vec<InboxEntry>, StorageError>;
    hold_outbox(tenant: &Tenant, owner: &Owner, lasting: Duration) -> Result<bool, StorageError>;
    leave_outbox(tenant: &Tenant, owner: &Owner) -> Result<(), StorageError>;
    undelivered_tenants() -> Result<Vec<String>, StorageError>;
    count_jobs(tenant: &Tenant) -> Result<Vec<(JobStatus, u64)>, StorageError>;
    stored(tenant: &Tenant) -> Result<Stored, StorageError>;
    purge(tenant: &Tenant, limit: u32) -> Result<u64, StorageError>;
    sweep(tenant: &Tenant, after: u64, limit: u32) -> Result<Vec<SweptJob>, StorageError>;
    sweep_messages(tenant: &Tenant, after: u64, limit: u32) -> Result<Vec<InboxEntry>, StorageError>;
    forget(tenant: &Tenant, old: Old) -> Result<u64, StorageError>;
    add_turns(tenant: &Tenant, turns: Vec<Turn>) -> Result<(), StorageError>;
    turns(tenant: &Tenant, of: &Conversation, limit: u32) -> Result<Vec<Turn>, StorageError>;
    forget_turns(tenant: &Tenant, before: Instant, limit: u32) -> Result<u64, StorageError>;
    book(tenant: &Tenant, day: i64, booking: Booking) -> Result<bool, StorageError>;
    day_use(tenant: &Tenant, day: i64) -> Result<DayUse, StorageError>;
    last_message(tenant: &Tenant) -> Result<u64, StorageError>;
    nudged() -> Option<String>;
    check() -> Result<String, StorageError>;
    close() -> ();
}
