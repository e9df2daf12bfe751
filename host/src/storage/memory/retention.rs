//! What is no longer kept.

use super::rows::{JobRow, Rows};
use crate::storage::retention::{Old, SweptJob};
use crate::wit::types::{DeliveryStatus, Instant, JobStatus, JobType, MessageKind, Run, RunStatus};

fn is_open(run: &Run) -> bool {
    matches!(
        run.status,
        RunStatus::Executing | RunStatus::Waiting | RunStatus::Analysing
    )
}

impl Rows {
    pub(super) fn sweep(&self, after: u64, limit: u32) -> Vec<SweptJob> {
        let mut jobs: Vec<&JobRow> = self.jobs.values().filter(|row| row.seq > after).collect();
        jobs.sort_by_key(|row| row.seq);
        let swept = |row: &JobRow| SweptJob {
            number: row.seq,
            id: row.job.id.clone(),
            status: Some(row.job.state.status),
            repeats: row.job.spec.job_type != JobType::OneOff,
            updated_at: row.job.updated_at,
        };
        jobs.into_iter().take(limit as usize).map(swept).collect()
    }

    pub(super) fn forget(&mut self, old: &Old) -> u64 {
        match old {
            Old::Jobs(jobs) => jobs.iter().map(|job| self.forget_job(job)).sum(),
            Old::History {
                job,
                kept,
                before,
                limit,
            } => self.forget_history(job, *kept as usize, *before, *limit as usize),
            Old::Messages(messages) => {
                let delivered = messages.iter().filter_map(|id| {
                    let (position, message) = self.messages.by_id(id)?;
                    (message.delivery != DeliveryStatus::Queued).then_some(position)
                });
                let delivered: Vec<u64> = delivered.collect();
                delivered
                    .iter()
                    .for_each(|position| self.messages.remove(*position));
                delivered.len() as u64
            }
        }
    }

    fn is_archived(&self, job: &str) -> bool {
        let status = self.jobs.get(job).map(|row| row.job.state.status);
        status == Some(JobStatus::Archived)
    }

    fn forget_job(&mut self, job: &str) -> u64 {
        let needed = |edge: &str| self.jobs.get(edge).is_some() && !self.is_archived(edge);
        if !self.is_archived(job)
            || self
                .edges
                .of_prerequisite(job)
                .any(|edge| needed(&edge.dependent))
        {
            return 0;
        }
        let messages = self.messages.range(..).filter(|(_, message)| {
            let waits = message.delivery == DeliveryStatus::Queued && message.kind != MessageKind::Reply;
            message.job == job && !waits
        });
        let messages: Vec<u64> = messages.map(|(position, _)| *position).collect();
        messages
            .iter()
            .for_each(|position| self.messages.remove(*position));
        let runs: Vec<(String, Instant)> = self
            .runs
            .of_job(job, None)
            .map(|run| (run.job.clone(), run.slot))
            .collect();
        runs.iter().for_each(|run| self.runs.remove(run));
        let edges = self
            .edges
            .of_dependent(job)
            .chain(self.edges.of_prerequisite(job));
        let edges: Vec<(String, String)> = edges
            .map(|edge| (edge.dependent.clone(), edge.prerequisite.clone()))
            .collect();
        edges.iter().for_each(|edge| drop(self.edges.remove(edge)));
        let changes = self.changes.remove(job).map_or(0, |changes| changes.len());
        self.remove_job(job);
        (messages.len() + runs.len() + edges.len() + changes + 1) as u64
    }

    fn forget_history(&mut self, job: &str, kept: usize, before: Instant, limit: usize) -> u64 {
        let last_success = {
            let mut newest_first = self.runs.of_job(job, None);
            let succeeded = newest_first.find(|run| run.status == RunStatus::Succeeded);
            succeeded.map(|run| run.slot)
        };
        let mut runs: Vec<(String, Instant)> = self
            .runs
            .of_job(job, None)
            .skip(kept)
            .filter(|run| run.slot < before && !is_open(run) && Some(run.slot) != last_success)
            .map(|run| (run.job.clone(), run.slot))
            .collect();
        // The oldest go first.
        runs.reverse();
        runs.truncate(limit);
        runs.iter().for_each(|run| self.runs.remove(run));
        let mut changes = 0;
        if let Some(all) = self.changes.get_mut(job) {
            let old = all.len().saturating_sub(kept);
            let mut place = 0;
            all.retain(|change| {
                place += 1;
                let goes = place <= old && change.at < before && changes < limit;
                changes += usize::from(goes);
                !goes
            });
        }
        (runs.len() + changes) as u64
    }
}
