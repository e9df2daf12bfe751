//! Words: a small grammar, written down in `GRAMMAR.md`. What is not understood is an error that
//! shows the nearest forms that are; nothing is guessed.
//!
//! Text becomes tokens, tokens the parts of a phrase in any order, and the parts together one
//! meaning at a local present.

mod bounds;
mod clock;
mod cursor;
mod date;
mod day;
mod fields;
mod frequency;
mod horizon;
mod length;
mod nearest;
mod once;
mod parse;
mod phrase;
mod recur;
mod relative;
mod repeat;
#[cfg(test)]
mod tests;
mod times;
mod token;

use chrono::NaiveDateTime;

use self::cursor::Fault;
pub(super) use self::date::week_start;
pub(super) use self::length::Length;
use super::limits::TEXT_CHARS_MAX;
use crate::bindings::types::CalendarInterval;

/// What words mean.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Meaning {
    Now,
    At(NaiveDateTime),
    /// From now. Days keep the local time, hours are counted on the time line.
    After(Length),
    /// Seconds between fires.
    Interval(u32),
    /// Local times, and which of their days, weeks or months count.
    Cron {
        cron: String,
        every: Option<CalendarInterval>,
    },
}

/// A meaning with its bounds, and what had to be assumed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Said {
    pub(super) meaning: Meaning,
    /// The first local time that may fire.
    pub(super) start: Option<NaiveDateTime>,
    /// The last one.
    pub(super) end: Option<NaiveDateTime>,
    /// Whether the time of day was assumed.
    pub(super) assumed_time: bool,
    /// What was assumed, a sentence each.
    pub(super) notes: Vec<String>,
}

impl Said {
    fn new(meaning: Meaning) -> Self {
        Self {
            meaning,
            start: None,
            end: None,
            assumed_time: false,
            notes: Vec::new(),
        }
    }

    /// Whether it can only be placed in a known zone.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.meaning, Meaning::At(_) | Meaning::Cron { .. })
            || self.start.is_some()
            || self.end.is_some()
    }
}

/// Notes a time of day that was assumed.
fn assumed(said: &mut Said, hour: u32) {
    said.assumed_time = true;
    said.notes
        .push(format!("No time of day was named; {hour:02}:00 is taken."));
}

/// Reads words at a local present.
pub(super) fn read(text: &str, now: NaiveDateTime) -> Result<Said, String> {
    let lower = text.to_lowercase();
    understand(&lower, now).map_err(|fault| nearest::message(text, &lower, &fault, now))
}

/// Which bounds words set themselves: a start, an end. Neither where they are not understood.
pub(super) fn bounds(text: &str) -> (bool, bool) {
    let lower = text.to_lowercase();
    parse::parse(&token::tokens(&lower)).map_or((false, false), |phrase| {
        (
            phrase.start.is_some() || recur::has_cadence(&phrase),
            phrase.end.is_some() || phrase.lasting.is_some(),
        )
    })
}

fn understand(lower: &str, now: NaiveDateTime) -> Result<Said, Fault> {
    if lower.chars().count() > TEXT_CHARS_MAX {
        return Err(Fault::Wrong(format!(
            "words have at most {TEXT_CHARS_MAX} characters."
        )));
    }
    let spots = token::tokens(lower);
    let phrase = parse::parse(&spots)?;
    if phrase.repeats() {
        recur::resolve(phrase, now)
    } else {
        once::resolve(&phrase, now)
    }
}
