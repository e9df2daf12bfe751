//! What the text index has of a job.

use crate::storage::units::Indexed;
use crate::wit::types::JobSpec;

/// Texts beside the title.
#[derive(Clone)]
pub(super) struct Texts {
    pub(super) description: String,
    pub(super) payload: String,
}

impl Indexed for Texts {
    fn of(_tenant: &str, spec: &JobSpec) -> Self {
        Self {
            description: spec.description.clone(),
            payload: spec.payload.clone(),
        }
    }
}
