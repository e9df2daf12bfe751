//! What each statement costs, for who wants to know: `RUST_LOG=meanwhile::sql=trace` shows it, without values.

use std::collections::HashMap;

use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::{Connection, StatementStatus};
use tracing::Level;

const TARGET: &str = "meanwhile::sql";

/// Has a new connection tell of its statements, where the log takes it: it costs nothing else.
pub(super) fn tell(connection: &mut Connection) -> rusqlite::Result<()> {
    if !tracing::enabled!(target: TARGET, Level::TRACE) {
        return Ok(());
    }
    // SQLite adds up the steps of a statement as long as it is kept. Its clock has milliseconds.
    let mut before: HashMap<String, i32> = HashMap::new();
    let ended = move |event: TraceEvent<'_>| {
        let TraceEvent::Profile(statement, taken) = event else {
            return;
        };
        let all = statement.get_status(StatementStatus::VmStep);
        let sql = statement.sql().into_owned();
        let counted = before.insert(sql.clone(), all).filter(|counted| *counted <= all);
        let steps = all - counted.unwrap_or_default();
        let millis = taken.as_millis();
        tracing::trace!(target: TARGET, sql, steps, millis);
    };
    connection.trace_v2(TraceEventCodes::SQLITE_TRACE_PROFILE, Some(ended))
}
