//! `timers`: hints to the poll loop.

use super::CallState;
use crate::wit::timers::Host;
use crate::wit::types::Instant;

impl Host for CallState {
    async fn arm(&mut self, at: Instant) -> wasmtime::Result<()> {
        self.count_host_call()?;
        self.context.outlet.arm(at);
        Ok(())
    }
}
