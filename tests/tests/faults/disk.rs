//! The disk is full, and has room again.

use meanwhile_tests::cluster::Cluster;
use meanwhile_tests::fleet::Fleet;
use meanwhile_tests::fleet::disk::SmallDisk;
use meanwhile_tests::fleet::load::Load;

use crate::{PAUSE, SOON, WORK, fleet, tell};

const JOBS: usize = 20;
const REFUSALS: usize = 10;
const SQLITE_MIB: u32 = 48;
const POSTGRES_MIB: u32 = 192;

/// Fills a disk under load until calls are refused, and gives it room again.
async fn fill(disk: &SmallDisk, load: &Load) {
    load.more(JOBS, SOON).await;
    disk.fill();
    load.refusals(REFUSALS, SOON).await;
    disk.relieve();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the right to mount a tmpfs"]
async fn the_disk_of_a_file_is_full() {
    let disk = SmallDisk::mount(SQLITE_MIB);
    let mut fleet = Fleet::new(WORK);
    let file = disk.path().join("meanwhile.db");
    fleet.add(&format!("sqlite:{}", file.display()), &[]);
    let load = fleet.load(PAUSE);
    for _ in 0..3 {
        fill(&disk, &load).await;
        // The same process goes on.
        let back = fleet.back(0).await;
        println!("a full disk: the host was back after {} ms", back.as_millis());
    }
    load.more(JOBS, SOON).await;
    let jobs = load.stop().await;
    tell("full disk, SQLite", &fleet.prove(&jobs).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Postgres and the right to mount a tmpfs"]
async fn the_disk_of_postgres_is_full() {
    let disk = SmallDisk::mount(POSTGRES_MIB);
    let cluster = Cluster::within(disk.path());
    let fleet = fleet(&cluster, 2, WORK).await;
    let load = fleet.load(PAUSE);
    fill(&disk, &load).await;
    // Without room for its log, Postgres itself ends.
    if !cluster.is_up() {
        println!("a full disk ended Postgres");
        cluster.up();
    }
    for host in 0..fleet.hosts.len() {
        let back = fleet.back(host).await;
        println!("a full disk: host {host} was back after {} ms", back.as_millis());
    }
    load.more(JOBS, SOON).await;
    let jobs = load.stop().await;
    tell("full disk, Postgres", &fleet.prove(&jobs).await);
}
