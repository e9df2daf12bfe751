//! `kill -9` at random instants under load: nothing acknowledged is lost, no slot is run twice to
//! its end, and what was interrupted goes on within its lease.
//!
//! `CRASH_SEED` replays a run's choices, `CRASH_KILLS` changes how many there are.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::sync::Arc;
use std::time::Duration;

use meanwhile::clock::{Clock as _, SystemClock};
use meanwhile::limits::LEASE;
use meanwhile_tests::fleet::ledger::Ledger;
use meanwhile_tests::fleet::load::{Acknowledged, Created, create};
use meanwhile_tests::fleet::proof::prove;
use meanwhile_tests::served::{Client, Served};

const KILLS: u32 = 200;
/// A host lives for at most this long after it began to serve.
const LIFE_MS_MAX: u64 = 250;
/// Jobs created in one life of the host.
const JOBS_A_LIFE: usize = 6;
/// What a run takes.
const WORK: Duration = Duration::from_millis(100);

/// SplitMix64: the choices of a run, from its seed.
struct Choices(u64);

impl Choices {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// Creates the jobs that are not acknowledged yet, in order, until the host is gone. A call that
/// got no answer is made again, with the same key, by the next life's client.
async fn create_until(client: Client, acknowledged: Acknowledged, until: usize) {
    while acknowledged.lock().unwrap().len() < until {
        if create(&client, &acknowledged).await != Created::Acknowledged {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_runs_twice() {
    let seed = setting("CRASH_SEED", SystemClock.now().unsigned_abs());
    let kills = setting("CRASH_KILLS", u64::from(KILLS));
    println!("CRASH_SEED={seed}");
    let mut choices = Choices(seed);
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::new(folder.path(), WORK);
    let store = format!("sqlite:{}", folder.path().join("meanwhile.db").display());
    let agent = ledger.setting();
    let start = || Served::start(&["--store", &store, "--agent", agent, "--parallel-runs", "8"]);

    let acknowledged = Acknowledged::default();
    let mut killed_at = Vec::new();
    for life in 1..=kills {
        let mut served = start();
        let until = usize::try_from(life).unwrap() * JOBS_A_LIFE;
        let creating = tokio::spawn(create_until(
            served.client.clone(),
            Arc::clone(&acknowledged),
            until,
        ));
        tokio::time::sleep(Duration::from_millis(choices.next(LIFE_MS_MAX))).await;
        served.kill();
        killed_at.push(SystemClock.now());
        creating.await.unwrap();
    }

    let served = start();
    let jobs = acknowledged.lock().unwrap().clone();
    let found = prove(&served.client, &jobs, &ledger).await;

    // A host never began its own run again; what was taken over went on within the lease, counted from
    // the death before it.
    for (before, after) in &found.taken_over {
        let run = &before.run;
        assert_ne!(
            before.host, after.host,
            "{run} was begun again by a host that lives"
        );
        let lease = i64::try_from(LEASE.as_millis()).unwrap();
        let last = killed_at.iter().rev().find(|at| **at <= after.at).unwrap();
        assert!(after.at - last <= lease, "{run} waited longer than its lease");
    }
    let taken_over = found.taken_over.len();
    println!(
        "{} jobs, {} runs, {taken_over} attempts taken over after {kills} kills",
        found.jobs,
        found.runs.len()
    );
    assert!(
        kills < 50 || taken_over > 0,
        "no kill hit a run: this proves nothing"
    );
}
