//! One attempt of a run: the agent's work, bounded by deadline, cancellation and panics.

use std::panic::AssertUnwindSafe;
use std::pin::pin;

use futures_util::FutureExt as _;

use crate::agent::{Agent, Attempt, Progress, failure};
use crate::clock::Clock;
use crate::limits::{
    JOURNAL_ENTRIES_MAX, JOURNAL_ENTRY_CHARS_MAX, OUTPUT_BYTES_MAX, REPORT_CHARS_MAX, STOP_GRACE,
};
use crate::wit::agent_pipeline::{Outcome, OutcomeStatus};
use crate::wit::types::{ErrorClass, RunError};

/// What is put where text was left out.
const CUT_NOTE: &str = "\n[cut: the output was longer than is kept]";

/// Why the agent's work was ended from outside.
enum Ended {
    TimedOut,
    Stopped,
}

/// Carries out an attempt to its end, whatever the agent does.
pub(super) async fn carry_out(agent: &dyn Agent, clock: &dyn Clock, mut attempt: Attempt) -> Outcome {
    let began = std::time::Instant::now();
    let began_at = clock.now();
    let deadline = attempt.request.deadline;
    let stop = attempt.stop.clone();
    let progress = attempt.progress.clone();
    // A child: the agent is told to stop at the deadline without the run counting as cancelled.
    let told = stop.child_token();
    attempt.stop = told.clone();
    let mut work = pin!(AssertUnwindSafe(agent.run(attempt)).catch_unwind());
    let ended = tokio::select! {
        biased;
        result = &mut work => {
            let mut outcome = result.unwrap_or_else(|_| failed("the agent panicked".to_owned()));
            if stop.is_cancelled() {
                // It was quick to obey.
                cancelled(&mut outcome);
            }
            return kept(outcome, &progress, began).await;
        }
        () = stop.cancelled() => Ended::Stopped,
        () = clock.sleep_until(deadline) => Ended::TimedOut,
    };
    told.cancel();
    let late = tokio::time::timeout(STOP_GRACE, &mut work)
        .await
        .ok()
        .and_then(Result::ok);
    let mut outcome = late.unwrap_or_else(|| failed(String::new()));
    match ended {
        Ended::Stopped => cancelled(&mut outcome),
        Ended::TimedOut => {
            let seconds = deadline.saturating_sub(began_at).max(0) / 1_000;
            outcome.status = OutcomeStatus::Failed;
            outcome.report = None;
            outcome.error = Some(RunError {
                class: ErrorClass::Transient,
                message: format!("timed out after {seconds} s"),
            });
        }
    }
    kept(outcome, &progress, began).await
}

fn cancelled(outcome: &mut Outcome) {
    outcome.status = OutcomeStatus::Cancelled;
    outcome.error = None;
}

fn failed(message: String) -> Outcome {
    failure(ErrorClass::Transient, message)
}

/// Applies the caps on what is kept, and fills in what was told on the way and how long it took.
async fn kept(mut outcome: Outcome, progress: &Progress, began: std::time::Instant) -> Outcome {
    let mut journal = progress.rest().await;
    journal.append(&mut outcome.journal);
    outcome.journal = journal;
    if outcome.output.len() > OUTPUT_BYTES_MAX {
        let end = outcome
            .output
            .floor_char_boundary(OUTPUT_BYTES_MAX - CUT_NOTE.len());
        outcome.output.truncate(end);
        outcome.output.push_str(CUT_NOTE);
    }
    if outcome.journal.len() > JOURNAL_ENTRIES_MAX {
        let left_out = outcome.journal.len() - (JOURNAL_ENTRIES_MAX - 1);
        outcome.journal.truncate(JOURNAL_ENTRIES_MAX - 1);
        outcome.journal.push(format!("[cut: {left_out} more notes]"));
    }
    for note in &mut outcome.journal {
        shorten(note, JOURNAL_ENTRY_CHARS_MAX);
    }
    if let Some(error) = &mut outcome.error {
        shorten(&mut error.message, REPORT_CHARS_MAX);
    }
    if let Some(report) = &mut outcome.report {
        shorten(&mut report.summary, REPORT_CHARS_MAX);
    }
    let usage = &mut outcome.usage;
    for figure in [&mut usage.cost_usd, &mut usage.seconds] {
        // What is no number could not be added up, nor stored.
        if !figure.is_finite() {
            *figure = 0.0;
        }
    }
    if outcome.usage.seconds <= 0.0 {
        outcome.usage.seconds = began.elapsed().as_secs_f64();
    }
    outcome
}

/// Cuts a text to at most `chars_max` characters, and says so.
fn shorten(text: &mut String, chars_max: usize) {
    // Bytes bound characters from above: the count is only taken of long texts.
    if text.len() > chars_max
        && let Some((end, _)) = text.char_indices().nth(chars_max)
    {
        text.truncate(end);
        text.pop();
        text.push('…');
    }
}
