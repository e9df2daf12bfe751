//! The agent pipeline: whatever carries out a run.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::wit::agent_pipeline::{Outcome, RunRequest};

/// Carries out runs. One implementation a way of doing it; the runtime adds deadline,
/// cancellation and bookkeeping.
#[async_trait]
pub trait Agent: Send + Sync + 'static {
    /// Executes one attempt to its end. Never panics and never hangs on its own account: at the
    /// deadline, or when the attempt is cancelled, the runtime cancels `stop` and drops the
    /// future shortly after; whatever it started must end with it.
    async fn run(&self, request: RunRequest, stop: CancellationToken) -> Outcome;

    /// Whether it can carry out `judge` tasks.
    fn can_judge(&self) -> bool {
        false
    }

    /// One line on what it is and whether it is ready, for `meanwhile doctor`; the error says
    /// what to do.
    async fn check(&self) -> Result<String, String>;
}
