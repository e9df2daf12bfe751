//! Units of work with whatever a component may put into them, and reads with whatever filter:
//! storage in memory and in SQLite, or in Postgres, give the same answers, and hold the same rows.

use std::fmt::Debug;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;

use meanwhile::storage::memory::MemoryStorage;
use meanwhile::storage::postgres::{LeaseClock, PostgresStorage};
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile::storage::{Quota, Storage};
use meanwhile::wit::storage::{
    Claim, EdgeFilter, HitPage, JobFilter, JobPage, JobToken, MessageFilter, Page, Rejection, RunFilter,
    SearchQuery, StorageError, Unit, Write,
};
use meanwhile_tests::cluster::{Cluster, ROLE};
use tempfile::TempDir;

use crate::bytes::Bytes;
use crate::fuzz;
use crate::typed::any;

/// Steps of one input.
const STEPS_MAX: usize = 8;
/// Rows of a page, as the host bounds them before storage is asked.
const PAGE_ROWS_MAX: u32 = 1_000;
const ANCESTOR_EDGES_MAX: u32 = 20_000;
/// Lines of two answers that are shown around their first difference.
const LINES_SHOWN: usize = 12;
/// A folder in which a file costs no fsync, where the system has one.
const IN_MEMORY: &str = "/dev/shm";

/// Memory and another storage; an input gets a tenant of its own.
struct Both {
    memory: MemoryStorage,
    other: Arc<dyn Storage>,
    name: &'static str,
    _folder: Option<TempDir>,
}

impl Both {
    async fn with_postgres() -> Self {
        let cluster = Cluster::of_process();
        let url = cluster.url(ROLE, &cluster.database().await);
        Self {
            memory: MemoryStorage::default(),
            other: Arc::new(PostgresStorage::open(&url, LeaseClock::Caller).await.unwrap()),
            name: "Postgres",
            _folder: None,
        }
    }

    fn with_sqlite() -> Self {
        let folder = match Path::new(IN_MEMORY).is_dir() {
            true => tempfile::tempdir_in(IN_MEMORY),
            false => tempfile::tempdir(),
        };
        let folder = folder.unwrap();
        Self {
            memory: MemoryStorage::default(),
            other: Arc::new(SqliteStorage::open(folder.path().join("store.db")).unwrap()),
            name: "SQLite",
            _folder: Some(folder),
        }
    }
}

/// Asks both the same and holds the answers against each other. As text, since no NaN is equal to
/// another.
macro_rules! both {
    ($both:expr, $tenant:expr, $what:expr, $shown:expr, $call:ident($($argument:tt),*)) => {{
        let memory = $both.memory.$call($tenant, $($argument.clone()),*).await;
        let other = $both.other.$call($tenant, $($argument.clone()),*).await;
        same(&$shown(memory), $both.name, &$shown(other), &($what, $(&$argument),*));
    }};
}

fn same(memory: &impl Debug, name: &str, other: &impl Debug, asked: &impl Debug) {
    let (memory, other) = (format!("{memory:#?}"), format!("{other:#?}"));
    if memory == other {
        return;
    }
    let (memory, other): (Vec<&str>, Vec<&str>) = (memory.lines().collect(), other.lines().collect());
    let alike = memory.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let from = alike.saturating_sub(LINES_SHOWN);
    let shown = |lines: &[&str]| lines[from..lines.len().min(alike + LINES_SHOWN)].join("\n");
    panic!(
        "asked for {asked:?}\nmemory:\n{}\n{name}:\n{}",
        shown(&memory),
        shown(&other)
    );
}

/// A refusal's words are each storage's own.
fn kinds(result: Result<Vec<Result<(), Rejection>>, StorageError>) -> Vec<Result<(), Rejection>> {
    let kind = |result: Result<(), Rejection>| {
        result.map_err(|rejection| match rejection {
            Rejection::Forbidden(_) => Rejection::Forbidden(String::new()),
            other => other,
        })
    };
    result.unwrap().into_iter().map(kind).collect()
}

/// Where a page ends is each storage's own.
fn jobs(page: Result<JobPage, StorageError>) -> impl Debug {
    page.map(|page| (page.jobs, page.total, page.next_cursor.is_some()))
}

fn hits(page: Result<HitPage, StorageError>) -> impl Debug {
    page.map(|page| {
        let jobs: Vec<_> = page.hits.into_iter().map(|hit| hit.job).collect();
        (jobs, page.total, page.next_cursor.is_some())
    })
}

fn as_it_is<T>(answer: T) -> T {
    answer
}

fn page(bytes: &mut Bytes<'_>) -> Page {
    let mut page: Page = any(bytes);
    page.limit = page.limit.clamp(1, PAGE_ROWS_MAX);
    page
}

async fn read(both: &Both, tenant: &str, bytes: &mut Bytes<'_>) {
    match bytes.byte() % 8 {
        0 => {
            let ids: Vec<String> = any(bytes);
            both!(both, tenant, "jobs", as_it_is, get_jobs(ids));
        }
        1 => {
            let ids: Vec<String> = any(bytes);
            both!(both, tenant, "runs", as_it_is, get_runs(ids));
        }
        2 => {
            let (filter, page) = (any::<JobFilter>(bytes), page(bytes));
            both!(both, tenant, "find jobs", jobs, find_jobs(filter, page));
        }
        3 => {
            let mut filter: RunFilter = any(bytes);
            filter.limit = filter.limit.clamp(1, PAGE_ROWS_MAX);
            both!(both, tenant, "find runs", as_it_is, find_runs(filter));
        }
        4 => {
            let mut filter: EdgeFilter = any(bytes);
            match &mut filter {
                EdgeFilter::OfPrerequisite(of) => of.limit = of.limit.clamp(1, PAGE_ROWS_MAX),
                EdgeFilter::Ancestors(of) => of.limit = ANCESTOR_EDGES_MAX,
                EdgeFilter::OfDependents(_) => {}
            }
            let sorted = |answer: Result<Vec<_>, StorageError>| {
                answer.map(|edges: Vec<meanwhile::wit::types::Edge>| {
                    let mut edges: Vec<_> = edges.iter().map(|edge| format!("{edge:?}")).collect();
                    edges.sort();
                    edges
                })
            };
            both!(both, tenant, "find edges", sorted, find_edges(filter));
        }
        5 => {
            let mut filter: MessageFilter = any(bytes);
            filter.limit = filter.limit.clamp(1, PAGE_ROWS_MAX);
            both!(both, tenant, "find messages", as_it_is, find_messages(filter));
        }
        6 => {
            let (job, limit) = (any::<String>(bytes), 1 + u32::from(bytes.byte()));
            both!(both, tenant, "find changes", as_it_is, find_changes(job, limit));
        }
        _ => {
            let mut query: SearchQuery = any(bytes);
            query.page = page(bytes);
            both!(both, tenant, "search", hits, search_jobs(query));
        }
    }
}

/// Everything that a tenant has.
async fn everything(both: &Both, tenant: &str) {
    let ids: Vec<String> = ["a", "b", "c", "r1", "r2"].map(str::to_owned).into();
    both!(both, tenant, "all jobs", as_it_is, get_jobs(ids));
    both!(both, tenant, "all runs", as_it_is, get_runs(ids));
    both!(both, tenant, "next due", as_it_is, next_due());
    both!(both, tenant, "counts", as_it_is, count_jobs());
    let filter = JobFilter {
        agent: None,
        user: None,
        statuses: Vec::new(),
        job_types: Vec::new(),
        include_archived: true,
        idempotency_key: None,
        title: None,
    };
    let page = Page {
        limit: PAGE_ROWS_MAX,
        cursor: None,
        count: true,
    };
    both!(both, tenant, "all jobs", jobs, find_jobs(filter, page));
}

/// A new job has the first revision: the component's imports refuse every other.
fn as_imports_let_it_through(write: &mut Write) {
    if let Write::InsertJob(job) = write {
        job.revision = 1;
    }
}

async fn steps(both: &Both, tenant: &str, bytes: &mut Bytes<'_>) {
    let mut left = STEPS_MAX;
    while !bytes.is_empty() && left > 0 {
        left -= 1;
        match bytes.byte() % 8 {
            0..=3 => {
                let mut units: Vec<Unit> = any(bytes);
                units
                    .iter_mut()
                    .flat_map(|unit| &mut unit.writes)
                    .for_each(as_imports_let_it_through);
                let quota = Quota::UNLIMITED;
                both!(both, tenant, "commit", kinds, commit(quota, units));
            }
            4 => {
                let (now, limit) = (any::<i64>(bytes), u32::from(bytes.byte()));
                let until = now.saturating_add(any::<i64>(bytes));
                let claims = |answer: Result<Vec<Claim>, StorageError>| answer;
                both!(
                    both,
                    tenant,
                    "claim",
                    claims,
                    claim_due("host", now, until, limit)
                );
            }
            5 => {
                let (leases, until) = (any::<Vec<JobToken>>(bytes), any::<i64>(bytes));
                both!(both, tenant, "renew", as_it_is, renew("host", leases, until));
            }
            _ => read(both, tenant, bytes).await,
        }
    }
    everything(both, tenant).await;
}

/// Tries inputs on both, one after the other.
fn try_inputs(random: usize, open: impl Future<Output = Both>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let both = runtime.block_on(open);
    let inputs = std::cell::Cell::new(0_u64);
    fuzz("units", random, move |input| {
        inputs.set(inputs.get() + 1);
        let tenant = format!("tenant {}", inputs.get());
        runtime.block_on(steps(&both, &tenant, &mut Bytes::new(input)));
    });
}

#[test]
fn units() {
    try_inputs(500, async { Both::with_sqlite() });
}

#[test]
#[ignore = "needs Postgres"]
fn units_on_postgres() {
    try_inputs(500, Both::with_postgres());
}
