//! Lines to rows.

use std::io::{BufRead, Read as _};

use sha2::{Digest as _, Sha256};

use super::lines::{End, FORMAT, Header, Line};
use crate::hex::hex;
use crate::limits::{IMPORT_BATCH_BYTES, MOVED_LINE_BYTES_MAX};
use crate::storage::moving::{Batch, Counts, PutError, Reached, Row, Table, Target};

const AGAIN: &str = "Run the import again: it goes on where it was";
const ANEW: &str = "Export again, and import into an empty store";

/// Why an import was not taken, or not finished. Lines are counted from 1.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Where the lines come from failed.
    #[error("line {line} cannot be read: {why}. {AGAIN}")]
    Input {
        /// The line.
        line: u64,
        /// In the system's words.
        why: std::io::Error,
    },
    /// Something else was given.
    #[error(
        "line 1 is not the first line of an export: give what `meanwhile export` wrote, from its beginning"
    )]
    NoExport,
    /// A later version wrote it.
    #[error(
        "line 1: the export has format {format}, and this version of Meanwhile reads {FORMAT}: use version {version}, \
         which wrote it, or a later one"
    )]
    Format {
        /// As the header says.
        format: u64,
        /// Of the program that wrote it.
        version: String,
    },
    /// It was changed, or it is none.
    #[error("line {line} is no row: {why}. {ANEW}")]
    Line {
        /// The line.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// The last line is missing.
    #[error("the export was cut off after line {line}. Get all of it. {AGAIN}")]
    CutOff {
        /// The last line that is there.
        line: u64,
    },
    /// Two files in one.
    #[error("line {line} follows on the last line of the export: give one export at a time")]
    TooMuch {
        /// The line.
        line: u64,
    },
    /// The last line says something else than the others.
    #[error(
        "line {line}: there are {found} rows of {table}, and should be {told}: lines were lost or added. {ANEW}"
    )]
    Counts {
        /// The last line.
        line: u64,
        /// The table.
        table: String,
        /// As many as there are.
        found: u64,
        /// As many as it says.
        told: u64,
    },
    /// The same.
    #[error("line {line}: the digest of the lines before is another one: they were changed. {ANEW}")]
    Digest {
        /// The last line.
        line: u64,
    },
    /// The lines that were imported before are not those of this export.
    #[error(
        "line {line}: the store is half filled with other rows, from another export or of a store that has changed since. \
         Go on with that export, or import into an empty store"
    )]
    Another {
        /// Up to here they should be the same.
        line: u64,
    },
    /// The store has a row in this one's place, or no room for something so long.
    #[error(
        "line {line}: the store does not take this row: {why}. Where lines were changed, export again; in any case import into \
         an empty store"
    )]
    Row {
        /// The line.
        line: u64,
        /// In the storage's words.
        why: String,
    },
    /// Storage failed.
    #[error("the store: {0}. {AGAIN}")]
    Store(String),
    /// Somebody else wrote into the store.
    #[error("the store: {0}: something else has written into it. Import into an empty store")]
    Disturbed(PutError),
}

/// An import whose first line was read. Nothing is opened for one that is none.
pub struct Import<R> {
    lines: Lines<R>,
    header: Header,
    batch_rows: usize,
}

impl<R: BufRead> Import<R> {
    /// Reads the first line. At most `batch_rows` rows make a transaction.
    ///
    /// # Errors
    /// When it is not the beginning of an export that this version reads.
    pub fn begin(input: R, batch_rows: usize) -> Result<Self, ImportError> {
        let mut lines = Lines {
            input,
            number: 0,
            hash: Sha256::new(),
        };
        let first = lines.next()?.ok_or(ImportError::NoExport)?;
        let header = Header::read(&first).ok_or(ImportError::NoExport)?;
        if header.format != FORMAT {
            return Err(ImportError::Format {
                format: header.format,
                version: header.version,
            });
        }
        lines.hash.update(&first);
        Ok(Self {
            lines,
            header,
            batch_rows,
        })
    }

    /// Puts the rows into a store, all that are not there yet, and makes it whole; answers how many rows
    /// it has. The lines are waited for in the task's own thread: an import has nothing else to do.
    ///
    /// # Errors
    /// When it is not whole.
    pub async fn run(mut self, target: &mut dyn Target) -> Result<Counts, ImportError> {
        let before = target.reached().clone();
        let mut counts = Counts::new();
        let mut waiting = Waiting::default();
        loop {
            let Some(line) = self.lines.next()? else {
                let line = self.lines.number;
                return Err(ImportError::CutOff { line });
            };
            let number = self.lines.number;
            let (table, row) = match Line::read(&line) {
                Ok(Line::End(end)) => {
                    self.lines.check(&end, &counts)?;
                    if number <= before.lines {
                        return Err(ImportError::Another { line: number });
                    }
                    break;
                }
                // Whatever can be read of it: a line has an end.
                _ if !line.ends_with(b"\n") => return Err(ImportError::CutOff { line: number - 1 }),
                Ok(Line::Row(table, row)) => (table, row),
                Err(why) => return Err(ImportError::Line { line: number, why }),
            };
            if waiting.is_complete(table, self.batch_rows) {
                waiting.put(target, self.lines.reached(number - 1)).await?;
            }
            self.lines.hash.update(&line);
            *counts.entry(table.name.to_owned()).or_default() += 1;
            if number > before.lines {
                waiting.push(table, row, number);
            } else if number == before.lines && self.lines.digest() != before.digest {
                return Err(ImportError::Another { line: number });
            }
        }
        waiting
            .put(target, self.lines.reached(self.lines.number - 1))
            .await?;
        if self.lines.next()?.is_some() {
            let line = self.lines.number;
            return Err(ImportError::TooMuch { line });
        }
        match target.finish(&counts, &self.header.last).await {
            Ok(()) => Ok(counts),
            Err(error @ PutError::Count { .. }) => Err(ImportError::Disturbed(error)),
            Err(error) => Err(ImportError::Store(error.to_string())),
        }
    }
}

/// Rows that make the next batch.
#[derive(Default)]
struct Waiting {
    table: Option<&'static Table>,
    rows: Vec<Row>,
    bytes: usize,
    /// The line of the first of them.
    line: u64,
}

impl Waiting {
    /// Whether a row of this table belongs into the next batch.
    fn is_complete(&self, table: &Table, rows: usize) -> bool {
        let is_full = self.rows.len() >= rows || self.bytes >= IMPORT_BATCH_BYTES;
        self.table.is_some_and(|of| is_full || of.name != table.name)
    }

    fn push(&mut self, table: &'static Table, row: Row, line: u64) {
        if self.rows.is_empty() {
            self.line = line;
        }
        self.table = Some(table);
        self.bytes += row.size();
        self.rows.push(row);
    }

    async fn put(&mut self, target: &mut dyn Target, reached: Reached) -> Result<(), ImportError> {
        let Self {
            table, rows, line, ..
        } = std::mem::take(self);
        let Some(table) = table else { return Ok(()) };
        let put = target.put(Batch { table, rows }, reached).await;
        put.map_err(|error| match error {
            PutError::Row { place, why } => ImportError::Row {
                line: line + place as u64,
                why,
            },
            error => ImportError::Store(error.to_string()),
        })
    }
}

/// Lines with their numbers, and the digest of those that were taken.
struct Lines<R> {
    input: R,
    /// Of the line that was read last.
    number: u64,
    hash: Sha256,
}

impl<R: BufRead> Lines<R> {
    /// The next line, with its end. None: there is no more.
    fn next(&mut self) -> Result<Option<Vec<u8>>, ImportError> {
        let mut line = Vec::new();
        let most = MOVED_LINE_BYTES_MAX as u64 + 1;
        let read = (&mut self.input).take(most).read_until(b'\n', &mut line);
        let number = self.number + 1;
        match read {
            Ok(0) => return Ok(None),
            Ok(_) if line.len() > MOVED_LINE_BYTES_MAX => {
                let why = format!("it is longer than {MOVED_LINE_BYTES_MAX} bytes");
                return Err(ImportError::Line { line: number, why });
            }
            Ok(_) => {}
            Err(why) => return Err(ImportError::Input { line: number, why }),
        }
        self.number = number;
        Ok(Some(line))
    }

    fn digest(&self) -> Vec<u8> {
        self.hash.clone().finalize().to_vec()
    }

    fn reached(&self, lines: u64) -> Reached {
        Reached {
            lines,
            digest: self.digest(),
        }
    }

    /// Whether the last line says what the others are.
    fn check(&self, end: &End, counts: &Counts) -> Result<(), ImportError> {
        let line = self.number;
        for table in end.rows.keys().chain(counts.keys()) {
            let of = |counts: &Counts| counts.get(table).copied().unwrap_or(0);
            let (told, found) = (of(&end.rows), of(counts));
            if told != found {
                return Err(ImportError::Counts {
                    line,
                    table: table.clone(),
                    found,
                    told,
                });
            }
        }
        if end.digest != hex(&self.digest()) {
            return Err(ImportError::Digest { line });
        }
        Ok(())
    }
}
