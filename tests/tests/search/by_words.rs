//! Without an embedder, and what tenants see of each other.

use std::sync::Arc;

use meanwhile::limits::{SEARCH_REPAIRED_WORDS_MAX, SEARCH_SELECTIVE_ROWS};
use meanwhile::search::Search;
use meanwhile::storage::Storage;
use meanwhile::storage::memory::MemoryStorage;
use meanwhile::wit::storage::{HitPage, JobFilter, Page, SearchMode, SearchQuery};
use meanwhile::wit::types::{JobStatus, RetrievalMode};
use meanwhile_tests::storage_suite::{TENANT, any_job};

use super::{about, ask, ask_where, by_words_alone, ids, insert, postgres, storages, three, update};

#[tokio::test]
async fn words_are_found_by_their_stems_the_rarer_the_better() {
    for (storage, _folder) in storages() {
        let search = by_words_alone(&storage);
        insert(&*storage, TENANT, three()).await;
        let more = (0..20).map(|n| about(&format!("call_{n:02}"), &format!("Call number {n}"), "A call."));
        insert(&*storage, TENANT, more).await;
        let found = ask(&search, "calling dentists").await;
        assert_eq!((ids(&found)[0], found.mode), ("dentist", RetrievalMode::Lexical));
        assert_eq!((found.hits.len(), found.total), (10, 10));
        assert!(
            found.hits[0].score > 0.9 && found.hits[1].score < 0.5,
            "{:?}",
            found.hits
        );
        // Among those that fit alike the title decides, then the newer one.
        insert(
            &*storage,
            TENANT,
            [
                about("ferry", "Book", "the ferry"),
                about("trip", "Ferry", "book"),
            ],
        )
        .await;
        insert(&*storage, TENANT, [about("later", "Ferry", "book")]).await;
        let found = ask(&search, "ferry").await;
        assert_eq!(ids(&found), ["later", "trip", "ferry"]);
        // Words that nobody has.
        assert!(ask(&search, "quantum chromodynamics").await.hits.is_empty());
        // Stop words alone are words like others.
        assert_eq!(ids(&ask(&search, "the").await), ["dentist", "ferry", "weather"]);
    }
}

#[tokio::test]
async fn misspelt_words_are_found_as_they_were_meant() {
    for (storage, _folder) in storages() {
        let search = by_words_alone(&storage);
        insert(&*storage, TENANT, three()).await;
        for (question, expected) in [
            ("pendign invocies", "invoices"),
            ("dentsit", "dentist"),
            ("wheather repotr", "weather"),
        ] {
            let found = ask(&search, question).await;
            assert_eq!(ids(&found), [expected], "{question}");
        }
    }
}

async fn terms(search: &Search, terms: &[&str], mode: SearchMode) -> HitPage {
    terms_in_order(search, terms, mode, false).await
}

async fn terms_in_order(search: &Search, terms: &[&str], mode: SearchMode, best_first: bool) -> HitPage {
    let query = SearchQuery {
        terms: terms.iter().map(|term| (*term).to_owned()).collect(),
        mode,
        best_first,
        filter: any_job(),
        page: Page {
            limit: 10,
            cursor: None,
            count: true,
        },
    };
    search.jobs(TENANT, query).await.unwrap()
}

/// Terms that are found are taken literally; of those that are not the last one may be a beginning, and any misspelt.
#[tokio::test]
async fn terms_that_nobody_has_are_beginnings_or_misspelt() {
    for (storage, _folder) in storages() {
        let search = by_words_alone(&storage);
        insert(&*storage, TENANT, three()).await;
        let [.., mut weather] = three();
        for (asked, mode, expected) in [
            (&["dentist"][..], SearchMode::AnyTerm, vec!["dentist"]),
            (&["dent"], SearchMode::AnyTerm, vec!["dentist"]),
            (&["call", "dent"], SearchMode::AllTerms, vec!["dentist"]),
            (&["the dent"], SearchMode::AllTerms, vec!["dentist"]),
            (&["dent", "pend"], SearchMode::AllTerms, vec![]),
            (&["invocies"], SearchMode::AnyTerm, vec!["invoices"]),
            (&["pending", "invocies"], SearchMode::AllTerms, vec!["invoices"]),
            (&["pending", "dentsit"], SearchMode::AllTerms, vec![]),
            (&["%"], SearchMode::AnyTerm, vec![]),
            (&["dent%"], SearchMode::AnyTerm, vec!["dentist"]),
        ] {
            let found = terms(&search, asked, mode).await;
            assert_eq!(ids(&found), expected, "{asked:?}");
            assert_eq!(
                (found.total, found.next_cursor),
                (expected.len() as u64, None),
                "{asked:?}"
            );
        }
        // What is found as it stands is all that is found.
        weather.spec.title = "Dent in the car".into();
        update(&*storage, &weather).await;
        assert_eq!(
            ids(&terms(&search, &["dent"], SearchMode::AnyTerm).await),
            ["weather"]
        );
    }
}

/// Results, scores and what is taken for misspelt are the same whatever others write.
#[tokio::test]
async fn as_many_misspelt_words_are_looked_for_as_the_limit_says_and_no_more() {
    let words = |last: char, count: usize| -> Vec<String> {
        let letters = ('a'..='z').take(count);
        letters
            .map(|letter| format!("{}{last}", String::from(letter).repeat(6)))
            .collect()
    };
    let most = SEARCH_REPAIRED_WORDS_MAX;
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let search = by_words_alone(&storage);
    let all = about("all", "Words", &words('x', most + 1).join(" "));
    insert(&*storage, TENANT, [all]).await;
    for (count, expected) in [(most, vec!["all"]), (most + 1, vec![])] {
        let misspelt = words('y', count);
        let misspelt: Vec<&str> = misspelt.iter().map(String::as_str).collect();
        let found = terms(&search, &misspelt, SearchMode::AllTerms).await;
        assert_eq!(ids(&found), expected, "{count}");
    }
}

async fn nobody_elses(storage: Arc<dyn Storage>) {
    let questions = ["pending invoices", "dentsit", "secret", "invoicex", "the weather"];
    let search = by_words_alone(&storage);
    insert(&*storage, TENANT, three()).await;
    let mut alone = Vec::new();
    for question in questions {
        alone.push(ask(&search, question).await);
    }
    let theirs = [
        "secret",
        "dentsit",
        "invoicex",
        "pending weather",
        "the",
        "invoices",
    ];
    let theirs = (0..60).map(|n| about(&format!("theirs_{n}"), theirs[n % theirs.len()], "secret"));
    insert(&*storage, "other", theirs).await;
    for search in [&search, &by_words_alone(&storage)] {
        for (question, alone) in questions.iter().zip(&alone) {
            assert_eq!(&ask(search, question).await, alone, "{question}");
        }
        assert_eq!(
            ask_where(search, "other", "secret", any_job(), 10)
                .await
                .hits
                .len(),
            10
        );
        assert!(
            ask_where(search, "nobody", "secret", any_job(), 10)
                .await
                .hits
                .is_empty()
        );
    }
    // A name that is given anew brings nothing back: no word of before is what a misspelt one was meant to be.
    while storage.purge("other", 1_000).await.unwrap() > 0 {}
    search.forget("other");
    insert(&*storage, "other", three()).await;
    for search in [&search, &by_words_alone(&storage)] {
        let found = ask_where(search, "other", "secert", any_job(), 10).await;
        assert!(found.hits.is_empty());
        let found = ask_where(search, "other", "invoicex", any_job(), 10).await;
        assert_eq!(ids(&found), ["invoices"]);
    }
}

#[tokio::test]
async fn tenants_do_not_influence_each_other() {
    for (storage, _folder) in storages() {
        nobody_elses(storage).await;
    }
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn tenants_do_not_influence_each_other_in_postgres() {
    nobody_elses(postgres().await).await;
}

/// Where a filter keeps many jobs but none of the best, the next best are looked at.
#[tokio::test]
async fn a_filter_that_keeps_all_but_the_best_finds_the_next() {
    const BEST: usize = 2_000;
    const OTHERS: usize = SEARCH_SELECTIVE_ROWS as usize + 1_000;
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let jobs = (0..BEST + OTHERS).map(|n| {
        let title = if n < BEST { "invoice reminder" } else { "invoice" };
        let mut job = about(&format!("job_{n:05}"), title, "");
        if n < BEST {
            job.state.status = JobStatus::Paused;
        }
        job
    });
    insert(&*storage, TENANT, jobs).await;
    let search = by_words_alone(&storage);
    let found = ask(&search, "invoice reminder").await;
    assert!(
        found
            .hits
            .iter()
            .all(|hit| hit.job.state.status == JobStatus::Paused)
    );
    let active = JobFilter {
        statuses: vec![JobStatus::Active],
        ..any_job()
    };
    let found = ask_where(&search, TENANT, "invoice reminder", active, 5).await;
    let newest: Vec<String> = (0..5)
        .map(|n| format!("job_{:05}", BEST + OTHERS - 1 - n))
        .collect();
    assert_eq!(ids(&found), newest);
}

/// By relevance those come first whose title and description have most of what is asked for; all that match are there.
#[tokio::test]
async fn terms_are_sorted_by_relevance_where_that_is_asked_for() {
    for (storage, _folder) in storages() {
        let search = by_words_alone(&storage);
        let mut instructed = about("instructed", "Morning", "");
        instructed.spec.payload = "Write the tax letter.".into();
        insert(
            &*storage,
            TENANT,
            [
                about("both", "Tax letter", ""),
                about("described", "Morning", "The tax letter."),
                about("rare", "Tax", ""),
                about("other", "Letter to the bank", ""),
                about("frequent", "Letter", ""),
                instructed,
                about("stem", "Letters", "Taxes"),
            ],
        )
        .await;
        let newest = terms(&search, &["tax", "letter"], SearchMode::AnyTerm).await;
        assert_eq!(
            ids(&newest),
            ["instructed", "frequent", "other", "rare", "described", "both"]
        );
        let best = terms_in_order(&search, &["tax", "letter"], SearchMode::AnyTerm, true).await;
        assert_eq!(
            ids(&best),
            ["both", "described", "rare", "frequent", "other", "instructed"]
        );
        assert_eq!((best.total, best.next_cursor), (6, None));
        assert!(best.hits.is_sorted_by(|a, b| a.score >= b.score));
        let both = terms_in_order(&search, &["tax", "letter"], SearchMode::AllTerms, true).await;
        assert_eq!(ids(&both), ["both", "described", "instructed"]);
        // Literally, also by relevance; and as it was meant.
        let phrase = terms_in_order(&search, &["letter to"], SearchMode::AnyTerm, true).await;
        assert_eq!(ids(&phrase), ["other"]);
        let misspelt = terms_in_order(&search, &["tax", "lettre"], SearchMode::AllTerms, true).await;
        assert_eq!(ids(&misspelt), ["both", "described", "instructed"]);
    }
}

/// Whoever looks for similar jobs waits for no index: without one, those are similar that have all the words.
#[tokio::test]
async fn similar_jobs_are_found_without_an_index_and_better_with_one() {
    for (storage, _folder) in storages() {
        let search = by_words_alone(&storage);
        insert(&*storage, TENANT, three()).await;
        let similar = async |title: &str| {
            let found = terms(&search, &[title], SearchMode::Stems).await;
            ids(&found).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(similar("Call the dentist").await, ["dentist"]);
        assert_eq!(similar("Call dentists").await, [""; 0]);
        ask(&search, "anything").await;
        assert_eq!(similar("Call dentists").await, ["dentist"]);
    }
}
