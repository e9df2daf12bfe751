//! What the labelled set comes to.

use std::path::Path;
use std::sync::Arc;

use meanwhile::embedding::Candle;
use meanwhile::search::Search;
use meanwhile::storage::Storage;
use meanwhile::storage::memory::MemoryStorage;
use meanwhile_tests::search_eval::Set;

use super::by_words_alone;

/// Paraphrases share no word with their jobs: nothing but an embedder finds these.
#[tokio::test]
async fn words_alone_find_keywords_and_misspelt_ones() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let set = Set::read(None);
    set.insert(&*storage).await;
    let found = set.judge(&by_words_alone(&storage)).await;
    println!("{found:#?}");
    assert!(found["keywords"].recall_at_1 > 0.9);
    assert!(found["typo"].recall_at_5 > 0.9);
    assert!(found["paraphrase"].recall_at_5 < 0.5);
    assert_eq!(found["all"].semantic, 0);
}

/// The bounds are those that the project promises.
#[tokio::test]
#[ignore = "needs the model"]
async fn the_model_finds_what_was_meant() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::default());
    let set = Set::read(None);
    set.insert(&*storage).await;
    let folder = std::env::var_os("MEANWHILE_TEST_MODEL").unwrap();
    let search = Search::new(
        Arc::clone(&storage),
        Some(Arc::new(Candle::new(Path::new(&folder)).unwrap())),
    );
    assert_eq!(search.embed_all().await.unwrap(), set.jobs.len() as u64);
    let found = set.judge(&search).await;
    println!("{found:#?}");
    assert_eq!(found["all"].semantic, set.questions.len());
    assert!(found["all"].recall_at_5 >= 0.92);
    assert!(found["all"].ndcg_at_10 >= 0.90);
}
