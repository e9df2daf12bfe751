//! Jobs by terms in the text index.

use rusqlite::Connection;

use super::condition::{owned_by, text};
use super::list::newest;
use super::schema;
use crate::storage::limits::SEARCH_WALK_ROWS;
use crate::wit::storage::{Hit, HitPage, SearchMode, SearchQuery};
use crate::wit::types::RetrievalMode;

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
            mode: RetrievalMode::Lexical,
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
        mode: RetrievalMode::Lexical,
    })
}
