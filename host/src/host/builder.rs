//! Putting a host together.

use std::sync::{Arc, RwLock};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::components::{Components, RefusedComponent};
use super::{Host, Shared};
use crate::agent::Agent;
use crate::clock::{Clock, SystemClock};
use crate::component::Component;
use crate::embedding::Embedder;
use crate::engine::{CompilationCache, Sandbox};
use crate::runtime::{Delivery, Inbox, Retention};
use crate::search::Search;
use crate::service::{Service, ServiceLink};
use crate::storage::Storage;
use crate::storage::memory::MemoryRegistry;
use crate::tenants::{Registry, TenantLimits};

/// Why a host could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A part without a default was not given: the name of the method that gives it.
    #[error("the host needs {0}: call `{0}(…)` on the builder")]
    Missing(&'static str),
    /// The component that tenants without one of their own shall run is not taken.
    #[error(transparent)]
    Component(#[from] RefusedComponent),
    /// The machine lacks what the sandbox needs, usually address space for the pool.
    #[error("wasmtime does not run on this machine: {0}")]
    Engine(String),
    /// Without random numbers no owner of leases can be told from another.
    #[error("the operating system gives no random numbers: {0}")]
    Random(#[from] getrandom::Error),
}

/// Collects the parts of a host. Storage and an agent are needed; everything else has a default.
#[derive(Default)]
pub struct HostBuilder {
    storage: Option<Arc<dyn Storage>>,
    registry: Option<Arc<dyn Registry>>,
    agent: Option<Arc<dyn Agent>>,
    clock: Option<Arc<dyn Clock>>,
    delivery: Option<Arc<dyn Delivery>>,
    embedder: Option<Arc<dyn Embedder>>,
    component: Option<Vec<u8>>,
    compiled: Option<Arc<Component>>,
    compilation_cache: CompilationCache,
    limits: TenantLimits,
    retention: Retention,
    owner: Option<String>,
}

impl HostBuilder {
    /// Where jobs are kept: one of [`crate::storage`], or your own.
    #[must_use]
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Self {
        self.storage = Some(storage);
        self
    }

    /// Where tenants, tokens and components are kept. In memory unless given:
    /// [`SqliteStorage`](crate::storage::sqlite::SqliteStorage) keeps them beside the jobs.
    #[must_use]
    pub fn registry(mut self, registry: Arc<dyn Registry>) -> Self {
        self.registry = Some(registry);
        self
    }

    /// What carries out runs: one of [`crate::agent`], or your own.
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

    /// What finds jobs by meaning: nothing unless given.
    #[must_use]
    pub fn embedder(mut self, embedder: Arc<dyn Embedder>) -> Self {
        self.embedder = Some(embedder);
        self
    }

    /// The bytes of the jobs component: the embedded one unless given.
    #[must_use]
    pub fn component(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.component = Some(bytes.into());
        self
    }

    /// A component that is compiled already, in place of its bytes: several hosts in one process
    /// share the work of compiling it, and the pool of its instances.
    #[must_use]
    pub fn compiled(mut self, component: Arc<Component>) -> Self {
        self.compiled = Some(component);
        self
    }

    /// Where what is compiled is kept for the next start: nowhere unless given.
    #[must_use]
    pub fn compilation_cache(mut self, cache: CompilationCache) -> Self {
        self.compilation_cache = cache;
        self
    }

    /// What a tenant may use unless its own limits say otherwise.
    #[must_use]
    pub fn limits(mut self, limits: TenantLimits) -> Self {
        self.limits = limits;
        self
    }

    /// How long what is kept: [`Retention::default`] unless given.
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Runs of one tenant that may execute at the same time; at least 1.
    #[must_use]
    pub fn parallel_runs(mut self, runs: u32) -> Self {
        self.limits.parallel_runs = runs.max(1);
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
        let (components, component) = match self.compiled {
            Some(component) => (Components::new(component.sandbox().clone()), component),
            None => {
                let sandbox = Sandbox::keeping(&self.compilation_cache)
                    .map_err(|error| BuildError::Engine(format!("{error:#}")))?;
                let components = Components::new(sandbox);
                let bytes = self.component.unwrap_or_else(|| crate::COMPONENT.to_vec());
                let component = components.load(bytes).await?;
                (components, component)
            }
        };
        let shared = Shared {
            components,
            component,
            search: Arc::new(Search::new(Arc::clone(&storage), self.embedder)),
            storage,
            registry: self
                .registry
                .unwrap_or_else(|| Arc::new(MemoryRegistry::default())),
            clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
            agent,
            delivery: self.delivery.unwrap_or_else(|| Arc::new(Inbox)),
            owner,
            limits: self.limits,
            retention: self.retention,
            tokens: Arc::default(),
            served: RwLock::default(),
            changes: tokio::sync::Mutex::default(),
            advancing: tokio::sync::Mutex::default(),
            outbox: tokio::sync::Mutex::default(),
            messages: Arc::new(Notify::new()),
            closed: CancellationToken::new(),
        };
        let host = Host(Arc::new(shared));
        let link = Arc::downgrade(&host.0);
        let find = move || Some(Arc::new(Host(link.upgrade()?)) as Arc<dyn Service>);
        host.0.agent.attach(ServiceLink::new(find));
        // Calls are answered before the loops start: there is one tenant from the beginning.
        host.serve_local();
        Ok(host)
    }
}
