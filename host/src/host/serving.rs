//! Which tenants this host serves: started, changed, withdrawn, removed.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, PoisonError, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use super::answers::{error, storage_failed};
use super::{Host, LOCAL_TENANT};
use crate::component::Component;
use crate::limits;
use crate::runtime::{Parts, Runtime};
use crate::service::{CallError, Session};
use crate::tenants::{RequestRate, TenantRecord, TenantState};
use crate::wit::storage::StorageError;

/// A tenant as this host knows it.
#[derive(Clone)]
pub(super) struct Served {
    pub(super) state: TenantState,
    /// None: it is not active.
    pub(super) runtime: Option<Arc<Runtime>>,
    pub(super) rate: Arc<RequestRate>,
}

impl Host {
    pub(super) fn served(&self) -> RwLockReadGuard<'_, BTreeMap<String, Served>> {
        self.0.served.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn served_mut(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Served>> {
        self.0.served.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The runtimes of all active tenants.
    pub(super) fn runtimes(&self) -> Vec<Arc<Runtime>> {
        let served = self.served();
        served
            .values()
            .filter_map(|tenant| tenant.runtime.clone())
            .collect()
    }

    /// The runtime of the caller's tenant.
    pub(super) fn runtime(&self, session: &Session) -> Result<Arc<Runtime>, CallError> {
        match self.served().get(&session.tenant) {
            Some(Served {
                runtime: Some(runtime),
                ..
            }) => Ok(Arc::clone(runtime)),
            Some(Served {
                state: TenantState::Suspended,
                ..
            }) => Err(error("forbidden", "your tenant is suspended: ask the operator")),
            _ => Err(error("forbidden", "this host does not serve your tenant")),
        }
    }

    /// The tenant of those who have none of their own, with the host's limits.
    pub(super) fn serve_local(&self) {
        let record = TenantRecord::new(LOCAL_TENANT, self.0.clock.now());
        self.serve_stopped(&record, Arc::clone(&self.0.component));
    }

    /// Reads the registry, and serves what is active in it and nothing else.
    pub(super) async fn serve_all(&self) -> Result<(), StorageError> {
        let mut records = self.0.registry.tenants().await?;
        if !records.iter().any(|record| record.name == LOCAL_TENANT) {
            let local = TenantRecord::new(LOCAL_TENANT, self.0.clock.now());
            self.0.registry.put_tenant(local.clone()).await?;
            records.push(local);
        }
        let known: HashSet<&str> = records.iter().map(|record| record.name.as_str()).collect();
        let gone: Vec<String> = self
            .served()
            .keys()
            .filter(|name| !known.contains(name.as_str()))
            .cloned()
            .collect();
        for name in gone {
            self.0.search.forget(&name);
            let before = self.served_mut().remove(&name);
            if let Some(runtime) = before.and_then(|tenant| tenant.runtime) {
                runtime.drain(Duration::ZERO).await;
            }
        }
        for record in records {
            match record.state {
                TenantState::Active => match self.component_of(&record).await {
                    Ok(component) => self.serve(&record, component),
                    Err(CallError(error)) => {
                        tracing::error!(tenant = record.name, %error, "a tenant is not served");
                        self.withdraw(&record).await;
                    }
                },
                TenantState::Suspended => self.withdraw(&record).await,
                TenantState::Removing => self.finish_removal(record).await,
            }
        }
        Ok(())
    }

    /// The component that a tenant's record names.
    pub(super) async fn component_of(&self, record: &TenantRecord) -> Result<Arc<Component>, CallError> {
        let Some(digest) = &record.component else {
            return Ok(Arc::clone(&self.0.component));
        };
        if let Some(loaded) = self.0.components.get(digest) {
            return Ok(loaded);
        }
        if self.0.component.digest() == digest {
            return Ok(Arc::clone(&self.0.component));
        }
        let bytes = self.0.registry.component(digest).await.map_err(storage_failed)?;
        let bytes = bytes.ok_or_else(|| {
            super::answers::invalid(
                "component",
                &format!("there is no component `{digest}`: upload it first"),
            )
        })?;
        Ok(self.0.components.load(bytes).await?)
    }

    /// Serves a tenant as its record says from now on. What it is served with already is changed
    /// in place: nothing that runs notices.
    pub(super) fn serve(&self, record: &TenantRecord, component: Arc<Component>) {
        self.serve_stopped(record, component);
        let runtime = self.served().get(&record.name).and_then(|it| it.runtime.clone());
        if let Some(runtime) = runtime {
            runtime.start();
        }
    }

    fn serve_stopped(&self, record: &TenantRecord, component: Arc<Component>) {
        let shared = &self.0;
        let limits = record.limits.over(shared.limits);
        let mut served = self.served_mut();
        let mut rate = Arc::new(RequestRate::new(limits.requests_per_second));
        let known = served.get(&record.name);
        let known = known.and_then(|tenant| Some((tenant.runtime.clone()?, Arc::clone(&tenant.rate))));
        let runtime = match known {
            Some((runtime, known_rate)) => {
                let before = runtime.context.allowance.limits();
                if before.requests_per_second == limits.requests_per_second {
                    rate = known_rate;
                }
                if before != limits {
                    runtime.set_limits(limits);
                }
                if runtime.component().digest() != component.digest() {
                    runtime.replace_component(component);
                }
                runtime
            }
            None => {
                // Another tenant may have had the name.
                shared.search.forget(&record.name);
                Runtime::new(Parts {
                    component,
                    storage: Arc::clone(&shared.storage),
                    search: Arc::clone(&shared.search),
                    clock: Arc::clone(&shared.clock),
                    agent: Arc::clone(&shared.agent),
                    tenant: record.name.clone(),
                    owner: shared.owner.clone(),
                    limits,
                    tokens: Arc::clone(&shared.tokens),
                    messages: Arc::clone(&shared.messages),
                })
            }
        };
        let tenant = Served {
            state: record.state,
            runtime: Some(runtime),
            rate,
        };
        served.insert(record.name.clone(), tenant);
    }

    /// Serves a tenant no more: its requests are refused from now on, its running attempts get a
    /// short grace time and what they did not end is resumed when it is active again.
    pub(super) async fn withdraw(&self, record: &TenantRecord) {
        let stopped = Served {
            state: record.state,
            runtime: None,
            rate: Arc::new(RequestRate::new(1)),
        };
        let before = self.served_mut().insert(record.name.clone(), stopped);
        if let Some(runtime) = before.and_then(|tenant| tenant.runtime) {
            runtime.drain(limits::SUSPEND_GRACE).await;
        }
    }

    /// Stops a tenant that is marked as being removed, and deletes its rows in the background: a
    /// million of them take a while, and nobody else shall wait.
    pub(super) async fn finish_removal(&self, record: TenantRecord) {
        let known = self.served().get(&record.name).map(|tenant| tenant.state);
        if known == Some(TenantState::Removing) {
            return;
        }
        let stopped = Served {
            state: record.state,
            runtime: None,
            rate: Arc::new(RequestRate::new(1)),
        };
        let before = self.served_mut().insert(record.name.clone(), stopped);
        let host = self.clone();
        tokio::spawn(async move {
            if let Some(runtime) = before.and_then(|tenant| tenant.runtime) {
                runtime.drain(Duration::ZERO).await;
                // A call that is still under way could write after the last row was deleted.
                runtime.context.allowance.close().await;
            }
            let deleted = tokio::select! {
                deleted = host.delete(&record.name) => deleted,
                () = host.0.closed.cancelled() => return,
            };
            match deleted {
                Ok(rows) => {
                    host.0.search.forget(&record.name);
                    host.served_mut().remove(&record.name);
                    tracing::info!(tenant = record.name, rows, "a tenant was removed");
                }
                Err(error) => tracing::error!(
                    tenant = record.name, %error,
                    "a tenant was not removed to the end: the next start goes on with it"
                ),
            }
        });
    }

    async fn delete(&self, tenant: &str) -> Result<u64, StorageError> {
        let rows = self.purge(tenant).await?;
        // Other hosts serve it until they have looked at the registry; what they wrote until then goes too.
        if self.0.registry.revision().await?.is_some() {
            tokio::time::sleep(limits::REGISTRY_LOOK * 4).await;
        }
        let rows = rows + self.purge(tenant).await?;
        self.0.registry.remove_tenant(tenant).await?;
        Ok(rows)
    }

    async fn purge(&self, tenant: &str) -> Result<u64, StorageError> {
        let mut rows = 0;
        loop {
            match self.0.storage.purge(tenant, limits::PURGE_ROWS).await? {
                0 => return Ok(rows),
                deleted => rows += deleted,
            }
        }
    }
}
