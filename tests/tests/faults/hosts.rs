//! Hosts are killed, and stopped for longer than their leases.

use meanwhile::limits::LEASE;
use meanwhile_tests::cluster::Cluster;
use nix::sys::signal::Signal;
use std::time::Duration;

use crate::{PAUSE, SOON, WORK, fleet, tell};

const KILLS: usize = 10;
/// Jobs between two kills.
const JOBS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Postgres"]
async fn hosts_are_killed() {
    let mut fleet = fleet(Cluster::of_process(), 3, WORK).await;
    let load = fleet.load(PAUSE);
    for kill in 0..KILLS {
        load.more(JOBS, SOON).await;
        let host = kill % fleet.hosts.len();
        fleet.hosts[host].kill();
        load.more(JOBS / 2, SOON).await;
        fleet.restart(host);
    }
    let jobs = load.stop().await;
    let found = fleet.prove(&jobs).await;
    tell("kill -9", &found);
    assert!(
        !found.taken_over.is_empty(),
        "no kill hit a run: this proves nothing"
    );
}

/// A host that lost its leases while it stood still neither settles what others took over, nor writes over it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Postgres"]
async fn a_host_is_stopped_for_longer_than_its_leases() {
    // Long enough that some are under way.
    let work = Duration::from_millis(500);
    let fleet = fleet(Cluster::of_process(), 2, work).await;
    let load = fleet.load(PAUSE);
    load.more(JOBS, SOON).await;
    fleet.signal(1, Signal::SIGSTOP);
    let stopped = std::time::Instant::now();
    // Others go on, and take over what it had.
    while stopped.elapsed() < LEASE + Duration::from_secs(3) {
        load.more(1, SOON).await;
    }
    fleet.signal(1, Signal::SIGCONT);
    let back = fleet.back(1).await;
    load.more(JOBS, SOON).await;
    let jobs = load.stop().await;
    let found = fleet.prove(&jobs).await;
    tell("SIGSTOP", &found);
    println!("the host that went on answered after {} ms", back.as_millis());
    let (stopped, other) = (fleet.hosts[1].id(), fleet.hosts[0].id());
    let taken_over = found
        .taken_over
        .iter()
        .any(|(before, after)| (before.host, after.host) == (stopped, other));
    assert!(taken_over, "nothing was taken from it: this proves nothing");
}
