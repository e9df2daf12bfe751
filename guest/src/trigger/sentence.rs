//! A trigger as one plain sentence.

use super::cron::{Nth, Pattern};
use super::zone;
use crate::bindings::types::{JobType, TriggerConfig};

const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

fn shown(text: &str, zone: &str) -> String {
    let zone = zone::or_utc(zone);
    zone::parse_time(text, zone).map_or_else(
        |_| text.to_owned(),
        |at| {
            zone::local(zone, at)
                .format("%Y-%m-%d %H:%M:%S")
                .to_string()
                .trim_end_matches(":00")
                .to_owned()
        },
    )
}

/// See [`super::summary`].
pub(super) fn summary(job_type: JobType, trigger: &TriggerConfig) -> String {
    let zone = trigger.timezone.as_deref().unwrap_or("UTC");
    if job_type == JobType::OneOff {
        return match &trigger.run_at {
            Some(at) => format!("Once, on {} ({zone}).", shown(at, zone)),
            None => "Once, as soon as possible.".to_owned(),
        };
    }
    let mut text = match (&trigger.cron, trigger.interval_seconds) {
        (Some(cron), _) => format!(
            "{} ({zone})",
            Pattern::parse(cron)
                .ok()
                .and_then(|pattern| words(&pattern))
                .unwrap_or_else(|| format!("On cron `{cron}`"))
        ),
        (None, Some(seconds)) => format!("Every {}", length(seconds)),
        (None, None) => "Never".to_owned(),
    };
    if let Some(start) = &trigger.start_at {
        text += &format!(", from {}", shown(start, zone));
    }
    if let Some(end) = &trigger.end_at {
        text += &format!(", until {}", shown(end, zone));
    }
    if let Some(goal) = &trigger.end_condition {
        text += &format!(", until the goal is met: {}", goal.trim_end_matches('.'));
    }
    if let Some(most) = trigger.max_iterations {
        text += &format!(", at most {most} time{}", if most == 1 { "" } else { "s" });
    }
    if let Some(jitter) = trigger.jitter_seconds.filter(|jitter| *jitter > 0) {
        text += &format!(", shifted by up to {}", length(jitter));
    }
    text + "."
}

/// `2 hours`, `90 minutes`: the largest unit that divides.
fn length(seconds: u32) -> String {
    let (count, unit) = [
        (604_800, "week"),
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
    ]
    .into_iter()
    .find(|(size, _)| seconds.is_multiple_of(*size) && seconds > 0)
    .map_or((seconds, "second"), |(size, unit)| (seconds / size, unit));
    if count == 1 {
        unit.to_owned()
    } else {
        format!("{count} {unit}s")
    }
}

fn join(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Common patterns; None for the odd ones.
fn words(pattern: &Pattern) -> Option<String> {
    if pattern.seconds != [0] || pattern.months.len() != 12 || !pattern.years.is_empty() {
        return None;
    }
    let every_day = pattern.days.len() == 31;
    let every_weekday = pattern.weekdays.len() == 7;
    if pattern.every_hour() {
        if !every_day || !every_weekday {
            return None;
        }
        return match pattern.minutes.as_slice() {
            [0] => Some("Every hour, on the hour".to_owned()),
            [minute] => Some(format!("Every hour at minute {minute}")),
            all if all.len() == 60 => Some("Every minute".to_owned()),
            all if all[0] == 0
                && 60 % all[1] == 0
                && all.len() as u32 == 60 / all[1]
                && all.windows(2).all(|w| w[1] - w[0] == all[1]) =>
            {
                Some(format!("Every {} minutes", all[1]))
            }
            _ => None,
        };
    }
    let ([minute], true) = (pattern.minutes.as_slice(), pattern.hours.len() <= 6) else {
        return None;
    };
    let times: Vec<String> = pattern
        .hours
        .iter()
        .map(|hour| format!("{hour:02}:{minute:02}"))
        .collect();
    let day = match (every_day, every_weekday, pattern.nth.as_slice()) {
        (true, true, []) if !pattern.last_day => "Every day".to_owned(),
        (true, false, []) if pattern.weekdays == [1, 2, 3, 4, 5] => "Every weekday".to_owned(),
        (true, false, []) => {
            let names: Vec<String> = pattern
                .weekdays
                .iter()
                .map(|day| DAYS[*day as usize].to_owned())
                .collect();
            format!("Every {}", join(&names))
        }
        (true, false, [(day, nth)]) if pattern.weekdays.is_empty() => {
            let which = match nth {
                Nth::Number(n) => ["first", "second", "third", "fourth", "fifth"].get(*n as usize - 1)?,
                Nth::Last => "last",
            };
            format!("On the {which} {} of every month", DAYS[*day as usize])
        }
        (false, true, []) => {
            let mut names: Vec<String> = pattern.days.iter().map(u32::to_string).collect();
            if pattern.last_day {
                names.push("the last day".to_owned());
            }
            if pattern.days.is_empty() {
                "On the last day of every month".to_owned()
            } else {
                format!("On day {} of every month", join(&names))
            }
        }
        _ => return None,
    };
    Some(format!("{day} at {}", join(&times)))
}
