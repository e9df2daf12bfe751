//! An agent that does nothing, at once: for measurements and simulations.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{Agent, outcome};
use crate::wit::agent_pipeline::{Outcome, OutcomeStatus, RunRequest};

/// Ends every run well, without output.
pub struct NoopAgent;

#[async_trait]
impl Agent for NoopAgent {
    async fn run(&self, _request: RunRequest, _stop: CancellationToken) -> Outcome {
        outcome(OutcomeStatus::Ok, "")
    }

    async fn check(&self) -> Result<String, String> {
        Ok("noop: every run ends well and does nothing".to_owned())
    }
}
