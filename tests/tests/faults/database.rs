//! Postgres stops, crashes, and comes back.

use meanwhile_tests::cluster::Cluster;

use crate::{PAUSE, SOON, WORK, fleet, tell};

const RESTARTS: usize = 6;
const JOBS: usize = 20;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Postgres"]
async fn postgres_is_stopped_and_crashes() {
    let cluster = Cluster::start();
    let fleet = fleet(&cluster, 2, WORK).await;
    let load = fleet.load(PAUSE);
    for restart in 0..RESTARTS {
        load.more(JOBS, SOON).await;
        cluster.down(["immediate", "fast"][restart % 2]);
        cluster.up();
        for host in 0..fleet.hosts.len() {
            let back = fleet.back(host).await;
            println!("host {host} was back after {} ms", back.as_millis());
        }
    }
    let jobs = load.stop().await;
    tell("Postgres restarted", &fleet.prove(&jobs).await);
}
