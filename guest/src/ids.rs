//! Ids: a prefix, 48 bits of milliseconds and 80 random bits in Crockford's base 32, so that they
//! sort by creation and insert at the end of an index.

use crate::world::World;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const DIGITS: u32 = 26;

fn make(world: &impl World, prefix: &str) -> String {
    let time = u128::from(world.now().max(0) as u64 & 0xffff_ffff_ffff);
    let random = (u128::from(world.random()) << 64 | u128::from(world.random())) & ((1 << 80) - 1);
    let value = time << 80 | random;
    let mut id = String::with_capacity(prefix.len() + DIGITS as usize);
    id.push_str(prefix);
    for digit in (0..DIGITS).rev() {
        id.push(ALPHABET[(value >> (digit * 5) & 31) as usize] as char);
    }
    id
}

/// A new id `job_…`.
pub fn job(world: &impl World) -> String {
    make(world, "job_")
}

/// A new id `run_…`.
pub fn run(world: &impl World) -> String {
    make(world, "run_")
}

/// A new id `msg_…`.
pub fn message(world: &impl World) -> String {
    make(world, "msg_")
}

/// FNV-1a, 64 bits: a digest for telling equal from different, not for security.
pub fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut eat = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for part in parts {
        part.bytes().for_each(&mut eat);
        eat(0xff); // never occurs in UTF-8: keeps ("ab", "c") and ("a", "bc") apart
    }
    hash
}
