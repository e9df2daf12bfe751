//! Filters, pages and search.

use std::cmp::Reverse;

use super::{JobRow, Rows};
use crate::limits::{PAGE_ROWS_MAX, TOTAL_COUNT_MAX};
use crate::storage::words::Terms;
use crate::wit::storage::{Hit, HitPage, JobFilter, Page, SearchQuery};
use crate::wit::types::{Job, JobStatus, RetrievalMode};

impl Rows {
    /// Jobs that match, newest first.
    pub(super) fn newest(&self, filter: &JobFilter, found: impl Fn(&Job) -> bool) -> Vec<&JobRow> {
        let mut rows: Vec<&JobRow> = self
            .jobs
            .values()
            .filter(|row| matches(&row.job, filter) && found(&row.job))
            .collect();
        rows.sort_by_key(|row| Reverse(row.seq));
        rows
    }
}

pub(super) fn matches(job: &Job, filter: &JobFilter) -> bool {
    let status = job.state.status;
    filter.agent.as_ref().is_none_or(|agent| *agent == job.agent)
        && filter.user.as_ref().is_none_or(|user| *user == job.user)
        && among(&filter.statuses, &status)
        && among(&filter.job_types, &job.spec.job_type)
        && (status != JobStatus::Archived || filter.include_archived || filter.statuses.contains(&status))
        && (filter.idempotency_key.is_none() || filter.idempotency_key == job.spec.idempotency_key)
        && filter.title.as_ref().is_none_or(|title| *title == job.spec.title)
}

/// Whether a list that narrows lets `value` pass.
pub(super) fn among<T: PartialEq>(list: &[T], value: &T) -> bool {
    list.is_empty() || list.contains(value)
}

pub(super) fn rows_of_page(limit: u32) -> usize {
    limit.clamp(1, PAGE_ROWS_MAX) as usize
}

/// What a page says of all that was found.
fn total(found: usize, page: &Page) -> u64 {
    if page.count {
        (found as u64).min(TOTAL_COUNT_MAX)
    } else {
        0
    }
}

/// A page of rows that stand newest first, and where the next one begins.
pub(super) fn cut<'a>(
    rows: &[&'a JobRow],
    page: &Page,
    before: Option<i64>,
) -> (Vec<&'a Job>, Option<String>, u64) {
    let total = total(rows.len(), page);
    let before = before.map_or(u64::MAX, |before| u64::try_from(before).unwrap_or(0));
    let limit = rows_of_page(page.limit);
    let shown: Vec<&JobRow> = rows
        .iter()
        .copied()
        .filter(|row| row.seq < before)
        .take(limit)
        .collect();
    let next = shown
        .last()
        .filter(|_| shown.len() == limit)
        .map(|row| row.seq.to_string());
    (shown.into_iter().map(|row| &row.job).collect(), next, total)
}

pub(super) fn search(rows: &Rows, query: &SearchQuery, before: Option<i64>) -> HitPage {
    let terms = Terms::of(query);
    let found = rows.newest(&query.filter, |job| terms.are_said_by(job));
    let (jobs, next_cursor, total) = cut(&found, &query.page, before);
    let hits = jobs.into_iter().map(|job| Hit {
        job: job.clone(),
        score: 1.0,
    });
    HitPage {
        hits: hits.collect(),
        next_cursor,
        total,
        mode: RetrievalMode::Lexical,
    }
}
