//! One attempt: deadline, cancellation, panic, caps. Real time is paused; the host's clock is
//! moved by hand.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::agent::{Puppet, ok, request};
use crate::agent::{Agent, Attempt, sample};
use crate::clock::ManualClock;
use crate::limits::{JOURNAL_ENTRIES_MAX, JOURNAL_ENTRY_CHARS_MAX, OUTPUT_BYTES_MAX};
use crate::runtime::attempt::carry_out;
use crate::wit::agent_pipeline::{Outcome, OutcomeStatus};
use crate::wit::types::ErrorClass;

async fn attempt(payload: &str, clock: &ManualClock, stop: CancellationToken) -> Outcome {
    carry_out(
        &Puppet,
        clock,
        sample::attempt(request("run_1", 1, payload), stop),
    )
    .await
}

#[tokio::test]
async fn an_attempt_that_ends_in_time_is_handed_on_with_its_duration() {
    let outcome = attempt("done", &ManualClock::new(0), CancellationToken::new()).await;
    assert_eq!(
        (outcome.status, outcome.output.as_str()),
        (OutcomeStatus::Ok, "done")
    );
    assert!(outcome.usage.seconds > 0.0);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_on_the_hosts_clock_ends_an_attempt_as_a_transient_failure() {
    for payload in ["until stopped", "never"] {
        let clock = ManualClock::new(0);
        let work = attempt(payload, &clock, CancellationToken::new());
        let (outcome, ()) = tokio::join!(work, async { clock.advance_to(60_000) });
        assert_eq!(outcome.status, OutcomeStatus::Failed, "{payload}");
        let error = outcome.error.unwrap();
        assert_eq!(error.class, ErrorClass::Transient);
        assert_eq!(error.message, "timed out after 60 s");
    }
}

#[tokio::test(start_paused = true)]
async fn before_its_deadline_an_attempt_goes_on() {
    let clock = ManualClock::new(0);
    let stop = CancellationToken::new();
    let mut work = std::pin::pin!(attempt("never", &clock, stop));
    clock.advance_to(59_999);
    assert!(futures_util::poll!(&mut work).is_pending());
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_attempt_ends_as_cancelled_and_keeps_what_it_brought() {
    let stop = CancellationToken::new();
    stop.cancel();
    let outcome = attempt("until stopped", &ManualClock::new(0), stop.clone()).await;
    assert_eq!(outcome.status, OutcomeStatus::Cancelled);
    assert_eq!(outcome.output, "until stopped");

    let outcome = attempt("never", &ManualClock::new(0), stop).await;
    assert_eq!((outcome.status, outcome.error), (OutcomeStatus::Cancelled, None));
}

#[tokio::test]
async fn a_panic_of_the_agent_is_a_transient_failure_of_the_run() {
    let outcome = attempt("panic", &ManualClock::new(0), CancellationToken::new()).await;
    assert_eq!(outcome.status, OutcomeStatus::Failed);
    assert_eq!(outcome.error.unwrap().class, ErrorClass::Transient);
}

struct Chatterbox;

#[async_trait]
impl Agent for Chatterbox {
    async fn run(&self, _attempt: Attempt) -> Outcome {
        // Three bytes a character: the cap falls inside one.
        let mut outcome = ok("€".repeat(OUTPUT_BYTES_MAX));
        outcome.journal = vec!["€".repeat(JOURNAL_ENTRY_CHARS_MAX + 1); JOURNAL_ENTRIES_MAX + 5];
        outcome
    }

    async fn check(&self) -> Result<String, String> {
        Ok(String::new())
    }
}

#[tokio::test]
async fn what_is_too_long_is_cut_visibly_at_a_character() {
    let clock = ManualClock::new(0);
    let outcome = carry_out(
        &Chatterbox,
        &clock,
        sample::attempt(request("run_1", 1, ""), CancellationToken::new()),
    )
    .await;
    assert!(outcome.output.len() <= OUTPUT_BYTES_MAX && outcome.output.len() > OUTPUT_BYTES_MAX - 4);
    assert!(outcome.output.ends_with("longer than is kept]"));
    assert_eq!(outcome.journal.len(), JOURNAL_ENTRIES_MAX);
    assert_eq!(outcome.journal[0].chars().count(), JOURNAL_ENTRY_CHARS_MAX);
    assert!(outcome.journal[0].ends_with('…'));
    assert_eq!(outcome.journal.last().unwrap(), "[cut: 6 more notes]");
}
