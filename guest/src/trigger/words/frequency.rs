//! Phrases that say in a roundabout way how often: "twice a day", "at the end of every month".

use super::Said;
use super::clock::Clock;
use super::cursor::{Fault, wrong};
use super::date::{bits, day_name, month_name};
use super::phrase::{Every, Phrase, Relative};
use super::token::Unit;

/// "every month at the end of the month": the last day, when work closes.
pub(super) fn closing(phrase: &mut Phrase) -> Result<(), Fault> {
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
pub(super) fn several_times(phrase: &mut Phrase, said: &mut Said) -> Result<(), Fault> {
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
