//! Polling: claims what is due, as much as there is room for.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant as RealInstant};

use tokio::sync::{MutexGuard, RwLockReadGuard, RwLockWriteGuard};

use super::pipeline::Places;
use super::{Runtime, leases};
use crate::limits::{self, CLAIM_JOBS_MAX};
use crate::storage::Quota;
use crate::tenants::clipped;
use crate::wit::runner::RunnerError;
use crate::wit::storage::{Guard, JobToken, StorageError, Unit, Write};
use crate::wit::types::Instant;

/// What a step found.
#[derive(Debug, PartialEq)]
pub(super) enum Step {
    /// There may be more to do at once.
    Again,
    /// Nothing is due before this instant.
    Idle(Option<Instant>),
    /// Every place is taken: something has to end first.
    Full,
    /// Something did not answer; try again after this.
    Wait(Duration),
    /// Another host has in hand what is due: look again after this, or when more was written.
    Held(Duration),
}

/// How carefully to go on after trouble.
#[derive(Default)]
pub(super) struct Pace {
    /// Polls still to be made one job at a time, after a call with several failed.
    single: u32,
    /// The last poll claimed all it asked for: no need to ask what is due, and two may go on at once.
    more: bool,
    /// The wait after the last trouble; none: there was none.
    wait: Option<Duration>,
    /// When it was last seen that there is room for more rows.
    room_seen: Option<RealInstant>,
}

impl Pace {
    /// A wait that doubles from one trouble to the next.
    fn longer(&mut self, most: Duration) -> Duration {
        let wait = self
            .wait
            .map_or(limits::RETRY_WAIT_FIRST, |wait| (wait * 2).min(most));
        *self.wait.insert(wait)
    }

    fn trouble(&mut self, most: Duration) -> Step {
        Step::Wait(self.longer(most))
    }
}

/// Whether other polls may go on beside one.
enum Turn<'a> {
    Alone(RwLockWriteGuard<'a, ()>),
    Shared(RwLockReadGuard<'a, ()>),
}

/// One poll, alone but where much is due. Idle and full are answered only when no other is under way.
pub(super) async fn tick(runtime: &Runtime) -> Step {
    let mut pace = runtime.poll_gate.lock().await;
    if runtime.closing.is_cancelled() {
        return Step::Idle(None);
    }
    runtime.wake.looking();
    leases::renew_overdue(runtime).await;
    let unasked = pace.more;
    let mut turn = if unasked {
        Turn::Shared(runtime.polls.read().await)
    } else {
        Turn::Alone(runtime.polls.write().await)
    };
    if !unasked {
        match runtime.context.storage.next_due(&runtime.context.tenant).await {
            Ok(due) => {
                runtime.figures.ready.store(true, Relaxed);
                if due.is_none_or(|due| due > runtime.context.clock.now()) {
                    pace.wait = None;
                    return Step::Idle(due);
                }
            }
            Err(error) => return unavailable(runtime, &mut pace, &error),
        }
    }
    let mut places = places(runtime, &pace);
    if places.is_none() && unasked {
        // The other poll may have them, and not need them.
        drop(turn);
        turn = Turn::Alone(runtime.polls.write().await);
        places = self::places(runtime, &pace);
    }
    let Some(places) = places else {
        decline(runtime);
        return Step::Full;
    };
    match room(runtime, &mut pace).await {
        Ok(true) => {}
        Ok(false) => {
            let line = "no run starts: the tenant's storage is full";
            runtime.context.log(|tenant| tracing::warn!(tenant, "{line}"));
            decline(runtime);
            return Step::Wait(limits::STORAGE_FULL_WAIT);
        }
        Err(error) => return unavailable(runtime, &mut pace, &error),
    }
    poll(runtime, pace, turn, places, unasked).await
}

/// A poll beside another one, where much is due. False: not now.
async fn beside(runtime: &Runtime) -> bool {
    let pace = runtime.poll_gate.lock().await;
    if runtime.closing.is_cancelled() || !pace.more {
        return false;
    }
    let turn = Turn::Shared(runtime.polls.read().await);
    let Some(places) = places(runtime, &pace) else {
        return false;
    };
    poll(runtime, pace, turn, places, true).await == Step::Again
}

/// Places for as many runs as the next poll may start.
fn places(runtime: &Runtime, pace: &Pace) -> Option<Places> {
    let most = if pace.single > 0 { 1 } else { CLAIM_JOBS_MAX };
    let parallel_runs = runtime.context.allowance.limits().parallel_runs.max(1);
    runtime
        .pipeline
        .places(most, parallel_runs, limits::SETTLE_BACKLOG_MAX)
}

/// Other hosts may take what this one does not take at once.
fn decline(runtime: &Runtime) {
    runtime.context.storage.decline_due(&runtime.context.tenant);
}

async fn poll<'a>(
    runtime: &'a Runtime,
    pace: MutexGuard<'a, Pace>,
    turn: Turn<'a>,
    places: Places,
    unasked: bool,
) -> Step {
    let limit = places.count();
    runtime.figures.polls.fetch_add(1, Relaxed);
    let component = runtime.component();
    let polling = component.poll(&runtime.context, limit);
    let (mut pace, end) = match turn {
        Turn::Alone(turn) => {
            let end = polling.await;
            drop(turn);
            (pace, end)
        }
        Turn::Shared(turn) => {
            drop(pace);
            let end = polling.await;
            // Before the gate: who waits there for all polls to end has it.
            drop(turn);
            (runtime.poll_gate.lock().await, end)
        }
    };
    drop(places);
    pace.more = false;
    match end.result {
        Ok(Ok(report)) => {
            for problem in &report.problems {
                runtime.context.log(|tenant| {
                    let (job, message) = (clipped(&problem.job_id), clipped(&problem.message));
                    tracing::warn!(tenant, job, message, "a due job could not be decided");
                });
            }
            pace.single = pace.single.saturating_sub(1);
            if end.claimed > 0 {
                pace.wait = None;
                pace.more = end.claimed >= limit && pace.single == 0;
                if pace.more {
                    runtime.much_due.notify_one();
                    decline(runtime);
                }
                return Step::Again;
            }
            if unasked {
                // The poll before had claimed the last one.
                return Step::Again;
            }
            // Another host may have it in hand: then there is nothing due at the next look.
            if pace.wait.is_some_and(|wait| wait >= limits::UNCLAIMED_TOLD) {
                let line = "a job is due, but none could be claimed";
                runtime.context.log(|tenant| tracing::warn!(tenant, "{line}"));
            }
            Step::Held(pace.longer(limits::RETRY_WAIT_MAX))
        }
        Ok(Err(RunnerError::Unavailable(reason))) => {
            if runtime.pipeline.take_storage_failed() {
                return unavailable(runtime, &mut pace, &reason);
            }
            let reason = clipped(&reason);
            runtime
                .context
                .log(|tenant| tracing::warn!(tenant, reason, "the component does not poll"));
            pace.trouble(limits::RETRY_WAIT_MAX)
        }
        Err(failure) => {
            runtime.figures.component_failures.fetch_add(1, Relaxed);
            let what = clipped(&failure);
            runtime
                .context
                .log(|tenant| tracing::warn!(tenant, failure = what, limit, "a poll failed"));
            if limit > 1 {
                // One at a time finds the row that does it; its neighbours need not wait for
                // their leases to lapse. The bad row, alone, keeps its lease and so rests.
                pace.single = limit;
                give_back(runtime, end.unused).await;
                return Step::Again;
            }
            pace.single = pace.single.saturating_sub(1);
            pace.trouble(limits::RETRY_WAIT_MAX)
        }
    }
}

/// Whether the tenant has room for the rows of more runs; asked now and then.
async fn room(runtime: &Runtime, pace: &mut Pace) -> Result<bool, StorageError> {
    let context = &runtime.context;
    if pace
        .room_seen
        .is_some_and(|seen| seen.elapsed() < limits::STORAGE_FULL_LOOK)
    {
        return Ok(true);
    }
    let stored = context.storage.stored(&context.tenant).await?;
    let room = stored.bytes <= context.allowance.limits().storage_bytes_max;
    pace.room_seen = room.then(RealInstant::now);
    Ok(room)
}

fn unavailable(runtime: &Runtime, pace: &mut Pace, reason: &impl std::fmt::Display) -> Step {
    runtime.figures.ready.store(false, Relaxed);
    let reason = clipped(reason);
    runtime
        .context
        .log(|tenant| tracing::warn!(tenant, reason, "storage does not answer"));
    pace.trouble(limits::STORAGE_RETRY_WAIT_MAX)
}

/// Ends the leases of claims of which nothing was made.
async fn give_back(runtime: &Runtime, claims: Vec<JobToken>) {
    let units = claims.into_iter().map(|claim| Unit {
        guards: vec![Guard::Claim(claim.clone())],
        writes: vec![Write::Release(claim)],
    });
    let result = runtime
        .context
        .storage
        .commit(&runtime.context.tenant, Quota::UNLIMITED, units.collect())
        .await;
    if let Err::<_, StorageError>(error) = result {
        tracing::warn!(%error, "claims were not given back: they lapse by themselves");
    }
}

/// Polls beside the poll loop while much is due: one claims and decides while what the other decided is
/// being written.
pub(super) async fn assist(runtime: Arc<Runtime>) {
    loop {
        tokio::select! {
            () = runtime.closing.cancelled() => return,
            () = runtime.much_due.notified() => {}
        }
        while beside(&runtime).await {}
    }
}

/// The poll loop.
pub(super) async fn run(runtime: Arc<Runtime>) {
    while !runtime.closing.is_cancelled() {
        match tick(&runtime).await {
            Step::Again => {}
            Step::Full => runtime.wake.notified().await,
            Step::Wait(wait) => {
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = runtime.closing.cancelled() => {}
                }
            }
            Step::Held(wait) => {
                tokio::select! {
                    () = runtime.wake.notified() => {}
                    () = tokio::time::sleep(wait) => {}
                }
            }
            Step::Idle(due) => {
                let until = runtime.wake.plan(due);
                tokio::select! {
                    () = runtime.wake.notified() => {}
                    () = runtime.context.clock.sleep_until(until) => {}
                    () = tokio::time::sleep(limits::IDLE_LOOK) => {}
                }
            }
        }
    }
    runtime.figures.ready.store(false, Relaxed);
}
