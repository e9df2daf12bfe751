//! Times that repeat: an interval, or cron with a cadence.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::clock::Clock;
use super::cursor::{Fault, wrong};
use super::date::{bits, day_name, exists, month_name};
use super::once::{naive, night_of};
use super::phrase::{Bound, Days, EVERY_WEEKDAY, Every, LAST, Phrase, Relative};
use super::times::{Times, list, ranges};
use super::token::Unit;
use super::{Meaning, Said, assumed};
use crate::bindings::types::{CalendarInterval, CalendarUnit};
use crate::trigger::cron::{Pattern, WEEKDAYS};
use crate::trigger::limits::{
    CADENCE_MAX, CLOSING_HOUR, DEFAULT_HOUR, INTERVAL_SECONDS_MAX, INTERVAL_SECONDS_MIN,
};

const QUARTER_STARTS: u16 = 1 << 1 | 1 << 4 | 1 << 7 | 1 << 10;
const QUARTER_ENDS: u16 = 1 << 3 | 1 << 6 | 1 << 9 | 1 << 12;
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

/// "every month at the end of the month": the last day, when work closes.
fn closing(phrase: &mut Phrase) -> Result<(), Fault> {
    let (Some(Relative::End(end, 0)), Some(Every::Calendar { unit, .. })) =
        (phrase.days.relative, phrase.every)
    else {
        return Ok(());
    };
    if unit != end || phrase.days.selects() {
        return Ok(());
    }
    phrase.days.relative = None;
    phrase.days.closing = true;
    match unit {
        Unit::Week => phrase.days.set_weekdays(1 << 5),
        Unit::Month | Unit::Quarter | Unit::Year => phrase.days.set_monthdays(0, true),
        _ => Ok(()),
    }
}

/// "twice a day" as days, hours or times.
fn several_times(phrase: &mut Phrase, said: &mut Said) -> Result<(), Fault> {
    let Some((count, unit)) = phrase.times else {
        return Ok(());
    };
    if phrase.every.is_some() {
        return wrong("it says twice how often.");
    }
    let differ = |named: u32, what: &str| {
        wrong(format!(
            "it says {count} times a {what} and names {named}: make the two agree."
        ))
    };
    let days = &mut phrase.days;
    let every = match unit {
        Unit::Hour | Unit::Minute => {
            let size = if unit == Unit::Hour { 3_600 } else { 60 };
            if size % count != 0 || (unit == Unit::Hour && 60 % count != 0) {
                return wrong(format!(
                    "{size} seconds cannot be cut into {count} equal parts: name the distance."
                ));
            }
            Every::Seconds(size / count)
        }
        Unit::Day => {
            if phrase.clocks.is_empty() && phrase.window.is_none() {
                let hours: &[u32] = match count {
                    2 => &[9, 17],
                    3 => &[9, 13, 17],
                    4 => &[9, 12, 15, 18],
                    _ => {
                        return wrong(format!(
                            "it does not say at which {count} times: name them, as in \"every day at 9, 12 and 15\"."
                        ));
                    }
                };
                phrase.clocks = hours.iter().map(|hour| Clock::new(*hour, 0)).collect();
                said.assumed_time = true;
                said.notes.push(format!(
                    "No times of day were named; {} are taken.",
                    phrase
                        .clocks
                        .iter()
                        .map(|clock| clock.shown())
                        .collect::<Vec<_>>()
                        .join(", ")
                ));
            }
            let named = u32::try_from(phrase.clocks.len()).unwrap_or(0);
            if named != count {
                return differ(named, "day");
            }
            Every::Calendar { count: 1, unit }
        }
        Unit::Week => {
            if days.weekdays == 0 {
                let taken: &[u32] = match count {
                    2 => &[1, 4],
                    3 => &[1, 3, 5],
                    _ => {
                        return wrong(format!(
                            "it does not say on which {count} days: name them, as in \"every monday and thursday\"."
                        ));
                    }
                };
                days.weekdays = taken.iter().fold(0, |mask, day| mask | 1 << day);
                let names: Vec<&str> = taken.iter().map(|day| day_name(*day)).collect();
                said.notes
                    .push(format!("No weekdays were named; {} are taken.", names.join(", ")));
            }
            if days.weekdays.count_ones() != count {
                return differ(days.weekdays.count_ones(), "week");
            }
            Every::Calendar { count: 1, unit }
        }
        Unit::Month => {
            let named = days.monthdays.count_ones() + u32::from(days.last_day);
            if named == 0 && days.nth == 0 {
                if count != 2 {
                    return wrong(format!(
                        "it does not say on which {count} days: name them, as in \"every month on the 1st and 15th\"."
                    ));
                }
                days.monthdays = 1 << 1 | 1 << 15;
                said.notes
                    .push("No days of the month were named; the 1st and the 15th are taken.".to_owned());
            } else if named.max(days.nth.count_ones()) != count {
                return differ(named.max(days.nth.count_ones()), "month");
            }
            Every::Calendar { count: 1, unit }
        }
        Unit::Year if 12 % count == 0 && days.months == 0 => {
            days.months = (1..=12)
                .step_by(12 / count as usize)
                .fold(0, |mask, month| mask | 1 << month);
            let names: Vec<&str> = bits(days.months.into()).map(month_name).collect();
            said.notes
                .push(format!("No months were named; {} are taken.", names.join(", ")));
            Every::Calendar { count: 1, unit }
        }
        Unit::Year if days.months.count_ones() == count => Every::Calendar { count: 1, unit },
        _ => return wrong(format!("{count} times a year is not clear: name the months.")),
    };
    phrase.every = Some(every);
    Ok(())
}

/// "every day starting monday at 9": where the schedule lacks a time of day, its start's is its own.
fn borrow_clock(phrase: &mut Phrase) -> Result<(), Fault> {
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
fn limits(
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

type Fields = (String, Option<CalendarInterval>);

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
fn days_of(phrase: &Phrase, said: &mut Said) -> Result<Fields, Fault> {
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
