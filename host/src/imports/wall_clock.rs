//! `wasi:clocks/wall-clock`: the host's clock, which tests own.

use super::CallState;
use crate::wit::wasi::clocks::wall_clock::{Datetime, Host};

const MILLIS_A_SECOND: u64 = 1_000;
const NANOS_A_MILLI: u32 = 1_000_000;

impl Host for CallState {
    async fn now(&mut self) -> wasmtime::Result<Datetime> {
        self.count_host_call()?;
        let millis = u64::try_from(self.context.clock.now()).unwrap_or(0);
        // A remainder below 1,000 fits any integer.
        let rest = (millis % MILLIS_A_SECOND) as u32;
        Ok(Datetime {
            seconds: millis / MILLIS_A_SECOND,
            nanoseconds: rest * NANOS_A_MILLI,
        })
    }

    async fn resolution(&mut self) -> wasmtime::Result<Datetime> {
        self.count_host_call()?;
        Ok(Datetime {
            seconds: 0,
            nanoseconds: NANOS_A_MILLI,
        })
    }
}
