//! The host as a library: put together from its parts, started, asked, shut down.

mod answers;
mod builder;
mod chat;
mod complexity;
mod components;
mod events;
mod loops;
mod operate;
mod serving;

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use serde_json::Value;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wasmtime::component::Val;

pub use self::builder::{BuildError, HostBuilder};
pub use self::components::RefusedComponent;

use self::answers::{
    effect_json, error, failed, invalid, read_cure, read_utterance, status_word, storage_failed, unknown,
};
use self::components::Components;
use self::serving::Served;
use crate::agent::{Agent, Progress};
use crate::clock::Clock;
use crate::component::Component;
use crate::contract;
use crate::events::Change;
use crate::imports::Outlet as _;
use crate::limits::{self, PAGE_ROWS_MAX};
use crate::runtime::{Delivery, Outbox, Retention, Tidied, advance, tidy};
use crate::search::Search;
use crate::service::{CallError, ClockReport, Event, Figures, Service, Session, scopes_needed};
use crate::storage::{InboxEntry, Storage};
use crate::tenants::{Registry, RunTokens, Scope, Scopes, TenantCommand, TenantLimits};
use crate::wit::conversation::ConversationError;
use crate::wit::runner::RunnerError;
use crate::wit::storage::{MessageFilter, StorageError};
use crate::wit::types::{DeliveryStatus, Instant};

/// The tenant of those who bring no token: there is always one.
pub const LOCAL_TENANT: &str = "local";

/// A host: storage, clock, agent and component, with the loops between them, for any number of
/// tenants. Cheap to clone; several may live in one process, each with a storage of its own.
#[derive(Clone)]
pub struct Host(Arc<Shared>);

struct Shared {
    components: Components,
    /// What tenants without a component of their own run.
    component: Arc<Component>,
    storage: Arc<dyn Storage>,
    search: Arc<Search>,
    registry: Arc<dyn Registry>,
    clock: Arc<dyn Clock>,
    agent: Arc<dyn Agent>,
    delivery: Arc<dyn Delivery>,
    owner: String,
    limits: TenantLimits,
    retention: Retention,
    tokens: Arc<RunTokens>,
    served: RwLock<BTreeMap<String, Served>>,
    /// Operators' changes, one at a time.
    changes: tokio::sync::Mutex<()>,
    /// Moves of a manual clock, one at a time.
    advancing: tokio::sync::Mutex<()>,
    messages: Arc<Notify>,
    /// The delivery loop, from the start on.
    outbox: tokio::sync::Mutex<Option<JoinHandle<()>>>,
    closed: CancellationToken,
}

impl Host {
    /// Begins to put a host together.
    #[must_use]
    pub fn builder() -> HostBuilder {
        HostBuilder::default()
    }

    /// Takes over from former owners where storage allows it, and starts the loops of all active
    /// tenants. Before it, calls of the local tenant are answered but nothing runs.
    ///
    /// # Errors
    /// When storage does not answer.
    pub async fn start(&self) -> Result<(), StorageError> {
        let shared = &self.0;
        let freed = shared.storage.take_over(&shared.owner).await?;
        if freed > 0 {
            tracing::info!(freed, "leases of a former host were ended: their runs go on here");
        }
        let seen = shared.registry.revision().await?;
        self.serve_all().await?;
        if let Some(seen) = seen {
            tokio::spawn(loops::follow_registry(
                Arc::clone(&shared.registry),
                Arc::downgrade(shared),
                shared.closed.clone(),
                seen,
            ));
        }
        let outbox = Outbox {
            storage: Arc::clone(&shared.storage),
            delivery: Arc::clone(&shared.delivery),
            owner: shared.owner.clone(),
            messages: Arc::clone(&shared.messages),
            closed: shared.closed.clone(),
        };
        shared
            .outbox
            .lock()
            .await
            .get_or_insert_with(|| tokio::spawn(outbox.run()));
        let (search, closed) = (Arc::clone(&shared.search), shared.closed.clone());
        tokio::spawn(async move { search.keep_embedded(&closed).await });
        tokio::spawn(loops::keep_tidy(Arc::downgrade(shared), shared.closed.clone()));
        tokio::spawn(loops::heed_nudges(
            Arc::clone(&shared.storage),
            Arc::downgrade(shared),
            shared.closed.clone(),
        ));
        tokio::spawn(loops::heed_changes(
            Arc::clone(&shared.storage),
            Arc::downgrade(shared),
            shared.closed.clone(),
        ));
        Ok(())
    }

    /// Drains and closes: no new claims, a grace time for running attempts, what ended is settled,
    /// messages on their way arrive; what did not come to its end is left to the next host at once.
    pub async fn shutdown(&self) {
        let shared = &self.0;
        tracing::info!("draining");
        let runtimes = self.runtimes();
        join_all(
            runtimes
                .iter()
                .map(|runtime| runtime.drain(limits::SHUTDOWN_GRACE)),
        )
        .await;
        shared.closed.cancel();
        if let Some(outbox) = shared.outbox.lock().await.take()
            && tokio::time::timeout(limits::SHUTDOWN_GRACE, outbox)
                .await
                .is_err()
        {
            tracing::warn!("messages were on their way: the next host sends them again");
        }
        if let Err(error) = shared.storage.release_owner(&shared.owner).await {
            tracing::warn!(%error, "leases were not released: they lapse by themselves");
        }
        shared.storage.close().await;
    }

    /// What searches the jobs of all tenants.
    #[must_use]
    pub fn search(&self) -> Arc<Search> {
        Arc::clone(&self.0.search)
    }

    /// The tokens of the runs that execute here, for an
    /// [`Authenticator`](crate::tenants::Authenticator).
    #[must_use]
    pub fn run_tokens(&self) -> Arc<RunTokens> {
        Arc::clone(&self.0.tokens)
    }

    /// Moves a manual clock to `to`, and answers when everything that became due by then has been
    /// started and what ended is settled. `None` where the clock is the machine's.
    pub async fn advance_clock(&self, to: Instant) -> Option<ClockReport> {
        let clock = self.0.clock.manual()?;
        let _turn = self.0.advancing.lock().await;
        Some(advance(&self.runtimes(), clock, to).await)
    }

    /// A round of retention through the rows of all tenants that are served. The host makes one now and then by
    /// itself.
    ///
    /// # Errors
    /// When storage does not answer; what was done until then stays done.
    pub async fn tidy(&self) -> Result<Tidied, StorageError> {
        let shared = &self.0;
        let mut all = Tidied::default();
        for runtime in self.runtimes() {
            let tenant = &runtime.context.tenant;
            let tidied = tidy(&*shared.storage, &*shared.clock, tenant, shared.retention).await?;
            all.archived += tidied.archived;
            all.deleted += tidied.deleted;
        }
        Ok(all)
    }

    /// The component of tenants that have none of their own.
    #[must_use]
    pub fn component(&self) -> &Component {
        &self.0.component
    }

    /// Calls a function of `schedule`: it reads no rows, so it needs no caller.
    async fn schedule(&self, session: &Session, function: &str, request: Value) -> Result<Value, CallError> {
        let runtime = self.runtime(session)?;
        let typed = contract::function("schedule", function).ok_or_else(|| unknown("schedule", function))?;
        let request = contract::arguments_to_val(&typed, request)?;
        let result = runtime
            .component()
            .call_dynamic(&runtime.context, "schedule", function, vec![request])
            .await;
        contract::result_to_json(
            &typed,
            result.map_err(|failure| failed(&runtime.context, failure))?,
        )
    }
}

fn check(session: &Session, scope: Scope) -> Result<(), CallError> {
    session.check(Scopes::NONE.with(scope))
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
        let runtime = self.runtime(session)?;
        session.check(scopes_needed(interface, function, &arguments))?;
        let typed = contract::function(interface, function).ok_or_else(|| unknown(interface, function))?;
        let request = if (interface, function) == ("directory", "run") {
            // The one function that takes an id instead of a record.
            let id = arguments.get("run_id").and_then(Value::as_str);
            let missing = || invalid("run_id", "`run_id` is missing or no string");
            Val::String(id.ok_or_else(missing)?.to_owned())
        } else {
            contract::arguments_to_val(&typed, arguments)?
        };
        let arguments = vec![contract::caller_to_val(&session.caller), request];
        let result = runtime
            .component()
            .call_dynamic(&runtime.context, interface, function, arguments)
            .await;
        if interface == "tools" {
            runtime.touched();
        }
        contract::result_to_json(
            &typed,
            result.map_err(|failure| failed(&runtime.context, failure))?,
        )
    }

    async fn preview(&self, session: &Session, request: Value) -> Result<Value, CallError> {
        self.schedule(session, "preview", request).await
    }

    async fn plan(&self, session: &Session, request: Value) -> Result<Value, CallError> {
        self.schedule(session, "plan", request).await
    }

    async fn heard(&self, session: &Session, utterance: Value) -> Result<Value, CallError> {
        let runtime = self.runtime(session)?;
        check(session, Scope::JobsWrite)?;
        let utterance = read_utterance(&utterance)?;
        let result = runtime
            .component()
            .heard(&runtime.context, &session.caller, &utterance)
            .await;
        runtime.touched();
        match result.map_err(|failure| failed(&runtime.context, failure))? {
            Ok(effects) => Ok(effects.iter().map(effect_json).collect()),
            Err(ConversationError::Invalid(message)) => Err(error("invalid_argument", message)),
            Err(ConversationError::Forbidden(message)) => Err(error("forbidden", message)),
            Err(ConversationError::NotFound(message)) => Err(error("not_found", message)),
            Err(ConversationError::Unavailable(message)) => Err(error("unavailable", message)),
        }
    }

    async fn chat(&self, session: &Session, request: Value, progress: Progress) -> Result<Value, CallError> {
        self.chat_with(session, request, progress).await
    }

    async fn cured(&self, session: &Session, request: Value) -> Result<u32, CallError> {
        let runtime = self.runtime(session)?;
        check(session, Scope::JobsRun)?;
        if session.caller.run.is_some() {
            return Err(error(
                "forbidden",
                "that a limit was raised no run says: a person does",
            ));
        }
        let (cause, agent) = read_cure(&request)?;
        let result = runtime
            .component()
            .cured(&runtime.context, cause, agent.as_deref())
            .await;
        runtime.touched();
        match result.map_err(|failure| failed(&runtime.context, failure))? {
            Ok(resumed) => Ok(resumed),
            Err(RunnerError::Unavailable(message)) => Err(error("unavailable", message)),
        }
    }

    async fn inbox(&self, session: &Session, after: u64, limit: u32) -> Result<Vec<InboxEntry>, CallError> {
        self.runtime(session)?;
        check(session, Scope::JobsRead)?;
        let user = Some(session.caller.user.clone());
        let limit = limit.clamp(1, PAGE_ROWS_MAX);
        self.0
            .storage
            .inbox(&session.tenant, user, after, limit)
            .await
            .map_err(storage_failed)
    }

    async fn events(
        &self,
        session: &Session,
        after: Option<u64>,
    ) -> Result<mpsc::Receiver<Event>, CallError> {
        self.watch(session, after).await
    }

    async fn acknowledge(&self, session: &Session, message: &str) -> Result<bool, CallError> {
        let runtime = self.runtime(session)?;
        check(session, Scope::JobsRead)?;
        let storage = &self.0.storage;
        let filter = MessageFilter {
            id: Some(message.to_owned()),
            job: None,
            user: Some(session.caller.user.clone()),
            kinds: Vec::new(),
            deliveries: Vec::new(),
            limit: 1,
        };
        let found = storage
            .find_messages(&session.tenant, filter)
            .await
            .map_err(storage_failed)?;
        if found.is_empty() {
            return Ok(false);
        }
        let ids = vec![message.to_owned()];
        storage
            .set_delivery(&session.tenant, ids, DeliveryStatus::Read)
            .await
            .map_err(storage_failed)?;
        let read = vec![Change::Message(message.to_owned())];
        runtime.pipeline.changed(read);
        Ok(true)
    }

    fn now(&self) -> Instant {
        self.0.clock.now()
    }

    fn ready(&self) -> bool {
        let runtimes = self.runtimes();
        !runtimes.is_empty() && runtimes.iter().all(|runtime| runtime.figures.ready.load(Relaxed))
    }

    async fn advance_clock(&self, session: &Session, to: Instant) -> Result<Option<ClockReport>, CallError> {
        check(session, Scope::TenantsAdmin)?;
        Ok(Self::advance_clock(self, to).await)
    }

    async fn figures(&self, session: &Session) -> Result<Vec<Figures>, CallError> {
        let runtimes = if session.scopes.has(Scope::TenantsAdmin) {
            self.runtimes()
        } else {
            check(session, Scope::JobsRead)?;
            vec![self.runtime(session)?]
        };
        let mut figures = Vec::with_capacity(runtimes.len());
        for runtime in runtimes {
            let tenant = &runtime.context.tenant;
            let storage = &self.0.storage;
            let jobs = storage.count_jobs(tenant).await.map_err(storage_failed)?;
            let stored = storage.stored(tenant).await.map_err(storage_failed)?;
            let (executing, started) = {
                let live = runtime.pipeline.live();
                (live.executing() as u64, live.started())
            };
            figures.push(Figures {
                tenant: tenant.clone(),
                jobs_by_status: jobs
                    .into_iter()
                    .map(|(status, jobs)| (status_word(status), jobs))
                    .collect(),
                storage_bytes: stored.bytes,
                runs_executing: executing,
                runs_started: started,
                runs_settled: runtime.figures.settled.load(Relaxed),
                polls: runtime.figures.polls.load(Relaxed),
                component_failures: runtime.figures.component_failures.load(Relaxed),
                ready: runtime.figures.ready.load(Relaxed),
            });
        }
        Ok(figures)
    }

    fn serves(&self, tenant: &str) -> bool {
        self.served().contains_key(tenant)
    }

    fn admit(&self, tenant: &str) -> Result<(), Duration> {
        let rate = self.served().get(tenant).map(|served| Arc::clone(&served.rate));
        rate.map_or(Ok(()), |rate| rate.admit())
    }

    async fn operate(&self, session: &Session, command: TenantCommand) -> Result<Value, CallError> {
        check(session, Scope::TenantsAdmin)?;
        self.command(command).await
    }
}
