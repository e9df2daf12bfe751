//! The days of a repeating schedule as the last three cron fields, and the cadence beside them.

use chrono::{Datelike, NaiveDate};

use super::Said;
use super::cursor::{Fault, wrong};
use super::date::{bits, day_name, month_name};
use super::phrase::{Days, EVERY_WEEKDAY, Every, LAST, Phrase};
use super::times::{list, ranges};
use super::token::Unit;
use crate::bindings::types::{CalendarInterval, CalendarUnit};
use crate::trigger::cron::WEEKDAYS;
use crate::trigger::limits::CADENCE_MAX;

const QUARTER_STARTS: u16 = 1 << 1 | 1 << 4 | 1 << 7 | 1 << 10;

const QUARTER_ENDS: u16 = 1 << 3 | 1 << 6 | 1 << 9 | 1 << 12;

/// The fields, and which of their days count.
pub(super) type Fields = (String, Option<CalendarInterval>);

fn cadence(count: u32, unit: CalendarUnit) -> Result<Option<CalendarInterval>, Fault> {
    match count {
        0 => wrong("0 is no distance."),
        1 => Ok(None),
        count if count <= CADENCE_MAX => Ok(Some(CalendarInterval { count, unit })),
        _ => wrong(format!(
            "the longest distance is {CADENCE_MAX} days, weeks or months."
        )),
    }
}

fn weekday_field(mask: u8) -> String {
    if mask == 0 || mask == EVERY_WEEKDAY {
        "*".to_owned()
    } else {
        ranges(&bits(mask.into()).collect::<Vec<_>>())
    }
}

fn month_field(mask: u16) -> String {
    if mask == 0 {
        "*".to_owned()
    } else {
        list(&bits(mask.into()).collect::<Vec<_>>(), 1, 12)
    }
}

/// `MON#1,MON#3`.
fn counted_field(weekdays: u8, nth: u8) -> String {
    let name = WEEKDAYS[weekdays.trailing_zeros() as usize % 7];
    let mut entries: Vec<String> = bits(u32::from(nth & !LAST))
        .map(|n| format!("{name}#{n}"))
        .collect();
    if nth & LAST != 0 {
        entries.push(format!("{name}#L"));
    }
    entries.join(",")
}

fn monthday_field(days: &Days) -> String {
    let mut entries: Vec<String> = bits(days.monthdays).map(|day| day.to_string()).collect();
    if days.last_day {
        entries.push("L".to_owned());
    }
    entries.join(",")
}

/// The last three cron fields, and the cadence.
pub(super) fn days_of(phrase: &Phrase, said: &mut Said) -> Result<Fields, Fault> {
    let mut days = phrase.days.clone();
    let of_month = days.monthdays != 0 || days.last_day || days.nth != 0;
    if days.weekdays != 0 && days.nth == 0 && of_month {
        return wrong(
            "it repeats on a weekday and on a day of the month: one schedule is by weekday or by day of the month.",
        );
    }
    one_kind(&days)?;
    if matches!(phrase.every, Some(Every::Seconds(_))) && of_month && !(days.again && days.months == 0) {
        return wrong(
            "it may mean one such day or each: write \"on the 1st of every month\", or the start and the end of the one day.",
        );
    }
    let (count, unit) = match phrase.every {
        Some(Every::Calendar { count, unit }) => (count, Some(unit)),
        Some(Every::Seconds(_)) | None => (1, None),
    };
    except(&mut days, phrase.except, unit)?;
    let every = match unit {
        None => {
            if days.months != 0 && !of_month && days.weekdays == 0 && phrase.every.is_none() {
                first_of_month(&mut days, said);
            }
            None
        }
        Some(Unit::Day) => {
            let one_day = days.weekdays.count_ones() == 1;
            if of_month || (days.weekdays != 0 && phrase.except == 0 && (count > 1 || one_day)) {
                return wrong("it says every day and names certain days: leave out one of them.");
            }
            if count > 1 && (days.months != 0 || days.weekdays != 0) {
                return wrong("a count of days cannot be limited to weekdays or months: give one of them.");
            }
            cadence(count, CalendarUnit::Day)?
        }
        Some(Unit::Week) => {
            if of_month {
                return wrong(
                    "it says every week and names a day of the month: write \"every month on the 15th\" or name a weekday.",
                );
            }
            match named_start(phrase, said) {
                _ if days.weekdays != 0 => {}
                Some(start) => days.weekdays = 1 << start.weekday().num_days_from_sunday(),
                None => {
                    days.weekdays = 1 << 1;
                    said.notes
                        .push("No weekday was named; Monday is taken.".to_owned());
                }
            }
            if count > 1 && days.months != 0 {
                return wrong("a count of weeks cannot be limited to months: give one of them.");
            }
            cadence(count, CalendarUnit::Week)?
        }
        Some(Unit::Month) => {
            if !of_month && days.weekdays != 0 {
                return wrong(format!(
                    "a month has several of that weekday: write \"every month on the first {}\".",
                    day_name(days.weekdays.trailing_zeros()).to_lowercase()
                ));
            }
            if days.months != 0 {
                return wrong(
                    "it says every month and names a month: write \"every year on june 15\" or leave the month out.",
                );
            }
            match named_start(phrase, said) {
                _ if of_month => {}
                Some(start) => days.monthdays = 1 << start.day(),
                None => first_of_month(&mut days, said),
            }
            cadence(count, CalendarUnit::Month)?
        }
        Some(Unit::Quarter) if count > 1 => {
            return wrong(format!(
                "count months instead: write \"every {} months\".",
                count.saturating_mul(3)
            ));
        }
        Some(Unit::Quarter) => {
            if (!of_month && days.weekdays != 0) || days.months != 0 {
                return wrong(
                    "it says every quarter and names other days: write \"every quarter on the 1st\".",
                );
            }
            days.months = if days.last_day || days.nth & LAST != 0 {
                QUARTER_ENDS
            } else {
                QUARTER_STARTS
            };
            if (days.last_day && days.monthdays != 0) || (days.nth & LAST != 0 && days.nth != LAST) {
                return wrong(
                    "the first and the last of a quarter lie in different months: make two schedules.",
                );
            }
            if !of_month {
                first_of_month(&mut days, said);
            }
            None
        }
        Some(_) if count > 1 && days.months.count_ones() > 1 => {
            return wrong("a count of years goes with one month: make one schedule for each month.");
        }
        Some(_) => {
            if days.months == 0 {
                if days.last_day && days.monthdays == 0 {
                    (days.monthdays, days.last_day, days.months) = (1 << 31, false, 1 << 12);
                } else if days.monthdays == 1 << 1 && !days.last_day {
                    days.months = 1 << 1;
                } else if of_month || days.weekdays != 0 {
                    return wrong("it says every year and names no month: write \"every year on march 3\".");
                } else if let Some(start) = named_start(phrase, said) {
                    (days.monthdays, days.months) = (1 << start.day(), 1 << start.month());
                } else {
                    (days.monthdays, days.months) = (1 << 1, 1 << 1);
                    said.notes
                        .push("No day of the year was named; January 1 is taken.".to_owned());
                }
            } else if !of_month && days.weekdays != 0 {
                return wrong(
                    "a month has several of that weekday: write \"every year on the first monday of june\".",
                );
            } else if !of_month {
                first_of_month(&mut days, said);
            }
            cadence(count.saturating_mul(12), CalendarUnit::Month)?.filter(|_| count > 1)
        }
    };
    if days.months != 0
        && !of_month
        && !matches!(unit, Some(Unit::Quarter | Unit::Year))
        && days.monthdays == 0
    {
        let names: Vec<&str> = bits(days.months.into()).map(month_name).collect();
        said.notes.push(format!(
            "It repeats in {} of every year; for one year name the first and the last day.",
            names.join(", ")
        ));
    }
    short_months(&days, said);
    let months = month_field(days.months);
    let fields = if days.nth != 0 {
        format!("* {months} {}", counted_field(days.weekdays, days.nth))
    } else if days.monthdays != 0 || days.last_day {
        format!("{} {months} *", monthday_field(&days))
    } else {
        format!("* {months} {}", weekday_field(days.weekdays))
    };
    Ok((fields, every))
}

/// The day of a start that was named: "every 2 weeks starting friday" is on Fridays.
fn named_start(phrase: &Phrase, said: &Said) -> Option<NaiveDate> {
    let named = phrase.start.as_ref().is_some_and(|start| !start.days.is_empty());
    said.start.filter(|_| named).map(|start| start.date())
}

/// Refuses days of the month beside counted weekdays.
fn one_kind(days: &Days) -> Result<(), Fault> {
    if days.nth != 0 && (days.monthdays != 0 || days.last_day) {
        return wrong("it names a weekday of the month and a day of the month: give one of them.");
    }
    Ok(())
}

fn first_of_month(days: &mut Days, said: &mut Said) {
    days.monthdays = 1 << 1;
    said.notes
        .push("No day of the month was named; the 1st is taken.".to_owned());
}

fn except(days: &mut Days, except: u8, unit: Option<Unit>) -> Result<(), Fault> {
    if except == 0 {
        return Ok(());
    }
    if days.nth != 0
        || days.monthdays != 0
        || days.last_day
        || matches!(unit, Some(Unit::Month | Unit::Quarter | Unit::Year))
    {
        return wrong(
            "weekdays can be excepted from days or weekdays only, as in \"every day except sunday\".",
        );
    }
    let base = if days.weekdays == 0 {
        EVERY_WEEKDAY
    } else {
        days.weekdays
    };
    if except & !base != 0 {
        return wrong("it excepts a day that it does not name.");
    }
    days.weekdays = base & !except;
    if days.weekdays == 0 {
        return wrong("it excepts every day it names.");
    }
    Ok(())
}

/// Notes that some months have no such day.
fn short_months(days: &Days, said: &mut Said) {
    if days.nth == 1 << 5 {
        said.notes
            .push("Months without a fifth one are left out; for the last one write \"last\".".to_owned());
    }
    let longest = bits(days.monthdays).last().unwrap_or(0);
    let months = if days.months == 0 {
        0b1_1111_1111_1110
    } else {
        days.months
    };
    let missing =
        bits(months.into()).any(|month| chrono::NaiveDate::from_ymd_opt(2027, month, longest).is_none());
    if longest > 28 && missing {
        said.notes.push(format!(
            "Months without a day {longest} are left out; for the last day write \"the last day of the month\"."
        ));
    }
}
