//! The removal of rows, a few at a time: of a tenant that is removed, and of what is no longer kept.

use deadpool_postgres::Object;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::PostgresStorage;
use super::codec;
use super::commit;
use super::failure::Failure;
use super::session::{Borrowed, SET_SCOPE, Scope, Sql, again, ended_how};
use super::text::stored;
use super::turns;
use super::usage;
use super::value::Value;
use crate::storage::retention::{self, Old, SweptJob};
use crate::storage::units::Sums;
use crate::storage::words::Word as _;
use crate::wit::types::JobStatus;

/// A statement of [`retention`] that answers how many rows it deleted, the bytes they counted, and which status
/// those of them had that are jobs: a row for each. Words, texts and agenda of a job go with it.
fn counted(statement: &str) -> String {
    let jobs = statement.starts_with("DELETE FROM jobs ");
    let (seq, texts) = if jobs {
        (
            ", seq, id",
            ", words AS (DELETE FROM job_words USING old WHERE job_words.seq = old.seq), \
             gone AS (DELETE FROM agenda USING old WHERE agenda.tenant = $1 AND agenda.id = old.id), \
             texts AS (DELETE FROM job_text USING old WHERE job_text.tenant = $1 AND job_text.seq = old.seq), \
             revised AS (DELETE FROM texts USING old WHERE texts.tenant = $1 AND texts.seq = old.seq)",
        )
    } else {
        ("", "")
    };
    let columns = if jobs {
        "bytes, status, seq, id"
    } else {
        "bytes, status"
    };
    format!(
        "WITH old ({columns}) AS ({statement}{seq}){texts} \
         SELECT count(*), coalesce(sum(bytes), 0)::bigint, status::text FROM old GROUP BY status"
    )
}

const FORGET: &str =
    "WITH outbox AS (DELETE FROM outboxes WHERE tenant = $1) DELETE FROM stored WHERE tenant = $1";

impl PostgresStorage {
    /// Deletes up to `limit` rows; answers how many. A step that may have been made is not made again:
    /// its caller makes the next one, which finds what is left.
    pub(super) async fn purge_some(&self, tenant: &str, limit: u32) -> Result<u64, Failure> {
        again(Failure::is_transient, || {
            self.purge_once(tenant, i64::from(limit))
        })
        .await
    }

    async fn purge_once(&self, tenant: &str, limit: i64) -> Result<u64, Failure> {
        let borrowed = Borrowed::from(&self.pool).await?;
        let client = borrowed.client()?;
        let tenant_text = stored(tenant);
        let of: &(dyn ToSql + Sync) = &tenant_text;
        let mut sums = begin(client, tenant).await?;
        let mut left = limit;
        left -= delete(client, &turns::purge(), &[of, &left], &mut sums).await?;
        left -= delete(client, usage::PURGE, &[of, &left], &mut sums).await?;
        for (_, statement) in retention::of_tenant() {
            if left == 0 {
                break;
            }
            left -= delete(client, &counted(&statement), &[of, &left], &mut sums).await?;
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

    /// Deletes what is no longer kept; made twice it is as if it were made once.
    pub(super) async fn forget_old(&self, tenant: &str, old: &Old) -> Result<u64, Failure> {
        if !self.has_old(tenant, old).await? {
            return Ok(0);
        }
        again(Failure::is_transient, || self.forget_once(tenant, old)).await
    }

    /// Whether there is something to forget; of a job's history alone that is a question.
    async fn has_old(&self, tenant: &str, old: &Old) -> Result<bool, Failure> {
        let Old::History {
            job, kept, before, ..
        } = old
        else {
            return Ok(true);
        };
        let values = [
            Value::text(tenant),
            Value::text(job),
            Value::Int(*before),
            Value::Int((*kept).into()),
        ];
        let sql = retention::has_history();
        let found = self
            .rows(Scope::Tenant(tenant), Sql::Fixed(&sql), &values)
            .await?;
        Ok(!found.is_empty())
    }

    async fn forget_once(&self, tenant: &str, old: &Old) -> Result<u64, Failure> {
        let borrowed = Borrowed::from(&self.pool).await?;
        let client = borrowed.client()?;
        let tenant_text = stored(tenant);
        let of: &(dyn ToSql + Sync) = &tenant_text;
        let mut sums = begin(client, tenant).await?;
        let mut rows = 0;
        match old {
            Old::Jobs(jobs) => {
                for job in jobs {
                    let job = stored(job);
                    let archived = client.prepare_cached(retention::ARCHIVED).await?;
                    if client.query_opt(&archived, &[of, &job]).await?.is_none() {
                        continue;
                    }
                    for statement in retention::of_job() {
                        rows += delete(client, &counted(&statement), &[of, &job], &mut sums).await?;
                    }
                }
            }
            Old::History {
                job,
                kept,
                before,
                limit,
            } => {
                let (job, kept, limit) = (stored(job), i64::from(*kept), i64::from(*limit));
                for statement in retention::of_history() {
                    let values: [&(dyn ToSql + Sync); 5] = [of, &job, before, &kept, &limit];
                    rows += delete(client, &counted(&statement), &values, &mut sums).await?;
                }
            }
            Old::Messages(messages) => {
                let statement = counted(&retention::of_message());
                for message in messages {
                    rows += delete(client, &statement, &[of, &stored(message)], &mut sums).await?;
                }
            }
        }
        if rows > 0 {
            commit::put_sums(client, tenant, &sums).await?;
        }
        client.batch_execute("COMMIT").await.map_err(ended_how)?;
        borrowed.give_back();
        Ok(u64::try_from(rows).unwrap_or(0))
    }

    pub(super) async fn swept(&self, tenant: &str, after: u64, limit: u32) -> Result<Vec<SweptJob>, Failure> {
        const SQL: &str = "SELECT seq, id, status, (job_type <> 'ONE_OFF')::int::bigint, updated_at FROM jobs \
             WHERE tenant = $1 AND seq > $2 ORDER BY seq LIMIT $3";
        let values = [
            Value::text(tenant),
            Value::Int(i64::try_from(after).unwrap_or(i64::MAX)),
            Value::Int(limit.into()),
        ];
        let rows = self.rows(Scope::Tenant(tenant), Sql::Fixed(SQL), &values).await?;
        let job = |row: &Row| {
            Ok(SweptJob {
                number: codec::count(row, 0)?,
                id: codec::text(row, 1)?,
                status: JobStatus::parse(&codec::text(row, 2)?),
                repeats: codec::int(row, 3)? != 0,
                updated_at: codec::int(row, 4)?,
            })
        };
        rows.iter().map(job).collect()
    }
}

/// Begins a transaction of a tenant whose writers wait; answers what its rows come to.
pub(super) async fn begin(client: &Object, tenant: &str) -> Result<Sums, Failure> {
    client.batch_execute("BEGIN").await?;
    let settings = Scope::Tenant(tenant).settings();
    let set_scope = client.prepare_cached(SET_SCOPE).await?;
    client
        .execute_raw(&set_scope, settings.iter().map(Value::parameter))
        .await?;
    let lock = client.prepare_cached(&commit::lock_of_tenant()).await?;
    let locked = client.query_opt(&lock, &[&stored(tenant)]).await?;
    Ok(locked.as_ref().map(codec::sums).transpose()?.unwrap_or_default())
}

/// Deletes rows by a statement that is [`counted`]; answers how many.
async fn delete(
    client: &Object,
    statement: &str,
    values: &[&(dyn ToSql + Sync)],
    sums: &mut Sums,
) -> Result<i64, Failure> {
    let deleted = client
        .query(&client.prepare_cached(statement).await?, values)
        .await?;
    let mut count = 0;
    for row in &deleted {
        let (rows, bytes) = (codec::int(row, 0)?, codec::int(row, 1)?);
        let status = codec::maybe_text(row, 2)?;
        sums.take(status.as_deref().and_then(JobStatus::parse), rows, bytes);
        count += rows;
    }
    Ok(count)
}
