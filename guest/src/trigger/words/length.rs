//! Lengths of time: "3 days", "an hour and a half", "1h30m".

use chrono::{Months, NaiveDateTime, TimeDelta};

use super::cursor::{Cursor, Fault, wrong};
use super::token::{Token, Unit};

/// A length. Months, weeks and days follow the calendar, seconds the clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::trigger) struct Length {
    pub(in crate::trigger) months: u32,
    pub(in crate::trigger) weeks: u32,
    pub(in crate::trigger) days: u32,
    pub(in crate::trigger) seconds: u32,
}

impl Length {
    fn of(count: u32, unit: Unit) -> Option<Self> {
        let mut length = Self::default();
        match unit {
            Unit::Second => length.seconds = count,
            Unit::Minute => length.seconds = count.checked_mul(60)?,
            Unit::Hour => length.seconds = count.checked_mul(3_600)?,
            Unit::Day => length.days = count,
            Unit::Week => length.weeks = count,
            Unit::Month => length.months = count,
            Unit::Quarter => length.months = count.checked_mul(3)?,
            Unit::Year => length.months = count.checked_mul(12)?,
        }
        Some(length)
    }

    fn plus(self, other: Self) -> Option<Self> {
        Some(Self {
            months: self.months.checked_add(other.months)?,
            weeks: self.weeks.checked_add(other.weeks)?,
            days: self.days.checked_add(other.days)?,
            seconds: self.seconds.checked_add(other.seconds)?,
        })
    }

    /// Whether it consists of whole days.
    pub(super) fn whole_days(self) -> bool {
        self.seconds == 0
    }

    /// In seconds, where it has no months.
    pub(super) fn in_seconds(self) -> Option<u32> {
        let days = self.weeks.checked_mul(7)?.checked_add(self.days)?;
        (self.months == 0)
            .then(|| days.checked_mul(86_400)?.checked_add(self.seconds))
            .flatten()
    }

    /// The months, weeks and days of it after a local time. A day that the month does not have is
    /// its last day: a month after January 31 is the last of February.
    pub(in crate::trigger) fn days_after(self, at: NaiveDateTime) -> Option<NaiveDateTime> {
        let days = i64::from(self.weeks) * 7 + i64::from(self.days);
        at.checked_add_months(Months::new(self.months))?
            .checked_add_signed(TimeDelta::days(days))
    }

    /// All of it after a local time.
    pub(super) fn after(self, at: NaiveDateTime) -> Option<NaiveDateTime> {
        self.days_after(at)?
            .checked_add_signed(TimeDelta::seconds(i64::from(self.seconds)))
    }
}

/// `2h`, `1h30m`, `90min`, `3d`.
pub(super) fn lexed(text: &str) -> Option<Length> {
    let mut total = Length::default();
    let mut rest = text;
    let mut last = u32::MAX;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        let count: u32 = rest[..digits].parse().ok()?;
        let (rank, unit) = match &rest[digits..digits + letters] {
            "s" | "sec" | "secs" => (1, Unit::Second),
            "m" | "min" | "mins" => (2, Unit::Minute),
            "h" | "hr" | "hrs" => (3, Unit::Hour),
            "d" => (4, Unit::Day),
            "w" => (5, Unit::Week),
            _ => return None,
        };
        // Each unit once, the largest first.
        if rank >= last {
            return None;
        }
        last = rank;
        total = total.plus(Length::of(count, unit)?)?;
        rest = &rest[digits + letters..];
    }
    (last != u32::MAX).then_some(total)
}

/// One number with its unit. `article`: "a" counts as a number.
fn part(cursor: &mut Cursor<'_>) -> Result<Option<Length>, Fault> {
    let read = |cursor: &mut Cursor<'_>| -> Result<Option<Length>, Fault> {
        if let Some(Token::Length(length)) = cursor.peek() {
            cursor.step(1);
            return Ok(Some(length));
        }
        if let Some(Token::Dotted {
            whole,
            fraction,
            digits,
        }) = cursor.peek()
        {
            let Some(Token::Unit { unit, .. }) = cursor.ahead(1) else {
                return Ok(None);
            };
            cursor.step(2);
            let scale = 10_u32.pow(digits as u32);
            return match Length::of(1, unit).and_then(Length::in_seconds).map(|one| {
                let hundredths = u64::from(whole) * u64::from(scale) + u64::from(fraction);
                (hundredths * u64::from(one), u64::from(scale))
            }) {
                Some((seconds, scale)) if seconds % scale == 0 => {
                    Ok((seconds / scale).try_into().ok().map(|seconds| Length {
                        seconds,
                        ..Length::default()
                    }))
                }
                _ => wrong("a fraction of that is no whole number of seconds: use a smaller unit."),
            };
        }
        if cursor.eat(&["half", "a"])
            || cursor.eat(&["half", "an"])
            || cursor.eat(&["a", "half"])
            || cursor.eat(&["half"])
        {
            let Some(Token::Unit { unit, .. }) = cursor.peek() else {
                return Ok(None);
            };
            cursor.step(1);
            return half(unit).map(Some);
        }
        if cursor.eat(&["a", "quarter", "of", "an", "hour"]) || cursor.eat(&["quarter", "of", "an", "hour"]) {
            return Ok(Length::of(15, Unit::Minute));
        }
        if cursor.eat(&["three", "quarters", "of", "an", "hour"]) {
            return Ok(Length::of(45, Unit::Minute));
        }
        for vague in ["few", "couple", "several", "some"] {
            if cursor.eat(&[vague]) || cursor.eat(&["a", vague]) {
                return wrong(format!("`{vague}` is no number: say how many."));
            }
        }
        if cursor.eat(&["a", "fortnight"]) || cursor.eat(&["one", "fortnight"]) {
            return Ok(Length::of(2, Unit::Week));
        }
        let article = cursor.one_of(&["a", "an"]);
        let count = if article {
            1
        } else {
            match cursor.number() {
                Some((count, _)) => count,
                None => return Ok(None),
            }
        };
        let halves = !article && cursor.eat(&["and", "a", "half"]);
        let unit = match (cursor.peek(), cursor.text(0)) {
            (Some(Token::Unit { unit, .. }), _) => unit,
            // After a number on its own the letters are units too.
            (_, "h") if !article => Unit::Hour,
            (_, "m") if !article => Unit::Minute,
            (_, "s") if !article => Unit::Second,
            (_, "d") if !article => Unit::Day,
            (_, "w") if !article => Unit::Week,
            (_, "fortnights") if !article => {
                cursor.step(1);
                return Ok(count
                    .checked_mul(2)
                    .and_then(|count| Length::of(count, Unit::Week)));
            }
            _ => return Ok(None),
        };
        cursor.step(1);
        if count == 0 {
            return wrong("0 is no length of time.");
        }
        let Some(length) = Length::of(count, unit) else {
            return wrong("that is too long.");
        };
        if halves || (article && cursor.eat(&["and", "a", "half"])) {
            return match length.plus(half(unit)?) {
                Some(length) => Ok(Some(length)),
                None => wrong("that is too long."),
            };
        }
        Ok(Some(length))
    };
    cursor.attempt(read)
}

fn half(unit: Unit) -> Result<Length, Fault> {
    match unit {
        Unit::Year => Ok(Length {
            months: 6,
            ..Length::default()
        }),
        Unit::Month | Unit::Quarter => wrong("half a month is no fixed number of days: say how many."),
        _ => {
            let seconds = Length::of(1, unit).and_then(Length::in_seconds).unwrap_or(0) / 2;
            Ok(Length {
                seconds,
                ..Length::default()
            })
        }
    }
}

/// "2 hours and 30 minutes", "1 day, 2 hours", "1h 30m".
pub(super) fn length(cursor: &mut Cursor<'_>) -> Result<Option<Length>, Fault> {
    let Some(mut total) = part(cursor)? else {
        return Ok(None);
    };
    loop {
        let more = cursor.attempt(|cursor| {
            cursor.separator();
            part(cursor)
        })?;
        match more {
            Some(more) => match total.plus(more) {
                Some(sum) => total = sum,
                None => return wrong("that is too long."),
            },
            None => return Ok(Some(total)),
        }
    }
}
