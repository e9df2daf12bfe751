//! Where one instruction ends and the next begins. Splits too often rather than too seldom;
//! `join` puts together again what belongs together.

use super::conditions;
use super::kinds::begins_work;
use super::lexicon::{DETERMINERS, VERBS, is_amount, is_number, is_timely, is_unit};
use super::tokens::{Word, starts_any};

/// How a part is joined to the one before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Link {
    Start,
    /// "then", "after that", the next number of a list.
    Then,
    /// A full stop or a new line.
    Sentence,
    /// A comma or a semicolon, and an instruction after it.
    Comma,
    /// "and", and an instruction after it.
    And,
}

/// A run of words that may be an instruction of its own. Words such as "and" are still there.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) link: Link,
    pub(super) words: Vec<Word>,
}

const THENS: [&str; 20] = [
    "and then",
    "but then",
    "then",
    "and after that",
    "after that",
    "after this",
    "and afterwards",
    "afterwards",
    "and finally",
    "finally",
    "and lastly",
    "lastly",
    "after which",
    "followed by",
    "->",
    "→",
    "and next",
    "next up",
    "subsequently",
    "and subsequently",
];

/// After these "then" is no next step.
const NO_THEN_AFTER: [&str; 9] = [
    "until", "till", "by", "since", "back", "from", "than", "now", "before",
];

/// Splits a text.
pub(super) fn split(words: Vec<Word>) -> Vec<Part> {
    let numbered = is_numbered(&words);
    let mut parts: Vec<Part> = Vec::new();
    let mut current: Vec<Word> = Vec::new();
    let mut link = Link::Start;
    let mut counter = 0;
    let mut at = 0;
    while at < words.len() {
        let (found, skipped) = if numbered && is_item(&words[at], counter + 1) {
            counter += 1;
            (Some(Link::Then), 1)
        } else if words[at].starts_line && words[at].is(&["-", "*", "•", "–"]) {
            (Some(Link::Sentence), 1)
        } else if current.is_empty() {
            // "then" after a full stop: "Send it. Then follow up."
            match starts_any(&words[at..], &THENS) {
                Some(length) if !parts.is_empty() && at + length < words.len() => (Some(Link::Then), length),
                _ => (None, 0),
            }
        } else {
            boundary(&words, at, &current)
        };
        if let Some(next) = found {
            if !current.is_empty() {
                parts.push(Part {
                    link,
                    words: std::mem::take(&mut current),
                });
            }
            link = if parts.is_empty() { Link::Start } else { next };
            at += skipped;
            if skipped > 0 {
                continue;
            }
        }
        current.push(words[at].clone());
        at += 1;
    }
    if !current.is_empty() {
        parts.push(Part { link, words: current });
    }
    parts
}

/// Whether there is a list: an item 1 and an item 2.
fn is_numbered(words: &[Word]) -> bool {
    let first = words.iter().position(|word| is_item(word, 1));
    first.is_some_and(|first| words[first + 1..].iter().any(|word| is_item(word, 2)))
}

/// "2." or "2)".
fn is_item(word: &Word, number: usize) -> bool {
    let mark = word.written.strip_suffix(['.', ')']);
    mark.is_some_and(|mark| {
        is_number(mark.trim_start_matches('(')) && mark.trim_start_matches('(') == number.to_string()
    })
}

/// Whether a part begins at `at`: how it is joined, and words of the joint that are left out.
fn boundary(words: &[Word], at: usize, current: &[Word]) -> (Option<Link>, usize) {
    let before = &words[at - 1];
    let rest = &words[at..];
    // "if it fails, …": the first comma, and the first "then", belong to the condition.
    let in_condition =
        conditions::opens(current) && conditions::end(current).is_none_or(|end| end + 1 == current.len());
    if before.stop != Some(',') && in_condition && rest[0].is(&["then"]) {
        return (None, 0);
    }
    let is_no_step = match before.stop {
        Some(_) => in_condition,
        None => before.is(&NO_THEN_AFTER),
    };
    if !is_no_step
        && let Some(length) = starts_any(rest, &THENS)
        && rest.len() > length
        && (before.stop.is_some() || !rest[0].is(&["finally", "next", "lastly"]))
    {
        return (Some(Link::Then), length);
    }
    if matches!(before.stop, Some('.' | '!' | '?' | '…')) || rest[0].starts_line {
        return (Some(Link::Sentence), 0);
    }
    if before.stop == Some(';') {
        return (Some(Link::Comma), 0);
    }
    let joint = usize::from(rest[0].is(&["and", "but", "so", "or", "also"]));
    let after = &rest[joint..];
    let begins =
        begins_work(after) || conditions::opens(after) || delay(after).is_some() || begins_with_a_time(after);
    if before.stop == Some(',') && begins && !in_condition {
        return (Some(Link::Comma), 0);
    }
    // "follow up in 3 days and escalate": also without a comma.
    if joint == 1 && rest[0].is(&["and", "but"]) && begins && !in_condition {
        return (Some(Link::And), 0);
    }
    (None, 0)
}

/// "in 3 days follow up", "every Friday at 5 send the report": up to the next comma there is an
/// instruction.
fn begins_with_a_time(words: &[Word]) -> bool {
    let end = words
        .iter()
        .position(|word| word.stop.is_some())
        .map_or(words.len(), |end| end + 1);
    let opens = words
        .first()
        .is_some_and(|first| first.is(&["every", "each", "tomorrow", "on", "at", "in", "next"]));
    opens
        && (2..end).any(|at| {
            words[at].is(VERBS) && !words[at - 1].is(DETERMINERS) && is_timely(&words[at - 1].lower)
        })
}

/// A wait at the start of a part: the words of its length, and how many words it has in all.
pub(super) fn delay(words: &[Word]) -> Option<(Vec<&str>, usize)> {
    if let Some(length) = starts_any(
        words,
        &[
            "the next day",
            "the day after that",
            "the day after",
            "the following day",
            "a day later",
        ],
    ) {
        return Some((vec!["1", "day"], length));
    }
    if let Some(length) = starts_any(words, &["the week after", "the following week"]) {
        return Some((vec!["1", "week"], length));
    }
    let lead = starts_any(
        words,
        &[
            "wait for another",
            "wait another",
            "wait for",
            "wait",
            "after another",
            "after",
        ],
    );
    let from = lead.unwrap_or(0);
    let mut to = from;
    while words.get(to).is_some_and(|word| {
        is_amount(&word.lower)
            || is_unit(&word.lower)
            || to > from && (word.is(&["more"]) || word.is(&["and"]) && amount_follows(words, to))
    }) && (to == from || words[to - 1].stop.is_none())
    {
        to += 1;
    }
    if to == from || !is_unit(&words[to - 1].lower) {
        return None;
    }
    let length: Vec<&str> = words[from..to]
        .iter()
        .map(|word| word.lower.as_str())
        .filter(|word| *word != "more")
        .collect();
    let rest = &words[to..];
    let tail = match words[to - 1].stop {
        Some(_) => None,
        // "2 hours after lunch" is no wait.
        None if starts_any(rest, &["after"]).is_some() && (rest.len() == 1 || rest[0].stop.is_some()) => {
            Some(1)
        }
        None => starts_any(
            rest,
            &["after that", "after this", "afterwards", "later", "from then"],
        ),
    };
    match (lead, tail) {
        (None, None) => None,
        (_, tail) => Some((length, to + tail.unwrap_or(0))),
    }
}

/// A wait further on in a part, as in "escalate after 2 days": where it is, and its length.
pub(super) fn inner_delay(words: &[Word]) -> Option<(usize, usize, Vec<&str>)> {
    (1..words.len())
        .filter(|at| words[*at].is(&["after"]) || is_amount(&words[*at].lower))
        .find_map(|at| delay(&words[at..]).map(|(length, used)| (at, at + used, length)))
}

fn amount_follows(words: &[Word], at: usize) -> bool {
    words.get(at + 1).is_some_and(|word| is_amount(&word.lower))
        && words.get(at + 2).is_some_and(|word| is_unit(&word.lower))
}

/// Without words that only join.
pub(super) fn without_joint(words: &[Word]) -> &[Word] {
    let mut words = words;
    if let [first, verb, ..] = words
        && first.is(&["first", "firstly"])
        && verb.is(VERBS)
    {
        words = &words[1..];
    }
    while let [first, rest @ ..] = words
        && !rest.is_empty()
        && (first.is(&["and", "then", "but", "so", "also", "or", "please", "kindly"]) || first.is_dash())
    {
        words = rest;
    }
    words
}
