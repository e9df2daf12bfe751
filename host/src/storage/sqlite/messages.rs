//! Messages: found by what they are, in the inbox, and still to be delivered.

use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

use super::codec::{self, MESSAGE, MESSAGE_TEXTS};
use super::condition::{Condition, text};
use super::room::Room;
use crate::limits::PAGE_ROWS_MAX;
use crate::storage::InboxEntry;
use crate::storage::words::Word;
use crate::wit::storage::MessageFilter;
use crate::wit::types::DeliveryStatus;

fn oldest(connection: &Connection, condition: &Condition, limit: u32) -> rusqlite::Result<Vec<InboxEntry>> {
    let limit = limit.clamp(1, PAGE_ROWS_MAX);
    let sql = format!(
        "SELECT {MESSAGE} FROM messages WHERE {} ORDER BY position LIMIT {limit}",
        condition.text
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut room = Room::new();
    statement
        .query_map(params_from_iter(&condition.values), |row| {
            room.take(row, &MESSAGE_TEXTS)?;
            codec::message(row)
        })?
        .collect()
}

pub(super) fn find(
    connection: &Connection,
    tenant: &str,
    filter: &MessageFilter,
) -> rusqlite::Result<Vec<InboxEntry>> {
    let mut condition = Condition::new("tenant = ?", vec![text(tenant)]);
    condition.and_equal("id", filter.id.as_ref());
    condition.and_equal("job", filter.job.as_ref());
    condition.and_equal("user", filter.user.as_ref());
    condition.and_words("kind", &filter.kinds);
    condition.and_words("delivery", &filter.deliveries);
    oldest(connection, &condition, filter.limit)
}

pub(super) fn inbox(
    connection: &Connection,
    tenant: &str,
    user: Option<&String>,
    after: u64,
    limit: u32,
) -> rusqlite::Result<Vec<InboxEntry>> {
    let mut condition = behind(tenant, after);
    condition.and_equal("user", user);
    condition.and("kind <> 'reply'", []);
    oldest(connection, &condition, limit)
}

/// A tenant's messages behind a position.
fn behind(tenant: &str, after: u64) -> Condition {
    let after = Value::Integer(i64::try_from(after).unwrap_or(i64::MAX));
    Condition::new("tenant = ? AND position > ?", vec![text(tenant), after])
}

/// The newest position of a tenant; 0: there is none.
pub(super) fn last(connection: &Connection, tenant: &str) -> rusqlite::Result<u64> {
    const SQL: &str =
        "SELECT coalesce(max(position), 0) FROM messages INDEXED BY messages_in_order WHERE tenant = ?1";
    connection
        .prepare_cached(SQL)?
        .query_row([tenant], |row| row.get(0))
}

pub(super) fn sweep(
    connection: &Connection,
    tenant: &str,
    after: u64,
    limit: u32,
) -> rusqlite::Result<Vec<InboxEntry>> {
    oldest(connection, &behind(tenant, after), limit)
}

pub(super) fn undelivered(
    connection: &Connection,
    tenant: &str,
    limit: u32,
) -> rusqlite::Result<Vec<InboxEntry>> {
    let sql = format!(
        "SELECT {MESSAGE} FROM messages INDEXED BY messages_queued WHERE tenant = ?1 \
             AND delivery = 'queued' AND kind <> 'reply' \
         ORDER BY position LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    statement
        .query_map(params![tenant, limit.clamp(1, PAGE_ROWS_MAX)], codec::message)?
        .collect()
}

/// Leaps from tenant to tenant over the index.
pub(super) fn undelivered_tenants(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let next = "SELECT min(tenant) FROM messages WHERE delivery = 'queued' AND kind <> 'reply'";
    let sql = format!(
        "WITH RECURSIVE waiting (tenant) AS ({next} UNION ALL SELECT ({next} AND tenant > waiting.tenant) \
         FROM waiting WHERE waiting.tenant IS NOT NULL) SELECT tenant FROM waiting WHERE tenant IS NOT NULL"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// A message that was read stays read. Answers how many were changed.
pub(super) fn set_delivery(
    connection: &Connection,
    tenant: &str,
    ids: &[String],
    delivery: DeliveryStatus,
) -> rusqlite::Result<u64> {
    let mut set = connection.prepare_cached(
        "UPDATE messages SET delivery = ?3 WHERE tenant = ?1 AND id = ?2 AND delivery <> 'read' AND delivery <> ?3",
    )?;
    let mut changed = 0;
    for id in ids {
        changed += set.execute(params![tenant, id, delivery.word()])? as u64;
    }
    Ok(changed)
}
