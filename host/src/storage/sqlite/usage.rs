//! What a tenant uses in a day.

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::storage::usage::{Amounts, Booking, DayUse};

/// A tenant's day.
pub(super) fn of_day(connection: &Connection, tenant: &str, day: i64) -> rusqlite::Result<DayUse> {
    const SQL: &str = "SELECT tokens, cost_micros, tool_calls, milliseconds, reserved_tokens, reserved_cost_micros, \
         reserved_tool_calls, reserved_milliseconds FROM usage_by_day WHERE tenant = ?1 AND day = ?2";
    let amounts = |row: &rusqlite::Row<'_>, first: usize| -> rusqlite::Result<Amounts> {
        Ok(Amounts::of([
            row.get(first)?,
            row.get(first + 1)?,
            row.get(first + 2)?,
            row.get(first + 3)?,
        ]))
    };
    let found = connection
        .prepare_cached(SQL)?
        .query_row(params![tenant, day], |row| {
            Ok(DayUse {
                used: amounts(row, 0)?,
                reserved: amounts(row, 4)?,
            })
        })
        .optional()?;
    Ok(found.unwrap_or_default())
}

/// Books; false where it does not fit. There is one writer: what was read stays so.
pub(super) fn book(
    connection: &Connection,
    tenant: &str,
    day: i64,
    booking: &Booking,
) -> rusqlite::Result<bool> {
    const SQL: &str = "INSERT OR REPLACE INTO usage_by_day (tenant, day, tokens, cost_micros, tool_calls, milliseconds, \
         reserved_tokens, reserved_cost_micros, reserved_tool_calls, reserved_milliseconds) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    let Some(after) = of_day(connection, tenant, day)?.after(booking) else {
        return Ok(false);
    };
    let (used, reserved) = (after.used, after.reserved);
    connection.prepare_cached(SQL)?.execute(params![
        tenant,
        day,
        used.tokens,
        used.cost_micros,
        used.tool_calls,
        used.milliseconds,
        reserved.tokens,
        reserved.cost_micros,
        reserved.tool_calls,
        reserved.milliseconds
    ])?;
    Ok(true)
}

/// Deletes some days of a tenant that is removed; answers how many.
pub(super) fn purge(connection: &Connection, tenant: &str, limit: u64) -> rusqlite::Result<u64> {
    const SQL: &str = "DELETE FROM usage_by_day WHERE tenant = ?1 AND day IN \
         (SELECT day FROM usage_by_day WHERE tenant = ?1 LIMIT ?2)";
    let deleted = connection.prepare_cached(SQL)?.execute(params![tenant, limit])?;
    Ok(deleted as u64)
}
