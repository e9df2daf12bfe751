//! A slow reading of cron and of zones, written to be obviously right: every minute (or second)
//! of a window is looked at, and the policy is applied as it is written. It shares no code with
//! the crate, and knows nothing about searching.
#![allow(dead_code, clippy::unwrap_used, unreachable_pub)]

pub mod expressions;

use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveDateTime, Offset, TimeZone, Timelike};
use chrono_tz::Tz;
use meanwhile_guest::bindings::types::{DstConfig, DstGap, DstOverlap, Instant, JobType, TriggerConfig};
use meanwhile_guest::create::EMPTY_TRIGGER;
use meanwhile_guest::trigger::Schedule;

pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

pub const GAPS: [DstGap; 2] = [DstGap::Shift, DstGap::Skip];
pub const OVERLAPS: [DstOverlap; 2] = [DstOverlap::First, DstOverlap::Both];

/// A cron expression as sets of numbers.
#[derive(Debug)]
pub struct Fields {
    seconds: u64,
    minutes: u64,
    hours: u64,
    days: u64,
    last_day: bool,
    months: u64,
    /// 0 is Sunday.
    weekdays: u64,
    /// A weekday and which one in its month; 0 is the last.
    counted: Vec<(u32, u32)>,
    years: Option<Vec<i32>>,
    /// Either day field may match: neither begins with a star.
    either: bool,
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

fn number(text: &str, names: &[&str], first: u32) -> u32 {
    let lower = text.to_lowercase();
    match names.iter().position(|name| **name == lower) {
        Some(at) => first + at as u32,
        None => text.parse().unwrap_or_else(|_| panic!("{text}")),
    }
}

/// The numbers of one part: `*`, `7`, `1-5`, `*/2`, `1-9/3`.
fn part(text: &str, low: u32, high: u32, names: &[&str]) -> Vec<u32> {
    let (range, step) = text.split_once('/').unwrap_or((text, "1"));
    let (from, to) = match (range, range.split_once('-')) {
        ("*", _) => (low, high),
        (_, Some((from, to))) => (number(from, names, low), number(to, names, low)),
        _ => (number(range, names, low), number(range, names, low)),
    };
    // FRI-SUN and 5-0: Sunday is also the seventh day.
    let to = if names.len() == 7 && to == 0 && from > 0 {
        7
    } else {
        to
    };
    // 7-3: a range that begins with Sunday.
    let from = if names.len() == 7 && from == 7 && to < 7 {
        0
    } else {
        from
    };
    (from..=to).step_by(step.parse().unwrap()).collect()
}

fn bits(text: &str, low: u32, high: u32, names: &[&str]) -> u64 {
    text.split(',')
        .flat_map(|one| part(one, low, high, names))
        .fold(0, |all, n| all | 1 << n)
}

impl Fields {
    pub fn read(text: &str) -> Self {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (second, rest, year) = match words.len() {
            5 => ("0", &words[..], "*"),
            6 => (words[0], &words[1..], "*"),
            7 => (words[0], &words[1..6], words[6]),
            other => panic!("{other} fields in {text}"),
        };
        let (day, weekday) = (rest[2], rest[4]);
        let plain = |text: &str, is_plain: fn(&str) -> bool| {
            text.split(',')
                .filter(|one| is_plain(one))
                .collect::<Vec<_>>()
                .join(",")
        };
        let days = plain(day, |one| !one.eq_ignore_ascii_case("L"));
        let weekdays = plain(weekday, |one| !one.contains('#'));
        let numbers = |text: &str, low, high, names: &[&str]| {
            if text.is_empty() {
                0
            } else {
                bits(text, low, high, names)
            }
        };
        let weekday_bits = numbers(&weekdays, 0, 6, &WEEKDAYS);
        Self {
            seconds: bits(second, 0, 59, &[]),
            minutes: bits(rest[0], 0, 59, &[]),
            hours: bits(rest[1], 0, 23, &[]),
            days: numbers(&days, 1, 31, &[]),
            last_day: days != day,
            months: bits(rest[3], 1, 12, &MONTHS),
            weekdays: (weekday_bits | weekday_bits >> 7) & 0x7f,
            counted: weekday
                .split(',')
                .filter_map(|one| one.split_once('#'))
                .map(|(name, which)| {
                    let which = if which.eq_ignore_ascii_case("L") {
                        0
                    } else {
                        which.parse().unwrap()
                    };
                    (number(name, &WEEKDAYS, 0) % 7, which)
                })
                .collect(),
            years: (year != "*").then(|| {
                year.split(',')
                    .flat_map(|one| part(one, 1970, 2100, &[]))
                    .map(|year| year as i32)
                    .collect()
            }),
            either: !day.starts_with('*') && !weekday.starts_with('*'),
        }
    }

    pub fn names_an_hour(&self) -> bool {
        self.hours != (1 << 24) - 1
    }

    pub fn matches_day(&self, date: NaiveDate) -> bool {
        let has = |set: u64, n: u32| set >> n & 1 == 1;
        let last = date.with_day(date.num_days_in_month().into()).unwrap().day();
        let day = has(self.days, date.day()) || self.last_day && date.day() == last;
        let name = date.weekday().num_days_from_sunday();
        let weekday = has(self.weekdays, name)
            || self.counted.iter().any(|(wanted, which)| {
                *wanted == name
                    && match which {
                        0 => date.day() + 7 > last,
                        n => date.day().div_ceil(7) == *n,
                    }
            });
        let both = if self.either {
            day || weekday
        } else {
            day && weekday
        };
        both && has(self.months, date.month())
            && self
                .years
                .as_ref()
                .is_none_or(|years| years.contains(&date.year()))
    }

    pub fn matches(&self, at: NaiveDateTime) -> bool {
        let has = |set: u64, n: u32| set >> n & 1 == 1;
        has(self.seconds, at.second())
            && has(self.minutes, at.minute())
            && has(self.hours, at.hour())
            && self.matches_day(at.date())
    }
}

pub fn naive(instant: Instant) -> NaiveDateTime {
    DateTime::from_timestamp_millis(instant).unwrap().naive_utc()
}

pub fn instant(text: &str) -> Instant {
    DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

pub fn offset(zone: Tz, instant: Instant) -> i32 {
    zone.offset_from_utc_datetime(&naive(instant))
        .fix()
        .local_minus_utc()
}

pub fn local(zone: Tz, instant: Instant) -> NaiveDateTime {
    naive(instant + i64::from(offset(zone, instant)) * SECOND)
}

/// A change of a zone's clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Transition {
    /// The first instant with the new offset.
    pub at: Instant,
    /// Seconds east of UTC.
    pub before: i32,
    pub after: i32,
}

impl Transition {
    /// The local times that are skipped or repeated: from the first, up to the second.
    pub fn disputed(&self) -> (NaiveDateTime, NaiveDateTime) {
        let shown = |offset: i32| naive(self.at + i64::from(offset) * SECOND);
        (
            shown(self.before.min(self.after)),
            shown(self.before.max(self.after)),
        )
    }

    pub fn is_gap(&self) -> bool {
        self.after > self.before
    }

    pub fn size(&self) -> i64 {
        i64::from((self.after - self.before).abs()) * SECOND
    }
}

/// Every change of a zone's clocks between two instants: looked for six hours at a time, since
/// no two changes of any zone are closer, and then halved.
pub fn transitions(zone: Tz, from: Instant, to: Instant) -> Vec<Transition> {
    let mut found = Vec::new();
    let mut low = from;
    let mut before = offset(zone, low);
    while low < to {
        let high = low + 6 * HOUR;
        let after = offset(zone, high);
        if after != before {
            let (mut same, mut changed) = (low, high);
            while changed - same > 1 {
                let middle = same + (changed - same) / 2;
                if offset(zone, middle) == before {
                    same = middle;
                } else {
                    changed = middle;
                }
            }
            found.push(Transition {
                at: changed,
                before,
                after,
            });
        }
        (low, before) = (high, after);
    }
    found
}

/// One tick of a window: a minute or a second.
pub struct Tick {
    pub at: Instant,
    pub local: NaiveDateTime,
    /// The clocks showed this local time before.
    pub again: bool,
    /// Local times that were jumped over right before this tick.
    pub skipped: Vec<NaiveDateTime>,
}

/// The longest that clocks ever went back in the years looked at, and more.
const LOOK_BACK: i64 = 26 * HOUR;

/// Every tick in (`from`, `to`].
pub fn window(zone: Tz, from: Instant, to: Instant, tick: i64) -> Vec<Tick> {
    let first = (from - LOOK_BACK).div_euclid(tick) * tick;
    let mut ticks = Vec::new();
    // Stretches of local time that the clocks showed, each with one offset.
    let mut shown: Vec<(NaiveDateTime, NaiveDateTime)> = Vec::new();
    let mut last = local(zone, first);
    let mut stretch = last;
    let mut at = first + tick;
    while at <= to {
        let now = local(zone, at);
        let due = last + Duration::milliseconds(tick);
        let mut skipped = Vec::new();
        if now != due {
            shown.push((stretch, last));
            stretch = now;
            let mut missing = due;
            while missing < now {
                skipped.push(missing);
                missing += Duration::milliseconds(tick);
            }
        }
        if at > from {
            let again = shown.iter().any(|(low, high)| (*low..=*high).contains(&now));
            ticks.push(Tick {
                at,
                local: now,
                again,
                skipped,
            });
        }
        last = now;
        at += tick;
    }
    ticks
}

/// The instants of a window at which an expression fires under a policy, as the design says it:
/// a time in a gap fires at the first instant after it (or not at all), a repeated one fires the
/// first time (or both times); a pattern that names no hour simply goes on.
pub fn fires(fields: &Fields, gap: DstGap, overlap: DstOverlap, window: &[Tick]) -> Vec<Instant> {
    let named = fields.names_an_hour();
    window
        .iter()
        .filter(|tick| {
            let shown = fields.matches(tick.local) && (!tick.again || !named || overlap == DstOverlap::Both);
            let moved = named && gap == DstGap::Shift && tick.skipped.iter().any(|at| fields.matches(*at));
            shown || moved
        })
        .map(|tick| tick.at)
        .collect()
}

pub fn cron_trigger(cron: &str, zone: Tz, gap: DstGap, overlap: DstOverlap) -> TriggerConfig {
    TriggerConfig {
        cron: Some(cron.to_owned()),
        timezone: Some(zone.name().to_owned()),
        dst: Some(DstConfig {
            gap: Some(gap),
            overlap: Some(overlap),
        }),
        ..EMPTY_TRIGGER
    }
}

pub fn cron_schedule(cron: &str, zone: Tz, gap: DstGap, overlap: DstOverlap) -> Schedule {
    Schedule::new(
        "job",
        JobType::Scheduled,
        &cron_trigger(cron, zone, gap, overlap),
        0,
    )
    .unwrap_or_else(|error| panic!("{cron} in {zone}: {error}"))
}

/// Steps through a schedule from slot to slot.
pub fn steps(schedule: &Schedule, after: Instant) -> impl Iterator<Item = Instant> + '_ {
    std::iter::successors(schedule.next_after(after), |last| schedule.next_after(*last))
}
