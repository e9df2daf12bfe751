//! What was said in conversations (`turns.rs` here is about those of the writer).

use rusqlite::{Connection, params};

use super::codec;
use super::room::Room;
use crate::limits::{PAGE_ROWS_MAX, TURNS_KEPT};
use crate::storage::turns::{Conversation, Turn};
use crate::storage::words::Word as _;
use crate::wit::types::Instant;

/// Which column of a turn holds a text that may be long.
const TEXT: usize = 1;

/// Adds turns; then forgets what a person has beyond those that are kept.
pub(super) fn add(connection: &Connection, tenant: &str, turns: &[Turn]) -> rusqlite::Result<()> {
    const ADD: &str = "INSERT INTO turns (tenant, agent, user, conversation, speaker, text, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    const TRIM: &str = "DELETE FROM turns INDEXED BY turns_by_person WHERE tenant = ?1 AND agent = ?2 AND user = ?3 AND position <= \
             (SELECT position FROM turns INDEXED BY turns_by_person WHERE tenant = ?1 AND agent = ?2 AND user = ?3 \
              ORDER BY position DESC LIMIT 1 OFFSET ?4)";
    let mut add = connection.prepare_cached(ADD)?;
    let mut people = Vec::new();
    for turn in turns {
        let of = &turn.conversation;
        add.execute(params![
            tenant,
            of.agent,
            of.user,
            of.id,
            turn.by.word(),
            turn.text,
            turn.at
        ])?;
        if !people.contains(&(&of.agent, &of.user)) {
            people.push((&of.agent, &of.user));
        }
    }
    let mut trim = connection.prepare_cached(TRIM)?;
    for (agent, user) in people {
        trim.execute(params![tenant, agent, user, TURNS_KEPT])?;
    }
    Ok(())
}

pub(super) fn latest(
    connection: &Connection,
    tenant: &str,
    of: &Conversation,
    limit: u32,
) -> rusqlite::Result<Vec<Turn>> {
    const SQL: &str = "SELECT speaker, text, at FROM turns INDEXED BY turns_by_conversation \
         WHERE tenant = ?1 AND agent = ?2 AND user = ?3 AND conversation = ?4 ORDER BY position DESC LIMIT ?5";
    let mut statement = connection.prepare_cached(SQL)?;
    let values = params![tenant, of.agent, of.user, of.id, limit.min(PAGE_ROWS_MAX)];
    let mut room = Room::new();
    let found = statement.query_map(values, |row| {
        room.take(row, &[TEXT])?;
        Ok(Turn {
            conversation: of.clone(),
            by: codec::word(row, 0)?,
            text: row.get(TEXT)?,
            at: row.get(2)?,
        })
    })?;
    let mut latest: Vec<Turn> = found.collect::<rusqlite::Result<_>>()?;
    latest.reverse();
    Ok(latest)
}

/// Forgets the oldest turns of a tenant before an instant; answers how many.
pub(super) fn forget(
    connection: &Connection,
    tenant: &str,
    before: Instant,
    limit: u32,
) -> rusqlite::Result<u64> {
    const SQL: &str = "DELETE FROM turns WHERE position IN (SELECT position FROM turns INDEXED BY turns_by_time \
         WHERE tenant = ?1 AND at < ?2 ORDER BY at, position LIMIT ?3)";
    let forgotten = connection
        .prepare_cached(SQL)?
        .execute(params![tenant, before, limit])?;
    Ok(forgotten as u64)
}

/// Deletes some turns of a tenant that is removed; answers how many.
pub(super) fn purge(connection: &Connection, tenant: &str, limit: u64) -> rusqlite::Result<u64> {
    const SQL: &str =
        "DELETE FROM turns WHERE position IN (SELECT position FROM turns WHERE tenant = ?1 LIMIT ?2)";
    let deleted = connection.prepare_cached(SQL)?.execute(params![tenant, limit])?;
    Ok(deleted as u64)
}
