//! The jobs component, loaded once and called with a fresh instance each time.

mod call;
mod errors;
mod kept;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use wasmtime::component::{Component as Compiled, ComponentExportIndex, InstancePre, Val};

use self::call::Call;
pub use self::errors::{CallFailure, LoadError};
pub use self::kept::Kept;
use crate::engine::Sandbox;
use crate::imports::{self, CallState, TenantContext};
use crate::wit::JobsPre;
use crate::wit::conversation::{ConversationError, Effect, Utterance};
use crate::wit::runner::{FinishedRun, PauseCause, PollReport, RunnerError, SettleReport};
use crate::wit::schedule::{PreviewAnswer, PreviewRequest};
use crate::wit::storage::JobToken;
use crate::wit::tools::ToolError;
use crate::wit::types::Caller;

/// The functions that are called without knowing their types, by interface.
const DYNAMIC: [(&str, &[&str]); 3] = [
    (
        "tools",
        &[
            "job-create",
            "job-retrieval-semantic",
            "job-retrieval-by-id",
            "job-retrieval-by-keywords",
            "job-update",
            "job-pause",
            "job-cancel",
        ],
    ),
    ("directory", &["jobs", "runs", "run"]),
    ("schedule", &["preview", "plan"]),
];

/// What became of a poll.
pub struct PollEnd {
    /// Inside, what the contract's `poll` answered; outside, why the call did not come to its end.
    pub result: Result<Result<PollReport, RunnerError>, CallFailure>,
    /// Jobs that were claimed, whatever the component says.
    pub claimed: u32,
    /// The claims of a call that failed, less those whose runs were submitted before.
    pub unused: Vec<JobToken>,
}

/// The component, compiled and linked.
pub struct Component {
    pre: InstancePre<CallState>,
    sandbox: Sandbox,
    poll: ComponentExportIndex,
    settle: ComponentExportIndex,
    cured: ComponentExportIndex,
    heard: ComponentExportIndex,
    preview: ComponentExportIndex,
    dynamic: HashMap<(&'static str, &'static str), ComponentExportIndex>,
    digest: String,
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Component {
    /// Compiles and links a component.
    ///
    /// # Errors
    /// When the bytes are no valid component, import what the host does not offer, or lack an
    /// export of the contract.
    pub fn load(sandbox: &Sandbox, bytes: &[u8]) -> Result<Self, LoadError> {
        let engine = sandbox.engine();
        // The compiler panics over some components that it was not made for.
        let compiled = catch_unwind(AssertUnwindSafe(|| Compiled::new(engine, bytes)));
        let compiled = compiled
            .map_err(|_| LoadError::Invalid("the compiler cannot make anything of it".into()))?
            .map_err(|error| LoadError::Invalid(format!("{error:#}")))?;
        let component_type = compiled.component_type();
        let names = |entries: &mut dyn Iterator<Item = &str>| entries.map(str::to_owned).collect::<Vec<_>>();
        let imports = names(&mut component_type.imports(engine).map(|(name, _)| name));
        let exports = names(&mut component_type.exports(engine).map(|(name, _)| name));
        if let Some(unknown) = imports.iter().find(|name| !offered(name)) {
            return Err(LoadError::UnknownImport(unknown.clone()));
        }
        let contract = |error: wasmtime::Error| LoadError::Contract(format!("{error:#}"));
        let pre = imports::linker(engine)
            .and_then(|linker| linker.instantiate_pre(&compiled))
            .map_err(contract)?;
        // Checks the types of every export; calls then look up only the one they need.
        JobsPre::new(pre.clone()).map_err(contract)?;
        let export = |interface: &str, function: &str| {
            let interface = format!("meanwhile:jobs/{interface}@0.1.0");
            compiled
                .get_export_index(None, interface.as_str())
                .and_then(|index| compiled.get_export_index(Some(&index), function))
                .ok_or_else(|| LoadError::Contract(format!("no export `{interface}` `{function}`")))
        };
        let mut dynamic = HashMap::new();
        for (interface, functions) in DYNAMIC {
            for function in functions {
                dynamic.insert((interface, *function), export(interface, function)?);
            }
        }
        Ok(Self {
            sandbox: sandbox.clone(),
            poll: export("runner", "poll")?,
            settle: export("runner", "settle")?,
            cured: export("runner", "cured")?,
            heard: export("conversation", "heard")?,
            preview: export("schedule", "preview")?,
            dynamic,
            digest: digest(bytes),
            imports,
            exports,
            pre,
        })
    }

    /// Where its calls are made.
    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// SHA-256 of the component's bytes, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Names of the component's imports.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// Names of the component's exports.
    #[must_use]
    pub fn exports(&self) -> &[String] {
        &self.exports
    }

    /// `runner.poll`.
    pub async fn poll(&self, tenant: &Arc<TenantContext>, limit: u32) -> PollEnd {
        let mut call = match self.prepare(tenant).await {
            Ok(call) => call,
            Err(failure) => {
                return PollEnd {
                    result: Err(failure),
                    claimed: 0,
                    unused: Vec::new(),
                };
            }
        };
        call.store.data_mut().may_claim(limit);
        let (mut call, result) = call.typed(&self.pre, &self.poll, (limit,)).await;
        let claimed = call.store.data().claimed();
        let unused = match &result {
            Ok(_) => Vec::new(),
            Err(_) => call.store.data_mut().unused_claims(),
        };
        PollEnd {
            result: result.map(|(report,)| report),
            claimed,
            unused,
        }
    }

    /// `runner.settle`.
    ///
    /// # Errors
    /// Inside: the contract's; outside: the call did not come to its end.
    pub async fn settle(
        &self,
        tenant: &Arc<TenantContext>,
        finished: &[FinishedRun],
    ) -> Result<Result<SettleReport, RunnerError>, CallFailure> {
        let mut call = self.prepare(tenant).await?;
        call.store.data_mut().may_judge(finished);
        let (_call, result) = call.typed(&self.pre, &self.settle, (finished.to_vec(),)).await;
        result.map(|(report,)| report)
    }

    /// `runner.cured`.
    ///
    /// # Errors
    /// Inside: the contract's; outside: the call did not come to its end.
    pub async fn cured(
        &self,
        tenant: &Arc<TenantContext>,
        cause: PauseCause,
        agent: Option<&str>,
    ) -> Result<Result<u32, RunnerError>, CallFailure> {
        let call = self.prepare(tenant).await?;
        let (_call, result) = call
            .typed(&self.pre, &self.cured, (cause, agent.map(str::to_owned)))
            .await;
        result.map(|(resumed,)| resumed)
    }

    /// `conversation.heard`.
    ///
    /// # Errors
    /// Inside: the contract's; outside: the call did not come to its end.
    pub async fn heard(
        &self,
        tenant: &Arc<TenantContext>,
        caller: &Caller,
        utterance: &Utterance,
    ) -> Result<Result<Vec<Effect>, ConversationError>, CallFailure> {
        let call = self.prepare(tenant).await?;
        let (_call, result) = call
            .typed(&self.pre, &self.heard, (caller.clone(), utterance.clone()))
            .await;
        result.map(|(effects,)| effects)
    }

    /// `schedule.preview`.
    ///
    /// # Errors
    /// Inside: the contract's; outside: the call did not come to its end.
    #[allow(
        clippy::result_large_err,
        reason = "the contract's own error type, handed on as it is"
    )]
    pub async fn preview(
        &self,
        tenant: &Arc<TenantContext>,
        request: &PreviewRequest,
    ) -> Result<Result<PreviewAnswer, ToolError>, CallFailure> {
        let call = self.prepare(tenant).await?;
        let (_call, result) = call.typed(&self.pre, &self.preview, (request.clone(),)).await;
        result.map(|(answer,)| answer)
    }

    /// Calls a function of `tools`, `directory` or `schedule` with values whose types only the contract knows.
    ///
    /// # Errors
    /// When the call did not come to its end, or there is no such function.
    pub async fn call_dynamic(
        &self,
        tenant: &Arc<TenantContext>,
        interface: &str,
        function: &str,
        arguments: Vec<Val>,
    ) -> Result<Val, CallFailure> {
        let Some(index) = self.dynamic.get(&(interface, function)) else {
            return Err(CallFailure::Trap(format!(
                "there is no function `{interface}` `{function}`"
            )));
        };
        let call = self.prepare(tenant).await?;
        let (_call, result) = call.untyped(&self.pre, index, arguments).await;
        result
    }

    async fn prepare(&self, tenant: &Arc<TenantContext>) -> Result<Call, CallFailure> {
        Call::prepare(&self.sandbox, tenant).await
    }
}

/// SHA-256 of a component's bytes, in hexadecimal.
#[must_use]
pub fn digest(bytes: &[u8]) -> String {
    crate::hex::hex(&Sha256::digest(bytes))
}

/// Whether the host offers an import. Of `wasi:*`, patch versions are the same interface.
fn offered(import: &str) -> bool {
    const OFFERED: [&str; 6] = [
        "meanwhile:jobs/types@0.1.0",
        "meanwhile:jobs/storage@0.1.0",
        "meanwhile:jobs/timers@0.1.0",
        "meanwhile:jobs/agent-pipeline@0.1.0",
        "wasi:clocks/wall-clock@0.2.",
        "wasi:random/random@0.2.",
    ];
    OFFERED.iter().any(|name| {
        if name.ends_with('.') {
            import.starts_with(name)
        } else {
            import == *name
        }
    })
}

#[cfg(test)]
mod tests;
