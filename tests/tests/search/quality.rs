//! What the labelled set comes to.

use std::sync::Arc;

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
