//! The words of a tenant's texts, and which of them a misspelt one was meant to be.

use std::collections::HashMap;

use strsim::osa_distance;

use crate::limits::{SPELLED_CHARS_MAX, SPELLED_CHARS_MIN};

/// Words with how often they occur.
#[derive(Default)]
pub(super) struct Vocabulary {
    numbers: HashMap<Box<str>, usize>,
    words: Vec<Word>,
}

struct Word {
    text: Box<str>,
    shape: Shape,
    count: u32,
}

/// What tells quickly that two words differ by more than a few letters.
#[derive(Clone, Copy)]
struct Shape {
    chars: u8,
    /// A bit for each letter that occurs; several letters may share one.
    letters: u32,
}

impl Shape {
    fn of(word: &str) -> Self {
        let bit = |letter: char| 1 << (u32::from(letter) % u32::BITS);
        Self {
            chars: u8::try_from(word.chars().count()).unwrap_or(u8::MAX),
            letters: word.chars().fold(0, |letters, letter| letters | bit(letter)),
        }
    }

    /// Whether words of these shapes may be `edits` apart: each edit changes two letters' bits at most.
    fn may_be(self, other: Self, edits: usize) -> bool {
        usize::from(self.chars.abs_diff(other.chars)) <= edits
            && (self.letters ^ other.letters).count_ones() as usize <= 2 * edits
    }
}

/// Whether a word is one that is spelled: numbers and codes mean what they say.
fn is_spelled(word: &str) -> bool {
    let range = SPELLED_CHARS_MIN..=SPELLED_CHARS_MAX;
    range.contains(&word.chars().count()) && word.chars().all(char::is_alphabetic)
}

/// How many letters of a word may be wrong.
fn edits(chars: u8) -> usize {
    if chars < 7 { 1 } else { 2 }
}

impl Vocabulary {
    pub(super) fn add(&mut self, word: &str) {
        if let Some(word) = self.numbers.get(word).and_then(|at| self.words.get_mut(*at)) {
            word.count = word.count.saturating_add(1);
        } else if is_spelled(word) {
            self.numbers.insert(word.into(), self.words.len());
            self.words.push(Word {
                text: word.into(),
                shape: Shape::of(word),
                count: 1,
            });
        }
    }

    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    pub(super) fn knows(&self, word: &str) -> bool {
        self.numbers.contains_key(word)
    }

    /// The word that a misspelt one was meant to be: the nearest, of those the most frequent.
    pub(super) fn meant(&self, word: &str) -> Option<&str> {
        if !is_spelled(word) || self.numbers.contains_key(word) {
            return None;
        }
        let shape = Shape::of(word);
        let most = edits(shape.chars);
        let first = word.chars().next();
        let near = self.words.iter().filter(|known| known.shape.may_be(shape, most));
        let near = near.filter_map(|known| {
            let apart = osa_distance(word, &known.text);
            // Hardly anybody gets the first letter wrong.
            let other_first = known.text.chars().next() != first;
            (apart <= most).then_some((apart, other_first, std::cmp::Reverse(known.count), known))
        });
        let nearest = near.min_by(|a, b| (a.0, a.1, a.2).cmp(&(b.0, b.1, b.2)))?;
        Some(&nearest.3.text)
    }

    /// The most frequent words that begin so, of those that pass.
    pub(super) fn completions(
        &self,
        beginning: &str,
        most: usize,
        passes: impl Fn(&str) -> bool,
    ) -> Vec<String> {
        let mut found: Vec<&Word> = self
            .words
            .iter()
            .filter(|word| word.text.len() > beginning.len() && word.text.starts_with(beginning))
            .collect();
        found.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.text.cmp(&b.text)));
        let found = found.into_iter().filter(|word| passes(&word.text));
        found.take(most).map(|word| word.text.to_string()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Vocabulary;

    fn of(words: &[&str]) -> Vocabulary {
        let mut vocabulary = Vocabulary::default();
        words.iter().for_each(|word| vocabulary.add(word));
        vocabulary
    }

    #[test]
    fn a_misspelt_word_is_the_nearest_and_then_the_most_frequent() {
        let words = of(&[
            "invoice",
            "invoice",
            "voice",
            "report",
            "resort",
            "report",
            "kündigung",
        ]);
        for (misspelt, meant) in [
            ("invocie", "invoice"),
            ("invioce", "invoice"),
            ("inovice", "invoice"),
            ("reprot", "report"),
            ("repot", "report"),
            ("kundigung", "kündigung"),
            ("voicee", "voice"),
        ] {
            assert_eq!(words.meant(misspelt), Some(meant), "{misspelt}");
        }
    }

    #[test]
    fn what_is_known_short_far_or_no_word_is_left_alone() {
        let words = of(&["invoice", "pay", "report", "q3"]);
        for word in ["invoice", "pya", "invo", "dentist", "repo12", "q4", ""] {
            assert_eq!(words.meant(word), None, "{word}");
        }
    }

    #[test]
    fn the_most_frequent_words_complete_a_beginning() {
        let words = of(&["invoice", "invoices", "invoices", "invite", "voice"]);
        assert_eq!(words.completions("inv", 2, |_| true), ["invoices", "invite"]);
        assert_eq!(words.completions("invoices", 2, |_| true), [""; 0]);
        assert_eq!(
            words.completions("inv", 2, |word| word != "invoices"),
            ["invite", "invoice"]
        );
    }
}
