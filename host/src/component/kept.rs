//! An instance that is kept from call to call.

use std::sync::Arc;

use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Instance, Lift, Lower};

use super::call::{Call, bounded};
use super::{CallFailure, Component};
use crate::imports::TenantContext;
use crate::wit::runner::{FinishedRun, PollReport, RunnerError, SettleReport};

/// An instance that is kept from call to call, each under its own limits: for a simulation, which
/// makes tens of thousands of calls and would spend half of its time on new instances. The
/// component holds nothing between calls, so the answers are the same.
///
/// A call takes it, and hands it back when it came to its end:
///
/// ```
/// # async fn twice(kept: meanwhile::component::Kept) {
/// if let Ok((kept, _)) = kept.poll(1).await {
///     let again = kept.poll(1).await;
/// }
/// # }
/// ```
///
/// So nobody can use an instance after a trap:
///
/// ```compile_fail,E0382
/// # async fn twice(kept: meanwhile::component::Kept) {
/// if let Err(_) = kept.poll(1).await {
///     let again = kept.poll(1).await;
/// }
/// # }
/// ```
pub struct Kept {
    call: Call,
    instance: Instance,
    poll: ComponentExportIndex,
    settle: ComponentExportIndex,
}

impl Component {
    /// An instance for many calls.
    ///
    /// # Errors
    /// When it could not be made.
    pub async fn keep(&self, tenant: &Arc<TenantContext>) -> Result<Kept, CallFailure> {
        let mut call = Call::prepare(&self.sandbox, tenant).await?;
        let spent = Arc::clone(call.store.data().spent());
        let instance = bounded(spent, self.pre.instantiate_async(&mut *call.store)).await;
        Ok(Kept {
            instance: instance.map_err(|error| call.failure(error))?,
            call,
            poll: self.poll,
            settle: self.settle,
        })
    }
}

impl Kept {
    /// `runner.poll`.
    ///
    /// # Errors
    /// Inside: the contract's; outside: the call did not come to its end.
    pub async fn poll(mut self, limit: u32) -> Result<(Self, Result<PollReport, RunnerError>), CallFailure> {
        self.call.store.data_mut().next_call();
        self.call.store.data_mut().may_claim(limit);
        let poll = self.poll;
        let (report,) = self.call(&poll, (limit,)).await?;
        Ok((self, report))
    }

    /// `runner.settle`.
    ///
    /// # Errors
    /// Inside: the contract's; outside: the call did not come to its end.
    pub async fn settle(
        mut self,
        finished: &[FinishedRun],
    ) -> Result<(Self, Result<SettleReport, RunnerError>), CallFailure> {
        self.call.store.data_mut().next_call();
        self.call.store.data_mut().may_judge(finished);
        let settle = self.settle;
        let (report,) = self.call(&settle, (finished,)).await?;
        Ok((self, report))
    }

    async fn call<P, R>(&mut self, function: &ComponentExportIndex, arguments: P) -> Result<R, CallFailure>
    where
        P: ComponentNamedList + Lower + Send + Sync,
        R: ComponentNamedList + Lift + Send + Sync + 'static,
    {
        let store = &mut *self.call.store;
        store.set_epoch_deadline(1);
        let spent = Arc::clone(store.data().spent());
        let work = async {
            let function = self.instance.get_typed_func::<P, R>(&mut *store, function)?;
            function.call_async(&mut *store, arguments).await
        };
        let result = bounded(spent, work).await;
        result.map_err(|error| self.call.failure(error))
    }
}
