//! One time.

use chrono::{Datelike, NaiveDateTime, NaiveTime, TimeDelta};

use super::clock::Clock;
use super::cursor::{Fault, wrong};
use super::phrase::{Days, Phrase, Relative};
use super::token::{Part, Unit};
use super::{Meaning, Said, assumed};
use crate::trigger::limits::{CLOSING_HOUR, DEFAULT_HOUR, YEAR_LAST};

pub(super) fn naive(clock: Clock) -> NaiveTime {
    NaiveTime::from_hms_opt(clock.hour, clock.minute, 0).unwrap_or(NaiveTime::MIN)
}

/// What a phrase that does not repeat means.
pub(super) fn resolve(phrase: &Phrase, now: NaiveDateTime) -> Result<Said, Fault> {
    if phrase.start.is_some() || phrase.end.is_some() || phrase.lasting.is_some() || phrase.except != 0 {
        return wrong(
            "it names a start, an end or an exception, but not how often: add \"every day\" or the like.",
        );
    }
    if phrase.window.is_some() {
        return wrong(
            "it names a stretch of the day: write how often in it, as in \"every hour between 9 and 17\".",
        );
    }
    if phrase.minute.is_some() {
        return wrong("it names a minute without an hour: write \"every hour at :30\" or the whole time.");
    }
    if phrase.clocks.len() > 1 {
        return wrong(
            "it names several times of day for one run: write \"every day at 9 and 17\", or name one time.",
        );
    }
    let days = &phrase.days;
    if phrase.now {
        if !phrase.clocks.is_empty() || !days.is_empty() {
            return wrong("it says now and another time.");
        }
        return Ok(Said::new(Meaning::Now));
    }
    let clock = phrase.clocks.first().copied();
    if let Some(Relative::In(length)) = days.relative {
        let plain = clock.is_none() && !days.selects() && days.part.is_none();
        if plain {
            within_years(length.after(now))?;
            return Ok(Said::new(Meaning::After(length)));
        }
        if !length.whole_days() {
            return wrong(
                "it names a length in hours or minutes and a day or time besides: give one of them.",
            );
        }
    }
    if clock.is_none() && days.is_empty() {
        return wrong("it names no time.");
    }
    let mut said = Said::new(Meaning::Now);
    let clock = clock_of(days, clock, &mut said)?;
    let (today, time) = (now.date(), naive(clock));
    let tomorrow = today.succ_opt().unwrap_or(today);
    let first = if time > now.time() { today } else { tomorrow };
    let mut day = match days.relative {
        // The week of work ends on Friday.
        Some(Relative::End(Unit::Week, _)) => {
            let sunday = days.date(now, first, &mut said.notes)?;
            sunday.checked_sub_signed(TimeDelta::days(2)).unwrap_or(sunday)
        }
        _ => days.date(now, first, &mut said.notes)?,
    };
    if time == NaiveTime::MIN && !days.is_empty() {
        if days.relative == Some(Relative::Day(0)) {
            day = tomorrow;
        } else {
            said.notes.push(format!(
                "Midnight is the start of a day: {} 00:00.",
                day.format("%Y-%m-%d")
            ));
        }
    }
    let at = day.and_time(time);
    if at <= now {
        return wrong(format!(
            "{} is past: it is now {}. Name a later time.",
            at.format("%Y-%m-%d %H:%M"),
            now.format("%Y-%m-%d %H:%M")
        ));
    }
    within_years(Some(at))?;
    said.meaning = Meaning::At(at);
    Ok(said)
}

/// Refuses what lies beyond the years that schedules know.
fn within_years(at: Option<NaiveDateTime>) -> Result<(), Fault> {
    match at {
        Some(at) if at.year() <= YEAR_LAST => Ok(()),
        _ => wrong(format!("that is after the year {YEAR_LAST}.")),
    }
}

/// Refuses hours after midnight as a night of a certain day.
pub(super) fn night_of(part: Part, clock: Clock) -> Result<(), Fault> {
    if part == Part::Night && clock.hour < 12 {
        return wrong(format!(
            "{} at night lies between two days: name the day after midnight, as in \"saturday at {}\".",
            clock.shown(),
            clock.shown()
        ));
    }
    Ok(())
}

/// The time of day, and a note where it was assumed.
fn clock_of(days: &Days, clock: Option<Clock>, said: &mut Said) -> Result<Clock, Fault> {
    match (clock, days.part) {
        (Some(clock), Some(part)) => {
            // "midnight tonight"
            let midnight = clock.minutes() == 0 && !clock.bare;
            let placed = part.place(clock)?;
            let tonight = days.relative == Some(Relative::Day(0));
            let named = days.selects() || days.relative.is_some();
            if named && !(tonight && midnight) {
                night_of(part, placed)?;
            }
            Ok(placed)
        }
        (Some(clock), None) => Ok(clock),
        (None, part) => {
            let hour = match (part, days.relative) {
                (Some(part), _) => part.hour(),
                (None, Some(Relative::End(..))) => CLOSING_HOUR,
                (None, _) if days.closing => CLOSING_HOUR,
                (None, _) => DEFAULT_HOUR,
            };
            assumed(said, hour);
            Ok(Clock::new(hour, 0))
        }
    }
}
