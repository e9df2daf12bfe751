//! How many wrong tokens an address may try.
//!
//! Nobody guesses 256 bits or forges a signature: what is bounded here is the load and the noise. So
//! a good token of the same address is always let in, and a neighbour behind it is never locked out.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota};

use crate::limits::{WRONG_TOKEN_ADDRESSES_MAX, WRONG_TOKENS_PER_MINUTE};

pub(super) struct WrongTokens {
    /// None is everybody for whom there was no place.
    by_address: DefaultKeyedRateLimiter<Option<IpAddr>>,
    addresses_max: usize,
}

impl Default for WrongTokens {
    fn default() -> Self {
        Self::new(WRONG_TOKENS_PER_MINUTE, WRONG_TOKEN_ADDRESSES_MAX)
    }
}

impl WrongTokens {
    fn new(per_minute: u32, addresses_max: usize) -> Self {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        Self {
            by_address: DefaultKeyedRateLimiter::keyed(quota),
            addresses_max,
        }
    }

    /// Counts a wrong token.
    ///
    /// # Errors
    /// When there were too many: how long to wait.
    pub(super) fn count(&self, address: IpAddr) -> Result<(), Duration> {
        let mut key = Some(network(address));
        if self.by_address.len() >= self.addresses_max {
            self.by_address.retain_recent();
            if self.by_address.len() >= self.addresses_max {
                key = None;
            }
        }
        self.by_address
            .check_key(&key)
            .map_err(|early| early.wait_time_from(DefaultClock::default().now()))
    }
}

/// Whoever has an IPv6 address has all of its last 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::{IpAddr, Ipv4Addr};

    use super::WrongTokens;

    #[test]
    fn an_address_has_a_number_of_tries_and_another_has_its_own() {
        let wrong = WrongTokens::new(2, 10);
        let [one, same, other] =
            ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1"].map(|it| it.parse().unwrap());
        assert!(wrong.count(one).is_ok() && wrong.count(same).is_ok());
        assert!(!wrong.count(one).unwrap_err().is_zero());
        assert!(wrong.count(other).is_ok());
    }

    #[test]
    fn however_many_addresses_there_are_few_are_kept() {
        let wrong = WrongTokens::new(1, 3);
        let counted = (0..100u8).map(|it| wrong.count(IpAddr::V4(Ipv4Addr::new(10, 0, 0, it))));
        assert_eq!(
            counted.filter(Result::is_ok).count(),
            4,
            "three, and all others as one"
        );
        assert_eq!(wrong.by_address.len(), 4);
    }
}
