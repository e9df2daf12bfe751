//! Applying units of work: what they name is read, decided in memory (`../units/`), and what changed is
//! written, each row once.

use rusqlite::{Connection, ErrorCode};

use super::stored;
use super::texts::Texts;
use super::writer::in_savepoint;
use super::{load, write};
use crate::storage::limits::TURN_WORK;
use crate::storage::{Quota, units};
use crate::wit::storage::Rejection;

pub(super) type Prepared = units::Prepared<Texts>;
/// A unit, or why there is none: a record that JSON cannot hold.
pub(super) type Unit = Result<Prepared, Rejection>;
pub(super) type Rows = units::Rows<Texts>;
pub(super) type JobRow = units::JobRow<Texts>;
type Results = Vec<Result<(), Rejection>>;

/// Pieces of a commit that are each one turn's work, or one unit; with their work.
pub(super) fn slices(units: Vec<Unit>) -> Vec<(usize, Vec<Unit>)> {
    if units.is_empty() {
        // Asked all the same: a closed store refuses.
        return vec![(0, units)];
    }
    let mut slices: Vec<(usize, Vec<Unit>)> = Vec::new();
    for unit in units {
        let work = unit.as_ref().map_or(0, |unit| unit.work);
        match slices.last_mut() {
            Some((so_far, slice)) if *so_far + work <= TURN_WORK => {
                *so_far += work;
                slice.push(unit);
            }
            _ => slices.push((work, vec![unit])),
        }
    }
    slices
}

/// Applies units in order, one answer each. Where a value among them cannot be stored, the halves are
/// applied one after the other, until only the unit that has it is refused.
pub(super) fn units(
    connection: &Connection,
    tenant: &str,
    quota: Quota,
    units: &[Unit],
) -> rusqlite::Result<Results> {
    let mut results = Vec::with_capacity(units.len());
    let mut pieces = vec![units];
    while let Some(piece) = pieces.pop() {
        if piece.is_empty() {
            continue;
        }
        match in_savepoint(connection, |connection| decided(connection, tenant, quota, piece)) {
            Ok(answers) => results.extend(answers),
            Err(error) if is_of_data(&error) && piece.len() == 1 => {
                results.push(Err(Rejection::Forbidden(error.to_string())));
            }
            Err(error) if is_of_data(&error) => {
                let (first, second) = piece.split_at(piece.len() / 2);
                pieces.extend([second, first]);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(results)
}

/// A row that breaks a constraint, or a value that no column can hold, is its unit's fault.
fn is_of_data(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
        || matches!(error, rusqlite::Error::ToSqlConversionFailure(_))
}

fn decided(connection: &Connection, tenant: &str, quota: Quota, units: &[Unit]) -> rusqlite::Result<Results> {
    let mut rows = load::rows(connection, tenant, units)?;
    let before = rows.sums;
    let answers: Results = units
        .iter()
        .map(|unit| rows.unit(unit.as_ref().map_err(Rejection::clone)?, quota))
        .collect();
    write::all(connection, tenant, &rows)?;
    if rows.sums != before {
        stored::put(connection, tenant, &rows.sums)?;
    }
    Ok(answers)
}
