//! The network between a host and Postgres is cut, stands still, and loses answers.

use std::time::{Duration, Instant};

use meanwhile_tests::cluster::{Cluster, ROLE};
use meanwhile_tests::fleet::Fleet;
use meanwhile_tests::fleet::proxy::{Mode, Proxy};

use crate::{PAUSE, SOON, WORK, tell};

const JOBS: usize = 20;
const CUTS: usize = 5;
/// Longer than Postgres lets a silent transaction be: it is undone meanwhile.
const STALL: Duration = Duration::from_secs(8);
/// Of so many answers to a COMMIT one is lost.
const LOST_EVERY: u32 = 7;
const LOST: u32 = 30;

/// Two hosts, each behind a network of its own, and one that has none between.
async fn behind_proxies() -> (Fleet, Vec<Proxy>) {
    let cluster = Cluster::of_process();
    let database = cluster.database().await;
    let mut fleet = Fleet::new(WORK);
    let mut proxies = Vec::new();
    for _ in 0..2 {
        let proxy = Proxy::start(cluster.socket()).await;
        let port = proxy.address.port();
        fleet.add(&format!("postgres://{ROLE}@127.0.0.1:{port}/{database}"), &[]);
        proxies.push(proxy);
    }
    (fleet, proxies)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Postgres"]
async fn the_network_is_cut_and_stands_still() {
    let (fleet, proxies) = behind_proxies().await;
    let load = fleet.load(PAUSE);
    for cut in 0..CUTS {
        let host = cut % proxies.len();
        load.more(JOBS, SOON).await;
        proxies[host].set(Mode::Cut);
        load.more(JOBS / 2, SOON).await;
        proxies[host].set(Mode::Pass);
        let back = fleet.back(host).await;
        println!("cut: host {host} was back after {} ms", back.as_millis());
    }
    for (host, proxy) in proxies.iter().enumerate() {
        proxy.set(Mode::Stall);
        let stalled = Instant::now();
        while stalled.elapsed() < STALL {
            load.more(1, SOON).await;
        }
        proxy.set(Mode::Pass);
        let back = fleet.back(host).await;
        println!("stalled: host {host} was back after {} ms", back.as_millis());
    }
    let jobs = load.stop().await;
    tell("network cut", &fleet.prove(&jobs).await);
}

/// Whether a commit is stored nobody was told: what is done about it does it once.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Postgres"]
async fn answers_to_commits_are_lost() {
    let (fleet, proxies) = behind_proxies().await;
    let load = fleet.load(PAUSE);
    load.more(JOBS, SOON).await;
    let lost = || proxies.iter().map(Proxy::lost).sum::<u32>();
    for proxy in &proxies {
        proxy.set(Mode::LoseCommit(LOST_EVERY));
    }
    while lost() < LOST {
        load.more(1, SOON).await;
    }
    for proxy in &proxies {
        proxy.set(Mode::Pass);
    }
    let jobs = load.stop().await;
    tell(&format!("{} answers lost", lost()), &fleet.prove(&jobs).await);
}
