//! Rows to lines.

use std::io::Write;

use sha2::{Digest as _, Sha256};

use super::lines::{End, Header, Written};
use crate::limits::MOVED_LINE_BYTES_MAX;
use crate::storage::moving::{Counts, Dump};

/// Why an export is not whole.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// In the storage's words.
    #[error("the store cannot be read to its end: {0}. Export it again")]
    Store(String),
    /// What was written to ended, or is full.
    #[error("the export cannot be written: {0}. Export it again")]
    Output(std::io::Error),
    /// No import would take it.
    #[error("a row of {0} is longer than the {MOVED_LINE_BYTES_MAX} bytes that an import takes")]
    TooLong(&'static str),
}

/// It is told with the rest: no cause besides.
impl From<std::io::Error> for ExportError {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

/// Writes all rows of a store; answers how many.
///
/// # Errors
/// When not all of them were written.
pub async fn export(mut dump: Dump, output: impl Write) -> Result<Counts, ExportError> {
    let mut output = Hashed {
        output,
        hash: Sha256::new(),
    };
    output.line(serde_json::to_vec(&Header::new(dump.last.clone())))?;
    let mut counts = Counts::new();
    while let Some((table, row)) = dump.next().await.map_err(ExportError::Store)? {
        let line = serde_json::to_vec(&Written(table, &row));
        if line.as_ref().is_ok_and(|line| line.len() >= MOVED_LINE_BYTES_MAX) {
            return Err(ExportError::TooLong(table.name));
        }
        output.line(line)?;
        *counts.entry(table.name.to_owned()).or_default() += 1;
    }
    let end = End::new(counts.clone(), &output.hash.clone().finalize());
    output.line(serde_json::to_vec(&end))?;
    output.output.flush()?;
    Ok(counts)
}

/// What is written, and the digest of it.
struct Hashed<W> {
    output: W,
    hash: Sha256,
}

impl<W: Write> Hashed<W> {
    fn line(&mut self, line: serde_json::Result<Vec<u8>>) -> std::io::Result<()> {
        let mut line = line?;
        line.push(b'\n');
        self.hash.update(&line);
        self.output.write_all(&line)
    }
}
