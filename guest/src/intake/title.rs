//! Short names for jobs.

use super::tokens::{self, Word};
use crate::limits::PLAN_TITLE_CHARS_MAX;

/// A title of these words.
pub(super) fn of<'a>(words: impl IntoIterator<Item = &'a Word>) -> String {
    let mut first_sentence = Vec::new();
    for word in words {
        first_sentence.push(word);
        if matches!(word.stop, Some('.' | '!' | '?' | ';')) && !word.opaque {
            break;
        }
    }
    shortened(&tokens::text(first_sentence))
}

/// Capitalised, on one line, cut between words where it is too long.
pub(super) fn shortened(text: &str) -> String {
    let text = tokens::capitalised(text.trim_end_matches(['.', '!', '?', ',', ':']));
    if text.chars().count() <= PLAN_TITLE_CHARS_MAX {
        return text;
    }
    let start: String = text.chars().take(PLAN_TITLE_CHARS_MAX - 1).collect();
    let whole = start.rsplit_once(' ').map_or(start.as_str(), |(whole, _)| whole);
    format!("{}…", whole.trim_end_matches([',', ';', ':', '.']))
}

/// The title, numbered where others have it already.
pub(super) fn unlike(title: String, others: &[String]) -> String {
    let same = |title: &str| others.iter().any(|other| other.eq_ignore_ascii_case(title));
    if !same(&title) {
        return title;
    }
    (2..)
        .map(|n| format!("{title} ({n})"))
        .find(|numbered| !same(numbered))
        .unwrap_or(title)
}

/// A URL without what every URL has.
pub(super) fn host(url: &str) -> &str {
    let url = url.split_once("://").map_or(url, |(_, rest)| rest);
    url.split(['?', '#']).next().unwrap_or(url).trim_end_matches('/')
}
