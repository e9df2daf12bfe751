//! What was said in conversations. Each statement finds its rows by an index that has their order: at the worst, where a
//! planner believes the table to be small, those of a conversation among those of its person, who has no more than are
//! kept. Rows are deleted by the columns of every index: whichever is taken, it is a look-up.

use tokio_postgres::Row;

use super::PostgresStorage;
use super::codec;
use super::failure::Failure;
use super::session::{self, Scope, Sql};
use super::value::Value;
use crate::limits::{PAGE_ROWS_MAX, TURNS_KEPT};
use crate::storage::turns::{Conversation, Turn, latest};
use crate::storage::words::Word as _;
use crate::wit::types::Instant;

/// Adds turns; forgets those of a person beyond as many as are kept ($8). A statement does not see what it adds itself.
const ADD: &str = "WITH new AS MATERIALIZED (SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], \
         $7::bigint[]) AS new (agent, \"user\", conversation, speaker, text, at)), \
     added AS (INSERT INTO turns (tenant, agent, \"user\", conversation, speaker, text, at) SELECT $1, * FROM new), \
     old AS MATERIALIZED (SELECT old.* FROM (SELECT agent, \"user\", count(*) AS turns FROM new GROUP BY agent, \"user\") AS person \
         CROSS JOIN LATERAL (SELECT position FROM turns \
             WHERE tenant = $1 AND agent = person.agent AND \"user\" = person.\"user\" \
             ORDER BY position DESC LIMIT 1 OFFSET greatest($8 - person.turns, 0)) AS last \
         CROSS JOIN LATERAL (SELECT tenant, agent, \"user\", conversation, at, position FROM turns \
             WHERE tenant = $1 AND agent = person.agent AND \"user\" = person.\"user\" AND position <= last.position \
             ORDER BY position OFFSET 0) AS old) \
     DELETE FROM turns USING old WHERE OLD_ONE";

/// The turn that a row of `old` names.
const OLD_ONE: &str = "turns.tenant = old.tenant AND turns.agent = old.agent AND turns.\"user\" = old.\"user\" \
     AND turns.conversation = old.conversation AND turns.at = old.at AND turns.position = old.position";

const LATEST: &str = "SELECT speaker, text, at FROM turns \
     WHERE tenant = $1 AND agent = $2 AND \"user\" = $3 AND conversation = $4 ORDER BY position DESC LIMIT $5";

/// Deletes the oldest turns of a tenant ($1), at most so many ($2). Answers as a statement of `purge.rs` does, which
/// counts bytes by jobs' statuses: here there are neither.
fn delete_oldest(which: &str) -> String {
    format!(
        "WITH old AS MATERIALIZED (SELECT tenant, agent, \"user\", conversation, at, position FROM turns \
             WHERE tenant = $1 {which} ORDER BY at, position LIMIT $2), \
         gone AS (DELETE FROM turns USING old WHERE {OLD_ONE} RETURNING 1) \
         SELECT count(*), 0::bigint, NULL::text FROM gone"
    )
}

/// Deletes some ($2) turns of a tenant that is removed.
pub(super) fn purge() -> String {
    delete_oldest("")
}

impl PostgresStorage {
    pub(super) async fn add_all_turns(&self, tenant: &str, turns: Vec<Turn>) -> Result<(), Failure> {
        let turns = latest(turns);
        let texts = |text: fn(&Turn) -> &str| Value::texts(turns.iter().map(text));
        let values = [
            Value::text(tenant),
            texts(|turn| &turn.conversation.agent),
            texts(|turn| &turn.conversation.user),
            texts(|turn| &turn.conversation.id),
            texts(|turn| turn.by.word()),
            texts(|turn| &turn.text),
            Value::Ints(turns.iter().map(|turn| turn.at).collect()),
            Value::Int(TURNS_KEPT.into()),
        ];
        let sql = ADD.replace("OLD_ONE", OLD_ONE);
        session::change(&self.pool, Scope::Tenant(tenant), Sql::Fixed(&sql), &values).await?;
        Ok(())
    }

    pub(super) async fn latest_turns(
        &self,
        tenant: &str,
        of: &Conversation,
        limit: u32,
    ) -> Result<Vec<Turn>, Failure> {
        let values = [
            Value::text(tenant),
            Value::text(&of.agent),
            Value::text(&of.user),
            Value::text(&of.id),
            Value::Int(limit.min(PAGE_ROWS_MAX).into()),
        ];
        let rows = self
            .rows(Scope::Tenant(tenant), Sql::Fixed(LATEST), &values)
            .await?;
        let turn = |row: &Row| {
            Ok(Turn {
                conversation: of.clone(),
                by: codec::word(row, 0)?,
                text: codec::text(row, 1)?,
                at: codec::int(row, 2)?,
            })
        };
        rows.iter().rev().map(turn).collect()
    }

    /// Made twice, it forgets what it would forget the next time.
    pub(super) async fn forget_old_turns(
        &self,
        tenant: &str,
        before: Instant,
        limit: u32,
    ) -> Result<u64, Failure> {
        let sql = delete_oldest("AND at < $3");
        let values = [Value::text(tenant), Value::Int(limit.into()), Value::Int(before)];
        let rows =
            session::change_again(&self.pool, Scope::Tenant(tenant), Sql::Fixed(&sql), &values).await?;
        rows.first().map_or(Ok(0), |row| codec::count(row, 0))
    }
}
