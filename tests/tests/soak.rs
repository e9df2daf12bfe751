//! After many hostile calls the host takes no more from its machine than after some. A program of its
//! own: nothing else is measured with it.
#![allow(clippy::unwrap_used)]

use meanwhile::storage::limits::READERS_KEPT;
use meanwhile_tests::hostile::soak::Soak;

const SEED: u64 = 7;
/// Calls until every slot was used, every thread was started, every cache is full.
const WARM_UP: usize = 2_000;
const CALLS: usize = 10_000;

/// Growth that is no leak: caches of the allocator, threads of the runtime that come and go, connections that read
/// (three files each) and are opened when so many read at once: the busier the machine, the more do. What leaks with
/// calls comes to thousands.
const RESIDENT_KIB: u64 = 24 << 10;
const THREADS: u64 = 48;
const FILES: u64 = 4 + 3 * READERS_KEPT as u64;

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_hostile_calls_leave_memory_threads_and_files_as_they_were() {
    let mut soak = Soak::new(SEED).await;
    let before = soak.calls(WARM_UP).await;
    let after = soak.calls(CALLS).await;
    soak.end().await;
    assert!(
        after.resident_kib < before.resident_kib + RESIDENT_KIB,
        "{before:?} {after:?}"
    );
    assert!(after.threads <= before.threads + THREADS, "{before:?} {after:?}");
    assert!(after.files <= before.files + FILES, "{before:?} {after:?}");
}
