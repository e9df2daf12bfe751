//! Reading: by id, by filter, by text. Each read is one statement on a connection of its own.

use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::codec::{self, CHANGE, EDGE, JOB, JOB_TEXTS, MESSAGE, MESSAGE_TEXTS};
use super::schema;
use crate::limits::{PAGE_BYTES_MAX, PAGE_ROWS_MAX, READ_BYTES_MAX, TOTAL_COUNT_MAX};
use crate::storage::InboxEntry;
use crate::storage::words::{STOP_WORDS, Word};
use crate::wit::storage::{
    EdgeFilter, Hit, HitPage, JobFilter, JobPage, MessageFilter, Page, RunFilter, SearchMode, SearchQuery,
    StorageError,
};
use crate::wit::types::{Edge, Instant, Job, JobStatus, Run, StatusChange};

/// What may still be read in one go.
struct Room(usize);

/// The rows that were asked for are more than is read in one go.
#[derive(Debug, thiserror::Error)]
#[error("the rows come to more than {READ_BYTES_MAX} bytes: ask for fewer")]
struct TooMuch;

impl Room {
    fn new() -> Self {
        Self(READ_BYTES_MAX)
    }

    /// Counts the texts of a row before it is read.
    fn take(&mut self, row: &Row<'_>, texts: &[usize]) -> rusqlite::Result<()> {
        let size = size(row, texts)?;
        let left = self.0.checked_sub(size);
        self.0 = left.ok_or_else(|| rusqlite::Error::ToSqlConversionFailure(Box::new(TooMuch)))?;
        Ok(())
    }
}

/// Bytes of some texts of a row, without reading them.
pub(super) fn size(row: &Row<'_>, texts: &[usize]) -> rusqlite::Result<usize> {
    let sizes = texts.iter().map(|text| {
        Ok(match row.get_ref(*text)? {
            ValueRef::Text(text) | ValueRef::Blob(text) => text.len(),
            _ => 0,
        })
    });
    sizes.sum()
}

/// What an error of a read is to those who asked.
pub(super) fn failure(error: rusqlite::Error) -> StorageError {
    match &error {
        rusqlite::Error::ToSqlConversionFailure(inner) if inner.is::<TooMuch>() => {
            StorageError::LimitExceeded(inner.to_string())
        }
        _ => StorageError::Unavailable(error.to_string()),
    }
}

pub(super) fn jobs(
    connection: &Connection,
    tenant: &str,
    ids: &[String],
) -> rusqlite::Result<Vec<Option<Job>>> {
    let mut get =
        connection.prepare_cached(&format!("SELECT {JOB} FROM jobs WHERE tenant = ?1 AND id = ?2"))?;
    let mut room = Room::new();
    ids.iter()
        .map(|id| {
            let row = get.query_row(params![tenant, id], |row| {
                room.take(row, &JOB_TEXTS)?;
                codec::readable_job(row)
            });
            Ok(row.optional()?.flatten())
        })
        .collect()
}

pub(super) fn runs(
    connection: &Connection,
    tenant: &str,
    ids: &[String],
) -> rusqlite::Result<Vec<Option<Run>>> {
    let mut get = connection.prepare_cached("SELECT body FROM runs WHERE tenant = ?1 AND id = ?2")?;
    let mut room = Room::new();
    ids.iter()
        .map(|id| {
            let row = get.query_row(params![tenant, id], |row| {
                room.take(row, &[0])?;
                codec::readable_run(row)
            });
            Ok(row.optional()?.flatten())
        })
        .collect()
}

/// A condition under construction: text with its parameters.
pub(super) struct Condition {
    text: String,
    values: Vec<Value>,
}

impl Condition {
    fn new(text: &str, values: Vec<Value>) -> Self {
        Self {
            text: text.into(),
            values,
        }
    }

    /// Narrows; `text` holds one `?` for each value.
    fn and(&mut self, text: &str, values: impl IntoIterator<Item = Value>) {
        self.text.push_str(" AND ");
        self.text.push_str(text);
        self.values.extend(values);
    }

    fn and_words<T: Word>(&mut self, column: &str, words: &[T]) {
        if !words.is_empty() {
            let marks = vec!["?"; words.len()].join(", ");
            self.and(
                &format!("{column} IN ({marks})"),
                words.iter().map(|word| text(word.word())),
            );
        }
    }

    fn and_equal(&mut self, column: &str, value: Option<&String>) {
        if let Some(value) = value {
            self.and(&format!("{column} = ?"), [text(value)]);
        }
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn owned_by(tenant: &str, filter: &JobFilter) -> Condition {
    let mut condition = Condition::new("jobs.tenant = ?", vec![text(tenant)]);
    condition.and_equal("jobs.agent", filter.agent.as_ref());
    condition.and_equal("jobs.user", filter.user.as_ref());
    condition.and_equal("jobs.idempotency_key", filter.idempotency_key.as_ref());
    condition.and_equal("jobs.title", filter.title.as_ref());
    condition.and_words("jobs.status", &filter.statuses);
    condition.and_words("jobs.job_type", &filter.job_types);
    if !filter.include_archived && !filter.statuses.contains(&JobStatus::Archived) {
        condition.and("jobs.status <> 'ARCHIVED'", []);
    }
    condition
}

fn limit(page: &Page) -> u32 {
    page.limit.clamp(1, PAGE_ROWS_MAX)
}

fn count(connection: &Connection, from: &str, condition: &Condition) -> rusqlite::Result<u64> {
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM {from} WHERE {} LIMIT {TOTAL_COUNT_MAX})",
        condition.text
    );
    connection
        .prepare_cached(&sql)?
        .query_row(params_from_iter(&condition.values), |row| row.get(0))
}

/// A page, newest first, with the position of its last row and the number of all matches.
fn newest(
    connection: &Connection,
    from: &str,
    mut condition: Condition,
    page: &Page,
    before: Option<i64>,
) -> rusqlite::Result<(Vec<Job>, Option<String>, u64)> {
    let limit = limit(page);
    let all = page
        .count
        .then(|| Condition::new(&condition.text, condition.values.clone()));
    if let Some(before) = before {
        condition.and("jobs.seq < ?", [Value::Integer(before)]);
    }
    // Searches walk the text index by its rowid, which is the job's `seq`.
    let order = if from == "jobs" {
        "jobs.seq"
    } else {
        "job_text.rowid"
    };
    let sql = format!(
        "SELECT {JOB}, jobs.seq FROM {from} WHERE {} ORDER BY {order} DESC LIMIT {limit}",
        condition.text
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut found = statement.query(params_from_iter(&condition.values))?;
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
    let full = cut || rows.len() == limit as usize;
    let next = rows.last().filter(|_| full).map(|(_, seq)| seq.to_string());
    let total = match all {
        None => 0,
        // A first page that is not full has counted itself.
        Some(_) if page.cursor.is_none() && !full => rows.len() as u64,
        Some(all) => count(connection, from, &all)?,
    };
    Ok((rows.into_iter().filter_map(|(job, _)| job).collect(), next, total))
}

pub(super) fn find_jobs(
    connection: &Connection,
    tenant: &str,
    filter: &JobFilter,
    page: &Page,
    before: Option<i64>,
) -> rusqlite::Result<JobPage> {
    let (jobs, next_cursor, total) = newest(connection, "jobs", owned_by(tenant, filter), page, before)?;
    Ok(JobPage {
        jobs,
        next_cursor,
        total,
    })
}

pub(super) fn find_runs(
    connection: &Connection,
    tenant: &str,
    filter: &RunFilter,
) -> rusqlite::Result<Vec<Run>> {
    let mut condition = Condition::new("tenant = ? AND job = ?", vec![text(tenant), text(&filter.job)]);
    condition.and_words("status", &filter.statuses);
    if let Some(before) = filter.before {
        condition.and("slot < ?", [Value::Integer(before)]);
    }
    let limit = filter.limit.clamp(1, PAGE_ROWS_MAX);
    let sql = format!(
        "SELECT body FROM runs WHERE {} ORDER BY slot DESC LIMIT {limit}",
        condition.text
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut room = Room::new();
    let runs = statement.query_map(params_from_iter(&condition.values), |row| {
        room.take(row, &[0])?;
        codec::readable_run(row)
    })?;
    runs.filter_map(Result::transpose).collect()
}

pub(super) fn find_edges(
    connection: &Connection,
    tenant: &str,
    filter: &EdgeFilter,
) -> rusqlite::Result<Vec<Edge>> {
    match filter {
        EdgeFilter::OfDependents(ids) => {
            let sql = format!("SELECT {EDGE} FROM edges WHERE tenant = ?1 AND dependent = ?2");
            let mut statement = connection.prepare_cached(&sql)?;
            let mut edges = Vec::new();
            for id in ids {
                for edge in statement.query_map(params![tenant, id], codec::edge)? {
                    edges.push(edge?);
                }
            }
            Ok(edges)
        }
        EdgeFilter::Ancestors(of) => {
            let first = serde_json::to_string(&of.dependents).unwrap_or_default();
            // UNION, not UNION ALL: each job once, so that a diamond is no explosion.
            let mut statement = connection.prepare_cached(&format!(
                "WITH RECURSIVE above (job) AS ( \
                     SELECT value FROM json_each(?2) \
                     UNION \
                     SELECT edges.prerequisite FROM above JOIN edges ON edges.tenant = ?1 AND edges.dependent = above.job) \
                 SELECT {EDGE} FROM above JOIN edges ON edges.tenant = ?1 AND edges.dependent = above.job LIMIT ?3"
            ))?;
            statement
                .query_map(params![tenant, first, of.limit], codec::edge)?
                .collect()
        }
        EdgeFilter::OfPrerequisite(of) => {
            let mut condition = Condition::new(
                "tenant = ? AND prerequisite = ?",
                vec![text(tenant), text(&of.prerequisite)],
            );
            condition.and_words("status", &of.statuses);
            if let Some(after) = &of.after {
                condition.and("dependent > ?", [text(after)]);
            }
            let limit = of.limit.clamp(1, PAGE_ROWS_MAX);
            let sql = format!(
                "SELECT {EDGE} FROM edges WHERE {} ORDER BY dependent LIMIT {limit}",
                condition.text
            );
            let mut statement = connection.prepare_cached(&sql)?;
            statement
                .query_map(params_from_iter(&condition.values), codec::edge)?
                .collect()
        }
    }
}

fn messages(connection: &Connection, condition: &Condition, limit: u32) -> rusqlite::Result<Vec<InboxEntry>> {
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

pub(super) fn find_messages(
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
    messages(connection, &condition, filter.limit)
}

pub(super) fn find_changes(
    connection: &Connection,
    tenant: &str,
    job: &str,
    limit: u32,
) -> rusqlite::Result<Vec<StatusChange>> {
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {CHANGE} FROM changes WHERE tenant = ?1 AND job = ?2 ORDER BY position DESC LIMIT ?3"
    ))?;
    let mut room = Room::new();
    statement
        .query_map(params![tenant, job, limit.clamp(1, PAGE_ROWS_MAX)], |row| {
            room.take(row, &[6])?;
            codec::change(row)
        })?
        .collect()
}

pub(super) fn inbox(
    connection: &Connection,
    tenant: &str,
    user: Option<&String>,
    after: u64,
    limit: u32,
) -> rusqlite::Result<Vec<InboxEntry>> {
    let after = Value::Integer(i64::try_from(after).unwrap_or(i64::MAX));
    let mut condition = Condition::new("tenant = ? AND position > ?", vec![text(tenant), after]);
    condition.and_equal("user", user);
    condition.and("kind <> 'reply'", []);
    messages(connection, &condition, limit)
}

pub(super) fn undelivered(
    connection: &Connection,
    tenant: &str,
    limit: u32,
) -> rusqlite::Result<Vec<InboxEntry>> {
    let sql = format!(
        "SELECT {MESSAGE} FROM messages WHERE tenant = ?1 AND delivery = 'queued' AND kind <> 'reply' \
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

pub(super) fn next_due(connection: &Connection, tenant: &str) -> rusqlite::Result<Option<Instant>> {
    connection
        .prepare_cached(
            "SELECT available_at FROM jobs WHERE tenant = ?1 AND available_at IS NOT NULL ORDER BY available_at LIMIT 1",
        )?
        .query_row([tenant], |row| row.get(0))
        .optional()
}

pub(super) fn due_tenants(connection: &Connection, now: Instant) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached(
        "SELECT DISTINCT tenant FROM jobs WHERE available_at IS NOT NULL AND available_at <= ?1",
    )?;
    statement.query_map([now], |row| row.get(0))?.collect()
}

pub(super) fn count_jobs(connection: &Connection, tenant: &str) -> rusqlite::Result<Vec<(JobStatus, u64)>> {
    let mut statement = connection.prepare_cached(
        "SELECT status, count(*) FROM jobs WHERE tenant = ?1 GROUP BY status ORDER BY status",
    )?;
    statement
        .query_map([tenant], |row| Ok((codec::word(row, 0)?, row.get(1)?)))?
        .collect()
}

/// A term as a phrase of the text index: quoted, so that no character is an operator (a quote
/// would end the phrase, NUL the whole query). None: it has no letter or digit to look for.
fn phrase(term: &str) -> Option<String> {
    term.chars()
        .any(char::is_alphanumeric)
        .then(|| format!("\"{}\"", term.replace(['"', '\0'], " ")))
}

/// A query for some columns of one tenant's texts.
fn of_owner(tenant: &str, columns: &str, query: &str) -> String {
    format!("owner : {} AND {{{columns}}} : ({query})", schema::owner(tenant))
}

pub(super) fn search(
    connection: &Connection,
    tenant: &str,
    query: &SearchQuery,
    before: Option<i64>,
) -> rusqlite::Result<HitPage> {
    if query.mode == SearchMode::Meaning {
        return by_meaning(connection, tenant, query);
    }
    let phrases: Vec<Option<String>> = query.terms.iter().map(|term| phrase(term)).collect();
    let all = query.mode == SearchMode::AllTerms;
    // A term that cannot occur makes "all" impossible.
    let impossible = phrases.is_empty()
        || (all && phrases.iter().any(Option::is_none))
        || phrases.iter().all(Option::is_none);
    if impossible {
        return Ok(HitPage {
            hits: Vec::new(),
            next_cursor: None,
            total: 0,
        });
    }
    let phrases: Vec<String> = phrases.into_iter().flatten().collect();
    let mut condition = owned_by(tenant, &query.filter);
    condition.and(
        "job_text MATCH ?",
        [text(&of_owner(
            tenant,
            "title description payload",
            &phrases.join(if all { " AND " } else { " OR " }),
        ))],
    );
    let from = "job_text CROSS JOIN jobs ON jobs.seq = job_text.rowid";
    let (jobs, next_cursor, total) = newest(connection, from, condition, &query.page, before)?;
    Ok(HitPage {
        hits: jobs.into_iter().map(|job| Hit { job, score: 1.0 }).collect(),
        next_cursor,
        total,
    })
}

/// Without an embedder: stemmed words of title and description, ranked by BM25.
fn by_meaning(connection: &Connection, tenant: &str, query: &SearchQuery) -> rusqlite::Result<HitPage> {
    let words: Vec<String> = query
        .terms
        .iter()
        .flat_map(|term| term.split(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty() && !STOP_WORDS.contains(&word.to_lowercase().as_str()))
        .map(|word| format!("\"{word}\""))
        .collect();
    if words.is_empty() {
        return Ok(HitPage {
            hits: Vec::new(),
            next_cursor: None,
            total: 0,
        });
    }
    let mut condition = owned_by(tenant, &query.filter);
    condition.and(
        "job_text MATCH ?",
        [text(&of_owner(tenant, "title description", &words.join(" OR ")))],
    );
    let from = "job_text CROSS JOIN jobs ON jobs.seq = job_text.rowid";
    let total = if query.page.count {
        count(connection, from, &condition)?
    } else {
        0
    };
    let sql = format!(
        "SELECT {JOB}, bm25(job_text, 3.0, 1.0, 1.0, 0.0) AS rank FROM {from} WHERE {} ORDER BY rank LIMIT {}",
        condition.text,
        limit(&query.page)
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut room = Room::new();
    let hits = statement
        .query_map(params_from_iter(&condition.values), |row| {
            room.take(row, &JOB_TEXTS)?;
            // BM25 is negative, better is less.
            let strength = -row.get::<_, f64>(9)?;
            let score = (strength / (strength + 1.0)).clamp(0.0, 1.0);
            Ok(codec::readable_job(row)?.map(|job| Hit { job, score }))
        })?
        .filter_map(Result::transpose)
        .collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(HitPage {
        hits,
        next_cursor: None,
        total,
    })
}
