//! Storage in Postgres: the suite of all storages, the story that all are told, and what only it
//! promises. Needs Postgres: `tests/setup/postgres`.

#![allow(clippy::unwrap_used)]

mod faults;
mod hosts;
mod rows;
mod walls;

use std::sync::Arc;

use meanwhile::storage::memory::MemoryStorage;
use meanwhile::storage::postgres::{LeaseClock, PostgresStorage};
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile::storage::{Quota, Storage as _};
use meanwhile::wit::storage::{Guard, Rejection, Write};
use meanwhile_tests::cluster::{Cluster, ROLE};
use meanwhile_tests::differential;
use meanwhile_tests::storage_suite::{Store, TENANT, unit};

/// A store in a new database, and the database's name.
async fn store(clock: LeaseClock) -> (Arc<PostgresStorage>, String) {
    let database = Cluster::of_process().database().await;
    (host_of(&database, clock).await, database)
}

/// The store of one more host in a database.
async fn host_of(database: &str, clock: LeaseClock) -> Arc<PostgresStorage> {
    let url = Cluster::of_process().url(ROLE, database);
    Arc::new(PostgresStorage::open(&url, clock).await.unwrap())
}

/// Applies one unit.
async fn one(store: &PostgresStorage, guards: Vec<Guard>, writes: Vec<Write>) -> Result<(), Rejection> {
    let units = vec![unit(guards, writes)];
    store
        .commit(TENANT, Quota::UNLIMITED, units)
        .await
        .unwrap()
        .remove(0)
}

mod suite {
    use super::*;

    meanwhile_tests::storage_tests!(
        {
            let (store, database) = store(LeaseClock::Caller).await;
            (store as Store, database)
        },
        ignore = "needs Postgres"
    );
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn three_storages_agree() {
    for seed in 1..=12_u64 {
        let folder = tempfile::tempdir().unwrap();
        let sqlite: Store = Arc::new(SqliteStorage::open(folder.path().join("store.db")).unwrap());
        let memory: Store = Arc::new(MemoryStorage::default());
        let postgres: Store = store(LeaseClock::Caller).await.0;
        differential::tell(seed, &[memory, sqlite, postgres]).await;
    }
}
