//! No statement costs more in a large store: what each reads is counted by the database itself, in a small
//! store and in one of eight times as many jobs, while a host does all that it does.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use meanwhile::agent::noop::Noop;
use meanwhile::clock::{Clock as _, ManualClock, SystemClock};
use meanwhile::host::{Host, LOCAL_TENANT};
use meanwhile::limits::TURNS_KEPT;
use meanwhile::storage::postgres::{LeaseClock, PostgresStorage};
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile::storage::texts::NewVector;
use meanwhile::storage::usage::{Amounts, Booking};
use meanwhile::storage::{Quota, Storage};
use meanwhile::wit::storage::{JobFilter, JobUpdate, Write};
use meanwhile::wit::types::{DeliveryStatus, Job, JobStatus, Message, Run, RunStatus};
use meanwhile_tests::cluster::{Cluster, ROLE, SUPERUSER};
use meanwhile_tests::in_process::{caller, client};
use meanwhile_tests::rows;
use meanwhile_tests::storage_suite::{any_job, change, conversation, message, run, turn, unit};
use serde_json::json;
use tempfile::TempDir;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// More than the pages that anything reads.
const SMALL: usize = 1_800;
const LARGE: usize = 8 * SMALL;
/// How much more a call of a statement may cost in the large store: pages are fuller there, indexes higher. What
/// walks over jobs costs eight times as much.
const GROWTH_MAX: f64 = 2.0;
/// What may cost more, up to a bound: totals of lists, which end at a bound ...
const COUNTS: &str = "SELECT count(*) FROM (SELECT";
/// ... and what SQLite's text index does by itself to merge its segments.
const MERGES: &str = "'main'.'job_text_";
/// Steps of SQLite's machine, and blocks of Postgres', that are no growth: another level of each index.
const STEPS: f64 = 150.0;
const BLOCKS: f64 = 8.0;
/// Jobs that are created, changed and run.
const JOBS: usize = 24;
const AT_ONCE: usize = 500;

/// How often each statement ran, and what all its calls cost.
type Costs = BTreeMap<String, (f64, f64)>;

/// Fills a store with jobs that have ended, that wait and that are paused, each with a run, a change and a message.
async fn fill(storage: &dyn Storage, template: &Job, jobs: usize) {
    rows::fill(storage, template, 0..jobs, rows::some_day(SystemClock.now())).await;
    let ids: Vec<String> = (0..jobs).map(rows::id).collect();
    for ids in ids.chunks(AT_ONCE) {
        let found = storage.get_jobs(LOCAL_TENANT, ids.to_vec()).await.unwrap();
        let units = found.into_iter().flatten().enumerate().map(|(n, job)| {
            let status = [JobStatus::Active, JobStatus::Paused, JobStatus::Completed][n % 3];
            let told = Message {
                job: job.id.clone(),
                delivery: DeliveryStatus::Delivered,
                ..message(&job.id, &job.id)
            };
            let ran = Run {
                status: RunStatus::Succeeded,
                ..run(&job.id, &job.id, job.created_at)
            };
            let changed = change(&job.id, job.created_at);
            let (id, mut state) = (job.id, job.state);
            state.status = status;
            if status != JobStatus::Active {
                state.due_at = None;
                state.next_fire = None;
            }
            // Not so long ago that retention has something to do.
            let updated_at = SystemClock.now();
            let spec = None;
            let rests = Write::UpdateJob(JobUpdate {
                id,
                spec,
                state,
                updated_at,
            });
            let writes = vec![
                Write::InsertRun(ran),
                Write::InsertMessage(told),
                Write::InsertChange(changed),
                rests,
            ];
            unit(vec![], writes)
        });
        let answers = storage
            .commit(LOCAL_TENANT, Quota::UNLIMITED, units.collect())
            .await;
        assert!(answers.unwrap().iter().all(Result::is_ok));
    }
}

/// Instants from this one on, when turns were said: lately, so that retention has nothing to do.
fn lately() -> i64 {
    SystemClock.now() - 86_400_000
}

/// Fills a store with as many turns as there are jobs, of many persons, and those of one who has as many as are kept, in
/// two conversations.
async fn talk(storage: &dyn Storage, turns: usize) {
    let at = lately();
    for (person, few) in (0..turns).collect::<Vec<_>>().chunks(AT_ONCE).enumerate() {
        let of = conversation(&format!("person {person}"), "c");
        let said = few
            .iter()
            .map(|n| turn(&of, "Is there any news?", at + *n as i64));
        storage.add_turns(LOCAL_TENANT, said.collect()).await.unwrap();
    }
    let both = ["c", "d"].map(|id| conversation("talkative", id));
    let said = (0..TURNS_KEPT as usize).map(|n| turn(&both[n % 2], "And now?", at + n as i64));
    storage.add_turns(LOCAL_TENANT, said.collect()).await.unwrap();
}

/// What a chat does with its memory, and retention.
async fn converse(storage: &dyn Storage) {
    const ROWS: u32 = 20;
    let of = conversation("talkative", "c");
    for n in 0..6 {
        let said = vec![
            turn(&of, "Tell me more.", SystemClock.now()),
            turn(&of, "No.", SystemClock.now() + n),
        ];
        storage.add_turns(LOCAL_TENANT, said).await.unwrap();
        let turns = storage.turns(LOCAL_TENANT, &of, ROWS).await.unwrap();
        assert_eq!(turns.len(), ROWS as usize);
    }
    for n in 0..6 {
        let used = Amounts {
            tokens: n,
            ..Amounts::default()
        };
        let booking = Booking {
            used,
            ..Booking::default()
        };
        assert!(storage.book(LOCAL_TENANT, n % 2, booking).await.unwrap());
        storage.day_use(LOCAL_TENANT, n).await.unwrap();
    }
    for _ in 0..6 {
        assert_eq!(storage.forget_turns(LOCAL_TENANT, 0, ROWS).await.unwrap(), 0);
        let forgotten = storage
            .forget_turns(LOCAL_TENANT, SystemClock.now(), ROWS)
            .await
            .unwrap();
        assert_eq!(forgotten, u64::from(ROWS));
    }
}

/// What an index in memory asks for, and whoever makes vectors.
async fn search(storage: &dyn Storage) {
    const ROWS: u32 = 20;
    for model in ["a", "b", "c"] {
        let texts = storage.unembedded(model, ROWS).await.unwrap();
        assert_eq!(texts.len(), ROWS as usize);
        let vectors = texts.iter().map(|text| NewVector {
            number: text.number,
            revision: text.revision,
            bytes: Some(vec![1; 388]),
        });
        let vectors: Vec<NewVector> = vectors.collect();
        storage
            .put_vectors(LOCAL_TENANT, model, vectors.clone())
            .await
            .unwrap();
        let after = vectors.iter().map(|vector| vector.revision).max().unwrap();
        let texts = storage.texts(LOCAL_TENANT, after, ROWS).await.unwrap();
        assert_eq!(texts.len(), ROWS as usize);
        for statuses in [vec![], vec![JobStatus::Paused]] {
            let filter = JobFilter {
                statuses,
                ..any_job()
            };
            let numbers = texts.iter().map(|text| text.number).collect();
            storage
                .pick_jobs(LOCAL_TENANT, numbers, filter.clone())
                .await
                .unwrap();
            let numbers = storage.job_numbers(LOCAL_TENANT, filter, ROWS).await.unwrap();
            assert_eq!(numbers.len(), ROWS as usize);
        }
    }
}

/// Does what callers, the loops and retention do, on jobs of its own.
async fn operate(storage: Arc<dyn Storage>) {
    let clock = Arc::new(ManualClock::new(SystemClock.now()));
    let host = Host::builder()
        .storage(storage)
        .agent(Arc::new(Noop))
        .clock(Arc::clone(&clock) as _)
        .limits(rows::limits())
        .build()
        .await
        .unwrap();
    host.start().await.unwrap();
    let client = client(&host, caller("local", "local")).await;
    let mut ids = Vec::new();
    for n in 0..JOBS {
        let due = clock.now() + 3_600_000 + n as i64;
        let due = chrono::DateTime::from_timestamp_millis(due).unwrap();
        let job = json!({
            "title": format!("one{n} two{n} three{n}"),
            "payload": "Ask when the delivery comes.",
            "idempotency_key": format!("key {n}"),
            "trigger_config": {"run_at": due.to_rfc3339(), "timezone": "UTC"},
        });
        let answer = client.tool("job_create", job).await;
        ids.push(answer["job"]["job_id"].as_str().unwrap().to_owned());
    }
    for (n, id) in ids.iter().enumerate() {
        client.tool("job_retrieval_by_id", json!({"job_id": id})).await;
        let rare = json!({"keywords": [format!("two{n}")]});
        let found = client.tool("job_retrieval_by_keywords", rare).await;
        assert_eq!(found["jobs"].as_array().unwrap().len(), 1, "{found}");
        let changed = json!({"job_id": id, "description": format!("Changed, {n}.")});
        client.tool("job_update", changed).await;
        client.tool("job_pause", json!({"job_id": id})).await;
        client.post(&format!("/api/jobs/{id}/resume"), &json!({})).await;
        client.get(&format!("/api/jobs/{id}/runs")).await;
    }
    for filter in ["", "&status=ACTIVE", "&status=PAUSED", "&status=COMPLETED"] {
        let mut cursor = String::new();
        for _ in 0..3 {
            let page = client.get(&format!("/api/jobs?limit=10{filter}{cursor}")).await;
            let Some(next) = page["next_cursor"].as_str() else {
                break;
            };
            cursor = format!("&cursor={next}");
        }
    }
    // Half of them end by their time, the others are cancelled.
    for id in &ids[JOBS / 2..] {
        client.tool("job_cancel", json!({"job_id": id})).await;
    }
    host.advance_clock(clock.now() + 2 * 3_600_000).await.unwrap();
    let ran = client.get(&format!("/api/jobs/{}", ids[0])).await;
    assert_eq!(ran["job"]["status"], "COMPLETED", "{ran}");
    client.get("/api/messages?limit=10").await;
    client.get("/metrics").await;
    host.tidy().await.unwrap();
    host.shutdown().await;
}

/// A store that is measured.
#[async_trait]
trait Measured {
    fn storage(&self) -> Arc<dyn Storage>;
    /// After it was filled.
    async fn settle(&self);
    /// Reads all jobs, as nothing else may; answers what is part of the statement.
    async fn scan(&self) -> &'static str;
    /// What statements have cost since the last reading.
    async fn costs(&self) -> Costs;
}

/// Compares what each statement costs a call in stores of two sizes; `slack` besides the growth is no growth.
async fn compare<M: Measured>(open: impl AsyncFn() -> M, slack: f64) {
    let template = rows::template().await;
    let mut costs = Vec::new();
    let mut scan = "";
    for size in [SMALL, LARGE] {
        let store = open().await;
        fill(&*store.storage(), &template, size).await;
        talk(&*store.storage(), size).await;
        store.settle().await;
        store.costs().await;
        scan = store.scan().await;
        search(&*store.storage()).await;
        converse(&*store.storage()).await;
        operate(store.storage()).await;
        costs.push(store.costs().await);
    }
    let [small, large] = [&costs[0], &costs[1]];
    let mut grown = Vec::new();
    let mut compared = 0;
    for (statement, (calls, cost)) in large {
        let Some((fewer, less)) = small.get(statement) else {
            continue;
        };
        compared += 1;
        // Of work that is done many at once, fewer calls may do more each: what all of them cost grows as well where
        // a statement does.
        let is_more = |less: f64, more: f64| more > less * GROWTH_MAX + slack;
        let bounded = statement.starts_with(COUNTS) || statement.contains(MERGES);
        if !bounded && is_more(*less, *cost) && is_more(less / fewer, cost / calls) {
            grown.push((statement, less / fewer, cost / calls));
        }
    }
    println!("{compared} statements compared");
    assert!(compared > 30, "{large:#?}");
    let (scans, grown): (Vec<_>, Vec<_>) = grown.into_iter().partition(|(sql, ..)| sql.contains(scan));
    assert_eq!(scans.len(), 1, "a scan goes unseen");
    assert!(grown.is_empty(), "costs grow with the store: {grown:#?}");
}

/// Steps of SQLite's machine, as the log tells them: the process has one.
#[derive(Default)]
struct Log(Mutex<Costs>);

#[derive(Default)]
struct Told {
    sql: String,
    steps: f64,
}

impl Visit for Told {
    fn record_debug(&mut self, _field: &Field, _value: &dyn Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "sql" {
            value.clone_into(&mut self.sql);
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if field.name() == "steps" {
            self.steps = value as f64;
        }
    }
}

impl Subscriber for &'static Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "meanwhile::sql"
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut told = Told::default();
        event.record(&mut told);
        let mut costs = self.0.lock().unwrap();
        let (calls, cost) = costs.entry(told.sql).or_default();
        *calls += 1.0;
        *cost += told.steps;
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// With the folder that its file is in.
struct Sqlite(Arc<SqliteStorage>, &'static Log, #[allow(dead_code)] TempDir);

#[async_trait]
impl Measured for Sqlite {
    fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.0) as _
    }

    async fn settle(&self) {}

    async fn scan(&self) -> &'static str {
        self.0.check().await.unwrap();
        "quick_check"
    }

    async fn costs(&self) -> Costs {
        std::mem::take(&mut *self.1.0.lock().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_of_sqlite_cost_no_more_in_a_large_store() {
    static LOG: OnceLock<Log> = OnceLock::new();
    let log = LOG.get_or_init(Log::default);
    tracing::subscriber::set_global_default(log).unwrap();
    let open = async || {
        let folder = tempfile::tempdir().unwrap();
        let storage = SqliteStorage::open(folder.path().join("store.db")).unwrap();
        Sqlite(Arc::new(storage), log, folder)
    };
    compare(open, STEPS).await;
}

/// Blocks that Postgres reads, as its own extension counts them.
struct Postgres(Arc<PostgresStorage>, tokio_postgres::Client);

#[async_trait]
impl Measured for Postgres {
    fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.0) as _
    }

    async fn settle(&self) {
        self.1.batch_execute("VACUUM ANALYZE").await.unwrap();
    }

    async fn scan(&self) -> &'static str {
        let all = "SELECT sum(length(spec)) FROM jobs";
        self.1.query(all, &[]).await.unwrap();
        all
    }

    async fn costs(&self) -> Costs {
        let counted = "SELECT query, sum(calls)::float8, sum(shared_blks_hit + shared_blks_read)::float8 \
             FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid AND datname = current_database() \
             WHERE query NOT LIKE '%pg_stat_statements%' GROUP BY query";
        let rows = self.1.query(counted, &[]).await.unwrap();
        self.1
            .query("SELECT pg_stat_statements_reset()", &[])
            .await
            .unwrap();
        rows.iter()
            .map(|row| (row.get(0), (row.get(1), row.get(2))))
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Postgres"]
async fn statements_in_postgres_cost_no_more_in_a_large_store() {
    let cluster = Cluster::counting();
    let open = async || {
        let database = cluster.database().await;
        let client = cluster.connect(SUPERUSER, &database).await;
        client
            .batch_execute("CREATE EXTENSION pg_stat_statements")
            .await
            .unwrap();
        let url = cluster.url(ROLE, &database);
        let storage = PostgresStorage::open(&url, LeaseClock::Caller).await.unwrap();
        Postgres(Arc::new(storage), client)
    };
    compare(open, BLOCKS).await;
}
