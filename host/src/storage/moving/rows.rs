//! Rows as they move, and what follows from them in the store that they come to.

use std::collections::BTreeMap;

use super::tables::Table;
use crate::storage::units::{
    CHANGE_BYTES, EDGE_BYTES, Indexed, JOB_BYTES, JobText, MESSAGE_BYTES, RUN_BYTES, Sums,
};
use crate::storage::words::Word as _;
use crate::wit::types::{JobSpec, JobStatus};

/// What one column of a row holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Nothing.
    Null,
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Cell {
    pub(in crate::storage) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(in crate::storage) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }

    pub(in crate::storage) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// Bytes that it takes in memory beside a round number.
    fn size(&self) -> usize {
        match self {
            Self::Null | Self::Int(_) => 0,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

/// A row: a cell for each column of its table, of the column's kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row(pub Vec<Cell>);

impl Row {
    /// Bytes of all its texts.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.iter().map(Cell::size).sum()
    }

    fn cell(&self, table: &Table, column: &str) -> Option<&Cell> {
        self.0.get(table.place(column)?)
    }

    pub(in crate::storage) fn text(&self, table: &Table, column: &str) -> &str {
        self.cell(table, column).and_then(Cell::text).unwrap_or_default()
    }

    pub(in crate::storage) fn int(&self, table: &Table, column: &str) -> Option<i64> {
        self.cell(table, column).and_then(Cell::int)
    }
}

/// Rows of one table, as they follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The table of all of them.
    pub table: &'static Table,
    /// At least one.
    pub rows: Vec<Row>,
}

impl Batch {
    /// What the text index has of these rows. A job whose record cannot be read is in no index, as
    /// nobody is shown it.
    pub(in crate::storage) fn indexed<I: Indexed>(&self) -> Vec<JobText<'_, I>> {
        if self.table.name != "jobs" {
            return Vec::new();
        }
        let found = self.rows.iter().filter_map(|row| {
            let tenant = row.text(self.table, "tenant");
            let spec: JobSpec = serde_json::from_str(row.text(self.table, "spec")).ok()?;
            Some(JobText {
                seq: row.int(self.table, "seq")?,
                tenant,
                agent: row.text(self.table, "agent"),
                user: row.text(self.table, "user"),
                title: row.text(self.table, "title"),
                indexed: I::of(tenant, &spec),
            })
        });
        found.collect()
    }

    /// What the rows of each tenant come to.
    pub(in crate::storage) fn sums(&self) -> BTreeMap<&str, Sums> {
        let mut sums: BTreeMap<&str, Sums> = BTreeMap::new();
        for row in &self.rows {
            let texts = |columns: &[&str]| {
                let bytes = columns.iter().map(|column| row.text(self.table, column).len());
                i64::try_from(bytes.sum::<usize>()).unwrap_or(i64::MAX)
            };
            let (bytes, status) = match self.table.name {
                "jobs" => (
                    texts(&["spec", "state"]) + JOB_BYTES,
                    JobStatus::parse(row.text(self.table, "status")),
                ),
                "runs" => (texts(&["body"]) + RUN_BYTES, None),
                "edges" => (EDGE_BYTES, None),
                "messages" => (texts(&["title", "text"]) + MESSAGE_BYTES, None),
                "changes" => (texts(&["message"]) + CHANGE_BYTES, None),
                _ => continue,
            };
            let of_tenant = sums.entry(row.text(self.table, "tenant")).or_default();
            of_tenant.put(status, bytes);
        }
        sums
    }
}
