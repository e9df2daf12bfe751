//! How much one read may bring: rows are counted before they are read.

use rusqlite::Row;
use rusqlite::types::ValueRef;

use crate::limits::READ_BYTES_MAX;
use crate::wit::storage::StorageError;

/// What may still be read in one go.
pub(super) struct Room(usize);

/// The rows that were asked for are more than is read in one go.
#[derive(Debug, thiserror::Error)]
#[error("the rows come to more than {READ_BYTES_MAX} bytes: ask for fewer")]
struct TooMuch;

impl Room {
    pub(super) fn new() -> Self {
        Self(READ_BYTES_MAX)
    }

    /// Counts the texts of a row before it is read.
    pub(super) fn take(&mut self, row: &Row<'_>, texts: &[usize]) -> rusqlite::Result<()> {
        let size = size(row, texts)?;
        let left = self.0.checked_sub(size);
        self.0 = left.ok_or_else(|| rusqlite::Error::ToSqlConversionFailure(Box::new(TooMuch)))?;
        Ok(())
    }
}

/// Bytes of some texts of a row, without reading them.
pub(super) fn size(row: &Row<'_>, texts: &[usize]) -> rusqlite::Result<usize> {
    let sizes = texts.iter().map(|text| {
        Ok(match row.get_ref(*text)? {
            ValueRef::Text(text) | ValueRef::Blob(text) => text.len(),
            _ => 0,
        })
    });
    sizes.sum()
}

/// What an error of a read is to those who asked.
pub(super) fn failure(error: rusqlite::Error) -> StorageError {
    match &error {
        rusqlite::Error::ToSqlConversionFailure(inner) if inner.is::<TooMuch>() => {
            StorageError::LimitExceeded(inner.to_string())
        }
        _ => StorageError::Unavailable(error.to_string()),
    }
}
