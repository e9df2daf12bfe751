//! A day under load with retention: the store does not grow, and what has to stay stays.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::sync::Arc;
use std::time::Duration;

use meanwhile::agent::llm::LlmSetting;
use meanwhile::clock::ManualClock;
use meanwhile::host::{Host, LOCAL_TENANT};
use meanwhile::runtime::{Retention, Tidied};
use meanwhile::storage::memory::MemoryStorage;
use meanwhile::storage::postgres::{LeaseClock, PostgresStorage};
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile::storage::{Quota, Storage, Stored};
use meanwhile::wit::storage::Write;
use meanwhile::wit::types::{DeliveryStatus, JobStatus, Message, MessageKind, Offspring};
use meanwhile_tests::cluster::{Cluster, ROLE};
use meanwhile_tests::given::{T0_MS, once};
use meanwhile_tests::in_process::{caller, client};
use meanwhile_tests::served::Client;
use meanwhile_tests::storage_suite::{conversation, message, turn, unit, update};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3_600);
const HOUR_MS: i64 = 3_600_000;
const HOURS: i64 = 24;
/// Jobs that are created, run and end in an hour.
const JOBS: usize = 30;
/// Things that are said in an hour: more than retention forgets in one step.
const SAID: usize = 40;
/// From then on as much goes as comes: what is archived, kept, and deleted each take an hour, and as many
/// runs are kept as a job has in two.
const FULL_AFTER: i64 = 6;

const AN_HOUR: Retention = Retention {
    archive_after: Some(HOUR),
    delete_after: Some(HOUR),
    history_after: Some(HOUR),
};

async fn host(storage: Arc<dyn Storage>, clock: &Arc<ManualClock>, retention: Retention) -> (Host, Client) {
    let host = Host::builder()
        .storage(storage)
        .agent(meanwhile::agent::from_setting("builtin", None, &LlmSetting::default()).unwrap())
        .clock(Arc::clone(clock) as _)
        .retention(retention)
        .build()
        .await
        .unwrap();
    host.start().await.unwrap();
    let client = client(&host, caller("agent", "ada")).await;
    (host, client)
}

fn repeating() -> Value {
    json!({"title": "Looks every minute", "payload": "Remind me.", "job_type": "RECURRING",
        "trigger_config": {"interval_seconds": 60}})
}

/// A day: each hour some jobs come and end, one repeats every minute, and old rows are put away. Answers what
/// the rows come to after each hour, and all that was put away.
async fn day(storage: Arc<dyn Storage>, retention: Retention) -> (Vec<Stored>, Tidied) {
    let clock = Arc::new(ManualClock::new(T0_MS));
    let (host, client) = host(Arc::clone(&storage), &clock, retention).await;
    let every_minute = client.tool("job_create", repeating()).await["job"]["job_id"].clone();
    let every_minute = every_minute.as_str().unwrap();
    let (mut hours, mut all) = (Vec::new(), Tidied::default());
    let talk = conversation("ada", "c");
    for hour in 1..=HOURS {
        for n in 0..JOBS {
            let mut job = once(&format!("Work {n} of hour {hour}"));
            job["idempotency_key"] = format!("{hour} {n}").into();
            client.tool("job_create", job).await;
        }
        let said = (0..SAID).map(|_| turn(&talk, "Is it done?", T0_MS + (hour - 1) * HOUR_MS));
        storage.add_turns(LOCAL_TENANT, said.collect()).await.unwrap();
        host.advance_clock(T0_MS + hour * HOUR_MS).await.unwrap();
        let tidied = host.tidy().await.unwrap();
        all.archived += tidied.archived;
        all.deleted += tidied.deleted;
        hours.push(storage.stored(LOCAL_TENANT).await.unwrap());
    }
    // What repeats goes on, and has its latest runs.
    let job = client.get(&format!("/api/jobs/{every_minute}")).await;
    assert_eq!(job["job"]["status"], "ACTIVE", "{job}");
    let runs = client
        .get(&format!("/api/jobs/{every_minute}/runs?limit=100"))
        .await;
    assert_eq!(runs["runs"].as_array().unwrap().len(), 100);
    let slots = 24 * 60;
    assert_eq!(job["job"]["run_count"].as_i64(), Some(slots), "{job}");
    // What was said an hour ago is the oldest of what is kept.
    let said = storage.turns(LOCAL_TENANT, &talk, 1_000).await.unwrap();
    let hours_kept = if retention == Retention::FOR_EVER {
        HOURS
    } else {
        1
    };
    assert_eq!(said.len(), SAID * hours_kept as usize);
    host.shutdown().await;
    (hours, all)
}

fn check_bounded(hours: &[Stored], tidied: Tidied) {
    println!(
        "{tidied:?}; bytes after each hour: {:?}",
        hours.iter().map(|hour| hour.bytes).collect::<Vec<_>>()
    );
    let most = |hours: &[Stored]| hours.iter().map(|hour| hour.bytes).max().unwrap();
    let (early, late) = hours.split_at(FULL_AFTER as usize);
    assert!(most(late) <= most(early) + most(early) / 20, "the store grows");
    assert_eq!(tidied.archived, JOBS as u64 * (HOURS as u64 - 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_stays_bounded_for_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let size = async |name: &str, retention| {
        let path = folder.path().join(name);
        let (hours, tidied) = day(Arc::new(SqliteStorage::open(&path).unwrap()), retention).await;
        (hours, tidied, std::fs::metadata(&path).unwrap().len())
    };
    let (hours, tidied, bytes) = size("bounded.db", AN_HOUR).await;
    check_bounded(&hours, tidied);
    // Without it, it is not.
    let (grown, nothing, grown_bytes) = size("grown.db", Retention::FOR_EVER).await;
    assert_eq!(nothing, Tidied::default());
    println!("files: {bytes} and {grown_bytes} bytes");
    assert!(grown.last().unwrap().bytes > 3 * hours.last().unwrap().bytes);
    assert!(grown_bytes > 2 * bytes, "pages of deleted rows are used again");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Postgres"]
async fn a_day_stays_bounded_in_postgres() {
    let cluster = Cluster::of_process();
    let url = cluster.url(ROLE, &cluster.database().await);
    let store = PostgresStorage::open(&url, LeaseClock::Caller).await.unwrap();
    let (hours, tidied) = day(Arc::new(store), AN_HOUR).await;
    check_bounded(&hours, tidied);
}

/// What ended is put away with a word of why, is found when it is asked for, and then is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_put_away_and_then_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let storage = Arc::new(SqliteStorage::open(folder.path().join("store.db")).unwrap());
    let clock = Arc::new(ManualClock::new(T0_MS));
    let (host, client) = host(storage, &clock, AN_HOUR).await;
    let id = client.tool("job_create", once("Once")).await["job"]["job_id"].clone();
    let id = id.as_str().unwrap();
    host.advance_clock(T0_MS + HOUR_MS).await.unwrap();
    assert_eq!(
        host.tidy().await.unwrap(),
        Tidied::default(),
        "it is not an hour ago yet"
    );
    host.advance_clock(T0_MS + HOUR_MS + 1_000).await.unwrap();
    let tidied = host.tidy().await.unwrap();
    assert_eq!(tidied.archived, 1);
    let job = client.get(&format!("/api/jobs/{id}")).await;
    assert_eq!(job["job"]["status"], "ARCHIVED", "{job}");
    assert_ne!(
        job["job"]["status_reason"]["code"], "retention",
        "why it ended stays: {job}"
    );
    host.advance_clock(T0_MS + 2 * HOUR_MS + 2_000).await.unwrap();
    assert!(host.tidy().await.unwrap().deleted >= 2, "the job and its run");
    let refused = client.refused("job_retrieval_by_id", json!({"job_id": id})).await;
    assert_eq!(refused["code"], "not_found");
    host.shutdown().await;
}

/// A job stays as long as what its runs created is live: on it stands how many more there may be. What
/// persons said to jobs goes like what they were told, but for questions.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_still_needed_stays() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let clock = Arc::new(ManualClock::new(T0_MS));
    let (host, client) = host(Arc::clone(&storage), &clock, AN_HOUR).await;
    let created = async |job: Value| {
        let answer = client.tool("job_create", job).await;
        answer["job"]["job_id"].as_str().unwrap().to_owned()
    };
    let child = created(repeating()).await;
    let root = created(once("Root")).await;
    let mut passed = 0;
    let mut pass_hours = async |hours: i64| {
        passed += hours * HOUR_MS + 1_000;
        host.advance_clock(T0_MS + passed).await.unwrap();
        host.tidy().await.unwrap();
    };
    pass_hours(0).await;
    let row = async || {
        storage
            .get_jobs(LOCAL_TENANT, vec![root.clone()])
            .await
            .unwrap()
            .remove(0)
    };
    let ended = row().await.unwrap();
    let offspring = Offspring {
        children: 1,
        run: "run".into(),
        run_children: 1,
        live: vec![child.clone()],
    };
    let of_child = |name: &str, kind| Message {
        kind,
        job: child.clone(),
        delivery: DeliveryStatus::Delivered,
        ..message(name, name)
    };
    let unit = unit(
        vec![],
        vec![
            update(&ended, |state| state.offspring = Some(offspring)),
            Write::InsertMessage(of_child("said", MessageKind::Reply)),
            Write::InsertMessage(of_child("asked", MessageKind::Question)),
        ],
    );
    let answers = storage.commit(LOCAL_TENANT, Quota::UNLIMITED, vec![unit]).await;
    answers.unwrap().remove(0).unwrap();

    pass_hours(2).await;
    pass_hours(2).await;
    assert_eq!(row().await.unwrap().state.status, JobStatus::Archived);
    let kept = storage.sweep_messages(LOCAL_TENANT, 0, 99).await.unwrap();
    let kept: Vec<&str> = kept.iter().map(|entry| entry.message.id.as_str()).collect();
    assert!(kept.contains(&"asked") && !kept.contains(&"said"), "{kept:?}");

    client.tool("job_cancel", json!({"job_id": child})).await;
    pass_hours(0).await;
    assert_eq!(row().await, None);
    host.shutdown().await;
}
