//! The simulated store: the rows that all hosts share, with the semantics of `wit/storage.wit`.
//! It has a clock of its own, as a database has, and answers in an instant.

mod read;
mod write;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use meanwhile_guest::bindings::storage::Claim;
use meanwhile_guest::bindings::types::{Edge, Instant, Job, Message, Run, StatusChange};

pub use write::Change;

use super::breaks::Break;

/// How long a lease lasts unless it is renewed, as `LEASE` of the host.
pub const LEASE_MS: i64 = 30_000;
/// How often a live host renews, as `LEASE_RENEWAL` of the host.
pub const LEASE_RENEWAL_MS: i64 = 10_000;

/// Who holds a lease: a host, in one of its lives.
pub type Owner = (usize, u32);

/// The right to act on a job.
#[derive(Clone, Debug)]
pub struct Lease {
    pub owner: Owner,
    /// `Instant::MAX` while the owner lives and renews it.
    pub until: Instant,
}

/// A job with what only storage knows of it.
pub struct JobRow {
    pub job: Job,
    pub token: u64,
    pub lease: Option<Lease>,
    /// Slot and index of each run.
    pub runs: BTreeSet<(Instant, usize)>,
    pub messages: Vec<usize>,
}

impl JobRow {
    /// `due-at`, or the lease's end where that is later.
    fn available(&self) -> Option<Instant> {
        let due = self.job.state.due_at?;
        Some(self.lease.as_ref().map_or(due, |lease| due.max(lease.until)))
    }
}

/// All rows.
#[derive(Default)]
pub struct Store {
    /// In order of creation.
    pub jobs: Vec<JobRow>,
    pub runs: Vec<Run>,
    pub messages: Vec<Message>,
    /// The history of all jobs, oldest first.
    pub changes: Vec<StatusChange>,
    /// By (dependent, prerequisite).
    pub edges: BTreeMap<(usize, usize), Edge>,
    job_ids: HashMap<String, usize>,
    run_ids: HashMap<String, usize>,
    message_ids: HashMap<String, usize>,
    once_keys: HashSet<String>,
    /// Idempotency keys by user.
    keys: HashMap<(String, String), usize>,
    /// When each job is available, earliest first.
    due: BTreeSet<(Instant, usize)>,
    broken: Option<Break>,
}

impl Store {
    pub fn new(broken: Option<Break>) -> Self {
        Self {
            broken,
            ..Self::default()
        }
    }

    pub fn job_index(&self, id: &str) -> Option<usize> {
        self.job_ids.get(id).copied()
    }

    pub fn run_index(&self, id: &str) -> Option<usize> {
        self.run_ids.get(id).copied()
    }

    /// A job's runs, oldest slot first.
    pub fn runs_of(&self, job: usize) -> impl DoubleEndedIterator<Item = &Run> {
        self.jobs[job].runs.iter().map(|(_, run)| &self.runs[*run])
    }

    pub fn messages_of(&self, job: usize) -> impl Iterator<Item = &Message> {
        self.jobs[job]
            .messages
            .iter()
            .map(|message| &self.messages[*message])
    }

    /// What a job waits for.
    pub fn edges_of(&self, dependent: usize) -> impl Iterator<Item = (usize, &Edge)> {
        self.edges
            .range((dependent, 0)..=(dependent, usize::MAX))
            .map(|((_, prerequisite), edge)| (*prerequisite, edge))
    }

    /// From when on there is something to claim.
    pub fn next_due(&self) -> Option<Instant> {
        self.due
            .first()
            .map(|(at, _)| *at)
            .filter(|at| *at < Instant::MAX)
    }

    /// Changes a row, keeping the order of what is due.
    fn touch<T>(&mut self, job: usize, change: impl FnOnce(&mut JobRow) -> T) -> T {
        let row = &mut self.jobs[job];
        let before = row.available();
        let result = change(row);
        let after = row.available();
        if before != after {
            if let Some(at) = before {
                self.due.remove(&(at, job));
            }
            if let Some(at) = after {
                self.due.insert((at, job));
            }
        }
        result
    }

    /// `claim-due`, at the store's own time.
    pub fn claim(&mut self, owner: Owner, now: Instant, limit: u32) -> Vec<(usize, Claim)> {
        let due: Vec<usize> = self
            .due
            .iter()
            .take_while(|(at, _)| *at <= now)
            .take(limit as usize)
            .map(|(_, job)| *job)
            .collect();
        let lease_until = now + LEASE_MS;
        due.into_iter()
            .map(|index| {
                self.touch(index, |row| {
                    row.token += 1;
                    row.lease = Some(Lease {
                        owner,
                        until: lease_until,
                    });
                });
                let row = &self.jobs[index];
                let job = row.job.clone();
                let run = job.state.open_run.as_ref().and_then(|run| self.run_index(run));
                let claim = Claim {
                    token: row.token,
                    lease_until,
                    open_run: run.map(|run| self.runs[run].clone()),
                    job,
                };
                (index, claim)
            })
            .collect()
    }

    /// Sets the end of a lease that is still held under this token. False: it was lost.
    pub fn renew(&mut self, owner: Owner, job: usize, token: u64, until: Instant) -> bool {
        self.touch(job, |row| {
            let lease = row.lease.as_mut().filter(|lease| lease.owner == owner);
            match lease.filter(|_| row.token == token) {
                Some(lease) => {
                    lease.until = until;
                    true
                }
                None => false,
            }
        })
    }

    /// Ends every lease of an owner that stops in good order.
    pub fn release_owner(&mut self, owner: Owner) {
        for job in 0..self.jobs.len() {
            self.touch(job, |row| {
                if row.lease.as_ref().is_some_and(|lease| lease.owner == owner) {
                    row.lease = None;
                }
            });
        }
    }
}
