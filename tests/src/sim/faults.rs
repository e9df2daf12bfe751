//! What may strike at a call of an import: the await points of the component.

use super::random::Random;
use super::setting::{SECOND, Weather};

/// What happens at one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strike {
    /// Nothing: the call is answered.
    None,
    /// Somebody else does a whole step first.
    Step,
    /// The host is suspended for so many milliseconds, and others go on.
    Sleep(i64),
    /// Storage does not answer, and did nothing.
    Refuse,
    /// The call took effect; its answer is lost.
    LoseAnswer,
    /// The host dies before the call.
    Die,
    /// The host dies after the call took effect.
    DieAfter,
}

/// How deep steps nest in calls of others.
pub const DEPTH_MAX: u8 = 2;

/// Draws what strikes a call made at `depth`.
pub fn draw(random: &mut Random, weather: Weather, depth: u8) -> Strike {
    // Of 1,000 calls: step, sleep, refuse, lose the answer, die before, die after.
    let odds: [u32; 6] = match weather {
        Weather::Calm => [40, 0, 0, 0, 0, 0],
        Weather::Normal => [60, 4, 4, 4, 2, 2],
        Weather::Rough => [90, 12, 15, 15, 8, 8],
    };
    let mut at = (random.draw() % 1_000) as u32;
    let mut kind = odds.len();
    for (index, odd) in odds.iter().enumerate() {
        if at < *odd {
            kind = index;
            break;
        }
        at -= odd;
    }
    match kind {
        0 if depth < DEPTH_MAX => Strike::Step,
        1 if depth < DEPTH_MAX => Strike::Sleep(random.between(20 * SECOND, 90 * SECOND)),
        2 => Strike::Refuse,
        3 => Strike::LoseAnswer,
        4 => Strike::Die,
        5 => Strike::DieAfter,
        _ => Strike::None,
    }
}
