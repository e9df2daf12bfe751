//! Where a repeating schedule starts and ends: "starting tomorrow", "until friday", "for 3 weeks".

use super::clock;
use super::cursor::{Cursor, Fault, wrong};
use super::length::length;
use super::phrase::{Bound, Days, Phrase};
use super::token::{Token, Unit};
use super::{day, relative};

/// One of the bounds, put into the phrase.
pub(super) fn bound(cursor: &mut Cursor<'_>, phrase: &mut Phrase) -> Result<bool, Fault> {
    Ok(except(cursor, phrase)? || lasting(cursor, phrase)? || end(cursor, phrase)? || start(cursor, phrase)?)
}

fn except(cursor: &mut Cursor<'_>, phrase: &mut Phrase) -> Result<bool, Fault> {
    let start = cursor.at;
    let word = cursor.one_of(&["except", "excluding", "without"]) || cursor.eat(&["but", "not"]);
    if !word {
        return Ok(false);
    }
    match day::exception(cursor)? {
        Some(days) => {
            phrase.except |= days;
            Ok(true)
        }
        None => {
            let date = matches!(
                cursor.peek(),
                Some(Token::Month(_) | Token::Ordinal(_) | Token::Date(_))
            );
            cursor.at = start;
            if date {
                return wrong("only weekdays can be excepted, as in \"every day except sunday\".");
            }
            Ok(false)
        }
    }
}

/// "for 3 weeks". "for 5 times" is told where to go.
fn lasting(cursor: &mut Cursor<'_>, phrase: &mut Phrase) -> Result<bool, Fault> {
    const TIMES: &str = "a number of runs is no time: set max_iterations, which makes the job ONGOING.";
    let start = cursor.at;
    let for_ = cursor.one_of(&["for"]);
    if for_ {
        cursor.eat(&["the"]);
        cursor.eat(&["next"]);
    }
    let count = cursor.attempt(|cursor| {
        if cursor.number().is_none() {
            return Ok(None);
        }
        cursor.one_of(&["more"]);
        Ok(cursor
            .one_of(&["times", "runs", "occurrences", "iterations"])
            .then_some(()))
    })?;
    if count.is_some() || for_ && cursor.one_of(&["twice", "thrice"]) {
        return wrong(TIMES);
    }
    if for_ {
        // "for the next week" is a week.
        let unit = match cursor.peek() {
            Some(Token::Unit { unit, plural: false }) => Some(unit),
            _ => None,
        };
        let found = match unit {
            Some(unit) => {
                cursor.step(1);
                one(unit)
            }
            None => length(cursor)?,
        };
        if let Some(found) = found {
            if phrase.lasting.is_some_and(|other| other != found) || phrase.end.is_some() {
                return wrong("it names two ends.");
            }
            phrase.lasting = Some(found);
            return Ok(true);
        }
    }
    cursor.at = start;
    Ok(false)
}

fn one(unit: Unit) -> Option<super::length::Length> {
    let mut length = super::length::Length::default();
    match unit {
        Unit::Second => length.seconds = 1,
        Unit::Minute => length.seconds = 60,
        Unit::Hour => length.seconds = 3_600,
        Unit::Day => length.days = 1,
        Unit::Week => length.weeks = 1,
        Unit::Month => length.months = 1,
        Unit::Quarter => length.months = 3,
        Unit::Year => length.months = 12,
    }
    Some(length)
}

fn end(cursor: &mut Cursor<'_>, phrase: &mut Phrase) -> Result<bool, Fault> {
    let start = cursor.at;
    let word = cursor.one_of(&["until", "till", "til", "'til", "ending", "through", "thru", "to"]);
    // "to" only closes what "from" opened.
    if !word || cursor.text(0).is_empty() || (start > 0 && is_to(cursor, start) && phrase.start.is_none()) {
        cursor.at = start;
        return Ok(false);
    }
    cursor.eat(&["and", "including"]);
    match point(cursor)? {
        Some(found) => {
            if phrase.end.is_some() || phrase.lasting.is_some() {
                return wrong("it names two ends.");
            }
            if found.days.months != 0
                && found.days.monthdays == 0
                && found.days.nth == 0
                && !found.days.last_day
            {
                return wrong(
                    "`until` a month may or may not include it: name the day, as in \"until june 30\" or \"until the end of june\".",
                );
            }
            if let Some(super::phrase::Relative::Next(..)) = found.days.relative
                && !found.days.selects()
            {
                return wrong(
                    "that end may or may not include it: name the day, as in \"until sunday\" or \"until june 30\".",
                );
            }
            let weekday = |bound: &Bound| bound.days.weekdays != 0 && bound.days.monthdays == 0;
            if phrase.start.as_ref().is_some_and(weekday) && weekday(&found) {
                return wrong(
                    "it may mean every week or this one: write \"monday to friday\" for every week, or dates for this one.",
                );
            }
            phrase.end = Some(found);
            Ok(true)
        }
        None => {
            cursor.at = start;
            Ok(false)
        }
    }
}

fn is_to(cursor: &mut Cursor<'_>, start: usize) -> bool {
    let at = cursor.at;
    cursor.at = start;
    let to = cursor.text(0) == "to";
    cursor.at = at;
    to
}

fn start(cursor: &mut Cursor<'_>, phrase: &mut Phrase) -> Result<bool, Fault> {
    let start = cursor.at;
    let between = cursor.attempt(|cursor| {
        if !cursor.eat(&["between"]) {
            return Ok(None);
        }
        let dated = |bound: &Bound| bound.days.monthdays != 0;
        let Some(first) = point(cursor)?.filter(dated) else {
            return Ok(None);
        };
        if cursor.peek() != Some(Token::And) {
            return Ok(None);
        }
        cursor.step(1);
        Ok(point(cursor)?.filter(dated).map(|last| (first, last)))
    })?;
    if let Some((first, last)) = between {
        if phrase.start.is_some() || phrase.end.is_some() || phrase.lasting.is_some() {
            return wrong("it names two starts or ends.");
        }
        (phrase.start, phrase.end) = (Some(first), Some(last));
        return Ok(true);
    }
    let word = cursor.eat(&["as", "of"])
        || cursor.eat(&["starting", "from"])
        || cursor.eat(&["beginning", "from"])
        || cursor.one_of(&["starting", "starts", "beginning", "from", "commencing"]);
    if !word {
        return Ok(false);
    }
    match point(cursor)? {
        Some(found) => {
            if phrase.start.is_some() {
                return wrong("it names two starts.");
            }
            let _ = cursor.one_of(&["on", "onward", "onwards"]);
            phrase.start = Some(found);
            Ok(true)
        }
        None => {
            cursor.at = start;
            Ok(false)
        }
    }
}

/// A day, a time of day, or both.
fn point(cursor: &mut Cursor<'_>) -> Result<Option<Bound>, Fault> {
    cursor.attempt(|cursor| {
        let mut found = Bound::default();
        if cursor.one_of(&["now", "immediately"]) {
            found.now = true;
            return Ok(Some(found));
        }
        let mut days = Days::default();
        let named = relative::ahead(cursor, &mut days)?
            || relative::relative(cursor, &mut days)?
            || match day::selector(cursor, &mut days)? {
                Some(None) => true,
                Some(Some(_)) => return wrong("a start or an end is one day: name the month too."),
                None => false,
            }
            || {
                // "from june on"
                cursor.eat(&["in"]);
                match day::months(cursor) {
                    Some(months) => {
                        days.months = months;
                        true
                    }
                    None => false,
                }
            };
        if named && days.again {
            return wrong("a start or an end is one day.");
        }
        // A second part of the same day: "friday, june 5".
        if named && days.weekdays != 0 && days.nth == 0 {
            cursor.attempt(|cursor| {
                cursor.separator();
                let mut more = Days::default();
                if !matches!(
                    cursor.peek(),
                    Some(Token::Month(_) | Token::Date(_) | Token::Number { .. } | Token::Ordinal(_))
                ) || day::selector(cursor, &mut more)?.is_none()
                    || more.monthdays == 0
                    || more.again
                {
                    return Ok(None);
                }
                (days.monthdays, days.months, days.year) = (more.monthdays, more.months, more.year);
                Ok(Some(()))
            })?;
        }
        let clock = cursor.attempt(|cursor| {
            let at = cursor.one_of(&["at", "@"]);
            clock::time(cursor, at || !named)
        })?;
        if !named && clock.is_none() {
            return Ok(None);
        }
        (found.days, found.clock) = (days, clock);
        Ok(Some(found))
    })
}
