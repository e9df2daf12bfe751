//! Outcomes that come by themselves: an agent that is not waited for sends what came of its attempt later.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

use crate::agent::Progress;
use crate::wit::agent_pipeline::Outcome;

/// Where the outcome of one attempt is awaited. The first one counts.
pub struct AwaitedOutcome {
    run: String,
    progress: Progress,
    state: Mutex<State>,
    told: Notify,
}

enum State {
    Open,
    Taken {
        digest: [u8; 32],
        /// Until the attempt has taken it up.
        outcome: Option<Box<Outcome>>,
    },
    /// The attempt ended without.
    Ended,
}

/// Why an outcome is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LateOutcome {
    /// Another one came before it.
    #[error("another outcome of this attempt came first, and counts: this one is not taken")]
    Second,
    /// The attempt was stopped, or ended in another way.
    #[error(
        "the attempt has ended without this outcome: it was cancelled, its deadline has passed, it was answered \
         before, or the host ended. If the run goes on, its next request says so, with the same idempotency key"
    )]
    Ended,
}

impl AwaitedOutcome {
    pub(super) fn new(run: &str, progress: Progress) -> Self {
        Self {
            run: run.to_owned(),
            progress,
            state: Mutex::new(State::Open),
            told: Notify::new(),
        }
    }

    /// Of which run it is.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.run
    }

    /// Takes what is told of an attempt that goes on: lines for its journal, and the answer so far.
    ///
    /// # Errors
    /// When its outcome is there, or none counts any more.
    pub fn tell(&self, notes: &[String], output: Option<&str>) -> Result<(), LateOutcome> {
        match &*self.state() {
            State::Open => {}
            State::Taken { .. } => return Err(LateOutcome::Second),
            State::Ended => return Err(LateOutcome::Ended),
        }
        notes.iter().for_each(|note| self.progress.note(note));
        if let Some(output) = output {
            self.progress.start_over();
            self.progress.say(output);
        }
        Ok(())
    }

    /// Takes an outcome. The one that was taken is taken again, without any further effect.
    ///
    /// # Errors
    /// When another one counts, or none any more.
    pub fn take(&self, outcome: Outcome) -> Result<(), LateOutcome> {
        let digest = digest(&outcome);
        let mut state = self.state();
        match &*state {
            State::Open => {
                *state = State::Taken {
                    digest,
                    outcome: Some(Box::new(outcome)),
                };
                self.told.notify_one();
                Ok(())
            }
            State::Taken { digest: first, .. } if *first == digest => Ok(()),
            State::Taken { .. } => Err(LateOutcome::Second),
            State::Ended => Err(LateOutcome::Ended),
        }
    }

    /// Waits for the outcome. Cancel-safe; for one waiter, once.
    pub async fn taken(&self) -> Outcome {
        loop {
            if let Some(outcome) = self.taken_up() {
                return outcome;
            }
            // A notice that comes before it is waited for is kept.
            self.told.notified().await;
        }
    }

    /// From now on none is taken; the one that was, if nobody has taken it up.
    pub fn end(&self) -> Option<Outcome> {
        let taken = self.taken_up();
        let mut state = self.state();
        if matches!(*state, State::Open) {
            *state = State::Ended;
        }
        taken
    }

    fn taken_up(&self) -> Option<Outcome> {
        match &mut *self.state() {
            State::Taken { outcome, .. } => outcome.take().map(|outcome| *outcome),
            State::Open | State::Ended => None,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for AwaitedOutcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("AwaitedOutcome")
            .field("run", &self.run)
            .finish_non_exhaustive()
    }
}

fn digest(outcome: &Outcome) -> [u8; 32] {
    // Plain data: it can always be written.
    Sha256::digest(serde_json::to_vec(outcome).unwrap_or_default()).into()
}

#[cfg(test)]
mod tests {
    use super::{AwaitedOutcome, LateOutcome, Progress};
    use crate::agent::answer;
    use crate::wit::agent_pipeline::{Outcome, OutcomeStatus};

    fn outcome(text: &str) -> Outcome {
        answer(OutcomeStatus::Ok, text.to_owned())
    }

    #[tokio::test]
    async fn the_first_outcome_counts_and_the_same_again_is_no_error() {
        let awaited = AwaitedOutcome::new("run_1", Progress::default());
        assert_eq!(awaited.take(outcome("first")), Ok(()));
        assert_eq!(awaited.take(outcome("first")), Ok(()));
        assert_eq!(awaited.take(outcome("second")), Err(LateOutcome::Second));
        assert_eq!(awaited.taken().await, outcome("first"));
        assert_eq!(awaited.end(), None, "it was taken up");
        assert_eq!(awaited.take(outcome("first")), Ok(()), "also after the end");
    }

    #[tokio::test]
    async fn after_the_end_none_counts_but_one_that_came_before_it_does() {
        let awaited = AwaitedOutcome::new("run_1", Progress::default());
        assert_eq!(awaited.end(), None);
        assert_eq!(awaited.take(outcome("late")), Err(LateOutcome::Ended));
        let awaited = AwaitedOutcome::new("run_1", Progress::default());
        assert_eq!(awaited.take(outcome("in time")), Ok(()));
        assert_eq!(awaited.end(), Some(outcome("in time")));
    }

    #[test]
    fn progress_is_told_until_the_outcome_is_there() {
        let progress = Progress::default();
        let awaited = AwaitedOutcome::new("run_1", progress.clone());
        let tell = |note: &str, output| awaited.tell(&[note.to_owned()], output);
        assert_eq!(tell("reads", Some("Half")), Ok(()));
        assert_eq!(tell("writes", Some("Half of")), Ok(()));
        assert_eq!(tell("checks", None), Ok(()));
        let told = (
            ["reads", "writes", "checks"].map(str::to_owned).to_vec(),
            "Half of".to_owned(),
        );
        assert_eq!(progress.take(), told);
        awaited.take(outcome("All of it")).unwrap();
        assert_eq!(tell("late", None), Err(LateOutcome::Second));
        let ended = AwaitedOutcome::new("run_1", progress);
        ended.end();
        assert_eq!(ended.tell(&[], Some("late")), Err(LateOutcome::Ended));
    }

    #[tokio::test]
    async fn who_waits_is_told() {
        let awaited = AwaitedOutcome::new("run_1", Progress::default());
        let (taken, sent) = tokio::join!(awaited.taken(), async { awaited.take(outcome("now")) });
        assert_eq!((taken, sent), (outcome("now"), Ok(())));
    }
}
