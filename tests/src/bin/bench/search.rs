//! Finding jobs by meaning: how well, how fast, and what it costs those who create jobs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant as Timer};

use async_trait::async_trait;
use meanwhile::agent::noop::Noop;
use meanwhile::embedding::{Candle, Embedder, EmbeddingError, Matrix, Vector};
use meanwhile::host::{Host, LOCAL_TENANT};
use meanwhile::search::Search;
use meanwhile::service::Service as _;
use meanwhile::storage::Storage;
use meanwhile::storage::memory::MemoryStorage;
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile::storage::texts::NewVector;
use meanwhile::wit::storage::{JobFilter, Page, SearchMode, SearchQuery};
use meanwhile::wit::types::JobStatus;
use meanwhile_tests::rows;
use meanwhile_tests::search_eval::Set;
use meanwhile_tests::storage_suite::any_job;
use serde_json::json;

use crate::figures::{Samples, heading, print};

const JOBS: usize = 100_000;
/// One of so many is paused: what a filter keeps.
const PAUSED_OF: usize = 100;
const QUERIES: usize = 400;
const CREATED: usize = 1_000;
const VECTORS: usize = 1_000_000;
const SCANS: usize = 20;

/// An embedder whose time is counted.
struct Timed {
    embedder: Arc<dyn Embedder>,
    nanoseconds: AtomicU64,
}

#[async_trait]
impl Embedder for Timed {
    fn model(&self) -> &str {
        self.embedder.model()
    }

    async fn embed(&self, texts: Vec<String>) -> Result<Vec<Vector>, EmbeddingError> {
        let began = Timer::now();
        let vectors = self.embedder.embed(texts).await;
        let took = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(took, Relaxed);
        vectors
    }
}

fn model() -> Option<Arc<dyn Embedder>> {
    let folder = std::env::var_os("MEANWHILE_TEST_MODEL")?;
    Some(Arc::new(Candle::new(Path::new(&folder)).unwrap()))
}

pub(crate) async fn measure() {
    let model = model();
    quality(model.clone()).await;
    scan();
    let Some(model) = model else {
        println!("  SKIPPED: the times with a model: MEANWHILE_TEST_MODEL names no folder that has it");
        return;
    };
    times(Arc::clone(&model)).await;
    creating(model).await;
}

async fn quality(model: Option<Arc<dyn Embedder>>) {
    heading("Finding jobs by meaning: a labelled set");
    let folder = std::env::var_os("SEARCH_EVAL").map(PathBuf::from);
    let set = Set::read(folder.as_deref());
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    set.insert(&*storage).await;
    for (what, embedder) in [("words alone", None), ("with the model", model)] {
        let is_semantic = embedder.is_some();
        if what != "words alone" && !is_semantic {
            continue;
        }
        let search = Search::new(Arc::clone(&storage), embedder);
        search.embed_all().await.unwrap();
        for (kind, quality) in set.judge(&search).await {
            let figure = format!(
                "{:.3} / {:.3} / {:.3}",
                quality.recall_at_1, quality.recall_at_5, quality.ndcg_at_10
            );
            let bound = if kind == "all" && is_semantic {
                "recall@5 0.92, nDCG@10 0.90"
            } else {
                ""
            };
            let what = format!("{what}, {kind} ({}): recall@1, @5, nDCG@10", quality.questions);
            print(&what, &figure, bound);
        }
    }
}

/// Numbers that are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn vector(&mut self) -> Vec<f32> {
        (0..384)
            .map(|_| self.next() as f32 / (1_u64 << 30) as f32 - 1.0)
            .collect()
    }
}

fn scan() {
    heading(&format!("Scanning {VECTORS} vectors of 384 bytes"));
    let mut numbers = Numbers(1);
    let some: Vec<Vector> = (0..1_000)
        .map(|_| Vector::of(&numbers.vector()).unwrap())
        .collect();
    let mut matrix = Matrix::new(384);
    for n in 0..VECTORS {
        matrix.push(&some[n % some.len()]).unwrap();
    }
    let mut samples = Samples::default();
    let mut cosines = Vec::new();
    for _ in 0..SCANS {
        let query = numbers.vector();
        let began = Timer::now();
        matrix.cosines(&query, &mut cosines).unwrap();
        samples.push(began.elapsed().as_secs_f64() * 1e3);
    }
    let figure = format!("{:.1} / {:.1} ms", samples.quantile(0.5), samples.quantile(1.0));
    print("a scan, p50 / max", &figure, "25 ms");
    print("memory", &format!("{} MB", matrix.bytes() / 1_000_000), "450 MB");
}

/// Sentences of words that are as frequent as words are: the n-th as 1 / n.
fn sentence(numbers: &mut Numbers, words: usize) -> String {
    let word = |numbers: &mut Numbers| {
        let share = numbers.next() as f64 / (1_u64 << 31) as f64;
        let rank = (20_000_f64.powf(share)) as u64;
        // Of letters, so that it is a word.
        (0..5)
            .map(|at| char::from(b'a' + u8::try_from(((rank * 7_919) >> (at * 3)) % 26).unwrap_or(0)))
            .collect::<String>()
    };
    (0..words).map(|_| word(numbers)).collect::<Vec<_>>().join(" ")
}

async fn times(model: Arc<dyn Embedder>) {
    heading(&format!(
        "Finding jobs by meaning among {JOBS} of one tenant (SQLite)"
    ));
    let folder = tempfile::tempdir().unwrap();
    let storage: Arc<dyn Storage> = Arc::new(SqliteStorage::open(folder.path().join("store.db")).unwrap());
    let template = rows::template().await;
    let mut numbers = Numbers(7);
    let labelled = Set::read(None).jobs;
    rows::insert(&*storage, LOCAL_TENANT, &template, 0..JOBS, |n, job| {
        let one = &labelled[n % labelled.len()];
        job.spec.title = format!("{} {}", one.title, sentence(&mut numbers, 2));
        job.spec.description = format!("{} {}", one.description, sentence(&mut numbers, 6));
        if n % PAUSED_OF == 0 {
            job.state.status = JobStatus::Paused;
        }
    })
    .await;
    // The model would take half an hour; how long a scan takes does not depend on what the vectors say.
    loop {
        let texts = storage.unembedded(model.model(), 1_000).await.unwrap();
        if texts.is_empty() {
            break;
        }
        let vectors = texts.iter().map(|text| NewVector {
            number: text.number,
            revision: text.revision,
            bytes: Some(Vector::of(&numbers.vector()).unwrap().to_bytes()),
        });
        storage
            .put_vectors(LOCAL_TENANT, model.model(), vectors.collect())
            .await
            .unwrap();
    }
    let timed = Arc::new(Timed {
        embedder: model,
        nanoseconds: AtomicU64::new(0),
    });
    let search = Search::new(Arc::clone(&storage), Some(Arc::clone(&timed) as _));
    let began = Timer::now();
    ask(&search, "the first question", any_job()).await;
    print(
        "the first question, which builds the index",
        &format!("{:.0} ms", began.elapsed().as_secs_f64() * 1e3),
        "",
    );
    let paused = JobFilter {
        statuses: vec![JobStatus::Paused],
        ..any_job()
    };
    let questions = Set::read(None).questions;
    for (what, filter) in [("all jobs", any_job()), ("a filter that keeps 1 %", paused)] {
        let (mut whole, mut outside) = (Samples::default(), Samples::default());
        for n in 0..QUERIES {
            // Each is another one: nothing can be remembered.
            let text = format!(
                "{} {}",
                questions[n % questions.len()].query,
                sentence(&mut numbers, 1)
            );
            timed.nanoseconds.store(0, Relaxed);
            let began = Timer::now();
            ask(&search, &text, filter.clone()).await;
            let took = began.elapsed();
            whole.push(took.as_secs_f64() * 1e3);
            let model = Duration::from_nanos(timed.nanoseconds.load(Relaxed));
            outside.push(took.saturating_sub(model).as_secs_f64() * 1e3);
        }
        let figure = format!("{:.1} / {:.1} ms", whole.quantile(0.5), whole.quantile(0.99));
        print(&format!("{what}: p50 / p99"), &figure, "30 / 80 ms");
        let figure = format!("{:.1} / {:.1} ms", outside.quantile(0.5), outside.quantile(0.99));
        print(&format!("{what}: outside the model, p50 / p99"), &figure, "4 ms");
    }
}

async fn ask(search: &Search, text: &str, filter: JobFilter) {
    let query = SearchQuery {
        terms: vec![text.to_owned()],
        mode: SearchMode::Meaning,
        best_first: true,
        filter,
        page: Page {
            limit: 10,
            cursor: None,
            count: true,
        },
    };
    let found = search.jobs(LOCAL_TENANT, query).await.unwrap();
    assert_eq!(found.hits.len(), 10);
}

async fn creating(model: Arc<dyn Embedder>) {
    heading(&format!("Creating {CREATED} jobs one after the other (SQLite)"));
    // Loaded once, as it is on a host that runs.
    model.embed(vec!["warm".to_owned()]).await.unwrap();
    let labelled = Set::read(None).jobs;
    for (what, embedder) in [
        ("without an embedder", None),
        ("with one", Some(&model)),
        ("without an embedder, again", None),
        ("with one, again", Some(&model)),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let storage = Arc::new(SqliteStorage::open(folder.path().join("store.db")).unwrap());
        let mut builder = Host::builder()
            .storage(Arc::clone(&storage) as _)
            .agent(Arc::new(Noop))
            .limits(rows::limits());
        if let Some(embedder) = embedder {
            builder = builder.embedder(Arc::clone(embedder));
        }
        let host = builder.build().await.unwrap();
        host.start().await.unwrap();
        let began = Timer::now();
        for n in 0..CREATED {
            let one = &labelled[n % labelled.len()];
            let job = json!({
                "title": format!("{} {n}", one.title),
                "description": one.description,
                "payload": "Do it.",
                "confirm_new": true,
                "trigger_config": {"run_at": "2099-01-01T09:00:00"},
            });
            host.call(&rows::session(), "tools", "job-create", job)
                .await
                .unwrap();
        }
        let took = began.elapsed();
        print(
            &format!("{what}: all created after"),
            &format!("{:.0} ms", took.as_secs_f64() * 1e3),
            "",
        );
        if let Some(embedder) = embedder {
            while !storage.unembedded(embedder.model(), 1).await.unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let figure = format!("{:.1} s", began.elapsed().as_secs_f64());
            print(&format!("{what}: all found by meaning after"), &figure, "60 s");
        }
        host.shutdown().await;
    }
}
