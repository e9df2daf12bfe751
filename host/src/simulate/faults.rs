//! What goes wrong: runs that fail, hosts that are down.

use super::random::Seeded;
use crate::limits::{SIMULATED_OUTAGE_SECONDS_MAX, SIMULATED_OUTAGE_SECONDS_MIN};
use crate::wit::types::Instant;

/// A stretch in which there is no host: nothing is claimed, what executed is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outage {
    pub from: Instant,
    /// The host is back.
    pub until: Instant,
}

/// What shall go wrong.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// The share of attempts that fail as transient errors, 0 to 1.
    pub fail_rate: f64,
    /// Outages that are given.
    pub outages: Vec<Outage>,
    /// How many more are made up from the seed.
    pub random_outages: u32,
}

/// Keeps these numbers apart from those that the component gets from the same seed.
const OUTAGE_STREAM: u64 = 0x6f75_7461_6765_7321;

impl Faults {
    /// All outages within a simulation, in order; those that touch are one.
    pub(super) fn outages(&self, start: Instant, end: Instant, seed: u64) -> Vec<Outage> {
        let random = Seeded::new(seed ^ OUTAGE_STREAM);
        let mut all = self.outages.clone();
        for _ in 0..self.random_outages {
            let span = u64::try_from(end.saturating_sub(start)).unwrap_or(0);
            let from = start.saturating_add_unsigned(random.below(span));
            let seconds = SIMULATED_OUTAGE_SECONDS_MIN
                + random.below(SIMULATED_OUTAGE_SECONDS_MAX - SIMULATED_OUTAGE_SECONDS_MIN);
            all.push(Outage {
                from,
                until: from.saturating_add_unsigned(seconds * 1_000),
            });
        }
        all.sort();
        let mut merged: Vec<Outage> = Vec::with_capacity(all.len());
        for outage in all {
            match merged.last_mut() {
                Some(last) if outage.from <= last.until => last.until = last.until.max(outage.until),
                _ => merged.push(outage),
            }
        }
        merged
    }
}
