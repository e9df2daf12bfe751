//! Row-level security: what stands between tenants if a statement asked for too much.

use std::time::Duration;

use meanwhile::storage::postgres::{LeaseClock, PostgresStorage};
use meanwhile::storage::usage::Booking;
use meanwhile::storage::{Quota, Storage as _};
use meanwhile::wit::storage::Write;
use meanwhile_tests::cluster::{Cluster, ROLE, SUPERUSER};
use meanwhile_tests::storage_suite::{change, conversation, edge, job, message, run, turn, unit};

use crate::store;

const OF_TENANTS: [&str; 11] = [
    "jobs",
    "agenda",
    "runs",
    "edges",
    "messages",
    "changes",
    "job_text",
    "stored",
    "outboxes",
    "turns",
    "usage_by_day",
];
const OF_THE_HOST: [&str; 5] = ["tenants", "tokens", "components", "registry", "half_imported"];

#[tokio::test]
#[ignore = "needs Postgres"]
async fn a_transaction_sees_the_rows_of_its_tenant_and_no_others() {
    let (store, database) = store(LeaseClock::Caller).await;
    for tenant in ["t", "u"] {
        let writes = vec![
            Write::InsertJob(job("a", Some(10))),
            Write::InsertRun(run("r", "a", 10)),
            Write::PutEdge(edge("b", "a")),
            Write::InsertMessage(message("m", "k")),
            Write::InsertChange(change("a", 1)),
        ];
        assert_eq!(
            store
                .commit(tenant, Quota::UNLIMITED, vec![unit(vec![], writes)])
                .await
                .unwrap(),
            [Ok(())]
        );
        assert!(store.hold_outbox(tenant, "host", Duration::ZERO).await.unwrap());
        let said = turn(&conversation("ada", "c"), "said", 1);
        store.add_turns(tenant, vec![said]).await.unwrap();
        assert!(store.book(tenant, 7, Booking::default()).await.unwrap());
    }
    let client = Cluster::of_process().connect(ROLE, &database).await;
    let count = async |scope: &str, table: &str| {
        client.batch_execute(&format!("BEGIN; {scope}")).await.unwrap();
        let sql = format!("SELECT tenant, count(*) FROM {table} GROUP BY tenant ORDER BY tenant");
        let rows = client.query(&sql, &[]);
        let rows = rows.await.unwrap();
        client.batch_execute("ROLLBACK").await.unwrap();
        rows.iter()
            .map(|row| (row.get::<_, String>(0), row.get::<_, i64>(1)))
            .collect::<Vec<_>>()
    };
    let both = vec![("t".to_owned(), 1), ("u".to_owned(), 1)];
    for table in OF_TENANTS {
        assert_eq!(count("", table).await, [], "{table}");
        assert_eq!(count("SET LOCAL app.tenant = 'v'", table).await, [], "{table}");
        assert_eq!(
            count("SET LOCAL app.tenant = 'u'", table).await,
            both[1..],
            "{table}"
        );
        assert_eq!(
            count("SET LOCAL app.scope = 'host'", table).await,
            both,
            "{table}"
        );
    }
    // Neither are another tenant's rows changed, nor rows made for it.
    client
        .batch_execute("BEGIN; SET LOCAL app.tenant = 'u'")
        .await
        .unwrap();
    assert_eq!(
        client
            .execute("UPDATE jobs SET title = 'stolen' WHERE tenant = 't'", &[])
            .await
            .unwrap(),
        0
    );
    let forged = client
        .execute("INSERT INTO stored VALUES ('v', 0, 0)", &[])
        .await
        .unwrap_err();
    assert!(
        forged
            .as_db_error()
            .unwrap()
            .message()
            .contains("row-level security")
    );
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn who_is_served_is_the_hosts_business() {
    let (_store, database) = store(LeaseClock::Caller).await;
    let client = Cluster::of_process().connect(SUPERUSER, &database).await;
    let fill = "INSERT INTO tenants VALUES ('t', 'active', '{}', NULL, 0); INSERT INTO components VALUES ('d', '', 0); \
                INSERT INTO tokens VALUES ('i', 't', '', '', '', '', NULL, 0, NULL); INSERT INTO half_imported VALUES (1, 1, '')";
    client.batch_execute(fill).await.unwrap();
    let client = Cluster::of_process().connect(ROLE, &database).await;
    for table in OF_THE_HOST {
        for (scope, rows) in [
            ("SET LOCAL app.tenant = 't'", 0),
            ("SET LOCAL app.scope = 'host'", 1),
        ] {
            client.batch_execute(&format!("BEGIN; {scope}")).await.unwrap();
            let count = client
                .query_one(&format!("SELECT count(*) FROM {table}"), &[])
                .await
                .unwrap();
            assert_eq!(count.get::<_, i64>(0), rows, "{table}, {scope}");
            client.batch_execute("ROLLBACK").await.unwrap();
        }
    }
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn doctor_tells_of_a_role_that_passes_the_wall() {
    let (store, database) = store(LeaseClock::Caller).await;
    assert!(!store.check().await.unwrap().contains("row-level security"));
    let url = Cluster::of_process().url(SUPERUSER, &database);
    let store = PostgresStorage::open(&url, LeaseClock::Caller).await.unwrap();
    let told = store.check().await.unwrap();
    assert!(
        told.contains("the role super passes row-level security"),
        "{told}"
    );
}
