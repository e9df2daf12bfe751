//! An embedder for tests, whose meaning can be read: words of one line mean the same, all others themselves.

#![allow(clippy::unwrap_used)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use async_trait::async_trait;
use meanwhile::embedding::{Embedder, EmbeddingError, Vector, VectorError};

const DIMENSIONS: usize = 256;

const CONCEPTS: [&[&str]; 5] = [
    &["invoice", "invoices", "bill", "bills"],
    &["pending", "unpaid", "open", "owed", "owe"],
    &["dentist", "teeth", "tooth"],
    &["customers", "clients"],
    &["weather", "rain", "sun"],
];

/// Stands for a model.
pub struct Concepts {
    pub name: String,
    /// What it does instead of answering.
    pub failure: Mutex<Option<EmbeddingError>>,
    /// Texts that contain it get no vector.
    pub poison: Option<&'static str>,
    /// Texts it was given.
    pub given: AtomicUsize,
}

impl Concepts {
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            failure: Mutex::default(),
            poison: None,
            given: AtomicUsize::new(0),
        }
    }

    /// From now on it fails so, or answers again.
    ///
    /// # Panics
    /// When another test thread died with the lock.
    pub fn fail(&self, failure: Option<EmbeddingError>) {
        *self.failure.lock().unwrap() = failure;
    }
}

fn dimension(word: &str) -> usize {
    let concept = CONCEPTS.iter().position(|words| words.contains(&word));
    concept.unwrap_or_else(|| {
        let hash = word.bytes().fold(17_usize, |hash, byte| {
            hash.wrapping_mul(31).wrapping_add(byte.into())
        });
        CONCEPTS.len() + hash % (DIMENSIONS - CONCEPTS.len())
    })
}

#[async_trait]
impl Embedder for Concepts {
    fn model(&self) -> &str {
        &self.name
    }

    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vector>, EmbeddingError> {
        if let Some(failure) = self.failure.lock().unwrap().clone() {
            return Err(failure);
        }
        self.given.fetch_add(texts.len(), SeqCst);
        let unusable = |error| EmbeddingError::Vector {
            model: self.name.clone(),
            error,
        };
        texts
            .iter()
            .map(|text| {
                if self.poison.is_some_and(|poison| text.contains(poison)) {
                    return Err(unusable(VectorError::NotFinite(0)));
                }
                // So that no text is without a direction.
                let mut numbers = vec![1e-3_f32; DIMENSIONS];
                for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()) {
                    numbers[dimension(word)] += 1.0;
                }
                Vector::of(&numbers).map_err(unusable)
            })
            .collect()
    }
}
