//! Finding jobs by what they are about. An index of a tenant's texts is kept in memory, built from storage at the
//! first search and kept up with by what storage says is new; with an embedder it has a vector for each job as well.
//! Jobs are ranked by both: the cosine of the question, and the share of its words that a job has. What a search
//! answers is read from storage: the index only says where to look.

mod asked;
mod best;
mod embedding;
mod index;
mod kept;
mod measures;
mod question;
mod rows;
mod vocabulary;

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use self::asked::telling;
pub(crate) use self::embedding::writes_texts;
use self::index::Index;
use self::kept::{Kept, One};
use self::measures::Direction;
use self::question::{Question, computed};
use crate::embedding::Embedder;
use crate::limits::{
    PAGE_ROWS_MAX, SEARCH_COMPLETIONS_MAX, SEARCH_EMBED_AGAIN, SEARCH_EMBED_WAIT, SEARCH_PAGE_ROWS,
    SEARCH_TERMS_MAX,
};
use crate::storage::Storage;
use crate::storage::words::Terms;
use crate::wit::storage::{Hit, HitPage, SearchMode, SearchQuery, StorageError};
use crate::wit::types::{Job, RetrievalMode};

/// Searches the jobs of all tenants of one host.
pub struct Search {
    storage: Arc<dyn Storage>,
    embedder: Option<Arc<dyn Embedder>>,
    /// Until then questions are not given to the embedder: it did not answer.
    silent_until: Mutex<Option<Instant>>,
    kept: Kept,
    /// Texts were written.
    written: Notify,
}

/// Rows of a page.
fn rows(limit: u32) -> usize {
    limit.clamp(1, PAGE_ROWS_MAX) as usize
}

impl Search {
    /// One without anything in memory. Without an embedder jobs are found by their words.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, embedder: Option<Arc<dyn Embedder>>) -> Self {
        Self {
            storage,
            embedder,
            silent_until: Mutex::default(),
            kept: Kept::default(),
            written: Notify::new(),
        }
    }

    /// What an import of `storage` asks for: jobs by terms, or ranked.
    ///
    /// # Errors
    /// As [`Storage::search_jobs`]; `bad-cursor` where the best are to be first and there is a cursor: that is one
    /// page. An embedder that fails is no error: jobs are found by their words then.
    pub async fn jobs(&self, tenant: &str, query: SearchQuery) -> Result<HitPage, StorageError> {
        let is_ranked = matches!(query.mode, SearchMode::Meaning | SearchMode::Stems);
        if query.page.cursor.is_some() && (is_ranked || query.best_first) {
            return Err(StorageError::BadCursor);
        }
        if is_ranked {
            self.ranked(tenant, query).await
        } else {
            self.by_terms(tenant, query).await
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
        let one = self.caught_up(tenant).await?;
        let index = Arc::clone(&one.index).read_owned().await;
        let (terms, filter) = (query.terms.clone(), query.filter.clone());
        let others = computed(move || index.other_terms(&terms, &filter, SEARCH_COMPLETIONS_MAX)).await?;
        for terms in others {
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
        let one = self.caught_up(tenant).await?;
        let index = Arc::clone(&one.index).read_owned().await;
        let text = query.terms.join(" ");
        let (asked, index) = computed(move || (index.ask(&text), index)).await?;
        let question = Question::of(index, asked, None, query.filter).await?;
        let limit = rows(query.page.limit);
        let said = |job: &Job| terms.are_said_by(job);
        let mut hits = question.hits(&*self.storage, tenant, limit, said).await?;
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
        if query.mode == SearchMode::Stems && !self.kept.is_ready(tenant) {
            // Nobody who creates a job waits for an index to be built: jobs with the same words will do.
            let words = SearchQuery {
                terms: telling(&text).into_iter().take(SEARCH_TERMS_MAX).collect(),
                mode: SearchMode::AllTerms,
                best_first: false,
                ..query
            };
            return self.storage.search_jobs(tenant, words).await;
        }
        let one = self.caught_up(tenant).await?;
        let index = Arc::clone(&one.index).read_owned().await;
        let by_meaning = query.mode == SearchMode::Meaning && index.has_vectors();
        let question = text.clone();
        let asked = computed(move || index.ask(&question)).await?;
        let direction = if by_meaning {
            self.direction(text, asked.repaired.clone()).await
        } else {
            None
        };
        let index = Arc::clone(&one.index).read_owned().await;
        let question = Question::of(index, asked, direction, query.filter).await?;
        let mode = if question.is_semantic() {
            RetrievalMode::Semantic
        } else {
            RetrievalMode::Lexical
        };
        let limit = rows(query.page.limit);
        let hits = question.hits(&*self.storage, tenant, limit, |_| true).await?;
        Ok(HitPage {
            total: hits.len() as u64,
            hits,
            next_cursor: None,
            mode,
        })
    }

    /// A tenant's index, with all that storage has.
    async fn caught_up(&self, tenant: &str) -> Result<Arc<One>, StorageError> {
        let model = self.embedder.as_ref().map(|embedder| embedder.model().to_owned());
        let new = || Index::new(model.clone());
        let mut one = self.kept.of(tenant, new);
        // One learns, the others have it as well.
        let mut learning = Arc::clone(&one.learning).lock_owned().await;
        if one.is_to_be_counted() && self.is_outgrown(tenant, &one).await? {
            self.kept.forget(tenant);
            one = self.kept.of(tenant, new);
            learning = Arc::clone(&one.learning).lock_owned().await;
        }
        loop {
            let behind = one.index.read().await.revision();
            let texts = self.storage.texts(tenant, behind, SEARCH_PAGE_ROWS).await?;
            let is_last = texts.len() < SEARCH_PAGE_ROWS as usize;
            if !texts.is_empty() {
                let mut index = Arc::clone(&one.index).write_owned().await;
                // Not counted for the caller: the next one has it as well.
                let learn = tokio::task::spawn_blocking(move || {
                    index.learn(texts);
                    index.bytes()
                });
                self.kept.grown(tenant, learn.await.map_err(question::lost)?);
            }
            if is_last {
                drop(learning);
                return Ok(one);
            }
        }
    }

    /// Whether an index has much that is no more: jobs that were deleted, texts that are others now.
    async fn is_outgrown(&self, tenant: &str, one: &One) -> Result<bool, StorageError> {
        let (rows, known) = {
            let index = one.index.read().await;
            (index.len() as u64, index.jobs() as u64)
        };
        if rows < u64::from(SEARCH_PAGE_ROWS) {
            return Ok(false);
        }
        let counts = self.storage.count_jobs(tenant).await?;
        let jobs: u64 = counts.iter().map(|(_, jobs)| jobs).sum();
        Ok(rows > 2 * jobs.max(1) || known > jobs + jobs / 4)
    }

    /// Where a question points, and what it was meant to be.
    async fn direction(&self, text: String, repaired: Option<String>) -> Option<Direction> {
        let embedder = self.embedder.as_ref()?;
        let silent_until = || self.silent_until.lock().unwrap_or_else(PoisonError::into_inner);
        if silent_until().is_some_and(|until| Instant::now() < until) {
            return None;
        }
        let texts = std::iter::once(text).chain(repaired).collect();
        match timeout(SEARCH_EMBED_WAIT, embedder.embed(texts)).await {
            Ok(Ok(vectors)) => return Direction::mean(&vectors),
            Ok(Err(error)) => tracing::warn!(%error, "a search goes by words alone"),
            Err(_) => {
                *silent_until() = Some(Instant::now() + SEARCH_EMBED_AGAIN);
                tracing::warn!("the embedder is silent: searches go by words alone for a while");
            }
        }
        None
    }

    /// Forgets a tenant: it is removed, or another may come to have its name.
    pub fn forget(&self, tenant: &str) {
        self.kept.forget(tenant);
    }
}
