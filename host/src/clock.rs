//! Time as the host sees it. All waiting for an instant goes through here, so that tests and
//! demonstrations can own time.

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

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Instant::try_from(since_epoch.as_millis()).unwrap_or(Instant::MAX)
    }

    fn sleep_until(&self, at: Instant) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let target = Duration::from_millis(u64::try_from(at).unwrap_or(0));
                let Some(left) = target.checked_sub(since_epoch).filter(|left| !left.is_zero()) else {
                    return;
                };
                tokio::time::sleep(left.min(SLEEP_STRETCH_MAX)).await;
            }
        })
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
