//! The agent that asks a model, and does with tools what it answers. It talks to many providers through `rig-core`.

mod failure;
mod judge;
mod model;
mod setting;
mod tools;
mod work;

use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat};
use chrono_tz::Tz;
use rig_core::catalog::Catalog;
use rig_core::message::Message;

pub use self::setting::{FetchHosts, KEY_FILE_VARIABLE, KEY_VARIABLE, LlmSetting, model_named, url_named};

use self::model::Model;
use self::tools::{Gate, Tools};
use self::work::{State, Work};
use super::fence::Fence;
use super::prompt::{PromptError, Prompts};
use super::wire::Request;
use super::{Agent, Answer, Attempt, NO_USAGE, Said, Talk, failure};
use crate::secret;
use crate::service::ServiceLink;
use crate::wit::agent_pipeline::{Outcome, Task};
use crate::wit::types::{ErrorClass, RunError};

/// Where prompts come from.
enum Words {
    Builtin(&'static Prompts),
    Own(Box<Prompts>),
}

/// See the module.
pub struct Llm {
    model: Model,
    /// None: the model judges as well.
    judge: Option<Model>,
    words: Words,
    tools: Tools,
}

impl Llm {
    /// The agent that a setting describes. Its key comes from the environment.
    ///
    /// # Errors
    /// What is wrong with the setting, by its name.
    pub fn new(setting: &LlmSetting) -> Result<Self, String> {
        let key = secret::from_environment(KEY_VARIABLE, KEY_FILE_VARIABLE)?;
        Self::with_key(setting, key)
    }

    /// The same with a key that is given.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_key(setting: &LlmSetting, key: Option<String>) -> Result<Self, String> {
        let named = setting.model.as_deref().ok_or(
            "`model` is missing: name one as PROVIDER:MODEL, such as `anthropic:claude-haiku-4-5` or `ollama:qwen3:8b`",
        )?;
        let prices = setting.prices.as_deref().map(prices).transpose()?;
        let connect = |named: &str| {
            let url = setting.url.as_deref();
            Model::new(named, url, key.clone(), prices.as_ref())
        };
        let judge = match (setting.judge.as_deref(), named.split_once(':')) {
            (Some(judge), Some((provider, _))) => Some(connect(&format!("{provider}:{judge}"))?),
            _ => None,
        };
        let words = match &setting.prompts {
            Some(folder) => Prompts::from_folder(folder).map(|prompts| Words::Own(Box::new(prompts))),
            None => Prompts::builtin().map(Words::Builtin),
        };
        Ok(Self {
            model: connect(named)?,
            judge,
            words: words.map_err(|error| error.to_string())?,
            tools: Tools::new(setting)?,
        })
    }

    fn prompts(&self) -> &Prompts {
        match &self.words {
            Words::Builtin(prompts) => prompts,
            Words::Own(prompts) => prompts,
        }
    }

    /// The rules and what is asked.
    fn texts(&self, request: &Request, is_judge: bool) -> Result<(String, String), PromptError> {
        let prompts = self.prompts();
        let rules = if is_judge {
            prompts.judge()?
        } else {
            prompts.system()?
        };
        Ok((rules, prompts.run(request)?))
    }

    /// The rules, what was said before, and what is said now.
    fn conversation(&self, talk: &Talk) -> Result<Vec<Message>, PromptError> {
        let prompts = self.prompts();
        let zone: Tz = talk
            .session
            .caller
            .time_zone
            .as_deref()
            .unwrap_or("UTC")
            .parse()
            .unwrap_or(Tz::UTC);
        let now = DateTime::from_timestamp_millis(talk.now)
            .unwrap_or_default()
            .with_timezone(&zone);
        let jobs = talk.jobs.join("\n");
        let jobs = match talk.jobs.is_empty() {
            true => String::new(),
            false => Fence::new(&[&jobs])?.around("live jobs", &jobs),
        };
        let now = now.to_rfc3339_opts(SecondsFormat::Secs, true);
        let said = prompts.said(&talk.text, &now, zone.name(), &jobs)?;
        let mut conversation = vec![Message::system(prompts.chat()?)];
        // What the agent said before anybody spoke to it is out of place.
        let before = talk
            .before
            .iter()
            .skip_while(|said| matches!(said, Said::Agent(_)));
        conversation.extend(before.map(|said| match said {
            Said::Person(text) => Message::user(text),
            Said::Agent(text) => Message::assistant(text),
        }));
        conversation.push(Message::user(said));
        Ok(conversation)
    }
}

fn prices(path: &std::path::Path) -> Result<Catalog, String> {
    let failed = |error: &dyn std::fmt::Display| format!("`model_prices`: {}: {error}", path.display());
    let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
    Catalog::from_json(&text).map_err(|error| failed(&error))
}

#[async_trait]
impl Agent for Llm {
    async fn run(&self, attempt: Attempt) -> Outcome {
        let is_judge = attempt.request.task == Task::Judge;
        let budget = attempt.request.budget_left;
        let policy = attempt.request.tool_policy.clone();
        let gate = Gate::of_run(policy, attempt.request.answered_call.clone());
        let mut request = Request::unprompted(&attempt.tenant, attempt.request);
        if gate.approved().is_some() {
            // It is made before the model is asked, which is told what it brought.
            request.answered_call = None;
        }
        let (rules, asked) = match self.texts(&request, is_judge) {
            Ok(texts) => texts,
            Err(PromptError::Randomness(error)) => {
                return failure(ErrorClass::Transient, format!("no randomness: {error}"));
            }
            Err(error) => return failure(ErrorClass::Permanent, error.to_string()),
        };
        if is_judge {
            let judge = self.judge.as_ref().unwrap_or(&self.model);
            return tokio::select! {
                judged = judge::judge(judge, rules, asked, &attempt.progress) => judged,
                () = attempt.stop.cancelled() => State::default().stopped(),
            };
        }
        let mut work = Work {
            model: &self.model,
            tools: &self.tools,
            session: attempt.access.session(),
            gate,
            budget,
            day_budget: attempt.day_budget.clone(),
            state: State::begun(
                self.model.id(),
                self.prompts().version(),
                attempt.progress.clone(),
            ),
        };
        let done = tokio::select! {
            done = work.carry_out(rules, asked) => Some(done),
            () = attempt.stop.cancelled() => None,
        };
        // What it cost until then is told as well.
        done.unwrap_or_else(|| work.state.stopped())
    }

    fn attach(&self, host: ServiceLink) {
        self.tools.attach(host);
    }

    fn talks(&self) -> bool {
        true
    }

    async fn talk(&self, talk: Talk) -> Option<Answer> {
        let conversation = match self.conversation(&talk) {
            Ok(conversation) => conversation,
            Err(error) => {
                let (class, message) = (ErrorClass::Permanent, error.to_string());
                return Some(Answer {
                    reply: Err(RunError { class, message }),
                    usage: NO_USAGE,
                });
            }
        };
        let mut work = Work {
            model: &self.model,
            tools: &self.tools,
            session: &talk.session,
            gate: Gate::of_conversation(),
            budget: None,
            day_budget: talk.day_budget.clone(),
            state: State::of(talk.progress.clone()),
        };
        let answered = work.answer(conversation).await;
        Some(Answer {
            reply: answered.map_err(|failure| RunError {
                class: failure.class,
                message: failure.message,
            }),
            usage: work.state.usage(),
        })
    }

    fn can_judge(&self) -> bool {
        true
    }

    async fn check(&self) -> Result<String, String> {
        let told = self.model.check().await?;
        if let Some(judge) = &self.judge {
            judge.check().await?;
        }
        let price = if self.model.has_price() {
            ""
        } else {
            "; what its tokens cost is not known and counts as nothing: tell it with `model_prices`"
        };
        Ok(format!("llm: {told}{price}"))
    }
}
