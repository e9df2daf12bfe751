//! Words: a small explicit grammar. A word that is not understood is an error, never a guess.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

use super::cron::WEEKDAYS;
use super::limits::{DEFAULT_HOUR, TEXT_CHARS_MAX};
use super::zone::clip;

/// What words mean.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Meaning {
    Now,
    At(NaiveDateTime),
    /// Seconds from now.
    After(u32),
    /// Seconds between fires.
    Interval(u32),
    Cron(String),
}

/// A meaning, and whether the time of day had to be assumed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Said {
    pub(super) meaning: Meaning,
    pub(super) assumed_time: bool,
}

const FORMS: &str = "\"in 3 days\", \"tomorrow at 9\", \"on friday at 3pm\", \"2026-12-24 at 18:00\", \"every 15 minutes\", \
                     \"every weekday at 9am\", \"every monday and thursday at 14:00\", \"on the first Monday of the month\", \
                     \"every month on the 15th at 8\"";

/// Reads words at a local present.
pub(super) fn read(text: &str, now: NaiveDateTime) -> Result<Said, String> {
    let unclear = || {
        format!(
            "`{}` is not understood. Write it like one of: {FORMS}; or use cron.",
            clip(text)
        )
    };
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(unclear());
    }
    let lower = text.to_lowercase().replace(',', " ");
    let lower = lower.trim().trim_end_matches('.');
    let all: Vec<&str> = lower.split_whitespace().collect();
    if matches!(all.as_slice(), ["now"] | ["at", "once"] | ["immediately"]) {
        return Ok(Said {
            meaning: Meaning::Now,
            assumed_time: false,
        });
    }
    if let ["in", rest @ ..] = all.as_slice() {
        let seconds = length(rest).ok_or_else(unclear)?;
        return Ok(Said {
            meaning: Meaning::After(seconds),
            assumed_time: false,
        });
    }
    if let ["every", rest @ ..] = all.as_slice()
        && let Some(seconds) = length(rest).filter(|_| !matches!(rest, ["day"] | ["week"]))
    {
        return Ok(Said {
            meaning: Meaning::Interval(seconds),
            assumed_time: false,
        });
    }
    if all.as_slice() == ["hourly"] {
        return Ok(Said {
            meaning: Meaning::Interval(3600),
            assumed_time: false,
        });
    }
    let (day, time) = split_time(&all).ok_or_else(unclear)?;
    let (hour, minute) = time.unwrap_or((DEFAULT_HOUR, 0));
    let meaning = if let Some(fields) = repeating(day) {
        Meaning::Cron(format!("{minute} {hour} {fields}"))
    } else {
        let clock = NaiveTime::from_hms_opt(hour, minute, 0).ok_or_else(unclear)?;
        let at = date(day, now, clock).ok_or_else(unclear)?;
        Meaning::At(at)
    };
    Ok(Said {
        meaning,
        assumed_time: time.is_none(),
    })
}

fn number(word: &str) -> Option<u32> {
    let words = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    ];
    match word {
        "a" | "an" => Some(1),
        _ => words
            .iter()
            .position(|w| *w == word)
            .map(|n| n as u32 + 1)
            .or_else(|| word.parse().ok()),
    }
    .filter(|n| *n > 0)
}

fn unit(word: &str) -> Option<u32> {
    Some(match word {
        "second" | "seconds" | "sec" | "secs" => 1,
        "minute" | "minutes" | "min" | "mins" => 60,
        "hour" | "hours" => 3_600,
        "day" | "days" => 86_400,
        "week" | "weeks" => 604_800,
        _ => return None,
    })
}

/// "2 hours and 30 minutes", "minute".
fn length(words: &[&str]) -> Option<u32> {
    if let [one] = words {
        return unit(one).filter(|_| !one.ends_with('s'));
    }
    let mut total = 0_u32;
    for part in words.split(|word| *word == "and") {
        if part.is_empty() || part.len() % 2 != 0 {
            return None;
        }
        for pair in part.chunks(2) {
            total = total.checked_add(number(pair[0])?.checked_mul(unit(pair[1])?)?)?;
        }
    }
    Some(total)
}

/// A time of day: "9", "9am", "17:30", "noon".
fn clock(words: &[&str]) -> Option<(u32, u32)> {
    let joined = words.concat();
    match joined.as_str() {
        "noon" => return Some((12, 0)),
        "midnight" => return Some((0, 0)),
        _ => {}
    }
    let (digits, half) = match (joined.strip_suffix("am"), joined.strip_suffix("pm")) {
        (Some(rest), _) => (rest, Some(0)),
        (_, Some(rest)) => (rest, Some(12)),
        _ => (joined.as_str(), None),
    };
    let (hour, minute) = digits.split_once(':').unwrap_or((digits, "00"));
    if hour.is_empty()
        || hour.len() > 2
        || minute.len() != 2
        || !(hour.to_owned() + minute).bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let (hour, minute) = (hour.parse::<u32>().ok()?, minute.parse::<u32>().ok()?);
    let hour = match half {
        Some(half) if (1..=12).contains(&hour) => hour % 12 + half,
        Some(_) => return None,
        None => hour,
    };
    (hour < 24 && minute < 60).then_some((hour, minute))
}

type Clock = Option<(u32, u32)>;

/// The words before "at", and the time after it.
fn split_time<'a>(words: &'a [&'a str]) -> Option<(&'a [&'a str], Clock)> {
    match words.iter().position(|word| *word == "at") {
        Some(at) => Some((&words[..at], Some(clock(&words[at + 1..])?))),
        None => Some((words, None)),
    }
}

fn weekday(word: &str, plural: bool) -> Option<u32> {
    let names = [
        "sunday",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
    ];
    let word = if plural { word.strip_suffix('s')? } else { word };
    names
        .iter()
        .position(|name| *name == word || (!plural && name[..3] == *word))
        .map(|day| day as u32)
}

fn ordinal(word: &str) -> Option<u32> {
    let digits = ["st", "nd", "rd", "th"]
        .iter()
        .find_map(|end| word.strip_suffix(end));
    digits
        .and_then(|d| d.parse().ok())
        .filter(|n| (1..=31).contains(n))
        .or_else(|| {
            ["first", "second", "third", "fourth", "fifth"]
                .iter()
                .position(|w| *w == word)
                .map(|n| n as u32 + 1)
        })
}

/// The last three cron fields of a repeating day.
fn repeating(words: &[&str]) -> Option<String> {
    let days = |list: &[&str], plural: bool| {
        let found: Option<Vec<String>> = list
            .iter()
            .filter(|w| **w != "and")
            .map(|w| weekday(w, plural).map(|d| d.to_string()))
            .collect();
        found
            .filter(|days| !days.is_empty())
            .map(|days| format!("* * {}", days.join(",")))
    };
    match words {
        ["every", "day"] | ["daily"] => Some("* * *".to_owned()),
        ["every", "weekday"] | ["weekdays"] | ["on", "weekdays"] => Some("* * 1-5".to_owned()),
        ["every", "weekend"] | ["on", "weekends"] | ["weekends"] => Some("* * 0,6".to_owned()),
        ["weekly", "on", rest @ ..] => days(rest, false),
        ["every", "month", "on", "the", rest @ ..] | ["monthly", "on", "the", rest @ ..] => of_month(rest),
        ["on", "the", rest @ .., "of", "the" | "every" | "each", "month"]
        | ["every", rest @ .., "of", "the", "month"] => of_month(rest),
        ["every", rest @ ..] => days(rest, false),
        ["on", rest @ ..] => days(rest, true),
        _ => days(words, true),
    }
}

fn of_month(words: &[&str]) -> Option<String> {
    match words {
        ["last", "day"] => Some("L * *".to_owned()),
        ["last", day] => Some(format!("* * {}#L", WEEKDAYS[weekday(day, false)? as usize])),
        [n] | [n, "day"] => Some(format!("{} * *", ordinal(n)?)),
        [n, day] => {
            let n = ordinal(n).filter(|n| *n <= 5)?;
            Some(format!("* * {}#{n}", WEEKDAYS[weekday(day, false)? as usize]))
        }
        _ => None,
    }
}

/// One day, at a time of day. No words: the next time the clock shows it.
fn date(words: &[&str], now: NaiveDateTime, clock: NaiveTime) -> Option<NaiveDateTime> {
    let today = now.date();
    let ahead = |name: &str, strictly: bool| {
        let wanted = weekday(name, false)?;
        let days = (wanted + 7 - today.weekday().num_days_from_sunday()) % 7;
        let passed = days == 0 && (strictly || today.and_time(clock) <= now);
        today.checked_add_signed(TimeDelta::days(i64::from(days) + if passed { 7 } else { 0 }))
    };
    let day = match words {
        [] if today.and_time(clock) > now => today,
        [] | ["tomorrow"] => today.succ_opt()?,
        ["today"] => today,
        ["next", day] => ahead(day, true)?,
        ["on", day] | [day] => match NaiveDate::parse_from_str(day, "%Y-%m-%d") {
            Ok(day) => day,
            Err(_) => ahead(day, false)?,
        },
        _ => return None,
    };
    Some(day.and_time(clock))
}
