//! Postgres goes and comes back.

use meanwhile::storage::postgres::{LeaseClock, PostgresStorage};
use meanwhile::storage::{Quota, Storage as _};
use meanwhile::wit::storage::{StorageError, Write};
use meanwhile_tests::cluster::{Cluster, ROLE};
use meanwhile_tests::storage_suite::{TENANT, job, unit};

use crate::one;

#[tokio::test]
#[ignore = "needs Postgres"]
async fn a_host_outlives_postgres() {
    let cluster = Cluster::start();
    let database = cluster.database().await;
    let store = PostgresStorage::open(&cluster.url(ROLE, &database), LeaseClock::Caller)
        .await
        .unwrap();
    for (n, how) in ["fast", "immediate"].into_iter().enumerate() {
        let id = format!("j{n}");
        one(&store, vec![], vec![Write::InsertJob(job(&id, Some(10)))])
            .await
            .unwrap();
        cluster.down(how);
        let insert = unit(vec![], vec![Write::InsertJob(job("never", Some(10)))]);
        let refused = store.commit(TENANT, Quota::UNLIMITED, vec![insert]).await;
        assert!(
            matches!(&refused, Err(StorageError::Unavailable(why)) if why.contains("Postgres")),
            "{refused:?}"
        );
        assert!(matches!(
            store.next_due(TENANT).await,
            Err(StorageError::Unavailable(_))
        ));
        cluster.up();
        // No connection of before is used, and nobody has to open the store again.
        assert_eq!(
            store
                .get_jobs(TENANT, vec![id.clone(), "never".into()])
                .await
                .unwrap(),
            [Some(job(&id, Some(10))), None]
        );
        let claims = store.claim_due(TENANT, "o", 10, 110, 9).await.unwrap();
        assert_eq!(claims.len(), 1);
    }
}
