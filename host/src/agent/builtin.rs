//! The agent that needs no model: it delivers reminders and watches web pages.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::{Agent, AgentSettingError, outcome, watch};
use crate::wit::agent_pipeline::{Outcome, OutcomeStatus, RunRequest};
use crate::wit::types::{Report, Verdict};

/// Words that make an address in a job's text a page to watch.
const WATCH_WORDS: [&str; 4] = ["watch", "check", "monitor", "chang"];

/// Characters of an instruction that the summary quotes.
const QUOTE_CHARS_MAX: usize = 400;

/// Delivers reminders, watches pages; anything else it hands over as the instruction itself.
pub struct BuiltinAgent {
    client: reqwest::Client,
}

impl BuiltinAgent {
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn new() -> Result<Self, AgentSettingError> {
        // Another part of the process may have installed it before: that is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = watch::client().map_err(|error| AgentSettingError::Client(error.to_string()))?;
        Ok(Self { client })
    }

    async fn carry_out(&self, request: &RunRequest) -> Outcome {
        let texts = [&request.payload, &request.title, &request.description];
        let lower = texts.map(|text| text.to_lowercase());
        let says = |word: &str| lower.iter().any(|text| text.contains(word));
        let address = texts.iter().find_map(|text| watch::address(text));
        if let Some(address) = address.filter(|_| WATCH_WORDS.iter().any(|word| says(word))) {
            let previous = request
                .previous_runs
                .first()
                .and_then(|run| run.output.as_deref());
            return watch::look(&self.client, address, previous).await;
        }
        let mut done = outcome(OutcomeStatus::Ok, request.payload.clone());
        if !says("remind") {
            // The message of a run that goes on shows its summary alone: quote the instruction.
            let instruction: String = request.payload.chars().take(QUOTE_CHARS_MAX).collect();
            done.report = Some(Report {
                verdict: Verdict::Continue,
                summary: format!(
                    "No model is configured, so nothing was carried out. The instruction: {instruction}"
                ),
                tell: true,
            });
        }
        done
    }
}

#[async_trait]
impl Agent for BuiltinAgent {
    async fn run(&self, request: RunRequest, stop: CancellationToken) -> Outcome {
        tokio::select! {
            () = stop.cancelled() => outcome(OutcomeStatus::Cancelled, ""),
            done = self.carry_out(&request) => done,
        }
    }

    async fn check(&self) -> Result<String, String> {
        Ok("builtin: delivers reminders and watches pages; no model is configured".to_owned())
    }
}
