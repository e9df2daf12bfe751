//! Days as words to a day of the calendar.

use chrono::{Datelike, Months, NaiveDate, NaiveDateTime, TimeDelta};

use super::cursor::{Fault, wrong};
use super::phrase::{Days, LAST, Relative};
use super::token::Unit;

const MONTH_NAMES: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAY_NAMES: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// Years that a yearless date is looked for in: February 29 may be 8 years ahead.
const YEARS_AHEAD: i32 = 8;

pub(super) fn month_name(month: u32) -> &'static str {
    MONTH_NAMES.get(month as usize - 1).copied().unwrap_or("")
}

pub(super) fn day_name(day: u32) -> &'static str {
    DAY_NAMES.get(day as usize).copied().unwrap_or("")
}

/// The numbers of the set bits.
pub(super) fn bits(mask: u32) -> impl Iterator<Item = u32> {
    (0..32).filter(move |bit| mask >> bit & 1 == 1)
}

fn far<T>() -> Result<T, Fault> {
    wrong("that is outside of the calendar.")
}

fn plus(day: NaiveDate, days: i64) -> Result<NaiveDate, Fault> {
    day.checked_add_signed(TimeDelta::days(days)).map_or_else(far, Ok)
}

fn months_ahead(day: NaiveDate, months: u32) -> Result<NaiveDate, Fault> {
    let first = day.with_day(1).unwrap_or(day);
    first.checked_add_months(Months::new(months)).map_or_else(far, Ok)
}

/// The last day of a day's month.
fn month_end(day: NaiveDate) -> Result<NaiveDate, Fault> {
    plus(months_ahead(day, 1)?, -1)
}

/// Monday of a day's week.
pub(in crate::trigger) fn week_start(day: NaiveDate) -> NaiveDate {
    day.checked_sub_signed(TimeDelta::days(i64::from(day.weekday().num_days_from_monday())))
        .unwrap_or(day)
}

fn weekday_in_week(monday: NaiveDate, weekday: u32) -> Result<NaiveDate, Fault> {
    plus(monday, i64::from((weekday + 6) % 7))
}

/// The counted weekday of a month.
fn nth_of_month(first: NaiveDate, weekday: u32, nth: u8) -> Result<Option<NaiveDate>, Fault> {
    let skip = (weekday + 7 - first.weekday().num_days_from_sunday()) % 7;
    if nth == LAST {
        let end = month_end(first)?;
        let back = (end.weekday().num_days_from_sunday() + 7 - weekday) % 7;
        return plus(end, -i64::from(back)).map(Some);
    }
    let day = plus(first, i64::from(skip + 7 * (nth.trailing_zeros() - 1)))?;
    Ok((day.month() == first.month()).then_some(day))
}

/// Whether a day exists in a month of some year.
pub(super) fn exists(month: u32, day: u32) -> bool {
    NaiveDate::from_ymd_opt(2028, month, day).is_some()
}

fn no_such_day<T>(month: u32, day: u32) -> Result<T, Fault> {
    wrong(format!("{} {day} does not exist.", month_name(month)))
}

fn several<T>() -> Result<T, Fault> {
    Err(Fault::Several(
        "it names several days and not that they repeat: write \"every monday and friday\" or \"on the 1st and 15th of \
         every month\"."
            .to_owned(),
    ))
}

fn agree(day: NaiveDate, days: &Days) -> Result<NaiveDate, Fault> {
    let weekday = day.weekday().num_days_from_sunday();
    let fits = (days.weekdays == 0 || days.nth != 0 || days.weekdays >> weekday & 1 == 1)
        && (days.monthdays == 0 || days.monthdays >> day.day() & 1 == 1)
        && (days.months == 0 || days.months >> day.month() & 1 == 1);
    if fits {
        Ok(day)
    } else {
        wrong(format!(
            "it contradicts itself: {} is a {}.",
            day.format("%Y-%m-%d"),
            day_name(weekday)
        ))
    }
}

impl Days {
    /// The one day that is meant: not before `first`, unless the words name it for certain.
    pub(super) fn date(
        &self,
        now: NaiveDateTime,
        first: NaiveDate,
        notes: &mut Vec<String>,
    ) -> Result<NaiveDate, Fault> {
        if self.again
            || self.weekdays.count_ones() > 1
            || self.nth.count_ones() > 1
            || self.monthdays.count_ones() + u32::from(self.last_day) > 1
            || self.months.count_ones() > 1
        {
            return several();
        }
        if self.nth != 0 && (self.monthdays != 0 || self.last_day) {
            return wrong("it names a weekday of the month and a day of the month: give one of them.");
        }
        let today = now.date();
        let named = match self.relative {
            None => return self.named(now, first, notes),
            Some(Relative::Day(n)) => plus(today, i64::from(n))?,
            Some(Relative::In(length)) => {
                let day = length.days_after(now).map_or_else(far, Ok)?.date();
                let weeks = length.days == 0 && length.months == 0;
                if self.weekdays != 0 && weeks {
                    let weekday = self.weekdays.trailing_zeros();
                    let within = weekday_in_week(week_start(day), weekday)?;
                    let tomorrow = plus(today, 1)?;
                    let skip = (weekday + 7 - tomorrow.weekday().num_days_from_sunday()) % 7;
                    let after = plus(tomorrow, i64::from(skip) + 7 * i64::from(length.weeks))?;
                    if within != after {
                        return wrong(format!("it may mean {within} or {after}: write the date."));
                    }
                    return Ok(within);
                }
                day
            }
            Some(Relative::From(length)) => {
                let base = Days {
                    relative: None,
                    ..self.clone()
                };
                let day = base.date(now, plus(today, 1)?, notes)?;
                let day = length.days_after(day.and_time(now.time()));
                return day.map_or_else(far, |day| Ok(day.date()));
            }
            Some(Relative::Next(Unit::Week, n)) => {
                let monday = plus(week_start(today), 7 * i64::from(n))?;
                if self.weekdays == 0 {
                    if n == 0 {
                        return wrong("`this week` is no day: name the weekday, as in \"this friday\".");
                    }
                    notes.push("No weekday was named; Monday is taken.".to_owned());
                    monday
                } else {
                    weekday_in_week(monday, self.weekdays.trailing_zeros())?
                }
            }
            Some(Relative::Next(Unit::Month, n)) => return self.in_month(months_ahead(today, n)?, notes),
            Some(Relative::Next(_, n)) => {
                let year = today.year() + i32::try_from(n).unwrap_or(0);
                let dated = Days {
                    relative: None,
                    year: Some(year),
                    months: if self.months == 0 { 1 << 1 } else { self.months },
                    monthdays: if self.months == 0 && self.monthdays == 0 && !self.last_day {
                        notes.push("No day was named; January 1 is taken.".to_owned());
                        1 << 1
                    } else {
                        self.monthdays
                    },
                    ..self.clone()
                };
                return dated.named(now, first, notes);
            }
            Some(Relative::End(unit, n)) => match unit {
                Unit::Week => plus(week_start(today), 6 + 7 * i64::from(n))?,
                Unit::Month => month_end(months_ahead(today, n)?)?,
                Unit::Year => {
                    match NaiveDate::from_ymd_opt(today.year() + i32::try_from(n).unwrap_or(0), 12, 31) {
                        Some(day) => day,
                        None => return far(),
                    }
                }
                _ => plus(today, i64::from(n))?,
            },
        };
        agree(named, self)
    }

    /// A day of the month that begins with `first`.
    fn in_month(&self, first: NaiveDate, notes: &mut Vec<String>) -> Result<NaiveDate, Fault> {
        let day = if self.nth != 0 {
            match nth_of_month(first, self.weekdays.trailing_zeros(), self.nth)? {
                Some(day) => day,
                None => return wrong(format!("{} has no such weekday.", first.format("%B %Y"))),
            }
        } else if self.last_day {
            month_end(first)?
        } else if self.monthdays != 0 {
            let day = self.monthdays.trailing_zeros();
            match first.with_day(day) {
                Some(day) => day,
                None => return no_such_day(first.month(), day),
            }
        } else if self.weekdays != 0 {
            return wrong("a month has several of that weekday: write \"the first monday of next month\".");
        } else {
            notes.push("No day of the month was named; the 1st is taken.".to_owned());
            first
        };
        agree(day, self)
    }

    /// The next day with this name.
    fn named(
        &self,
        now: NaiveDateTime,
        first: NaiveDate,
        notes: &mut Vec<String>,
    ) -> Result<NaiveDate, Fault> {
        let today = now.date();
        if self.months != 0 {
            let month = self.months.trailing_zeros();
            if self.monthdays != 0 && !exists(month, self.monthdays.trailing_zeros()) {
                return no_such_day(month, self.monthdays.trailing_zeros());
            }
            if self.weekdays != 0 && self.nth == 0 && self.monthdays == 0 && !self.last_day {
                return wrong("a month has several of that weekday: write \"the first monday of june\".");
            }
            let begin = |year: i32| NaiveDate::from_ymd_opt(year, month, 1).map_or_else(far, Ok);
            if let Some(year) = self.year {
                let day = self.in_month(begin(year)?, notes)?;
                if day < today {
                    return wrong(format!("{} is past.", day.format("%Y-%m-%d")));
                }
                return Ok(day);
            }
            for year in today.year()..=today.year() + YEARS_AHEAD {
                let mut said = Vec::new();
                let begin = begin(year)?;
                // February 29 waits for a year that has it.
                if self.monthdays != 0 && begin.with_day(self.monthdays.trailing_zeros()).is_none() {
                    continue;
                }
                let dated = Days {
                    weekdays: if self.nth == 0 { 0 } else { self.weekdays },
                    ..self.clone()
                };
                let Ok(day) = dated.in_month(begin, &mut said) else {
                    continue;
                };
                if day == today && first > today {
                    return wrong(format!(
                        "{} {} is today, and that time of day is past: name a later time, or the year.",
                        month_name(month),
                        day.day()
                    ));
                }
                if day >= first {
                    notes.append(&mut said);
                    return agree(day, self);
                }
            }
            return far();
        }
        if self.nth != 0 {
            return wrong(
                "it does not say of which month: write \"on the first monday of the month\" for every month, or \"of next \
                 month\" for one.",
            );
        }
        if self.last_day {
            return wrong(
                "it does not say of which month: write \"on the last day of the month\" for every month, or \"end of the \
                 month\" for this one.",
            );
        }
        if self.monthdays != 0 {
            let day = self.monthdays.trailing_zeros();
            for ahead in 0..3 {
                if let Some(found) = months_ahead(today, ahead)?
                    .with_day(day)
                    .filter(|found| *found >= first)
                {
                    return agree(found, self);
                }
            }
            return far();
        }
        if self.weekdays != 0 {
            let from = if self.next {
                plus(today, 1)?.max(first)
            } else {
                first
            };
            let weekday = self.weekdays.trailing_zeros();
            let skip = (weekday + 7 - from.weekday().num_days_from_sunday()) % 7;
            let day = plus(from, i64::from(skip))?;
            if self.next && day < plus(week_start(today), 7)? {
                notes.push(format!(
                    "\"next {}\" is taken as the coming one, {}.",
                    day_name(weekday).to_lowercase(),
                    day.format("%Y-%m-%d")
                ));
            }
            return Ok(day);
        }
        Ok(first)
    }
}
