//! Times of day as the minute and hour fields of cron.

use std::fmt;

use super::clock::Clock;
use super::cursor::{Fault, wrong};
use crate::trigger::limits::CLOCKS_MAX;

const DAY_MINUTES: u32 = 1_440;

/// Minutes and hours whose every combination fires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Times {
    minutes: Vec<u32>,
    hours: Vec<u32>,
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", list(&self.minutes, 0, 59), list(&self.hours, 0, 23))
    }
}

impl Times {
    /// The minutes of the day as one pair of fields, where that is possible.
    fn of(all: &[u32]) -> Option<Self> {
        let collect = |part: fn(u32) -> u32| {
            let mut values: Vec<u32> = all.iter().map(|minute| part(*minute)).collect();
            values.sort_unstable();
            values.dedup();
            values
        };
        let (minutes, hours) = (collect(|m| m % 60), collect(|m| m / 60));
        (minutes.len() * hours.len() == all.len()).then_some(Self { minutes, hours })
    }

    /// Times that were listed.
    pub(super) fn listed(clocks: &[Clock]) -> Result<Self, Fault> {
        let mut all: Vec<u32> = clocks.iter().map(|clock| clock.minutes()).collect();
        all.sort_unstable();
        all.dedup();
        if all.len() < clocks.len() {
            return wrong("it names a time of day twice.");
        }
        if all.len() > CLOCKS_MAX {
            return wrong(format!(
                "at most {CLOCKS_MAX} times of day fit into one schedule: write \"every hour from 9 to 17\" or use cron."
            ));
        }
        Self::of(&all).map_or_else(
            || {
                let shown: Vec<String> = clocks.iter().map(|clock| clock.shown()).collect();
                wrong(format!(
                    "{} have different minutes, which one schedule cannot hold: use the same minute for all, or create one job \
                     for each.",
                    shown.join(" and ")
                ))
            },
            Ok,
        )
    }

    /// Every so many minutes, in a stretch of the day or all day. `narrowed`: on certain days only.
    pub(super) fn stepped(
        step: u32,
        window: Option<(Clock, Clock)>,
        minute: Option<u32>,
        narrowed: bool,
        notes: &mut Vec<String>,
    ) -> Result<Self, Fault> {
        if let Some(minute) = minute
            && (!step.is_multiple_of(60) || window.is_some_and(|(from, _)| from.minute != 0))
        {
            return wrong(format!(
                "the minute ({minute}) goes with whole hours, as in \"every 2 hours at :30\"."
            ));
        }
        let Some((from, to)) = window else {
            let even = if step < 60 {
                60 % step == 0
            } else {
                step.is_multiple_of(60) && DAY_MINUTES.is_multiple_of(step)
            };
            if !even {
                return wrong(format!(
                    "{step} minutes do not divide the hour or the day evenly, so it cannot be bound to certain days or minutes: \
                     use a distance such as 10, 15, 20 or 30 minutes, 1, 2, 3, 4, 6, 8 or 12 hours."
                ));
            }
            let first = minute.unwrap_or(0);
            let all: Vec<u32> = (first..DAY_MINUTES).step_by(step as usize).collect();
            return Self::of(&all).map_or_else(|| wrong("these times do not fit into one schedule."), Ok);
        };
        let first = from.minutes() + minute.unwrap_or(0);
        let last = if to.minutes() > from.minutes() {
            to.minutes()
        } else {
            to.minutes() + DAY_MINUTES
        };
        if last > DAY_MINUTES && narrowed {
            return wrong(
                "the stretch passes midnight, so its days are not clear: end it at 23:59, or leave the days out.",
            );
        }
        if last == from.minutes() + DAY_MINUTES {
            return wrong("it starts and ends at the same time: leave the stretch out.");
        }
        let all: Vec<u32> = (first..=last)
            .step_by(step as usize)
            .map(|minute| minute % DAY_MINUTES)
            .collect();
        if all.len() < 2 {
            return wrong("the stretch is shorter than the distance between two times in it.");
        }
        let midnight = to.minutes() == 0;
        let without_end = (all.last() == Some(&to.minutes())).then(|| &all[..all.len() - 1]);
        let times = if midnight && narrowed {
            None
        } else {
            Self::of(&all)
        };
        if let Some(times) = times {
            return Ok(times);
        }
        match without_end.and_then(Self::of) {
            Some(times) => {
                notes.push(format!("The end itself, {}, is not among the times.", to.shown()));
                Ok(times)
            }
            None => wrong(format!(
                "every {step} minutes from {} to {} does not fit into one schedule: begin on a full hour and use a distance that \
                 divides the hour or whole hours.",
                from.shown(),
                to.shown()
            )),
        }
    }
}

/// Values as ranges: `1-5`, `0,6`, `0-6,22,23`.
pub(super) fn ranges(values: &[u32]) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut at = 0;
    while at < values.len() {
        let run = (at..values.len())
            .take_while(|i| values[*i] - values[at] == (*i - at) as u32)
            .count();
        if run > 2 {
            parts.push(format!("{}-{}", values[at], values[at + run - 1]));
            at += run;
        } else {
            parts.push(values[at].to_string());
            at += 1;
        }
    }
    parts.join(",")
}

/// A cron field: `*`, `*/15`, `9-17`, `8-18/2`, `1,15`.
pub(super) fn list(values: &[u32], low: u32, high: u32) -> String {
    let step = match values {
        [a, b, ..] => b - a,
        _ => 0,
    };
    let even = step > 0 && values.windows(2).all(|pair| pair[1] - pair[0] == step);
    match (values, even) {
        ([first, .., last], true) if values.len() > 2 && *first == low && last + step > high => {
            if step == 1 {
                "*".to_owned()
            } else {
                format!("*/{step}")
            }
        }
        ([first, _, .., last], true) if values.len() > 2 => {
            if step == 1 {
                format!("{first}-{last}")
            } else {
                format!("{first}-{last}/{step}")
            }
        }
        _ => ranges(values),
    }
}
