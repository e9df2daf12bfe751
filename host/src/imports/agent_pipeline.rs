//! `agent-pipeline`: runs are handed on at the call, not at the end of the component's work.

use super::{CallState, LimitReached};
use crate::limits::RUN_TIME_MAX;
use crate::wit::agent_pipeline::{Host, RunRequest};

impl Host for CallState {
    /// A run is started only under a claim that this call took, or that the run it settles was
    /// under: so no component starts more than its tenant may run, or what another host runs.
    async fn submit(&mut self, mut requests: Vec<RunRequest>) -> wasmtime::Result<()> {
        self.count_host_call()?;
        let latest = self
            .context
            .clock
            .now()
            .saturating_add(RUN_TIME_MAX.as_millis() as i64);
        for request in &mut requests {
            let claim = (request.job_id.clone(), request.token);
            let run = (request.run_id.clone(), request.task);
            match self.submittable.get_mut(&claim) {
                Some(none @ None) => *none = Some(run),
                // The same once more has no effect.
                Some(Some(before)) if *before == run => {}
                _ => {
                    let what = "it submitted a run without a claim, or a second one under a claim";
                    return Err(LimitReached::Permission(what).into());
                }
            }
            request.deadline = request.deadline.min(latest);
        }
        self.context.outlet.submit(requests);
        Ok(())
    }

    async fn cancel(&mut self, run: String) -> wasmtime::Result<()> {
        self.count_host_call()?;
        self.context.outlet.cancel(&run);
        Ok(())
    }

    async fn can_judge(&mut self) -> wasmtime::Result<bool> {
        self.count_host_call()?;
        Ok(self.context.outlet.can_judge())
    }
}
