//! A storage that never answers some tenants.

use std::sync::Arc;

use async_trait::async_trait;
use meanwhile::storage::{InboxEntry, Owner, Quota, Storage, Stored, Tenant};
use meanwhile::wit::storage::{
    Claim, EdgeFilter, HitPage, JobFilter, JobPage, JobToken, MessageFilter, Page, Rejection, RunFilter,
    SearchQuery, StorageError, Unit,
};
use meanwhile::wit::types::{DeliveryStatus, Edge, Instant, Job, JobStatus, Message, Run, StatusChange};

type Answer<T> = Result<T, StorageError>;

/// Another storage, but for one question: tenants whose names begin with `parked` never learn about
/// jobs by their ids.
pub struct Parking(pub Arc<dyn Storage>);

#[async_trait]
impl Storage for Parking {
    async fn get_jobs(&self, tenant: &Tenant, ids: Vec<String>) -> Answer<Vec<Option<Job>>> {
        if tenant.starts_with("parked") {
            std::future::pending::<()>().await;
        }
        self.0.get_jobs(tenant, ids).await
    }

    async fn get_runs(&self, tenant: &Tenant, ids: Vec<String>) -> Answer<Vec<Option<Run>>> {
        self.0.get_runs(tenant, ids).await
    }

    async fn find_jobs(&self, tenant: &Tenant, filter: JobFilter, page: Page) -> Answer<JobPage> {
        self.0.find_jobs(tenant, filter, page).await
    }

    async fn find_runs(&self, tenant: &Tenant, filter: RunFilter) -> Answer<Vec<Run>> {
        self.0.find_runs(tenant, filter).await
    }

    async fn find_edges(&self, tenant: &Tenant, filter: EdgeFilter) -> Answer<Vec<Edge>> {
        self.0.find_edges(tenant, filter).await
    }

    async fn find_messages(&self, tenant: &Tenant, filter: MessageFilter) -> Answer<Vec<Message>> {
        self.0.find_messages(tenant, filter).await
    }

    async fn find_changes(&self, tenant: &Tenant, job: String, limit: u32) -> Answer<Vec<StatusChange>> {
        self.0.find_changes(tenant, job, limit).await
    }

    async fn search_jobs(&self, tenant: &Tenant, query: SearchQuery) -> Answer<HitPage> {
        self.0.search_jobs(tenant, query).await
    }

    async fn claim_due(
        &self,
        tenant: &Tenant,
        owner: &Owner,
        now: Instant,
        lease_until: Instant,
        limit: u32,
    ) -> Answer<Vec<Claim>> {
        self.0.claim_due(tenant, owner, now, lease_until, limit).await
    }

    async fn commit(
        &self,
        tenant: &Tenant,
        quota: Quota,
        units: Vec<Unit>,
    ) -> Answer<Vec<Result<(), Rejection>>> {
        self.0.commit(tenant, quota, units).await
    }

    async fn next_due(&self, tenant: &Tenant) -> Answer<Option<Instant>> {
        self.0.next_due(tenant).await
    }

    async fn due_tenants(&self, now: Instant) -> Answer<Vec<String>> {
        self.0.due_tenants(now).await
    }

    async fn renew(
        &self,
        tenant: &Tenant,
        owner: &Owner,
        leases: Vec<JobToken>,
        lease_until: Instant,
    ) -> Answer<Vec<JobToken>> {
        self.0.renew(tenant, owner, leases, lease_until).await
    }

    async fn release_owner(&self, owner: &Owner) -> Answer<u64> {
        self.0.release_owner(owner).await
    }

    async fn take_over(&self, owner: &Owner) -> Answer<u64> {
        self.0.take_over(owner).await
    }

    async fn inbox(
        &self,
        tenant: &Tenant,
        user: Option<String>,
        after: u64,
        limit: u32,
    ) -> Answer<Vec<InboxEntry>> {
        self.0.inbox(tenant, user, after, limit).await
    }

    async fn set_delivery(&self, tenant: &Tenant, ids: Vec<String>, delivery: DeliveryStatus) -> Answer<u64> {
        self.0.set_delivery(tenant, ids, delivery).await
    }

    async fn undelivered(&self, tenant: &Tenant, limit: u32) -> Answer<Vec<InboxEntry>> {
        self.0.undelivered(tenant, limit).await
    }

    async fn undelivered_tenants(&self) -> Answer<Vec<String>> {
        self.0.undelivered_tenants().await
    }

    async fn count_jobs(&self, tenant: &Tenant) -> Answer<Vec<(JobStatus, u64)>> {
        self.0.count_jobs(tenant).await
    }

    async fn stored(&self, tenant: &Tenant) -> Answer<Stored> {
        self.0.stored(tenant).await
    }

    async fn purge(&self, tenant: &Tenant, limit: u32) -> Answer<u64> {
        self.0.purge(tenant, limit).await
    }

    async fn check(&self) -> Answer<String> {
        self.0.check().await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}
