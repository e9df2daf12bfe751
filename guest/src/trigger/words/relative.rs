//! Days told from the present: "tomorrow", "next week", "in 3 days", "the end of the month".

use super::cursor::{Cursor, Fault, wrong};
use super::day::{selector, year};
use super::length::length;
use super::phrase::{Days, Relative};
use super::token::{Part, Token, Unit};

/// "morning" right after a day.
pub(super) fn part_after(cursor: &mut Cursor<'_>, days: &mut Days) -> Result<(), Fault> {
    if let Some(Token::Part { part, plural }) = cursor.peek() {
        cursor.step(1);
        days.again |= plural;
        days.set_part(part)?;
    }
    Ok(())
}

/// A day told from the present: "tomorrow", "next week", "the end of the month".
pub(super) fn relative(cursor: &mut Cursor<'_>, days: &mut Days) -> Result<bool, Fault> {
    let start = cursor.at;
    let _ = cursor.eat(&["on"]) || cursor.eat(&["at"]);
    cursor.eat(&["the"]);
    if cursor.one_of(&["later", "soon", "sometime", "someday"]) {
        return wrong(format!("`{}` is no time: name the day or the hour.", {
            cursor.at -= 1;
            cursor.text(0)
        }));
    }
    if cursor.one_of(&["today"]) {
        days.set_relative(Relative::Day(0))?;
    } else if cursor.one_of(&["tonight"]) {
        days.set_relative(Relative::Day(0))?;
        days.tonight = true;
        days.set_part(Part::Night)?;
    } else if cursor.one_of(&["tomorrow"]) {
        days.set_relative(Relative::Day(1))?;
    } else if cursor.eat(&["day", "after", "tomorrow"]) || cursor.eat(&["overmorrow"]) {
        days.set_relative(Relative::Day(2))?;
    } else if cursor.eat(&["this"]) || cursor.eat(&["coming"]) || cursor.eat(&["upcoming"]) {
        cursor.eat(&["coming"]);
        match cursor.peek() {
            Some(Token::Part { part, plural: false }) => {
                cursor.step(1);
                days.set_relative(Relative::Day(0))?;
                days.set_part(part)?;
            }
            Some(Token::Weekday { day, plural: false }) => {
                cursor.step(1);
                days.set_weekdays(1 << day)?;
            }
            Some(Token::Unit { unit: Unit::Week, .. }) => {
                cursor.step(1);
                days.set_relative(Relative::Next(Unit::Week, 0))?;
            }
            _ => {
                cursor.at = start;
                return Ok(false);
            }
        }
    } else if cursor.eat(&["next"]) {
        match cursor.peek() {
            Some(Token::Weekday { day, plural: false }) => {
                cursor.step(1);
                days.set_weekdays(1 << day)?;
                days.next = true;
            }
            Some(Token::Unit {
                unit: unit @ (Unit::Week | Unit::Month | Unit::Year),
                plural: false,
            }) => {
                cursor.step(1);
                days.set_relative(Relative::Next(unit, 1))?;
            }
            _ => {
                cursor.at = start;
                return Ok(false);
            }
        }
    } else if end_of(cursor, days)? {
        return Ok(true);
    } else {
        cursor.at = start;
        return Ok(false);
    }
    part_after(cursor, days)?;
    Ok(true)
}

/// "end of the month", "end of next week".
fn end_of(cursor: &mut Cursor<'_>, days: &mut Days) -> Result<bool, Fault> {
    let start = cursor.at;
    if !cursor.eat(&["end", "of"]) {
        return Ok(false);
    }
    if cursor.one_of(&["today"]) {
        days.set_relative(Relative::End(Unit::Day, 0))?;
        return Ok(true);
    }
    if cursor.one_of(&["tomorrow"]) {
        days.set_relative(Relative::End(Unit::Day, 1))?;
        return Ok(true);
    }
    if let Some(Token::Month(month)) = cursor.peek() {
        cursor.step(1);
        days.set_months(1 << month)?;
        days.set_monthdays(0, true)?;
        days.closing = true;
        days.year = year(cursor);
        return Ok(true);
    }
    let ahead = u32::from(cursor.eat(&["next"]));
    if ahead == 0 {
        let _ = cursor.eat(&["the"]) || cursor.eat(&["this"]);
        cursor.eat(&["business"]);
        cursor.eat(&["working"]);
    }
    if let Some(Token::Unit {
        unit: unit @ (Unit::Day | Unit::Week | Unit::Month | Unit::Year),
        plural: false,
    }) = cursor.peek()
    {
        cursor.step(1);
        days.set_relative(Relative::End(unit, ahead))?;
        return Ok(true);
    }
    cursor.at = start;
    Ok(false)
}

/// "in 3 days", "3 days from now", "a week from friday".
pub(super) fn ahead(cursor: &mut Cursor<'_>, days: &mut Days) -> Result<bool, Fault> {
    let found = cursor.attempt(|cursor| {
        if cursor.eat(&["in"]) {
            cursor.eat(&["another"]);
            return Ok(length(cursor)?.map(Relative::In));
        }
        let Some(length) = length(cursor)? else {
            return Ok(None);
        };
        if cursor.eat(&["from", "now"]) {
            return Ok(Some(Relative::In(length)));
        }
        if !cursor.one_of(&["from"]) {
            return Ok(None);
        }
        if !length.whole_days() {
            return wrong("hours and minutes are counted from now: write \"in 2 hours\".");
        }
        let mut base = Days::default();
        if !(relative(cursor, &mut base)? || selector(cursor, &mut base)?.is_some()) {
            return Ok(None);
        }
        match base.relative {
            Some(Relative::Day(0)) => {
                days.part = base.part;
                Ok(Some(Relative::In(length)))
            }
            Some(Relative::Day(n)) => {
                days.part = base.part;
                let mut length = length;
                length.days = length.days.saturating_add(n);
                Ok(Some(Relative::In(length)))
            }
            None if base.selects() && days.is_empty() => {
                *days = base;
                Ok(Some(Relative::From(length)))
            }
            _ => Ok(None),
        }
    })?;
    match found {
        Some(relative) => days.set_relative(relative).map(|()| true),
        None => Ok(false),
    }
}
