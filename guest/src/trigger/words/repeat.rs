//! How often: "every other week", "daily", "twice a day", "at minute 30 of every hour".

use super::clock::Clock;
use super::cursor::{Cursor, Fault, wrong};
use super::day;
use super::length::{Length, length};
use super::phrase::{Every, Phrase, Relative};
use super::token::{Part, Token, Unit};

fn calendar(count: u32, unit: Unit) -> Every {
    match unit {
        Unit::Second => Every::Seconds(count),
        Unit::Minute => Every::Seconds(count.saturating_mul(60)),
        Unit::Hour => Every::Seconds(count.saturating_mul(3_600)),
        _ => Every::Calendar { count, unit },
    }
}

/// A length as a distance between fires.
fn distance(length: Length) -> Result<Every, Fault> {
    match length {
        Length {
            months,
            weeks: 0,
            days: 0,
            seconds: 0,
        } => Ok(calendar(months, Unit::Month)),
        Length {
            months: 0,
            weeks,
            days: 0,
            seconds: 0,
        } => Ok(calendar(weeks, Unit::Week)),
        Length {
            months: 0,
            weeks,
            days,
            seconds: 0,
        } => Ok(calendar(weeks.saturating_mul(7).saturating_add(days), Unit::Day)),
        _ => match length.in_seconds() {
            Some(seconds) => Ok(Every::Seconds(seconds)),
            None => wrong("months and shorter units cannot be added up to one distance: use one unit."),
        },
    }
}

/// "every", "each" and what comes after it.
pub(super) fn every(cursor: &mut Cursor<'_>, phrase: &mut Phrase) -> Result<bool, Fault> {
    let start = cursor.at;
    let before = phrase.clone();
    if end_of_every(cursor, phrase)? {
        return Ok(true);
    }
    cursor.eat(&["once"]);
    let _ = cursor.eat(&["on"]) || cursor.eat(&["at"]) || cursor.eat(&["in"]);
    if !cursor.one_of(&["every", "each"]) {
        cursor.at = start;
        return Ok(false);
    }
    cursor.one_of(&["single", "full"]);
    if after_every(cursor, phrase)? {
        return Ok(true);
    }
    *phrase = before;
    cursor.at = start;
    Ok(false)
}

/// "at the end of every month".
fn end_of_every(cursor: &mut Cursor<'_>, phrase: &mut Phrase) -> Result<bool, Fault> {
    let found = cursor.attempt(|cursor| {
        let _ = cursor.eat(&["at"]) || cursor.eat(&["on"]);
        cursor.eat(&["the"]);
        if !(cursor.eat(&["end", "of", "every"]) || cursor.eat(&["end", "of", "each"])) {
            return Ok(None);
        }
        cursor.one_of(&["business", "working"]);
        match cursor.peek() {
            Some(Token::Unit {
                unit: unit @ (Unit::Day | Unit::Week | Unit::Month | Unit::Quarter | Unit::Year),
                plural: false,
            }) => {
                cursor.step(1);
                Ok(Some(unit))
            }
            _ => Ok(None),
        }
    })?;
    let Some(unit) = found else {
        return Ok(false);
    };
    phrase.days.set_relative(Relative::End(unit, 0))?;
    phrase.set_every(calendar(1, unit))?;
    Ok(true)
}

fn after_every(cursor: &mut Cursor<'_>, phrase: &mut Phrase) -> Result<bool, Fault> {
    // "other", "second", "3rd" before a unit or a weekday.
    let start = cursor.at;
    let second_unit = matches!(
        cursor.peek(),
        Some(Token::Unit {
            unit: Unit::Second,
            ..
        })
    );
    let nth = if cursor.one_of(&["other", "alternate"]) {
        Some((2, true))
    } else {
        cursor.ordinal().map(|n| (n, false))
    };
    if let Some((n, other)) = nth {
        if let Some(Token::Unit { unit, plural: false }) = cursor.peek()
            && n > 0
            && !(unit == Unit::Day && matches!(cursor.text(1), "of" | "in"))
        {
            cursor.step(1);
            if unit == Unit::Day && n == 1 {
                return wrong(
                    "`every first day` is not clear: write \"every day\" or \"every month on the 1st\".",
                );
            }
            phrase.set_every(calendar(n, unit))?;
            return Ok(true);
        }
        if matches!(
            cursor.text(0),
            "weekday" | "workday" | "weekend" | "business" | "working"
        ) && n > 1
        {
            return wrong(format!(
                "`{} {}` is not clear: name the weekdays, as in \"every monday and thursday\".",
                if other { "every other" } else { "every nth" },
                cursor.text(0)
            ));
        }
        if let Some(Token::Weekday { plural: false, .. }) = cursor.peek()
            && (other || n == 2)
        {
            let place = cursor.at;
            let plain = other || cursor.text(1) != "of";
            if plain && let Some(found) = day::weekdays(cursor)? {
                let of_month = cursor.text(0) == "of" || cursor.text(0) == "in" && cursor.text(1) != "the";
                if other || !of_month {
                    phrase.days.set_weekdays(found.days)?;
                    phrase.days.again = true;
                    part(cursor, phrase)?;
                    phrase.set_every(Every::Calendar {
                        count: 2,
                        unit: Unit::Week,
                    })?;
                    return Ok(true);
                }
            }
            cursor.at = place;
        }
        let weekday = matches!(cursor.peek(), Some(Token::Weekday { .. }));
        if weekday && n > 2 && cursor.text(1) != "of" {
            let name = cursor.text(0);
            return wrong(format!(
                "it may mean every {n} weeks or the one in the month: write \"every {n} weeks on {name}\" or \"on the \
                 {} {name} of the month\".",
                ["third", "fourth", "fifth"]
                    .get(n as usize - 3)
                    .unwrap_or(&"last")
            ));
        }
        if other {
            return Ok(false);
        }
        cursor.at = start;
    }
    if second_unit && nth.is_none() {
        // "sec" and "seconds" go on below as units.
        cursor.at = start;
    }
    let years = cursor.attempt(|cursor| {
        let count = cursor.number();
        let year = matches!(cursor.peek(), Some(Token::Unit { unit: Unit::Year, .. }));
        Ok(count.filter(|_| year))
    })?;
    if let Some((count, _)) = years {
        cursor.step(1);
        phrase.set_every(calendar(count, Unit::Year))?;
        return Ok(true);
    }
    if let Some(found) = length(cursor)? {
        phrase.set_every(distance(found)?)?;
        return Ok(true);
    }
    if (matches!(
        cursor.text(0),
        "weekday" | "workday" | "weekend" | "business" | "working" | "work" | "week"
    ) || matches!(cursor.peek(), Some(Token::Weekday { .. })))
        && let Some(found) = day::weekdays(cursor)?
    {
        phrase.days.set_weekdays(found.days)?;
        phrase.days.again = true;
        part(cursor, phrase)?;
        return Ok(true);
    }
    // "every second and fourth tuesday of the month"
    if second_unit
        && (matches!(
            cursor.ahead(1),
            Some(Token::And | Token::Comma | Token::Weekday { .. })
        ) || cursor.text(1) == "of")
    {
        return listed(cursor, phrase);
    }
    if let Some(Token::Unit { unit, plural: false }) = cursor.peek() {
        cursor.step(1);
        phrase.set_every(calendar(1, unit))?;
        if unit == Unit::Quarter && cursor.one_of(&["hour"]) {
            phrase.every = Some(Every::Seconds(900));
        }
        if unit == Unit::Hour && cursor.eat(&["and", "a", "half"]) {
            phrase.every = Some(Every::Seconds(5_400));
        }
        if unit == Unit::Day {
            cursor.eat(&["of", "the", "week"]);
        }
        return Ok(true);
    }
    if cursor.one_of(&["fortnight"]) {
        phrase.set_every(calendar(2, Unit::Week))?;
        return Ok(true);
    }
    if let Some(Token::Part { part, plural: false }) = cursor.peek() {
        cursor.step(1);
        phrase.days.set_part(part)?;
        phrase.set_every(calendar(1, Unit::Day))?;
        return Ok(true);
    }
    for (word, hour) in [("noon", 12), ("midday", 12), ("midnight", 0)] {
        if cursor.one_of(&[word]) {
            if !phrase.clocks.is_empty() {
                return wrong("it names a time of day twice.");
            }
            phrase.clocks.push(Clock::new(hour, 0));
            phrase.set_every(calendar(1, Unit::Day))?;
            return Ok(true);
        }
    }
    if cursor.eat(&["end", "of", "month"]) || cursor.eat(&["month", "end"]) {
        phrase.days.set_relative(Relative::End(Unit::Month, 0))?;
        phrase.set_every(calendar(1, Unit::Month))?;
        return Ok(true);
    }
    listed(cursor, phrase)
}

/// "every" with days: "january 1st", "june and december", "15th", "first monday of the month".
fn listed(cursor: &mut Cursor<'_>, phrase: &mut Phrase) -> Result<bool, Fault> {
    let date = day::selector(cursor, &mut phrase.days)?;
    if let Some(every) = date {
        phrase.days.again = true;
        if let Some(every) = every {
            phrase.set_every(every)?;
        }
        return Ok(true);
    }
    if let Some(months) = day::months(cursor) {
        phrase.days.set_months(months)?;
        phrase.days.again = true;
        return Ok(true);
    }
    Ok(false)
}

fn part(cursor: &mut Cursor<'_>, phrase: &mut Phrase) -> Result<(), Fault> {
    if let Some(Token::Part { part, .. }) = cursor.peek() {
        cursor.step(1);
        phrase.days.set_part(part)?;
    }
    Ok(())
}

/// "daily", "weekly", "nightly".
pub(super) fn adverb(cursor: &mut Cursor<'_>, phrase: &mut Phrase) -> Result<bool, Fault> {
    let (count, unit) = match cursor.text(0) {
        "hourly" => (1, Unit::Hour),
        "daily" | "everyday" => (1, Unit::Day),
        "weekly" => (1, Unit::Week),
        "fortnightly" => (2, Unit::Week),
        "monthly" => (1, Unit::Month),
        "quarterly" => (1, Unit::Quarter),
        "yearly" | "annually" => (1, Unit::Year),
        "nightly" => {
            cursor.step(1);
            phrase.days.set_part(Part::Night)?;
            phrase.set_every(calendar(1, Unit::Day))?;
            return Ok(true);
        }
        "half" if matches!(cursor.text(1), "hourly") || cursor.text(2) == "hourly" => {
            cursor.step(if cursor.text(1) == "hourly" { 2 } else { 3 });
            phrase.set_every(Every::Seconds(1_800))?;
            return Ok(true);
        }
        "biweekly" | "bi" if cursor.text(0) == "biweekly" || cursor.text(2) == "weekly" => {
            return wrong(
                "`biweekly` is twice a week to some and every 2 weeks to others: write \"every 2 weeks\" or \"twice a week\".",
            );
        }
        "bimonthly" | "bi" if cursor.text(0) == "bimonthly" || cursor.text(2) == "monthly" => {
            return wrong(
                "`bimonthly` is twice a month to some and every 2 months to others: write \"every 2 months\" or \"twice a month\".",
            );
        }
        "semiweekly" | "semimonthly" | "biannually" | "biennially" | "biannual" | "semi" => {
            return wrong(format!(
                "`{}` is read differently by different people: write \"every 6 months\", \"every 2 years\" or \"twice a month\".",
                if cursor.text(0) == "semi" {
                    "semi-"
                } else {
                    cursor.text(0)
                }
            ));
        }
        _ => return Ok(false),
    };
    cursor.step(1);
    phrase.set_every(calendar(count, unit))?;
    Ok(true)
}

/// "once a week", "twice a day", "3 times per day".
pub(super) fn times_per(cursor: &mut Cursor<'_>, phrase: &mut Phrase) -> Result<bool, Fault> {
    let found = cursor.attempt(|cursor| {
        let count = if cursor.one_of(&["once"]) {
            1
        } else if cursor.one_of(&["twice"]) {
            2
        } else if cursor.one_of(&["thrice"]) {
            3
        } else {
            match cursor.number() {
                Some((count, _)) if cursor.one_of(&["times", "time", "x"]) => count,
                _ => return Ok(None),
            }
        };
        let unit = match cursor.text(0) {
            "hourly" => Some(Unit::Hour),
            "daily" => Some(Unit::Day),
            "weekly" => Some(Unit::Week),
            "monthly" => Some(Unit::Month),
            "yearly" | "annually" => Some(Unit::Year),
            _ => None,
        };
        if let Some(unit) = unit {
            cursor.step(1);
            return Ok(Some((count, unit)));
        }
        if !cursor.one_of(&["a", "an", "per", "each", "every"]) {
            return Ok(None);
        }
        let other = cursor.one_of(&["other"]);
        if let Some(Token::Unit { unit, plural: false }) = cursor.peek()
            && !other
        {
            cursor.step(1);
            return Ok(Some((count, unit)));
        }
        Ok(None)
    })?;
    match found {
        None => Ok(false),
        Some((0, _)) => wrong("0 times is never."),
        Some((1, unit)) => {
            phrase.set_every(calendar(1, unit))?;
            Ok(true)
        }
        Some(times) => {
            if phrase.times.is_some_and(|other| other != times) {
                return wrong("it says twice how often, and differently.");
            }
            phrase.times = Some(times);
            Ok(true)
        }
    }
}

/// The minute of the hour: "at minute 30", "at :30", "on the hour", "half past every hour".
pub(super) fn minute(cursor: &mut Cursor<'_>, phrase: &mut Phrase) -> Result<bool, Fault> {
    let found = cursor.attempt(|cursor| {
        cursor.eat(&["at"]);
        if cursor.eat(&["on", "the", "hour"]) || cursor.eat(&["on", "the", "full", "hour"]) {
            return Ok(Some(0));
        }
        if cursor.eat(&["on", "the", "half", "hour"]) {
            return Ok(Some(30));
        }
        if let Some(Token::Minute(minute)) = cursor.peek() {
            cursor.step(1);
            return Ok(Some(minute));
        }
        cursor.eat(&["the"]);
        if cursor.eat(&["minute"]) {
            return Ok(cursor.number().map(|(minute, _)| minute));
        }
        let minute = if cursor.eat(&["half"]) {
            30
        } else if cursor.eat(&["a", "quarter"]) || cursor.eat(&["quarter"]) {
            15
        } else {
            let Some((minute, _)) = cursor.number() else {
                return Ok(None);
            };
            cursor.one_of(&["minutes", "minute", "min", "mins"]);
            minute
        };
        let past = cursor.one_of(&["past", "after"]);
        let to = !past && cursor.one_of(&["to", "before"]);
        // "every hour at quarter past"
        let named = past
            && matches!(phrase.every, Some(Every::Seconds(seconds)) if seconds % 3_600 == 0)
            && !matches!(cursor.peek(), Some(Token::Number { .. } | Token::Clock(_)))
            && !["noon", "midnight", "midday"].contains(&cursor.text(0));
        let hour = cursor.eat(&["the", "hour"])
            || named
            || matches!(cursor.text(0), "every" | "each") && cursor.text(1) == "hour";
        if !hour || !(past || to) {
            return Ok(None);
        }
        Ok(Some(if to { 60_u32.saturating_sub(minute) } else { minute }))
    })?;
    let Some(minute) = found else {
        return Ok(false);
    };
    if minute > 59 {
        return wrong(format!("{minute} is no minute of an hour: use 0 to 59."));
    }
    phrase.set_minute(minute)?;
    // "of every hour", "past every hour": the reader of "every" takes the rest.
    if cursor.text(0) == "of" && matches!(cursor.text(1), "every" | "each" | "the") {
        cursor.step(1);
        if cursor.eat(&["the", "hour"]) {
            return Ok(true);
        }
    }
    Ok(true)
}
