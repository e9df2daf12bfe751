//! Numbers from a seed.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use sha2::{Digest, Sha256};

use crate::imports::random::Random;

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64 (Steele, Lea, Flood 2014): every seed gives another, well-mixed sequence.
pub(super) struct Seeded(AtomicU64);

impl Seeded {
    pub(super) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub(super) fn number(&self) -> u64 {
        let state = self.0.fetch_add(GOLDEN, Relaxed).wrapping_add(GOLDEN);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 where that is 0.
    pub(super) fn below(&self, bound: u64) -> u64 {
        self.number().checked_rem(bound).unwrap_or(0)
    }
}

impl Random for Seeded {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), getrandom::Error> {
        for piece in bytes.chunks_mut(size_of::<u64>()) {
            let number = self.number().to_le_bytes();
            piece.copy_from_slice(&number[..piece.len()]);
        }
        Ok(())
    }
}

/// A share from 0 to below 1 that is fixed by the seed and what it is about, whatever happened
/// before it.
pub(super) fn share(seed: u64, about: &[&str]) -> f64 {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    for part in about {
        hash.update(part.as_bytes());
        hash.update([0xff]);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let first = digest
        .iter()
        .take(8)
        .fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
    // 53 bits: what a double holds.
    (first >> 11) as f64 / (1_u64 << 53) as f64
}
