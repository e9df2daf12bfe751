//! The host as a library: put together from its parts, started, asked, shut down.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use async_trait::async_trait;
use serde_json::{Value, json};
use wasmtime::component::Val;

use crate::agent::Agent;
use crate::clock::{Clock, SystemClock};
use crate::component::{CallFailure, Component, LoadError};
use crate::contract;
use crate::limits::{PAGE_ROWS_MAX, PARALLEL_RUNS_DEFAULT};
use crate::runtime::{Delivery, Inbox, Parts, Runtime};
use crate::service::{CallError, ClockReport, Figures, Service, Session};
use crate::storage::{InboxEntry, Storage};
use crate::wit::conversation::{ConversationError, Effect, EffectKind, Utterance};
use crate::wit::runner::{PauseCause, RunnerError};
use crate::wit::storage::{MessageFilter, StorageError};
use crate::wit::types::{DeliveryStatus, Instant, JobStatus};

/// The one tenant there is until authentication names others.
pub const LOCAL_TENANT: &str = "local";

/// Why a host could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("the host needs {0}: call `{0}(…)` on the builder")]
    Missing(&'static str),
    #[error(transparent)]
    Component(#[from] LoadError),
    #[error("wasmtime does not run on this machine: {0}")]
    Engine(String),
    #[error("the operating system gives no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// Collects the parts of a host.
#[derive(Default)]
pub struct HostBuilder {
    storage: Option<Arc<dyn Storage>>,
    agent: Option<Arc<dyn Agent>>,
    clock: Option<Arc<dyn Clock>>,
    delivery: Option<Arc<dyn Delivery>>,
    component: Option<Vec<u8>>,
    compiled: Option<Component>,
    parallel_runs: Option<u32>,
    owner: Option<String>,
}

impl HostBuilder {
    #[must_use]
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Self {
        self.storage = Some(storage);
        self
    }

    #[must_use]
    pub fn agent(mut self, agent: Arc<dyn Agent>) -> Self {
        self.agent = Some(agent);
        self
    }

    /// The machine's clock unless given.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The inbox unless given.
    #[must_use]
    pub fn delivery(mut self, delivery: Arc<dyn Delivery>) -> Self {
        self.delivery = Some(delivery);
        self
    }

    /// The bytes of the jobs component.
    #[must_use]
    pub fn component(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.component = Some(bytes.into());
        self
    }

    /// A component that is compiled already, in place of its bytes: several hosts in one process
    /// share the work of compiling it.
    #[must_use]
    pub fn compiled(mut self, component: Component) -> Self {
        self.compiled = Some(component);
        self
    }

    /// Runs that may execute at the same time; at least 1.
    #[must_use]
    pub fn parallel_runs(mut self, runs: u32) -> Self {
        self.parallel_runs = Some(runs);
        self
    }

    /// Under whose name leases are taken: unique to this host. Random unless given.
    #[must_use]
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// Compiles the component and puts the host together.
    ///
    /// # Errors
    /// When a part is missing or the component is refused.
    pub async fn build(self) -> Result<Host, BuildError> {
        let storage = self.storage.ok_or(BuildError::Missing("storage"))?;
        let agent = self.agent.ok_or(BuildError::Missing("agent"))?;
        let owner = match self.owner {
            Some(owner) => owner,
            None => format!("host_{:016x}{:016x}", getrandom::u64()?, getrandom::u64()?),
        };
        let component = match (self.compiled, self.component) {
            (Some(compiled), _) => compiled,
            (None, Some(bytes)) => compile(bytes).await?,
            (None, None) => return Err(BuildError::Missing("component")),
        };
        let runtime = Runtime::new(Parts {
            component,
            storage,
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
            agent,
            delivery: self.delivery.unwrap_or_else(|| Arc::new(Inbox)),
            tenant: LOCAL_TENANT.to_owned(),
            owner,
            parallel_runs: self.parallel_runs.unwrap_or(PARALLEL_RUNS_DEFAULT),
        });
        Ok(Host { runtime })
    }
}

/// Compiling takes a good part of a second: not on a thread that serves.
async fn compile(bytes: Vec<u8>) -> Result<Component, BuildError> {
    let load = move || {
        let engine = crate::engine::engine().map_err(|error| BuildError::Engine(format!("{error:#}")))?;
        Ok::<_, BuildError>(Component::load(&engine, &bytes)?)
    };
    tokio::task::spawn_blocking(load)
        .await
        .map_err(|error| BuildError::Engine(error.to_string()))?
}

/// A host: storage, clock, agent and component, with the loop between them.
#[derive(Clone)]
pub struct Host {
    runtime: Arc<Runtime>,
}

impl Host {
    #[must_use]
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    /// Starts the loops. Before it, calls are answered but nothing runs.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn start(&self) -> Result<(), StorageError> {
        self.runtime.start().await
    }

    /// Drains and closes; see [`Runtime::shutdown`].
    pub async fn shutdown(&self) {
        self.runtime.shutdown().await;
    }

    /// The component that this host runs.
    #[must_use]
    pub fn component(&self) -> &Component {
        &self.runtime.component
    }

    /// Calls a function of `schedule`: it reads no rows, so it needs no caller.
    async fn schedule(&self, function: &str, request: Value) -> Result<Value, CallError> {
        let typed = contract::function("schedule", function).ok_or_else(|| unknown("schedule", function))?;
        let request = contract::arguments_to_val(&typed, request)?;
        let runtime = &self.runtime;
        let result = runtime
            .component
            .call_dynamic(&runtime.context, "schedule", function, &[request])
            .await;
        contract::result_to_json(&typed, result.map_err(failed)?)
    }

    /// Another tenant has no rows here: to it the host is not there.
    fn check(&self, session: &Session) -> Result<(), CallError> {
        if session.tenant == self.runtime.context.tenant {
            return Ok(());
        }
        Err(error("forbidden", "this host does not serve your tenant"))
    }
}

fn error(code: &str, message: impl std::fmt::Display) -> CallError {
    CallError(json!({ "code": code, "message": message.to_string() }))
}

fn failed(failure: CallFailure) -> CallError {
    tracing::warn!(%failure, "a call of the component failed");
    error("unavailable", failure)
}

fn storage_failed(failure: StorageError) -> CallError {
    match failure {
        StorageError::Unavailable(message) => error("unavailable", message),
        StorageError::LimitExceeded(message) => error("invalid_argument", message),
        StorageError::BadCursor => error("invalid_argument", "the cursor is none of this store"),
    }
}

fn unknown(interface: &str, function: &str) -> CallError {
    error(
        "not_found",
        format_args!("there is no function `{function}` in `{interface}`"),
    )
}

#[async_trait]
impl Service for Host {
    async fn call(
        &self,
        session: &Session,
        interface: &str,
        function: &str,
        arguments: Value,
    ) -> Result<Value, CallError> {
        self.check(session)?;
        let typed = contract::function(interface, function).ok_or_else(|| unknown(interface, function))?;
        let request = if (interface, function) == ("directory", "run") {
            // The one function that takes an id instead of a record.
            let id = arguments.get("run_id").and_then(Value::as_str);
            let missing = || invalid("run_id", "`run_id` is missing or no string");
            Val::String(id.ok_or_else(missing)?.to_owned())
        } else {
            contract::arguments_to_val(&typed, arguments)?
        };
        let arguments = [contract::caller_to_val(&session.caller), request];
        let runtime = &self.runtime;
        let result = runtime
            .component
            .call_dynamic(&runtime.context, interface, function, &arguments)
            .await;
        if interface == "tools" {
            runtime.touched();
        }
        contract::result_to_json(&typed, result.map_err(failed)?)
    }

    async fn preview(&self, request: Value) -> Result<Value, CallError> {
        self.schedule("preview", request).await
    }

    async fn plan(&self, request: Value) -> Result<Value, CallError> {
        self.schedule("plan", request).await
    }

    async fn heard(&self, session: &Session, utterance: Value) -> Result<Value, CallError> {
        self.check(session)?;
        let utterance = read_utterance(&utterance)?;
        let runtime = &self.runtime;
        let result = runtime
            .component
            .heard(&runtime.context, &session.caller, &utterance)
            .await;
        runtime.touched();
        match result.map_err(failed)? {
            Ok(effects) => Ok(effects.iter().map(effect_json).collect()),
            Err(ConversationError::Invalid(message)) => Err(error("invalid_argument", message)),
            Err(ConversationError::NotFound(message)) => Err(error("not_found", message)),
            Err(ConversationError::Unavailable(message)) => Err(error("unavailable", message)),
        }
    }

    async fn cured(&self, session: &Session, request: Value) -> Result<u32, CallError> {
        self.check(session)?;
        let (cause, agent) = read_cure(&request)?;
        let runtime = &self.runtime;
        let result = runtime
            .component
            .cured(&runtime.context, cause, agent.as_deref())
            .await;
        runtime.touched();
        match result.map_err(failed)? {
            Ok(resumed) => Ok(resumed),
            Err(RunnerError::Unavailable(message)) => Err(error("unavailable", message)),
        }
    }

    async fn inbox(&self, session: &Session, after: u64, limit: u32) -> Result<Vec<InboxEntry>, CallError> {
        self.check(session)?;
        let context = &self.runtime.context;
        let user = Some(session.caller.user.clone());
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        context
            .storage
            .inbox(&context.tenant, user, after, limit)
            .await
            .map_err(storage_failed)
    }

    async fn acknowledge(&self, session: &Session, message: &str) -> Result<bool, CallError> {
        self.check(session)?;
        let context = &self.runtime.context;
        let filter = MessageFilter {
            id: Some(message.to_owned()),
            job: None,
            user: Some(session.caller.user.clone()),
            kinds: Vec::new(),
            deliveries: Vec::new(),
            limit: 1,
        };
        let found = context
            .storage
            .find_messages(&context.tenant, filter)
            .await
            .map_err(storage_failed)?;
        if found.is_empty() {
            return Ok(false);
        }
        let ids = vec![message.to_owned()];
        context
            .storage
            .set_delivery(&context.tenant, ids, DeliveryStatus::Read)
            .await
            .map_err(storage_failed)?;
        Ok(true)
    }

    fn now(&self) -> Instant {
        self.runtime.context.clock.now()
    }

    async fn advance_clock(&self, to: Instant) -> Option<ClockReport> {
        self.runtime.advance(to).await
    }

    async fn figures(&self, session: &Session) -> Result<Figures, CallError> {
        self.check(session)?;
        let runtime = &self.runtime;
        let context = &runtime.context;
        let jobs = context
            .storage
            .count_jobs(&context.tenant)
            .await
            .map_err(storage_failed)?;
        let (executing, started) = {
            let live = runtime.pipeline.live();
            (live.executing() as u64, live.started())
        };
        Ok(Figures {
            jobs_by_status: jobs
                .into_iter()
                .map(|(status, jobs)| (status_word(status), jobs))
                .collect(),
            runs_executing: executing,
            runs_started: started,
            runs_settled: runtime.figures.settled.load(Relaxed),
            polls: runtime.figures.polls.load(Relaxed),
            component_failures: runtime.figures.component_failures.load(Relaxed),
            ready: runtime.figures.ready.load(Relaxed),
        })
    }
}

fn invalid(field: &str, message: &str) -> CallError {
    CallError(json!({ "code": "invalid_argument", "field": field, "message": message }))
}

/// `{"cause": …, "agent"?: …}`.
fn read_cure(request: &Value) -> Result<(PauseCause, Option<String>), CallError> {
    let cause = match request.get("cause").and_then(Value::as_str) {
        Some("quota") => PauseCause::Quota,
        Some("credentials") => PauseCause::Credentials,
        _ => return Err(invalid("cause", "`cause` is `quota` or `credentials`")),
    };
    let agent = match request.get("agent") {
        None | Some(Value::Null) => None,
        Some(Value::String(agent)) => Some(agent.clone()),
        Some(_) => return Err(invalid("agent", "`agent` is the name of an agent")),
    };
    Ok((cause, agent))
}

/// `{"text": …, "in_reply_to"?: …}`.
fn read_utterance(utterance: &Value) -> Result<Utterance, CallError> {
    let text = utterance.get("text").and_then(Value::as_str);
    let in_reply_to = match utterance.get("in_reply_to") {
        None | Some(Value::Null) => None,
        Some(Value::String(message)) => Some(message.clone()),
        Some(_) => return Err(invalid("in_reply_to", "`in_reply_to` is the id of a message")),
    };
    Ok(Utterance {
        text: text
            .ok_or_else(|| invalid("text", "`text` is missing or no string"))?
            .to_owned(),
        in_reply_to,
    })
}

fn effect_json(effect: &Effect) -> Value {
    let kind = match effect.kind {
        EffectKind::Answered => "answered",
        EffectKind::Resolved => "resolved",
        EffectKind::Released => "released",
        EffectKind::Considered => "considered",
    };
    json!({ "job_id": effect.job_id, "title": effect.title, "kind": kind, "message": effect.message })
}

/// The status as people read it.
fn status_word(status: JobStatus) -> String {
    let word = match status {
        JobStatus::Pending => "PENDING",
        JobStatus::Active => "ACTIVE",
        JobStatus::InProgress => "IN_PROGRESS",
        JobStatus::Completed => "COMPLETED",
        JobStatus::Failed => "FAILED",
        JobStatus::Blocked => "BLOCKED",
        JobStatus::Cancelled => "CANCELLED",
        JobStatus::Archived => "ARCHIVED",
        JobStatus::Paused => "PAUSED",
    };
    word.to_owned()
}
