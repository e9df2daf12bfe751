//! Lists of jobs, newest first.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::codec::{self, JOB, JOB_TEXTS};
use super::condition::{Condition, owned_by, text};
use super::room::size;
use crate::limits::{PAGE_BYTES_MAX, PAGE_ROWS_MAX, TOTAL_COUNT_MAX};
use crate::storage::words::{Word as _, statuses_of, types_of};
use crate::wit::storage::{JobFilter, JobPage, Page};
use crate::wit::types::Job;

pub(super) fn limit(page: &Page) -> u32 {
    page.limit.clamp(1, PAGE_ROWS_MAX)
}

pub(super) fn count(connection: &Connection, from: &str, condition: &Condition) -> rusqlite::Result<u64> {
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM {from} WHERE {} LIMIT {TOTAL_COUNT_MAX})",
        condition.text
    );
    connection
        .prepare_cached(&sql)?
        .query_row(params_from_iter(&condition.values), |row| row.get(0))
}

/// A page, with the position of its last row and the number of all matches.
type Newest = (Vec<Job>, Option<String>, u64);

/// What `sql` finds: the columns of a job and its `seq`, newest first. `from` and `condition` are all matches.
fn page_of(
    connection: &Connection,
    sql: &str,
    values: &[Value],
    page: &Page,
    from: &str,
    condition: &Condition,
) -> rusqlite::Result<Newest> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut found = statement.query(params_from_iter(values))?;
    let mut rows = Vec::new();
    let mut bytes = 0;
    let mut cut = false;
    while let Some(row) = found.next()? {
        bytes += size(row, &JOB_TEXTS)?;
        if bytes > PAGE_BYTES_MAX && !rows.is_empty() {
            // A short page: the next one goes on here.
            cut = true;
            break;
        }
        rows.push((codec::readable_job(row)?, row.get::<_, i64>(9)?));
    }
    drop(found);
    let full = cut || rows.len() == limit(page) as usize;
    let next = rows.last().filter(|_| full).map(|(_, seq)| seq.to_string());
    let total = if !page.count {
        0
    } else if page.cursor.is_none() && !full {
        // A first page that is not full has counted itself.
        rows.len() as u64
    } else {
        count(connection, from, condition)?
    };
    Ok((rows.into_iter().filter_map(|(job, _)| job).collect(), next, total))
}

/// Those rows of `from` that a condition lets pass, in the order of `order`.
pub(super) fn newest(
    connection: &Connection,
    from: &str,
    order: &str,
    condition: &Condition,
    page: &Page,
    before: Option<i64>,
) -> rusqlite::Result<Newest> {
    let mut older = Condition::new(&condition.text, condition.values.clone());
    if let Some(before) = before {
        older.and("jobs.seq < ?", [Value::Integer(before)]);
    }
    let sql = format!(
        "SELECT {JOB}, jobs.seq FROM {from} WHERE {} ORDER BY {order} DESC LIMIT {}",
        older.text,
        limit(page)
    );
    page_of(connection, &sql, &older.values, page, from, condition)
}

pub(super) fn find_jobs(
    connection: &Connection,
    tenant: &str,
    filter: &JobFilter,
    page: &Page,
    before: Option<i64>,
) -> rusqlite::Result<JobPage> {
    let condition = owned_by(tenant, filter);
    let (jobs, next_cursor, total) = if filter.idempotency_key.is_some() || filter.title.is_some() {
        newest(connection, "jobs", "jobs.seq", &condition, page, before)?
    } else {
        let (sql, values) = by_class(tenant, filter, limit(page), before);
        page_of(connection, &sql, &values, page, "jobs", &condition)?
    };
    Ok(JobPage {
        jobs,
        next_cursor,
        total,
    })
}

/// A short look into an index for each status (and type, where the jobs are one person's), so that no list
/// walks over what it does not show.
fn by_class(tenant: &str, filter: &JobFilter, limit: u32, before: Option<i64>) -> (String, Vec<Value>) {
    let mut values = vec![text(tenant)];
    let mut mark = |value| {
        values.push(value);
        format!("?{}", values.len())
    };
    let mut shared = String::from("tenant = ?1");
    for (column, value) in [("agent", &filter.agent), ("user", &filter.user)] {
        if let Some(value) = value {
            shared += &format!(" AND {column} = {}", mark(text(value)));
        }
    }
    if let Some(before) = before {
        shared += &format!(" AND seq < {}", mark(Value::Integer(before)));
    }
    let types = types_of(filter);
    let mut types: Vec<String> = types.iter().map(|kind| format!("'{}'", kind.word())).collect();
    if filter.agent.is_none() || filter.user.is_none() {
        types = vec![types.join(", ")];
    }
    let mut looks = Vec::new();
    for status in statuses_of(filter) {
        for types in &types {
            looks.push(format!(
                "SELECT seq FROM (SELECT seq FROM jobs WHERE {shared} AND status = '{}' AND job_type IN ({types}) \
                     ORDER BY seq DESC LIMIT {limit})",
                status.word()
            ));
        }
    }
    let sql = format!(
        "SELECT {JOB}, jobs.seq FROM (SELECT seq FROM ({}) ORDER BY seq DESC LIMIT {limit}) AS found \
         CROSS JOIN jobs ON jobs.seq = found.seq ORDER BY found.seq DESC",
        looks.join(" UNION ALL ")
    );
    (sql, values)
}
