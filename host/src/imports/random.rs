//! `wasi:random/random`: the operating system's randomness, or what a simulation draws.

use super::CallState;
use crate::limits::RANDOM_BYTES_MAX;
use crate::wit::wasi::random::random::Host;

/// A source of randomness. Ids are made of it, so a source that can be foreseen is for
/// simulations only, which have to replay.
pub trait Random: Send + Sync + 'static {
    /// Fills all of `bytes`.
    ///
    /// # Errors
    /// When the source does not answer; the component's call then fails.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), getrandom::Error>;
}

/// The operating system's.
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), getrandom::Error> {
        getrandom::fill(bytes)
    }
}

impl Host for CallState {
    async fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.count_host_call()?;
        if len > RANDOM_BYTES_MAX {
            wasmtime::bail!("{len} random bytes were asked for; at most {RANDOM_BYTES_MAX} are given");
        }
        let mut bytes = vec![0; usize::try_from(len)?];
        self.context.random.fill(&mut bytes)?;
        Ok(bytes)
    }

    async fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.count_host_call()?;
        let mut bytes = [0; 8];
        self.context.random.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }
}
