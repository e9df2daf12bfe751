//! Start and end of a repeating schedule as local times.

use chrono::{NaiveDateTime, NaiveTime, TimeDelta};

use super::clock::Clock;
use super::cursor::{Fault, wrong};
use super::once::naive;
use super::phrase::{Bound, Days, Every, Phrase, Relative};
use super::{Said, assumed};

/// "every day starting monday at 9": where the schedule lacks a time of day, its start's is its own.
pub(super) fn borrow_clock(phrase: &mut Phrase) -> Result<(), Fault> {
    if matches!(phrase.every, Some(Every::Seconds(_))) {
        // "every 2 hours starting tomorrow", "at 9": the start's.
        if phrase.clocks.len() == 1
            && let Some(start) = phrase
                .start
                .as_mut()
                .filter(|start| start.clock.is_none() && !start.now)
        {
            start.clock = phrase.clocks.pop();
        }
        return Ok(());
    }
    if !phrase.clocks.is_empty() || phrase.days.part.is_some() {
        return Ok(());
    }
    if let Some(start) = phrase.start.as_mut() {
        // "every day starting at 9", "every day starting monday at 9"
        start.now |= start.clock.is_some() && start.days.is_empty();
        phrase.clocks.extend(start.clock.take());
    }
    // "from june 10 to june 20 at 9"
    if let (Some(start), Some(end)) = (&phrase.start, &mut phrase.end)
        && phrase.clocks.is_empty()
        && !start.days.is_empty()
        && !end.days.is_empty()
    {
        phrase.clocks.extend(end.clock.take());
    }
    let end = phrase.end.as_ref().and_then(|end| end.clock);
    if let Some(clock) = end.filter(|_| phrase.clocks.is_empty()) {
        return wrong(format!(
            "{0} may be the time of each run or of the end: write \"every day at {0} until friday\", or both times.",
            clock.shown()
        ));
    }
    Ok(())
}

/// Start and end as local times.
pub(super) fn limits(
    phrase: &Phrase,
    now: NaiveDateTime,
    daily: bool,
    said: &mut Said,
) -> Result<(Option<NaiveDateTime>, Option<NaiveDateTime>), Fault> {
    let start = match &phrase.start {
        Some(bound) if !bound.now => Some(start(bound, now, daily, said)?),
        _ => None,
    };
    let hour = |bound: &Option<Bound>| {
        let bound = bound.as_ref();
        bound.is_some_and(|bound| bound.clock.is_some() && bound.days.is_empty())
    };
    if hour(&phrase.start) && hour(&phrase.end) {
        return wrong(
            "it may mean one day or every day: write \"from 9 to 17\" for every day, or name the days.",
        );
    }
    let past = |end: NaiveDateTime| {
        wrong(format!(
            "its end, {}, is past: it is now {}.",
            end.format("%Y-%m-%d %H:%M"),
            now.format("%Y-%m-%d %H:%M")
        ))
    };
    let end = match (&phrase.end, phrase.lasting) {
        (Some(bound), _) => Some(end(bound, now, said)?),
        (None, Some(length)) => {
            let from = start.unwrap_or(now);
            let Some(end) = length.after(from) else {
                return wrong("its end is outside of the calendar.");
            };
            // Whole days from midnight end with the day before.
            let midnight = end.time() == NaiveTime::MIN && from.time() == NaiveTime::MIN;
            Some(if midnight {
                end - TimeDelta::seconds(1)
            } else {
                end
            })
        }
        _ => None,
    };
    match (start, end) {
        (_, Some(end)) if end <= now => past(end),
        (Some(start), Some(end)) if end < start => wrong("its end is before its start."),
        _ => Ok((start, end)),
    }
}

/// The next time the clock shows this.
fn coming(clock: Clock, now: NaiveDateTime) -> NaiveDateTime {
    let today = now.date().and_time(naive(clock));
    if today > now {
        today
    } else {
        today.checked_add_signed(TimeDelta::days(1)).unwrap_or(today)
    }
}

fn part_clock(bound: &Bound, said: &mut Said) -> Result<Option<Clock>, Fault> {
    Ok(match (bound.clock, bound.days.part) {
        (Some(clock), Some(part)) => Some(part.place(clock)?),
        (None, Some(part)) => {
            assumed(said, part.hour());
            Some(Clock::new(part.hour(), 0))
        }
        (clock, None) => clock,
    })
}

fn start(bound: &Bound, now: NaiveDateTime, daily: bool, said: &mut Said) -> Result<NaiveDateTime, Fault> {
    let clock = part_clock(bound, said)?;
    if bound.days.is_empty() {
        return Ok(coming(clock.unwrap_or(Clock::new(0, 0)), now));
    }
    if let (Some(Relative::In(length)), None, false) = (bound.days.relative, clock, daily)
        && let Some(at) = length.after(now)
    {
        return Ok(at);
    }
    if let Some(Relative::In(length)) = bound.days.relative
        && !length.whole_days()
    {
        return wrong("a start in hours or minutes goes with hours or minutes: name its day.");
    }
    let mut notes = Vec::new();
    let day = bounded(&bound.days).date(now, now.date(), &mut notes)?;
    // Next week and next month begin with their first day: nothing was assumed.
    if !matches!(bound.days.relative, Some(Relative::Next(..))) {
        said.notes.append(&mut notes);
    }
    Ok(day.and_time(clock.map_or(NaiveTime::MIN, naive)))
}

/// "from june": its first day.
fn bounded(days: &Days) -> Days {
    let mut days = days.clone();
    if days.months != 0 && days.monthdays == 0 && days.nth == 0 && !days.last_day {
        days.monthdays = 1 << 1;
    }
    days
}

fn end(bound: &Bound, now: NaiveDateTime, said: &mut Said) -> Result<NaiveDateTime, Fault> {
    let clock = part_clock(bound, said)?;
    if bound.now {
        return wrong("its end is now.");
    }
    if bound.days.is_empty() {
        return Ok(coming(clock.unwrap_or(Clock::new(0, 0)), now));
    }
    if let (Some(Relative::In(length)), None) = (bound.days.relative, clock)
        && let Some(at) = length.after(now)
    {
        return Ok(at);
    }
    let today = now.date();
    let weekday = bound.days.weekdays != 0 && bound.days.nth == 0;
    // "until monday", said on a Monday, is the next one.
    let first = if weekday {
        today.succ_opt().unwrap_or(today)
    } else {
        today
    };
    let day = bound.days.date(now, first, &mut said.notes)?;
    Ok(match clock {
        Some(clock) => day.and_time(naive(clock)),
        None => day
            .and_hms_opt(23, 59, 59)
            .unwrap_or(day.and_time(NaiveTime::MIN)),
    })
}
