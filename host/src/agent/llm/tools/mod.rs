//! What a model can do: use the jobs, read pages, say how its run ends. What comes back is data, and stands within
//! fences.

mod fetch;
mod gate;
mod public;
mod report;
mod servers;

use std::sync::{Arc, OnceLock};

use rig_core::completion::ToolDefinition;
use rig_core::message::{ToolCall, ToolName};
use serde_json::{Map, Value, json};

pub(super) use self::gate::{Gate, Leave, REPORT};
pub(super) use self::report::Reported;

use self::fetch::Fetcher;
use self::servers::{ServerTool, Servers};
use super::setting::LlmSetting;
use crate::agent::cut;
use crate::agent::fence::Fence;
use crate::contract;
use crate::limits::{TOOL_OUTPUT_BYTES_MAX, TOOL_TIME};
use crate::service::{CallError, ServiceLink, Session};

/// The interface of the contract whose functions are the job tools.
const JOBS: &str = "tools";

/// Characters of arguments that are shown back where they are wrong.
const SENT_CHARS: usize = 200;

/// What is put where text was left out.
const CUT_NOTE: &str = "\n[cut: there was more]";

/// Everything that a model can be offered.
pub(super) struct Tools {
    fetcher: Fetcher,
    servers: Servers,
    host: OnceLock<ServiceLink>,
    /// Made once: schemas are large, and the same for all.
    to_runs: OnceLock<Arc<[ToolDefinition]>>,
    to_persons: OnceLock<Arc<[ToolDefinition]>>,
}

/// Who is answered: a run says how it ends, a conversation does not end.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Offered {
    ToRuns,
    ToPersons,
}

/// The tools that a model may use in one run or answer.
pub(super) struct Offer {
    own: Arc<[ToolDefinition]>,
    of_servers: Vec<ServerTool>,
}

/// What a call brought.
pub(super) enum Brought {
    /// A text from outside.
    Data(String),
    /// Why there is none, so that the model can mend its call; from outside as well.
    Failed(String),
    /// Why the tool was not even asked, in our own words.
    Refused(String),
    /// The run's own word on how it ends.
    Report(Reported),
}

impl Tools {
    pub(super) fn new(setting: &LlmSetting) -> Result<Self, String> {
        let servers = setting.tool_servers.as_deref().map(Servers::from_file);
        Ok(Self {
            fetcher: Fetcher::new(&setting.fetch_hosts)?,
            servers: servers.transpose()?.unwrap_or_default(),
            host: OnceLock::new(),
            to_runs: OnceLock::new(),
            to_persons: OnceLock::new(),
        })
    }

    /// The host whose jobs these are.
    pub(super) fn attach(&self, host: ServiceLink) {
        // There is one host: who was first is as good.
        let _ = self.host.set(host);
    }

    /// What a tenant's model is offered, as far as its gate lets it, and what of it is away.
    pub(super) async fn offered(&self, tenant: &str, to: Offered, gate: &Gate) -> (Offer, Vec<String>) {
        let (mut of_servers, away) = self.servers.offered(tenant).await;
        of_servers.retain(|tool| gate.offers(tool.definition.name.as_str()));
        let known = match to {
            Offered::ToRuns => &self.to_runs,
            Offered::ToPersons => &self.to_persons,
        };
        let own = Arc::clone(known.get_or_init(|| self.own(to).into()));
        let own = match own.iter().all(|tool| gate.offers(tool.name.as_str())) {
            true => own,
            false => own
                .iter()
                .filter(|tool| gate.offers(tool.name.as_str()))
                .cloned()
                .collect(),
        };
        (Offer { own, of_servers }, away)
    }

    fn own(&self, to: Offered) -> Vec<ToolDefinition> {
        let mut all = Vec::new();
        let mut add = |name: &str, description: String, schema: Value| {
            if let Ok(name) = ToolName::new(name) {
                all.push(ToolDefinition::new(name, description, schema));
            }
        };
        if self.host.get().is_some() {
            for name in contract::functions(JOBS) {
                if let Some(function) = contract::function(JOBS, name) {
                    let schema = Value::Object(contract::input_schema(&function));
                    add(&name.replace('-', "_"), function.description(), schema);
                }
            }
        }
        if self.fetcher.may_read() {
            let schema = json!({
                "type": "object",
                "properties": { "url": { "type": "string", "description": "An http or https address." } },
                "required": ["url"],
                "additionalProperties": false,
            });
            add(
                "fetch",
                "Read a page: its text, without its markup.".to_owned(),
                schema,
            );
        }
        if to == Offered::ToRuns {
            add(REPORT, report::DESCRIPTION.to_owned(), report::schema());
        }
        all
    }

    /// Carries out a call as the run that makes it. Never longer than [`TOOL_TIME`].
    pub(super) async fn call(
        &self,
        session: &Session,
        offer: &Offer,
        name: &str,
        arguments: Map<String, Value>,
    ) -> Brought {
        let work = self.carry_out(session, offer, name, arguments);
        let mut brought = tokio::time::timeout(TOOL_TIME, work)
            .await
            .unwrap_or_else(|_| Brought::Failed(format!("it took more than {} s", TOOL_TIME.as_secs())));
        if let Brought::Data(text) | Brought::Failed(text) = &mut brought
            && text.len() > TOOL_OUTPUT_BYTES_MAX
        {
            cut(text, TOOL_OUTPUT_BYTES_MAX - CUT_NOTE.len());
            text.push_str(CUT_NOTE);
        }
        brought
    }

    async fn carry_out(
        &self,
        session: &Session,
        offer: &Offer,
        name: &str,
        arguments: Map<String, Value>,
    ) -> Brought {
        match name {
            REPORT => match report::read(arguments.into()) {
                Ok(reported) => Brought::Report(reported),
                Err(why) => Brought::Failed(why),
            },
            "fetch" if self.fetcher.may_read() => match arguments.get("url").and_then(Value::as_str) {
                None => Brought::Failed("`url` is missing".to_owned()),
                Some(url) => Brought::of(self.fetcher.page(url).await),
            },
            _ => match offer.of_server(name) {
                Some(tool) => Brought::of(self.servers.call(tool, arguments).await),
                None => self.jobs(session, offer, name, arguments.into()).await,
            },
        }
    }

    async fn jobs(&self, session: &Session, offer: &Offer, name: &str, arguments: Value) -> Brought {
        let function = contract::functions(JOBS).find(|function| function.replace('-', "_") == name);
        let (Some(function), Some(link)) = (function, self.host.get()) else {
            let names: Vec<String> = offer
                .definitions()
                .into_iter()
                .map(|tool| tool.name.into())
                .collect();
            return Brought::Failed(format!(
                "there is no tool {name:?}; there are {}",
                names.join(", ")
            ));
        };
        let Some(host) = link.host() else {
            return Brought::Failed("the host is closing".to_owned());
        };
        match host.call(session, JOBS, function, arguments).await {
            Ok(answer) => Brought::Data(answer.to_string()),
            Err(CallError(error)) => Brought::Failed(error.to_string()),
        }
    }
}

impl Brought {
    fn of(answer: Result<String, String>) -> Self {
        match answer {
            Ok(text) => Self::Data(text),
            Err(why) => Self::Failed(why),
        }
    }
}

impl Offer {
    pub(super) fn definitions(&self) -> Vec<ToolDefinition> {
        let of_servers = self.of_servers.iter().map(|tool| &tool.definition);
        self.own.iter().chain(of_servers).cloned().collect()
    }

    fn of_server(&self, name: &str) -> Option<&ServerTool> {
        self.of_servers
            .iter()
            .find(|tool| tool.definition.name.as_str() == name)
    }

    /// Whether there is such a tool.
    pub(super) fn has(&self, name: &str) -> bool {
        self.own.iter().any(|tool| tool.name.as_str() == name) || self.of_server(name).is_some()
    }

    /// Whether the operator wants the person's approval for this tool's calls.
    pub(super) fn is_guarded(&self, name: &str) -> bool {
        self.of_server(name).is_some_and(|tool| tool.needs_approval)
    }
}

/// The arguments of a call, as a JSON object. The error says how to mend it.
pub(super) fn arguments(call: &ToolCall) -> Result<Map<String, Value>, String> {
    match &call.function.invalid_arguments {
        Some(sent) => {
            let sent: String = sent.chars().take(SENT_CHARS).collect();
            Err(format!("the arguments are no JSON object: {sent}"))
        }
        None => Ok(call.function.arguments.clone()),
    }
}

/// A text from outside, as a model gets it.
pub(super) fn fenced(name: &str, text: &str) -> Result<String, getrandom::Error> {
    Ok(Fence::new(&[text])?.around(&format!("result of {name}"), text))
}

#[cfg(test)]
mod tests {
    use super::super::setting::{FetchHosts, LlmSetting};
    use super::{Gate, Offered, Tools};

    #[tokio::test]
    async fn a_model_is_offered_what_there_is() {
        async fn names(tools: &Tools) -> Vec<String> {
            let (offer, away) = tools
                .offered("local", Offered::ToRuns, &Gate::of_run(None, None))
                .await;
            assert!(away.is_empty());
            assert!(
                offer
                    .definitions()
                    .iter()
                    .all(|tool| tool.parameters["type"] == "object")
            );
            offer
                .definitions()
                .into_iter()
                .map(|tool| tool.name.into())
                .collect()
        }
        let nothing = LlmSetting {
            fetch_hosts: FetchHosts::Only(Vec::new()),
            ..LlmSetting::default()
        };
        assert_eq!(names(&Tools::new(&nothing).unwrap()).await, ["report"]);
        let tools = Tools::new(&LlmSetting::default()).unwrap();
        tools.attach(crate::service::ServiceLink::new(|| None));
        assert_eq!(
            names(&tools).await,
            [
                "job_create",
                "job_retrieval_semantic",
                "job_retrieval_by_id",
                "job_retrieval_by_keywords",
                "job_update",
                "job_pause",
                "job_cancel",
                "fetch",
                "report",
            ]
        );
    }
}
