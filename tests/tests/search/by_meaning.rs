//! With an embedder.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use meanwhile::embedding::EmbeddingError;
use meanwhile::limits::PAGE_ROWS_MAX;
use meanwhile::storage::Storage;
use meanwhile::storage::retention::Old;
use meanwhile::wit::storage::{Hit, JobFilter};
use meanwhile::wit::types::{Job, JobStatus, RetrievalMode};
use meanwhile_tests::concepts::Concepts;
use meanwhile_tests::storage_suite::{TENANT, any_job};

use super::{about, ask, ask_where, ids, insert, postgres, set_status, storages, three, update, with};

/// The whole life of texts and their vectors.
async fn life(storage: Arc<dyn Storage>) {
    let concepts = Arc::new(Concepts::new("concepts"));
    let search = with(&storage, &concepts);
    let question = "bills that clients have not paid";
    // Nothing is there.
    let found = ask(&search, question).await;
    assert_eq!(
        (ids(&found).len(), found.total, found.mode),
        (0, 0, RetrievalMode::Lexical)
    );
    assert_eq!(search.embed_all().await.unwrap(), 0);
    // Until they have vectors, jobs are found by their words.
    insert(&*storage, TENANT, three()).await;
    let found = ask(&search, question).await;
    assert_eq!((ids(&found), found.mode), (vec![], RetrievalMode::Lexical));
    let found = ask(&search, "invoices for the picnic").await;
    assert_eq!((ids(&found).len(), found.mode), (2, RetrievalMode::Lexical));
    // Then by what they mean.
    assert_eq!(search.embed_all().await.unwrap(), 3);
    let found = ask(&search, question).await;
    assert_eq!(
        (ids(&found)[0], found.mode),
        ("invoices", RetrievalMode::Semantic)
    );
    assert!(found.hits.is_sorted_by(|a, b| a.score >= b.score));
    assert!(
        found.hits[0].score > 2.0 * found.hits[1].score,
        "{:?}",
        found.hits
    );
    assert_eq!(found.total, 3);
    // Once is enough.
    let given = concepts.given.load(SeqCst);
    assert_eq!(search.embed_all().await.unwrap(), 0);
    assert_eq!(concepts.given.load(SeqCst), given);
    // A new one is found by its words among the others.
    insert(
        &*storage,
        TENANT,
        [about("trip", "Book the ferry", "To the island.")],
    )
    .await;
    let found = ask(&search, "ferry").await;
    assert_eq!((ids(&found)[0], found.mode), ("trip", RetrievalMode::Semantic));
    // One that says something else now means something else: at once by its words, then by its meaning.
    let [mut changed, ..] = three();
    changed.spec.title = "Brush the cat".into();
    changed.spec.description = "Gently.".into();
    update(&*storage, &changed).await;
    let found = ask(&search, "cat").await;
    assert_eq!(ids(&found)[0], "invoices");
    assert_eq!(search.embed_all().await.unwrap(), 2);
    let found = ask(&search, question).await;
    assert!(found.hits[0].score < 0.4, "{:?}", found.hits);
    // One that is deleted is not found.
    set_status(&*storage, &changed, JobStatus::Archived).await;
    assert!(!ids(&ask(&search, "cat").await).contains(&"invoices"));
    let archived = JobFilter {
        include_archived: true,
        ..any_job()
    };
    let found = ask_where(&search, TENANT, "cat", archived.clone(), 10).await;
    assert_eq!(ids(&found)[0], "invoices");
    storage
        .forget(TENANT, Old::Jobs(vec!["invoices".into()]))
        .await
        .unwrap();
    let found = ask_where(&search, TENANT, "cat", archived, 10).await;
    assert!(!ids(&found).contains(&"invoices"));
    // Another host, and one that comes later, find the same.
    let other = with(&storage, &concepts);
    for question in ["teeth", "rain", "islands"] {
        assert_eq!(ask(&other, question).await, ask(&search, question).await);
    }
    // Another model: all anew, by words meanwhile.
    let another = Arc::new(Concepts::new("another"));
    let search = with(&storage, &another);
    assert_eq!(ask(&search, "teeth").await.mode, RetrievalMode::Lexical);
    assert_eq!(search.embed_all().await.unwrap(), 3);
    let found = ask(&search, "teeth").await;
    assert_eq!((ids(&found)[0], found.mode), ("dentist", RetrievalMode::Semantic));
}

#[tokio::test]
async fn texts_get_vectors_and_lose_them() {
    for (storage, _folder) in storages() {
        life(storage).await;
    }
}

#[tokio::test]
#[ignore = "needs Postgres"]
async fn texts_get_vectors_and_lose_them_in_postgres() {
    life(postgres().await).await;
}

#[tokio::test]
async fn two_hosts_see_what_the_other_writes() {
    for (storage, _folder) in storages() {
        let concepts = Arc::new(Concepts::new("concepts"));
        let (one, two) = (with(&storage, &concepts), with(&storage, &concepts));
        for (n, job) in three().into_iter().enumerate() {
            insert(&*storage, TENANT, [job]).await;
            assert_eq!(one.embed_all().await.unwrap(), 1);
            assert_eq!(ask(&two, "teeth").await, ask(&one, "teeth").await);
            assert_eq!(ask(&two, "teeth").await.hits.len(), n + 1);
        }
        let [_, mut dentist, _] = three();
        dentist.spec.title = "Feed the cat".into();
        update(&*storage, &dentist).await;
        two.embed_all().await.unwrap();
        assert_eq!(ids(&ask(&one, "cat").await)[0], "dentist");
        assert_eq!(ask(&two, "cat").await, ask(&one, "cat").await);
    }
}

/// Whatever a filter leaves over stands in the order that it has among all.
#[tokio::test]
async fn filters_lose_nothing() {
    // As many as one page can have, so that all of them can be asked for.
    const JOBS: usize = PAGE_ROWS_MAX as usize;
    for (storage, _folder) in storages() {
        let concepts = Arc::new(Concepts::new("concepts"));
        let search = with(&storage, &concepts);
        let words = [
            "bill", "tooth", "rain", "owe", "clients", "ship", "letter", "garden", "tax", "bread",
        ];
        let word = |n: usize| words[n % words.len()];
        let jobs: Vec<_> = (0..JOBS)
            .map(|n| {
                // The rare ones say the least about what is asked for.
                let text = match n % 100 {
                    0 => format!("{} {n}", word(n / 100)),
                    _ => format!("bills {} {} {}", word(n), word(n / 10), word(n / 100)),
                };
                let mut job = about(&format!("job_{n:05}"), &text, "");
                job.user = if n % 200 == 0 { "rare" } else { "ada" }.into();
                job
            })
            .collect();
        insert(&*storage, TENANT, jobs.clone()).await;
        for (place, job) in jobs.iter().enumerate() {
            match place % 100 {
                0 => set_status(&*storage, job, JobStatus::Paused).await,
                1..50 => set_status(&*storage, job, JobStatus::Blocked).await,
                _ => {}
            }
        }
        search.embed_all().await.unwrap();
        let of = |statuses: &[JobStatus], user: Option<&str>| JobFilter {
            statuses: statuses.to_vec(),
            user: user.map(str::to_owned),
            ..any_job()
        };
        for question in [
            "tooth",
            "open bills",
            "a garden",
            "letter from the clients",
            "nothing of this",
        ] {
            let all = ask_where(&search, TENANT, question, any_job(), PAGE_ROWS_MAX).await;
            assert_eq!(all.hits.len(), JOBS);
            for filter in [
                of(&[JobStatus::Paused], None),
                of(&[JobStatus::Blocked, JobStatus::Paused], None),
                of(&[], Some("rare")),
                of(&[JobStatus::Paused], Some("rare")),
                of(&[JobStatus::Paused], Some("ada")),
                of(&[JobStatus::Failed], None),
                of(&[], Some("nobody")),
            ] {
                let passes = |job: &Job| {
                    (filter.statuses.is_empty() || filter.statuses.contains(&job.state.status))
                        && filter.user.as_ref().is_none_or(|user| *user == job.user)
                };
                let passing: Vec<Hit> = all.hits.iter().filter(|hit| passes(&hit.job)).cloned().collect();
                for limit in [1, 7, PAGE_ROWS_MAX] {
                    let found = ask_where(&search, TENANT, question, filter.clone(), limit).await;
                    let expected = &passing[..passing.len().min(limit as usize)];
                    assert_eq!(found.hits, expected, "{question}: {filter:?}, {limit}");
                }
            }
        }
    }
}

#[tokio::test]
async fn an_embedder_that_fails_loses_nothing() {
    for (storage, _folder) in storages() {
        let concepts = Arc::new(Concepts::new("concepts"));
        let search = with(&storage, &concepts);
        let down = EmbeddingError::Unavailable("nobody answers".into());
        concepts.fail(Some(down.clone()));
        insert(&*storage, TENANT, three()).await;
        let error = search.embed_all().await.unwrap_err();
        assert!(error.to_string().contains("nobody answers"), "{error}");
        concepts.fail(None);
        assert_eq!(search.embed_all().await.unwrap(), 3);
        concepts.fail(Some(down));
        let found = ask(&search, "invoices").await;
        assert_eq!(
            (ids(&found), found.mode),
            (vec!["invoices"], RetrievalMode::Lexical)
        );
        concepts.fail(None);
        assert_eq!(ask(&search, "bills").await.mode, RetrievalMode::Semantic);
    }
}

#[tokio::test]
async fn a_text_without_a_vector_keeps_nobody_else_from_one() {
    for (storage, _folder) in storages() {
        let concepts = Arc::new(Concepts {
            poison: Some("dentist"),
            ..Concepts::new("concepts")
        });
        let search = with(&storage, &concepts);
        insert(&*storage, TENANT, three()).await;
        assert_eq!(search.embed_all().await.unwrap(), 3);
        assert_eq!(ids(&ask(&search, "rain").await)[0], "weather");
        assert_eq!(ids(&ask(&search, "an appointment").await)[0], "dentist");
        let given = concepts.given.load(SeqCst);
        assert_eq!(search.embed_all().await.unwrap(), 0);
        assert_eq!(concepts.given.load(SeqCst), given, "it is not tried for ever");
    }
}

#[tokio::test]
async fn texts_of_any_length_and_script_are_found() {
    for (storage, _folder) in storages() {
        let concepts = Arc::new(Concepts::new("concepts"));
        let search = with(&storage, &concepts);
        let long = "wort ".repeat(8_192 / 5);
        let jobs = [
            about("kyrillic", "Оплатить счёт", "до пятницы"),
            about("chinese", "支付 发票", ""),
            about("arabic", "ادفع الفاتورة", "غدا"),
            about("emoji", "🎉🎉 🎂", "\u{0}\u{1}"),
            about("empty", "-", ""),
            about("long", "Lang", &long),
        ];
        insert(&*storage, TENANT, jobs).await;
        search.embed_all().await.unwrap();
        for (question, expected) in [
            ("счёт", "kyrillic"),
            ("发票", "chinese"),
            ("الفاتورة", "arabic"),
            ("wort", "long"),
        ] {
            let found = ask(&search, question).await;
            assert_eq!(ids(&found)[0], expected, "{question}");
        }
        for question in ["🎉", "-", " ", "\u{0}", &"x".repeat(512), "the of and"] {
            assert_eq!(ask(&search, question).await.hits.len(), 6, "{question:?}");
        }
    }
}
