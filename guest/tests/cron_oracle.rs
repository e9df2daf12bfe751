//! Cron expressions against an independent library, `croner`: random expressions, zones and years.
//!
//! Where the two differ on purpose, and how the test puts the question so that they must agree:
//! * A day field with a stepped star (`*/2 * MON`). Vixie cron takes any field that *begins* with a
//!   star as a star, so both fields must match; croner takes a bare `*` only. Asked for with
//!   croner's `+`, which joins the two.
//! * `*` and `*/n` of years start at 1970 here and at 1 there: stepped years are written as ranges.
//! * Years end at 2100 here and at 5000 there: what lies after 2100 counts as never. So an
//!   expression that never fires in our years is refused when it is read.
//! * `?`, `W`, `LW`, `5L`, `MON-FRI#2` and `+` are refused here with a sentence that says what to
//!   write; ranges that run over Sunday such as `6-2` are refused there.
//! * Clock changes. croner takes a star, a step or a list in *any* time field as "goes on through
//!   a change", so it drops `0 1,2 * * *` in a gap; here only a pattern that names no hour goes on.
//!   The zones are compared where the two mean the same: one hour and one minute, or no hour.
//! * A gap of many hours (a day in Apia and Kwajalein, seven hours in Vostok) ends croner's search;
//!   those are in `clock_changes.rs`.
#![allow(clippy::unwrap_used)]

mod reference;

use chrono::{DateTime, Datelike, TimeZone, Utc};
use chrono_tz::Tz;
use meanwhile_guest::bindings::types::{DstGap, DstOverlap, Instant, JobType};
use meanwhile_guest::trigger::{Schedule, format_instant};
use proptest::prelude::*;
use reference::expressions::{cases, expression, usable_zone};
use reference::{DAY, Fields, HOUR, SECOND, cron_trigger, instant, naive, steps, transitions};

const LAST_YEAR: i32 = 2100;
/// Fires compared from each start.
const FIRES: usize = 12;

/// The expression as croner has to be asked for the same.
fn asked(expression: &str) -> String {
    let mut words: Vec<String> = expression.split_whitespace().map(str::to_owned).collect();
    let day = if words.len() == 5 { 2 } else { 3 };
    let weekday = day + 2;
    let stepped = |word: &str| word.starts_with('*') && word != "*";
    if words[day] != "*" && words[weekday] != "*" && (stepped(&words[day]) || stepped(&words[weekday])) {
        words[weekday].insert(0, '+');
    }
    words.join(" ")
}

fn oracle<Z: TimeZone>(expression: &str, after: DateTime<Z>, count: usize) -> Vec<Instant> {
    let cron = croner::parser::CronParser::new()
        .parse(&asked(expression))
        .unwrap_or_else(|error| panic!("{expression}: {error}"));
    let mut found = Vec::new();
    let mut at = after;
    while found.len() < count {
        match cron.find_next_occurrence(&at, false) {
            Ok(next) if next.year() <= LAST_YEAR => {
                found.push(next.timestamp_millis());
                at = next;
            }
            _ => break,
        }
    }
    found
}

fn ours(expression: &str, zone: Tz) -> Result<Schedule, String> {
    let trigger = cron_trigger(expression, zone, DstGap::Shift, DstOverlap::First);
    Schedule::new("job", JobType::Scheduled, &trigger, 0)
}

fn january(year: i32) -> Instant {
    Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0)
        .unwrap()
        .timestamp_millis()
}

fn some_instant() -> impl Strategy<Value = Instant> {
    (instant("1990-01-01T00:00:00Z")..instant("2091-01-01T00:00:00Z"))
        .prop_map(|at| at.div_euclid(1000) * 1000)
}

/// Patterns that both libraries treat alike when the clocks change: one hour and one minute, or
/// no hour at all.
fn alike() -> impl Strategy<Value = String> {
    let times = prop_oneof![
        // Half of them in the small hours, where clocks change.
        (0..=59_u32, 0..=3_u32).prop_map(|(minute, hour)| format!("{minute} {hour}")),
        (0..=59_u32, 0..=23_u32).prop_map(|(minute, hour)| format!("{minute} {hour}")),
        (0..=59_u32).prop_map(|minute| format!("{minute} *")),
        (1..=30_u32).prop_map(|step| format!("*/{step} *")),
    ];
    (times, expression(5..=5)).prop_map(|(times, rest)| {
        let days: Vec<&str> = rest.split_whitespace().skip(2).collect();
        format!("{times} {}", days.join(" "))
    })
}

proptest! {
    #![proptest_config(cases(3_000))]

    #[test]
    fn zones_are_what_croner_takes_them_for(
        zone in usable_zone(),
        expression in alike(),
        daily in any::<bool>(),
        year in 1990..2090,
        pick in any::<prop::sample::Index>(),
        apart in -2 * DAY..HOUR,
    ) {
        let mut changes = transitions(zone, january(year), january(year + 1));
        changes.retain(|change| change.size() <= 3 * HOUR);
        let after = match changes.len() {
            0 => january(year),
            count => changes[pick.index(count)].at,
        } + apart.div_euclid(SECOND) * SECOND;
        let times: Vec<&str> = expression.split_whitespace().take(2).collect();
        let expression = if daily { format!("{} * * *", times.join(" ")) } else { expression };
        let Ok(schedule) = ours(&expression, zone) else { return Ok(()) };
        let start = naive(after).and_utc().with_timezone(&zone);
        let stepped: Vec<Instant> = steps(&schedule, after).take(FIRES).collect();
        let shown = |fires: &[Instant]| fires.iter().map(|at| format_instant(*at, zone.name())).collect::<Vec<_>>();
        prop_assert_eq!(
            shown(&stepped), shown(&oracle(&expression, start, FIRES)),
            "{} in {} after {}", &expression, zone, start
        );
    }

    #[test]
    fn expressions_mean_what_croner_takes_them_for(expression in expression(5..=7), after in some_instant()) {
        let start = naive(after).and_utc();
        match ours(&expression, Tz::UTC) {
            Ok(schedule) => {
                let stepped: Vec<Instant> = steps(&schedule, after).take(FIRES).collect();
                prop_assert_eq!(stepped, oracle(&expression, start, FIRES), "{} after {}", &expression, start);
            }
            Err(error) => {
                prop_assert!(error.contains("never fires"), "{}: {}", &expression, error);
                let epoch = Utc.with_ymd_and_hms(1969, 12, 31, 23, 59, 59).unwrap();
                prop_assert_eq!(oracle(&expression, epoch, 1), Vec::<Instant>::new(), "{} is refused", &expression);
            }
        }
    }

    /// The slow reference of the other tests is held against the same library.
    #[test]
    fn the_reference_means_the_same(expression in expression(5..=7), after in some_instant()) {
        let fields = Fields::read(&expression);
        let start = naive(after).and_utc();
        let expected = oracle(&expression, start, 3);
        for at in &expected {
            prop_assert!(fields.matches(naive(*at)), "{} at {}", &expression, naive(*at));
        }
        // And nothing in between, as far as the days go.
        let last = expected.first().map_or(after + 400 * DAY, |at| *at);
        let days = (naive(after).date().succ_opt().unwrap()).iter_days().take_while(|day| *day < naive(last).date());
        for day in days.take(3_000) {
            prop_assert!(!fields.matches_day(day), "{} on {}", &expression, day);
        }
    }
}
