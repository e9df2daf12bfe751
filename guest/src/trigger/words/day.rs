//! Days as words: weekdays, dates, days of the month, "tomorrow".

use chrono::Datelike;

use super::cursor::{Cursor, Fault, wrong};
use super::phrase::{Days, EVERY_WEEKDAY, Every, LAST, Phrase, Relative, WEEKEND, WORKDAYS};
use super::relative::{part_after, relative};
use super::token::{Token, Unit};

fn weekday(token: Option<Token>) -> Option<(u32, bool)> {
    match token {
        Some(Token::Weekday { day, plural }) => Some((day, plural)),
        _ => None,
    }
}

/// Takes "to", "through" or a dash between the ends of a range.
fn bridge(cursor: &mut Cursor<'_>) -> bool {
    if cursor.peek() == Some(Token::Dash) {
        cursor.step(1);
        return true;
    }
    cursor.one_of(&["to", "through", "thru"])
}

/// Whether two weekdays with "to" between them come after the next word.
pub(super) fn weekday_range_ahead(cursor: &Cursor<'_>) -> bool {
    weekday(cursor.ahead(1)).is_some()
        && (cursor.ahead(2) == Some(Token::Dash) || matches!(cursor.text(2), "to" | "through" | "thru"))
        && weekday(cursor.ahead(3)).is_some()
}

/// "weekdays", "business days", "weekends". True: in the plural.
fn group(cursor: &mut Cursor<'_>) -> Option<(u8, bool)> {
    for (one, many) in [
        (&["weekday"][..], &["weekdays"][..]),
        (&["workday"], &["workdays"]),
        (&["business", "day"], &["business", "days"]),
        (&["working", "day"], &["working", "days"]),
        (&["work", "day"], &["work", "days"]),
        (&["week", "day"], &["week", "days"]),
    ] {
        if cursor.eat(many) {
            return Some((WORKDAYS, true));
        }
        if cursor.eat(one) {
            return Some((WORKDAYS, false));
        }
    }
    if cursor.one_of(&["weekends"]) {
        return Some((WEEKEND, true));
    }
    cursor.one_of(&["weekend"]).then_some((WEEKEND, false))
}

/// Weekdays in a list: their bits, and whether the wording says that they come again.
pub(super) struct Weekdays {
    pub(super) days: u8,
    pub(super) again: bool,
    /// "weekday", "weekend" in the singular.
    pub(super) group: bool,
}

/// "monday", "mondays and fridays", "mon-fri", "weekdays and saturday".
pub(super) fn weekdays(cursor: &mut Cursor<'_>) -> Result<Option<Weekdays>, Fault> {
    let mut found = Weekdays {
        days: 0,
        again: false,
        group: false,
    };
    loop {
        let more = cursor.attempt(|cursor| {
            if found.days != 0 {
                if !cursor.separator() {
                    return Ok(None);
                }
                let _ = cursor.eat(&["on"]) || cursor.eat(&["every"]);
            }
            let start = cursor.at;
            cursor.one_of(&["from"]);
            if let Some((first, plural)) = weekday(cursor.peek()) {
                cursor.step(1);
                let range = cursor.attempt(|cursor| {
                    if !bridge(cursor) {
                        return Ok(None);
                    }
                    let Some((last, _)) = weekday(cursor.peek()) else {
                        return Ok(None);
                    };
                    cursor.step(1);
                    Ok(Some(last))
                })?;
                if let Some(last) = range {
                    let length = (last + 7 - first) % 7;
                    let days = (0..=length).fold(0, |days, n| days | 1 << ((first + n) % 7));
                    return Ok(Some((days, true, false)));
                }
                if cursor.at != start + 1 {
                    // "from monday" is a start.
                    return Ok(None);
                }
                return Ok(Some((1 << first, plural, false)));
            }
            if cursor.at != start {
                return Ok(None);
            }
            Ok(group(cursor).map(|(days, plural)| (days, plural, !plural)))
        })?;
        let Some((days, again, group)) = more else { break };
        if found.days & days != 0 {
            return wrong("it names a weekday twice.");
        }
        found.days |= days;
        found.again |= again;
        found.group |= group;
    }
    Ok((found.days != 0).then_some(found))
}

/// "june", "june and december", "jan, apr and jul".
pub(super) fn months(cursor: &mut Cursor<'_>) -> Option<u16> {
    let mut found = 0;
    loop {
        let start = cursor.at;
        if found != 0 && !cursor.separator() {
            break;
        }
        let Some(Token::Month(month)) = cursor.peek() else {
            cursor.at = start;
            break;
        };
        cursor.step(1);
        found |= 1 << month;
    }
    (found != 0).then_some(found)
}

/// A year after a date.
pub(super) fn year(cursor: &mut Cursor<'_>) -> Option<i32> {
    let start = cursor.at;
    if cursor.peek() == Some(Token::Comma) {
        cursor.at += 1;
    }
    if let Some(Token::Number { value, digits: 4 }) = cursor.peek()
        && (1970..=2100).contains(&value)
    {
        cursor.step(1);
        return i32::try_from(value).ok();
    }
    cursor.at = start;
    None
}

fn month_day(value: u32) -> Result<u32, Fault> {
    if (1..=31).contains(&value) {
        Ok(value)
    } else {
        wrong(format!(
            "{value} is no day of a month: use 1 to 31, or \"the last day\"."
        ))
    }
}

/// "24 december", "december 24", "24th of december, 2026".
fn date(cursor: &mut Cursor<'_>, days: &mut Days) -> Result<bool, Fault> {
    if let Some(Token::Date(date)) = cursor.peek() {
        cursor.step(1);
        if cursor.peek() == Some(Token::Word) && cursor.text(0).starts_with(|c: char| c.is_ascii_digit()) {
            return wrong(
                "words take local times in whole minutes, such as 18:00: an instant with seconds or an offset belongs into run_at.",
            );
        }
        days.set_monthdays(1 << date.day(), false)?;
        days.set_months(1 << date.month())?;
        days.year = Some(date.year());
        return Ok(true);
    }
    let found = cursor.attempt(|cursor| {
        if let Some(Token::Month(month)) = cursor.peek() {
            cursor.step(1);
            cursor.eat(&["the"]);
            let day = match cursor.peek() {
                Some(Token::Number { value, digits: 1 | 2 }) => {
                    // "june 5pm" is no date.
                    if ["am", "pm", "a.m", "p.m"].contains(&cursor.text(1)) {
                        return Ok(None);
                    }
                    cursor.step(1);
                    value
                }
                _ => match cursor.ordinal() {
                    Some(day) => day,
                    None => return Ok(None),
                },
            };
            return Ok(Some((month, month_day(day)?)));
        }
        let day = match cursor.peek() {
            Some(Token::Number { value, digits: 1 | 2 }) => {
                cursor.step(1);
                value
            }
            _ => match cursor.ordinal() {
                Some(day) => day,
                None => return Ok(None),
            },
        };
        cursor.eat(&["of"]);
        let Some(Token::Month(month)) = cursor.peek() else {
            return Ok(None);
        };
        // "the first of january and july" is for the reader of lists.
        if cursor.ahead(1) == Some(Token::And) && matches!(cursor.ahead(2), Some(Token::Month(_)))
            || cursor.ahead(1) == Some(Token::Comma) && matches!(cursor.ahead(2), Some(Token::Month(_)))
        {
            return Ok(None);
        }
        cursor.step(1);
        Ok(Some((month, month_day(day)?)))
    })?;
    let Some((month, day)) = found else {
        return Ok(false);
    };
    days.set_monthdays(1 << day, false)?;
    days.set_months(1 << month)?;
    days.year = year(cursor).or(days.year);
    Ok(true)
}

/// The stretch that days are counted in: "of the month", "of every quarter", "of next month",
/// "of june". Returns how often, where it says that.
fn of(cursor: &mut Cursor<'_>, days: &mut Days) -> Result<Option<Every>, Fault> {
    let unit = |token: Option<Token>| match token {
        Some(Token::Unit {
            unit: unit @ (Unit::Month | Unit::Quarter | Unit::Year),
            plural: false,
        }) => Some(unit),
        _ => None,
    };
    cursor
        .attempt(|cursor| {
            if !cursor.one_of(&["of", "in"]) {
                return Ok(None);
            }
            if let Some(found) = months(cursor) {
                days.set_months(found)?;
                days.year = year(cursor).or(days.year);
                return Ok(Some(None));
            }
            for (word, ahead) in [("next", 1), ("this", 0)] {
                if cursor.text(0) == word
                    && let Some(unit) = unit(cursor.ahead(1))
                {
                    if unit != Unit::Month {
                        return wrong("name the month itself.");
                    }
                    cursor.step(2);
                    days.set_relative(Relative::Next(unit, ahead))?;
                    return Ok(Some(None));
                }
            }
            let start = cursor.at;
            if cursor.one_of(&["the", "every", "each", "a"])
                && let Some(unit) = unit(cursor.peek())
            {
                cursor.step(1);
                return Ok(Some(Some(Every::Calendar { count: 1, unit })));
            }
            cursor.at = start;
            // "of every other month": the reader of "every" goes on here.
            let every = matches!(cursor.text(0), "every" | "each");
            Ok(every.then_some(None))
        })
        .map(Option::flatten)
}

/// "the first monday", "the 1st and 15th", "the last day", each with "of the month" or not.
fn counted(cursor: &mut Cursor<'_>, days: &mut Days, the: bool) -> Result<Option<Option<Every>>, Fault> {
    cursor.attempt(|cursor| {
        // A spelled number on its own ("third") names no day; "the third" and "3rd" do.
        let spelled = !cursor.text(0).starts_with(|c: char| c.is_ascii_digit());
        let (mut numbers, mut last) = (0_u32, false);
        let mut entries = 0;
        loop {
            let start = cursor.at;
            if entries > 0 {
                if !cursor.separator() {
                    break;
                }
                cursor.eat(&["on"]);
                cursor.eat(&["the"]);
            }
            if cursor.one_of(&["last"]) {
                last = true;
                if entries > 0 || cursor.ahead(1) == Some(Token::And) {
                    cursor.eat(&["day"]);
                }
            } else if let Some(n) = cursor.ordinal() {
                // "the 15th december" after "the 1st and".
                numbers |= 1 << month_day(n)?;
            } else {
                cursor.at = start;
                break;
            }
            entries += 1;
        }
        if entries == 0 {
            return Ok(None);
        }
        if cursor.text(0) == "to" && cursor.text(1) == "last" {
            return wrong("only the last one can be counted from the end.");
        }
        if let Some((day, false)) = weekday(cursor.peek()) {
            cursor.step(1);
            if numbers >> 6 != 0 {
                return wrong("a weekday comes at most five times in a month: use first to fifth, or last.");
            }
            days.set_weekdays(1 << day)?;
            days.nth = u8::try_from(numbers).unwrap_or(0) | if last { LAST } else { 0 };
            return of(cursor, days).map(Some);
        }
        let working = cursor.at;
        if group(cursor).is_some() {
            return wrong(
                "a working day that is counted in the month cannot be said in one schedule: name a weekday (\"the first \
                 monday of the month\") or a day (\"the last day of the month\").",
            );
        }
        cursor.at = working;
        let day = cursor.one_of(&["day", "days"]);
        if last && !day && cursor.text(0) != "of" && entries == 1 {
            return Ok(None);
        }
        if spelled && !the && !day && !matches!(cursor.text(0), "of" | "in") {
            return Ok(None);
        }
        days.set_monthdays(numbers, last)?;
        of(cursor, days).map(Some)
    })
}

/// Days that are named. How often, where the wording says it ("of the month").
pub(super) fn selector(cursor: &mut Cursor<'_>, days: &mut Days) -> Result<Option<Option<Every>>, Fault> {
    cursor.attempt(|cursor| {
        let in_ = cursor.eat(&["in"]);
        let on = !in_ && cursor.eat(&["on"]);
        if in_ {
            return match months(cursor) {
                Some(found) => {
                    days.set_months(found)?;
                    days.year = year(cursor).or(days.year);
                    Ok(Some(None))
                }
                None => Ok(None),
            };
        }
        if on {
            cursor.eat(&["every"]);
        }
        if let Some(found) = weekdays(cursor)? {
            let mornings = matches!(cursor.peek(), Some(Token::Part { plural: true, .. }));
            if found.group && !found.again && !mornings {
                return Err(Fault::Several(
                    "`weekday` and `weekend` mean several days: write \"every weekday\", \"every weekend\", or name the day."
                        .to_owned(),
                ));
            }
            days.set_weekdays(found.days)?;
            days.again |= found.again;
            part_after(cursor, days)?;
            return Ok(Some(None));
        }
        let the = cursor.eat(&["the"]);
        if the && cursor.text(0) == "weekend" {
            return wrong("`the weekend` is two days: write \"every weekend\", or \"on saturday\".");
        }
        if date(cursor, days)? {
            return Ok(Some(None));
        }
        if let Some(every) = counted(cursor, days, the)? {
            return Ok(Some(every));
        }
        if cursor.one_of(&["day", "days"]) {
            let mut found = 0;
            while let Some(Token::Number { value, digits: 1 | 2 }) = cursor.peek() {
                cursor.step(1);
                found |= 1 << month_day(value)?;
                let start = cursor.at;
                if !(cursor.separator() && matches!(cursor.peek(), Some(Token::Number { .. }))) {
                    cursor.at = start;
                    break;
                }
            }
            if found != 0 {
                days.set_monthdays(found, false)?;
                return of(cursor, days).map(Some);
            }
        }
        if let Some(Token::NumericDate) = cursor.peek() {
            return wrong(numeric(cursor.text(0)));
        }
        Ok(None)
    })
}

/// Why `03/04/2026` is not read, with the form that is.
fn numeric(text: &str) -> String {
    let numbers: Vec<u32> = text
        .split(['/', '.', '-'])
        .filter_map(|part| part.parse().ok())
        .collect();
    if text.len() >= 8 && text.bytes().take(4).all(|b| b.is_ascii_digit()) {
        return format!(
            "`{text}` is no date: the form is year, month and day of the calendar, as in 2026-12-24."
        );
    }
    let iso = match numbers.as_slice() {
        [a, b, year] if (1970..=2100).contains(year) && *a <= 31 && *b <= 31 => {
            let (month, day) = if *b > 12 { (a, b) } else { (b, a) };
            if a == b || *a > 12 || *b > 12 {
                format!("{year}-{month:02}-{day:02}")
            } else {
                format!("{year}-{a:02}-{b:02} or {year}-{b:02}-{a:02}")
            }
        }
        _ => "the year too, as in 2026-12-24".to_owned(),
    };
    format!("`{text}` is read differently in different countries: write {iso}.")
}

/// Everything that names one day or several. How often goes into the phrase.
pub(super) fn day(cursor: &mut Cursor<'_>, phrase: &mut Phrase) -> Result<bool, Fault> {
    if relative(cursor, &mut phrase.days)? {
        return Ok(true);
    }
    let before = phrase.days.clone();
    match selector(cursor, &mut phrase.days)? {
        Some(every) => {
            if let Some(every) = every {
                phrase.days.again = true;
                // "every 2 months on the first monday of the month"
                if phrase.every.is_none() {
                    phrase.set_every(every)?;
                }
            }
            Ok(true)
        }
        None => {
            phrase.days = before;
            Ok(false)
        }
    }
}

/// The weekdays after "except".
pub(super) fn exception(cursor: &mut Cursor<'_>) -> Result<Option<u8>, Fault> {
    let _ = cursor.eat(&["on"]) || cursor.eat(&["for"]);
    cursor.eat(&["the"]);
    let found = weekdays(cursor)?.map(|found| found.days);
    if found.is_some_and(|days| days == EVERY_WEEKDAY) {
        return wrong("it excepts every day.");
    }
    Ok(found)
}
