//! Jobs by their text.

use super::PostgresStorage;
use super::codec::{self, JOB, JOB_COLUMNS};
use super::condition::Condition;
use super::failure::Failure;
use super::read::limit;
use super::session::{Scope, Sql};
use super::terms;
use super::value::Value;
use crate::storage::words::{STOP_WORDS, of_text};
use crate::wit::storage::{Hit, HitPage, SearchMode, SearchQuery};

const NOTHING: HitPage = HitPage {
    hits: Vec::new(),
    next_cursor: None,
    total: 0,
};

/// Words are looked up in the index; where a phrase has several, a hit's text decides.
const WITH_WORDS: &str = "jobs JOIN job_words ON job_words.seq = jobs.seq";
const WITH_TEXT: &str =
    "jobs JOIN job_words ON job_words.seq = jobs.seq JOIN job_text ON job_text.seq = jobs.seq";

impl PostgresStorage {
    pub(super) async fn search(
        &self,
        tenant: &str,
        query: &SearchQuery,
        before: Option<i64>,
    ) -> Result<HitPage, Failure> {
        if query.mode == SearchMode::Meaning {
            return self.by_meaning(tenant, query).await;
        }
        let all = query.mode == SearchMode::AllTerms;
        let mut terms: Vec<Vec<String>> = query.terms.iter().map(|term| of_text(term)).collect();
        // A term that cannot occur makes "all" impossible.
        if all && terms.iter().any(Vec::is_empty) {
            return Ok(NOTHING);
        }
        terms.retain(|term| !term.is_empty());
        if terms.is_empty() {
            return Ok(NOTHING);
        }
        let mut condition = Condition::of_jobs(tenant, &query.filter);
        let mut phrases = false;
        let found: Vec<String> = terms
            .iter()
            .map(|term| {
                let words = terms::numbers(tenant, term.iter().map(String::as_str));
                let words = condition.value(Value::Ints(words));
                if term.len() == 1 {
                    return format!("job_words.words @> {words}");
                }
                phrases = true;
                let phrase = condition.value(Value::Text(terms::phrase(term)));
                format!("(job_words.words @> {words} AND position({phrase} IN job_text.words) > 0)")
            })
            .collect();
        condition.and(&format!("({})", found.join(if all { " AND " } else { " OR " })));
        let from = if phrases { WITH_TEXT } else { WITH_WORDS };
        let (jobs, next_cursor, total) = self.newest(tenant, from, condition, &query.page, before).await?;
        Ok(HitPage {
            hits: jobs.into_iter().map(|job| Hit { job, score: 1.0 }).collect(),
            next_cursor,
            total,
        })
    }

    /// Without an embedder: the share of the question's stems that title and description have; one in the
    /// title counts twice.
    async fn by_meaning(&self, tenant: &str, query: &SearchQuery) -> Result<HitPage, Failure> {
        let mut words: Vec<String> = query.terms.iter().flat_map(|term| of_text(term)).collect();
        words.retain(|word| !STOP_WORDS.contains(&word.as_str()));
        let stems = terms::stems(&words);
        let stems = terms::numbers(tenant, stems.iter().map(String::as_str));
        if stems.is_empty() {
            return Ok(NOTHING);
        }
        let asked = stems.len() as f64;
        let mut condition = Condition::of_jobs(tenant, &query.filter);
        let mark = condition.value(Value::Ints(stems));
        condition.and(&format!("job_words.stems && {mark}"));
        let total = if query.page.count {
            self.count(tenant, WITH_WORDS, &condition).await?
        } else {
            0
        };
        let sql = format!(
            "SELECT {JOB}, (SELECT count(*) FILTER (WHERE stem = ANY (job_words.stems)) \
                 + count(*) FILTER (WHERE stem = ANY (job_words.title_stems)) FROM unnest({mark}) AS stem) AS weight \
             FROM {WITH_WORDS} WHERE {} ORDER BY weight DESC, jobs.seq DESC LIMIT {}",
            condition.text,
            limit(query.page.limit)
        );
        let rows = self
            .rows(Scope::Tenant(tenant), Sql::Made(&sql), &condition.values)
            .await?;
        let mut hits = Vec::with_capacity(rows.len());
        for row in &rows {
            let weight: u32 = codec::count(row, JOB_COLUMNS)?;
            if let Some(job) = codec::readable(codec::job(row), row) {
                let score = (f64::from(weight) / (2.0 * asked)).clamp(0.0, 1.0);
                hits.push(Hit { job, score });
            }
        }
        Ok(HitPage {
            hits,
            next_cursor: None,
            total,
        })
    }
}
