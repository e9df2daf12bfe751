//! The agent pipeline: whatever carries out a run.

mod builtin;
mod command;
mod noop;
mod watch;
pub mod wire;

use std::sync::Arc;

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

pub use builtin::BuiltinAgent;
pub use command::CommandAgent;
pub use noop::NoopAgent;

use crate::wit::agent_pipeline::OutcomeStatus;
use crate::wit::types::{ErrorClass, RunError, Usage};

/// A setting that names no agent.
#[derive(Debug, thiserror::Error)]
pub enum AgentSettingError {
    #[error("`agent` is `{0}`: it must be `builtin`, `noop` or `command:PROGRAM [ARGUMENT…]`")]
    Unknown(String),
    #[error("`agent` is `command:` without a program: name one, as in `command:./agent.sh`")]
    NoProgram,
    #[error("the built-in agent's HTTP client cannot be made: {0}")]
    Client(String),
}

/// The agent that a setting names.
///
/// # Errors
/// When the setting names none.
pub fn from_setting(setting: &str) -> Result<Arc<dyn Agent>, AgentSettingError> {
    match setting {
        "builtin" => Ok(Arc::new(BuiltinAgent::new()?)),
        "noop" => Ok(Arc::new(NoopAgent)),
        other => {
            let command = other
                .strip_prefix("command:")
                .ok_or_else(|| AgentSettingError::Unknown(other.to_owned()))?;
            let mut words = command.split_whitespace().map(str::to_owned);
            let program = words.next().ok_or(AgentSettingError::NoProgram)?;
            Ok(Arc::new(CommandAgent::new(program, words.collect())))
        }
    }
}

/// An outcome without report, error, cost or journal.
fn outcome(status: OutcomeStatus, output: impl Into<String>) -> Outcome {
    Outcome {
        status,
        output: output.into(),
        report: None,
        error: None,
        usage: Usage {
            tokens_in: 0,
            tokens_out: 0,
            cost_usd: 0.0,
            tool_calls: 0,
            seconds: 0.0,
        },
        journal: Vec::new(),
    }
}

fn failure(class: ErrorClass, message: impl Into<String>) -> Outcome {
    let error = RunError {
        class,
        message: message.into(),
    };
    Outcome {
        error: Some(error),
        ..outcome(OutcomeStatus::Failed, "")
    }
}
