//! Zones: names, reading and writing local times, and where a local time lies on the time line.

use chrono::{DateTime, Datelike, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, Offset, TimeZone, Utc};
use chrono_tz::{GapInfo, TZ_VARIANTS, Tz};

use super::limits::{CLOCK_CHANGE_WEEKS_MAX, TEXT_CHARS_MAX, YEAR_LAST};
use crate::bindings::types::Instant;

const WEEK_MS: i64 = 7 * 86_400_000;

/// The zone of a name; the error says what to use instead.
pub(super) fn find(name: &str) -> Result<Tz, String> {
    let name = name.trim();
    // Single words in capitals are abbreviations: some are in the database (EST, MST), with a
    // fixed offset that nobody means who writes them.
    let abbreviation = !name.contains('/')
        && name.chars().any(|c| c.is_ascii_uppercase())
        && name
            .chars()
            .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || "+-:".contains(c));
    if abbreviation && !matches!(name, "UTC" | "GMT") {
        return Err(format!(
            "`{}` is not the name of a zone: abbreviations and offsets are ambiguous or ignore clock changes. \
             Use an IANA name: {}.",
            clip(name),
            hint(name)
        ));
    }
    if let Ok(zone) = name.parse::<Tz>() {
        return Ok(zone);
    }
    let wanted = name.replace(' ', "_").to_ascii_lowercase();
    let near = TZ_VARIANTS.iter().find(|zone| {
        let known = zone.name().to_ascii_lowercase();
        known == wanted || (!wanted.contains('/') && known.rsplit('/').next() == Some(&wanted))
    });
    Err(match near {
        Some(zone) => format!("`{}` is not an IANA zone; use `{}`.", clip(name), zone.name()),
        None => format!(
            "`{}` is not an IANA zone. Use a name such as Europe/Berlin, America/New_York, Asia/Tokyo or UTC.",
            clip(name)
        ),
    })
}

/// The zone, or UTC where the name is not known (only for showing).
pub(super) fn or_utc(name: &str) -> Tz {
    find(name).unwrap_or(Tz::UTC)
}

fn hint(abbreviation: &str) -> &'static str {
    match abbreviation {
        "CST" => "America/Chicago, Asia/Shanghai or America/Havana, whichever is meant",
        "CDT" => "America/Chicago",
        "EST" | "EDT" | "EST5EDT" => "America/New_York",
        "MST" | "MDT" | "MST7MDT" => "America/Denver (America/Phoenix without summer time)",
        "PST" | "PDT" | "PST8PDT" => "America/Los_Angeles",
        "IST" => "Asia/Kolkata, Europe/Dublin or Asia/Jerusalem, whichever is meant",
        "BST" => "Europe/London or Asia/Dhaka, whichever is meant",
        "CET" | "CEST" | "MET" => "Europe/Berlin, Europe/Paris or another city",
        "EET" | "EEST" => "Europe/Helsinki, Europe/Athens or another city",
        "WET" | "WEST" => "Europe/Lisbon",
        "JST" => "Asia/Tokyo",
        "AEST" | "AEDT" => "Australia/Sydney or Australia/Brisbane",
        "HST" => "Pacific/Honolulu",
        "PRC" => "Asia/Shanghai",
        "Z" => "UTC",
        _ => "such as Europe/Berlin, America/New_York or UTC",
    }
}

/// What a message may repeat of what was written.
pub(super) fn clip(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// The UTC moment of an instant. Outside of what the calendar can say: its nearest end.
fn utc(instant: Instant) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(instant).unwrap_or(if instant < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    })
}

fn offset_seconds(zone: Tz, instant: Instant) -> i32 {
    zone.offset_from_utc_datetime(&utc(instant).naive_utc())
        .fix()
        .local_minus_utc()
}

/// Local time at an instant.
pub(super) fn local(zone: Tz, instant: Instant) -> NaiveDateTime {
    let at = utc(instant).naive_utc();
    at.checked_add_signed(chrono::TimeDelta::seconds(i64::from(offset_seconds(
        zone, instant,
    ))))
    .unwrap_or(at)
}

/// Where a local time lies on the time line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    Once(Instant),
    Twice(Instant, Instant),
    /// It does not exist; the gap ends at `instant`, when clocks show `local`.
    Gap {
        instant: Instant,
        local: NaiveDateTime,
    },
}

impl Place {
    /// The first instant that stands for the local time.
    pub(super) fn first(self) -> Instant {
        match self {
            Place::Once(at) | Place::Twice(at, _) | Place::Gap { instant: at, .. } => at,
        }
    }
}

pub(super) fn place(zone: Tz, at: NaiveDateTime) -> Place {
    match zone.from_local_datetime(&at) {
        LocalResult::Single(one) => Place::Once(one.timestamp_millis()),
        LocalResult::Ambiguous(a, b) => {
            let (a, b) = (a.timestamp_millis(), b.timestamp_millis());
            Place::Twice(a.min(b), a.max(b))
        }
        LocalResult::None => match GapInfo::new(&at, &zone).and_then(|gap| gap.end) {
            Some(end) => Place::Gap {
                instant: end.timestamp_millis(),
                local: end.naive_local(),
            },
            None => Place::Once(at.and_utc().timestamp_millis()),
        },
    }
}

/// The first local time of the overlap in whose *first* pass the instant lies, if it does.
pub(super) fn overlap_start(zone: Tz, instant: Instant) -> Option<NaiveDateTime> {
    let Place::Twice(first, second) = place(zone, local(zone, instant)) else {
        return None;
    };
    // Milliseconds within the second do not matter here: `local` keeps them.
    (instant == first).then(|| {
        let change = change_between(zone, first, second);
        local(zone, change)
    })
}

/// The first instant with another offset than at `low`; the offsets at both ends must differ.
fn change_between(zone: Tz, mut low: Instant, mut high: Instant) -> Instant {
    let before = offset_seconds(zone, low);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if offset_seconds(zone, middle) == before {
            low = middle
        } else {
            high = middle
        }
    }
    high
}

/// A change of a zone's clocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Change {
    /// First instant with the new offset.
    pub(super) at: Instant,
    pub(super) seconds_before: i32,
    pub(super) seconds_after: i32,
}

/// The first change after an instant, within five years.
pub(super) fn next_change(zone: Tz, after: Instant) -> Option<Change> {
    let before = offset_seconds(zone, after);
    for week in 1..=i64::from(CLOCK_CHANGE_WEEKS_MAX) {
        let high = after.checked_add(week * WEEK_MS)?;
        if offset_seconds(zone, high) != before {
            let at = change_between(zone, high - WEEK_MS, high);
            return Some(Change {
                at,
                seconds_before: before,
                seconds_after: offset_seconds(zone, at),
            });
        }
    }
    None
}

/// `+01:00`.
pub(super) fn format_offset(seconds: i32) -> String {
    let minutes = seconds.abs() / 60;
    format!(
        "{}{:02}:{:02}",
        if seconds < 0 { '-' } else { '+' },
        minutes / 60,
        minutes % 60
    )
}

/// RFC 3339 in a zone, seconds precision.
pub(super) fn format(zone: Tz, instant: Instant) -> String {
    let at = local(zone, instant);
    format!(
        "{}{}",
        at.format("%Y-%m-%dT%H:%M:%S"),
        format_offset(offset_seconds(zone, instant))
    )
}

/// Days since 1970-01-01 of the local date.
pub(super) fn local_day(zone: Tz, instant: Instant) -> i32 {
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1).map_or(0, |day| day.num_days_from_ce());
    local(zone, instant).num_days_from_ce() - epoch
}

/// Whether a text carries an offset (`Z`, `+02:00`) and so needs no zone.
pub(super) fn has_offset(text: &str) -> bool {
    DateTime::parse_from_rfc3339(&text.trim().replacen(' ', "T", 1)).is_ok()
        || DateTime::parse_from_str(text.trim(), "%Y-%m-%dT%H:%M%:z").is_ok()
        || text
            .trim()
            .strip_suffix(['Z', 'z'])
            .is_some_and(|rest| read_local(rest).is_some())
}

/// Whether an instant lies in the years that schedules know.
pub(super) fn is_in_years(at: Instant) -> bool {
    (1970..=YEAR_LAST).contains(&utc(at).year())
}

/// A local time without an offset.
pub(super) fn read_local(text: &str) -> Option<NaiveDateTime> {
    let text = text.trim().replacen([' ', 't'], "T", 1);
    for form in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"] {
        if let Ok(at) = NaiveDateTime::parse_from_str(&text, form) {
            return Some(at);
        }
    }
    NaiveDate::parse_from_str(&text, "%Y-%m-%d")
        .ok()
        .map(|day| day.and_time(NaiveTime::MIN))
}

/// Reads local ISO 8601 or an instant with an offset.
pub(super) fn parse_time(text: &str, zone: Tz) -> Result<Instant, String> {
    let text = text.trim();
    let bad = || {
        format!(
            "`{}` is not a time. Write local ISO 8601 such as 2026-06-01T09:00:00, or with an offset: \
             2026-06-01T09:00:00+02:00.",
            clip(text)
        )
    };
    if text.chars().count() > TEXT_CHARS_MAX {
        return Err(bad());
    }
    let at = if let Ok(at) = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
        at.timestamp_millis()
    } else if let Ok(at) = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M%:z") {
        at.timestamp_millis()
    } else if let Some(at) = text.strip_suffix(['Z', 'z']).and_then(read_local) {
        at.and_utc().timestamp_millis()
    } else {
        place(zone, read_local(text).ok_or_else(bad)?).first()
    };
    if !is_in_years(at) {
        return Err(format!(
            "`{}` lies outside the years 1970 to {YEAR_LAST}.",
            clip(text)
        ));
    }
    Ok(at)
}
