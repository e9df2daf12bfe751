//! The stores that are measured: a file of SQLite's, a database of a private Postgres.

use std::sync::Arc;

use meanwhile::storage::Storage;
use meanwhile::storage::postgres::{LeaseClock, PostgresStorage};
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile_tests::cluster::{Cluster, ROLE};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// A store on a disk, as durable as it is meant to be.
pub(crate) enum Bed {
    Sqlite(TempDir),
    /// With the name of the database, once it is made.
    Postgres(Box<Cluster>, OnceCell<String>),
}

impl Bed {
    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) fn postgres() -> Self {
        Self::Postgres(Box::new(Cluster::durable()), OnceCell::new())
    }

    /// One more host's connection to it; SQLite has one host.
    pub(crate) async fn open(&self) -> Arc<dyn Storage> {
        match self {
            Self::Sqlite(folder) => Arc::new(SqliteStorage::open(folder.path().join("bench.db")).unwrap()),
            Self::Postgres(cluster, database) => {
                let database = database.get_or_init(|| cluster.database()).await;
                let url = cluster.url(ROLE, database);
                Arc::new(PostgresStorage::open(&url, LeaseClock::Database).await.unwrap())
            }
        }
    }

    /// The connections of so many hosts.
    pub(crate) async fn open_times(&self, count: usize) -> Vec<Arc<dyn Storage>> {
        let mut opened = Vec::with_capacity(count);
        for _ in 0..count {
            opened.push(self.open().await);
        }
        opened
    }

    /// How many hosts it is measured with at most.
    pub(crate) fn hosts(&self) -> usize {
        match self {
            Self::Sqlite(_) => 1,
            Self::Postgres(..) => 4,
        }
    }

    /// Jobs a second that one host has to drain.
    pub(crate) fn drain_bound(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "8,000",
            Self::Postgres(..) => "5,000",
        }
    }

    /// Commits of one small row a second, one after the other: what the disk and the database give.
    pub(crate) async fn commits_a_second(&self, commits: u32) -> f64 {
        match self {
            Self::Sqlite(folder) => {
                let connection = rusqlite::Connection::open(folder.path().join("commits.db")).unwrap();
                let prepare = "PRAGMA journal_mode = wal; PRAGMA synchronous = full; CREATE TABLE IF NOT EXISTS one (n INTEGER)";
                connection.execute_batch(prepare).unwrap();
                let began = std::time::Instant::now();
                for n in 0..commits {
                    connection.execute("INSERT INTO one VALUES (?1)", [n]).unwrap();
                }
                f64::from(commits) / began.elapsed().as_secs_f64()
            }
            Self::Postgres(cluster, database) => {
                let database = database.get_or_init(|| cluster.database()).await;
                let client = cluster.connect(ROLE, database).await;
                client
                    .batch_execute("CREATE TABLE IF NOT EXISTS one (n BIGINT)")
                    .await
                    .unwrap();
                let insert = client.prepare("INSERT INTO one VALUES ($1)").await.unwrap();
                let began = std::time::Instant::now();
                for n in 0..commits {
                    client.execute(&insert, &[&i64::from(n)]).await.unwrap();
                }
                f64::from(commits) / began.elapsed().as_secs_f64()
            }
        }
    }
}
