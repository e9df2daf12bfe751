//! The storage suite on every storage, and what SQLite alone promises.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use meanwhile::storage::memory::MemoryStorage;
use meanwhile::storage::sqlite::{OpenError, Snapshot, SqliteStorage};
use meanwhile::storage::{Quota, Storage};
use meanwhile::wit::storage::{
    Claim, EdgeFilter, EdgeKey, Guard, JobFilter, Page, Rejection, RunFilter, SearchMode, SearchQuery, Unit,
    Write,
};
use meanwhile::wit::types::{JobStatus, Run, RunStatus};
use meanwhile_tests::storage_suite::{
    Store, TENANT, any_job, at_revision, at_token, change, edge, job, message, run, unit, update,
};

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
             UPDATE runs SET body = '[]'",
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

/// A small generator of numbers: the same seed, the same story.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

fn any_write(random: &mut Random, step: u64) -> Write {
    const STATUSES: [JobStatus; 5] = [
        JobStatus::Active,
        JobStatus::Paused,
        JobStatus::Failed,
        JobStatus::Completed,
        JobStatus::Archived,
    ];
    let mut made = job(&format!("j{}", random.below(12)), None);
    let instant = i64::try_from(random.below(500)).unwrap();
    let key = || format!("k{}", step % 5);
    match random.below(12) {
        0..=2 => {
            made.state.due_at = Some(instant);
            made.spec.idempotency_key = (random.below(3) == 0).then(key);
            Write::InsertJob(made)
        }
        3 | 4 => {
            let status = STATUSES[usize::try_from(random.below(5)).unwrap()];
            let due = (random.below(4) > 0).then_some(instant);
            update(&made, |state| (state.status, state.due_at) = (status, due))
        }
        5 => Write::InsertRun(run(&format!("r{}", random.below(40)), &made.id, instant % 7)),
        6 => Write::UpdateRun(Run {
            status: RunStatus::Succeeded,
            ..run(&format!("r{}", random.below(40)), &made.id, instant % 7)
        }),
        7 => Write::PutEdge(edge(&made.id, &format!("j{}", random.below(12)))),
        8 => Write::DeleteEdge(EdgeKey {
            dependent: made.id,
            prerequisite: format!("j{}", random.below(12)),
        }),
        9 => Write::InsertMessage(message(
            &format!("m{}", random.below(20)),
            &format!("o{}", random.below(20)),
        )),
        10 => Write::InsertChange(change(&made.id, instant)),
        _ => Write::Release(at_token(&made.id, random.below(4))),
    }
}

fn any_unit(random: &mut Random, step: u64) -> Unit {
    let id = format!("j{}", random.below(12));
    let guards = match random.below(4) {
        0 => vec![at_revision(&id, 1 + random.below(3))],
        1 => vec![Guard::Claim(at_token(&id, random.below(3)))],
        _ => Vec::new(),
    };
    let writes = (0..=random.below(3)).map(|_| any_write(random, step)).collect();
    unit(guards, writes)
}

/// Everything a caller can see; positions and cursors are each storage's own.
async fn seen(store: &Store) -> String {
    let filter = JobFilter {
        include_archived: true,
        ..any_job()
    };
    let jobs = store
        .find_jobs(
            TENANT,
            filter,
            Page {
                limit: 1_000,
                cursor: None,
                count: false,
            },
        )
        .await
        .unwrap();
    let ids: Vec<String> = jobs.jobs.iter().map(|job| job.id.clone()).collect();
    let mut text = format!("{jobs:#?}");
    for id in &ids {
        let filter = RunFilter {
            job: id.clone(),
            statuses: vec![],
            before: None,
            limit: 1_000,
        };
        text += &format!("{:#?}", store.find_runs(TENANT, filter).await.unwrap());
    }
    text += &format!(
        "{:#?}",
        store
            .find_edges(TENANT, EdgeFilter::OfDependents(ids.clone()))
            .await
            .unwrap()
    );
    for id in &ids {
        text += &format!(
            "{:#?}",
            store.find_changes(TENANT, id.clone(), 1_000).await.unwrap()
        );
    }
    let inbox = store.inbox(TENANT, None, 0, 1_000).await.unwrap();
    text += &format!(
        "{:#?}",
        inbox.into_iter().map(|entry| entry.message).collect::<Vec<_>>()
    );
    text += &format!(
        "{:?} {:?} {}",
        store.next_due(TENANT).await.unwrap(),
        store.count_jobs(TENANT).await.unwrap(),
        store.stored(TENANT).await.unwrap().live_jobs
    );
    text
}

/// A refusal without its prose.
fn kind(answer: &Result<(), Rejection>) -> Result<(), Rejection> {
    match answer {
        Err(Rejection::Forbidden(_)) => Err(Rejection::Forbidden(String::new())),
        Err(Rejection::QuotaExceeded(_)) => Err(Rejection::QuotaExceeded(String::new())),
        other => other.clone(),
    }
}

/// The same random story on both storages: the same answers, the same rows.
#[tokio::test]
async fn storages_agree() {
    for seed in 1..=12_u64 {
        let folder = tempfile::tempdir().unwrap();
        let sqlite: Store = Arc::new(SqliteStorage::open(folder.path().join("store.db")).unwrap());
        let memory: Store = Arc::new(MemoryStorage::default());
        let mut random = Random(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        for step in 0..120 {
            let now = i64::try_from(step).unwrap() * 5;
            if random.below(4) == 0 {
                let (owner, limit) = (
                    format!("o{}", random.below(2)),
                    1 + u32::try_from(random.below(4)).unwrap(),
                );
                let a = sqlite
                    .claim_due(TENANT, &owner, now, now + 40, limit)
                    .await
                    .unwrap();
                let b = memory
                    .claim_due(TENANT, &owner, now, now + 40, limit)
                    .await
                    .unwrap();
                assert_eq!(a, b, "seed {seed}, step {step}");
                let leases = || vec![at_token("j1", 1), at_token("j2", 2)];
                let a = sqlite.renew(TENANT, &owner, leases(), now + 60).await.unwrap();
                let b = memory.renew(TENANT, &owner, leases(), now + 60).await.unwrap();
                assert_eq!(a, b, "seed {seed}, step {step}");
            } else {
                let units: Vec<Unit> = (0..=random.below(2))
                    .map(|_| any_unit(&mut random, step))
                    .collect();
                let a = sqlite
                    .commit(TENANT, Quota::UNLIMITED, units.clone())
                    .await
                    .unwrap();
                let b = memory
                    .commit(TENANT, Quota::UNLIMITED, units.clone())
                    .await
                    .unwrap();
                let (a, b): (Vec<_>, Vec<_>) = (a.iter().map(kind).collect(), b.iter().map(kind).collect());
                assert_eq!(a, b, "seed {seed}, step {step}: {units:#?}");
            }
        }
        assert_eq!(seen(&sqlite).await, seen(&memory).await, "seed {seed}");
    }
}
