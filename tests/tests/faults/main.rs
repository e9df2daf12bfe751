//! Hosts, the network, the database, the disk and the clock fail under load. After each: nothing is lost, no
//! slot was run twice to its end, each end was told once; and how long it took to go on is printed.
//! `tests/setup/faults` says what these need.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod clocks;
mod database;
mod disk;
mod hosts;
mod network;

use std::time::Duration;

use meanwhile_tests::cluster::{Cluster, ROLE};
use meanwhile_tests::fleet::Fleet;
use meanwhile_tests::fleet::proof::Found;

/// What a run takes.
const WORK: Duration = Duration::from_millis(100);
/// Between one job and the next.
const PAUSE: Duration = Duration::from_millis(40);
/// A load that does not go on within this never does.
const SOON: Duration = Duration::from_secs(60);

/// Hosts on a new database of a cluster.
async fn fleet(cluster: &Cluster, hosts: usize, work: Duration) -> Fleet {
    let url = cluster.url(ROLE, &cluster.database().await);
    let mut fleet = Fleet::new(work);
    for _ in 0..hosts {
        fleet.add(&url, &[]);
    }
    fleet
}

/// Prints what was found, under a name.
fn tell(what: &str, found: &Found) {
    let waits = found
        .taken_over
        .iter()
        .map(|(before, after)| after.at - before.at);
    println!(
        "{what}: {} jobs, {} runs, {} attempts taken over, after at most {} ms",
        found.jobs,
        found.runs.len(),
        found.taken_over.len(),
        waits.max().unwrap_or(0)
    );
}
