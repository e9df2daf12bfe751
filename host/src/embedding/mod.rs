//! Texts as vectors: the nearer two of them are, the more alike is what the texts mean.

mod candle;
#[doc(hidden)]
pub mod fetch;
pub mod files;
mod http;
mod matrix;
mod setting;
mod text;
mod vector;

use async_trait::async_trait;

pub use self::candle::Candle;
pub use self::http::Http;
pub use self::matrix::Matrix;
pub use self::setting::{EmbedderSetting, KEY_FILE_VARIABLE, KEY_VARIABLE};
pub use self::vector::{Vector, VectorError};

use crate::wit::types::ErrorClass;

/// Makes vectors of texts. One implementation a way of doing it.
#[async_trait]
pub trait Embedder: Send + Sync + 'static {
    /// Names the model and how texts are prepared for it: vectors of different names are never
    /// compared.
    fn model(&self) -> &str;

    /// One vector a text, in order, all of one number of dimensions. Texts may have any length and
    /// script: what is beyond the model's window is left out.
    ///
    /// # Errors
    /// When there is no vector for one of them; the others' are not given either.
    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vector>, EmbeddingError>;
}

/// Why texts got no vectors.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum EmbeddingError {
    /// It passes by itself: what makes the vectors does not answer.
    #[error("{0}")]
    Unavailable(String),
    /// Somebody has to do what the text says: a file of the model is broken, or a key is wrong.
    #[error("{0}")]
    Unusable(String),
    /// The model answered with something that is no vector: this text, or this model, has none.
    #[error("{model} answered with a vector that cannot be used: {error}")]
    Vector {
        /// Which model.
        model: String,
        /// What is wrong with it.
        error: VectorError,
    },
}

impl EmbeddingError {
    /// Whether the same texts may be given again later.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Unavailable(_) => ErrorClass::Transient,
            Self::Unusable(_) | Self::Vector { .. } => ErrorClass::Permanent,
        }
    }
}
