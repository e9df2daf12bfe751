//! A store's rows, all of them and as they are, out of one storage and into another. What is made of them
//! in a file is `crate::moving`'s business.

mod rows;
mod tables;

use async_trait::async_trait;
use tokio::sync::mpsc;

pub use self::rows::{Batch, Cell, Row};
pub use self::tables::{Column, DERIVED, Kind, NOT_MOVED, TABLES, Table, table};
use super::limits::MOVED_ROWS_WAITING;

/// The greatest number that a store gave in each table that it numbers, also to rows that are gone, by the
/// table's name.
pub type Last = std::collections::BTreeMap<String, i64>;

/// Rows of each table, by its name.
pub type Counts = std::collections::BTreeMap<String, u64>;

/// All rows of a store as of one commit.
pub struct Dump {
    /// See [`Last`].
    pub last: Last,
    /// Whether a host has the store open.
    pub in_use: bool,
    rows: mpsc::Receiver<Sent>,
}

/// What a storage sends of itself.
#[derive(Debug)]
pub(in crate::storage) enum Sent {
    Row(&'static Table, Row),
    Failed(String),
    /// There is no more. Without it the rest was lost on the way.
    End,
}

impl Dump {
    /// A dump, and where its storage puts the rows.
    pub(in crate::storage) fn new(last: Last, in_use: bool) -> (Self, mpsc::Sender<Sent>) {
        let (sender, rows) = mpsc::channel(MOVED_ROWS_WAITING);
        (Self { last, in_use, rows }, sender)
    }

    /// The next row, table by table. None: that was all.
    ///
    /// # Errors
    /// What the storage says.
    pub async fn next(&mut self) -> Result<Option<(&'static Table, Row)>, String> {
        match self.rows.recv().await {
            Some(Sent::Row(table, row)) => Ok(Some((table, row))),
            Some(Sent::Failed(why)) => Err(why),
            Some(Sent::End) => Ok(None),
            None => Err("reading ended before the last row".into()),
        }
    }
}

/// How far an import got.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Lines whose rows are in the store; 0: none was begun.
    pub lines: u64,
    /// SHA-256 of those lines.
    pub digest: Vec<u8>,
}

/// Why rows were not taken.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// The row at this place of a batch cannot be there.
    #[error("{why}")]
    Row {
        /// From 0.
        place: usize,
        /// In the storage's words.
        why: String,
    },
    /// Storage does not answer, or is full.
    #[error("{0}")]
    Storage(String),
    /// In the end, the rows of a table are not as many as were put into it.
    #[error("{found} rows are in the table {table}, and {put} were put there")]
    Count {
        /// The table.
        table: &'static str,
        /// As many were put.
        put: u64,
        /// As many are there.
        found: u64,
    },
}

/// A store that is being filled, and that no host opens until it is whole.
#[async_trait]
pub trait Target: Send {
    /// How far an import into it got before.
    fn reached(&self) -> &Reached;

    /// Puts rows, and how far the import has got with them, in one transaction.
    async fn put(&mut self, batch: Batch, reached: Reached) -> Result<(), PutError>;

    /// Makes the store whole, in one transaction: numbers go on after the greatest that were given, and
    /// hosts may open it.
    async fn finish(&mut self, counts: &Counts, last: &Last) -> Result<(), PutError>;
}

/// The greatest number that a table has given, or that its rows have.
pub(in crate::storage) fn last_of(last: &Last, table: &Table, greatest: Option<i64>) -> i64 {
    let told = last.get(table.name).copied().unwrap_or(0);
    told.max(greatest.unwrap_or(0))
}

/// How many rows were put into a table.
pub(in crate::storage) fn check_count(
    table: &'static Table,
    counts: &Counts,
    found: u64,
) -> Result<(), PutError> {
    let put = counts.get(table.name).copied().unwrap_or(0);
    if found == put {
        return Ok(());
    }
    Err(PutError::Count {
        table: table.name,
        put,
        found,
    })
}

/// The statement that adds to what a tenant's rows come to: tenant, bytes, then the counts by status, each a
/// parameter with this sign before its number.
pub(in crate::storage) fn add_sums(sign: char) -> String {
    let columns = format!("bytes, {}", super::units::STATUS_COLUMNS);
    let each = columns.split(", ");
    let marks: Vec<String> = (1..=each.clone().count() + 1)
        .map(|n| format!("{sign}{n}"))
        .collect();
    let added: Vec<String> = each
        .map(|name| format!("{name} = stored.{name} + excluded.{name}"))
        .collect();
    format!(
        "INSERT INTO stored (tenant, {columns}) VALUES ({}) ON CONFLICT (tenant) DO UPDATE SET {}",
        marks.join(", "),
        added.join(", ")
    )
}
