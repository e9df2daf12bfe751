//! Words that say a time in a way that was not read. They are an error: a schedule that drops half
//! of what was said would be a guess.

use super::bounds::Clause;
use super::lexicon::{
    DETERMINERS, PERIODS, PREPOSITIONS, VERBS, continues_a_time, is_amount, is_anchor, is_clock, is_number,
    is_ordinal, is_timely, is_unit,
};
use super::spans::is_edge;
use super::tokens::{self, Word, starts};

/// After these a time is part of what the task is about.
const CONTENT: [&str; 14] = [
    "of", "for", "to", "about", "from", "by", "before", "after", "until", "since", "than", "during", "over",
    "the",
];

/// Looks at the words from one position on; the answer is the range of words that are in the way.
type Look = fn(&Clause<'_>, usize) -> Option<(usize, usize)>;

/// The first unread words that say a time.
pub(super) fn find(clause: &Clause<'_>) -> Option<String> {
    const LOOKS: [Look; 8] = [
        hangs_on,
        held_back,
        repeats,
        names_a_day,
        times_a_period,
        clock,
        next,
        amount,
    ];
    (0..clause.words.len())
        .filter(|at| unread(clause, *at))
        .find_map(|at| LOOKS.iter().find_map(|look| look(clause, at)))
        .map(|(from, to)| tokens::text(&clause.words[from..to.min(clause.words.len())]))
}

fn unread(clause: &Clause<'_>, at: usize) -> bool {
    clause.free.get(at) == Some(&true) && !clause.words[at].opaque
}

fn word(clause: &Clause<'_>, at: usize, fits: impl Fn(&str) -> bool) -> bool {
    unread(clause, at) && fits(&clause.words[at].lower)
}

fn before<'a>(clause: &'a Clause<'_>, at: usize) -> Option<&'a Word> {
    at.checked_sub(1).map(|before| &clause.words[before])
}

fn is_content(clause: &Clause<'_>, at: usize) -> bool {
    before(clause, at)
        .is_some_and(|word| word.is(&CONTENT) || word.is(DETERMINERS) || word.lower.ends_with("'s"))
}

/// "tomorrow *morning*", "monday *or tuesday*", "every hour *between 9 and 5*".
fn hangs_on(clause: &Clause<'_>, at: usize) -> Option<(usize, usize)> {
    let taken = at > 0 && !clause.free[at - 1] && clause.words[at - 1].stop.is_none();
    if !taken {
        return None;
    }
    let here = &clause.words[at];
    let hangs = continues_a_time(&here.lower)
        || here.is(&["or", "and"]) && word(clause, at + 1, is_anchor)
        || here.is(&["or", "and"]) && word(clause, at + 1, is_number) && is_edge(clause.words, at + 2)
        || here.is(&["or", "and"])
            && word(clause, at + 1, |next| next == "at")
            && word(clause, at + 2, |next| is_number(next) || is_clock(next))
        || here.is(&["between"]) && word(clause, at + 1, is_timely)
        || here.is(&["except", "excluding", "but"])
            && (word(clause, at + 1, is_anchor)
                || word(clause, at + 1, |next| ["on", "for"].contains(&next)))
        || here.is(&["at"]) && word(clause, at + 1, is_number);
    let from = (0..at).rev().take_while(|before| !clause.free[*before]).last();
    hangs.then_some((from.unwrap_or(at), at + 2))
}

/// "for 2026-06-20 *at 10*": the day is part of the task, so its time of day cannot be all there is.
fn held_back(clause: &Clause<'_>, at: usize) -> Option<(usize, usize)> {
    let here = &clause.words[at];
    let next = clause.words.get(at + 1)?;
    let parted =
        here.stop.is_none() && !clause.free[at + 1] && (next.is(&["at", "@"]) || is_clock(&next.lower));
    let to = (at + 1..clause.words.len())
        .take_while(|to| !clause.free[*to])
        .last()?;
    (parted && is_anchor(&here.lower) && !is_unit(&here.lower)).then_some((at.saturating_sub(1), to + 1))
}

/// "every other tuesday", "each quarter"; "every full moon", where it stands as a time would.
fn repeats(clause: &Clause<'_>, at: usize) -> Option<(usize, usize)> {
    let words = clause.words;
    let excused = before(clause, at).is_some_and(|word| word.is(&CONTENT));
    if !words[at].is(&["every", "each"]) || excused || word(clause, at + 1, |next| next == "second") {
        return None;
    }
    let near = || {
        (at + 1..words.len().min(at + 4)).take_while(|near| *near == at + 1 || words[near - 1].stop.is_none())
    };
    if let Some(near) = near().find(|near| word(clause, *near, is_anchor)) {
        return Some((at, near + 1));
    }
    // "every payday send …", "send it every payday": but "email every customer".
    if at == 0 {
        return near()
            .map(|near| near + 1)
            .find(|to| words[to - 1].stop.is_some() || words.get(*to).is_some_and(|next| next.is(VERBS)))
            .map(|to| (at, to));
    }
    if words[at - 1].is(VERBS) && at == 1 || words[at - 1].is(PREPOSITIONS) {
        return None;
    }
    near()
        .map(|near| near + 1)
        .find(|to| is_edge(words, *to))
        .map(|to| (at, to))
}

/// "tomorrow" or "on 24 december", where they are no part of a noun phrase.
fn names_a_day(clause: &Clause<'_>, at: usize) -> Option<(usize, usize)> {
    if is_content(clause, at) {
        return None;
    }
    let here = &clause.words[at];
    if here.is(&["tomorrow", "tonight"]) {
        return Some((at, at + 2));
    }
    if here.is(&["in"])
        && starts(&clause.words[at..], "in the")
        && word(clause, at + 2, |part| {
            ["morning", "afternoon", "evening"].contains(&part)
        })
    {
        return Some((at, at + 3));
    }
    if !here.is(&["on"]) {
        return None;
    }
    let mut to = at + 1;
    while word(clause, to, is_timely) {
        to += 1;
    }
    let day = clause.words[at + 1..to]
        .iter()
        .any(|word| is_anchor(&word.lower) || is_ordinal(&word.lower));
    (day && is_edge(clause.words, to)).then_some((at, to))
}

/// "biweekly", "twice a day", "3 times a week".
fn times_a_period(clause: &Clause<'_>, at: usize) -> Option<(usize, usize)> {
    let here = &clause.words[at];
    if here.is(PERIODS) && (at == 0 || is_edge(clause.words, at + 1)) && !is_content(clause, at) {
        return Some((at, at + 1));
    }
    if here.is(&[
        "biweekly",
        "fortnightly",
        "quarterly",
        "yearly",
        "annually",
        "nightly",
    ]) && is_edge(clause.words, at + 1)
        && !is_content(clause, at)
    {
        return Some((at, at + 1));
    }
    let counted = here.is(&["once", "twice", "times"])
        && word(clause, at + 1, |next| {
            ["a", "per", "every", "each"].contains(&next)
        })
        && word(clause, at + 2, is_unit);
    let from = if here.is(&["times"]) {
        at.saturating_sub(1)
    } else {
        at
    };
    counted.then_some((from, at + 3))
}

/// "at 25:00", "from 5pm".
fn clock(clause: &Clause<'_>, at: usize) -> Option<(usize, usize)> {
    let here = &clause.words[at];
    if here.is(&["at", "around", "@"]) {
        let clock = word(clause, at + 1, is_clock)
            || word(clause, at + 1, is_number)
                && is_edge(clause.words, at + 2)
                && clause.words.len() > at + 1;
        return clock.then_some((at, at + 2));
    }
    let named = is_clock(&here.lower) && !is_content(clause, at) && is_edge(clause.words, at + 1);
    named.then_some((at, at + 1))
}

/// "next week", "this evening".
fn next(clause: &Clause<'_>, at: usize) -> Option<(usize, usize)> {
    let here = &clause.words[at];
    let calm = |word: &str| ["week", "month", "quarter", "year"].contains(&word);
    let named = here.is(&["next"]) && word(clause, at + 1, is_anchor)
        || here.is(&["this"]) && word(clause, at + 1, |next| is_anchor(next) && !calm(next));
    (named && !is_content(clause, at) && is_edge(clause.words, at + 2)).then_some((at, at + 2))
}

/// "in 3 months".
fn amount(clause: &Clause<'_>, at: usize) -> Option<(usize, usize)> {
    let named =
        clause.words[at].is(&["in"]) && word(clause, at + 1, is_amount) && word(clause, at + 2, is_unit);
    named.then_some((at, at + 3))
}
