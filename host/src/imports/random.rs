//! `wasi:random/random`: the operating system's randomness.

use super::CallState;
use crate::limits::RANDOM_BYTES_MAX;
use crate::wit::wasi::random::random::Host;

impl Host for CallState {
    async fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.count_host_call()?;
        if len > RANDOM_BYTES_MAX {
            wasmtime::bail!("{len} random bytes were asked for; at most {RANDOM_BYTES_MAX} are given");
        }
        let mut bytes = vec![0; usize::try_from(len)?];
        getrandom::fill(&mut bytes)?;
        Ok(bytes)
    }

    async fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.count_host_call()?;
        Ok(getrandom::u64()?)
    }
}
