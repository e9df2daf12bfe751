//! Vectors are made behind the caller's back: whoever writes a text never waits for one.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Search;
use crate::embedding::{Embedder, EmbeddingError, Vector};
use crate::limits::{EMBED_AGAIN, EMBED_BATCH_TEXTS, EMBED_LOOK, EMBED_QUIET, EMBED_WAIT_MAX};
use crate::storage::texts::{NewVector, Unembedded};
use crate::wit::storage::{StorageError, Unit, Write};

/// Why texts have no vectors yet.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// Storage does not answer.
    #[error("storage: {0:?}")]
    Storage(StorageError),
    /// The embedder does not answer, or cannot be used.
    #[error("embedder: {0}")]
    Embedder(#[from] EmbeddingError),
}

impl From<StorageError> for EmbedError {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// The text of a job that its vector is made from: instructions would dilute it.
fn text_of(text: &Unembedded) -> String {
    format!("{}. {}", text.title, text.description)
}

/// Whether a unit writes a job's texts.
pub(crate) fn writes_texts(unit: &Unit) -> bool {
    unit.writes.iter().any(|write| match write {
        Write::InsertJob(_) => true,
        Write::UpdateJob(update) => update.spec.is_some(),
        _ => false,
    })
}

impl Search {
    /// Texts were written: wakes [`keep_embedded`](Self::keep_embedded).
    pub(crate) fn texts_were_written(&self) {
        self.written.notify_one();
    }

    /// Gives every text a vector, and goes on with those that are written, until it is told to end.
    pub(crate) async fn keep_embedded(&self, closed: &CancellationToken) {
        if self.embedder.is_none() {
            return;
        }
        let work = async {
            loop {
                if let Err(error) = self.embed_all().await {
                    tracing::warn!(%error, "new jobs are found by their words alone for now");
                    sleep(EMBED_AGAIN).await;
                } else {
                    self.texts_written(EMBED_LOOK).await;
                }
            }
        };
        tokio::select! {
            () = closed.cancelled() => {}
            () = work => {}
        }
    }

    /// Waits until texts were written and nothing was for a moment, or so long. Whoever creates many jobs shall not
    /// share his processor with this.
    async fn texts_written(&self, wait: Duration) {
        if timeout_at(Instant::now() + wait, self.written.notified())
            .await
            .is_err()
        {
            return;
        }
        let latest = Instant::now() + EMBED_WAIT_MAX;
        loop {
            let quiet = (Instant::now() + EMBED_QUIET).min(latest);
            if timeout_at(quiet, self.written.notified()).await.is_err() {
                return;
            }
        }
    }

    /// Gives all texts a vector that the embedder's model has not seen. Answers how many it saw; 0 without an
    /// embedder.
    ///
    /// # Errors
    /// When storage or the embedder does not answer: those that are left are found by the next call.
    pub async fn embed_all(&self) -> Result<u64, EmbedError> {
        let Some(embedder) = &self.embedder else {
            return Ok(0);
        };
        let mut seen = 0;
        loop {
            let texts = self
                .storage
                .unembedded(embedder.model(), EMBED_BATCH_TEXTS)
                .await?;
            if texts.is_empty() {
                return Ok(seen);
            }
            seen += texts.len() as u64;
            let vectors = vectors(&**embedder, &texts).await?;
            let mut of_tenants: BTreeMap<&str, Vec<NewVector>> = BTreeMap::new();
            for (text, vector) in texts.iter().zip(vectors) {
                of_tenants.entry(&text.tenant).or_default().push(NewVector {
                    number: text.number,
                    revision: text.revision,
                    bytes: vector.map(|vector| vector.to_bytes()),
                });
            }
            for (tenant, vectors) in of_tenants {
                self.storage
                    .put_vectors(tenant, embedder.model(), vectors)
                    .await?;
            }
            // Others first.
            sleep(Duration::ZERO).await;
        }
    }
}

/// One vector a text. Where the model can make none of one of them, each is tried by itself.
async fn vectors(
    embedder: &dyn Embedder,
    texts: &[Unembedded],
) -> Result<Vec<Option<Vector>>, EmbeddingError> {
    let of = |texts: &[Unembedded]| embedder.embed(texts.iter().map(text_of).collect());
    match of(texts).await {
        Ok(vectors) => Ok(vectors.into_iter().map(Some).collect()),
        Err(error) if !is_of_text(&error) => Err(error),
        Err(_) => {
            let mut vectors = Vec::with_capacity(texts.len());
            for text in texts {
                let made = of(std::slice::from_ref(text)).await;
                vectors.push(match made {
                    Ok(vectors) => vectors.into_iter().next(),
                    Err(error) if is_of_text(&error) => {
                        tracing::warn!(tenant = text.tenant, job = text.number, %error, "a job has no vector");
                        None
                    }
                    Err(error) => return Err(error),
                });
            }
            Ok(vectors)
        }
    }
}

fn is_of_text(error: &EmbeddingError) -> bool {
    matches!(error, EmbeddingError::Vector { .. })
}
