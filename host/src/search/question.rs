//! A question on its way: how well each job fits, and which of them may be shown.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::OwnedRwLockReadGuard;

use super::asked::Asked;
use super::index::Index;
use super::measures::{Direction, Measures};
use crate::cpu;
use crate::limits::{PAGE_ROWS_MAX, SEARCH_SELECTIVE_ROWS, SEARCH_SPARE_ROWS};
use crate::storage::Storage;
use crate::wit::storage::{Hit, JobFilter, StorageError};
use crate::wit::types::Job;

/// Jobs that are picked at once, at most: as many as one page has.
const PICKED_AT_ONCE: usize = PAGE_ROWS_MAX as usize;
/// By how many more each pick asks for, at least.
const PICKED_MORE: usize = 4;

pub(super) fn lost(error: tokio::task::JoinError) -> StorageError {
    StorageError::Unavailable(format!("the search ended: {error}"))
}

/// Computes on a thread where nobody else waits, counted for the caller.
pub(super) async fn computed<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StorageError> {
    tokio::task::spawn_blocking(cpu::counted(work))
        .await
        .map_err(lost)
}

/// The index is held as it is until the question is answered.
struct Measured {
    index: OwnedRwLockReadGuard<Index>,
    measures: Measures,
}

pub(super) struct Question {
    measured: Arc<Measured>,
    filter: JobFilter,
}

impl Question {
    pub(super) async fn of(
        index: OwnedRwLockReadGuard<Index>,
        asked: Asked,
        direction: Option<Direction>,
        filter: JobFilter,
    ) -> Result<Self, StorageError> {
        let owned_by = filter.clone();
        let measured = computed(move || Measured {
            measures: index.measure(&asked, direction.as_ref(), &owned_by),
            index,
        });
        Ok(Self {
            measured: Arc::new(measured.await?),
            filter,
        })
    }

    /// Whether vectors were compared.
    pub(super) fn is_semantic(&self) -> bool {
        self.measured.measures.is_semantic
    }

    /// The numbers of the jobs that fit best, at most `count`: of all, or of some.
    async fn ranked(&self, among: Option<Vec<u64>>, count: usize) -> Result<Vec<(u64, f64)>, StorageError> {
        let measured = Arc::clone(&self.measured);
        computed(move || measured.index.best(&measured.measures, among.as_deref(), count)).await
    }

    /// The best jobs that the filter lets pass, and that fit. What changes with every run is in storage alone: the best
    /// of all are looked at there; where too few of them pass, those that pass are asked for, and ranked by themselves.
    pub(super) async fn hits(
        &self,
        storage: &dyn Storage,
        tenant: &str,
        limit: usize,
        fits: impl Fn(&Job) -> bool,
    ) -> Result<Vec<Hit>, StorageError> {
        let mut page = Page {
            limit,
            fits,
            hits: Vec::new(),
            looked_at: HashSet::new(),
        };
        let mut count = limit + SEARCH_SPARE_ROWS;
        let mut is_first = true;
        loop {
            let ranked = self.ranked(None, count).await?;
            let is_all = ranked.len() < count;
            if page.pick(self, storage, tenant, &ranked).await? || is_all {
                return Ok(page.hits);
            }
            if is_first {
                is_first = false;
                let (few, filter) = (SEARCH_SELECTIVE_ROWS, self.filter.clone());
                let numbers = storage.job_numbers(tenant, filter, few + 1).await?;
                if numbers.len() <= few as usize {
                    let all = numbers.len();
                    let ranked = self.ranked(Some(numbers), all).await?;
                    page.pick(self, storage, tenant, &ranked).await?;
                    return Ok(page.hits);
                }
            }
            count *= 8;
        }
    }
}

/// An answer that is being put together.
struct Page<F> {
    limit: usize,
    fits: F,
    hits: Vec<Hit>,
    looked_at: HashSet<u64>,
}

impl<F: Fn(&Job) -> bool> Page<F> {
    /// Adds those of some ranked jobs that pass, and fit. True: no more are wanted, or there is no room for more.
    async fn pick(
        &mut self,
        question: &Question,
        storage: &dyn Storage,
        tenant: &str,
        ranked: &[(u64, f64)],
    ) -> Result<bool, StorageError> {
        let new: Vec<(u64, f64)> = ranked
            .iter()
            .filter(|(number, _)| !self.looked_at.contains(number))
            .copied()
            .collect();
        let mut new = new.as_slice();
        // A few more than are missing, as most pass; where they do not, more and more.
        let mut at_once = self.limit - self.hits.len();
        while !new.is_empty() && self.hits.len() < self.limit {
            at_once = (at_once + at_once / 2 + PICKED_MORE).min(PICKED_AT_ONCE);
            let (now, later) = new.split_at(at_once.min(new.len()));
            new = later;
            let numbers: Vec<u64> = now.iter().map(|(number, _)| *number).collect();
            self.looked_at.extend(&numbers);
            let picked = storage
                .pick_jobs(tenant, numbers, question.filter.clone())
                .await?;
            for (number, job) in picked.jobs {
                if self.hits.len() < self.limit && (self.fits)(&job) {
                    let score = now.iter().find(|(of, _)| *of == number);
                    let score = score.map_or(0.0, |(_, score)| *score);
                    self.hits.push(Hit { job, score });
                }
            }
            if picked.cut {
                // The page is full by its bytes: what comes next would not be the next best.
                return Ok(true);
            }
        }
        Ok(self.hits.len() == self.limit)
    }
}
