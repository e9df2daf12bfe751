//! `agent-pipeline`: runs are handed on at the call, not at the end of the component's work.

use super::CallState;
use crate::wit::agent_pipeline::{Host, RunRequest};

impl Host for CallState {
    async fn submit(&mut self, requests: Vec<RunRequest>) -> wasmtime::Result<()> {
        self.count_host_call()?;
        self.submitted_jobs
            .extend(requests.iter().map(|request| request.job_id.clone()));
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
