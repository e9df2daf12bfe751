//! Guests that wait: the host's time and its instances are limited, for each tenant and for all.
//! Time is tokio's, and stands still while anything can be done.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use meanwhile::component::CallFailure;
use meanwhile::limits::{CALL_WALL_CLOCK, PARALLEL_CALLS_MAX, POOL_WAIT, TENANT_PARALLEL_CALLS_MAX};
use meanwhile::storage::memory::MemoryStorage;
use meanwhile_tests::hostile::alone::Alone;
use meanwhile_tests::interposed::Interposed;
use tokio::time::{Instant, sleep};

/// A component that waits for storage. Tenants whose names begin with `parked` wait in vain.
fn waiting() -> Alone {
    let storage = Arc::new(MemoryStorage::default());
    Alone::new("waits-in-import", Arc::new(Interposed::parking(storage)))
}

#[tokio::test]
async fn a_call_that_asks_storage_without_end_uses_up_its_questions() {
    let alone = Alone::new("loop-over-reads", Arc::new(MemoryStorage::default()));
    let end = alone.call(&alone.tenant("hostile")).await;
    assert_eq!(end, Err(CallFailure::HostCallBudget));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_in_vain_is_ended_and_gives_its_instance_back() {
    let alone = waiting();
    for tenants in 0..PARALLEL_CALLS_MAX {
        let tenant = alone.tenant(&format!("parked {tenants}"));
        let began = Instant::now();
        assert_eq!(alone.call(&tenant).await, Err(CallFailure::WallClock));
        assert_eq!(began.elapsed().as_secs(), CALL_WALL_CLOCK.as_secs());
    }
    assert!(alone.call(&alone.tenant("good")).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_tenant_that_waits_with_all_its_calls_leaves_room_for_the_others() {
    let alone = waiting();
    let parked = alone.tenant("parked");
    let good = alone.tenant("good");
    let parking = join_all((0..=TENANT_PARALLEL_CALLS_MAX).map(|_| async {
        let end = alone.call(&parked).await;
        (end, Instant::now())
    }));
    let began = Instant::now();
    let others = async {
        sleep(Duration::from_secs(1)).await;
        join_all((0..TENANT_PARALLEL_CALLS_MAX).map(|_| alone.call(&good))).await
    };
    let (ends, others) = tokio::join!(parking, others);
    assert!(others.iter().all(Result::is_ok));
    let after = |(end, at): (Result<_, CallFailure>, Instant)| (end.err().unwrap(), (at - began).as_secs());
    let mut ends: Vec<_> = ends.into_iter().map(after).collect();
    // One more than its share: that one was told so.
    assert_eq!(ends.pop(), Some((CallFailure::Busy, POOL_WAIT.as_secs())));
    assert!(
        ends.iter()
            .all(|end| *end == (CallFailure::WallClock, CALL_WALL_CLOCK.as_secs()))
    );
}

#[tokio::test(start_paused = true)]
async fn one_call_more_than_the_pool_holds_waits_and_is_then_told_that_the_host_is_busy() {
    let alone = waiting();
    let tenants: Vec<_> = (0..PARALLEL_CALLS_MAX)
        .map(|tenant| alone.tenant(&format!("parked {tenant}")))
        .collect();
    let good = alone.tenant("good");
    let all = join_all(tenants.iter().map(|tenant| alone.call(tenant)));
    let began = Instant::now();
    let early = async {
        sleep(Duration::from_secs(1)).await;
        (alone.call(&good).await.err(), began.elapsed())
    };
    // The whole pool is free again two seconds later.
    let late = async {
        sleep(CALL_WALL_CLOCK - Duration::from_secs(2)).await;
        (alone.call(&good).await.err(), began.elapsed())
    };
    let (_, early, late) = tokio::join!(all, early, late);
    assert_eq!(early.0, Some(CallFailure::Busy));
    assert_eq!(early.1.as_secs(), 1 + POOL_WAIT.as_secs());
    assert_eq!(late.0, None);
    assert_eq!(late.1.as_secs(), CALL_WALL_CLOCK.as_secs());
}
