//! The agent that does nothing, at once: for measuring everything around it.

use async_trait::async_trait;

use super::{Agent, Attempt, answer};
use crate::wit::agent_pipeline::{Outcome, OutcomeStatus};

/// Ends every run well, with no output.
pub struct Noop;

#[async_trait]
impl Agent for Noop {
    async fn run(&self, _attempt: Attempt) -> Outcome {
        answer(OutcomeStatus::Ok, String::new())
    }

    async fn check(&self) -> Result<String, String> {
        Ok("noop: ends every run at once".to_owned())
    }
}
