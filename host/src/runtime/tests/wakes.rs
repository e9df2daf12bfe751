//! Armed timers against the loop's plan.

use std::pin::pin;

use crate::runtime::wake::Wake;

#[tokio::test]
async fn a_timer_armed_while_the_loop_looks_is_in_its_plan() {
    let wake = Wake::default();
    wake.looking();
    wake.arm(500);
    assert_eq!(wake.plan(Some(900)), 500);
}

#[tokio::test]
async fn only_a_timer_before_the_planned_instant_ends_the_sleep() {
    let wake = Wake::default();
    wake.looking();
    assert_eq!(wake.plan(Some(900)), 900);
    wake.arm(950);
    let mut notified = pin!(wake.notified());
    assert!(futures_util::poll!(&mut notified).is_pending());
    wake.arm(800);
    notified.await;
}

#[tokio::test]
async fn looking_answers_the_timers_armed_before() {
    let wake = Wake::default();
    wake.arm(500);
    wake.looking();
    assert_eq!(wake.plan(None), i64::MAX);
}
