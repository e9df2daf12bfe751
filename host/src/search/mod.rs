//! Finding jobs by what they are about. An index of a tenant's texts is kept in memory, built from storage at the
//! first search and kept up with by what storage says is new; with an embedder it has a vector for each job as well.
//! Jobs are ranked by both: the cosine of the question, and the share of its words that a job has. What a search
//! answers is read from storage: the index only says where to look.

mod best;
mod embedding;
mod index;
mod kept;
mod vocabulary;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::sync::{Notify, OwnedRwLockReadGuard, RwLock};

pub(crate) use self::embedding::writes_texts;
use self::index::{Asked, Direction, Index};
use self::kept::Kept;
use crate::cpu;
use crate::embedding::Embedder;
use crate::limits::{
    PAGE_ROWS_MAX, SEARCH_COMPLETIONS_MAX, SEARCH_PAGE_ROWS, SEARCH_RELEVANT_ROWS, SEARCH_SELECTIVE_ROWS,
    SEARCH_SPARE_ROWS, SEARCHES_BETWEEN_COUNTS,
};
use crate::storage::Storage;
use crate::storage::words::Terms;
use crate::wit::storage::{Hit, HitPage, JobFilter, SearchMode, SearchQuery, StorageError};
use crate::wit::types::{Job, RetrievalMode};

/// Searches the jobs of all tenants of one host.
pub struct Search {
    storage: Arc<dyn Storage>,
    embedder: Option<Arc<dyn Embedder>>,
    kept: Kept,
    searches: AtomicU64,
    /// Texts were written.
    written: Notify,
}

/// One tenant's index, shared by its searches.
type Shared = Arc<RwLock<Index>>;

fn lost(error: tokio::task::JoinError) -> StorageError {
    StorageError::Unavailable(format!("the search ended: {error}"))
}

/// Rows of a page.
fn rows(limit: u32) -> usize {
    limit.clamp(1, PAGE_ROWS_MAX) as usize
}

/// A question on its way: the index, held still, and what is looked for in it.
struct Question {
    index: Shared,
    asked: Arc<Asked>,
    direction: Option<Arc<Direction>>,
    filter: JobFilter,
}

impl Search {
    /// One without anything in memory. Without an embedder jobs are found by their words.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, embedder: Option<Arc<dyn Embedder>>) -> Self {
        Self {
            storage,
            embedder,
            kept: Kept::default(),
            searches: AtomicU64::new(0),
            written: Notify::new(),
        }
    }

    /// What an import of `storage` asks for: jobs by terms, or ranked.
    ///
    /// # Errors
    /// As [`Storage::search_jobs`]. An embedder that fails is no error: jobs are found by their words then.
    pub async fn jobs(&self, tenant: &str, query: SearchQuery) -> Result<HitPage, StorageError> {
        match query.mode {
            SearchMode::AllTerms | SearchMode::AnyTerm => self.by_terms(tenant, query).await,
            SearchMode::Meaning | SearchMode::Stems => self.ranked(tenant, query).await,
        }
    }

    /// Terms as they are; where nothing is found, the last one as a beginning, and misspelt ones as they were meant.
    async fn by_terms(&self, tenant: &str, query: SearchQuery) -> Result<HitPage, StorageError> {
        let found = self.storage.search_jobs(tenant, query.clone()).await?;
        if !found.hits.is_empty() {
            return self.sorted(tenant, query, found).await;
        }
        if query.page.cursor.is_some() {
            return Ok(found);
        }
        let index = self.caught_up(tenant).await?;
        let (index, terms) = (index.read_owned().await, query.terms.clone());
        let others = cpu::counted(move || index.other_terms(&terms, SEARCH_COMPLETIONS_MAX));
        for terms in tokio::task::spawn_blocking(others).await.map_err(lost)? {
            let other = SearchQuery {
                terms,
                ..query.clone()
            };
            let found = self.storage.search_jobs(tenant, other.clone()).await?;
            if !found.hits.is_empty() {
                let found = self.sorted(tenant, other, found).await?;
                // One page: the next one would have to know which terms these were.
                return Ok(HitPage {
                    total: found.hits.len() as u64,
                    next_cursor: None,
                    ..found
                });
            }
        }
        Ok(found)
    }

    /// What terms found, in the order that is asked for. The best are those of which title and description have most;
    /// those behind them only say it in their instruction.
    async fn sorted(
        &self,
        tenant: &str,
        query: SearchQuery,
        newest: HitPage,
    ) -> Result<HitPage, StorageError> {
        if !query.best_first {
            return Ok(newest);
        }
        let terms = Terms::of(&query);
        let index = self.caught_up(tenant).await?;
        let held = Arc::clone(&index).read_owned().await;
        let text = query.terms.join(" ");
        let asked = cpu::counted(move || held.ask(&text));
        let question = Question {
            index,
            asked: Arc::new(tokio::task::spawn_blocking(asked).await.map_err(lost)?),
            direction: None,
            filter: query.filter,
        };
        let limit = rows(query.page.limit);
        let ranked = question.ranked(None, SEARCH_RELEVANT_ROWS).await?;
        let said = |job: &Job| terms.are_said_by(job);
        let mut hits = Vec::new();
        self.pick(tenant, &question, &ranked, limit, said, &mut hits)
            .await?;
        for hit in newest.hits {
            if hits.len() < limit && hits.iter().all(|one: &Hit| one.job.id != hit.job.id) {
                hits.push(Hit { score: 0.0, ..hit });
            }
        }
        Ok(HitPage {
            hits,
            next_cursor: None,
            ..newest
        })
    }

    async fn ranked(&self, tenant: &str, query: SearchQuery) -> Result<HitPage, StorageError> {
        let text = query.terms.join(" ");
        let index = self.caught_up(tenant).await?;
        let held = Arc::clone(&index).read_owned().await;
        let has_vectors = held.has_vectors();
        let question = text.clone();
        let asked = cpu::counted(move || held.ask(&question));
        let asked = Arc::new(tokio::task::spawn_blocking(asked).await.map_err(lost)?);
        let direction = if query.mode == SearchMode::Meaning && has_vectors {
            self.direction(text, asked.repaired.clone()).await.map(Arc::new)
        } else {
            None
        };
        let mode = match direction {
            Some(_) => RetrievalMode::Semantic,
            None => RetrievalMode::Lexical,
        };
        let question = Question {
            index,
            asked,
            direction,
            filter: query.filter,
        };
        let limit = rows(query.page.limit);
        let hits = self.hits(tenant, &question, limit).await?;
        Ok(HitPage {
            total: hits.len() as u64,
            hits,
            next_cursor: None,
            mode,
        })
    }

    /// The best jobs that the filter lets pass. What changes with every run is in storage alone: the best of all are
    /// looked at there; where too few of them pass, those that pass are asked for, and ranked by themselves.
    async fn hits(&self, tenant: &str, question: &Question, limit: usize) -> Result<Vec<Hit>, StorageError> {
        let mut count = limit + SEARCH_SPARE_ROWS;
        let mut looked_at = 0;
        let mut hits = Vec::new();
        loop {
            let ranked = question.ranked(None, count).await?;
            let is_all = ranked.len() < count;
            let next = ranked.get(looked_at..).unwrap_or_default();
            self.pick(tenant, question, next, limit, |_| true, &mut hits)
                .await?;
            if is_all || hits.len() == limit {
                return Ok(hits);
            }
            if looked_at == 0 {
                let few = SEARCH_SELECTIVE_ROWS;
                let filter = question.filter.clone();
                let numbers = self.storage.job_numbers(tenant, filter, few + 1).await?;
                if numbers.len() <= few as usize {
                    let ranked = question.ranked(Some(numbers), limit).await?;
                    hits.clear();
                    self.pick(tenant, question, &ranked, limit, |_| true, &mut hits)
                        .await?;
                    return Ok(hits);
                }
            }
            looked_at = ranked.len();
            count *= 8;
        }
    }

    /// Adds those of some ranked jobs that pass, and fit.
    async fn pick(
        &self,
        tenant: &str,
        question: &Question,
        ranked: &[(u64, f64)],
        limit: usize,
        fits: impl Fn(&Job) -> bool + Send,
        hits: &mut Vec<Hit>,
    ) -> Result<(), StorageError> {
        let mut ranked = ranked;
        while !ranked.is_empty() && hits.len() < limit {
            // A few more than are missing: most pass.
            let (now, later) = ranked.split_at(ranked.len().min(2 * limit + SEARCH_SPARE_ROWS));
            ranked = later;
            let numbers = now.iter().map(|(number, _)| *number).collect();
            let picked = self
                .storage
                .pick_jobs(tenant, numbers, question.filter.clone())
                .await?;
            let score = |number: u64| {
                now.iter()
                    .find(|(of, _)| *of == number)
                    .map_or(0.0, |(_, score)| *score)
            };
            let room = limit - hits.len();
            let some = picked.into_iter().filter(|(_, job)| fits(job)).take(room);
            hits.extend(some.map(|(number, job)| Hit {
                job,
                score: score(number),
            }));
        }
        Ok(())
    }

    /// A tenant's index, with all that storage has.
    async fn caught_up(&self, tenant: &str) -> Result<Shared, StorageError> {
        let model = self.embedder.as_ref().map(|embedder| embedder.model().to_owned());
        let counts = self
            .searches
            .fetch_add(1, Relaxed)
            .is_multiple_of(SEARCHES_BETWEEN_COUNTS);
        let mut index = self.kept.of(tenant, || Index::new(model.clone()));
        if counts && self.is_outgrown(tenant, &*index.read().await).await? {
            self.kept.forget(tenant);
            index = self.kept.of(tenant, || Index::new(model.clone()));
        }
        loop {
            let behind = index.read().await.revision();
            let texts = self.storage.texts(tenant, behind, SEARCH_PAGE_ROWS).await?;
            if texts.is_empty() {
                return Ok(index);
            }
            let mut learning = Arc::clone(&index).write_owned().await;
            // Not counted for the caller: the next one has it as well.
            let learn = move || {
                learning.learn(texts);
                learning.len()
            };
            let rows = tokio::task::spawn_blocking(learn).await.map_err(lost)?;
            self.kept.grown(tenant, rows);
        }
    }

    /// Whether an index has much that is no more: jobs that were deleted, texts that are others now.
    async fn is_outgrown(&self, tenant: &str, index: &Index) -> Result<bool, StorageError> {
        if index.len() < SEARCH_PAGE_ROWS as usize {
            return Ok(false);
        }
        let counts = self.storage.count_jobs(tenant).await?;
        let jobs: u64 = counts.iter().map(|(_, jobs)| jobs).sum();
        Ok(index.len() as u64 > 2 * jobs.max(1) || index.jobs() as u64 > jobs + jobs / 4)
    }

    /// Where a question points, and what it was meant to be.
    async fn direction(&self, text: String, repaired: Option<String>) -> Option<Direction> {
        let embedder = self.embedder.as_ref()?;
        let texts = std::iter::once(text).chain(repaired).collect();
        match embedder.embed(texts).await {
            Ok(vectors) => Direction::mean(&vectors),
            Err(error) => {
                tracing::warn!(%error, "a search goes by words alone");
                None
            }
        }
    }

    /// Forgets a tenant: it is removed, or another may come to have its name.
    pub fn forget(&self, tenant: &str) {
        self.kept.forget(tenant);
    }
}

impl Question {
    async fn ranked(&self, among: Option<Vec<u64>>, count: usize) -> Result<Vec<(u64, f64)>, StorageError> {
        let index: OwnedRwLockReadGuard<Index> = Arc::clone(&self.index).read_owned().await;
        let (asked, direction) = (Arc::clone(&self.asked), self.direction.clone());
        let filter = self.filter.clone();
        let rank = cpu::counted(move || {
            index.ranked(&asked, direction.as_deref(), &filter, among.as_deref(), count)
        });
        tokio::task::spawn_blocking(rank).await.map_err(lost)
    }
}
