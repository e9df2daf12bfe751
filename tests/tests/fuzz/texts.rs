//! Texts made of texts that are understood: words are left out, doubled, exchanged, replaced by
//! words of other texts, by numbers and by what is no word.

use crate::bytes::Bytes;

/// Changes of one text.
const CHANGES_MAX: usize = 6;
/// Words of a text: longer ones only take longer.
const WORDS_MAX: usize = 64;

const NUMBERS: [&str; 20] = [
    "0",
    "-1",
    "00",
    "1.5",
    "7",
    "13",
    "24",
    "25:00",
    "31",
    "32",
    "60",
    "99",
    "0900",
    "1e9",
    "2100",
    "9999",
    "4294967296",
    "18446744073709551616",
    "29.2.2027",
    "2026-12-24T18:00",
];
const JOINTS: [&str; 14] = [
    ",", ".", ";", "-", "and", "then", "every", "until", "from", "at", "in", "/", "\"", "—",
];

/// A text like those given.
pub(crate) fn like(texts: &[String], bytes: &mut Bytes<'_>) -> String {
    let mut words = split(bytes.pick::<String>(texts));
    for _ in 0..=bytes.below(CHANGES_MAX) {
        let at = bytes.below(words.len().max(1)).min(words.len().saturating_sub(1));
        let other = |bytes: &mut Bytes<'_>| {
            let words = split(bytes.pick::<String>(texts));
            match words.len() {
                0 => String::new(),
                count => words[bytes.below(count)].clone(),
            }
        };
        match bytes.byte() % 12 {
            _ if words.is_empty() => words.push(other(bytes)),
            0 => drop(words.remove(at)),
            1 => words.insert(at, words[at].clone()),
            2 => {
                let with = bytes.below(words.len());
                words.swap(at, with);
            }
            3 | 4 => words[at] = other(bytes),
            5 => words.insert(at, other(bytes)),
            6 => words[at] = (*bytes.pick(&NUMBERS)).to_owned(),
            7 => words.insert(at, (*bytes.pick(&JOINTS)).to_owned()),
            8 => words.extend(split(bytes.pick::<String>(texts))),
            9 => words[at] = words[at].to_uppercase(),
            10 => {
                let character = bytes.character();
                let (place, _) = words[at].char_indices().nth(bytes.below(8)).unwrap_or((0, ' '));
                words[at].insert(place, character);
            }
            _ => {
                let next = (at + 1 < words.len()).then(|| words.remove(at + 1));
                words[at].push_str(&next.unwrap_or_default());
            }
        }
        words.truncate(WORDS_MAX);
    }
    words.join(" ")
}

fn split(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}
