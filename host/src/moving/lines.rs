//! What stands in a line: `{"meanwhile": "export", …}` first, `{"TABLE": {"COLUMN": …}}` for each row,
//! `{"meanwhile": "end", …}` last. Bytes are written as hexadecimal digits.

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::hex::{bytes, hex};
use crate::storage::moving::{Cell, Column, Counts, Kind, Last, Row, Table, table};

/// The version of what is written here.
pub const FORMAT: u64 = 1;

/// The name that no table has.
const MARK: &str = "meanwhile";

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    /// Always `export`.
    meanwhile: String,
    pub(super) format: u64,
    /// Of the program that wrote it.
    pub(super) version: String,
    #[serde(default)]
    pub(super) last: Last,
}

impl Header {
    pub(super) fn new(last: Last) -> Self {
        Self {
            meanwhile: "export".into(),
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").into(),
            last,
        }
    }

    /// The header of a line; none: it is something else.
    pub(super) fn read(line: &[u8]) -> Option<Self> {
        let header: Self = serde_json::from_slice(line).ok()?;
        (header.meanwhile == "export").then_some(header)
    }
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct End {
    /// Always `end`.
    meanwhile: String,
    pub(super) rows: Counts,
    /// SHA-256 of all lines before, in hexadecimal digits.
    pub(super) digest: String,
}

impl End {
    pub(super) fn new(rows: Counts, digest: &[u8]) -> Self {
        Self {
            meanwhile: "end".into(),
            rows,
            digest: hex(digest),
        }
    }
}

/// A line that is not the first.
#[derive(Debug)]
pub(super) enum Line {
    Row(&'static Table, Row),
    End(End),
}

impl Line {
    /// The error says what is wrong.
    pub(super) fn read(line: &[u8]) -> Result<Self, String> {
        let whole: Map<String, Value> =
            serde_json::from_slice(line).map_err(|error| format!("no JSON object: {error}"))?;
        if whole.contains_key(MARK) {
            let end = serde_json::from_value(Value::Object(whole));
            return match end {
                Ok(End { meanwhile, .. }) if meanwhile != "end" => {
                    Err(format!("`{meanwhile}` stands where a row should"))
                }
                Ok(end) => Ok(Self::End(end)),
                Err(error) => Err(error.to_string()),
            };
        }
        let mut tables = whole.into_iter();
        let (Some((name, row)), None) = (tables.next(), tables.next()) else {
            return Err("expected the name of one table".into());
        };
        let table = table(&name).ok_or_else(|| format!("`{name}` is no table"))?;
        let Value::Object(columns) = row else {
            return Err(format!("the row of {name} is no JSON object"));
        };
        Ok(Self::Row(table, row_of(table, columns)?))
    }
}

fn row_of(table: &Table, mut columns: Map<String, Value>) -> Result<Row, String> {
    let mut cells = Vec::with_capacity(table.columns.len());
    for column in table.columns {
        let value = columns.remove(column.name);
        let value = value.ok_or_else(|| format!("{} has no `{}`", table.name, column.name))?;
        let cell = cell(column, value);
        cells
            .push(cell.ok_or_else(|| format!("`{}` of {} is no {}", column.name, table.name, kind(column)))?);
    }
    match columns.keys().next() {
        Some(unknown) => Err(format!("`{unknown}` is no column of {}", table.name)),
        None => Ok(Row(cells)),
    }
}

fn kind(column: &Column) -> &'static str {
    match column.kind {
        Kind::Text => "text",
        Kind::Int => "whole number of 64 bits",
        Kind::Bytes => "text of hexadecimal digits",
    }
}

fn cell(column: &Column, value: Value) -> Option<Cell> {
    match (column.kind, value) {
        (_, Value::Null) => column.nullable.then_some(Cell::Null),
        (Kind::Text, Value::String(text)) => Some(Cell::Text(text)),
        (Kind::Int, Value::Number(number)) => number.as_i64().map(Cell::Int),
        (Kind::Bytes, Value::String(digits)) => bytes(&digits).map(Cell::Bytes),
        _ => None,
    }
}

/// A row as it is written.
pub(super) struct Written<'a>(pub(super) &'a Table, pub(super) &'a Row);

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut whole = serializer.serialize_map(Some(1))?;
        whole.serialize_entry(self.0.name, &Cells(self.0, self.1))?;
        whole.end()
    }
}

struct Cells<'a>(&'a Table, &'a Row);

impl Serialize for Cells<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(table, Row(cells)) = self;
        let mut row = serializer.serialize_map(Some(cells.len()))?;
        for (column, cell) in table.columns.iter().zip(cells) {
            match cell {
                Cell::Null => row.serialize_entry(column.name, &())?,
                Cell::Int(number) => row.serialize_entry(column.name, number)?,
                Cell::Text(text) => row.serialize_entry(column.name, text)?,
                Cell::Bytes(bytes) => row.serialize_entry(column.name, &hex(bytes))?,
            }
        }
        row.end()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{Cell, Line, Row, Written};
    use crate::storage::moving::{Kind, TABLES};

    /// Cells of all kinds, and nothing where there may be nothing.
    #[test]
    fn a_row_of_every_table_is_read_as_it_was_written() {
        for table in &TABLES {
            for empty in [false, true] {
                let cells = table.columns.iter().map(|column| match column.kind {
                    _ if empty && column.nullable => Cell::Null,
                    Kind::Text => Cell::Text("grüße\0\u{1}\n\"{}\"\u{2028}".into()),
                    Kind::Int => Cell::Int(i64::MIN),
                    Kind::Bytes => Cell::Bytes((0..=255).collect()),
                });
                let row = Row(cells.collect());
                let line = serde_json::to_vec(&Written(table, &row)).unwrap();
                assert!(!line.contains(&b'\n'));
                let Line::Row(read_table, read) = Line::read(&line).unwrap() else {
                    panic!("{} is no row", table.name);
                };
                assert_eq!((read_table, read), (table, row));
            }
        }
    }

    #[test]
    fn what_is_no_row_says_why() {
        let edge = r#""tenant":"t","dependent":"a","prerequisite":"b","condition":"any","delay_seconds":0,"status":"waiting""#;
        for (line, why) in [
            ("", "no JSON object"),
            ("[]", "no JSON object"),
            ("{}", "expected the name of one table"),
            (r#"{"edges":{},"runs":{}}"#, "expected the name of one table"),
            (r#"{"ghosts":{}}"#, "`ghosts` is no table"),
            (r#"{"edges":[]}"#, "the row of edges is no JSON object"),
            (r#"{"edges":{}}"#, "edges has no `tenant`"),
            (&format!(r#"{{"edges":{{{edge}}}}}"#), "edges has no `settled_at`"),
            (
                &format!(r#"{{"edges":{{{edge},"settled_at":1,"ghost":1}}}}"#),
                "`ghost` is no column of edges",
            ),
            (
                &format!(r#"{{"edges":{{{edge},"settled_at":"1"}}}}"#),
                "`settled_at` of edges is no whole number of 64 bits",
            ),
            (
                &format!(r#"{{"edges":{{{edge},"settled_at":9223372036854775808}}}}"#),
                "`settled_at` of edges is no whole number of 64 bits",
            ),
            (
                r#"{"components":{"digest":null}}"#,
                "`digest` of components is no text",
            ),
            (
                r#"{"components":{"digest":"d","bytes":"0g","created_at":1}}"#,
                "`bytes` of components is no text of hexadecimal digits",
            ),
            (
                r#"{"meanwhile":"export","rows":{},"digest":""}"#,
                "`export` stands where a row should",
            ),
            (r#"{"meanwhile":"end"}"#, "missing field `rows`"),
        ] {
            let told = Line::read(line.as_bytes()).unwrap_err();
            assert!(told.contains(why), "{line}: {told}");
        }
    }
}
