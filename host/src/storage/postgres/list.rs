//! Lists of jobs, newest first.

use super::PostgresStorage;
use super::codec::{self, JOB, JOB_COLUMNS};
use super::condition::Condition;
use super::failure::Failure;
use super::read::limit;
use super::session::{self, Bound, Found, Scope, Sql};
use super::value::Value;
use crate::limits::{PAGE_BYTES_MAX, TOTAL_COUNT_MAX};
use crate::storage::words::{Word as _, statuses_of, types_of};
use crate::wit::storage::{JobFilter, JobPage, Page};
use crate::wit::types::Job;

/// A page of jobs, newest first: the jobs, where the next page begins, how many match.
pub(super) type Newest = (Vec<Job>, Option<String>, u64);

/// A short look into an index for each status (and type, where the jobs are one person's), so that no list walks
/// over what it does not show. The condition's first values are the tenant and the owner, its last one is where
/// the page begins. One person's jobs of a status and type are one stretch of an index, in their order. Of all
/// persons' jobs, ranges of whole rows, and their order, leave the planner only the index that is meant: others
/// have the order too, and it cannot know how far it would have to walk there. (Only the first column of such a
/// range ends a walk: no longer ones.)
fn by_class(condition: &mut Condition, filter: &JobFilter, older: bool, rows: u32) -> String {
    let before = if older {
        format!("${}", condition.values.len())
    } else {
        i64::MAX.to_string()
    };
    let words = statuses_of(filter);
    let statuses = condition.value(Value::texts(words.iter().map(|status| status.word())));
    let words = types_of(filter);
    let types = condition.value(Value::texts(words.iter().map(|kind| kind.word())));
    let (class, look) = if filter.agent.is_some() && filter.user.is_some() {
        let look = format!(
            "agent = $2 AND \"user\" = $3 AND status = class.word AND job_type = kind.word AND seq < {before} \
             ORDER BY seq DESC"
        );
        (
            format!(" CROSS JOIN unnest({types}::text[]) AS kind (word)"),
            look,
        )
    } else {
        let mut look = format!(
            "(status, seq) >= (class.word, 0) AND (status, seq) < (class.word, {before}) AND job_type = ANY ({types})"
        );
        for (column, asked) in [("agent", &filter.agent), ("\"user\"", &filter.user)] {
            if asked.is_some() {
                look += &format!(" AND {column} = $2");
            }
        }
        (String::new(), look + " ORDER BY status DESC, seq DESC")
    };
    format!(
        "(SELECT looked.seq FROM unnest({statuses}::text[]) AS class (word){class} CROSS JOIN LATERAL \
             (SELECT seq FROM agenda WHERE tenant = $1 AND {look} LIMIT {rows}) AS looked \
         ORDER BY looked.seq DESC LIMIT {rows}) AS found \
         CROSS JOIN LATERAL (SELECT * FROM jobs WHERE tenant = $1 AND seq = found.seq OFFSET 0) AS jobs"
    )
}

impl PostgresStorage {
    /// How many rows there are, up to a bound.
    pub(super) async fn count(
        &self,
        tenant: &str,
        rows: &str,
        condition: &Condition,
    ) -> Result<u64, Failure> {
        let sql = format!("SELECT count(*) FROM (SELECT 1 FROM {rows} LIMIT {TOTAL_COUNT_MAX}) AS found");
        match self.made(tenant, &sql, condition).await?.first() {
            Some(row) => codec::count(row, 0),
            None => Ok(0),
        }
    }

    /// Jobs with their `seq`, as many as a page may hold.
    pub(super) async fn cut(&self, tenant: &str, sql: &str, condition: &Condition) -> Result<Found, Failure> {
        let bound = Bound::Cut(PAGE_BYTES_MAX);
        session::read(
            &self.pool,
            Scope::Tenant(tenant),
            Sql::Made(sql),
            &condition.values,
            bound,
        )
        .await
    }

    /// A page of what was found, newest first; `counted` are all rows that match.
    pub(super) async fn page_of(
        &self,
        tenant: &str,
        Found { rows, cut }: Found,
        page: &Page,
        limit: u32,
        counted: &str,
        condition: &Condition,
    ) -> Result<Newest, Failure> {
        let full = cut || rows.len() == limit as usize;
        let next = match rows.last() {
            Some(row) if full => Some(codec::int(row, JOB_COLUMNS)?.to_string()),
            _ => None,
        };
        let total = if !page.count {
            0
        } else if page.cursor.is_none() && !full {
            // A first page that is not full has counted itself.
            rows.len() as u64
        } else {
            self.count(tenant, counted, condition).await?
        };
        let jobs = rows
            .iter()
            .filter_map(|row| codec::readable(codec::job(row), row));
        Ok((jobs.collect(), next, total))
    }

    pub(super) async fn read_page(
        &self,
        tenant: &str,
        filter: &JobFilter,
        page: &Page,
        before: Option<i64>,
    ) -> Result<JobPage, Failure> {
        let mut condition = Condition::of_listed(tenant, filter);
        let all = format!("{} WHERE {}", condition.tables(), condition.text);
        if let Some(before) = before {
            let mark = condition.value(Value::Int(before));
            condition.and(&format!("jobs.seq < {mark}"));
        }
        let rows = limit(page.limit);
        let from = if filter.idempotency_key.is_some() || filter.title.is_some() {
            // A few rows by what they are asked for, whatever order others have.
            format!(
                "(SELECT jobs.* FROM {} WHERE {} OFFSET 0) AS jobs",
                condition.tables(),
                condition.text
            )
        } else {
            by_class(&mut condition, filter, before.is_some(), rows)
        };
        let sql = format!("SELECT {JOB}, jobs.seq FROM {from} ORDER BY jobs.seq DESC LIMIT {rows}");
        let found = self.cut(tenant, &sql, &condition).await?;
        let (jobs, next_cursor, total) = self.page_of(tenant, found, page, rows, &all, &condition).await?;
        Ok(JobPage {
            jobs,
            next_cursor,
            total,
        })
    }
}
