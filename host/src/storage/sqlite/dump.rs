//! All rows of a store, as of one commit, read without touching it (see `snapshot.rs`), also while a host
//! has it open.

use std::path::Path;

use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension as _, Row as SqliteRow};
use tokio::sync::mpsc::Sender;

use super::{OpenError, fill, open, schema, snapshot};
use crate::storage::moving::{Cell, Dump, Kind, Last, Row, Sent, TABLES, Table};

/// Reads all rows of a store: those that it has when this is called.
///
/// # Errors
/// When there is no whole store of this version.
pub fn dump(path: impl AsRef<Path>) -> Result<Dump, OpenError> {
    let path = path.as_ref();
    let connection = snapshot::read_only(path)?;
    // The first read of the transaction settles which commit it sees.
    connection.execute_batch("BEGIN")?;
    match schema::version(&connection)? {
        0 => return Err(OpenError::NoStore(path.to_path_buf())),
        found if found < schema::LATEST => {
            return Err(OpenError::Older {
                store: path.to_path_buf(),
                found,
                known: schema::LATEST,
            });
        }
        _ => {}
    }
    if fill::reached(&connection)?.is_some() {
        return Err(OpenError::HalfImported(path.to_path_buf()));
    }
    let last = last(&connection)?;
    let in_use = open::is_in_use(path).map_err(|error| OpenError::File(path.to_path_buf(), error))?;
    let (dump, sender) = Dump::new(last, in_use);
    tokio::task::spawn_blocking(move || {
        let end = match send(&connection, &sender) {
            Ok(()) => Sent::End,
            Err(error) => Sent::Failed(error.to_string()),
        };
        // Who does not want the rest has gone.
        let _ = sender.blocking_send(end);
    });
    Ok(dump)
}

fn last(connection: &Connection) -> rusqlite::Result<Last> {
    let mut find = connection.prepare("SELECT seq FROM sqlite_sequence WHERE name = ?1")?;
    let mut last = Last::new();
    for table in TABLES.iter().filter(|table| table.numbered.is_some()) {
        let number = find.query_row([table.name], |row| row.get(0)).optional()?;
        last.insert(table.name.to_owned(), number.unwrap_or(0));
    }
    Ok(last)
}

fn send(connection: &Connection, sender: &Sender<Sent>) -> rusqlite::Result<()> {
    for table in &TABLES {
        let mut select = connection.prepare(&table.select())?;
        let mut rows = select.query([])?;
        while let Some(found) = rows.next()? {
            if sender
                .blocking_send(Sent::Row(table, row(table, found)?))
                .is_err()
            {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn row(table: &Table, found: &SqliteRow<'_>) -> rusqlite::Result<Row> {
    let cells = table
        .columns
        .iter()
        .enumerate()
        .map(|(place, column)| match column.kind {
            Kind::Text => cell(found, place, Cell::Text),
            Kind::Int => cell(found, place, Cell::Int),
            Kind::Bytes => cell(found, place, Cell::Bytes),
        });
    Ok(Row(cells.collect::<rusqlite::Result<_>>()?))
}

fn cell<T: FromSql>(row: &SqliteRow<'_>, place: usize, of: fn(T) -> Cell) -> rusqlite::Result<Cell> {
    Ok(row.get::<_, Option<T>>(place)?.map_or(Cell::Null, of))
}
