//! Times that repeat: an interval, or cron with a cadence.

use chrono::{NaiveDateTime, NaiveTime, TimeDelta};

use super::clock::Clock;
use super::cursor::{Fault, wrong};
use super::date::{bits, exists, month_name};
use super::fields::days_of;
use super::frequency::{closing, several_times};
use super::horizon::{borrow_clock, limits};
use super::once::night_of;
use super::phrase::{Bound, Every, Phrase};
use super::times::Times;
use super::token::Unit;
use super::{Meaning, Said, assumed};
use crate::trigger::cron::Pattern;
use crate::trigger::limits::{CLOSING_HOUR, DEFAULT_HOUR, INTERVAL_SECONDS_MAX, INTERVAL_SECONDS_MIN};

/// Seconds of a day.
const DAY: u32 = 86_400;

/// What a phrase that repeats means.
pub(super) fn resolve(mut phrase: Phrase, now: NaiveDateTime) -> Result<Said, Fault> {
    let mut said = Said::new(Meaning::Now);
    if phrase.once || phrase.now {
        return wrong(
            "it says once and that it repeats: give one of them, or a start as in \"every day starting tomorrow\".",
        );
    }
    closing(&mut phrase)?;
    if phrase.days.relative.is_some() || phrase.days.next || phrase.days.tonight || phrase.days.year.is_some()
    {
        return wrong(
            "it names one day and that it repeats: for a start write \"starting tomorrow\", for an end \"until friday\".",
        );
    }
    several_times(&mut phrase, &mut said)?;
    for month in bits(phrase.days.months.into()) {
        let missing = |day: &u32| !exists(month, *day);
        if phrase.days.months.count_ones() == 1
            && let Some(day) = bits(phrase.days.monthdays).find(missing)
        {
            return wrong(format!("{} {day} does not exist.", month_name(month)));
        }
    }
    borrow_clock(&mut phrase)?;
    let daily = !matches!(phrase.every, Some(Every::Seconds(_)));
    let (start, end) = limits(&phrase, now, daily, &mut said)?;
    (said.start, said.end) = (start, end);
    if is_interval(&phrase) {
        said.meaning = Meaning::Interval(interval(&phrase)?);
        return Ok(said);
    }
    let times = if daily {
        times_of_day(&phrase, &mut said)?
    } else {
        within_the_day(&phrase, &mut said)?
    };
    let (fields, every) = days_of(&phrase, &mut said)?;
    let cron = format!("{times} {fields}");
    if every.is_some() {
        let from = start.map_or(now, |start| (start - TimeDelta::nanoseconds(1)).max(now));
        let first = Pattern::parse(&cron)
            .ok()
            .and_then(|pattern| pattern.next_local(from));
        let Some(first) = first else {
            return wrong("no such day comes.");
        };
        // Counting starts with the day of the first fire, so that the phase is plain.
        let day = first.date().and_time(NaiveTime::MIN);
        said.start = Some(start.map_or(day, |start| start.max(day)));
    }
    said.meaning = Meaning::Cron { cron, every };
    Ok(said)
}

/// Whether the words set a start by themselves, to count from.
pub(super) fn has_cadence(phrase: &Phrase) -> bool {
    matches!(phrase.every, Some(Every::Calendar { count: 2.., .. })) && !is_interval(phrase)
}

/// Plain "every 2 hours", "every 3 days": seconds between fires.
pub(super) fn is_interval(phrase: &Phrase) -> bool {
    let plain = !phrase.days.selects()
        && phrase.days.part.is_none()
        && phrase.minute.is_none()
        && phrase.window.is_none()
        && phrase.except == 0;
    let from_a_day = phrase.start.as_ref().is_some_and(|start| !start.now);
    match phrase.every {
        Some(Every::Seconds(_)) => plain,
        Some(Every::Calendar {
            count: 2..,
            unit: Unit::Day | Unit::Week,
        }) => plain && phrase.clocks.is_empty() && !from_a_day,
        _ => false,
    }
}

fn interval(phrase: &Phrase) -> Result<u32, Fault> {
    let seconds = match phrase.every {
        Some(Every::Seconds(seconds)) => Some(seconds),
        Some(Every::Calendar {
            count,
            unit: Unit::Week,
        }) => count.checked_mul(7 * DAY),
        Some(Every::Calendar { count, .. }) => count.checked_mul(DAY),
        None => None,
    };
    if !phrase.clocks.is_empty() {
        let clock = phrase.clocks[0].shown();
        return wrong(format!(
            "it repeats within the day and names one time of day: write \"starting at {clock}\" for the first, \"every day \
             at {clock}\", or \"every hour from {clock} to 17:00\"."
        ));
    }
    match seconds {
        Some(seconds) if seconds < INTERVAL_SECONDS_MIN => wrong(format!(
            "the shortest interval is {INTERVAL_SECONDS_MIN} seconds."
        )),
        Some(seconds) if seconds <= INTERVAL_SECONDS_MAX => Ok(seconds),
        _ => wrong("the longest interval is 366 days."),
    }
}

fn times_of_day(phrase: &Phrase, said: &mut Said) -> Result<Times, Fault> {
    if phrase.window.is_some() {
        return wrong(
            "it names a stretch of the day: write how often in it, as in \"every hour from 9 to 17\".",
        );
    }
    if phrase.minute.is_some() {
        return wrong("it names a minute without an hour: write \"every hour at :30\" or the whole time.");
    }
    let mut clocks = phrase.clocks.clone();
    match phrase.days.part {
        Some(part) if clocks.is_empty() => {
            assumed(said, part.hour());
            clocks.push(Clock::new(part.hour(), 0));
        }
        Some(part) => {
            for clock in &mut clocks {
                *clock = part.place(*clock)?;
                if phrase.days.selects() {
                    night_of(part, *clock)?;
                }
            }
        }
        None if clocks.is_empty() => {
            let hour = if phrase.days.closing {
                CLOSING_HOUR
            } else {
                DEFAULT_HOUR
            };
            assumed(said, hour);
            clocks.push(Clock::new(hour, 0));
        }
        None => {}
    }
    Times::listed(&clocks)
}

fn within_the_day(phrase: &Phrase, said: &mut Said) -> Result<Times, Fault> {
    let seconds = match phrase.every {
        Some(Every::Seconds(seconds)) => seconds,
        _ => 0,
    };
    if seconds == 0 || seconds % 60 != 0 {
        return wrong(
            "within certain days or hours it repeats by whole minutes: name a number of minutes or hours.",
        );
    }
    if phrase.days.part.is_some() {
        return wrong("it names a part of the day: write its hours, as in \"from 9:00 to 12:00\".");
    }
    if !phrase.clocks.is_empty() {
        interval(phrase)?;
    }
    let hour = |bound: &Bound| bound.clock.is_some() && bound.days.is_empty();
    if [&phrase.start, &phrase.end].into_iter().flatten().any(hour) {
        return wrong(
            "it names one end of a stretch of the day: name both, as in \"every hour from 9 to 17 on weekdays\".",
        );
    }
    Times::stepped(
        seconds / 60,
        phrase.window,
        phrase.minute,
        phrase.days.selects() || phrase.except != 0,
        &mut said.notes,
    )
}
