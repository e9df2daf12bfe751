//! Durable rows and atomic writes behind one trait. `wit/storage.wit` is the specification; this
//! adds the tenant, the lease owner and the present, which the host binds, and what only the host
//! needs. Nothing outside this folder writes SQL.

pub mod limits;
pub mod memory;
pub mod moving;
pub mod postgres;
pub mod retention;
pub mod sqlite;
pub mod texts;
pub mod turns;
mod units;
pub mod usage;
pub(crate) mod words;
pub mod work;

use std::time::Duration;

use async_trait::async_trait;

use self::retention::{Old, SweptJob};
use self::texts::{JobTexts, NewVector, Picked, Unembedded};
use self::turns::{Conversation, Turn};
use self::usage::{Booking, DayUse};
use crate::events::Change;
use crate::wit::storage::{
    Claim, EdgeFilter, HitPage, JobFilter, JobPage, JobToken, MessageFilter, Page, Rejection, RunFilter,
    SearchQuery, StorageError, Unit, Write,
};
use crate::wit::types::{DeliveryStatus, Edge, Instant, Job, JobStatus, Message, Run, StatusChange};

/// Who takes leases: unique to one running host.
pub type Owner = str;

/// The tenant a call works for. Its rows are the only ones it sees or writes.
pub type Tenant = str;

/// A message with its position in the inbox.
#[derive(Clone, Debug, PartialEq)]
pub struct InboxEntry {
    /// Grows with every message; pages continue after it.
    pub position: u64,
    /// As it was written, with how far its delivery got.
    pub message: Message,
}

/// What a tenant's rows may come to. Turns of conversations are not among them: they have a bound of their own
/// ([`TURNS_KEPT`](crate::limits::TURNS_KEPT)).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quota {
    /// Jobs that have not ended.
    pub live_jobs: u64,
    /// Bytes at which jobs are no longer inserted.
    pub bytes: u64,
    /// Bytes at which nothing is inserted: what lies between is for the results of what runs.
    pub bytes_hard: u64,
}

impl Quota {
    /// No limit.
    pub const UNLIMITED: Self = Self {
        live_jobs: u64::MAX,
        bytes: u64::MAX,
        bytes_hard: u64::MAX,
    };

    /// Whether rows that come to `stored` may stay, where what was written makes one more job
    /// live, or not.
    fn check(&self, stored: Stored, one_more_job: bool) -> Result<(), Rejection> {
        let bytes = if one_more_job { self.bytes } else { self.bytes_hard };
        let refused = if one_more_job && stored.live_jobs > self.live_jobs {
            format!(
                "at most {} jobs may be pending, active, running, blocked or paused at a time: cancel some, or ask                  the operator for more",
                self.live_jobs
            )
        } else if stored.bytes > bytes {
            format!("the {bytes} bytes of storage are full: ask the operator for more")
        } else {
            return Ok(());
        };
        Err(Rejection::QuotaExceeded(refused))
    }
}

/// What a tenant's rows come to, but for turns of conversations.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stored {
    /// Jobs that have not ended.
    pub live_jobs: u64,
    /// Bytes of the rows as this storage measures them.
    pub bytes: u64,
}

/// Whether a job of this status has not ended: it counts against [`Quota::live_jobs`].
pub(crate) fn is_live(status: JobStatus) -> bool {
    !matches!(
        status,
        JobStatus::Completed | JobStatus::Failed | JobStatus::Cancelled | JobStatus::Archived
    )
}

/// Whether a unit brings new rows, and whether a job is among them.
fn inserts(unit: &Unit) -> (bool, bool) {
    let rows = |write: &Write| {
        matches!(
            write,
            Write::InsertJob(_)
                | Write::InsertRun(_)
                | Write::InsertMessage(_)
                | Write::InsertChange(_)
                | Write::PutEdge(_)
        )
    };
    let jobs = |write: &Write| matches!(write, Write::InsertJob(_));
    (unit.writes.iter().any(rows), unit.writes.iter().any(jobs))
}

/// Whether a change of status makes a job count against [`Quota::live_jobs`] again.
fn revives(from: JobStatus, to: JobStatus) -> bool {
    !is_live(from) && is_live(to)
}

/// Where a page begins: before this position. None: at the newest row.
fn before(page: &Page) -> Result<Option<i64>, StorageError> {
    let Some(cursor) = &page.cursor else {
        return Ok(None);
    };
    cursor.parse().map(Some).map_err(|_| StorageError::BadCursor)
}

/// Storage of all tenants. Every method is atomic. The first ten are those of `wit/storage.wit`, which
/// says what they answer; the others are for the host alone.
///
/// # Errors
/// Every method answers `unavailable` where storage cannot be reached or is closed: nothing was written
/// then, and the call may be made again. Reads answer `limit-exceeded` where the rows come to more than
/// [`READ_BYTES_MAX`](crate::limits::READ_BYTES_MAX), and pages `bad-cursor` for a cursor that no page
/// had.
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// Jobs by id, in the order asked for; none where the tenant has no such job.
    async fn get_jobs(&self, tenant: &Tenant, ids: Vec<String>) -> Result<Vec<Option<Job>>, StorageError>;
    /// Runs by id, in the order asked for; none where the tenant has no such run.
    async fn get_runs(&self, tenant: &Tenant, ids: Vec<String>) -> Result<Vec<Option<Run>>, StorageError>;
    /// A page of the jobs that match, newest first.
    async fn find_jobs(
        &self,
        tenant: &Tenant,
        filter: JobFilter,
        page: Page,
    ) -> Result<JobPage, StorageError>;
    /// Runs of a job, newest slot first.
    async fn find_runs(&self, tenant: &Tenant, filter: RunFilter) -> Result<Vec<Run>, StorageError>;
    /// Dependencies, in the order that the filter has.
    async fn find_edges(&self, tenant: &Tenant, filter: EdgeFilter) -> Result<Vec<Edge>, StorageError>;
    /// Messages, oldest first.
    async fn find_messages(
        &self,
        tenant: &Tenant,
        filter: MessageFilter,
    ) -> Result<Vec<Message>, StorageError>;
    /// The history of a job, newest first, at most `limit`.
    async fn find_changes(
        &self,
        tenant: &Tenant,
        job: String,
        limit: u32,
    ) -> Result<Vec<StatusChange>, StorageError>;
    /// Jobs by terms, newest first. The ranked modes are [`Search`](crate::search::Search)'s: here they are
    /// `any-term`.
    async fn search_jobs(&self, tenant: &Tenant, query: SearchQuery) -> Result<HitPage, StorageError>;

    /// Texts of jobs behind a revision, in its order, at most `limit`: what an index of them is built from and kept
    /// up with. Jobs that are deleted are not told of.
    async fn texts(&self, tenant: &Tenant, after: u64, limit: u32) -> Result<Vec<JobTexts>, StorageError>;
    /// Texts of all tenants that were not given to this model yet, at most `limit`, the oldest first.
    async fn unembedded(&self, model: &str, limit: u32) -> Result<Vec<Unembedded>, StorageError>;
    /// Keeps what a model made of texts that are still the same; passes over others.
    async fn put_vectors(
        &self,
        tenant: &Tenant,
        model: &str,
        vectors: Vec<NewVector>,
    ) -> Result<(), StorageError>;
    /// Those of some jobs that a filter lets pass, in the order of `numbers`, as many as fit into a page.
    async fn pick_jobs(
        &self,
        tenant: &Tenant,
        numbers: Vec<u64>,
        filter: JobFilter,
    ) -> Result<Picked, StorageError>;
    /// The numbers of jobs that a filter lets pass, in any order, at most `limit`.
    async fn job_numbers(
        &self,
        tenant: &Tenant,
        filter: JobFilter,
        limit: u32,
    ) -> Result<Vec<u64>, StorageError>;

    /// Jobs whose time has come at `now`, earliest first, at most `limit`: each with a new token and a
    /// lease for `owner` until `lease_until`.
    async fn claim_due(
        &self,
        tenant: &Tenant,
        owner: &Owner,
        now: Instant,
        lease_until: Instant,
        limit: u32,
    ) -> Result<Vec<Claim>, StorageError>;

    /// Applies units in order, each all or nothing; answers one result a unit. One that would take
    /// the tenant over its quota is rejected, in the transaction that applies it.
    async fn commit(
        &self,
        tenant: &Tenant,
        quota: Quota,
        units: Vec<Unit>,
    ) -> Result<Vec<Result<(), Rejection>>, StorageError>;

    /// The earliest instant from which a tenant has something to claim: the least over its jobs of
    /// `due-at`, or the lease's end where a lease holds the job until later. None: nothing.
    async fn next_due(&self, tenant: &Tenant) -> Result<Option<Instant>, StorageError>;

    /// Tenants with something to claim at `now`.
    async fn due_tenants(&self, now: Instant) -> Result<Vec<String>, StorageError>;

    /// Extends the leases that `owner` still holds under these tokens; answers those it lost.
    async fn renew(
        &self,
        tenant: &Tenant,
        owner: &Owner,
        leases: Vec<JobToken>,
        lease_until: Instant,
    ) -> Result<Vec<JobToken>, StorageError>;

    /// Ends every lease of `owner` (shutdown) and gives its outboxes back, so that another host need not wait.
    async fn release_owner(&self, owner: &Owner) -> Result<u64, StorageError>;

    /// Ends the leases of every owner but this one. Only a storage that one host alone can open
    /// does it: there the former owners are dead for certain. Others answer 0.
    async fn take_over(&self, owner: &Owner) -> Result<u64, StorageError>;

    /// Messages after a position, oldest first.
    async fn inbox(
        &self,
        tenant: &Tenant,
        user: Option<String>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<InboxEntry>, StorageError>;

    /// The position of the tenant's newest message; 0: there is none.
    async fn last_message(&self, tenant: &Tenant) -> Result<u64, StorageError>;

    /// Sets the delivery status of messages; unknown ids are passed over. Answers how many were
    /// changed. `read` is never taken back.
    async fn set_delivery(
        &self,
        tenant: &Tenant,
        ids: Vec<String>,
        delivery: DeliveryStatus,
    ) -> Result<u64, StorageError>;

    /// Queued messages of a tenant, oldest first. A reply goes to the job, not to a person: it is none.
    async fn undelivered(&self, tenant: &Tenant, limit: u32) -> Result<Vec<InboxEntry>, StorageError>;

    /// Makes a tenant's outbox `owner`'s for so long: one host at a time sends its messages, in their order.
    /// False: another host has it. A storage that one host alone can open has none else to ask.
    async fn hold_outbox(
        &self,
        _tenant: &Tenant,
        _owner: &Owner,
        _lasting: Duration,
    ) -> Result<bool, StorageError> {
        Ok(true)
    }

    /// Gives it back.
    async fn leave_outbox(&self, _tenant: &Tenant, _owner: &Owner) -> Result<(), StorageError> {
        Ok(())
    }

    /// Tenants that have such messages; costs no more with many messages.
    async fn undelivered_tenants(&self) -> Result<Vec<String>, StorageError>;

    /// Jobs by status, for metrics and `doctor`.
    async fn count_jobs(&self, tenant: &Tenant) -> Result<Vec<(JobStatus, u64)>, StorageError>;

    /// What the tenant's rows come to; costs no more with many rows.
    async fn stored(&self, tenant: &Tenant) -> Result<Stored, StorageError>;

    /// Deletes up to `limit` rows of a tenant that is removed, of every kind. Answers how many: 0
    /// says that none is left. In small steps, so that other tenants' writes pass between them.
    async fn purge(&self, tenant: &Tenant, limit: u32) -> Result<u64, StorageError>;

    /// Jobs behind a number, in the order of creation, at most `limit`: what retention goes through.
    async fn sweep(&self, tenant: &Tenant, after: u64, limit: u32) -> Result<Vec<SweptJob>, StorageError>;

    /// Messages of everybody and of every kind behind a position, oldest first: likewise.
    async fn sweep_messages(
        &self,
        tenant: &Tenant,
        after: u64,
        limit: u32,
    ) -> Result<Vec<InboxEntry>, StorageError>;

    /// Deletes what is no longer kept. Answers how many rows.
    async fn forget(&self, tenant: &Tenant, old: Old) -> Result<u64, StorageError>;

    /// Adds what was said in a conversation, in this order, in one transaction; forgets the oldest turns of that person
    /// beyond [`TURNS_KEPT`](crate::limits::TURNS_KEPT).
    async fn add_turns(&self, tenant: &Tenant, turns: Vec<Turn>) -> Result<(), StorageError>;

    /// The latest turns of a conversation, oldest first, at most `limit` and
    /// [`PAGE_ROWS_MAX`](crate::limits::PAGE_ROWS_MAX).
    async fn turns(&self, tenant: &Tenant, of: &Conversation, limit: u32) -> Result<Vec<Turn>, StorageError>;

    /// Forgets turns of a tenant that are older than `before`, the oldest first, at most `limit`. Answers how many.
    async fn forget_turns(&self, tenant: &Tenant, before: Instant, limit: u32) -> Result<u64, StorageError>;

    /// Changes what a tenant used and set aside on a day, counted from 1970-01-01 in UTC. False: it does not fit, and
    /// nothing was changed. Nobody books more than fits into a day that is empty.
    async fn book(&self, tenant: &Tenant, day: i64, booking: Booking) -> Result<bool, StorageError>;

    /// What a tenant used and set aside on a day.
    async fn day_use(&self, tenant: &Tenant, day: i64) -> Result<DayUse, StorageError>;

    /// One line on what it is and whether it is sound; the error says what to do.
    async fn check(&self) -> Result<String, StorageError>;

    /// Waits until another host may have written something that a tenant's poll should look at now, and
    /// names the tenant; none: hints may have been lost, whoever they were for. Only a hint: it may come too
    /// often, late or never. A storage that one host alone can open never answers.
    async fn nudged(&self) -> Option<String> {
        std::future::pending().await
    }

    /// This host has no room for what is due of a tenant: others that share the store may look at once. Only a hint.
    fn decline_due(&self, _tenant: &Tenant) {}

    /// Somebody watches a tenant's rows at this host: others that write to the same store should tell what they change,
    /// for [`WATCHED_FOR`](crate::limits::WATCHED_FOR) from now on. Only a hint, as are the next three.
    fn watch(&self, _tenant: &Tenant) {}

    /// Whether somebody watches a tenant's rows at another host.
    fn is_watched(&self, _tenant: &Tenant) -> bool {
        false
    }

    /// Tells other hosts at which somebody watches what changed of a tenant's rows.
    fn tell_changes(&self, _tenant: &Tenant, _changes: &[Change]) {}

    /// Waits until another host tells what it changed of a tenant's rows. What is not heard in time is lost.
    async fn told_changes(&self) -> (String, Vec<Change>) {
        std::future::pending().await
    }

    /// Waits until all that was accepted is durable, then refuses further writes.
    async fn close(&self);
}
