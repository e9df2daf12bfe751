//! How many requests a tenant may make.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota};

/// Lets a number of requests a second pass, and bursts of twice as many.
pub struct RequestRate(DefaultDirectRateLimiter);

impl RequestRate {
    /// A rate of which nothing was taken yet. 0 counts as 1: who may not call at all is suspended.
    #[must_use]
    pub fn new(requests_per_second: u32) -> Self {
        let rate = NonZeroU32::new(requests_per_second).unwrap_or(NonZeroU32::MIN);
        let quota =
            Quota::per_second(rate).allow_burst(rate.saturating_mul(NonZeroU32::MIN.saturating_add(1)));
        Self(DefaultDirectRateLimiter::direct(quota))
    }

    /// Counts one request.
    ///
    /// # Errors
    /// When there were too many: how long to wait.
    pub fn admit(&self) -> Result<(), Duration> {
        self.0
            .check()
            .map_err(|early| early.wait_time_from(DefaultClock::default().now()))
    }
}

#[cfg(test)]
mod tests {
    use super::RequestRate;

    #[test]
    fn a_burst_passes_and_then_no_more() {
        let rate = RequestRate::new(1);
        assert!(rate.admit().is_ok() && rate.admit().is_ok());
        let wait = rate.admit().expect_err("the third in the same second");
        assert!(!wait.is_zero());
    }
}
