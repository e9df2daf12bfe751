//! Whether claims wait for retention: how promptly due jobs start while a large store is tidied up.

use std::time::Duration;

use meanwhile::clock::{Clock as _, SystemClock};
use meanwhile::runtime::Retention;
use meanwhile_tests::rows;

use crate::figures::{heading, print};
use crate::prompt::{LEAD_MS, lateness_beside};
use crate::stores::Bed;

/// Jobs that ended long ago.
const OLD: usize = 100_000;
const JOBS: usize = 200;
const STRETCH: Duration = Duration::from_secs(40);
const DAY: Duration = Duration::from_secs(86_400);

const POLICY: Retention = Retention {
    archive_after: Some(DAY),
    // What was archived a moment ago.
    delete_after: Some(Duration::from_millis(1)),
    history_after: Some(DAY),
};

pub(crate) async fn measure() {
    for (name, bed) in [
        ("SQLite", Bed::sqlite as fn() -> Bed),
        ("Postgres", Bed::postgres),
    ] {
        heading(&format!("{name}: retention of {OLD} jobs that ended long ago"));
        let bed = bed();
        let storage = bed.open().await;
        let template = rows::template().await;
        let long_ago = SystemClock.now() - 30 * i64::try_from(DAY.as_millis()).unwrap();
        rows::fill_ended(&*storage, &template, 0..OLD, long_ago).await;
        storage.close().await;
        // The lock of SQLite's file goes with the value.
        drop(storage);
        let stretch = i64::try_from(STRETCH.as_millis()).unwrap();
        for (what, policy) in [
            ("without retention", Retention::FOR_EVER),
            ("beside retention", POLICY),
        ] {
            let first = OLD + usize::from(policy == POLICY) * JOBS;
            let hosts = bed.open_times(1).await;
            let tidying = async |host: meanwhile::host::Host| {
                let rounds = async {
                    loop {
                        host.tidy().await.unwrap();
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                };
                let rounds =
                    tokio::time::timeout(Duration::from_millis(LEAD_MS as u64) + STRETCH, rounds).await;
                assert!(rounds.is_err(), "rounds go on");
            };
            let mut late =
                lateness_beside(hosts, &template, first..first + JOBS, stretch, policy, tidying).await;
            let [p50, p99, max] = [0.5, 0.99, 1.0].map(|part| late.quantile(part));
            print(
                &format!("due to started {what}, p50 / p99 / max"),
                &format!("{p50:.1} / {p99:.1} / {max:.1} ms"),
                "",
            );
        }
    }
}
