//! Hosts whose machines disagree on the time.

use std::path::PathBuf;

use meanwhile_tests::cluster::{Cluster, ROLE};
use meanwhile_tests::fleet::Fleet;

use crate::{PAUSE, SOON, WORK, tell};

const JOBS: usize = 60;
/// What hosts believe of the time.
const SHIFTS: [&str; 3] = ["+1h", "-1h", "+0"];

/// Debian's libfaketime.
fn library() -> PathBuf {
    let found = std::fs::read_dir("/usr/lib")
        .unwrap()
        .flatten()
        .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists());
    found.expect("libfaketime is not installed: tests/setup/faults")
}

/// A job that is to run at once does so, whichever host takes it: the database's clock is everybody's.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Postgres and libfaketime"]
async fn clocks_disagree() {
    let cluster = Cluster::of_process();
    let url = cluster.url(ROLE, &cluster.database().await);
    let library = library();
    let library = library.to_str().unwrap();
    let mut fleet = Fleet::new(WORK);
    for shift in SHIFTS {
        let environment = [
            ("LD_PRELOAD", library),
            ("FAKETIME", shift),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        fleet.add(&url, &environment);
    }
    let load = fleet.load(PAUSE);
    load.more(JOBS, SOON).await;
    // A host that goes and comes back does not take the time from its machine either.
    fleet.hosts[0].kill();
    load.more(JOBS / 2, SOON).await;
    fleet.restart(0);
    load.more(JOBS / 2, SOON).await;
    let jobs = load.stop().await;
    let found = fleet.prove(&jobs).await;
    tell("clocks an hour off", &found);
    // Instants of all hosts are on one scale.
    for run in found.runs.values() {
        let of = |name: &str| chrono::DateTime::parse_from_rfc3339(run[name].as_str()?).ok();
        if let (Some(slot), Some(started)) = (of("scheduled_for"), of("started_at")) {
            let late = (started - slot).num_seconds();
            assert!((0..1_800).contains(&late), "{late} s late: {run}");
        }
    }
    // The operator is told.
    let mut told = meanwhile_tests::served::command();
    told.envs([("LD_PRELOAD", library), ("FAKETIME", "+1h")]);
    let told = told.args(["doctor", "--store", &url]).output().unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    assert!(told.contains("ahead of the database's"), "{told}");
}
