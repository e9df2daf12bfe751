//! Where in a clause the times are: the longest runs of words that are a time, and none that only
//! looks like one.

use super::lexicon::{
    CONNECTIVES, DETERMINERS, FEASTS, NO_TIME_AFTER, PERIODS, VERBS, WEEKDAYS, ZONE_ABBREVIATIONS, is_clock,
    is_number, is_weekday,
};
use super::reader::Reader;
use super::tokens::Word;
use crate::limits::PLAN_TIME_WORDS_MAX;

/// A run of words that is a time.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) from: usize,
    /// The first word after it.
    pub(super) to: usize,
    /// As the reader takes it.
    pub(super) phrase: String,
}

/// Words that begin a time wherever they stand. Other times count only at the edge of a clause.
const OPENERS: [&str; 14] = [
    "every", "each", "on", "at", "@", "in", "tomorrow", "today", "tonight", "next", "daily", "hourly",
    "weekly", "monthly",
];

/// All times of a clause, first to last. `free` says which words may be taken.
pub(super) fn find(words: &[Word], free: &[bool], reader: &Reader) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut at = 0;
    while at < words.len() {
        match longest(words, free, at, reader) {
            Some(span) => {
                at = span.to;
                spans.push(span);
            }
            None => at += 1,
        }
    }
    spans
}

fn longest(words: &[Word], free: &[bool], from: usize, reader: &Reader) -> Option<Span> {
    let mut end = from;
    while end < words.len()
        && end - from < PLAN_TIME_WORDS_MAX
        && free[end]
        && !words[end].opaque
        && (end == from || matches!(words[end - 1].stop, None | Some(',')))
    {
        end += 1;
    }
    (from + 1..=end).rev().find_map(|to| {
        let span = Span {
            from,
            to,
            phrase: phrase(&words[from..to]),
        };
        (!is_trap(words, &span) && reader.reads(&span.phrase)).then_some(span)
    })
}

/// The words as the reader takes them.
fn phrase(words: &[Word]) -> String {
    let mut said: Vec<&str> = words
        .iter()
        .map(|word| match word.lower.as_str() {
            "each" => "every",
            "@" => "at",
            other => other,
        })
        .filter(|word| !["o'clock", "sharp"].contains(word))
        .collect();
    if said.first().is_some_and(|word| is_clock(word)) || starts_with_half_hour(&said) {
        said.insert(0, "at");
    }
    said.join(" ")
}

/// "9 am …".
fn starts_with_half_hour(words: &[&str]) -> bool {
    matches!(words, [hour, "am" | "pm", ..] if is_number(hour))
}

fn before(words: &[Word], at: usize) -> Option<&Word> {
    at.checked_sub(1)
        .and_then(|at| words.get(at))
        .filter(|word| word.stop.is_none())
}

/// Whether a phrase is over before the word at `to`.
pub(super) fn is_edge(words: &[Word], to: usize) -> bool {
    let Some(next) = words.get(to) else { return true };
    to > 0 && words[to - 1].stop.is_some()
        || next.opaque && next.is_url()
        || next.is(CONNECTIVES)
        || next.is(DETERMINERS)
        || next.is(ZONE_ABBREVIATIONS)
        // "Berlin time".
        || words.get(to + 1).is_some_and(|word| word.is(&["time"]))
        || next.lower.contains('/')
        || is_weekday(&next.lower)
}

/// Whether words that are a time by themselves are something else here.
fn is_trap(words: &[Word], span: &Span) -> bool {
    let first = &words[span.from];
    let last = &words[span.to - 1];
    let opens = first.is(&OPENERS);
    let starts_clause = before(words, span.from).is_none();
    let edge = is_edge(words, span.to) || starts_clause && words[span.to].is(VERBS);
    if let Some(before) = before(words, span.from) {
        // Days that are no more than a name.
        if is_weekday(&first.lower) && before.is(FEASTS) {
            return true;
        }
        // "about Monday at 9": read by another rule, or no time at all.
        if before.is(NO_TIME_AFTER) && !(before.is(&["for"]) && schedules(words, span.from)) {
            return true;
        }
        // "the next day", "the daily report", "the Monday report".
        if before.is(DETERMINERS) && !first.is(&["on", "at", "@", "in", "every"]) {
            return true;
        }
        // "Bob's Monday at 9".
        if before.lower.ends_with("'s") && !opens {
            return true;
        }
    }
    // "look at 5 companies", "call every second customer", "in 3 minutes".
    // "on the 2nd floor".
    let open_ended =
        is_number(&last.lower) || is_ordinal(&last.lower) || span.to - span.from == 2 && last.is(&["second"]);
    if open_ended && !edge {
        return true;
    }
    // "Monday at 9" in the middle of something.
    if !opens && !starts_clause && !edge {
        return true;
    }
    if span.to - span.from == 1 {
        return lone_word_is_no_time(words, span.from, edge);
    }
    // "weekly on Friday" is a time, "weekly report on Friday" was none to begin with.
    false
}

/// "2nd", "15th".
fn is_ordinal(word: &str) -> bool {
    let digits = ["st", "nd", "rd", "th"]
        .iter()
        .find_map(|end| word.strip_suffix(end));
    digits.is_some_and(is_number)
}

/// `for` names a time where something is set for it: "set a reminder for 5pm".
fn schedules(words: &[Word], at: usize) -> bool {
    words[..at]
        .iter()
        .any(|word| word.is(&["reminder", "alarm", "schedule"]))
}

fn lone_word_is_no_time(words: &[Word], at: usize, edge: bool) -> bool {
    let word = &words[at];
    if word.is(&["tomorrow", "tonight", "weekdays", "weekends"]) {
        return false;
    }
    if word.is(PERIODS) {
        return !edge && words.get(at + 1).is_none_or(|next| !next.is(VERBS) || at > 0);
    }
    if word.is(WEEKDAYS) {
        // At an edge on both sides: "call Bob Friday", "Friday, call Bob".
        let ends = at + 1 == words.len() || word.stop.is_some();
        return !ends;
    }
    if is_weekday(&word.lower) {
        return !edge;
    }
    // Anything else has to look like a time: "9am", "2026-12-24".
    !(is_clock(&word.lower) || word.lower.bytes().filter(|b| *b == b'-').count() == 2) || !edge
}
