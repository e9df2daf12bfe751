//! Moving a manual clock: from one due instant to the next, waiting at each for what it started.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tokio::time::{Duration, Instant as RealInstant};

use super::poll::{self, Step};
use super::{Runtime, leases};
use crate::clock::{Clock as _, ManualClock};
use crate::limits;
use crate::service::ClockReport;
use crate::wit::types::Instant;

/// How long moving the clock may still wait for runs, and for which it waits no more.
struct Patience {
    left: Duration,
    stragglers: HashSet<(String, u64)>,
}

/// Moves a manual clock to `to`, with everything that becomes due by then in all tenants.
pub(crate) async fn advance(runtimes: &[Arc<Runtime>], clock: &ManualClock, to: Instant) -> ClockReport {
    let started = || {
        runtimes
            .iter()
            .map(|it| it.pipeline.live().started())
            .sum::<u64>()
    };
    let settled = || {
        runtimes
            .iter()
            .map(|it| it.figures.settled.load(Relaxed))
            .sum::<u64>()
    };
    let (started_before, settled_before) = (started(), settled());
    let mut patience = Patience {
        left: limits::ADVANCE_GRACE,
        stragglers: HashSet::new(),
    };
    loop {
        for runtime in runtimes {
            runtime.come_to_rest(&mut patience).await;
        }
        let now = clock.now();
        if now >= to {
            break;
        }
        let mut next = to;
        for runtime in runtimes {
            // Time is about to jump: what executes must not look dead because of it.
            leases::renew(runtime, to.saturating_add(limits::LEASE.as_millis() as i64)).await;
            let context = &runtime.context;
            let due = context.storage.next_due(&context.tenant).await.ok().flatten();
            let deadline = runtime.pipeline.live().next_deadline(now);
            let first = due.into_iter().chain(deadline).filter(|next| *next > now).min();
            next = first.map_or(next, |first| next.min(first));
        }
        clock.advance_to(next);
    }
    for runtime in runtimes {
        // The poll loop slept through this by its old plan.
        runtime.wake.now();
    }
    let executing = runtimes
        .iter()
        .map(|it| it.pipeline.live().executing() as u64)
        .sum();
    ClockReport {
        now: rfc3339(clock.now()),
        started: started() - started_before,
        settled: settled() - settled_before,
        executing,
    }
}

impl Runtime {
    /// Polls and waits until nothing is due and all that ended is settled, as far as patience goes.
    async fn come_to_rest(&self, patience: &mut Patience) {
        loop {
            // What is settled after the poll has looked may have made something due.
            let gone = self.pipeline.live().gone();
            match poll::tick(self).await {
                Step::Again => {}
                Step::Full | Step::Idle(_) => {
                    self.wait_for_runs(patience).await;
                    if self.pipeline.live().gone() == gone {
                        return;
                    }
                }
                Step::Wait(wait) | Step::Held(wait) => {
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
    /// left; what still lives then is a straggler.
    async fn wait_for_runs(&self, patience: &mut Patience) {
        let began = RealInstant::now();
        let quiet = async {
            let mut changes = self.pipeline.changes();
            while !self.all_waited_for(patience) {
                let _ = changes.changed().await;
            }
        };
        let done = tokio::time::timeout(patience.left / 2, quiet).await.is_ok();
        patience.left = patience.left.saturating_sub(began.elapsed());
        if !done {
            let live = self.pipeline.live();
            let attempts = live.attempts().map(|(run, token, _)| (run.to_owned(), token));
            patience.stragglers.extend(attempts);
        }
    }
}

fn rfc3339(instant: Instant) -> String {
    chrono::DateTime::from_timestamp_millis(instant)
        .map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
        .unwrap_or_default()
}
