//! A model in this process: all-MiniLM-L6-v2, computed by candle. Loaded when it is first needed, and given up
//! when it has not been needed for a while.

mod model;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use self::model::Model;
use super::files::FILES;
use super::{Embedder, EmbeddingError, Vector};
use crate::limits::{EMBEDDER_IDLE, EMBEDDER_QUESTION_TEXTS_MAX};

/// The model, how tokens' vectors become one, and how many tokens of a text count.
const MODEL: &str = "all-MiniLM-L6-v2/mean/256";

/// The embedder that needs nobody else. Give it texts of a `tokio` runtime.
pub struct Candle(Arc<Shared>);

struct Shared {
    directory: PathBuf,
    loaded: tokio::sync::Mutex<Option<Arc<Model>>>,
    /// When it was last needed.
    needed: Mutex<Instant>,
    /// One batch a lane computes at a time.
    turns: [Arc<Semaphore>; Lane::COUNT],
}

/// Where texts are computed, each lane in a thread of its own: a question never waits for many texts.
#[derive(Clone, Copy)]
enum Lane {
    /// A few texts, for which somebody waits.
    Questions = 0,
    /// Many texts, at low priority.
    Many = 1,
}

impl Lane {
    const COUNT: usize = 2;

    fn of(texts: &[String]) -> Self {
        if texts.len() <= EMBEDDER_QUESTION_TEXTS_MAX {
            Self::Questions
        } else {
            Self::Many
        }
    }
}

impl Candle {
    /// One whose files lie in `directory`. They are looked at, not read.
    ///
    /// # Errors
    /// When a file is missing or too short; it says how to get it.
    pub fn new(directory: &Path) -> Result<Self, EmbeddingError> {
        for file in FILES {
            file.look(directory)?;
        }
        Ok(Self(Arc::new(Shared {
            directory: directory.to_owned(),
            loaded: tokio::sync::Mutex::default(),
            needed: Mutex::new(Instant::now()),
            turns: std::array::from_fn(|_| Arc::new(Semaphore::new(1))),
        })))
    }

    /// Whether the model is in memory.
    pub async fn is_loaded(&self) -> bool {
        self.0.loaded.lock().await.is_some()
    }
}

#[async_trait]
impl Embedder for Candle {
    fn model(&self) -> &str {
        MODEL
    }

    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vector>, EmbeddingError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let shared = &self.0;
        let model = shared.model().await?;
        let lane = Lane::of(&texts);
        let tokenizer = Arc::clone(&model);
        let batches = computed(move || tokenizer.batches(&texts)).await?;
        let mut vectors: Vec<(usize, Vector)> = Vec::new();
        for batch in batches {
            let turn = Arc::clone(&shared.turns[lane as usize]).acquire_owned().await;
            let turn = turn.map_err(|error| EmbeddingError::Unavailable(error.to_string()))?;
            let model = Arc::clone(&model);
            let found = computed(move || {
                // Until it is done, also where nobody waits for it any more.
                let _turn = turn;
                model.vectors(&batch, lane)
            });
            vectors.extend(found.await?);
            shared.touch();
        }
        vectors.sort_unstable_by_key(|(at, _)| *at);
        Ok(vectors.into_iter().map(|(_, vector)| vector).collect())
    }
}

impl Shared {
    async fn model(self: &Arc<Self>) -> Result<Arc<Model>, EmbeddingError> {
        let mut loaded = self.loaded.lock().await;
        self.touch();
        if let Some(model) = &*loaded {
            return Ok(Arc::clone(model));
        }
        let directory = self.directory.clone();
        let model = Arc::new(computed(move || Model::load(&directory)).await?);
        tracing::debug!(model = MODEL, "loaded");
        *loaded = Some(Arc::clone(&model));
        self.touch();
        tokio::spawn(unload_when_idle(Arc::downgrade(self)));
        Ok(model)
    }

    fn touch(&self) {
        *self.needed.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn idle_from(&self) -> Instant {
        *self.needed.lock().unwrap_or_else(PoisonError::into_inner) + EMBEDDER_IDLE
    }
}

/// Waits until the model has not been needed for [`EMBEDDER_IDLE`], and gives its memory back.
async fn unload_when_idle(shared: Weak<Shared>) {
    while let Some(model) = shared.upgrade() {
        let until = model.idle_from();
        if until <= Instant::now() {
            let mut loaded = model.loaded.lock().await;
            // Somebody may have needed it while the lock was waited for.
            if model.idle_from() <= Instant::now() {
                *loaded = None;
                tracing::debug!(model = MODEL, "given up: it was idle");
                return;
            }
        } else {
            drop(model);
            tokio::time::sleep_until(until).await;
        }
    }
}

/// Does what computes for long in a thread where that holds nobody up.
async fn computed<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EmbeddingError> + Send + 'static,
) -> Result<T, EmbeddingError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(unusable(&error)))
}

/// What the model's code says that no input should make it say.
fn unusable(error: &impl std::fmt::Display) -> EmbeddingError {
    EmbeddingError::Unusable(format!("{MODEL} does not work: {error}"))
}
