//! What a question asks for: words that are known, with their weights, and misspelt ones as they were meant.

use std::collections::BTreeSet;

use rust_stemmers::{Algorithm, Stemmer};

use super::index::Index;
use crate::limits::SEARCH_REPAIRED_WORDS_MAX;
use crate::storage::words::{STOP_WORDS, of_text};
use crate::wit::storage::JobFilter;

/// A question, as it is looked for.
pub(super) struct Asked {
    /// Stems that are known, with their weights: the rarer, the more.
    pub(super) stems: Vec<(Box<str>, f32)>,
    /// The weight of all stems, those that are not known included.
    pub(super) weight: f32,
    /// The question with misspelt words as they were meant; none: nothing was misspelt.
    pub(super) repaired: Option<String>,
}

/// Words that a question is looked for by: without those that say nothing, unless there are no others.
pub(super) fn telling(text: &str) -> Vec<String> {
    let words = of_text(text);
    let telling = words.iter().filter(|word| !STOP_WORDS.contains(&word.as_str()));
    let telling: Vec<String> = telling.cloned().collect();
    if telling.is_empty() { words } else { telling }
}

impl Index {
    /// What a question looks for.
    pub(super) fn ask(&self, text: &str) -> Asked {
        let stemmer = Stemmer::create(Algorithm::English);
        let mut stems: Vec<(Box<str>, f32)> = Vec::new();
        let (mut weight, mut meant) = (0.0, Vec::new());
        let mut asked: BTreeSet<String> = BTreeSet::new();
        for word in telling(text) {
            let mut stem = stemmer.stem(&word).into_owned();
            let is_known = self.stems.contains_key(stem.as_str()) || asked.contains(&stem);
            if !is_known
                && meant.len() < SEARCH_REPAIRED_WORDS_MAX
                && let Some(known) = self.vocabulary.meant(&word)
            {
                stem = stemmer.stem(known).into_owned();
                meant.push((word, known.to_owned()));
            }
            if asked.insert(stem.clone()) {
                let rows = self.stems.get(stem.as_str()).map_or(0, Vec::len);
                let rarity = ((self.rows.len() as f32 + 1.0) / (rows as f32 + 0.5))
                    .ln()
                    .max(0.05);
                weight += rarity;
                if rows > 0 {
                    stems.push((stem.into_boxed_str(), rarity));
                }
            }
        }
        let repaired = (!meant.is_empty()).then(|| {
            let word = |word: String| {
                let meant = meant.iter().find(|(misspelt, _)| *misspelt == word);
                meant.map_or(word.clone(), |(_, meant)| meant.clone())
            };
            of_text(text).into_iter().map(word).collect::<Vec<_>>().join(" ")
        });
        Asked {
            stems,
            weight,
            repaired,
        }
    }

    /// Terms that may have been meant by some that no job has: the last one as the beginning of a word, then misspelt
    /// ones as they were meant.
    pub(super) fn other_terms(
        &self,
        terms: &[String],
        filter: &JobFilter,
        completions: usize,
    ) -> Vec<Vec<String>> {
        let passing = self.owners.passing(filter);
        let stemmer = Stemmer::create(Algorithm::English);
        let is_somebodys = |word: &str| {
            let rows = self.stems.get(&*stemmer.stem(word)).into_iter().flatten();
            let mut rows = rows.filter_map(|entry| self.rows.get(*entry as usize / 2));
            rows.any(|row| row.passes(&passing))
        };
        let words: Vec<Vec<String>> = terms.iter().map(|term| of_text(term)).collect();
        let mut others = Vec::new();
        if let Some((last, before)) = words.split_last()
            && let Some((beginning, of_last)) = last.split_last()
        {
            for word in self.vocabulary.completions(beginning, completions, is_somebodys) {
                let last = of_last.iter().chain([&word]).cloned().collect::<Vec<_>>();
                others.push(
                    before
                        .iter()
                        .chain([&last])
                        .map(|words| words.join(" "))
                        .collect(),
                );
            }
        }
        let mut left = SEARCH_REPAIRED_WORDS_MAX;
        let mut meant = |word: &String| {
            if left == 0 || self.vocabulary.knows(word) {
                return word.clone();
            }
            left -= 1;
            let meant = self.vocabulary.meant(word);
            meant.map_or(word.clone(), str::to_owned)
        };
        let meant: Vec<Vec<String>> = words
            .iter()
            .map(|words| words.iter().map(&mut meant).collect())
            .collect();
        if meant != words {
            others.push(meant.iter().map(|words| words.join(" ")).collect());
        }
        others
    }
}
