//! Time as the host sees it. All waiting for an instant goes through here, so that tests and
//! demonstrations can own time.

use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::BoxFuture;
use tokio::sync::watch;

use crate::wit::types::Instant;

/// A source of the present.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> Instant;

    /// Waits until `now() >= at`. Cancel-safe.
    fn sleep_until(&self, at: Instant) -> BoxFuture<'_, ()>;

    /// The manual clock, where this is one.
    fn manual(&self) -> Option<&ManualClock> {
        None
    }
}

/// The machine's clock.
pub struct SystemClock;

/// The longest stretch slept at once: a machine that was suspended, or whose clock was set,
/// notices within this.
const SLEEP_STRETCH_MAX: Duration = Duration::from_secs(1);

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Sleeps until the machine's clock shows what `target` says, asked again after each stretch.
async fn sleep_until(target: impl Fn() -> Instant) {
    loop {
        let target = Duration::from_millis(u64::try_from(target()).unwrap_or(0));
        let left = target.checked_sub(since_epoch()).filter(|left| !left.is_zero());
        let Some(left) = left else { return };
        tokio::time::sleep(left.min(SLEEP_STRETCH_MAX)).await;
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::try_from(since_epoch().as_millis()).unwrap_or(Instant::MAX)
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'_, ()> {
        Box::pin(sleep_until(move || at))
    }
}

/// The clock of a store that several hosts share, as the machine's shows it: hosts whose machines disagree
/// on the time agree on it all the same.
#[derive(Default)]
pub struct StoreClock {
    /// Milliseconds by which the machine's clock is ahead of the store's.
    ahead: AtomicI64,
}

impl StoreClock {
    /// The store's clock showed `store` at some time between two looks at the machine's. Nothing changes
    /// while what is known of the difference may be true.
    pub(crate) fn observe(&self, before: Instant, store: Instant, after: Instant) {
        let (least, most) = (before.saturating_sub(store), after.saturating_sub(store));
        let known = self.ahead.load(Relaxed);
        // A machine's clock that was set back meanwhile tells nothing.
        if least <= most && !(least..=most).contains(&known) {
            self.ahead.store(known.clamp(least, most), Relaxed);
        }
    }

    /// Milliseconds by which the machine's clock is ahead.
    pub(crate) fn ahead(&self) -> i64 {
        self.ahead.load(Relaxed)
    }
}

impl Clock for StoreClock {
    fn now(&self) -> Instant {
        SystemClock.now().saturating_sub(self.ahead())
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'_, ()> {
        Box::pin(sleep_until(move || at.saturating_add(self.ahead())))
    }
}

/// A clock that stands still until it is moved. It never goes back.
pub struct ManualClock {
    now: watch::Sender<Instant>,
}

impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn new(start: Instant) -> Self {
        Self {
            now: watch::Sender::new(start),
        }
    }

    /// Moves to `to`; an instant in the past changes nothing.
    pub fn advance_to(&self, to: Instant) {
        self.now.send_if_modified(|now| {
            let later = to > *now;
            *now = (*now).max(to);
            later
        });
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Instant {
        *self.now.borrow()
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'_, ()> {
        let mut now = self.now.subscribe();
        Box::pin(async move {
            // The sender lives in `self`, so waiting can only end by the clock moving on.
            let _ = now.wait_for(|now| *now >= at).await;
        })
    }

    fn manual(&self) -> Option<&ManualClock> {
        Some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::StoreClock;

    #[test]
    fn what_is_known_of_a_difference_stands_until_it_is_proved_wrong() {
        let clock = StoreClock::default();
        for (before, store, after, ahead) in [
            // The same may be true: the answer took a while.
            (100, 103, 110, 0),
            // An hour ahead, at least.
            (3_600_100, 100, 3_600_110, 3_600_000),
            (3_600_200, 203, 3_600_210, 3_600_000),
            // Set right.
            (300, 304, 306, 2),
            (400, 400, 401, 1),
            (500, 500, 500, 0),
            // Behind.
            (600, 1_600, 605, -995),
            // Set back between two looks.
            (700, 1_500, 300, -995),
        ] {
            clock.observe(before, store, after);
            assert_eq!(clock.ahead(), ahead, "{before} {store} {after}");
        }
    }
}
