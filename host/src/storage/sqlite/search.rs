//! Jobs by their text: terms in the text index, and what stands in for meaning.

use rusqlite::{Connection, params_from_iter};

use super::codec::{self, JOB, JOB_TEXTS};
use super::condition::{owned_by, text};
use super::list::{count, limit, newest};
use super::room::Room;
use super::schema;
use crate::storage::limits::SEARCH_WALK_ROWS;
use crate::storage::words::STOP_WORDS;
use crate::wit::storage::{Hit, HitPage, SearchMode, SearchQuery};

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

/// The columns that terms are looked for in.
const TEXTS: &str = "title description payload";

/// Whether so few jobs of the whole file have some words that it costs less to look at each than to have the index
/// intersect them with all jobs of a tenant, which it does step by step.
fn few_have(connection: &Connection, words: &str) -> rusqlite::Result<bool> {
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM job_text WHERE job_text MATCH ?1 LIMIT {SEARCH_WALK_ROWS})"
    );
    let found: u32 = connection
        .prepare_cached(&sql)?
        .query_row([words], |row| row.get(0))?;
    Ok(found < SEARCH_WALK_ROWS)
}

pub(super) fn jobs(
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
    let phrases = phrases.join(if all { " AND " } else { " OR " });
    // The text index is walked by its rowid, which is the job's `seq`.
    let mut condition = owned_by(tenant, &query.filter);
    let words = format!("{{{TEXTS}}} : ({phrases})");
    let (from, order) = if few_have(connection, &words)? {
        let few =
            format!("(SELECT rowid FROM job_text WHERE job_text MATCH ?1 LIMIT {SEARCH_WALK_ROWS}) AS found");
        condition.values.insert(0, text(&words));
        (
            format!("{few} CROSS JOIN jobs ON jobs.seq = found.rowid"),
            "found.rowid",
        )
    } else {
        condition.and("job_text MATCH ?", [text(&of_owner(tenant, TEXTS, &phrases))]);
        let all = "job_text CROSS JOIN jobs ON jobs.seq = job_text.rowid";
        (all.to_owned(), "job_text.rowid")
    };
    let (jobs, next_cursor, total) = newest(connection, &from, order, &condition, &query.page, before)?;
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
