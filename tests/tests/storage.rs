//! The storage suite on every storage, and what SQLite alone promises.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::sync::Arc;

use meanwhile::storage::memory::MemoryStorage;
use meanwhile::storage::sqlite::{OpenError, Snapshot, SqliteStorage};
use meanwhile::storage::{Quota, Storage};
use meanwhile::wit::storage::{Claim, JobUpdate, Page, RunFilter, SearchMode, SearchQuery, Write};
use meanwhile::wit::types::JobSpec;
use meanwhile_tests::differential;
use meanwhile_tests::storage_suite::{Store, TENANT, any_job, job, run, unit};
use rusqlite::Connection;

mod memory {
    use super::*;

    meanwhile_tests::storage_tests!((Arc::new(MemoryStorage::default()) as Store, ()));
}

mod sqlite {
    use super::*;

    meanwhile_tests::storage_tests!({
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStorage::open(folder.path().join("store.db")).unwrap();
        (Arc::new(store) as Store, folder)
    });

    #[tokio::test]
    async fn reopening_keeps_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store = SqliteStorage::open(&path).unwrap();
        let insert = unit(vec![], vec![Write::InsertJob(job("a", Some(10)))]);
        assert_eq!(
            store
                .commit(TENANT, Quota::UNLIMITED, vec![insert])
                .await
                .unwrap(),
            vec![Ok(())]
        );
        let token = store.claim_due(TENANT, "o", 10, 110, 1).await.unwrap()[0].token;
        store.close().await;
        drop(store);
        let store = SqliteStorage::open(&path).unwrap();
        let page = Page {
            limit: 9,
            cursor: None,
            count: false,
        };
        let found = store.find_jobs(TENANT, any_job(), page).await.unwrap();
        assert_eq!(found.jobs, vec![job("a", Some(10))]);
        // Tokens never repeat, over restarts too.
        assert!(
            store
                .claim_due(TENANT, "p", 109, 209, 1)
                .await
                .unwrap()
                .is_empty()
        );
        assert!(store.claim_due(TENANT, "p", 110, 210, 1).await.unwrap()[0].token > token);
    }

    /// Most changes of a job are of its schedule; the text index is the dearest of what a commit writes.
    #[tokio::test]
    async fn the_text_index_is_written_where_a_text_is_another_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store = SqliteStorage::open(&path).unwrap();
        let commit = async |write: Write| {
            let units = vec![unit(vec![], vec![write])];
            let applied = store.commit(TENANT, Quota::UNLIMITED, units).await.unwrap();
            assert_eq!(applied, [Ok(())]);
        };
        let index = || {
            let file = Connection::open(&path).unwrap();
            let all = "SELECT group_concat(id || ' ' || hex(block)) FROM job_text_data";
            file.query_row(all, [], |row| row.get::<_, String>(0)).unwrap()
        };
        let mut job = job("a", Some(10));
        commit(Write::InsertJob(job.clone())).await;
        let mut before = index();
        let mut change = async |change: fn(&mut JobSpec)| {
            change(&mut job.spec);
            let update = JobUpdate {
                id: job.id.clone(),
                spec: Some(job.spec.clone()),
                state: job.state.clone(),
                updated_at: 2,
            };
            commit(Write::UpdateJob(update)).await;
            let now = index();
            std::mem::replace(&mut before, now.clone()) != now
        };
        assert!(!change(|spec| spec.trigger.interval_seconds = Some(90)).await);
        assert!(!change(|spec| spec.timeout_seconds = 61).await);
        assert!(change(|spec| spec.title = "Weather".into()).await);
        assert!(change(|spec| spec.description = "for the picnic".into()).await);
        assert!(change(|spec| spec.payload = "look outside".into()).await);
        for (word, found) in [("weather", 1), ("picnic", 1), ("outside", 1), ("described", 0)] {
            let query = SearchQuery {
                terms: vec![word.into()],
                mode: SearchMode::AllTerms,
                best_first: false,
                filter: any_job(),
                page: Page {
                    limit: 9,
                    cursor: None,
                    count: false,
                },
            };
            let hits = store.search_jobs(TENANT, query).await.unwrap().hits;
            assert_eq!(hits.len(), found, "{word}");
        }
    }

    /// Rows of versions before runs created jobs: as if nobody had.
    #[tokio::test]
    async fn a_job_that_was_stored_without_origin_and_offspring_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store = SqliteStorage::open(&path).unwrap();
        let insert = unit(vec![], vec![Write::InsertJob(job("a", Some(10)))]);
        assert_eq!(
            store
                .commit(TENANT, Quota::UNLIMITED, vec![insert])
                .await
                .unwrap(),
            vec![Ok(())]
        );
        store.close().await;
        drop(store);
        let file = rusqlite::Connection::open(&path).unwrap();
        let older = "UPDATE jobs SET spec = json_remove(spec, '$.origin'), state = json_remove(state, '$.offspring') \
                     WHERE spec LIKE '%origin%' AND state LIKE '%offspring%'";
        assert_eq!(file.execute(older, []).unwrap(), 1);
        drop(file);
        let snapshot = Snapshot::read(&path, TENANT, 9, 9).unwrap();
        assert_eq!(snapshot.jobs[0].job, job("a", Some(10)));
        let store = SqliteStorage::open(&path).unwrap();
        let got = store.get_jobs(TENANT, vec!["a".into()]).await.unwrap();
        assert_eq!(got, [Some(job("a", Some(10)))]);
    }

    /// Neither claims, nor pages, nor reads by id fail because of a neighbour.
    #[tokio::test]
    async fn a_row_that_cannot_be_read_holds_nothing_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let store = SqliteStorage::open(&path).unwrap();
        let mut running = job("running", Some(10));
        running.state.open_run = Some("r".into());
        let writes = vec![
            Write::InsertJob(job("spec", Some(10))),
            Write::InsertJob(job("state", Some(10))),
            Write::InsertJob(job("number", Some(10))),
            Write::InsertJob(running),
            Write::InsertRun(run("r", "running", 10)),
            Write::InsertJob(job("good", Some(10))),
        ];
        assert_eq!(
            store
                .commit(TENANT, Quota::UNLIMITED, vec![unit(vec![], writes)])
                .await
                .unwrap(),
            vec![Ok(())]
        );
        store.close().await;
        drop(store);
        let file = rusqlite::Connection::open(&path).unwrap();
        file.execute_batch(
            "UPDATE jobs SET spec = '{' WHERE id = 'spec'; UPDATE jobs SET state = 'null' WHERE id = 'state'; \
             UPDATE jobs SET revision = -1 WHERE id = 'number'; UPDATE runs SET body = '[]'",
        )
        .unwrap();
        drop(file);

        let store = SqliteStorage::open(&path).unwrap();
        let claimed = |claims: Vec<Claim>| claims.into_iter().map(|claim| claim.job.id).collect::<Vec<_>>();
        let claims = store.claim_due(TENANT, "o", 10, 110, 9).await.unwrap();
        assert_eq!(claimed(claims), ["good"]);
        // The others rest until their leases lapse, rather than being tried in a hot loop.
        assert_eq!(store.next_due(TENANT).await.unwrap(), Some(110));
        let page = Page {
            limit: 9,
            cursor: None,
            count: true,
        };
        let found = store.find_jobs(TENANT, any_job(), page.clone()).await.unwrap();
        let ids: Vec<String> = found.jobs.into_iter().map(|job| job.id).collect();
        assert_eq!(ids, ["good", "running"]);
        let ids = ["spec", "good"].map(String::from).to_vec();
        let got = store.get_jobs(TENANT, ids).await.unwrap();
        assert_eq!((got[0].is_none(), got[1].is_some()), (true, true));
        let filter = RunFilter {
            job: "running".into(),
            statuses: vec![],
            before: None,
            limit: 9,
        };
        assert!(store.find_runs(TENANT, filter).await.unwrap().is_empty());
        let query = SearchQuery {
            terms: vec!["title".into()],
            mode: SearchMode::AnyTerm,
            best_first: false,
            filter: any_job(),
            page,
        };
        assert_eq!(store.search_jobs(TENANT, query).await.unwrap().hits.len(), 2);
    }

    #[tokio::test]
    async fn second_host_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let _first = SqliteStorage::open(&path).unwrap();
        assert!(matches!(SqliteStorage::open(&path), Err(OpenError::Locked(_))));
    }
}

/// The same random story on both storages: the same answers, the same rows.
#[tokio::test]
async fn storages_agree() {
    for seed in 1..=12_u64 {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("store.db");
        let sqlite: Store = Arc::new(SqliteStorage::open(&file).unwrap());
        let memory: Store = Arc::new(MemoryStorage::default());
        differential::tell(seed, &[memory, Arc::clone(&sqlite)]).await;
        sqlite.close().await;
        bytes_are_those_of_the_rows(&file);
    }
}

/// What is kept of each tenant's rows is what a count of them comes to.
fn bytes_are_those_of_the_rows(file: &Path) {
    const COUNTED: &str = "SELECT tenant, sum(bytes) FROM ( \
        SELECT tenant, octet_length(spec) + octet_length(state) + 300 AS bytes FROM jobs \
        UNION ALL SELECT tenant, octet_length(body) + 100 FROM runs \
        UNION ALL SELECT tenant, octet_length(text) + octet_length(title) + 300 FROM messages \
        UNION ALL SELECT tenant, coalesce(octet_length(message), 0) + 100 FROM changes \
        UNION ALL SELECT tenant, 150 FROM edges) GROUP BY tenant ORDER BY tenant";
    let connection = Connection::open(file).unwrap();
    let rows = |sql: &str| -> Vec<(String, i64)> {
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
            .unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    };
    let counted = rows(COUNTED);
    assert!(!counted.is_empty(), "the story left no rows");
    assert_eq!(rows("SELECT tenant, bytes FROM stored ORDER BY tenant"), counted);
}
