//! The agent pipeline: whatever carries out a run.

pub mod builtin;
pub mod command;
mod fence;
mod fetch;
pub mod http;
pub mod llm;
pub mod noop;
mod progress;
mod prompt;
pub(crate) mod reply;
pub mod wire;

use std::sync::Arc;

use async_trait::async_trait;
pub use progress::Progress;
use tokio_util::sync::CancellationToken;

pub use crate::runtime::{DayBudget, Refusal};
use crate::service::{ServiceLink, Session};
use crate::tenants::RunAccess;
use crate::wit::agent_pipeline::{Outcome, OutcomeStatus, RunRequest};
use crate::wit::types::{ErrorClass, Instant, RunError, Usage};

/// One attempt of a run, as an agent gets it.
#[derive(Debug)]
pub struct Attempt {
    /// Whose run it is.
    pub tenant: String,
    /// What is asked.
    pub request: RunRequest,
    /// How the agent may use the tools meanwhile: as the run.
    pub access: RunAccess,
    /// Cancelled at the deadline, and when the attempt is of no more use.
    pub stop: CancellationToken,
    /// Where the agent tells how far it is.
    pub progress: Progress,
    /// What may be used of the tenant's day: an agent that counts as it works asks before it uses more.
    pub day_budget: DayBudget,
}

/// Something that was said in a conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    /// By the person.
    Person(String),
    /// By the agent.
    Agent(String),
}

/// What a person says to an agent, and what the agent has to know for its answer.
#[derive(Clone, Debug)]
pub struct Talk {
    /// Who speaks: the agent uses tools as this caller.
    pub session: Session,
    /// The person's words.
    pub text: String,
    /// What was said before in this conversation, oldest first.
    pub before: Vec<Said>,
    /// The person's live jobs, a line each: texts from outside, as titles may be.
    pub jobs: Vec<String>,
    /// The present.
    pub now: Instant,
    /// Where the agent tells what it does and says.
    pub progress: Progress,
    /// What may be used of the tenant's day; who asked for the answer settles it.
    pub day_budget: DayBudget,
}

/// What an agent answered a person.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The answer, or why there is none.
    pub reply: Result<String, RunError>,
    /// What it cost.
    pub usage: Usage,
}

/// Carries out runs. One implementation a way of doing it; the runtime adds deadline,
/// cancellation and bookkeeping.
#[async_trait]
pub trait Agent: Send + Sync + 'static {
    /// Executes one attempt to its end. Never panics and never hangs on its own account: at the
    /// deadline, or when the attempt is cancelled, the runtime cancels `stop` and drops the
    /// future shortly after; whatever it started must end with it.
    async fn run(&self, attempt: Attempt) -> Outcome;

    /// Told once, before the first run: the host that it works for, whose tools it may use as the runs that it
    /// carries out.
    fn attach(&self, host: ServiceLink) {
        let _ = host;
    }

    /// Whether it answers persons.
    fn talks(&self) -> bool {
        false
    }

    /// Answers a person, with tools where it has some. None: it does not talk. Dropped, it stops.
    async fn talk(&self, talk: Talk) -> Option<Answer> {
        let _ = talk;
        None
    }

    /// Whether it can carry out `judge` tasks.
    fn can_judge(&self) -> bool {
        false
    }

    /// One line on what it is and whether it is ready, for `meanwhile doctor`; the error says
    /// what to do.
    async fn check(&self) -> Result<String, String>;
}

/// Why a setting names no agent.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum SettingError {
    /// The setting has this text, which is none of those that are valid.
    #[error(
        "agent {0:?} is not known; valid are: builtin, noop, llm, command:PROGRAM ARGUMENTS, http://HOST/PATH and \
         https://HOST/PATH"
    )]
    Unknown(String),
    /// Behind `command:` there is no program, or a quote is not closed.
    #[error("agent {0:?}: command: needs a program, with quotes that are closed")]
    BadCommand(String),
    /// The agent is known but cannot work on this machine; the text says why.
    #[error("agent: {0}")]
    Unusable(String),
}

/// The agent that a setting names: `builtin`, `noop`, `llm`, `command:PROGRAM ARGUMENTS`, or an address of http or
/// https. `url` is where the agent finds the host, if it serves: it may be called as the run. `llm` says which model
/// is asked.
///
/// # Errors
/// When the setting names no agent, or one that cannot be used here.
pub fn from_setting(
    setting: &str,
    url: Option<String>,
    llm: &llm::LlmSetting,
) -> Result<Arc<dyn Agent>, SettingError> {
    match setting {
        "builtin" => Ok(Arc::new(builtin::Builtin::new().map_err(SettingError::Unusable)?)),
        "noop" => Ok(Arc::new(noop::Noop)),
        "llm" => Ok(Arc::new(llm::Llm::new(llm).map_err(SettingError::Unusable)?)),
        _ if http::is_address(setting) => {
            let agent = http::Http::from_environment(setting).map_err(SettingError::Unusable)?;
            Ok(Arc::new(agent.serving_at(url)))
        }
        _ => {
            let line = setting
                .strip_prefix("command:")
                .ok_or_else(|| SettingError::Unknown(setting.to_owned()))?;
            match command::Command::parse(line) {
                Some(command) => Ok(Arc::new(command.serving_at(url)) as Arc<dyn Agent>),
                None => Err(SettingError::BadCommand(setting.to_owned())),
            }
        }
    }
}

/// Of what cost nothing.
pub(crate) const NO_USAGE: Usage = Usage {
    tokens_in: 0,
    tokens_out: 0,
    cost_usd: 0.0,
    tool_calls: 0,
    seconds: 0.0,
};

/// An outcome without report, error, cost or journal.
#[must_use]
pub fn answer(status: OutcomeStatus, output: String) -> Outcome {
    Outcome {
        status,
        output,
        report: None,
        error: None,
        retry_after_seconds: None,
        asks_for: None,
        usage: NO_USAGE,
        journal: Vec::new(),
    }
}

/// A failed attempt.
#[must_use]
pub fn failure(class: ErrorClass, message: impl Into<String>) -> Outcome {
    let error = RunError {
        class,
        message: message.into(),
    };
    Outcome {
        error: Some(error),
        ..answer(OutcomeStatus::Failed, String::new())
    }
}

/// Begins a program that is none of the host's own: the host's settings, tokens and keys are not its business.
pub(crate) fn program(name: &str) -> tokio::process::Command {
    let mut program = tokio::process::Command::new(name);
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("MEANWHILE_") {
            program.env_remove(variable);
        }
    }
    program
}

/// An attempt that was told to stop.
pub(crate) fn cancelled() -> Outcome {
    answer(OutcomeStatus::Cancelled, String::new())
}

/// Cuts to at most `bytes_max` bytes, between characters.
pub(crate) fn cut(text: &mut String, bytes_max: usize) {
    text.truncate(text.floor_char_boundary(bytes_max));
}

#[cfg(test)]
pub(crate) mod sample;
