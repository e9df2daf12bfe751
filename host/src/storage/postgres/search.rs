//! Jobs by terms.

use super::PostgresStorage;
use super::codec::{self, JOB, JOB_COLUMNS};
use super::condition::Condition;
use super::failure::Failure;
use super::list::Newest;
use super::read::limit;
use super::terms;
use super::value::Value;
use crate::storage::limits::SEARCH_WALK_ROWS;
use crate::storage::words::of_text;
use crate::wit::storage::{Hit, HitPage, Page, SearchMode, SearchQuery};
use crate::wit::types::RetrievalMode;

const NOTHING: HitPage = HitPage {
    hits: Vec::new(),
    next_cursor: None,
    total: 0,
    mode: RetrievalMode::Lexical,
};

/// The job of some words, and its text: looked up one by one, after the words. The planner, left to itself, may
/// look for the words once for each job.
const JOB_OF_WORDS: &str =
    " CROSS JOIN LATERAL (SELECT * FROM jobs WHERE tenant = $1 AND seq = job_words.seq OFFSET 0) AS jobs";
const TEXT_OF_WORDS: &str = " CROSS JOIN LATERAL (SELECT * FROM job_text WHERE tenant = $1 AND seq = job_words.seq OFFSET 0) AS job_text";

/// The text's row for conditions of which one asks for it.
fn text_for(conditions: &[&str]) -> &'static str {
    if conditions.iter().any(|condition| condition.contains("job_text.")) {
        TEXT_OF_WORDS
    } else {
        ""
    }
}

/// What is searched for: jobs that a filter lets pass, whose words may do (`words`, by the index alone),
/// and do (`terms`, with phrases).
struct Asked {
    filter: Condition,
    /// Whether the filter names both agent and user.
    of_person: bool,
    words: String,
    terms: String,
}

impl Asked {
    fn add(&mut self, tenant: &str, terms: &[Vec<String>], operator: &str) {
        let (mut by_word, mut by_text) = (Vec::new(), Vec::new());
        for term in terms {
            let words = terms::numbers(tenant, term.iter().map(String::as_str));
            let words = self.filter.value(Value::Ints(words));
            let words = format!("job_words.words @> {words}");
            by_text.push(match term.len() {
                1 => words.clone(),
                _ => {
                    let phrase = self.filter.value(Value::Text(terms::phrase(term)));
                    format!("({words} AND position({phrase} IN job_text.words) > 0)")
                }
            });
            by_word.push(words);
        }
        self.words = format!("({})", by_word.join(operator));
        self.terms = format!("({})", by_text.join(operator));
    }

    /// The text of a hit, where the filter looks at its row, or a phrase has to be looked for in it.
    fn text(&self) -> &'static str {
        text_for(&[&self.filter.text, &self.terms])
    }

    /// The jobs of a person, or of all, as an index has them in the order of their creation.
    fn newest(&self) -> &'static str {
        if self.of_person {
            "job_text WHERE tenant = $1 AND agent = $2 AND \"user\" = $3"
        } else {
            "jobs WHERE tenant = $1"
        }
    }

    /// Those among the newest jobs of a person, or of all; `older` narrows to those before a page.
    fn among_newest(&self, rows: u32, older: &str) -> String {
        let newest = self.newest();
        format!(
            "WITH newest AS MATERIALIZED (SELECT seq FROM {newest}{older} ORDER BY seq DESC LIMIT {SEARCH_WALK_ROWS}) \
             SELECT {JOB}, jobs.seq, (SELECT count(*) FROM newest) FROM newest \
             CROSS JOIN LATERAL (SELECT * FROM job_words WHERE seq = newest.seq OFFSET 0) AS job_words\
             {JOB_OF_WORDS}{} WHERE {} AND {} ORDER BY newest.seq DESC LIMIT {rows}",
            self.text(),
            self.filter.text,
            self.terms
        )
    }

    /// The jobs that the index gives, as tables and a condition.
    fn indexed(&self, filter: &str) -> String {
        let text = self.text();
        format!(
            "(SELECT seq, words FROM job_words WHERE {} OFFSET 0) AS job_words{JOB_OF_WORDS}{text} \
             WHERE {filter} AND {}",
            self.words, self.terms
        )
    }

    fn by_index(&self, filter: &str, rows: u32) -> String {
        let from = self.indexed(filter);
        format!("SELECT {JOB}, jobs.seq FROM {from} ORDER BY jobs.seq DESC LIMIT {rows}")
    }

    fn all_by_index(&self, filter: &str) -> String {
        self.indexed(filter)
    }

    /// All jobs that match, where many do: looked for among all, newest first. Those stand side by side; in any
    /// other order each would be on a page of its own.
    fn all_often(&self, filter: &str) -> String {
        let (newest, text) = (self.newest(), self.text());
        format!(
            "(SELECT seq FROM {newest} ORDER BY seq DESC OFFSET 0) AS newest \
             CROSS JOIN LATERAL (SELECT * FROM job_words WHERE seq = newest.seq OFFSET 0) AS job_words\
             {JOB_OF_WORDS}{text} WHERE {filter} AND {}",
            self.terms
        )
    }
}

impl PostgresStorage {
    pub(super) async fn search(
        &self,
        tenant: &str,
        query: &SearchQuery,
        before: Option<i64>,
    ) -> Result<HitPage, Failure> {
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
        let mut asked = Asked {
            filter: Condition::of_jobs(tenant, &query.filter, "job_text"),
            of_person: query.filter.agent.is_some() && query.filter.user.is_some(),
            words: String::new(),
            terms: String::new(),
        };
        asked.add(tenant, &terms, if all { " AND " } else { " OR " });
        let (jobs, next_cursor, total) = self.hits(tenant, asked, &query.page, before).await?;
        Ok(HitPage {
            hits: jobs.into_iter().map(|job| Hit { job, score: 1.0 }).collect(),
            next_cursor,
            total,
            mode: RetrievalMode::Lexical,
        })
    }

    /// A page of hits, newest first. A word that many jobs have is found quickly among the newest ones, one that
    /// few have by the index. Nobody knows beforehand which it is, the planner least of all: so some of the
    /// newest are looked at, and where they do not fill the page the index is asked.
    async fn hits(
        &self,
        tenant: &str,
        mut asked: Asked,
        page: &Page,
        before: Option<i64>,
    ) -> Result<Newest, Failure> {
        let all = asked.filter.text.clone();
        let mut older = String::new();
        if let Some(before) = before {
            let mark = asked.filter.value(Value::Int(before));
            asked.filter.and(&format!("jobs.seq < {mark}"));
            older = format!(" AND seq < {mark}");
        }
        let rows = limit(page.limit);
        let mut found = self
            .cut(tenant, &asked.among_newest(rows, &older), &asked.filter)
            .await?;
        let walked: u64 = match found.rows.first() {
            Some(row) => codec::count(row, JOB_COLUMNS + 1)?,
            None => SEARCH_WALK_ROWS.into(),
        };
        let often = found.cut || found.rows.len() == rows as usize;
        if !often && walked == u64::from(SEARCH_WALK_ROWS) {
            found = self
                .cut(tenant, &asked.by_index(&asked.filter.text, rows), &asked.filter)
                .await?;
        }
        let counted = if often {
            asked.all_often(&all)
        } else {
            asked.all_by_index(&all)
        };
        self.page_of(tenant, found, page, rows, &counted, &asked.filter)
            .await
    }
}
