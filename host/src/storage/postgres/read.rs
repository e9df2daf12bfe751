//! Reading by id and by filter. Each read is one statement.

use std::collections::HashMap;

use tokio_postgres::Row;

use super::PostgresStorage;
use super::claim::DATABASE_NOW;
use super::codec::{self, CHANGE, EDGE, JOB, MESSAGE};
use super::condition::Condition;
use super::failure::Failure;
use super::session::{self, Bound, Scope, Sql};
use super::value::Value;
use crate::limits::PAGE_ROWS_MAX;
use crate::storage::InboxEntry;
use crate::storage::units::{STATUS_COLUMNS, Sums};
use crate::wit::storage::{EdgeFilter, MessageFilter, RunFilter};
use crate::wit::types::{Edge, Instant, Job, Run, StatusChange};

pub(super) fn limit(rows: u32) -> u32 {
    rows.clamp(1, PAGE_ROWS_MAX)
}

/// A tenant's messages behind a position.
fn behind(tenant: &str, after: u64) -> Condition {
    let mut condition = Condition::of_tenant("tenant", tenant);
    let mark = condition.value(Value::Int(i64::try_from(after).unwrap_or(i64::MAX)));
    condition.and(&format!("position > {mark}"));
    condition
}

impl PostgresStorage {
    pub(super) async fn rows(
        &self,
        scope: Scope<'_>,
        sql: Sql<'_>,
        values: &[Value],
    ) -> Result<Vec<Row>, Failure> {
        let found = session::read(&self.pool, scope, sql, values, Bound::Refuse).await?;
        Ok(found.rows)
    }

    pub(super) async fn made(
        &self,
        tenant: &str,
        sql: &str,
        condition: &Condition,
    ) -> Result<Vec<Row>, Failure> {
        self.rows(Scope::Tenant(tenant), Sql::Made(sql), &condition.values)
            .await
    }

    pub(super) async fn read_jobs(&self, tenant: &str, ids: &[String]) -> Result<Vec<Option<Job>>, Failure> {
        let sql = format!(
            "SELECT found.* FROM unnest($2::text[]) AS asked (id) CROSS JOIN LATERAL \
             (SELECT {JOB} FROM jobs WHERE jobs.tenant = $1 AND jobs.id = asked.id OFFSET 0) AS found"
        );
        let values = [Value::text(tenant), Value::texts(ids.iter().map(String::as_str))];
        let rows = self
            .rows(Scope::Tenant(tenant), Sql::Fixed(&sql), &values)
            .await?;
        let jobs = rows
            .iter()
            .filter_map(|row| codec::readable(codec::job(row), row));
        let found: HashMap<String, Job> = jobs.map(|job| (job.id.clone(), job)).collect();
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    pub(super) async fn read_runs(&self, tenant: &str, ids: &[String]) -> Result<Vec<Option<Run>>, Failure> {
        const SQL: &str = "SELECT found.* FROM unnest($2::text[]) AS asked (id) CROSS JOIN LATERAL \
                           (SELECT id, body FROM runs WHERE tenant = $1 AND id = asked.id OFFSET 0) AS found";
        let values = [Value::text(tenant), Value::texts(ids.iter().map(String::as_str))];
        let rows = self.rows(Scope::Tenant(tenant), Sql::Fixed(SQL), &values).await?;
        let runs = rows
            .iter()
            .filter_map(|row| codec::readable(codec::run(row, 1), row));
        let found: HashMap<String, Run> = runs.map(|run| (run.id.clone(), run)).collect();
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    pub(super) async fn runs_of_job(&self, tenant: &str, filter: &RunFilter) -> Result<Vec<Run>, Failure> {
        let mut condition = Condition::of_tenant("tenant", tenant);
        condition.and_equal("job", Some(&filter.job));
        condition.and_words("status", &filter.statuses);
        if let Some(before) = filter.before {
            let mark = condition.value(Value::Int(before));
            condition.and(&format!("slot < {mark}"));
        }
        let sql = format!(
            "SELECT id, body FROM runs WHERE {} ORDER BY slot DESC LIMIT {}",
            condition.text,
            limit(filter.limit)
        );
        let rows = self.made(tenant, &sql, &condition).await?;
        let runs = rows
            .iter()
            .filter_map(|row| codec::readable(codec::run(row, 1), row));
        Ok(runs.collect())
    }

    pub(super) async fn edges(&self, tenant: &str, filter: &EdgeFilter) -> Result<Vec<Edge>, Failure> {
        let of_dependents = format!(
            "SELECT found.* FROM unnest($2::text[]) WITH ORDINALITY AS asked (id, place) CROSS JOIN LATERAL \
                 (SELECT {EDGE} FROM edges WHERE tenant = $1 AND dependent = asked.id OFFSET 0) AS found \
             ORDER BY asked.place, found.prerequisite"
        );
        // UNION, not UNION ALL: each job once, so that a diamond is no explosion.
        let ancestors = format!(
            "WITH RECURSIVE above (job) AS ( \
                 SELECT id COLLATE \"C\" FROM unnest($2::text[]) AS asked (id) \
                 UNION \
                 SELECT next.prerequisite FROM above CROSS JOIN LATERAL \
                     (SELECT prerequisite FROM edges WHERE tenant = $1 AND dependent = above.job OFFSET 0) AS next) \
             SELECT found.* FROM above CROSS JOIN LATERAL \
                 (SELECT {EDGE} FROM edges WHERE tenant = $1 AND dependent = above.job OFFSET 0) AS found LIMIT $3"
        );
        let scope = Scope::Tenant(tenant);
        let asked = |ids: &[String]| Value::texts(ids.iter().map(String::as_str));
        let rows = match filter {
            EdgeFilter::OfDependents(ids) => {
                let values = [Value::text(tenant), asked(ids)];
                self.rows(scope, Sql::Fixed(&of_dependents), &values).await?
            }
            EdgeFilter::Ancestors(of) => {
                let values = [
                    Value::text(tenant),
                    asked(&of.dependents),
                    Value::Int(of.limit.into()),
                ];
                self.rows(scope, Sql::Fixed(&ancestors), &values).await?
            }
            EdgeFilter::OfPrerequisite(of) => {
                let mut condition = Condition::of_tenant("tenant", tenant);
                condition.and_equal("prerequisite", Some(&of.prerequisite));
                condition.and_words("status", &of.statuses);
                if let Some(after) = &of.after {
                    let mark = condition.value(Value::text(after));
                    condition.and(&format!("dependent > {mark}"));
                }
                let sql = format!(
                    "SELECT {EDGE} FROM edges WHERE {} ORDER BY dependent LIMIT {}",
                    condition.text,
                    limit(of.limit)
                );
                self.made(tenant, &sql, &condition).await?
            }
        };
        rows.iter().map(codec::edge).collect()
    }

    pub(super) async fn messages(
        &self,
        tenant: &str,
        filter: &MessageFilter,
    ) -> Result<Vec<InboxEntry>, Failure> {
        let mut condition = Condition::of_tenant("tenant", tenant);
        condition.and_equal("id", filter.id.as_ref());
        condition.and_equal("job", filter.job.as_ref());
        condition.and_equal("\"user\"", filter.user.as_ref());
        condition.and_words("kind", &filter.kinds);
        condition.and_words("delivery", &filter.deliveries);
        self.messages_that(tenant, &condition, filter.limit).await
    }

    pub(super) async fn inbox_after(
        &self,
        tenant: &str,
        user: Option<&String>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<InboxEntry>, Failure> {
        let mut condition = behind(tenant, after);
        condition.and_equal("\"user\"", user);
        condition.and("kind <> 'reply'");
        self.messages_that(tenant, &condition, limit).await
    }

    pub(super) async fn newest_message(&self, tenant: &str) -> Result<u64, Failure> {
        const SQL: &str = "SELECT position FROM messages WHERE tenant = $1 ORDER BY position DESC LIMIT 1";
        let values = [Value::text(tenant)];
        let rows = self.rows(Scope::Tenant(tenant), Sql::Fixed(SQL), &values).await?;
        rows.first().map_or(Ok(0), |row| codec::count(row, 0))
    }

    pub(super) async fn messages_after(
        &self,
        tenant: &str,
        after: u64,
        limit: u32,
    ) -> Result<Vec<InboxEntry>, Failure> {
        self.messages_that(tenant, &behind(tenant, after), limit).await
    }

    async fn messages_that(
        &self,
        tenant: &str,
        condition: &Condition,
        rows: u32,
    ) -> Result<Vec<InboxEntry>, Failure> {
        let sql = format!(
            "SELECT {MESSAGE} FROM messages WHERE {} ORDER BY position LIMIT {}",
            condition.text,
            limit(rows)
        );
        let rows = self.made(tenant, &sql, condition).await?;
        rows.iter().map(codec::message).collect()
    }

    pub(super) async fn changes(
        &self,
        tenant: &str,
        job: &str,
        rows: u32,
    ) -> Result<Vec<StatusChange>, Failure> {
        let sql = format!(
            "SELECT {CHANGE} FROM changes WHERE tenant = $1 AND job = $2 ORDER BY position DESC LIMIT $3"
        );
        let values = [
            Value::text(tenant),
            Value::text(job),
            Value::Int(limit(rows).into()),
        ];
        let rows = self
            .rows(Scope::Tenant(tenant), Sql::Fixed(&sql), &values)
            .await?;
        rows.iter().map(codec::change).collect()
    }

    pub(super) async fn queued(&self, tenant: &str, rows: u32) -> Result<Vec<InboxEntry>, Failure> {
        let sql = format!(
            "SELECT {MESSAGE} FROM messages WHERE tenant = $1 AND delivery = 'queued' AND kind <> 'reply' \
             ORDER BY position LIMIT $2"
        );
        let values = [Value::text(tenant), Value::Int(limit(rows).into())];
        let rows = self
            .rows(Scope::Tenant(tenant), Sql::Fixed(&sql), &values)
            .await?;
        rows.iter().map(codec::message).collect()
    }

    /// Leaps from tenant to tenant over the index.
    pub(super) async fn recipients(&self) -> Result<Vec<String>, Failure> {
        const SQL: &str = "WITH RECURSIVE waiting (tenant) AS ( \
                (SELECT tenant FROM messages WHERE delivery = 'queued' AND kind <> 'reply' ORDER BY tenant LIMIT 1) \
                UNION ALL SELECT (SELECT next.tenant FROM messages AS next WHERE next.delivery = 'queued' \
                    AND next.kind <> 'reply' AND next.tenant > waiting.tenant ORDER BY next.tenant LIMIT 1) \
                FROM waiting WHERE waiting.tenant IS NOT NULL) \
            SELECT tenant FROM waiting WHERE tenant IS NOT NULL";
        let rows = self.rows(Scope::Host, Sql::Fixed(SQL), &[]).await?;
        rows.iter().map(|row| codec::text(row, 0)).collect()
    }

    /// Leaps from tenant to tenant as well.
    pub(super) async fn tenants_due(&self, now: Option<Instant>) -> Result<Vec<String>, Failure> {
        const NEXT: &str = "(SELECT least.tenant FROM (SELECT tenant FROM agenda WHERE available_at IS NOT NULL AFTER_IT \
            ORDER BY tenant, available_at, seq LIMIT 1) AS least)";
        let (first, next) = (
            NEXT.replace("AFTER_IT", ""),
            NEXT.replace("AFTER_IT", "AND agenda.tenant > known.tenant"),
        );
        let sql = format!(
            "WITH RECURSIVE known (tenant) AS (SELECT {first} UNION ALL SELECT {next} FROM known WHERE known.tenant IS NOT NULL) \
             SELECT tenant FROM known WHERE tenant IS NOT NULL AND coalesce($1::bigint, {DATABASE_NOW}) >= \
                 (SELECT available_at FROM agenda WHERE agenda.tenant = known.tenant AND available_at IS NOT NULL \
                  ORDER BY available_at, seq LIMIT 1)"
        );
        let rows = self
            .rows(Scope::Host, Sql::Fixed(&sql), &[Value::MaybeInt(now)])
            .await?;
        rows.iter().map(|row| codec::text(row, 0)).collect()
    }

    pub(super) async fn sums(&self, tenant: &str) -> Result<Sums, Failure> {
        let sql = format!("SELECT bytes, {STATUS_COLUMNS} FROM stored WHERE tenant = $1");
        let values = [Value::text(tenant)];
        let rows = self
            .rows(Scope::Tenant(tenant), Sql::Fixed(&sql), &values)
            .await?;
        rows.first().map_or_else(|| Ok(Sums::default()), codec::sums)
    }
}
