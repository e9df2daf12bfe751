//! What bounds a schedule: until, for, starting, so many times; and deadlines.

use super::lexicon::{is_anchor, is_number, is_timely, is_unit};
use super::reader::Reader;
use super::spans::is_edge;
use super::tokens::{self, Word, lower, starts_any};
use super::trouble;
use crate::bindings::tools::ToolError;

/// Words and which of them are still unread.
pub(super) struct Clause<'a> {
    pub(super) words: &'a [Word],
    pub(super) free: Vec<bool>,
}

impl Clause<'_> {
    pub(super) fn take(&mut self, from: usize, to: usize) {
        for free in &mut self.free[from..to] {
            *free = false;
        }
    }

    /// The unread words at the start of which stands one of `phrases`: position and length.
    fn find(&self, phrases: &[&str]) -> Option<(usize, usize)> {
        (0..self.words.len())
            .filter(|at| self.free[*at])
            .find_map(|at| starts_any(&self.words[at..], phrases).map(|length| (at, length)))
    }

    /// The end of the run of unread words from `from` on, at a comma at the latest.
    fn run(&self, from: usize) -> usize {
        let mut to = from;
        while to < self.words.len() && self.free[to] && (to == from || self.words[to - 1].stop.is_none()) {
            to += 1;
        }
        to
    }
}

/// The end of "until …".
pub(super) enum Until {
    /// RFC 3339.
    Instant(String),
    Goal(String),
}

/// Reads "until …": a date is a horizon, anything else a goal.
pub(super) fn until(clause: &mut Clause<'_>, reader: &Reader) -> Result<Option<Until>, ToolError> {
    let Some((at, length)) = clause.find(&["until", "till", "til"]) else {
        return Ok(None);
    };
    let from = at + length;
    let end = clause.run(from);
    for to in (from + 1..=end).rev() {
        let bare_number = is_number(&clause.words[to - 1].lower);
        if clause.words[from..to].iter().any(|word| word.opaque) || bare_number && !is_edge(clause.words, to)
        {
            continue;
        }
        if let Some(instant) = reader.moment(&lower(&clause.words[from..to]), "23:59")? {
            clause.take(at, to);
            return Ok(Some(Until::Instant(instant)));
        }
    }
    let said = tokens::text(&clause.words[at..end]);
    let goal = tokens::text(&clause.words[from..end]);
    if goal.is_empty() || clause.words[from..end].iter().all(|word| is_timely(&word.lower)) {
        return Err(trouble::time(&said));
    }
    clause.take(at, end);
    Ok(Some(Until::Goal(goal)))
}

/// Reads "for 3 weeks", "for the next 10 days": seconds.
pub(super) fn duration(clause: &mut Clause<'_>, reader: &Reader) -> Option<u32> {
    let (at, length) = clause.find(&["for the next", "for"])?;
    let from = at + length;
    let end = clause.run(from).min(from + 5);
    (from + 1..=end).rev().find_map(|to| {
        let words: Vec<&str> = clause.words[from..to]
            .iter()
            .map(|word| word.lower.as_str())
            .collect();
        let seconds = reader.length(&words)?;
        clause.take(at, to);
        Some(seconds)
    })
}

/// Reads "starting tomorrow", "from next monday on": RFC 3339. "from" needs a time before it, or
/// "on" after it: "the mails from today" are no start.
pub(super) fn start(clause: &mut Clause<'_>, reader: &Reader) -> Result<Option<String>, ToolError> {
    const STARTS: [&str; 7] = [
        "starting on",
        "beginning on",
        "starting from",
        "starting at",
        "starting",
        "beginning",
        "from",
    ];
    let Some((at, length)) = clause.find(&STARTS) else {
        return Ok(None);
    };
    let from = at + length;
    for to in (from + 1..=clause.run(from)).rev() {
        let on = clause
            .words
            .get(to)
            .is_some_and(|word| word.is(&["on", "onwards"]));
        let says_so = !clause.words[at].is(&["from"]) || on || at == 0 || !clause.free[at - 1];
        let open_ended = is_number(&clause.words[to - 1].lower) && !is_edge(clause.words, to);
        if !says_so || open_ended {
            continue;
        }
        if let Some(instant) = reader.moment(&lower(&clause.words[from..to]), "00:00")? {
            clause.take(at, to + usize::from(on));
            return Ok(Some(instant));
        }
    }
    Ok(None)
}

/// Reads "at most 5 times", "3 times".
pub(super) fn times(clause: &mut Clause<'_>) -> Option<u32> {
    let at = (1..clause.words.len())
        .find(|at| clause.free[*at] && clause.free[at - 1] && clause.words[*at].is(&["times", "time"]))?;
    let count = clause.words[at - 1].lower.parse().ok()?;
    // "3 times a day" says how often, not how many in all.
    if clause
        .words
        .get(at + 1)
        .is_some_and(|word| word.is(&["a", "per", "every", "each"]))
    {
        return None;
    }
    let from = (0..at - 1)
        .rev()
        .take(4)
        .find(|from| {
            let length = starts_any(
                &clause.words[*from..],
                &[
                    "at most",
                    "up to",
                    "no more than",
                    "not more than",
                    "a maximum of",
                    "for",
                ],
            );
            length.is_some_and(|length| from + length == at - 1)
                && clause.free[*from..at].iter().all(|free| *free)
        })
        .unwrap_or(at - 1);
    clause.take(from, at + 1);
    Some(count)
}

/// Where a deadline stands: its words stay in the payload, since they are part of the task.
pub(super) fn deadline(clause: &Clause<'_>) -> Option<(usize, usize)> {
    const BEFORE: [&str; 11] = [
        "no later than",
        "not later than",
        "at the latest by",
        "due by",
        "due on",
        "due",
        "by the",
        "by",
        "before",
        "within the next",
        "within",
    ];
    let words = clause.words;
    (0..words.len()).find_map(|at| {
        let length = starts_any(&words[at..], &BEFORE)?;
        let from = at + length;
        let mut to = from;
        while to < words.len()
            && clause.free[to]
            && !words[to].opaque
            && is_timely(&words[to].lower)
            && (to == from || words[to - 1].stop.is_none())
        {
            to += 1;
        }
        // What is left of a joint that belongs to the next words: "by friday and …".
        while to > from && words[to - 1].is(&["and", "at", "on", "in", "of", "the", "a"]) {
            to -= 1;
        }
        let named = words[from..to].iter().any(|word| is_anchor(&word.lower));
        // "by day" is no deadline, "by the end of the day" is.
        let lone_unit = to - from == 1 && is_unit(&words[from].lower);
        (named && !lone_unit).then_some((at, to))
    })
}

/// "today", without a time of day: where it stands.
pub(super) fn today(clause: &Clause<'_>) -> Option<(usize, usize)> {
    let words = clause.words;
    (0..words.len())
        .find(|at| {
            let after_noun_phrase =
                *at > 0 && words[at - 1].is(&["of", "for", "from", "about", "until", "since"]);
            clause.free[*at] && words[*at].is(&["today"]) && !after_noun_phrase && is_edge(words, at + 1)
        })
        .map(|at| (at, at + 1))
}

/// Takes "now", "as soon as possible" and the like, at the edges of a clause.
pub(super) fn at_once(clause: &mut Clause<'_>) -> bool {
    const PHRASES: [&str; 8] = [
        "as soon as possible",
        "right now",
        "right away",
        "straight away",
        "at once",
        "immediately",
        "asap",
        "now",
    ];
    let words = clause.words;
    let found = (0..words.len()).find_map(|at| {
        let length = starts_any(&words[at..], &PHRASES)?;
        let edge = at == 0 || at + length == words.len() || words[at + length - 1].stop.is_some();
        (edge && clause.free[at]).then_some((at, at + length))
    });
    if let Some((from, to)) = found {
        clause.take(from, to);
    }
    found.is_some()
}
