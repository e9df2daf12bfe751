//! A cron pattern with its cadence in plain words, such as the grammar of words reads too.

use super::cron::{Nth, Pattern};
use crate::bindings::types::{CalendarInterval, CalendarUnit};

const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const DAY_MINUTES: u32 = 1_440;
/// More times of day than this are not listed.
const LISTED_MAX: usize = 8;
/// From this many on, times at equal distances are said as a distance.
const STEPS_MIN: usize = 5;

/// A, B and C.
pub(super) fn join(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The pattern in words; None for the odd ones.
pub(super) fn pattern(pattern: &Pattern, every: Option<CalendarInterval>) -> Option<String> {
    if pattern.seconds != [0] || !pattern.years.is_empty() {
        return None;
    }
    let every = every.filter(|every| every.count > 1);
    let (days, counted) = days(pattern, every)?;
    let text = match times(pattern)? {
        Times::Listed(times) => format!("{} at {times}", days.lead),
        Times::Stepped(steps) if days.after.is_empty() => steps
            .strip_suffix(" on the hour")
            .map_or(steps.clone(), |hours| format!("{hours}, on the hour")),
        Times::Stepped(steps) => {
            format!("{} {}", steps.trim_end_matches(" on the hour"), days.after)
        }
    };
    Some(match every.filter(|_| !counted) {
        Some(every) => format!(
            "{text}, only in every {} {}",
            ordinal(every.count),
            unit(every.unit)
        ),
        None => text,
    })
}

enum Times {
    /// "09:00 and 17:00"
    Listed(String),
    /// "Every 15 minutes from 09:00 to 16:45"
    Stepped(String),
}

fn clock(minutes: u32) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

fn distance(minutes: u32) -> String {
    match minutes {
        1 => "Every minute".to_owned(),
        60 => "Every hour".to_owned(),
        _ if minutes.is_multiple_of(60) => format!("Every {} hours", minutes / 60),
        _ => format!("Every {minutes} minutes"),
    }
}

fn times(pattern: &Pattern) -> Option<Times> {
    if let ([minute], true) = (pattern.minutes.as_slice(), pattern.every_hour()) {
        return Some(Times::Stepped(match minute {
            0 => "Every hour on the hour".to_owned(),
            minute => format!("Every hour at minute {minute}"),
        }));
    }
    let all: Vec<u32> = pattern
        .hours
        .iter()
        .flat_map(|hour| pattern.minutes.iter().map(move |minute| hour * 60 + minute))
        .collect();
    // The widest gap, on the circle of the day, lies before the first time.
    let gap = |at: usize| (all[at] + DAY_MINUTES - all[(at + all.len() - 1) % all.len()]) % DAY_MINUTES;
    let first = (0..all.len()).max_by_key(|at| (gap(*at), std::cmp::Reverse(*at)))?;
    let step = if all.len() > 1 {
        gap((first + 1) % all.len())
    } else {
        0
    };
    let even = all.len() >= STEPS_MIN && (0..all.len()).filter(|at| *at != first).all(|at| gap(at) == step);
    if even && gap(first) == step && all[0] == 0 && step < 60 {
        return Some(Times::Stepped(distance(step)));
    }
    if even {
        let last = (first + all.len() - 1) % all.len();
        return Some(Times::Stepped(format!(
            "{} from {} to {}",
            distance(step),
            clock(all[first]),
            clock(all[last])
        )));
    }
    let listed: Vec<String> = all.iter().map(|minutes| clock(*minutes)).collect();
    (all.len() <= LISTED_MAX).then(|| Times::Listed(join(&listed)))
}

/// Days, as they begin a sentence and as they follow "Every hour".
struct Days {
    lead: String,
    after: String,
}

fn ordinal(n: u32) -> String {
    let end = match (n % 10, n % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{n}{end}")
}

fn unit(unit: CalendarUnit) -> &'static str {
    match unit {
        CalendarUnit::Day => "day",
        CalendarUnit::Week => "week",
        CalendarUnit::Month => "month",
    }
}

/// "Every other week", "Every 3 weeks".
fn each(count: u32, unit: &str) -> String {
    match count {
        1 => format!("Every {unit}"),
        2 => format!("Every other {unit}"),
        _ => format!("Every {count} {unit}s"),
    }
}

/// The weekdays from Monday on.
fn weekday_names(weekdays: &[u32], plural: bool) -> String {
    let mut ordered = weekdays.to_vec();
    ordered.sort_by_key(|day| (day + 6) % 7);
    let names: Vec<String> = ordered
        .iter()
        .map(|day| format!("{}{}", DAYS[*day as usize % 7], if plural { "s" } else { "" }))
        .collect();
    join(&names)
}

/// "the first and third Monday", "the 1st and 15th", "the last day".
fn of_month(pattern: &Pattern) -> Option<String> {
    if pattern.nth.is_empty() {
        let mut names: Vec<String> = pattern.days.iter().map(|day| ordinal(*day)).collect();
        if pattern.last_day {
            names.push(
                if names.is_empty() {
                    "last day"
                } else {
                    "the last day"
                }
                .to_owned(),
            );
        }
        return Some(format!("the {}", join(&names)));
    }
    let weekday = pattern.nth[0].0;
    let mut names = Vec::new();
    for (day, nth) in &pattern.nth {
        if *day != weekday {
            return None;
        }
        names.push(match nth {
            Nth::Number(n) => ["first", "second", "third", "fourth", "fifth"]
                .get(*n as usize - 1)
                .map(|name| (*name).to_owned())?,
            Nth::Last => "last".to_owned(),
        });
    }
    Some(format!("the {} {}", join(&names), DAYS[weekday as usize % 7]))
}

/// The days of the pattern, and whether the cadence is said in them.
fn days(pattern: &Pattern, every: Option<CalendarInterval>) -> Option<(Days, bool)> {
    let every_day = pattern.days.len() == 31;
    let every_weekday = pattern.weekdays.len() == 7;
    let all_months = pattern.months.len() == 12;
    let months = join(
        &pattern
            .months
            .iter()
            .map(|month| MONTHS[*month as usize - 1].to_owned())
            .collect::<Vec<_>>(),
    );
    let cadence = |wanted: CalendarUnit| {
        every
            .filter(|every| every.unit == wanted)
            .map(|every| every.count)
    };
    let in_months = |text: String| {
        if all_months {
            text
        } else {
            format!("{text} in {months}")
        }
    };
    if every_day && every_weekday && pattern.nth.is_empty() && !pattern.last_day {
        return Some(match cadence(CalendarUnit::Day).filter(|_| all_months) {
            Some(count) => {
                let lead = each(count, "day");
                let after = lead.to_lowercase();
                (Days { lead, after }, true)
            }
            None => {
                let after = if all_months {
                    String::new()
                } else {
                    format!("in {months}")
                };
                let lead = in_months("Every day".to_owned());
                (Days { lead, after }, false)
            }
        });
    }
    if every_day && !every_weekday && pattern.nth.is_empty() && !pattern.last_day {
        let working = pattern.weekdays == [1, 2, 3, 4, 5];
        let many = if working {
            "weekdays".to_owned()
        } else {
            weekday_names(&pattern.weekdays, true)
        };
        let one = if working {
            "weekday".to_owned()
        } else {
            weekday_names(&pattern.weekdays, false)
        };
        return Some(match cadence(CalendarUnit::Week).filter(|_| all_months) {
            Some(2) if !working => {
                let lead = format!("Every other {one}");
                let after = lead.to_lowercase();
                (Days { lead, after }, true)
            }
            Some(count) => {
                let lead = format!("{} on {}", each(count, "week"), if working { many } else { one });
                let after = lead.to_lowercase();
                (Days { lead, after }, true)
            }
            None => {
                let after = in_months(format!("on {many}"));
                let lead = in_months(format!("Every {one}"));
                (Days { lead, after }, false)
            }
        });
    }
    let counted = every_day && pattern.weekdays.is_empty() && !pattern.nth.is_empty() && !pattern.last_day;
    let dated = !every_day && every_weekday && pattern.nth.is_empty();
    if !(counted || dated) {
        return None;
    }
    let which = of_month(pattern)?;
    if all_months {
        return Some(match cadence(CalendarUnit::Month) {
            Some(count) => {
                let lead = format!("{} on {which}", each(count, "month"));
                let after = lead.to_lowercase();
                (Days { lead, after }, true)
            }
            None => {
                let after = format!("on {which} of every month");
                let lead = format!("On {which} of every month");
                (Days { lead, after }, false)
            }
        });
    }
    let years = cadence(CalendarUnit::Month)
        .filter(|count| count % 12 == 0 && pattern.months.len() == 1)
        .map(|count| count / 12);
    let on = match (pattern.days.as_slice(), pattern.months.as_slice()) {
        ([day], [_]) if dated && !pattern.last_day => format!("{months} {day}"),
        _ => format!("{which} of {months}"),
    };
    let lead = format!("{} on {on}", each(years.unwrap_or(1), "year"));
    let after = format!("{} on {on}", each(years.unwrap_or(1), "year").to_lowercase());
    Some((Days { lead, after }, years.is_some()))
}
