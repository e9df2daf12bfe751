//! Times of day: "9", "5.30pm", "half past nine", "in the evening".

use super::cursor::{Cursor, Fault, wrong};
use super::token::{Part, Token, Unit};
use crate::trigger::limits::{AFTERNOON_HOUR, DEFAULT_HOUR, EVENING_HOUR, NIGHT_HOUR};

/// A time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) hour: u32,
    pub(super) minute: u32,
    /// 1 to 12 with nothing that tells morning from afternoon. Read on the 24-hour clock.
    pub(super) bare: bool,
    /// Told by am, pm or the part of the day: whoever writes so does not count to 24.
    pub(super) halved: bool,
}

impl Clock {
    pub(super) fn new(hour: u32, minute: u32) -> Self {
        Self {
            hour,
            minute,
            bare: false,
            halved: false,
        }
    }

    /// Minutes since midnight.
    pub(super) fn minutes(self) -> u32 {
        self.hour * 60 + self.minute
    }

    pub(super) fn shown(self) -> String {
        format!("{:02}:{:02}", self.hour, self.minute)
    }
}

impl Part {
    /// The time that is taken where only the part of the day is named.
    pub(super) fn hour(self) -> u32 {
        match self {
            Part::Morning => DEFAULT_HOUR,
            Part::Afternoon => AFTERNOON_HOUR,
            Part::Evening => EVENING_HOUR,
            Part::Night => NIGHT_HOUR,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Part::Morning => "morning",
            Part::Afternoon => "afternoon",
            Part::Evening => "evening",
            Part::Night => "night",
        }
    }

    /// A time in this part of the day.
    pub(super) fn place(self, clock: Clock) -> Result<Clock, Fault> {
        let hour = match (self, clock.hour, clock.bare) {
            (Part::Morning, hour @ 0..=11, _) => hour,
            (Part::Afternoon, 12, _) => 12,
            (Part::Afternoon, hour @ 1..=6, true) => hour + 12,
            (Part::Afternoon, hour @ 12..=18, false) => hour,
            (Part::Evening, hour @ 4..=11, true) => hour + 12,
            (Part::Evening, hour @ 16..=23, false) => hour,
            (Part::Night, 12, true) => 0,
            (Part::Night, hour @ 6..=11, true) => hour + 12,
            (Part::Night, hour @ (0..=5 | 18..=23), _) => hour,
            _ => {
                return wrong(format!("{} is not in the {}.", clock.shown(), self.name()));
            }
        };
        Ok(Clock {
            halved: true,
            ..Clock::new(hour, clock.minute)
        })
    }
}

fn checked(hour: u32, minute: u32, bare: bool) -> Result<Clock, Fault> {
    if hour > 23 || minute > 59 {
        return wrong(format!(
            "{hour}:{minute:02} is no time of day: hours are 0 to 23, minutes 0 to 59."
        ));
    }
    Ok(Clock {
        bare: bare && (1..=12).contains(&hour),
        ..Clock::new(hour, minute)
    })
}

/// `9am` as hours of the day.
fn halved(hour: u32, minute: u32, pm: bool) -> Result<Clock, Fault> {
    if !(1..=12).contains(&hour) || minute > 59 {
        return wrong(format!(
            "{hour}{} is no time of day: am and pm go with 1 to 12.",
            if pm { "pm" } else { "am" }
        ));
    }
    Ok(Clock {
        halved: true,
        ..Clock::new(hour % 12 + if pm { 12 } else { 0 }, minute)
    })
}

/// `17:30`, `9am`, `5.30pm`; the hour may be out of range, which the reader of times refuses.
pub(super) fn lexed(text: &str) -> Option<Clock> {
    let (figures, half) = ["am", "a.m", "a.m."]
        .iter()
        .find_map(|end| text.strip_suffix(end))
        .map(|rest| (rest, Some(false)))
        .or_else(|| {
            ["pm", "p.m", "p.m."]
                .iter()
                .find_map(|end| text.strip_suffix(end))
                .map(|rest| (rest, Some(true)))
        })
        .unwrap_or((text, None));
    let (hour, minute) = match figures.split_once([':', '.']) {
        Some((hour, minute)) => (hour, Some(minute)),
        None => (figures, None),
    };
    if half.is_none() && (minute.is_none() || figures.contains('.')) {
        return None;
    }
    let digits = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| text.parse::<u32>().ok())?
    };
    if hour.is_empty() || hour.len() > 2 || minute.is_some_and(|minute| minute.len() != 2) {
        // `18:00:00`: whole minutes only.
        let seconds = minute.and_then(|minute| minute.strip_suffix(":00"))?;
        return (seconds.len() == 2).then(|| lexed(&text[..text.len() - 3]))?;
    }
    let (number, minute) = (digits(hour)?, digits(minute.unwrap_or("00"))?);
    match half {
        Some(pm) => Some(halved(number, minute, pm).unwrap_or(Clock::new(IMPOSSIBLE, minute))),
        None => Some(Clock {
            bare: (1..=12).contains(&number) && !hour.starts_with('0'),
            ..Clock::new(number, minute)
        }),
    }
}

/// Stands for the hour of `13pm`.
const IMPOSSIBLE: u32 = 99;

fn half_of_day(cursor: &mut Cursor<'_>) -> Option<bool> {
    if cursor.one_of(&["am", "a.m"]) {
        Some(false)
    } else if cursor.one_of(&["pm", "p.m"]) {
        Some(true)
    } else {
        None
    }
}

/// Words that add nothing to a time.
fn exactly(cursor: &mut Cursor<'_>) {
    while cursor.one_of(&["sharp", "exactly", "o'clock", "o’clock", "oclock"]) {}
}

/// "in the morning", "at night" after a time.
pub(super) fn part_of_day(cursor: &mut Cursor<'_>) -> Option<Part> {
    let start = cursor.at;
    if (cursor.eat(&["in", "the"]) || cursor.eat(&["at"]))
        && let Some(Token::Part { part, .. }) = cursor.peek()
    {
        cursor.step(1);
        return Some(part);
    }
    cursor.at = start;
    None
}

/// An hour as it follows "half past".
fn past_hour(cursor: &mut Cursor<'_>, minutes: i64) -> Result<Option<Clock>, Fault> {
    let (hour, bare) = match cursor.peek() {
        _ if cursor.one_of(&["noon", "midday"]) => (12, false),
        _ if cursor.one_of(&["midnight"]) => (0, false),
        Some(Token::Number { .. }) => match cursor.number() {
            Some((hour, _)) => (hour, true),
            None => return Ok(None),
        },
        Some(Token::Clock(clock)) if clock.minute == 0 => {
            cursor.step(1);
            (clock.hour, clock.bare)
        }
        _ => return Ok(None),
    };
    let mut clock = checked(hour, 0, bare)?;
    if let Some(pm) = half_of_day(cursor) {
        clock = halved(hour, 0, pm)?;
    }
    let total = (i64::from(clock.minutes()) + minutes).rem_euclid(1440);
    let total = u32::try_from(total).unwrap_or(0);
    Ok(Some(Clock {
        bare: clock.bare,
        halved: clock.halved,
        ..Clock::new(total / 60, total % 60)
    }))
}

/// "half past nine", "quarter to five", "ten past eight".
fn spoken(cursor: &mut Cursor<'_>, after_at: bool) -> Result<Option<Clock>, Fault> {
    cursor.attempt(|cursor| {
        if cursor.eat(&["half", "past"]) {
            return past_hour(cursor, 30);
        }
        if cursor.eat(&["half"]) && matches!(cursor.peek(), Some(Token::Number { .. })) && after_at {
            return wrong(
                "`half nine` is 8:30 to some and 9:30 to others: write \"half past nine\" or 9:30.",
            );
        }
        let article = cursor.eat(&["a"]);
        if cursor.eat(&["quarter"]) {
            return if cursor.one_of(&["past", "after"]) {
                past_hour(cursor, 15)
            } else if cursor.one_of(&["to", "before", "till", "til"]) {
                past_hour(cursor, -15)
            } else {
                Ok(None)
            };
        }
        let Some((minutes, digits)) = cursor.number().filter(|_| !article) else {
            return Ok(None);
        };
        let named = matches!(
            cursor.peek(),
            Some(Token::Unit {
                unit: Unit::Minute,
                ..
            })
        );
        if named {
            cursor.step(1);
        }
        if !(1..60).contains(&minutes) {
            return Ok(None);
        }
        if cursor.one_of(&["past"]) || (named && cursor.one_of(&["after"])) {
            return past_hour(cursor, i64::from(minutes));
        }
        // "9 to 17" is a stretch of time, "ten to nine" after "at" is a time.
        let spelled = digits == 0 && after_at && matches!(minutes, 5 | 10 | 20 | 25);
        if (named || spelled) && cursor.one_of(&["to", "before", "till"]) {
            return past_hour(cursor, -i64::from(minutes));
        }
        Ok(None)
    })
}

/// One time of day. `after_at`: a number on its own is an hour.
pub(super) fn time(cursor: &mut Cursor<'_>, after_at: bool) -> Result<Option<Clock>, Fault> {
    let found = cursor.attempt(|cursor| {
        if after_at && cursor.one_of(&["about", "around", "approximately", "roughly"]) {
            return wrong("an approximate time cannot be kept: name the exact time.");
        }
        if cursor.one_of(&["noon", "midday"]) || cursor.eat(&["12", "noon"]) {
            return Ok(Some(Clock::new(12, 0)));
        }
        if cursor.one_of(&["midnight"]) || cursor.eat(&["12", "midnight"]) {
            return Ok(Some(Clock::new(0, 0)));
        }
        if let Some(clock) = spoken(cursor, after_at)? {
            return Ok(Some(clock));
        }
        match cursor.peek() {
            Some(Token::Clock(clock)) => {
                let text = cursor.text(0);
                cursor.step(1);
                if clock.hour == IMPOSSIBLE {
                    return wrong(format!("`{text}` is no time of day: am and pm go with 1 to 12."));
                }
                match half_of_day(cursor) {
                    Some(pm) => halved(clock.hour, clock.minute, pm).map(Some),
                    None => checked(clock.hour, clock.minute, clock.bare).map(|_| Some(clock)),
                }
            }
            Some(Token::Dotted {
                whole,
                fraction,
                digits: 2,
            }) => {
                cursor.step(1);
                match half_of_day(cursor) {
                    Some(pm) => halved(whole, fraction, pm).map(Some),
                    None if after_at && !matches!(cursor.peek(), Some(Token::Unit { .. })) => {
                        checked(whole, fraction, true).map(Some)
                    }
                    None => Ok(None),
                }
            }
            Some(Token::Number { .. }) => number(cursor, after_at),
            _ => Ok(None),
        }
    })?;
    let Some(mut clock) = found else {
        return Ok(None);
    };
    exactly(cursor);
    if let Some(part) = part_of_day(cursor) {
        clock = part.place(clock)?;
    }
    Ok(Some(clock))
}

/// A number as an hour: after "at", or with something that makes it one.
fn number(cursor: &mut Cursor<'_>, after_at: bool) -> Result<Option<Clock>, Fault> {
    let Some((value, digits)) = cursor.number() else {
        return Ok(None);
    };
    if let Some(pm) = half_of_day(cursor) {
        return halved(value, 0, pm).map(Some);
    }
    // "nine thirty"
    if digits == 0
        && after_at
        && value < 13
        && let Some(Token::Number {
            value: minute,
            digits: 0,
        }) = cursor.peek()
        && (10..60).contains(&minute)
    {
        cursor.number();
        let minute = match cursor.peek() {
            Some(Token::Number {
                value: ones,
                digits: 0,
            }) if minute % 10 == 0 && minute > 10 && ones < 10 => {
                cursor.step(1);
                minute + ones
            }
            _ => minute,
        };
        return match half_of_day(cursor) {
            Some(pm) => halved(value, minute, pm).map(Some),
            None => checked(value, minute, true).map(Some),
        };
    }
    let oclock = ["o'clock", "o’clock", "oclock"].contains(&cursor.text(0));
    let part = (cursor.text(0) == "in" && cursor.text(1) == "the" || cursor.text(0) == "at")
        && matches!(
            cursor.ahead(if cursor.text(0) == "at" { 1 } else { 2 }),
            Some(Token::Part { .. })
        );
    if !(after_at || oclock || part) {
        return Ok(None);
    }
    // A count of something, a day of a month, minutes of an hour.
    if matches!(
        cursor.peek(),
        Some(Token::Unit { .. } | Token::Month(_) | Token::Ordinal(_))
    ) {
        return Ok(None);
    }
    match digits {
        4 if (1900..2100).contains(&value) => wrong(format!(
            "`{value}` may be a year or a time: write the time as {:02}:{:02}.",
            value / 100,
            value % 100
        )),
        4 => checked(value / 100, value % 100, false).map(Some),
        3 => wrong(format!("`{value}` is no clear time: write it as 09:00.")),
        _ => checked(value, 0, true).map(Some),
    }
}

/// The times after "at", or one that needs no "at": "9am and 5pm", "at 9, 12 and 15".
pub(super) fn times(cursor: &mut Cursor<'_>) -> Result<Option<Vec<Clock>>, Fault> {
    cursor.attempt(|cursor| {
        let at = cursor.one_of(&["at", "@"]);
        if at {
            exactly(cursor);
        }
        let Some(first) = time(cursor, at)? else {
            return Ok(None);
        };
        let mut clocks = vec![first];
        loop {
            let more = cursor.attempt(|cursor| {
                if !cursor.separator() {
                    return Ok(None);
                }
                let at = cursor.one_of(&["at", "@"]) || at;
                time(cursor, at)
            })?;
            match more {
                Some(clock) => clocks.push(clock),
                None => break,
            }
        }
        // "3 and 5pm": the first may be meant as pm too.
        if let Some(last) = clocks.last().copied().filter(|last| last.halved)
            && let Some(unclear) = clocks
                .iter()
                .find(|clock| clock.bare && clock.hour < 12 && clock.minutes() + 720 < last.minutes())
        {
            return wrong(unclear_half(*unclear));
        }
        Ok(Some(clocks))
    })
}

fn unclear_half(clock: Clock) -> String {
    format!(
        "it is not clear whether {}:{:02} is am or pm: write it as {} or {:02}:{:02}.",
        clock.hour,
        clock.minute,
        clock.shown(),
        clock.hour + 12,
        clock.minute
    )
}

/// A stretch of the day: "between 9 and 17", "from 8am to 6pm", "9:00-17:00".
pub(super) fn window(cursor: &mut Cursor<'_>) -> Result<Option<(Clock, Clock)>, Fault> {
    cursor.attempt(|cursor| {
        let between = cursor.eat(&["between"]);
        let from = !between && cursor.eat(&["from"]);
        // "9-17"
        let dashed = matches!(
            (cursor.peek(), cursor.ahead(1), cursor.ahead(2)),
            (
                Some(Token::Number { digits: 1 | 2, .. }),
                Some(Token::Dash),
                Some(Token::Number { digits: 1 | 2, .. })
            )
        );
        let named = between || from || dashed;
        let Some(first) = time(cursor, named)? else {
            return Ok(None);
        };
        let bridge = if between {
            cursor.peek() == Some(Token::And) && {
                cursor.step(1);
                true
            }
        } else if cursor.peek() == Some(Token::Dash) {
            cursor.step(1);
            true
        } else {
            cursor.one_of(&["to", "till", "til", "until", "through", "thru"])
        };
        if !bridge {
            return Ok(None);
        }
        let Some(last) = time(cursor, named)? else {
            return Ok(None);
        };
        if first.bare && first.hour < 12 && last.halved && first.minutes() + 720 < last.minutes() {
            return wrong(unclear_half(first));
        }
        if last.minutes() <= first.minutes() && last.bare && first.hour < 13 {
            return wrong(format!(
                "{} is before {}: hours are read on the 24-hour clock, so write {} for the afternoon.",
                last.shown(),
                first.shown(),
                Clock::new((last.hour + 12) % 24, last.minute).shown()
            ));
        }
        Ok(Some((first, last)))
    })
}
