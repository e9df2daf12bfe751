//! Words as the index has them: numbers of (tenant, word).

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use crate::storage::texts;
use crate::storage::units::Indexed;
use crate::storage::words;
use crate::wit::types::JobSpec;

/// What is indexed of a job's texts.
#[derive(Clone)]
pub(super) struct Terms {
    /// Words in order, each between spaces; texts are parted by a line's end. See [`phrase`].
    pub(super) text: String,
    pub(super) words: Vec<i64>,
    /// Of title and description.
    pub(super) hash: i64,
}

/// A word's number. Whoever wants two words with one number has to try about 2^32 of them, and wins
/// that his own search finds too much.
pub(super) fn number(tenant: &str, word: &str) -> i64 {
    let mut hash = Sha256::new();
    hash.update(tenant.as_bytes());
    hash.update([0]);
    hash.update(word.as_bytes());
    let digest = hash.finalize();
    digest
        .iter()
        .take(8)
        .fold(0, |number, byte| number << 8 | i64::from(*byte))
}

/// Numbers of words, each once.
pub(super) fn numbers<'a>(tenant: &str, words: impl IntoIterator<Item = &'a str>) -> Vec<i64> {
    let distinct: BTreeSet<&str> = words.into_iter().collect();
    distinct.into_iter().map(|word| number(tenant, word)).collect()
}

/// Words side by side, as they stand in [`Terms::text`].
pub(super) fn phrase(words: &[String]) -> String {
    format!(" {} ", words.join(" "))
}

impl Indexed for Terms {
    fn of(tenant: &str, spec: &JobSpec) -> Self {
        let [title, description, payload] =
            [&spec.title, &spec.description, &spec.payload].map(|text| words::of_text(text));
        let of_words = [&title, &description, &payload];
        let all = of_words.iter().flat_map(|words| words.iter().map(String::as_str));
        Self {
            text: of_words.map(|words| phrase(words)).join("\n"),
            words: numbers(tenant, all),
            hash: texts::hash(spec),
        }
    }
}
