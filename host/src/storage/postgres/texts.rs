//! What jobs are found by: their texts with vectors, as an index in memory takes them.

use tokio_postgres::Row;

use super::PostgresStorage;
use super::codec::{self, JOB, JOB_COLUMNS};
use super::condition::Condition;
use super::failure::Failure;
use super::purge::begin;
use super::session::{self, Borrowed, Bound, Scope, Sql, again, ended_how};
use super::text::stored;
use super::value::Value;
use crate::limits::PAGE_BYTES_MAX;
use crate::storage::texts::{JobTexts, NewVector, Picked, StoredVector, Unembedded, of_spec};
use crate::wit::storage::JobFilter;

fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn texts_of(row: &Row) -> Result<JobTexts, Failure> {
    let model = codec::text(row, 5)?;
    let (title, description) = of_spec(&codec::text(row, 4)?);
    Ok(JobTexts {
        number: codec::count(row, 0)?,
        revision: codec::count(row, 1)?,
        agent: codec::text(row, 2)?,
        user: codec::text(row, 3)?,
        title,
        description,
        vector: match model.is_empty() {
            true => None,
            false => Some(StoredVector {
                model,
                bytes: codec::maybe_bytes(row, 6)?,
            }),
        },
    })
}

fn unembedded_of(row: &Row) -> Result<Unembedded, Failure> {
    let (title, description) = of_spec(&codec::text(row, 3)?);
    Ok(Unembedded {
        tenant: codec::text(row, 0)?,
        number: codec::count(row, 1)?,
        revision: codec::count(row, 2)?,
        title,
        description,
    })
}

impl PostgresStorage {
    pub(super) async fn texts_behind(
        &self,
        tenant: &str,
        after: u64,
        limit: u32,
    ) -> Result<Vec<JobTexts>, Failure> {
        const SQL: &str = "SELECT found.seq, found.revision, jobs.agent, jobs.\"user\", jobs.spec, found.model, found.vector \
             FROM (SELECT * FROM texts WHERE tenant = $1 AND revision > $2 ORDER BY revision LIMIT $3) AS found \
             CROSS JOIN LATERAL (SELECT agent, \"user\", spec FROM jobs WHERE tenant = $1 AND seq = found.seq OFFSET 0) AS jobs \
             ORDER BY found.revision";
        let values = [
            Value::text(tenant),
            Value::Int(int(after)),
            Value::Int(limit.into()),
        ];
        let rows = self.rows(Scope::Tenant(tenant), Sql::Fixed(SQL), &values).await?;
        rows.iter().map(texts_of).collect()
    }

    /// Texts of no model and of others are two ends of an index.
    pub(super) async fn not_embedded(&self, model: &str, limit: u32) -> Result<Vec<Unembedded>, Failure> {
        const SQL: &str = "SELECT found.tenant, found.seq, found.revision, jobs.spec FROM \
                 (SELECT * FROM (SELECT * FROM texts WHERE model < $1 ORDER BY model, revision LIMIT $2) AS lower \
                  UNION ALL SELECT * FROM (SELECT * FROM texts WHERE model > $1 ORDER BY model, revision LIMIT $2) AS upper \
                  LIMIT $2) AS found \
             CROSS JOIN LATERAL (SELECT spec FROM jobs WHERE tenant = found.tenant AND seq = found.seq OFFSET 0) AS jobs";
        let values = [Value::text(model), Value::Int(limit.into())];
        let bound = Bound::Cut(PAGE_BYTES_MAX);
        let found = session::read(&self.pool, Scope::Host, Sql::Fixed(SQL), &values, bound).await?;
        found.rows.iter().map(unembedded_of).collect()
    }

    /// Keeps vectors; made twice it is as if it were made once.
    pub(super) async fn keep_vectors(
        &self,
        tenant: &str,
        model: &str,
        vectors: &[NewVector],
    ) -> Result<(), Failure> {
        again(Failure::is_transient, || {
            self.keep_vectors_once(tenant, model, vectors)
        })
        .await
    }

    async fn keep_vectors_once(
        &self,
        tenant: &str,
        model: &str,
        vectors: &[NewVector],
    ) -> Result<(), Failure> {
        // The tenant stands in each row: rows are looked up one by one, whatever the planner believes.
        const SQL: &str = "UPDATE texts SET revision = nextval('texts_revision'), model = $2, vector = new.vector \
             FROM unnest($1::text[], $3::bigint[], $4::bigint[], $5::bytea[]) AS new (tenant, seq, revision, vector) \
             WHERE texts.tenant = new.tenant AND texts.seq = new.seq AND texts.revision = new.revision";
        let borrowed = Borrowed::from(&self.pool).await?;
        let client = borrowed.client()?;
        begin(client, tenant).await?;
        let tenants = vec![stored(tenant); vectors.len()];
        let numbers: Vec<i64> = vectors.iter().map(|vector| int(vector.number)).collect();
        let revisions: Vec<i64> = vectors.iter().map(|vector| int(vector.revision)).collect();
        let bytes: Vec<Option<&[u8]>> = vectors.iter().map(|vector| vector.bytes.as_deref()).collect();
        let statement = client.prepare_cached(SQL).await?;
        client
            .execute(
                &statement,
                &[&tenants, &stored(model), &numbers, &revisions, &bytes],
            )
            .await?;
        client.batch_execute("COMMIT").await.map_err(ended_how)?;
        borrowed.give_back();
        Ok(())
    }

    pub(super) async fn picked(
        &self,
        tenant: &str,
        numbers: &[u64],
        filter: &JobFilter,
    ) -> Result<Picked, Failure> {
        let mut condition = Condition::of_jobs(tenant, filter, "jobs");
        let numbers = numbers.iter().map(|number| int(*number)).collect();
        let mark = condition.value(Value::Ints(numbers));
        let text = if filter.title.is_some() {
            " JOIN job_text ON job_text.tenant = jobs.tenant AND job_text.seq = jobs.seq"
        } else {
            ""
        };
        let sql = format!(
            "SELECT {JOB}, jobs.seq FROM unnest({mark}::bigint[]) WITH ORDINALITY AS asked (seq, place) \
             CROSS JOIN LATERAL (SELECT * FROM jobs WHERE tenant = $1 AND seq = asked.seq OFFSET 0) AS jobs{text} \
             WHERE {} ORDER BY asked.place",
            condition.text
        );
        let found = self.cut(tenant, &sql, &condition).await?;
        let mut jobs = Vec::with_capacity(found.rows.len());
        for row in &found.rows {
            let number = codec::count(row, JOB_COLUMNS)?;
            jobs.extend(codec::readable(codec::job(row), row).map(|job| (number, job)));
        }
        Ok(Picked { jobs, cut: found.cut })
    }

    pub(super) async fn numbers(
        &self,
        tenant: &str,
        filter: &JobFilter,
        limit: u32,
    ) -> Result<Vec<u64>, Failure> {
        let condition = Condition::of_listed(tenant, filter);
        let sql = format!(
            "SELECT {}.seq FROM {} WHERE {} LIMIT {limit}",
            condition.jobs(),
            condition.tables(),
            condition.text
        );
        let rows = self.made(tenant, &sql, &condition).await?;
        rows.iter().map(|row| codec::count(row, 0)).collect()
    }
}
