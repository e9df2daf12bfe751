//! Backoff between the attempts of a run.

use crate::bindings::types::RetryPolicy;
use crate::limits;

/// Attempts of one run, the first included.
pub fn max_attempts(policy: &RetryPolicy) -> u32 {
    policy.max_attempts.unwrap_or(limits::RETRY_ATTEMPTS_DEFAULT)
}

/// The same where the failure said itself how long to wait: no less, as far as a policy could ask for it.
pub fn delay_after_ms(policy: &RetryPolicy, attempt: u32, random: u64, told_seconds: Option<u32>) -> i64 {
    let told = told_seconds.unwrap_or(0).min(limits::RETRY_SECONDS_MAX);
    delay_ms(policy, attempt, random).max(i64::from(told) * 1_000)
}

/// Milliseconds to wait after failed attempt `attempt` (from 1): exponential, capped, shortened by
/// up to a tenth by `random` so that jobs that failed together do not come back together.
pub fn delay_ms(policy: &RetryPolicy, attempt: u32, random: u64) -> i64 {
    let initial = f64::from(
        policy
            .initial_seconds
            .unwrap_or(limits::RETRY_INITIAL_SECONDS_DEFAULT),
    );
    let factor = policy.factor.unwrap_or(limits::RETRY_FACTOR_DEFAULT);
    let cap = f64::from(policy.max_seconds.unwrap_or(limits::RETRY_MAX_SECONDS_DEFAULT));
    let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
    let seconds = (initial * factor.powi(exponent)).min(cap);
    let jitter = 1.0 - (random % 1_000) as f64 / 10_000.0;
    (seconds * 1_000.0 * jitter) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_by_the_factor_up_to_the_cap() {
        let policy = RetryPolicy {
            max_attempts: None,
            initial_seconds: None,
            factor: None,
            max_seconds: None,
        };
        let waits: Vec<i64> = (1..=8)
            .map(|attempt| delay_ms(&policy, attempt, 0) / 1_000)
            .collect();
        assert_eq!(waits, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
    }

    #[test]
    fn a_failure_that_says_how_long_to_wait_is_waited_for() {
        let policy = RetryPolicy {
            max_attempts: None,
            initial_seconds: None,
            factor: None,
            max_seconds: None,
        };
        for (told, seconds) in [
            (None, 60),
            (Some(0), 60),
            (Some(59), 60),
            (Some(600), 600),
            (Some(u32::MAX), 86_400),
        ] {
            assert_eq!(delay_after_ms(&policy, 1, 0, told), seconds * 1_000, "{told:?}");
        }
    }

    #[test]
    fn jitter_shortens_by_a_tenth_at_most() {
        let policy = RetryPolicy {
            max_attempts: None,
            initial_seconds: None,
            factor: None,
            max_seconds: None,
        };
        for random in [0, 1, 999, 123_456, u64::MAX] {
            let wait = delay_ms(&policy, 1, random);
            assert!((54_000..=60_000).contains(&wait), "{wait}");
        }
    }
}
