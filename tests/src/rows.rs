//! Stores with any number of jobs, to measure with: a job that the component itself created, copied.

#![allow(clippy::unwrap_used)]

use std::ops::Range;
use std::sync::Arc;

use meanwhile::agent::noop::Noop;
use meanwhile::host::{Host, LOCAL_TENANT};
use meanwhile::service::{Service, Session};
use meanwhile::storage::memory::MemoryStorage;
use meanwhile::storage::{Quota, Storage};
use meanwhile::tenants::{Scopes, TenantLimits};
use meanwhile::wit::storage::{Unit, Write};
use meanwhile::wit::types::{Caller, Instant, Job, JobStatus};
use serde_json::json;

const INSERTED_AT_ONCE: usize = 1_000;

pub fn session() -> Session {
    Session {
        tenant: LOCAL_TENANT.into(),
        caller: Caller {
            agent: "local".into(),
            user: "local".into(),
            conversation: None,
            time_zone: Some("Europe/Berlin".into()),
            run: None,
        },
        scopes: Scopes::all(),
    }
}

/// Room for any number of rows.
pub fn limits() -> TenantLimits {
    TenantLimits {
        jobs_max: i64::MAX as u64,
        storage_bytes_max: i64::MAX as u64,
        ..TenantLimits::default()
    }
}

/// A ONE_OFF job as `job_create` writes it.
pub async fn template() -> Job {
    let storage = Arc::new(MemoryStorage::default());
    let host = Host::builder()
        .storage(Arc::clone(&storage) as Arc<dyn Storage>)
        .agent(Arc::new(Noop))
        .component(meanwhile::COMPONENT)
        .build()
        .await
        .unwrap();
    let arguments = json!({
        "title": "Template",
        "payload": "Look at the pending invoices of the week and say which customers have to be reminded.",
        "description": "Asked for on Monday, in passing.",
        "trigger_config": {"run_at": "2099-01-01T09:00:00"},
    });
    let answer = host
        .call(&session(), "tools", "job-create", arguments)
        .await
        .unwrap();
    let id = answer["job"]["job_id"].as_str().unwrap().to_owned();
    let found = storage.get_jobs(LOCAL_TENANT, vec![id]).await.unwrap();
    found.into_iter().next().flatten().unwrap()
}

/// Due from tomorrow on, over a year, in no order.
pub fn some_day(now: Instant) -> impl Fn(usize) -> Instant {
    const DAY_MS: Instant = 86_400_000;
    move |n| {
        now + DAY_MS
            + (n as Instant)
                .wrapping_mul(7_919_317_000_003)
                .rem_euclid(365 * DAY_MS)
    }
}

/// The id of the n-th copy.
pub fn id(n: usize) -> String {
    format!("job_{n:016}")
}

/// Inserts copies by their numbers; `due` tells when the n-th is due.
pub async fn fill(
    storage: &dyn Storage,
    template: &Job,
    numbers: Range<usize>,
    due: impl Fn(usize) -> Instant,
) {
    fill_tenant(storage, LOCAL_TENANT, template, numbers, due).await;
}

/// The same for another tenant.
pub async fn fill_tenant(
    storage: &dyn Storage,
    tenant: &str,
    template: &Job,
    numbers: Range<usize>,
    due: impl Fn(usize) -> Instant,
) {
    let waiting = |n, job: &mut Job| {
        let at = due(n);
        job.state.next_fire = Some(at);
        job.state.due_at = Some(at);
    };
    insert(storage, tenant, template, numbers, waiting).await;
}

/// Inserts copies that ended, and changed last, at an instant.
pub async fn fill_ended(storage: &dyn Storage, template: &Job, numbers: Range<usize>, at: Instant) {
    let ended = |_, job: &mut Job| {
        job.state.status = JobStatus::Completed;
        job.state.next_fire = None;
        job.state.due_at = None;
        job.created_at = at;
        job.updated_at = at;
    };
    insert(storage, LOCAL_TENANT, template, numbers, ended).await;
}

/// Inserts copies, each shaped by its number.
pub async fn insert(
    storage: &dyn Storage,
    tenant: &str,
    template: &Job,
    numbers: Range<usize>,
    mut shape: impl FnMut(usize, &mut Job),
) {
    for first in numbers.clone().step_by(INSERTED_AT_ONCE) {
        let mut units = Vec::with_capacity(INSERTED_AT_ONCE);
        for n in first..numbers.end.min(first + INSERTED_AT_ONCE) {
            let mut job = template.clone();
            job.id = id(n);
            job.spec.title = format!("Invoices of customer {n}");
            shape(n, &mut job);
            units.push(Unit {
                guards: Vec::new(),
                writes: vec![Write::InsertJob(job)],
            });
        }
        let results = storage.commit(tenant, Quota::UNLIMITED, units).await.unwrap();
        assert!(results.iter().all(Result::is_ok), "a row was refused");
    }
}
