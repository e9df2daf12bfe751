//! How well a search finds what is asked for, on a labelled set (`tests/search-eval/`).

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use meanwhile::search::Search;
use meanwhile::storage::{Quota, Storage};
use meanwhile::wit::storage::{Page, SearchMode, SearchQuery, Write};
use meanwhile::wit::types::RetrievalMode;
use serde::Deserialize;

use crate::storage_suite::{TENANT, any_job, job, unit};

/// A labelled job.
#[derive(Deserialize)]
pub struct LabelledJob {
    pub id: String,
    pub title: String,
    pub description: String,
}

/// A question, and what should be found.
#[derive(Deserialize)]
pub struct Question {
    pub query: String,
    pub kind: String,
    pub relevant: Vec<String>,
}

/// A set to judge by.
pub struct Set {
    pub jobs: Vec<LabelledJob>,
    pub questions: Vec<Question>,
}

/// Means over the questions of a kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quality {
    pub questions: usize,
    /// Share of the relevant jobs that are the first one, or among the first five.
    pub recall_at_1: f64,
    pub recall_at_5: f64,
    /// Discounted gain of the first ten, divided by the best that there could be.
    pub ndcg_at_10: f64,
    /// Questions that were answered by meaning.
    pub semantic: usize,
}

impl Set {
    /// The set in `folder`; without one, the public set.
    #[must_use]
    pub fn read(folder: Option<&Path>) -> Self {
        let public = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("search-eval");
        let folder = folder.unwrap_or(&public);
        let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
        Self {
            jobs: serde_json::from_slice(&read("jobs.json")).unwrap(),
            questions: serde_json::from_slice(&read("queries.json")).unwrap(),
        }
    }

    /// Puts its jobs into a store.
    pub async fn insert(&self, storage: &dyn Storage) {
        let jobs = self.jobs.iter().map(|labelled| {
            let mut job = job(&labelled.id, None);
            job.spec.title.clone_from(&labelled.title);
            job.spec.description.clone_from(&labelled.description);
            unit(vec![], vec![Write::InsertJob(job)])
        });
        let applied = storage
            .commit(TENANT, Quota::UNLIMITED, jobs.collect())
            .await
            .unwrap();
        assert!(applied.iter().all(Result::is_ok));
    }

    /// Asks every question; answers what came of each kind, and of `all`.
    pub async fn judge(&self, search: &Search) -> BTreeMap<String, Quality> {
        let mut kinds: BTreeMap<String, Quality> = BTreeMap::new();
        for question in &self.questions {
            let query = SearchQuery {
                terms: vec![question.query.clone()],
                mode: SearchMode::Meaning,
                best_first: true,
                filter: any_job(),
                page: Page {
                    limit: 10,
                    cursor: None,
                    count: true,
                },
            };
            let page = search.jobs(TENANT, query).await.unwrap();
            let found: Vec<&str> = page.hits.iter().map(|hit| hit.job.id.as_str()).collect();
            let is_relevant = |id: &&str| question.relevant.iter().any(|relevant| relevant == id);
            let recall = |first: usize| {
                let hits = found.iter().take(first).filter(|id| is_relevant(id)).count();
                hits as f64 / question.relevant.len() as f64
            };
            let gain = |place: usize| 1.0 / (place as f64 + 2.0).log2();
            let gained = found.iter().enumerate().filter(|(_, id)| is_relevant(id));
            let gained: f64 = gained.map(|(place, _)| gain(place)).sum();
            let best: f64 = (0..question.relevant.len().min(10)).map(gain).sum();
            for kind in [question.kind.as_str(), "all"] {
                let sums = kinds.entry(kind.to_owned()).or_default();
                sums.questions += 1;
                sums.recall_at_1 += recall(1);
                sums.recall_at_5 += recall(5);
                sums.ndcg_at_10 += gained / best;
                sums.semantic += usize::from(page.mode == RetrievalMode::Semantic);
            }
        }
        for sums in kinds.values_mut() {
            let count = sums.questions as f64;
            sums.recall_at_1 /= count;
            sums.recall_at_5 /= count;
            sums.ndcg_at_10 /= count;
        }
        kinds
    }
}
