//! Why something could not be decided, by what happens next.

use crate::bindings::storage::StorageError;
use crate::lifecycle::IllegalTransition;

/// Storage trouble stops the call, to be made again; trouble with a row stops only that row.
#[derive(Debug)]
pub enum Trouble {
    /// Storage did not answer: nothing was written.
    Storage(StorageError),
    /// A row cannot be decided on; the text says which and why.
    Row(String),
}

impl From<StorageError> for Trouble {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

impl From<IllegalTransition> for Trouble {
    fn from(error: IllegalTransition) -> Self {
        Self::Row(error.to_string())
    }
}
