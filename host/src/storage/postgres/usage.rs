//! What a tenant uses in a day. Hosts that book at once take turns at the day's row: a change looks at the row as it is
//! then, not as it was when the statement began.

use super::PostgresStorage;
use super::codec;
use super::failure::Failure;
use super::session::{self, Scope, Sql};
use super::value::Value;
use crate::storage::usage::{Amounts, Booking, DayUse};

/// Books within $11 to $14. A day that has no row yet has room for any one booking: nobody books more than fits a day.
const BOOK: &str = "INSERT INTO usage_by_day AS of_day (tenant, day, tokens, cost_micros, tool_calls, milliseconds, \
         reserved_tokens, reserved_cost_micros, reserved_tool_calls, reserved_milliseconds) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
     ON CONFLICT (tenant, day) DO UPDATE SET \
         tokens = of_day.tokens + excluded.tokens, cost_micros = of_day.cost_micros + excluded.cost_micros, \
         tool_calls = of_day.tool_calls + excluded.tool_calls, \
         milliseconds = of_day.milliseconds + excluded.milliseconds, \
         reserved_tokens = of_day.reserved_tokens + excluded.reserved_tokens, \
         reserved_cost_micros = of_day.reserved_cost_micros + excluded.reserved_cost_micros, \
         reserved_tool_calls = of_day.reserved_tool_calls + excluded.reserved_tool_calls, \
         reserved_milliseconds = of_day.reserved_milliseconds + excluded.reserved_milliseconds \
     WHERE of_day.tokens + excluded.tokens + of_day.reserved_tokens + excluded.reserved_tokens <= $11 \
         AND of_day.cost_micros + excluded.cost_micros + of_day.reserved_cost_micros + excluded.reserved_cost_micros <= $12 \
         AND of_day.tool_calls + excluded.tool_calls + of_day.reserved_tool_calls + excluded.reserved_tool_calls <= $13 \
         AND of_day.milliseconds + excluded.milliseconds + of_day.reserved_milliseconds + excluded.reserved_milliseconds \
             <= $14 \
     RETURNING 1";

const OF_DAY: &str = "SELECT tokens, cost_micros, tool_calls, milliseconds, reserved_tokens, reserved_cost_micros, \
     reserved_tool_calls, reserved_milliseconds FROM usage_by_day WHERE tenant = $1 AND day = $2";

/// Deletes some ($2) days of a tenant that is removed ($1). Answers as a statement of `purge.rs` does.
pub(super) const PURGE: &str = "WITH old AS MATERIALIZED (SELECT tenant, day FROM usage_by_day WHERE tenant = $1 LIMIT $2), \
     gone AS (DELETE FROM usage_by_day USING old WHERE usage_by_day.tenant = old.tenant AND usage_by_day.day = old.day \
         RETURNING 1) \
     SELECT count(*), 0::bigint, NULL::text FROM gone";

impl PostgresStorage {
    /// Not made again where it may have been made: what was lost counts as not reserved.
    pub(super) async fn book_on(&self, tenant: &str, day: i64, booking: Booking) -> Result<bool, Failure> {
        let within = booking.within.unwrap_or(Amounts::of([i64::MAX; 4]));
        let amounts = [booking.used, booking.reserved, within];
        let numbers = amounts.into_iter().flat_map(Amounts::each);
        let values: Vec<Value> = [Value::text(tenant), Value::Int(day)]
            .into_iter()
            .chain(numbers.map(Value::Int))
            .collect();
        let booked = session::change(&self.pool, Scope::Tenant(tenant), Sql::Fixed(BOOK), &values).await?;
        Ok(!booked.is_empty())
    }

    pub(super) async fn used_on(&self, tenant: &str, day: i64) -> Result<DayUse, Failure> {
        let values = [Value::text(tenant), Value::Int(day)];
        let rows = self
            .rows(Scope::Tenant(tenant), Sql::Fixed(OF_DAY), &values)
            .await?;
        let Some(row) = rows.first() else {
            return Ok(DayUse::default());
        };
        let amounts = |first: usize| -> Result<Amounts, Failure> {
            Ok(Amounts::of([
                codec::int(row, first)?,
                codec::int(row, first + 1)?,
                codec::int(row, first + 2)?,
                codec::int(row, first + 3)?,
            ]))
        };
        Ok(DayUse {
            used: amounts(0)?,
            reserved: amounts(4)?,
        })
    }
}
