//! What is in the rows.

use std::sync::Arc;

use meanwhile::storage::memory::MemoryStorage;
use meanwhile::storage::postgres::LeaseClock;
use meanwhile::storage::{Quota, Storage as _};
use meanwhile::wit::storage::{JobUpdate, Rejection, Write};
use meanwhile::wit::types::Job;
use meanwhile_tests::cluster::{Cluster, SUPERUSER};
use meanwhile_tests::differential;
use meanwhile_tests::storage_suite::{TENANT, job, message, unit};

use crate::{one, store};

/// As SQLite counts them.
const COUNTED: &str = "SELECT sum(live)::bigint, sum(bytes)::bigint FROM ( \
    SELECT (status NOT IN ('COMPLETED', 'FAILED', 'CANCELLED', 'ARCHIVED'))::int AS live, \
           octet_length(spec) + octet_length(state) + 300 AS bytes FROM jobs \
    UNION ALL SELECT 0, octet_length(body) + 100 FROM runs \
    UNION ALL SELECT 0, octet_length(text) + octet_length(title) + 300 FROM messages \
    UNION ALL SELECT 0, coalesce(octet_length(message), 0) + 100 FROM changes \
    UNION ALL SELECT 0, 150 FROM edges) AS counted";

#[tokio::test]
#[ignore = "needs Postgres"]
async fn what_is_stored_is_what_the_rows_come_to() {
    for seed in [21, 22, 23] {
        let (postgres, database) = store(LeaseClock::Caller).await;
        let client = Cluster::of_process().connect(SUPERUSER, &database).await;
        let memory = Arc::new(MemoryStorage::default());
        differential::tell(seed, &[memory, Arc::clone(&postgres) as _]).await;
        loop {
            let counted = client.query_one(COUNTED, &[]).await.unwrap();
            let counted = |column: usize| counted.get::<_, Option<i64>>(column).unwrap_or(0) as u64;
            let stored = postgres.stored(TENANT).await.unwrap();
            assert_eq!((stored.live_jobs, stored.bytes), (counted(0), counted(1)));
            if postgres.purge(TENANT, 3).await.unwrap() == 0 {
                break;
            }
        }
        let left = client.query_one(
            "SELECT (SELECT count(*) FROM job_text) + (SELECT count(*) FROM job_words)",
            &[],
        );
        assert_eq!(left.await.unwrap().get::<_, i64>(0), 0);
    }
}

/// A row that is written again lies somewhere else.
#[tokio::test]
#[ignore = "needs Postgres"]
async fn texts_are_written_where_one_is_another_alone() {
    const PLACES: &str = "SELECT concat_ws(' ', job_text.ctid, job_words.ctid, texts.ctid) \
        FROM job_text JOIN job_words USING (seq) JOIN texts USING (seq)";
    let (store, database) = store(LeaseClock::Caller).await;
    let client = Cluster::of_process().connect(SUPERUSER, &database).await;
    let commit = async |write: Write| {
        let units = vec![unit(vec![], vec![write])];
        let applied = store.commit(TENANT, Quota::UNLIMITED, units).await.unwrap();
        assert_eq!(applied, [Ok(())]);
        let row = client.query_one(PLACES, &[]).await.unwrap();
        row.get::<_, String>(0)
    };
    let mut job = job("a", None);
    let first = commit(Write::InsertJob(job.clone())).await;
    let update = |job: &Job| {
        Write::UpdateJob(JobUpdate {
            id: job.id.clone(),
            spec: Some(job.spec.clone()),
            state: job.state.clone(),
            updated_at: 2,
        })
    };
    job.spec.trigger.interval_seconds = Some(90);
    assert_eq!(commit(update(&job)).await, first);
    job.spec.payload = "look outside".into();
    let second = commit(update(&job)).await;
    assert_ne!(second, first);
    job.spec.title = "Weather".into();
    assert_ne!(commit(update(&job)).await, second);
}

/// A text that the index of idempotency keys cannot hold is its unit's fault alone.
#[tokio::test]
#[ignore = "needs Postgres"]
async fn a_value_that_cannot_be_stored_spares_its_neighbours() {
    let (store, _) = store(LeaseClock::Caller).await;
    // Characters that do not repeat, so that they cannot be compressed.
    let key: String = (0..3_000_u32)
        .filter_map(|n| char::from_u32(0x4e00 + n * 7 % 20_000))
        .collect();
    let insert = |id: &str, key: Option<&String>| {
        let mut job = job(id, None);
        job.spec.idempotency_key = key.cloned();
        unit(vec![], vec![Write::InsertJob(job)])
    };
    let units = vec![
        insert("a", None),
        insert("b", Some(&key)),
        insert("c", None),
        insert("d", None),
    ];
    let answers = store.commit(TENANT, Quota::UNLIMITED, units).await.unwrap();
    assert!(
        matches!(
            &answers[..],
            [Ok(()), Err(Rejection::Forbidden(_)), Ok(()), Ok(())]
        ),
        "{answers:?}"
    );
    assert_eq!(store.stored(TENANT).await.unwrap().live_jobs, 3);
}

/// Postgres has no NUL in a text: what a program says may.
#[tokio::test]
#[ignore = "needs Postgres"]
async fn texts_come_back_as_they_were() {
    let (store, _) = store(LeaseClock::Caller).await;
    for (n, text) in [
        "\0",
        "a\0b",
        "\u{1}",
        "\u{1}0\0",
        "grüße 👋",
        "'; DROP TABLE jobs; --",
    ]
    .into_iter()
    .enumerate()
    {
        let mut job = job(&format!("j{n}"), None);
        (job.user, job.spec.title, job.spec.payload) = (text.into(), text.into(), text.into());
        job.spec.idempotency_key = Some(text.into());
        let mut told = message(&format!("m{n}"), text);
        told.text = text.into();
        one(
            &store,
            vec![],
            vec![Write::InsertJob(job.clone()), Write::InsertMessage(told.clone())],
        )
        .await
        .unwrap();
        let twin = Write::InsertJob(meanwhile::wit::types::Job {
            id: "twin".into(),
            ..job.clone()
        });
        assert_eq!(
            one(&store, vec![], vec![twin]).await,
            Err(Rejection::DuplicateKey(job.id.clone()))
        );
        assert_eq!(
            store.get_jobs(TENANT, vec![job.id.clone()]).await.unwrap(),
            [Some(job)]
        );
        let inbox = store.inbox(TENANT, None, 0, 99).await.unwrap();
        assert_eq!(inbox.last().unwrap().message, told);
    }
}
