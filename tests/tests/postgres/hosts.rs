//! Several hosts on one database.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use meanwhile::agent::llm::LlmSetting;
use meanwhile::clock::{Clock as _, SystemClock};
use meanwhile::events::Change;
use meanwhile::host::Host;
use meanwhile::runtime::Delivery;
use meanwhile::service::{Service as _, Session};
use meanwhile::storage::postgres::{LeaseClock, OpenError, PostgresStorage};
use meanwhile::storage::{InboxEntry, Quota, Storage};
use meanwhile::tenants::{Registry, TenantCommand};
use meanwhile::wit::storage::{Guard, Page, Rejection, Write};
use meanwhile_tests::cluster::{Cluster, ROLE, SUPERUSER};
use meanwhile_tests::given::once;
use meanwhile_tests::in_process::{caller, client};
use meanwhile_tests::storage_suite::{TENANT, any_job, at_token, job, unit, update};
use serde_json::json;

use crate::{host_of, one, store};

const HOUR_MS: i64 = 3_600_000;
const LEASE_MS: i64 = 30_000;

#[tokio::test]
#[ignore = "needs Postgres"]
async fn hosts_may_start_at_once() {
    let database = Cluster::of_process().database().await;
    let hosts = join_all((0..6).map(|_| host_of(&database, LeaseClock::Caller))).await;
    for (n, host) in hosts.iter().enumerate() {
        let insert = vec![Write::InsertJob(job(&format!("j{n}"), Some(10)))];
        assert_eq!(one(host, vec![], insert).await, Ok(()));
    }
    assert_eq!(hosts[0].stored(TENANT).await.unwrap().live_jobs, 6);
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn a_database_of_a_later_version_is_refused() {
    let (_store, database) = store(LeaseClock::Caller).await;
    let client = Cluster::of_process().connect(SUPERUSER, &database).await;
    client
        .batch_execute("UPDATE schema_version SET version = 1000")
        .await
        .unwrap();
    let url = Cluster::of_process().url(ROLE, &database);
    let refused = PostgresStorage::open(&url, LeaseClock::Caller).await;
    assert!(matches!(refused, Err(OpenError::Newer { found: 1000, .. })));
}

/// What a database has that a host of the version before made and used.
const VERSION_BEFORE: &str = r#"
    SELECT set_config('app.scope', 'host', false);
    ALTER TABLE jobs ADD due_at BIGINT, ADD lease_owner TEXT, ADD lease_token BIGINT NOT NULL DEFAULT 0, ADD lease_until BIGINT,
        ADD available_at BIGINT;
    UPDATE jobs SET due_at = agenda.due_at, lease_owner = agenda.lease_owner, lease_token = agenda.lease_token,
        lease_until = agenda.lease_until, available_at = agenda.available_at
        FROM agenda WHERE agenda.tenant = jobs.tenant AND agenda.id = jobs.id;
    DROP TABLE agenda, turns, usage_by_day;
    CREATE INDEX jobs_by_status ON jobs (tenant, status, seq);
    CREATE INDEX jobs_by_owner ON jobs (tenant, agent, "user", status, job_type, seq);
    CREATE INDEX jobs_available ON jobs (tenant, available_at, seq) WHERE available_at IS NOT NULL;
    CREATE INDEX jobs_leased ON jobs (lease_owner) WHERE lease_owner IS NOT NULL;
    UPDATE schema_version SET version = 6;
"#;

/// Leases stand, tokens go on, lists show what they did.
#[tokio::test]
#[ignore = "needs Postgres"]
async fn a_database_of_the_version_before_goes_on_as_it_was() {
    let (store, database) = store(LeaseClock::Caller).await;
    let insert = ["held", "free", "later"].map(|id| Write::InsertJob(job(id, Some(10))));
    assert_eq!(one(&store, vec![], insert.into()).await, Ok(()));
    assert_eq!(
        store.claim_due(TENANT, "a", 20, 50, 1).await.unwrap()[0].job.id,
        "held"
    );
    let claims = store.claim_due(TENANT, "b", 20, 30, 1).await.unwrap();
    let later = vec![update(&claims[0].job, |state| state.due_at = Some(100))];
    assert_eq!(one(&store, vec![], later).await, Ok(()));
    let client = Cluster::of_process().connect(ROLE, &database).await;
    client.batch_execute(VERSION_BEFORE).await.unwrap();

    let host = host_of(&database, LeaseClock::Caller).await;
    let page = Page {
        cursor: None,
        limit: 9,
        count: true,
    };
    let listed = host.find_jobs(TENANT, any_job(), page).await.unwrap();
    let ids: Vec<&str> = listed.jobs.iter().map(|job| job.id.as_str()).collect();
    assert_eq!((ids, listed.total), (vec!["later", "free", "held"], 3));
    let renewed = host.renew(TENANT, "a", vec![at_token("held", 1)], 60);
    assert_eq!(renewed.await.unwrap(), []);
    let claims = host.claim_due(TENANT, "c", 70, 99, 9).await.unwrap();
    let claims: Vec<_> = claims
        .iter()
        .map(|claim| (claim.job.id.as_str(), claim.token))
        .collect();
    assert_eq!(claims, [("held", 2), ("later", 1)]);
    assert_eq!(host.next_due(TENANT).await.unwrap(), Some(99));
    assert_eq!(host.release_owner("c").await.unwrap(), 2);
    assert_eq!(host.next_due(TENANT).await.unwrap(), Some(10));
}

/// A host whose clock is hours off takes a lease as long as another does, of jobs that are due by the
/// database's clock.
#[tokio::test]
#[ignore = "needs Postgres"]
async fn leases_end_by_the_databases_clock() {
    let (ahead, database) = store(LeaseClock::Database).await;
    let behind = host_of(&database, LeaseClock::Database).await;
    let now = SystemClock.now();
    let (later, earlier) = (now + HOUR_MS, now - HOUR_MS);
    one(
        &ahead,
        vec![],
        vec![
            Write::InsertJob(job("due", Some(now - 1))),
            Write::InsertJob(job("not yet", Some(now + HOUR_MS / 2))),
        ],
    )
    .await
    .unwrap();
    let claims = behind
        .claim_due(TENANT, "behind", earlier, earlier + LEASE_MS, 9)
        .await
        .unwrap();
    assert_eq!(claims.len(), 1);
    assert_eq!((claims[0].job.id.as_str(), claims[0].token), ("due", 1));
    // It is told the end on its own clock; the row has the database's.
    assert_eq!(claims[0].lease_until, earlier + LEASE_MS);
    let claimed = ahead
        .claim_due(TENANT, "ahead", later, later + LEASE_MS, 9)
        .await
        .unwrap();
    assert!(claimed.is_empty());
    let client = Cluster::of_process().connect(SUPERUSER, &database).await;
    let left = "SELECT lease_until - (extract(epoch FROM now()) * 1000)::bigint FROM agenda WHERE id = 'due'";
    let left: i64 = client.query_one(left, &[]).await.unwrap().get(0);
    assert!(left <= LEASE_MS && left > LEASE_MS - HOUR_MS / 2, "{left}");
    // The lease's end comes.
    let lapse = "UPDATE agenda SET lease_until = 1, available_at = due_at WHERE id = 'due'";
    client.batch_execute(lapse).await.unwrap();
    assert_eq!(ahead.due_tenants(earlier).await.unwrap(), [TENANT]);
    let claims = ahead
        .claim_due(TENANT, "ahead", earlier, earlier + LEASE_MS, 9)
        .await
        .unwrap();
    assert_eq!(claims[0].token, 2);
    // Whoever lost it neither writes nor renews.
    let write = vec![update(&claims[0].job, |state| state.run_count = 1)];
    assert_eq!(
        one(&behind, vec![Guard::Claim(at_token("due", 1))], write).await,
        Err(Rejection::Stale)
    );
    let lost = behind
        .renew(TENANT, "behind", vec![at_token("due", 1)], now + LEASE_MS)
        .await
        .unwrap();
    assert_eq!(lost, [at_token("due", 1)]);
    assert!(
        ahead
            .renew(TENANT, "ahead", vec![at_token("due", 2)], now + LEASE_MS)
            .await
            .unwrap()
            .is_empty()
    );
}

/// None twice, none left.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs Postgres"]
async fn hosts_share_out_what_is_due() {
    let (first, database) = store(LeaseClock::Caller).await;
    let second = host_of(&database, LeaseClock::Caller).await;
    let ids: Vec<String> = (0..200).map(|n| format!("j{n:03}")).collect();
    one(
        &first,
        vec![],
        ids.iter().map(|id| Write::InsertJob(job(id, Some(1)))).collect(),
    )
    .await
    .unwrap();
    let tasks = [(&first, "a"), (&second, "b"), (&first, "c"), (&second, "d")].map(|(store, owner)| {
        let store = std::sync::Arc::clone(store);
        tokio::spawn(async move {
            let mut claimed = Vec::new();
            loop {
                let claims = store.claim_due(TENANT, owner, 10, 1_000, 7).await.unwrap();
                if claims.is_empty() && store.next_due(TENANT).await.unwrap() > Some(10) {
                    return claimed;
                }
                claimed.extend(claims.into_iter().map(|claim| claim.job.id));
            }
        })
    });
    let mut claimed: Vec<String> = join_all(tasks)
        .await
        .into_iter()
        .flat_map(Result::unwrap)
        .collect();
    claimed.sort();
    assert_eq!(claimed, ids);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs Postgres"]
async fn a_quota_holds_between_hosts() {
    const ROOM: usize = 10;
    let (first, database) = store(LeaseClock::Caller).await;
    let second = host_of(&database, LeaseClock::Caller).await;
    let quota = Quota {
        live_jobs: ROOM as u64,
        ..Quota::UNLIMITED
    };
    let tasks = (0..40).map(|n| {
        let store = std::sync::Arc::clone(if n % 2 == 0 { &first } else { &second });
        tokio::spawn(async move {
            let insert = unit(vec![], vec![Write::InsertJob(job(&format!("j{n}"), None))]);
            store.commit(TENANT, quota, vec![insert]).await.unwrap().remove(0)
        })
    });
    let answers: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), ROOM);
    assert_eq!(first.stored(TENANT).await.unwrap().live_jobs, ROOM as u64);
}

/// A hint may get lost: it is given until it is heard.
#[tokio::test]
#[ignore = "needs Postgres"]
async fn a_host_hears_what_another_one_wrote() {
    let (teller, database) = store(LeaseClock::Caller).await;
    let listener = host_of(&database, LeaseClock::Caller).await;
    let mut number = 0;
    let heard = loop {
        number += 1;
        one(
            &teller,
            vec![],
            vec![Write::InsertJob(job(&format!("j{number}"), Some(1)))],
        )
        .await
        .unwrap();
        tokio::select! {
            tenant = listener.nudged() => if let Some(tenant) = tenant {
                break tenant;
            },
            () = tokio::time::sleep(std::time::Duration::from_millis(20)) => {}
        }
    };
    assert_eq!(heard, TENANT);
}

/// What is due at once is the writer's own to take first. Others are told where it has no room, and where it does not look.
#[tokio::test]
#[ignore = "needs Postgres"]
async fn a_host_hears_what_the_writer_does_not_take() {
    let (writer, database) = store(LeaseClock::Database).await;
    let listener = host_of(&database, LeaseClock::Database).await;
    let write = async |id: &str| {
        let insert = Write::InsertJob(job(id, Some(1)));
        one(&writer, vec![], vec![insert]).await.unwrap();
    };
    // What is told before it listens is lost.
    assert!(listener.nudged().await.is_none());
    let told = async || loop {
        // Without a name some may have been missed.
        if let Some(tenant) = listener.nudged().await {
            return tenant;
        }
    };
    write("looks away").await;
    assert_eq!(told().await, TENANT);
    write("has no room").await;
    assert!(writer.next_due(TENANT).await.unwrap().is_some());
    writer.decline_due(TENANT);
    assert_eq!(told().await, TENANT);

    // What stays under the claim that it is written with is nobody else's; for what is due soon all make their plans.
    let now = SystemClock.now();
    let claims = writer
        .claim_due(TENANT, "writer", now, now + LEASE_MS, 1)
        .await
        .unwrap();
    let claim = at_token(&claims[0].job.id, claims[0].token);
    let kept = update(&claims[0].job, |state| state.due_at = Some(2));
    one(&writer, vec![Guard::Claim(claim)], vec![kept]).await.unwrap();
    writer.decline_due(TENANT);
    let soon = unit(
        vec![],
        vec![Write::InsertJob(job("soon", Some(now + LEASE_MS / 2)))],
    );
    let answers = writer.commit("other", Quota::UNLIMITED, vec![soon]).await;
    assert_eq!(answers.unwrap(), [Ok(())]);
    assert_eq!(told().await, "other");
}

/// What is written at one host is told at another where somebody watches, and nowhere else.
#[tokio::test]
#[ignore = "needs Postgres"]
async fn who_watches_at_one_host_is_told_what_another_writes() {
    let (writer, database) = store(LeaseClock::Caller).await;
    let watcher = host_of(&database, LeaseClock::Caller).await;
    let changes = [
        Change::Job("job_1".into()),
        Change::Run("run_1".into()),
        Change::Message("msg_1".into()),
        Change::Job("no id".into()),
    ];
    writer.tell_changes(TENANT, &changes[..1]);
    while !writer.is_watched(TENANT) {
        // A listener may not listen yet.
        watcher.watch(TENANT);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(!watcher.is_watched(TENANT) && !writer.is_watched("other"));
    writer.tell_changes("other", &changes);
    writer.tell_changes(TENANT, &changes);
    let (tenant, told) = watcher.told_changes().await;
    assert_eq!((tenant.as_str(), told.as_slice()), (TENANT, &changes[..3]));
}

/// One host at a time has a tenant's outbox; the others wait until it is left, or was held for too long.
#[tokio::test]
#[ignore = "needs Postgres"]
async fn an_outbox_is_one_hosts() {
    const LONG: Duration = Duration::from_secs(3_600);
    let (first, database) = store(LeaseClock::Caller).await;
    let second = host_of(&database, LeaseClock::Caller).await;
    let hold = async |store: &PostgresStorage, owner: &str, lasting| {
        store.hold_outbox(TENANT, owner, lasting).await.unwrap()
    };
    assert!(hold(&first, "a", LONG).await);
    assert!(hold(&first, "a", LONG).await, "held anew");
    assert!(!hold(&second, "b", LONG).await);
    assert!(second.hold_outbox("other", "b", LONG).await.unwrap());
    // Who does not have it cannot leave it.
    second.leave_outbox(TENANT, "b").await.unwrap();
    assert!(!hold(&second, "b", LONG).await);
    first.leave_outbox(TENANT, "a").await.unwrap();
    assert!(hold(&second, "b", Duration::ZERO).await);
    assert!(hold(&first, "a", LONG).await, "the time of the other one is over");
    assert!(!hold(&second, "b", LONG).await);
    first.release_owner("a").await.unwrap();
    assert!(hold(&second, "b", LONG).await);
}

/// Takes a while for each batch, and notes what it was given.
#[derive(Default)]
struct Postman {
    under_way: AtomicBool,
    met: AtomicBool,
    delivered: Mutex<Vec<String>>,
}

#[async_trait]
impl Delivery for Postman {
    async fn deliver(&self, _tenant: &str, messages: &[InboxEntry]) -> Result<(), String> {
        self.met.fetch_or(self.under_way.swap(true, SeqCst), SeqCst);
        // Long enough for the other host to look.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let ids = messages.iter().map(|entry| entry.message.id.clone());
        self.delivered.lock().unwrap().extend(ids);
        self.under_way.store(false, SeqCst);
        Ok(())
    }
}

/// A host on a database, with a postman that several share.
async fn host_with(database: &str, delivery: Arc<Postman>) -> Host {
    let store = host_of(database, LeaseClock::Database).await;
    let host = Host::builder()
        .storage(Arc::clone(&store) as Arc<dyn Storage>)
        .registry(Arc::clone(&store) as Arc<dyn Registry>)
        .clock(store.clock())
        .agent(meanwhile::agent::from_setting("builtin", None, &LlmSetting::default()).unwrap())
        .delivery(delivery)
        .build()
        .await
        .unwrap();
    host.start().await.unwrap();
    host
}

/// Waits until something holds.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting)
        .await
        .expect("this never came");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs Postgres"]
async fn two_hosts_deliver_each_message_once() {
    const JOBS: usize = 40;
    let (_store, database) = store(LeaseClock::Database).await;
    let postman = Arc::new(Postman::default());
    let mut clients = Vec::new();
    let mut hosts = Vec::new();
    for _ in 0..2 {
        let host = host_with(&database, Arc::clone(&postman)).await;
        clients.push(client(&host, caller("agent", "ada")).await);
        hosts.push(host);
    }
    for n in 0..JOBS {
        let job = once(&format!("Work {n}"));
        clients[n % 2].tool("job_create", job).await;
    }
    until(async || postman.delivered.lock().unwrap().len() >= JOBS).await;
    for host in hosts {
        host.shutdown().await;
    }
    let delivered = postman.delivered.lock().unwrap();
    assert_eq!(delivered.iter().collect::<HashSet<_>>().len(), JOBS);
    assert_eq!(delivered.len(), JOBS, "a message was delivered twice");
    assert!(!postman.met.load(SeqCst), "two hosts delivered at once");
}

/// What an operator does at one host holds at the others soon.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "needs Postgres"]
async fn hosts_follow_the_registry() {
    let (_store, database) = store(LeaseClock::Database).await;
    let first = host_with(&database, Arc::default()).await;
    let second = host_with(&database, Arc::default()).await;
    let operator = Session::local();
    let command = async |command| first.operate(&operator, command).await.unwrap();
    let new = serde_json::from_value(json!({"name": "acme", "limits": {"requests_per_second": 1}}));
    command(TenantCommand::Add(new.unwrap())).await;
    until(async || second.serves("acme")).await;
    // The limits are its own: the third request of a burst is refused.
    until(async || second.admit("acme").is_err()).await;
    let of_acme = Session {
        tenant: "acme".into(),
        ..Session::local()
    };
    assert!(second.inbox(&of_acme, 0, 1).await.is_ok());
    let changes = serde_json::from_value(json!({"state": "suspended"})).unwrap();
    command(TenantCommand::Change("acme".into(), changes)).await;
    until(async || second.inbox(&of_acme, 0, 1).await.is_err()).await;
    command(TenantCommand::Remove("acme".into())).await;
    until(async || !second.serves("acme") && !first.serves("acme")).await;
    for host in [first, second] {
        host.shutdown().await;
    }
}
