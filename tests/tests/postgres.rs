//! Storage in Postgres: the suite of all storages, the story that all are told, and what only it
//! promises. Needs Postgres: `tests/setup/postgres`.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use meanwhile::storage::memory::MemoryStorage;
use meanwhile::storage::postgres::{LeaseClock, PostgresStorage};
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile_tests::cluster::{Cluster, ROLE};
use meanwhile_tests::differential;
use meanwhile_tests::storage_suite::Store;

/// A store in a new database, and the database's name.
async fn store(clock: LeaseClock) -> (Arc<PostgresStorage>, String) {
    let cluster = Cluster::of_process();
    let database = cluster.database().await;
    let url = cluster.url(ROLE, &database);
    (
        Arc::new(PostgresStorage::open(&url, clock).await.unwrap()),
        database,
    )
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
