//! What kind of world a seed is: where and when it lies, how many hosts it has, how rough it is.

use chrono::{NaiveDate, TimeDelta};
use meanwhile_guest::bindings::types::Instant;

use super::random::Random;

pub const SECOND: i64 = 1_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// Zones and a day on which their clocks change: by an hour in spring and autumn, by half an hour,
/// at midnight, and not at all.
const CHANGES: [(&str, (i32, u32, u32)); 14] = [
    ("Europe/Berlin", (2026, 3, 29)),
    ("Europe/Berlin", (2026, 10, 25)),
    ("America/New_York", (2026, 3, 8)),
    ("America/New_York", (2026, 11, 1)),
    ("Australia/Lord_Howe", (2026, 4, 5)),
    ("Australia/Lord_Howe", (2026, 10, 4)),
    ("America/Havana", (2026, 3, 8)),
    ("America/Havana", (2026, 11, 1)),
    ("Asia/Beirut", (2026, 3, 29)),
    ("America/St_Johns", (2026, 11, 1)),
    ("Europe/London", (2026, 10, 25)),
    ("Pacific/Auckland", (2026, 4, 5)),
    ("Asia/Kolkata", (2026, 6, 1)),
    ("UTC", (2026, 2, 28)),
];

/// How much goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    Calm,
    Normal,
    Rough,
}

/// A world's fixed properties.
#[derive(Clone, Debug)]
pub struct Setting {
    pub zone: &'static str,
    pub start: Instant,
    /// When faults and people cease; what is open then has to come to rest.
    pub end: Instant,
    /// About when the clocks change in `zone`.
    pub change: Instant,
    pub hosts: usize,
    pub weather: Weather,
    /// The most a host's clock is off, either way.
    pub skew_ms: i64,
    /// Whether all hosts are one laptop that is shut every night.
    pub laptop: bool,
    pub judges: bool,
    /// Runs at once, of one host.
    pub capacity: usize,
}

impl Setting {
    pub fn draw(random: &mut Random, days: u32) -> Self {
        let (zone, (year, month, day)) = random.pick(&CHANGES);
        let change = NaiveDate::from_ymd_opt(year, month, day)
            .and_then(|day| day.and_hms_opt(2, 0, 0))
            .map_or(0, |at| at.and_utc().timestamp_millis());
        let days = i64::from(days);
        let before = random.between(1, (days - 3).max(1) * 24) * HOUR;
        let start = change - before + random.between(0, HOUR);
        let laptop = random.percent(15);
        let weather = match random.weighted(&[2, 5, 3]) {
            0 => Weather::Calm,
            1 => Weather::Normal,
            _ => Weather::Rough,
        };
        Self {
            zone,
            start,
            end: start + TimeDelta::days(days).num_milliseconds(),
            change,
            hosts: if laptop { 1 } else { random.between(1, 3) as usize },
            weather,
            skew_ms: match random.weighted(&[3, 5, 2]) {
                0 => 0,
                1 => 2 * SECOND,
                _ => 20 * SECOND,
            },
            laptop,
            judges: random.percent(60),
            capacity: random.between(2, 5) as usize,
        }
    }
}
