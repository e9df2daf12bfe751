//! One call of the component: a slot of the pool, a store with every limit set, and what became of
//! it.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant as RealInstant;
use wasmtime::Store;
use wasmtime::component::{
    ComponentExportIndex, ComponentNamedList, Instance, InstancePre, Lift, Lower, Val,
};

use super::CallFailure;
use crate::cpu::{Spent, metered};
use crate::engine::Sandbox;
use crate::imports::{CallState, LimitReached, TenantContext};
use crate::limits;

/// One call under way. Dropping it frees the store first, then the slot, then the tenant's share.
pub(super) struct Call {
    pub(super) store: Metered,
    _slot: OwnedSemaphorePermit,
    _share: OwnedSemaphorePermit,
}

/// A store whose end is work, too, which the tenant is charged with: its memory is taken back.
pub(super) struct Metered(Option<Store<CallState>>);

impl Deref for Metered {
    type Target = Store<CallState>;

    fn deref(&self) -> &Store<CallState> {
        self.0.as_ref().expect("only dropping takes the store")
    }
}

impl DerefMut for Metered {
    fn deref_mut(&mut self) -> &mut Store<CallState> {
        self.0.as_mut().expect("only dropping takes the store")
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        if let Some(mut store) = self.0.take() {
            store.data_mut().charge();
            let state = store.data();
            let (context, turns) = (Arc::clone(&state.context), Arc::clone(state.turns()));
            let end = Spent::default();
            end.during(|| drop(store));
            context.allowance.spend(end.so_far(), turns.share());
        }
    }
}

impl Call {
    /// Waits for a slot, and makes a store with every limit set: also for the guest's start
    /// function.
    pub(super) async fn prepare(sandbox: &Sandbox, tenant: &Arc<TenantContext>) -> Result<Self, CallFailure> {
        let until = RealInstant::now() + limits::POOL_WAIT;
        // First the tenant's own share, so that its calls queue behind each other and not in front
        // of other tenants'.
        let share = permit(tenant.allowance.calls(), until).await?;
        let slot = permit(sandbox.slots(), until).await?;
        let state = CallState::new(
            Arc::clone(tenant),
            Arc::clone(sandbox.turns()),
            sandbox.background(),
        );
        state.begin().await;
        let mut store = Store::new(sandbox.engine(), state);
        store.limiter(|state| state);
        store.set_hostcall_fuel(limits::HOST_CALL_BYTES_MAX);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut context| Ok(context.data_mut().tick()?));
        Ok(Self {
            store: Metered(Some(store)),
            _slot: slot,
            _share: share,
        })
    }

    /// Calls a function whose types are known. The call comes back with what became of it.
    pub(super) async fn typed<P, R>(
        self,
        pre: &InstancePre<CallState>,
        function: &ComponentExportIndex,
        arguments: P,
    ) -> (Self, Result<R, CallFailure>)
    where
        P: ComponentNamedList + Lower + Send + Sync + 'static,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let (pre, function) = (pre.clone(), *function);
        self.carry_out(move |store| {
            async move {
                let instance: Instance = pre.instantiate_async(&mut *store).await?;
                let function = instance.get_typed_func::<P, R>(&mut *store, function)?;
                function.call_async(store, arguments).await
            }
            .boxed()
        })
        .await
    }

    /// Calls a function by values. The call comes back with what became of it.
    pub(super) async fn untyped(
        self,
        pre: &InstancePre<CallState>,
        function: &ComponentExportIndex,
        arguments: Vec<Val>,
    ) -> (Self, Result<Val, CallFailure>) {
        let (pre, function) = (pre.clone(), *function);
        self.carry_out(move |store| {
            async move {
                let instance: Instance = pre.instantiate_async(&mut *store).await?;
                let Some(function) = instance.get_func(&mut *store, function) else {
                    wasmtime::bail!("the export is no function");
                };
                let mut results = [Val::Bool(false)];
                function.call_async(store, &arguments, &mut results).await?;
                let [result] = results;
                Ok(result)
            }
            .boxed()
        })
        .await
    }

    /// Works within the bounds of a call, and wherever it belongs.
    async fn carry_out<T: Send + 'static>(
        mut self,
        work: impl FnOnce(&mut Store<CallState>) -> BoxFuture<'_, wasmtime::Result<T>> + Send + 'static,
    ) -> (Self, Result<T, CallFailure>) {
        let demotion = Arc::clone(self.store.data().demotion());
        let work = async move {
            let spent = Arc::clone(self.store.data().spent());
            let result = bounded(spent, work(&mut self.store)).await;
            let result = result.map_err(|error| self.failure(error));
            (self, result)
        };
        demotion.follow(work).await
    }

    /// What an error of wasmtime means; none stands for having run out of time.
    pub(super) fn failure(&self, error: Option<wasmtime::Error>) -> CallFailure {
        let Some(error) = error else {
            return CallFailure::WallClock;
        };
        match error.downcast_ref::<LimitReached>() {
            Some(LimitReached::Cpu) => CallFailure::CpuBudget,
            Some(LimitReached::HostCalls) => CallFailure::HostCallBudget,
            Some(LimitReached::Memory) => CallFailure::Memory,
            Some(LimitReached::Permission(what)) => CallFailure::Forbidden(what),
            None if self.store.data().memory_refused => CallFailure::Memory,
            None => {
                // Where in the component it was is for those who make components.
                tracing::debug!(tenant = self.store.data().context.tenant, "{error:?}");
                CallFailure::Trap(error.root_cause().to_string())
            }
        }
    }
}

/// A permit, as soon as there is one.
async fn permit(of: &Arc<Semaphore>, until: RealInstant) -> Result<OwnedSemaphorePermit, CallFailure> {
    match Arc::clone(of).try_acquire_owned() {
        Ok(permit) => Ok(permit),
        Err(_) => tokio::time::timeout_at(until, Arc::clone(of).acquire_owned())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or(CallFailure::Busy),
    }
}

/// Counts a call's work, and bounds it by the wall clock; no error stands for having run out of that.
pub(super) async fn bounded<T>(
    spent: Arc<Spent>,
    work: impl Future<Output = wasmtime::Result<T>>,
) -> Result<T, Option<wasmtime::Error>> {
    match tokio::time::timeout(limits::CALL_WALL_CLOCK, metered(spent, work)).await {
        Ok(result) => result.map_err(Some),
        Err(_) => Err(None),
    }
}
