//! Cron expressions: read as Vixie cron reads them, handed to the `cron` crate as plain lists.
//!
//! The crate numbers weekdays from 1, joins both day fields with AND, and knows no last day; so
//! every field is expanded here, and a pattern becomes a few lines whose slots are united.

use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, TimeZone, Utc};

use super::limits::TEXT_CHARS_MAX;
use super::zone::clip;

const YEAR_FIRST: u32 = 1970;
const YEAR_LAST: u32 = 2100;
const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
pub(super) const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// Which one of a weekday in its month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nth {
    /// 1 to 5.
    Number(u32),
    Last,
}

/// A cron expression, expanded.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) seconds: Vec<u32>,
    pub(super) minutes: Vec<u32>,
    pub(super) hours: Vec<u32>,
    pub(super) days: Vec<u32>,
    pub(super) last_day: bool,
    pub(super) months: Vec<u32>,
    /// 0 is Sunday.
    pub(super) weekdays: Vec<u32>,
    pub(super) nth: Vec<(u32, Nth)>,
    /// Empty: every year.
    pub(super) years: Vec<u32>,
    lines: Vec<cron::Schedule>,
}

struct Field {
    name: &'static str,
    low: u32,
    high: u32,
    names: &'static [&'static str],
}

const SECOND: Field = Field {
    name: "second",
    low: 0,
    high: 59,
    names: &[],
};
const MINUTE: Field = Field {
    name: "minute",
    low: 0,
    high: 59,
    names: &[],
};
const HOUR: Field = Field {
    name: "hour",
    low: 0,
    high: 23,
    names: &[],
};
const DAY: Field = Field {
    name: "day of month",
    low: 1,
    high: 31,
    names: &[],
};
const MONTH: Field = Field {
    name: "month",
    low: 1,
    high: 12,
    names: &MONTHS,
};
const WEEKDAY: Field = Field {
    name: "day of week",
    low: 0,
    high: 7,
    names: &WEEKDAYS,
};
const YEAR: Field = Field {
    name: "year",
    low: YEAR_FIRST,
    high: YEAR_LAST,
    names: &[],
};

impl Field {
    fn number(&self, text: &str) -> Result<u32, String> {
        if let Some(at) = self.names.iter().position(|name| name.eq_ignore_ascii_case(text)) {
            return Ok(self.low + at as u32);
        }
        let number = text
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| text.parse::<u32>().ok())
            .flatten();
        match number {
            Some(number) if (self.low..=self.high).contains(&number) => Ok(number),
            _ => Err(format!(
                "`{}` is not a {}: use {} to {}{}.",
                clip(text),
                self.name,
                self.low,
                self.high,
                self.names.first().map_or(String::new(), |first| format!(
                    " or names such as {first} (lists `1,3`, ranges `1-5`, steps `*/2`)"
                ))
            )),
        }
    }

    /// Expands one field to its values, in order and once each.
    fn expand(&self, text: &str) -> Result<Vec<u32>, String> {
        let mut values = Vec::new();
        for part in text.split(',') {
            if part.is_empty() {
                return Err(format!(
                    "the {} field `{}` has an empty part: take out the extra comma.",
                    self.name,
                    clip(text)
                ));
            }
            if part == "?" {
                return Err(format!("`?` in the {} field is not cron: write `*`.", self.name));
            }
            if part.len() > 1 && part.ends_with(['W', 'w']) && part.starts_with(|c: char| c.is_ascii_digit())
                || part == "LW"
            {
                return Err(format!(
                    "`{}` (nearest weekday) is not supported: name the day of month itself, or use a weekday such as MON#1.",
                    clip(part)
                ));
            }
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => match step.parse::<u32>() {
                    Ok(step) if step > 0 => (range, Some(step)),
                    _ => {
                        return Err(format!(
                            "`{}`: a step is a whole number from 1, as in `*/5`.",
                            clip(part)
                        ));
                    }
                },
                None => (part, None),
            };
            let (low, high) = if range == "*" {
                (self.low, if self.high == 7 { 6 } else { self.high })
            } else if let Some((low, high)) = range.split_once('-') {
                let (mut low, mut high) = (self.number(low)?, self.number(high)?);
                if self.high == 7 && high == 0 && low > 0 {
                    high = 7;
                }
                if self.high == 7 && low == 7 && high < 7 {
                    low = 0;
                }
                if low > high {
                    return Err(format!(
                        "the {} range `{}` runs backwards: write it as two parts, such as `{low}-{},{}-{high}`.",
                        self.name,
                        clip(range),
                        if self.high == 7 { 6 } else { self.high },
                        self.low
                    ));
                }
                (low, high)
            } else {
                let one = self.number(range)?;
                if let Some(step) = step {
                    return Err(format!(
                        "`{}`: a step needs a range; write `{one}-{}/{step}`.",
                        clip(part),
                        if self.high == 7 { 6 } else { self.high }
                    ));
                }
                (one, one)
            };
            values.extend((low..=high).step_by(step.unwrap_or(1) as usize));
        }
        if self.high == 7 {
            values.iter_mut().for_each(|value| *value %= 7);
        }
        values.sort_unstable();
        values.dedup();
        Ok(values)
    }
}

fn list(values: &[u32]) -> String {
    if values.is_empty() {
        return "*".to_owned();
    }
    values.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

fn leap(year: u32) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Whether a text is meant as cron: a macro, or 5 to 7 words of cron's characters.
pub(super) fn looks_like(text: &str) -> bool {
    let text = text.trim();
    let words = text.split_whitespace().count();
    text.starts_with('@')
        || (text.starts_with(|c: char| c.is_ascii_digit() || c == '*')
            && (text.contains('*') || (5..=7).contains(&words))
            && text.split_whitespace().all(|word| {
                let upper = word.to_ascii_uppercase();
                word.chars().any(|c| c.is_ascii_digit() || "*?,/#".contains(c))
                    || ["L", "LW"].contains(&upper.as_str())
                    || upper
                        .split(['-', ','])
                        .all(|w| MONTHS.contains(&w) || WEEKDAYS.contains(&w))
            })
            && !text.contains(':'))
}

impl Pattern {
    /// Reads an expression. The error is a sentence that says how to mend it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.chars().count() > TEXT_CHARS_MAX {
            return Err(format!(
                "a cron expression has at most {TEXT_CHARS_MAX} characters."
            ));
        }
        let lower = text.to_ascii_lowercase();
        let text = match lower.as_str() {
            "@hourly" => "0 * * * *",
            "@daily" | "@midnight" => "0 0 * * *",
            "@weekly" => "0 0 * * 0",
            "@monthly" => "0 0 1 * *",
            "@yearly" | "@annually" => "0 0 1 1 *",
            _ if text.starts_with('@') => {
                return Err(format!(
                    "`{}` is not known: use @hourly, @daily, @weekly, @monthly or @yearly.",
                    clip(text)
                ));
            }
            _ => text,
        };
        let fields: Vec<&str> = text.split_whitespace().collect();
        let (second, rest, year) = match fields.as_slice() {
            rest if rest.len() == 5 => ("0", rest, "*"),
            [second, rest @ ..] if rest.len() == 5 => (*second, rest, "*"),
            [second, rest @ .., year] if rest.len() == 5 => (*second, rest, *year),
            _ => {
                return Err(format!(
                    "`{}` has {} field{}: cron has 5 (minute, hour, day of month, month, day of week), \
                     6 with seconds first, 7 with a year last.",
                    clip(text),
                    fields.len(),
                    if fields.len() == 1 { "" } else { "s" }
                ));
            }
        };
        let (days, last_day) = days_of_month(rest[2])?;
        let (weekdays, nth) = days_of_week(rest[4])?;
        let mut pattern = Pattern {
            seconds: SECOND.expand(second)?,
            minutes: MINUTE.expand(rest[0])?,
            hours: HOUR.expand(rest[1])?,
            days,
            last_day,
            months: MONTH.expand(rest[3])?,
            weekdays,
            nth,
            years: if year == "*" {
                Vec::new()
            } else {
                YEAR.expand(year)?
            },
            lines: Vec::new(),
        };
        // Vixie: the day fields are alternatives only when neither begins with a star.
        let either = !rest[2].starts_with('*') && !rest[4].starts_with('*');
        pattern.lines = pattern
            .build(either)
            .map_err(|error| format!("`{}`: {error}", clip(text)))?;
        if pattern.next_local(before_the_first_year()).is_none() {
            return Err(format!(
                "`{}` never fires: no month it names has such a day. Use an existing date, or `L` for the last day.",
                clip(text)
            ));
        }
        Ok(pattern)
    }

    /// Whether the hour field names no hour: such a pattern goes on through a clock change.
    pub(super) fn every_hour(&self) -> bool {
        self.hours.len() == 24
    }

    /// The lines whose slots together are the pattern's.
    fn build(&self, either: bool) -> Result<Vec<cron::Schedule>, String> {
        let mut lines = Vec::new();
        let every_weekday = self.weekdays.len() == 7;
        // `days` and `weekdays` are full where the field is a bare star, so AND is right.
        let narrow = |line: &mut Vec<cron::Schedule>,
                      days: &[u32],
                      months: &[u32],
                      weekdays: &[u32],
                      years: &[u32]| {
            let months: Vec<u32> = self
                .months
                .iter()
                .copied()
                .filter(|m| months.contains(m))
                .collect();
            if months.is_empty() || days.is_empty() {
                return Ok(());
            }
            let years: Vec<u32> = match (years, self.years.as_slice()) {
                ([], own) => own.to_vec(),
                (given, []) => given.to_vec(),
                (given, own) => own.iter().copied().filter(|year| given.contains(year)).collect(),
            };
            if years.is_empty() && !self.years.is_empty() {
                return Ok(());
            }
            // The crate counts Sunday as 1.
            let weekdays: Vec<u32> = weekdays.iter().map(|day| day + 1).collect();
            let weekdays = if weekdays.len() == 7 { Vec::new() } else { weekdays };
            let text = format!(
                "{} {} {} {} {} {} {}",
                list(&self.seconds),
                list(&self.minutes),
                list(&self.hours),
                if days.len() == 31 {
                    "*".to_owned()
                } else {
                    list(days)
                },
                if months.len() == 12 {
                    "*".to_owned()
                } else {
                    list(&months)
                },
                list(&weekdays),
                list(&years),
            );
            line.push(cron::Schedule::from_str(&text).map_err(|error| error.to_string())?);
            Ok::<(), String>(())
        };
        let all_months: Vec<u32> = (1..=12).collect();
        let all_weekdays: Vec<u32> = (0..7).collect();
        let weekdays = if either { &all_weekdays } else { &self.weekdays };
        let restricted = self.nth.is_empty() || !self.weekdays.is_empty();
        if either {
            narrow(&mut lines, &self.days, &all_months, &all_weekdays, &[])?;
            let every_day: Vec<u32> = (1..=31).collect();
            if !self.weekdays.is_empty() {
                narrow(&mut lines, &every_day, &all_months, &self.weekdays, &[])?;
            }
        } else if restricted || every_weekday {
            narrow(&mut lines, &self.days, &all_months, weekdays, &[])?;
        }
        // Counted weekdays alone are no plain ones: an empty list would be read as all.
        if self.last_day && (either || restricted || every_weekday) {
            for (length, months, years) in month_lengths() {
                narrow(&mut lines, &[length], &months, weekdays, &years)?;
            }
        }
        for (weekday, nth) in &self.nth {
            // Where both fields must match, the last day of a month may be the counted weekday.
            for (length, months, years) in month_lengths() {
                let counts = match nth {
                    Nth::Number(n) => (n - 1) * 7 < length && length <= n * 7,
                    Nth::Last => true,
                };
                if self.last_day && !either && counts {
                    narrow(&mut lines, &[length], &months, &[*weekday], &years)?;
                }
            }
            let allowed = |day: &u32| either || self.days.contains(day);
            match nth {
                Nth::Number(n) => {
                    let days: Vec<u32> = ((n - 1) * 7 + 1..=(n * 7).min(31)).filter(allowed).collect();
                    narrow(&mut lines, &days, &all_months, &[*weekday], &[])?;
                }
                Nth::Last => {
                    for (length, months, years) in month_lengths() {
                        let days: Vec<u32> = (length - 6..=length).filter(allowed).collect();
                        narrow(&mut lines, &days, &months, &[*weekday], &years)?;
                    }
                }
            }
        }
        Ok(lines)
    }

    /// The first local time after another, in the years that cron knows.
    pub(super) fn next_local(&self, after: NaiveDateTime) -> Option<NaiveDateTime> {
        // The crate cannot count from before the year 0, nor from the calendar's last second.
        if after.year() > YEAR_LAST as i32 {
            return None;
        }
        let after = after.max(before_the_first_year());
        let from = Utc.from_utc_datetime(&after);
        self.lines
            .iter()
            .filter_map(|line| line.after(&from).next())
            .map(|at| at.naive_utc())
            .filter(|at| *at > after)
            .min()
    }
}

/// The last second of 1969.
fn before_the_first_year() -> NaiveDateTime {
    DateTime::UNIX_EPOCH.naive_utc() - TimeDelta::seconds(1)
}

/// Length of a month, the months that have it, the years in which they do (empty: all).
fn month_lengths() -> Vec<(u32, Vec<u32>, Vec<u32>)> {
    let (leaps, others) = (YEAR_FIRST..=YEAR_LAST).partition(|year| leap(*year));
    vec![
        (31, vec![1, 3, 5, 7, 8, 10, 12], Vec::new()),
        (30, vec![4, 6, 9, 11], Vec::new()),
        (29, vec![2], leaps),
        (28, vec![2], others),
    ]
}

/// Days of the month, and whether the last one is among them (`L`, an extension).
fn days_of_month(text: &str) -> Result<(Vec<u32>, bool), String> {
    let (last, rest): (Vec<&str>, Vec<&str>) =
        text.split(',').partition(|part| part.eq_ignore_ascii_case("L"));
    if let Some(bad) = rest
        .iter()
        .find(|part| part.to_ascii_uppercase().starts_with("L-"))
    {
        return Err(format!(
            "`{}` is not supported: `L` alone is the last day of the month.",
            clip(bad)
        ));
    }
    let days = if rest.is_empty() {
        Vec::new()
    } else {
        DAY.expand(&rest.join(","))?
    };
    Ok((days, !last.is_empty()))
}

/// Plain weekdays, and those that are counted in their month (`MON#1`, `FRI#L`, an extension).
type DaysOfWeek = (Vec<u32>, Vec<(u32, Nth)>);

fn days_of_week(text: &str) -> Result<DaysOfWeek, String> {
    let (counted, plain): (Vec<&str>, Vec<&str>) = text.split(',').partition(|part| part.contains('#'));
    let mut nth = Vec::new();
    for part in counted {
        let (day, number) = part.split_once('#').unwrap_or((part, ""));
        let number = match number {
            "L" | "l" => Nth::Last,
            _ => match number.parse() {
                Ok(number) if (1..=5).contains(&number) => Nth::Number(number),
                _ => {
                    return Err(format!(
                        "`{}`: write MON#1 to MON#5, or MON#L for the last one.",
                        clip(part)
                    ));
                }
            },
        };
        nth.push((WEEKDAY.number(day)? % 7, number));
    }
    if let Some(bad) = plain
        .iter()
        .find(|part| part.len() > 1 && part.ends_with(['L', 'l']) && !part.eq_ignore_ascii_case("JUL"))
    {
        return Err(format!(
            "`{}`: the last one of a weekday is written FRI#L.",
            clip(bad)
        ));
    }
    let weekdays = if plain.is_empty() {
        Vec::new()
    } else {
        WEEKDAY.expand(&plain.join(","))?
    };
    Ok((weekdays, nth))
}
