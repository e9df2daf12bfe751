//! The runs that live in this host: started once per (run, token), stopped on request, kept on
//! the list until they are settled so that their leases are renewed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::attempt;
use super::day_budget::DayBudget;
use super::progress::Telling;
use super::wake::Wake;
use crate::agent::{Agent, Attempt, NO_USAGE, Progress};
use crate::clock::Clock;
use crate::events::{Change, Changes};
use crate::imports::Outlet;
use crate::storage::Storage;
use crate::tenants::{Allowance, RunAccess, RunTokens};
use crate::wit::agent_pipeline::{RunRequest, Task};
use crate::wit::runner::FinishedRun;
use crate::wit::storage::JobToken;
use crate::wit::types::Instant;

/// A run between its submission and its settlement.
struct LiveRun {
    task: Task,
    /// It judges a result that is still being settled, under the same token.
    judges_unsettled: bool,
    job: String,
    token: u64,
    deadline: Instant,
    stop: CancellationToken,
    progress: Progress,
    executing: bool,
    /// Its end is of no use: the lease was lost, or the host goes down.
    abandoned: bool,
}

/// All runs that live here.
#[derive(Default)]
pub(crate) struct Live {
    runs: HashMap<String, LiveRun>,
    executing: usize,
    /// Attempts from which a newer one took over, and which have not ended yet.
    superseded: usize,
    started: u64,
    /// Runs that left the list.
    gone: u64,
    /// Places that polls under way may yet take. What such a poll has started counts twice until it ends.
    reserved: u32,
    /// The poll loop found no free place and waits for one.
    awaited: bool,
}

impl Live {
    /// Attempts that the agent works on, those included whose end is of no use any more.
    pub(crate) fn executing(&self) -> usize {
        self.executing + self.superseded
    }

    pub(crate) fn unsettled(&self) -> usize {
        self.runs.len() - self.executing
    }

    pub(crate) fn gone(&self) -> u64 {
        self.gone
    }

    pub(crate) fn started(&self) -> u64 {
        self.started
    }

    /// The attempts that are not settled, as (run, token, deadline).
    pub(crate) fn attempts(&self) -> impl Iterator<Item = (&str, u64, Instant)> {
        self.runs
            .iter()
            .map(|(run, live)| (run.as_str(), live.token, live.deadline))
    }

    /// The earliest deadline after `now` of what executes.
    pub(crate) fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let executing = self.runs.values().filter(|run| run.executing);
        executing
            .map(|run| run.deadline)
            .filter(|deadline| *deadline > now)
            .min()
    }

    /// Runs that have something to tell and still may.
    pub(super) fn telling(&self) -> Vec<Telling> {
        let telling = self.runs.iter().filter(|(_, run)| {
            run.executing && !run.abandoned && run.task == Task::Execute && run.progress.is_new()
        });
        telling
            .map(|(id, run)| Telling {
                run: id.clone(),
                job: run.job.clone(),
                token: run.token,
                progress: run.progress.clone(),
            })
            .collect()
    }

    /// The leases to renew.
    pub(crate) fn leases(&self) -> Vec<JobToken> {
        let kept = self.runs.values().filter(|run| !run.abandoned);
        kept.map(|run| JobToken {
            job: run.job.clone(),
            token: run.token,
        })
        .collect()
    }
}

struct Shared {
    tenant: String,
    storage: Arc<dyn Storage>,
    allowance: Arc<Allowance>,
    tokens: Arc<RunTokens>,
    agent: Arc<dyn Agent>,
    clock: Arc<dyn Clock>,
    live: Mutex<Live>,
    ended: mpsc::UnboundedSender<FinishedRun>,
    wake: Arc<Wake>,
    /// Told whenever a message was written.
    messages: Arc<Notify>,
    /// Sent whenever a run ended or was settled.
    changes: watch::Sender<()>,
    /// What is written of the tenant's rows.
    rows: Changes,
    /// A run has something to tell.
    news: Arc<Notify>,
    /// Storage did not answer a call of the component, and nobody has asked about it yet.
    storage_failed: AtomicBool,
}

impl Shared {
    fn attempt(&self, request: RunRequest, stop: CancellationToken, progress: Progress) -> Attempt {
        let mut caller = request.caller.clone();
        if let Some(run) = &mut caller.run {
            run.reach = self.allowance.limits().run_reach.into();
        }
        Attempt {
            tenant: self.tenant.clone(),
            access: RunAccess::new(Arc::clone(&self.tokens), self.tenant.clone(), caller),
            request,
            stop,
            progress,
            day_budget: self.day_budget(),
        }
    }

    fn day_budget(&self) -> DayBudget {
        DayBudget::new(
            Arc::clone(&self.storage),
            self.tenant.clone(),
            Arc::clone(&self.allowance),
            Arc::clone(&self.clock),
        )
    }
}

/// Places that a poll may fill with runs; what it did not fill is free again when this is dropped.
pub(super) struct Places {
    of: Pipeline,
    count: u32,
}

impl Places {
    pub(super) fn count(&self) -> u32 {
        self.count
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        let mut live = self.of.live();
        live.reserved -= self.count;
        let awaited = std::mem::take(&mut live.awaited);
        drop(live);
        if awaited {
            self.of.0.wake.now();
        }
    }
}

/// Hands runs to the agent. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Pipeline(Arc<Shared>);

impl Pipeline {
    /// What ended goes to `ended`. The channel is unbounded; polling pauses at
    /// `SETTLE_BACKLOG_MAX`, so what it can hold is that and the parallel runs.
    #[expect(clippy::too_many_arguments, reason = "each is a part of its own, given once")]
    pub(super) fn new(
        tenant: String,
        storage: Arc<dyn Storage>,
        allowance: Arc<Allowance>,
        tokens: Arc<RunTokens>,
        agent: Arc<dyn Agent>,
        clock: Arc<dyn Clock>,
        ended: mpsc::UnboundedSender<FinishedRun>,
        wake: Arc<Wake>,
        messages: Arc<Notify>,
    ) -> Self {
        let (changes, _) = watch::channel(());
        Self(Arc::new(Shared {
            tenant,
            storage,
            allowance,
            tokens,
            agent,
            clock,
            live: Mutex::default(),
            ended,
            wake,
            messages,
            changes,
            rows: Changes::default(),
            news: Arc::default(),
            storage_failed: AtomicBool::new(false),
        }))
    }

    pub(crate) fn live(&self) -> MutexGuard<'_, Live> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The share in the tenant's day of something that begins now.
    pub(crate) fn day_budget(&self) -> DayBudget {
        self.0.day_budget()
    }

    /// What is written of the tenant's rows.
    pub(crate) fn changes_of_rows(&self) -> &Changes {
        &self.0.rows
    }

    /// Returns when a run has something to tell.
    pub(super) async fn news(&self) {
        self.0.news.notified().await;
    }

    /// Changes whenever a run ended or was settled.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.0.changes.subscribe()
    }

    /// Waits until the condition holds. Cancel-safe.
    pub(crate) async fn wait_until(&self, condition: impl Fn(&Live) -> bool) {
        let mut changes = self.changes();
        while !condition(&self.live()) {
            // The sender lives in `self`.
            let _ = changes.changed().await;
        }
    }

    /// Places for runs that may start now, at most so many. Where none may, the loop is woken when one ended.
    pub(super) fn places(&self, most: u32, parallel_runs: u32, backlog_max: usize) -> Option<Places> {
        let mut live = self.live();
        let taken = u32::try_from(live.executing()).unwrap_or(u32::MAX);
        let free = if live.unsettled() >= backlog_max {
            0
        } else {
            parallel_runs.saturating_sub(taken.saturating_add(live.reserved))
        };
        live.awaited |= free == 0;
        let count = free.min(most);
        live.reserved += count;
        (count > 0).then(|| Places {
            of: self.clone(),
            count,
        })
    }

    /// Whether storage failed a call of the component since this was asked last. What the component
    /// says of it proves nothing: a hostile one could make the whole host count as not ready.
    pub(super) fn take_storage_failed(&self) -> bool {
        self.0.storage_failed.swap(false, Relaxed)
    }

    /// These runs are settled, or left to their leases.
    pub(super) fn settled(&self, runs: &[FinishedRun]) {
        let mut live = self.live();
        for run in runs {
            let Some(entry) = live
                .runs
                .get_mut(&run.run_id)
                .filter(|entry| entry.token == run.token)
            else {
                continue;
            };
            if std::mem::take(&mut entry.judges_unsettled) || entry.executing {
                continue;
            }
            live.runs.remove(&run.run_id);
            live.gone += 1;
        }
        drop(live);
        self.0.changes.send_replace(());
        self.0.wake.now();
    }

    /// Stops the runs whose leases were lost: another attempt counts.
    pub(super) fn leases_lost(&self, lost: &[JobToken]) {
        for run in self.live().runs.values_mut() {
            if lost
                .iter()
                .any(|lease| lease.token == run.token && lease.job == run.job)
            {
                run.abandoned = true;
                run.stop.cancel();
            }
        }
    }

    /// Stops everything; what did not end by itself is left to the next host.
    pub(super) fn stop_all(&self) {
        for run in self.live().runs.values_mut().filter(|run| run.executing) {
            run.abandoned = true;
            run.stop.cancel();
        }
    }

    fn start(&self, request: RunRequest) {
        let mut live = self.live();
        let stop = CancellationToken::new();
        let progress = Progress::waking(Arc::clone(&self.0.news));
        let mut entry = LiveRun {
            task: request.task,
            judges_unsettled: false,
            job: request.job_id.clone(),
            token: request.token,
            deadline: request.deadline,
            stop: stop.clone(),
            progress: progress.clone(),
            executing: true,
            abandoned: false,
        };
        match live.runs.get(&request.run_id) {
            // The judgement of a result, asked for while that result is being settled.
            Some(known) if known.token == request.token && known.task != request.task && !known.executing => {
                entry.judges_unsettled = true;
            }
            // The same attempt again, or one that a newer took over from.
            Some(known) if known.token >= request.token => return,
            Some(known) => {
                known.stop.cancel();
                if known.executing {
                    live.executing -= 1;
                    live.superseded += 1;
                }
            }
            None => {}
        }
        live.runs.insert(request.run_id.clone(), entry);
        live.executing += 1;
        live.started += 1;
        drop(live);
        let pipeline = self.clone();
        tokio::spawn(async move {
            let (run_id, job_id) = (request.run_id.clone(), request.job_id.clone());
            let (token, task) = (request.token, request.task);
            let shared = &pipeline.0;
            let attempt = shared.attempt(request, stop, progress);
            let budget = attempt.day_budget.clone();
            let outcome = match budget.extend(&NO_USAGE).await {
                Ok(_) => attempt::carry_out(&*shared.agent, &*shared.clock, attempt).await,
                Err(refusal) => refusal.outcome(),
            };
            budget.settle(&outcome.usage).await;
            pipeline.ended(FinishedRun {
                run_id,
                job_id,
                token,
                task,
                outcome,
            });
        });
    }

    fn ended(&self, run: FinishedRun) {
        let mut live = self.live();
        let entry = live
            .runs
            .get_mut(&run.run_id)
            .filter(|entry| entry.token == run.token);
        match entry {
            Some(entry) => {
                entry.executing = false;
                if entry.abandoned {
                    live.runs.remove(&run.run_id);
                    live.gone += 1;
                } else {
                    // The receiver ends with the runtime; then nobody settles any more.
                    let _ = self.0.ended.send(run);
                }
                live.executing -= 1;
            }
            None => live.superseded -= 1,
        }
        let awaited = std::mem::take(&mut live.awaited);
        drop(live);
        self.0.changes.send_replace(());
        if awaited {
            self.0.wake.now();
        }
    }
}

impl Outlet for Pipeline {
    fn submit(&self, requests: Vec<RunRequest>) {
        for request in requests {
            self.start(request);
        }
    }

    fn cancel(&self, run: &str) {
        if let Some(run) = self.live().runs.get(run) {
            run.stop.cancel();
        }
    }

    fn can_judge(&self) -> bool {
        self.0.agent.can_judge()
    }

    fn arm(&self, at: Instant) {
        self.0.wake.arm(at);
    }

    fn messages_written(&self) {
        self.0.messages.notify_one();
    }

    fn is_watched(&self) -> bool {
        self.0.rows.are_watched() || self.0.storage.is_watched(&self.0.tenant)
    }

    fn changed(&self, changes: Vec<Change>) {
        if !changes.is_empty() {
            self.0.storage.tell_changes(&self.0.tenant, &changes);
        }
        self.0.rows.tell(changes);
    }

    fn storage_failed(&self) {
        self.0.storage_failed.store(true, Relaxed);
    }
}
