//! What ends the poll loop's sleep: a wake-up, or an armed timer that is earlier than planned.

use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

use tokio::sync::Notify;

use crate::wit::types::Instant;

/// No timer.
const NEVER: Instant = Instant::MAX;
/// The loop does not sleep: nothing is early enough to wake it.
const AWAKE: Instant = Instant::MIN;

pub(super) struct Wake {
    notify: Notify,
    /// The earliest instant armed since the loop last looked.
    armed: AtomicI64,
    /// Until when the loop sleeps.
    asleep_until: AtomicI64,
}

impl Default for Wake {
    fn default() -> Self {
        Self {
            notify: Notify::new(),
            armed: AtomicI64::new(NEVER),
            asleep_until: AtomicI64::new(AWAKE),
        }
    }
}

impl Wake {
    /// Look at once.
    pub(super) fn now(&self) {
        self.notify.notify_one();
    }

    /// Look no later than `at`.
    pub(super) fn arm(&self, at: Instant) {
        self.armed.fetch_min(at, SeqCst);
        // Either this sees the loop's plan, or the loop sees the timer when it plans.
        if at < self.asleep_until.load(SeqCst) {
            self.notify.notify_one();
        }
    }

    /// The loop looks at storage now: that answers every timer armed so far.
    pub(super) fn looking(&self) {
        self.asleep_until.store(AWAKE, SeqCst);
        self.armed.store(NEVER, SeqCst);
    }

    /// Until when to sleep, given the earliest instant that storage knows of.
    pub(super) fn plan(&self, next_due: Option<Instant>) -> Instant {
        let next_due = next_due.unwrap_or(NEVER);
        self.asleep_until.store(next_due, SeqCst);
        next_due.min(self.armed.load(SeqCst))
    }

    pub(super) async fn notified(&self) {
        self.notify.notified().await;
    }
}
