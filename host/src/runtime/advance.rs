//! Moving a manual clock: from one due instant to the next, waiting at each for what it started.

use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;

use tokio::time::{Duration, Instant as RealInstant};

use super::poll::{self, Step};
use super::{Runtime, leases};
use crate::limits;
use crate::service::ClockReport;
use crate::wit::types::Instant;

/// How long moving the clock may still wait for runs, and for which it waits no more.
struct Patience {
    left: Duration,
    stragglers: HashSet<(String, u64)>,
}

impl Runtime {
    /// Moves a manual clock to `to`; `None` where the clock is the machine's.
    pub async fn advance(&self, to: Instant) -> Option<ClockReport> {
        let clock = self.context.clock.manual()?;
        let _turn = self.advance_gate.lock().await;
        let started_before = self.pipeline.live().started();
        let settled_before = self.figures.settled.load(Relaxed);
        let mut patience = Patience {
            left: limits::ADVANCE_GRACE,
            stragglers: HashSet::new(),
        };
        loop {
            self.come_to_rest(&mut patience).await;
            let now = self.context.clock.now();
            if now >= to {
                break;
            }
            // Time is about to jump: what executes must not look dead because of it.
            leases::renew(self, to.saturating_add(limits::LEASE.as_millis() as i64)).await;
            let due = self
                .context
                .storage
                .next_due(&self.context.tenant)
                .await
                .ok()
                .flatten();
            let deadline = self.pipeline.live().next_deadline(now);
            let next = due.into_iter().chain(deadline).filter(|next| *next > now).min();
            clock.advance_to(next.map_or(to, |next| next.min(to)));
        }
        // The poll loop slept through this by its old plan.
        self.wake.now();
        let executing = self.pipeline.live().executing() as u64;
        Some(ClockReport {
            now: rfc3339(self.context.clock.now()),
            started: self.pipeline.live().started() - started_before,
            settled: self.figures.settled.load(Relaxed) - settled_before,
            executing,
        })
    }

    /// Polls and waits until nothing is due and all that ended is settled, as far as patience goes.
    async fn come_to_rest(&self, patience: &mut Patience) {
        loop {
            match poll::tick(self).await {
                Step::Again => {}
                Step::Full => {
                    if !self.wait_for_runs(patience).await {
                        return;
                    }
                }
                Step::Idle(_) => {
                    if self.all_waited_for(patience) || !self.wait_for_runs(patience).await {
                        return;
                    }
                }
                Step::Wait(wait) => {
                    if wait > patience.left {
                        return;
                    }
                    patience.left -= wait;
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    fn all_waited_for(&self, patience: &Patience) -> bool {
        let live = self.pipeline.live();
        let now = self.context.clock.now();
        // A straggler whose deadline came is about to end: it is worth waiting for again.
        live.attempts().all(|(run, token, deadline)| {
            deadline > now && patience.stragglers.contains(&(run.to_owned(), token))
        })
    }

    /// Waits until all but the stragglers ended and are settled, for at most half of what is
    /// left; what still lives then is a straggler. False: nothing ended.
    async fn wait_for_runs(&self, patience: &mut Patience) -> bool {
        let began = RealInstant::now();
        let before = self.pipeline.live().gone();
        let quiet = async {
            let mut changes = self.pipeline.changes();
            while !self.all_waited_for(patience) {
                let _ = changes.changed().await;
            }
        };
        let done = tokio::time::timeout(patience.left / 2, quiet).await.is_ok();
        patience.left = patience.left.saturating_sub(began.elapsed());
        if done {
            return self.pipeline.live().gone() > before;
        }
        let live = self.pipeline.live();
        patience
            .stragglers
            .extend(live.attempts().map(|(run, token, _)| (run.to_owned(), token)));
        live.gone() > before
    }
}

fn rfc3339(instant: Instant) -> String {
    chrono::DateTime::from_timestamp_millis(instant)
        .map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
        .unwrap_or_default()
}
