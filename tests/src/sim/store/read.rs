//! Reads: every committed unit is seen.

use std::collections::BTreeSet;

use meanwhile_guest::bindings::storage::{
    EdgeFilter, Hit, HitPage, JobFilter, JobPage, MessageFilter, Page, RunFilter, SearchMode, SearchQuery,
};
use meanwhile_guest::bindings::types::{Edge, Job, JobStatus, Message, RetrievalMode, Run, StatusChange};

use super::Store;

fn among<T: PartialEq>(list: &[T], value: &T) -> bool {
    list.is_empty() || list.contains(value)
}

fn matches(job: &Job, filter: &JobFilter) -> bool {
    let status = job.state.status;
    filter.agent.as_ref().is_none_or(|agent| *agent == job.agent)
        && filter.user.as_ref().is_none_or(|user| *user == job.user)
        && among(&filter.statuses, &status)
        && among(&filter.job_types, &job.spec.job_type)
        && (status != JobStatus::Archived || filter.include_archived || filter.statuses.contains(&status))
        && (filter.idempotency_key.is_none() || filter.idempotency_key == job.spec.idempotency_key)
        && filter.title.as_ref().is_none_or(|title| *title == job.spec.title)
}

impl Store {
    pub fn get_jobs(&self, ids: &[String]) -> Vec<Option<Job>> {
        let job = |id: &String| self.job_index(id).map(|job| self.jobs[job].job.clone());
        ids.iter().map(job).collect()
    }

    pub fn get_runs(&self, ids: &[String]) -> Vec<Option<Run>> {
        let run = |id: &String| self.run_index(id).map(|run| self.runs[run].clone());
        ids.iter().map(run).collect()
    }

    /// Worlds are small: one page holds all.
    pub fn find_jobs(&self, filter: &JobFilter, page: &Page) -> JobPage {
        let found = || {
            let jobs = self.jobs.iter().rev().map(|row| &row.job);
            jobs.filter(|job| matches(job, filter))
        };
        JobPage {
            total: if page.count { found().count() as u64 } else { 0 },
            jobs: found().take(page.limit as usize).cloned().collect(),
            next_cursor: None,
        }
    }

    pub fn find_runs(&self, filter: &RunFilter) -> Vec<Run> {
        let Some(job) = self.job_index(&filter.job) else {
            return Vec::new();
        };
        self.runs_of(job)
            .rev()
            .filter(|run| among(&filter.statuses, &run.status))
            .filter(|run| filter.before.is_none_or(|before| run.slot < before))
            .take(filter.limit as usize)
            .cloned()
            .collect()
    }

    pub fn find_edges(&self, filter: &EdgeFilter) -> Vec<Edge> {
        match filter {
            EdgeFilter::OfDependents(ids) => ids
                .iter()
                .filter_map(|id| self.job_index(id))
                .flat_map(|job| self.edges_of(job).map(|(_, edge)| edge.clone()))
                .collect(),
            EdgeFilter::Ancestors(of) => {
                let mut seen = BTreeSet::new();
                let mut above = Vec::new();
                let mut front: Vec<usize> =
                    of.dependents.iter().filter_map(|id| self.job_index(id)).collect();
                while let Some(job) = front.pop().filter(|_| above.len() < of.limit as usize) {
                    if seen.insert(job) {
                        front.extend(self.edges_of(job).map(|(prerequisite, _)| prerequisite));
                        above.extend(self.edges_of(job).map(|(_, edge)| edge.clone()));
                    }
                }
                above.truncate(of.limit as usize);
                above
            }
            EdgeFilter::OfPrerequisite(of) => {
                let mut edges: Vec<Edge> = self
                    .edges
                    .values()
                    .filter(|edge| edge.prerequisite == of.prerequisite)
                    .filter(|edge| among(&of.statuses, &edge.status))
                    .filter(|edge| of.after.as_ref().is_none_or(|after| edge.dependent > *after))
                    .cloned()
                    .collect();
                edges.sort_by(|a, b| a.dependent.cmp(&b.dependent));
                edges.truncate(of.limit as usize);
                edges
            }
        }
    }

    pub fn find_messages(&self, filter: &MessageFilter) -> Vec<Message> {
        let fits = |message: &&Message| {
            filter.id.as_ref().is_none_or(|id| *id == message.id)
                && filter.job.as_ref().is_none_or(|job| *job == message.job)
                && filter.user.as_ref().is_none_or(|user| *user == message.user)
                && among(&filter.kinds, &message.kind)
                && among(&filter.deliveries, &message.delivery)
        };
        let limit = filter.limit as usize;
        match filter.job.as_ref().map(|job| self.job_index(job)) {
            Some(None) => Vec::new(),
            Some(Some(job)) => self.messages_of(job).filter(fits).take(limit).cloned().collect(),
            None => self.messages.iter().filter(fits).take(limit).cloned().collect(),
        }
    }

    pub fn find_changes(&self, job: &str, limit: u32) -> Vec<StatusChange> {
        let of_job = self.changes.iter().rev().filter(|change| change.job == job);
        of_job.take(limit as usize).cloned().collect()
    }

    pub fn search_jobs(&self, query: &SearchQuery) -> HitPage {
        let says = |job: &Job, term: &String| {
            let text = format!("{} {} {}", job.spec.title, job.spec.description, job.spec.payload);
            text.to_lowercase().contains(&term.to_lowercase())
        };
        let hits: Vec<Hit> = self
            .jobs
            .iter()
            .rev()
            .map(|row| &row.job)
            .filter(|job| matches(job, &query.filter))
            .filter(|job| match query.mode {
                SearchMode::AllTerms => query.terms.iter().all(|term| says(job, term)),
                SearchMode::AnyTerm => query.terms.iter().any(|term| says(job, term)),
                // Worlds search by terms alone.
                SearchMode::Meaning | SearchMode::Stems => false,
            })
            .take(query.page.limit as usize)
            .map(|job| Hit {
                job: job.clone(),
                score: 1.0,
            })
            .collect();
        HitPage {
            total: hits.len() as u64,
            hits,
            next_cursor: None,
            mode: RetrievalMode::Lexical,
        }
    }
}
