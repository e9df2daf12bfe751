//! A store that an import fills. It has the lock of a host meanwhile, and a row in `half_imported` until it
//! is whole, so that no host opens it.

use std::fs::File;
use std::path::Path;

use async_trait::async_trait;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{
    Connection, OptionalExtension as _, ToSql, Transaction, TransactionBehavior, params, params_from_iter,
};

use super::texts::{self, Texts};
use super::{OpenError, open};
use crate::storage::moving::{
    Batch, Cell, Counts, Last, PutError, Reached, Row, TABLES, Table, Target, add_sums, check_count, last_of,
};

/// The store of a SQLite file while it is filled.
pub struct SqliteTarget {
    connection: Connection,
    reached: Reached,
    _lock: File,
}

/// How far an import got that is not finished.
pub(super) fn reached(connection: &Connection) -> rusqlite::Result<Option<Reached>> {
    let reached = |row: &rusqlite::Row<'_>| {
        Ok(Reached {
            lines: row.get(0)?,
            digest: row.get(1)?,
        })
    };
    connection
        .query_row("SELECT lines, digest FROM half_imported", [], reached)
        .optional()
}

impl SqliteTarget {
    /// Opens a store for an import, creating file and folder where there is none. It has to be empty, or
    /// half filled by an import before.
    ///
    /// # Errors
    /// As [`SqliteStorage::open`](super::SqliteStorage::open), and when it has rows already.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref();
        let (lock, connection) = open::connected(path)?;
        let reached = match reached(&connection)? {
            Some(reached) => reached,
            None => {
                for table in &TABLES {
                    let some = format!("SELECT EXISTS (SELECT 1 FROM {})", table.name);
                    if connection.query_row(&some, [], |row| row.get(0))? {
                        return Err(OpenError::NotEmpty(path.to_path_buf(), table.name));
                    }
                }
                Reached::default()
            }
        };
        Ok(Self {
            connection,
            reached,
            _lock: lock,
        })
    }

    fn put_all(&mut self, batch: &Batch, reached: &Reached) -> Result<(), PutError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        insert(&transaction, batch)?;
        for text in batch.indexed::<Texts>() {
            texts::put(&transaction, text.tenant, text.seq, text.title, &text.indexed)?;
        }
        let mut add = transaction.prepare_cached(&add_sums('?'))?;
        for (tenant, sums) in batch.sums() {
            let tenant = Value::from(tenant.to_owned());
            let numbers = std::iter::once(sums.bytes).chain(sums.jobs.columns());
            add.execute(params_from_iter(
                std::iter::once(tenant).chain(numbers.map(Value::from)),
            ))?;
        }
        drop(add);
        let mut note = transaction
            .prepare_cached("INSERT OR REPLACE INTO half_imported (one, lines, digest) VALUES (1, ?1, ?2)")?;
        note.execute(params![reached.lines, reached.digest])?;
        drop(note);
        Ok(transaction.commit()?)
    }

    fn make_whole(&mut self, counts: &Counts, last: &Last) -> Result<(), PutError> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        for table in &TABLES {
            let count = format!("SELECT count(*) FROM {}", table.name);
            check_count(
                table,
                counts,
                transaction.query_row(&count, [], |row| row.get(0))?,
            )?;
            if let Some(column) = table.numbered {
                number(&transaction, table, column, last)?;
            }
        }
        transaction.execute("DELETE FROM half_imported", [])?;
        Ok(transaction.commit()?)
    }
}

/// Numbers go on after the greatest that was given.
fn number(connection: &Connection, table: &Table, column: &str, last: &Last) -> rusqlite::Result<()> {
    let greatest = format!("SELECT max({column}) FROM {}", table.name);
    let last = last_of(
        last,
        table,
        connection.query_row(&greatest, [], |row| row.get(0))?,
    );
    connection.execute("DELETE FROM sqlite_sequence WHERE name = ?1", [table.name])?;
    connection.execute(
        "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)",
        params![table.name, last],
    )?;
    Ok(())
}

fn insert(transaction: &Transaction<'_>, batch: &Batch) -> Result<(), PutError> {
    let table = batch.table;
    let mut columns = table.column_list();
    let mut marks: Vec<String> = (1..=table.columns.len()).map(|n| format!("?{n}")).collect();
    if let Some((column, other)) = table.begins_as {
        columns = format!("{columns}, {column}");
        marks.extend(table.place(other).map(|place| format!("?{}", place + 1)));
    }
    let sql = format!(
        "INSERT INTO {} ({columns}) VALUES ({})",
        table.name,
        marks.join(", ")
    );
    let mut insert = transaction.prepare_cached(&sql)?;
    for (place, Row(cells)) in batch.rows.iter().enumerate() {
        insert
            .execute(params_from_iter(cells))
            .map_err(|error| match error.sqlite_error_code() {
                Some(rusqlite::ErrorCode::ConstraintViolation | rusqlite::ErrorCode::TypeMismatch) => {
                    PutError::Row {
                        place,
                        why: error.to_string(),
                    }
                }
                _ => error.into(),
            })?;
    }
    Ok(())
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

impl From<rusqlite::Error> for PutError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Storage(error.to_string())
    }
}

/// What calls it has nothing else to do: it may hold its thread up.
#[async_trait]
impl Target for SqliteTarget {
    fn reached(&self) -> &Reached {
        &self.reached
    }

    async fn put(&mut self, batch: Batch, reached: Reached) -> Result<(), PutError> {
        self.put_all(&batch, &reached)
    }

    async fn finish(&mut self, counts: &Counts, last: &Last) -> Result<(), PutError> {
        self.make_whole(counts, last)
    }
}
