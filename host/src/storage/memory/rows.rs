//! One tenant's rows: jobs with their leases, and what is found and claimed among them.

use std::collections::{BTreeMap, BTreeSet};

use super::find::{among, rows_of_page};
use super::messages::Messages;
use super::tables::{Edges, Jobs, Runs};
use super::texts::Texts;
use super::turns::Turns;
use crate::storage::Stored;
use crate::storage::usage::DayUse;
use crate::wit::storage::{AncestorEdges, Claim, EdgeFilter, JobToken, MessageFilter, RunFilter};
use crate::wit::types::{Edge, EdgeStatus, Instant, Job, Message, Run, StatusChange};

/// One tenant's rows.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) jobs: Jobs,
    pub(super) runs: Runs,
    pub(super) edges: Edges,
    pub(super) messages: Messages,
    /// Oldest first.
    pub(super) changes: BTreeMap<String, Vec<StatusChange>>,
    pub(super) texts: Texts,
    pub(super) turns: Turns,
    /// By day.
    pub(super) usage: BTreeMap<i64, DayUse>,
}

#[derive(Clone)]
pub(super) struct JobRow {
    /// The order of creation.
    pub(super) seq: u64,
    pub(super) job: Job,
    pub(super) token: u64,
    pub(super) lease: Option<Lease>,
}

#[derive(Clone)]
pub(super) struct Lease {
    pub(super) owner: String,
    pub(super) until: Instant,
}

impl JobRow {
    /// `due-at`, or the lease's end where that is later.
    pub(super) fn available(&self) -> Option<Instant> {
        let due = self.job.state.due_at?;
        Some(self.lease.as_ref().map_or(due, |lease| due.max(lease.until)))
    }
}

impl Rows {
    pub(super) fn stored(&self) -> Stored {
        Stored {
            live_jobs: self.jobs.live(),
            bytes: self.jobs.bytes() + self.runs.bytes() + self.messages.bytes(),
        }
    }

    pub(super) fn runs_of_job(&self, filter: &RunFilter) -> Vec<Run> {
        self.runs
            .of_job(&filter.job, filter.before)
            .filter(|run| among(&filter.statuses, &run.status))
            .take(rows_of_page(filter.limit))
            .cloned()
            .collect()
    }

    pub(super) fn edges(&self, filter: &EdgeFilter) -> Vec<Edge> {
        match filter {
            EdgeFilter::OfDependents(ids) => ids
                .iter()
                .flat_map(|id| self.edges.of_dependent(id))
                .cloned()
                .collect(),
            EdgeFilter::OfPrerequisite(of) => self
                .edges
                .of_prerequisite(&of.prerequisite)
                .filter(|edge| among::<EdgeStatus>(&of.statuses, &edge.status))
                .filter(|edge| of.after.as_ref().is_none_or(|after| edge.dependent > *after))
                .take(rows_of_page(of.limit))
                .cloned()
                .collect(),
            EdgeFilter::Ancestors(of) => self.ancestors(of),
        }
    }

    pub(super) fn messages(&self, filter: &MessageFilter) -> Vec<Message> {
        let narrowed: Box<dyn Iterator<Item = &Message>> = match (&filter.id, &filter.job) {
            (Some(id), _) => Box::new(self.messages.by_id(id).map(|(_, message)| message).into_iter()),
            (None, Some(job)) => Box::new(self.messages.of_job(job, &filter.kinds)),
            (None, None) => Box::new(self.messages.range(..).map(|(_, message)| message)),
        };
        narrowed
            .filter(|message| filter.job.as_ref().is_none_or(|job| *job == message.job))
            .filter(|message| filter.user.as_ref().is_none_or(|user| *user == message.user))
            .filter(|message| among(&filter.kinds, &message.kind))
            .filter(|message| among(&filter.deliveries, &message.delivery))
            .take(rows_of_page(filter.limit))
            .cloned()
            .collect()
    }

    fn ancestors(&self, of: &AncestorEdges) -> Vec<Edge> {
        let mut above = Vec::new();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut front: Vec<&str> = of.dependents.iter().map(String::as_str).collect();
        while let Some(dependent) = front.pop() {
            if !seen.insert(dependent) {
                continue;
            }
            for edge in self.edges.of_dependent(dependent) {
                if above.len() == of.limit as usize {
                    return above;
                }
                above.push(edge.clone());
                front.push(&edge.prerequisite);
            }
        }
        above
    }

    pub(super) fn claim(
        &mut self,
        owner: &str,
        now: Instant,
        lease_until: Instant,
        limit: u32,
    ) -> Vec<Claim> {
        let mut claims = Vec::new();
        for id in self.jobs.due(now, limit as usize) {
            self.jobs.change(&id, |row| {
                row.token += 1;
                row.lease = Some(Lease {
                    owner: owner.into(),
                    until: lease_until,
                });
            });
            let Some(row) = self.jobs.get(&id) else {
                continue;
            };
            let open_run = row.job.state.open_run.as_ref();
            let claim = Claim {
                job: row.job.clone(),
                token: row.token,
                lease_until,
                open_run: open_run.and_then(|run| self.runs.get(run)).cloned(),
            };
            claims.push((row.seq, claim));
        }
        claims.sort_by_key(|(seq, claim)| (claim.job.state.due_at, *seq));
        claims.into_iter().map(|(_, claim)| claim).collect()
    }

    /// Extends the leases that `owner` still holds under these tokens; answers those it lost.
    pub(super) fn renew(
        &mut self,
        owner: &str,
        leases: Vec<JobToken>,
        lease_until: Instant,
    ) -> Vec<JobToken> {
        let mut lost = Vec::new();
        for held in leases {
            let row = self.jobs.get(&held.job).filter(|row| row.token == held.token);
            let lease = row.and_then(|row| row.lease.as_ref());
            if lease.is_none_or(|lease| lease.owner != owner) {
                lost.push(held);
                continue;
            }
            self.jobs.change(&held.job, |row| {
                if let Some(lease) = &mut row.lease {
                    lease.until = lease_until;
                }
            });
        }
        lost
    }
}
