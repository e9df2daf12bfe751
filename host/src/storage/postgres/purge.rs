//! The removal of a tenant's rows, a few at a time.

use super::PostgresStorage;
use super::codec;
use super::commit;
use super::failure::Failure;
use super::session::{Borrowed, Retries, SET_SCOPE, Scope, ended_how};
use super::text::stored;
use super::value::Value;
use crate::storage::words::Word as _;
use crate::wit::types::JobStatus;
use tokio_postgres::types::ToSql;

/// The tables of a tenant's rows, those that name jobs before the jobs themselves. Each answers how many
/// rows it deleted, the bytes they counted, and which status those of them had that are jobs.
const DELETE: [&str; 5] = [
    "WITH old AS (DELETE FROM messages WHERE position IN (SELECT position FROM messages WHERE tenant = $1 LIMIT $2) \
         RETURNING octet_length(title) + octet_length(text) + 300 AS bytes) \
     SELECT count(*), coalesce(sum(bytes), 0)::bigint, NULL::text FROM old",
    "WITH old AS (DELETE FROM changes WHERE position IN (SELECT position FROM changes WHERE tenant = $1 LIMIT $2) \
         RETURNING coalesce(octet_length(message), 0) + 100 AS bytes) \
     SELECT count(*), coalesce(sum(bytes), 0)::bigint, NULL::text FROM old",
    "WITH old AS (DELETE FROM runs WHERE (tenant, id) IN (SELECT tenant, id FROM runs WHERE tenant = $1 LIMIT $2) \
         RETURNING octet_length(body) + 100 AS bytes) \
     SELECT count(*), coalesce(sum(bytes), 0)::bigint, NULL::text FROM old",
    "WITH few AS MATERIALIZED (SELECT tenant, dependent, prerequisite FROM edges WHERE tenant = $1 LIMIT $2), \
         old AS (DELETE FROM edges USING few WHERE edges.tenant = few.tenant AND edges.dependent = few.dependent \
             AND edges.prerequisite = few.prerequisite RETURNING 150 AS bytes) \
     SELECT count(*), coalesce(sum(bytes), 0)::bigint, NULL::text FROM old",
    // Words and text of a job go with its row.
    "WITH old AS (DELETE FROM jobs WHERE (tenant, id) IN (SELECT tenant, id FROM jobs WHERE tenant = $1 ORDER BY id LIMIT $2) \
         RETURNING seq, octet_length(spec) + octet_length(state) + 300 AS bytes, status), \
         words AS (DELETE FROM job_words USING old WHERE job_words.seq = old.seq), \
         texts AS (DELETE FROM job_text USING old WHERE job_text.tenant = $1 AND job_text.seq = old.seq) \
     SELECT count(*), sum(bytes)::bigint, status FROM old GROUP BY status",
];
const FORGET: &str =
    "WITH outbox AS (DELETE FROM outboxes WHERE tenant = $1) DELETE FROM stored WHERE tenant = $1";

impl PostgresStorage {
    /// Deletes up to `limit` rows; answers how many. A step that may have been made is not made again:
    /// its caller makes the next one, which finds what is left.
    pub(super) async fn purge_some(&self, tenant: &str, limit: u32) -> Result<u64, Failure> {
        let mut retries = Retries::default();
        loop {
            match self.purge_once(tenant, i64::from(limit)).await {
                Err(failure) if failure.is_transient() && retries.again().await => {}
                result => return result,
            }
        }
    }

    async fn purge_once(&self, tenant: &str, limit: i64) -> Result<u64, Failure> {
        let borrowed = Borrowed::from(&self.pool).await?;
        let client = borrowed.client()?;
        let tenant_text = stored(tenant);
        let of: &(dyn ToSql + Sync) = &tenant_text;
        client.batch_execute("BEGIN").await?;
        let settings = Scope::Tenant(tenant).settings();
        let set_scope = client.prepare_cached(SET_SCOPE).await?;
        client
            .execute_raw(&set_scope, settings.iter().map(Value::parameter))
            .await?;
        let locked = client
            .query_opt(&client.prepare_cached(&commit::lock_of_tenant()).await?, &[of])
            .await?;
        let mut sums = locked.as_ref().map(codec::sums).transpose()?.unwrap_or_default();
        let mut left = limit;
        for statement in DELETE {
            if left == 0 {
                break;
            }
            let deleted = client
                .query(&client.prepare_cached(statement).await?, &[of, &left])
                .await?;
            for row in &deleted {
                let (rows, bytes) = (codec::int(row, 0)?, codec::int(row, 1)?);
                left -= rows;
                let status = codec::maybe_text(row, 2)?;
                sums.take(status.as_deref().and_then(JobStatus::parse), rows, bytes);
            }
        }
        if left == limit {
            client
                .execute(&client.prepare_cached(FORGET).await?, &[of])
                .await?;
        } else {
            commit::put_sums(client, tenant, &sums).await?;
        }
        client.batch_execute("COMMIT").await.map_err(ended_how)?;
        borrowed.give_back();
        Ok(u64::try_from(limit - left).unwrap_or(0))
    }
}
