//! What jobs are found by: their texts, and vectors that stand for them.

use sha2::{Digest as _, Sha256};

use crate::wit::types::{Job, JobSpec};

/// The texts of a job, as they are now.
#[derive(Clone, Debug, PartialEq)]
pub struct JobTexts {
    /// The job's number, in the order of creation.
    pub number: u64,
    /// Grows over a tenant's texts with every change of one of them, or of its vector.
    pub revision: u64,
    /// Whose job it is.
    pub agent: String,
    /// Whose job it is.
    pub user: String,
    /// As it was written.
    pub title: String,
    /// As it was written.
    pub description: String,
    /// The vector of these texts.
    pub vector: Option<StoredVector>,
}

/// A vector with the model that it comes from; without bytes where that model could make none.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredVector {
    /// Vectors of different models are never compared.
    pub model: String,
    /// As [`Vector::to_bytes`](crate::embedding::Vector::to_bytes) has it.
    pub bytes: Option<Vec<u8>>,
}

/// Texts that have no vector of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Unembedded {
    /// Whose they are.
    pub tenant: String,
    /// The job's number.
    pub number: u64,
    /// The texts' revision.
    pub revision: u64,
    /// As it was written.
    pub title: String,
    /// As it was written.
    pub description: String,
}

/// A vector for texts of a revision.
#[derive(Clone, Debug, PartialEq)]
pub struct NewVector {
    /// The job's number.
    pub number: u64,
    /// Of the texts that it was made from: it is kept only where they are still the same.
    pub revision: u64,
    /// None: the model can make none of these texts.
    pub bytes: Option<Vec<u8>>,
}

/// Jobs that were picked by their numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picked {
    /// With their numbers, in the order asked for.
    pub jobs: Vec<(u64, Job)>,
    /// There was no room for more: not all that were asked for were looked at.
    pub cut: bool,
}

/// Tells texts apart: whether a change of a job is one of what it is found by.
pub(super) fn hash(spec: &JobSpec) -> i64 {
    let mut hash = Sha256::new();
    hash.update(&spec.title);
    hash.update([0]);
    hash.update(&spec.description);
    let digest: [u8; 32] = hash.finalize().into();
    digest.first_chunk().map_or(0, |first| i64::from_le_bytes(*first))
}

/// Title and description of a job's record; empty where it cannot be read.
pub(super) fn of_spec(json: &str) -> (String, String) {
    #[derive(Default, serde::Deserialize)]
    struct Texts {
        title: String,
        description: String,
    }
    let texts: Texts = serde_json::from_str(json).unwrap_or_default();
    (texts.title, texts.description)
}
