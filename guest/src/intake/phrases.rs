//! The time phrases of a clause: which of them say when, and what they say together.

use super::bounds::Clause;
use super::kinds;
use super::lexicon::{EVENTS, WEEKDAYS, ZONE_ABBREVIATIONS, is_anchor, is_timely};
use super::reader::{Reader, Rhythm};
use super::spans::{self, Span};
use super::tokens::{self, Word};
use super::trouble;
use crate::bindings::tools::ToolError;
use crate::trigger;

/// What a clause says about time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Timing {
    Unsaid,
    /// So many seconds from now, or from the step before.
    Relative(u32),
    Once,
    Repeats,
}

/// The time that a clause has, without reading the rest of it.
pub(super) fn timing(words: &[Word], reader: &Reader) -> (Timing, Vec<String>) {
    let spans = spans::find(words, &vec![true; words.len()], reader);
    let phrases: Vec<String> = spans.into_iter().map(|span| span.phrase).collect();
    let period = kinds::period(words).is_some_and(|(_, delivered)| delivered);
    let timing = match joined(&phrases, reader) {
        _ if period => Timing::Repeats,
        Some(phrase) => timing_of(&phrase, reader),
        None if phrases.is_empty() => Timing::Unsaid,
        None => Timing::Once,
    };
    (timing, phrases)
}

/// Whether there is nothing in a clause but its time.
pub(super) fn is_time_only(words: &[Word], reader: &Reader) -> bool {
    const BOUNDS: [&str; 10] = [
        "from",
        "starting",
        "beginning",
        "until",
        "till",
        "by",
        "before",
        "within",
        "for",
        "onwards",
    ];
    let spans = spans::find(words, &vec![true; words.len()], reader);
    let anchored = !spans.is_empty() || words.iter().any(|word| is_anchor(&word.lower));
    let is_time = |at: usize| {
        spans.iter().any(|span| (span.from..span.to).contains(&at))
            || words[at].is(&BOUNDS)
            || is_timely(&words[at].lower)
    };
    anchored && (0..words.len()).all(is_time)
}

/// What a phrase says about time.
pub(super) fn timing_of(phrase: &str, reader: &Reader) -> Timing {
    match (reader.relative(phrase), reader.rhythm(phrase)) {
        (Some(seconds), _) => Timing::Relative(seconds),
        (None, Rhythm::Once) => Timing::Once,
        (None, Rhythm::Repeats) => Timing::Repeats,
    }
}

/// Several phrases as one, in whichever order they make one: "at 9" and "every Monday".
pub(super) fn joined(phrases: &[String], reader: &Reader) -> Option<String> {
    let orders: &[&[usize]] = match phrases.len() {
        1 => &[&[0]],
        2 => &[&[0, 1], &[1, 0]],
        3 => &[
            &[0, 1, 2],
            &[0, 2, 1],
            &[1, 0, 2],
            &[1, 2, 0],
            &[2, 0, 1],
            &[2, 1, 0],
        ],
        _ => &[],
    };
    orders.iter().find_map(|order| {
        let said: Vec<&str> = order.iter().map(|at| phrases[*at].as_str()).collect();
        let said = said.join(" ");
        reader.reads(&said).then_some(said)
    })
}

/// The times of a clause.
pub(super) struct Phrases {
    /// All that say when, as the reader takes them.
    pub(super) when: Option<String>,
    /// Times that belong to the task.
    pub(super) in_task: Vec<Span>,
}

/// Finds the one schedule of a clause and takes its words.
pub(super) fn take(clause: &mut Clause<'_>, reader: &mut Reader) -> Result<Phrases, ToolError> {
    let period = take_period(clause);
    let found = spans::find(clause.words, &clause.free, reader);
    let (chosen, in_task) = choose(clause.words, found, period.as_deref(), reader)?;
    for span in &chosen {
        clause.take(span.from, span.to);
        take_zone(clause, span.to, reader)?;
    }
    let mut phrases: Vec<String> = period.into_iter().collect();
    phrases.extend(chosen.into_iter().map(|span| span.phrase));
    if phrases.is_empty() {
        return Ok(Phrases { when: None, in_task });
    }
    match joined(&phrases, reader) {
        when @ Some(_) => Ok(Phrases { when, in_task }),
        None if phrases.len() == 1 => Err(trouble::time(&phrases[0])),
        None => Err(trouble::conflict(&phrases[0], &phrases[1])),
    }
}

/// Tells the times that say when (first) from those that belong to the task.
fn choose(
    words: &[Word],
    found: Vec<Span>,
    period: Option<&str>,
    reader: &Reader,
) -> Result<(Vec<Span>, Vec<Span>), ToolError> {
    let phrases = |spans: &[Span]| -> Vec<String> {
        period
            .map(str::to_owned)
            .into_iter()
            .chain(spans.iter().map(|span| span.phrase.clone()))
            .collect()
    };
    let all = phrases(&found);
    let remind = words.iter().position(|word| word.is(&["remind", "reminder"]));
    if all.len() <= 1 || joined(&all, reader).is_some() {
        if let ([span], None) = (found.as_slice(), remind)
            && belongs_to_an_event(words, span)
            && reader.rhythm(&span.phrase) == Rhythm::Once
        {
            let said = tokens::text(&words[span.from..span.to]);
            return Err(trouble::text(format!(
                "It is not clear whether “{said}” is when to do it or part of the task. Put the time first, as in \
                 “tomorrow at 9, …”, or put what is part of the task in double quotes."
            )));
        }
        return Ok((found, Vec::new()));
    }
    // "remind me tomorrow at 9 about the meeting on Friday".
    let about = remind.and_then(|remind| {
        (remind + 1..words.len()).find(|at| {
            let taken = found.iter().any(|span| (span.from..span.to).contains(at));
            !taken && words[*at].is(&["to", "about", "that", "of"])
        })
    });
    let (own, task): (Vec<Span>, Vec<Span>) = found.into_iter().partition(|span| match about {
        Some(about) => span.from < about,
        None => !is_at_an_event(words, span),
    });
    let once = task
        .iter()
        .all(|span| reader.rhythm(&span.phrase) == Rhythm::Once);
    if task.is_empty() || phrases(&own).is_empty() || !once || joined(&phrases(&own), reader).is_none() {
        return Err(trouble::conflict(&all[0], &all[1]));
    }
    Ok((own, task))
}

/// "the meeting *on Friday*".
fn is_at_an_event(words: &[Word], span: &Span) -> bool {
    span.from > 0 && words[span.from - 1].stop.is_none() && words[span.from - 1].is(EVENTS)
}

/// "slides for the meeting *on Friday*": the time may well be the meeting's.
fn belongs_to_an_event(words: &[Word], span: &Span) -> bool {
    is_at_an_event(words, span)
        && words[span.from.saturating_sub(5)..span.from]
            .iter()
            .any(|word| word.is(&["for", "from", "about", "of", "before", "after", "in"]))
}

/// Takes the zone after a time: "at 9 Europe/London", "at 9 UTC".
fn take_zone(clause: &mut Clause<'_>, at: usize, reader: &mut Reader) -> Result<(), ToolError> {
    let Some(word) = clause
        .words
        .get(at)
        .filter(|word| clause.free[at] && !word.opaque)
    else {
        return Ok(());
    };
    if clause.words[at - 1].stop.is_some() {
        return Ok(());
    }
    let time = clause.words.get(at + 1).is_some_and(|word| word.is(&["time"]));
    if word.is(&["my", "local"]) && time {
        clause.take(at, at + 2);
        return Ok(());
    }
    let name = if word.is(&["utc", "gmt"]) {
        word.core.to_uppercase()
    } else {
        word.core.clone()
    };
    let named = word.is(&["utc", "gmt"]) || name.contains('/');
    if named && trigger::check_zone(&name).is_ok() {
        reader.zone = Some(name);
        clause.take(at, at + 1 + usize::from(time));
        return Ok(());
    }
    let is_day = WEEKDAYS.contains(&word.lower.as_str());
    if time && !is_day || word.is(ZONE_ABBREVIATIONS) {
        return Err(trigger::invalid(
            "timezone",
            format!(
                "“{}” is not a zone that can be told for sure: leave it out and give the IANA name, such as \
                 Europe/Berlin, as timezone (or write it in its place).",
                word.core
            ),
        ));
    }
    Ok(())
}

/// Takes "daily" out of "send me a daily summary".
fn take_period(clause: &mut Clause<'_>) -> Option<String> {
    let (at, delivered) = kinds::period(clause.words)?;
    if !delivered {
        return None;
    }
    clause.take(at, at + 1);
    Some(clause.words[at].lower.clone())
}
