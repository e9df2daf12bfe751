//! Applying units of work: guards first, then writes; whatever fails undoes its unit alone.

use rusqlite::{Connection, ErrorCode, params};

use super::stored;
use super::write::{Failure, apply, counter};
use crate::storage::limits::TURN_WORK;
use crate::storage::work;
use crate::storage::{Quota, inserts};
use crate::wit::storage::{Guard, Rejection, Unit};

/// Pieces of a commit that are each one turn's work, or one unit; with their work.
pub(super) fn slices(units: Vec<Unit>) -> Vec<(usize, Vec<Unit>)> {
    if units.is_empty() {
        // Asked all the same: a closed store refuses.
        return vec![(0, units)];
    }
    let mut slices: Vec<(usize, Vec<Unit>)> = Vec::new();
    for unit in units {
        let work = work::of_unit(&unit);
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

pub(super) fn units(
    connection: &Connection,
    tenant: &str,
    quota: Quota,
    units: Vec<Unit>,
) -> rusqlite::Result<Vec<Result<(), Rejection>>> {
    units
        .into_iter()
        .map(|unit| one(connection, tenant, quota, unit))
        .collect()
}

fn one(
    connection: &Connection,
    tenant: &str,
    quota: Quota,
    unit: Unit,
) -> rusqlite::Result<Result<(), Rejection>> {
    for guard in &unit.guards {
        if !holds(connection, tenant, guard)? {
            return Ok(Err(Rejection::Stale));
        }
    }
    connection.prepare_cached("SAVEPOINT unit")?.execute([])?;
    let (rows, mut jobs) = inserts(&unit);
    let mut applied = unit
        .writes
        .into_iter()
        .try_for_each(|write| apply(connection, tenant, write).map(|revives| jobs |= revives));
    if applied.is_ok() && (rows || jobs) {
        let stored = stored::of(connection, tenant)?;
        applied = quota.check(stored, jobs).map_err(Failure::Refused);
    }
    if applied.is_err() {
        connection.prepare_cached("ROLLBACK TO unit")?.execute([])?;
    }
    connection.prepare_cached("RELEASE unit")?.execute([])?;
    match applied {
        Ok(()) => Ok(Ok(())),
        Err(Failure::Refused(rejection)) => Ok(Err(rejection)),
        // A row that breaks a constraint is its unit's fault, not its neighbours'.
        Err(Failure::Sqlite(error)) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Ok(Err(Rejection::Forbidden(error.to_string())))
        }
        // So is a number or text that no column can hold.
        Err(Failure::Sqlite(error @ rusqlite::Error::ToSqlConversionFailure(_))) => {
            Ok(Err(Rejection::Forbidden(error.to_string())))
        }
        Err(Failure::Sqlite(error)) => Err(error),
    }
}

fn holds(connection: &Connection, tenant: &str, guard: &Guard) -> rusqlite::Result<bool> {
    match guard {
        Guard::Revision(at) => connection
            .prepare_cached("SELECT 1 FROM jobs WHERE tenant = ?1 AND id = ?2 AND revision = ?3")?
            .exists(params![tenant, at.job, counter(at.revision)]),
        Guard::Claim(at) => connection
            .prepare_cached("SELECT 1 FROM jobs WHERE tenant = ?1 AND id = ?2 AND lease_token = ?3")?
            .exists(params![tenant, at.job, counter(at.token)]),
    }
}
