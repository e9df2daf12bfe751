//! Stores of either kind, and what is in them.

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use meanwhile::moving::{Import, export};
use meanwhile::storage::Quota;
use meanwhile::storage::moving::{Counts, Dump, Target};
use meanwhile::storage::postgres::{self, LeaseClock, PostgresStorage, PostgresTarget};
use meanwhile::storage::sqlite::{self, SqliteStorage, SqliteTarget};
use meanwhile::storage::turns::Conversation;
use meanwhile::storage::usage::{Amounts, Booking};
use meanwhile::tenants::{Registry, Scopes, TenantRecord, TenantState, TokenRecord, token};
use meanwhile::wit::storage::Write;
use meanwhile::wit::types::{EdgeStatus, JobStatus, JobType};
use meanwhile_tests::cluster::{Cluster, ROLE, SUPERUSER};
use meanwhile_tests::storage_suite::{
    Store, TENANT, change, conversation, edge, job, message, run, turn, unit, update,
};

/// A tenant whose name is no ASCII.
pub(crate) const OTHER: &str = "büro";

/// Rows of a transaction: few, so that an import has many.
pub(crate) const BATCH_ROWS: usize = 2;

/// Where a store is.
pub(crate) enum Place {
    Sqlite(tempfile::TempDir),
    Postgres(String),
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) async fn postgres() -> Self {
        Self::Postgres(Cluster::of_process().database().await)
    }

    pub(crate) fn file(&self) -> PathBuf {
        match self {
            Self::Sqlite(folder) => folder.path().join("store.db"),
            Self::Postgres(_) => panic!("it is no file"),
        }
    }

    fn url(&self) -> String {
        match self {
            Self::Sqlite(_) => panic!("it has no URL"),
            Self::Postgres(database) => Cluster::of_process().url(ROLE, database),
        }
    }

    /// As `--store` names it.
    pub(crate) fn setting(&self) -> String {
        match self {
            Self::Sqlite(_) => format!("sqlite:{}", self.file().display()),
            Self::Postgres(_) => self.url(),
        }
    }

    /// As a host opens it.
    pub(crate) async fn open(&self) -> Result<(Store, Arc<dyn Registry>), String> {
        match self {
            Self::Sqlite(_) => {
                let store = SqliteStorage::open(self.file()).map_err(|error| error.to_string())?;
                let store = Arc::new(store);
                Ok((Arc::clone(&store) as Store, store))
            }
            Self::Postgres(_) => {
                let store = PostgresStorage::open(&self.url(), LeaseClock::Caller).await;
                let store = Arc::new(store.map_err(|error| error.to_string())?);
                Ok((Arc::clone(&store) as Store, store))
            }
        }
    }

    pub(crate) async fn dump(&self) -> Result<Dump, String> {
        match self {
            Self::Sqlite(_) => sqlite::dump(self.file()).map_err(|error| error.to_string()),
            Self::Postgres(_) => postgres::dump(&self.url())
                .await
                .map_err(|error| error.to_string()),
        }
    }

    pub(crate) async fn export(&self) -> String {
        let mut output = Vec::new();
        export(self.dump().await.unwrap(), &mut output).await.unwrap();
        String::from_utf8(output).unwrap()
    }

    pub(crate) async fn target(&self) -> Result<Box<dyn Target>, String> {
        match self {
            Self::Sqlite(_) => match SqliteTarget::open(self.file()) {
                Ok(target) => Ok(Box::new(target)),
                Err(error) => Err(error.to_string()),
            },
            Self::Postgres(_) => match PostgresTarget::open(&self.url()).await {
                Ok(target) => Ok(Box::new(target)),
                Err(error) => Err(error.to_string()),
            },
        }
    }

    /// Imports what can be read.
    pub(crate) async fn import(&self, input: impl Read) -> Result<Counts, String> {
        let input = std::io::BufReader::new(input);
        let import = Import::begin(input, BATCH_ROWS).map_err(|error| error.to_string())?;
        let mut target = self.target().await?;
        let imported = import.run(&mut *target).await;
        imported.map_err(|error| error.to_string())
    }

    /// Statements by somebody who may do anything, behind everybody's back.
    pub(crate) async fn execute(&self, sql: &str) {
        match self {
            Self::Sqlite(_) => {
                let file = rusqlite::Connection::open(self.file()).unwrap();
                file.execute_batch(sql).unwrap();
            }
            Self::Postgres(database) => {
                let client = Cluster::of_process().connect(SUPERUSER, database).await;
                client.batch_execute(sql).await.unwrap();
            }
        }
    }

    /// The rows of a statement whose columns are texts.
    pub(crate) async fn texts(&self, sql: &str) -> Vec<Vec<String>> {
        match self {
            Self::Sqlite(_) => {
                let file = rusqlite::Connection::open(self.file()).unwrap();
                let mut statement = file.prepare(sql).unwrap();
                let columns = statement.column_count();
                let row = |row: &rusqlite::Row<'_>| (0..columns).map(|column| row.get(column)).collect();
                let rows = statement.query_map([], row).unwrap();
                rows.collect::<Result<_, _>>().unwrap()
            }
            Self::Postgres(database) => {
                let client = Cluster::of_process().connect(SUPERUSER, database).await;
                let rows = client.query(sql, &[]).await.unwrap();
                let row = |row: &tokio_postgres::Row| (0..row.len()).map(|column| row.get(column)).collect();
                rows.iter().map(row).collect()
            }
        }
    }
}

/// Whatever a text may have in it.
const TEXT: &str = "NUL \0, \u{1}, 👋, \"{}\"\n; DROP TABLE jobs";

/// A conversation in which two things were said to [`OTHER`].
pub(crate) fn talk() -> Conversation {
    conversation(TEXT, "büro")
}

async fn put(store: &Store, tenant: &str, writes: Vec<Write>) {
    let answers = store
        .commit(tenant, Quota::UNLIMITED, vec![unit(vec![], writes)])
        .await
        .unwrap();
    assert_eq!(answers, [Ok(())]);
}

/// A run under way, whose lease is held; a job that waits for it, a message that waits to be delivered, and
/// texts of all sorts. Of two tenants, and one that is gone again.
pub(crate) async fn fill(store: &Store, registry: &Arc<dyn Registry>) {
    let big = "ä".repeat(30_000);
    let mut report = job("report", Some(10));
    (report.spec.job_type, report.spec.idempotency_key) = (JobType::Scheduled, Some("schlüssel".into()));
    let mut watch = job("watch", Some(500));
    (watch.spec.job_type, watch.spec.description) = (JobType::Ongoing, big.clone());
    let mut waits = job("waits", None);
    (waits.state.status, waits.state.unmet) = (JobStatus::Pending, 1);
    put(
        store,
        TENANT,
        vec![
            Write::InsertJob(report.clone()),
            Write::InsertJob(watch.clone()),
            Write::InsertJob(waits),
            Write::PutEdge(edge("waits", "report")),
            Write::InsertMessage(message("first", "k1")),
            Write::InsertChange(change("watch", 2)),
        ],
    )
    .await;
    // It is claimed twice; the second claim has a run.
    for now in [10, 200] {
        let claims = store.claim_due(TENANT, "o", now, now + 100, 1).await.unwrap();
        assert_eq!(claims[0].job.id, "report");
    }
    let executing = update(&report, |state| {
        (state.status, state.open_run) = (JobStatus::InProgress, Some("run 1".into()));
    });
    put(
        store,
        TENANT,
        vec![Write::InsertRun(run("run 1", "report", 10)), executing],
    )
    .await;

    let mut odd = job("odd", Some(7));
    let text = TEXT;
    (odd.user, odd.spec.title, odd.spec.payload) = (text.into(), text.into(), text.into());
    odd.spec.idempotency_key = Some(text.into());
    let mut told = message("first", text);
    (told.text, told.run) = (big, Some(text.into()));
    let mut ended = job("ended", None);
    ended.state.status = JobStatus::Completed;
    let mut settled = edge("odd", "ended");
    (settled.status, settled.settled_at) = (EdgeStatus::Satisfied, Some(5));
    let mut said = change("odd", 1);
    said.by = text.into();
    put(
        store,
        OTHER,
        vec![
            Write::InsertJob(odd),
            Write::InsertJob(ended),
            Write::InsertRun(run("run 1", "ended", 3)),
            Write::PutEdge(settled),
            Write::InsertMessage(told),
            Write::InsertChange(said),
        ],
    )
    .await;
    let turns = vec![turn(&talk(), text, 7), turn(&talk(), "", 6)];
    store.add_turns(OTHER, turns).await.unwrap();
    let said = vec![turn(&conversation("ada", "c"), "said", 1)];
    store.add_turns(TENANT, said).await.unwrap();
    let amounts = |tokens| Amounts {
        tokens,
        cost_micros: 5,
        ..Amounts::default()
    };
    let booking = Booking {
        used: amounts(7),
        reserved: amounts(50_000),
        within: None,
    };
    for (tenant, day) in [(OTHER, 20_000), (OTHER, -1), (TENANT, 20_000)] {
        assert!(store.book(tenant, day, booking).await.unwrap());
    }

    // Its numbers are not given again, here and there.
    put(
        store,
        "gone",
        vec![
            Write::InsertJob(job("a", None)),
            Write::InsertMessage(message("m", "k")),
            Write::InsertChange(change("a", 1)),
        ],
    )
    .await;
    let said = vec![turn(&conversation("ada", "c"), "said", 1)];
    store.add_turns("gone", said).await.unwrap();
    while store.purge("gone", 9).await.unwrap() > 0 {}

    let mut tenant = TenantRecord::new(OTHER, 5);
    (tenant.state, tenant.component) = (TenantState::Suspended, Some("d1".into()));
    registry.put_tenant(tenant).await.unwrap();
    registry.put_tenant(TenantRecord::new(TENANT, 6)).await.unwrap();
    let bytes: Vec<u8> = (0..=255).collect();
    registry.insert_component("d1", bytes, 1).await.unwrap();
    for expires_at in [None, Some(99)] {
        let (id, hash, _) = token::issue().unwrap();
        let record = TokenRecord {
            id,
            hash,
            tenant: OTHER.into(),
            agent: "agent".into(),
            user: "ada".into(),
            scopes: Scopes::jobs(),
            timezone: expires_at.map(|_| "Europe/Berlin".into()),
            created_at: 1,
            expires_at,
        };
        registry.insert_token(record).await.unwrap();
    }
}

/// A store with all that.
pub(crate) async fn filled(place: Place) -> Place {
    let (store, registry) = place.open().await.unwrap();
    fill(&store, &registry).await;
    store.close().await;
    place
}
