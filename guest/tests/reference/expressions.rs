//! Random cron expressions and zones, the same ones on every run.

use std::ops::RangeInclusive;

use chrono_tz::{TZ_VARIANTS, Tz};
use meanwhile_guest::trigger::check_zone;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// A fixed seed: a failure is there on every machine. `PROPTEST_RNG_SEED` does not change it.
const SEED: u64 = 20_002_040;

pub fn cases(count: u32) -> ProptestConfig {
    ProptestConfig {
        cases: count,
        rng_seed: RngSeed::Fixed(SEED),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Every zone that a job may name.
pub fn usable_zone() -> impl Strategy<Value = Tz> {
    let usable: Vec<Tz> = TZ_VARIANTS
        .into_iter()
        .filter(|zone| check_zone(zone.name()).is_ok())
        .collect();
    prop::sample::select(usable)
}

fn list(one: impl Strategy<Value = String> + 'static, most: usize) -> BoxedStrategy<String> {
    prop::collection::vec(one, 1..=most)
        .prop_map(|parts| parts.join(","))
        .boxed()
}

/// A number, a range, a stepped range or a stepped star.
fn part(low: u32, high: u32) -> BoxedStrategy<String> {
    let pair = move || (low..=high, low..=high).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop_oneof![
        4 => (low..=high).prop_map(|n| n.to_string()),
        2 => pair().prop_map(|(a, b)| format!("{a}-{b}")),
        1 => (pair(), 1..=high / 2).prop_map(|((a, b), step)| format!("{a}-{b}/{step}")),
        1 => (1..=high).prop_map(|step| format!("*/{step}")),
    ]
    .boxed()
}

fn field(low: u32, high: u32, stars: u32) -> BoxedStrategy<String> {
    prop_oneof![stars => Just("*".to_owned()), 4 => list(part(low, high), 3)].boxed()
}

fn month() -> BoxedStrategy<String> {
    let names = prop::sample::select(vec![
        "JAN", "feb", "Mar", "APR", "jun", "AUG", "oct-DEC", "SEP-nov", "MAY-JUL",
    ]);
    prop_oneof![3 => field(1, 12, 8), 1 => list(names.prop_map(str::to_owned), 3)].boxed()
}

fn day() -> BoxedStrategy<String> {
    // Days that not every month has are worth more than their share.
    let late = prop::sample::select(vec!["L", "29", "30", "31", "L,15", "1,L", "29-31"]);
    prop_oneof![3 => field(1, 31, 5), 1 => late.prop_map(str::to_owned)].boxed()
}

fn weekday() -> BoxedStrategy<String> {
    let names = prop::sample::select(vec![
        "SUN", "mon", "Tue", "WED", "thu", "FRI", "sat", "MON-FRI", "SAT-SUN", "sun-TUE", "FRI-SUN", "5-7",
        "0-7/2",
    ]);
    let counted = (
        prop::sample::select(vec!["SUN", "MON", "2", "wed", "4", "FRI", "6", "7"]),
        0..=5_u32,
    )
        .prop_map(|(day, nth)| {
            if nth == 0 {
                format!("{day}#L")
            } else {
                format!("{day}#{nth}")
            }
        });
    prop_oneof![
        4 => field(0, 7, 6),
        2 => list(names.prop_map(str::to_owned), 3),
        1 => list(counted, 2),
    ]
    .boxed()
}

fn year() -> BoxedStrategy<String> {
    let pair =
        (1990..=2090_u32, 0..=40_u32).prop_map(|(from, more)| format!("{from}-{}", (from + more).min(2100)));
    let stepped = (1990..=2060_u32, 1..=9_u32).prop_map(|(from, step)| format!("{from}-2095/{step}"));
    prop_oneof![
        Just("*".to_owned()),
        pair,
        stepped,
        list((1990..=2090_u32).prop_map(|y| y.to_string()), 4)
    ]
    .boxed()
}

/// An expression with so many fields.
pub fn expression(fields: RangeInclusive<usize>) -> impl Strategy<Value = String> {
    let minute = prop_oneof![1 => field(0, 59, 1), 1 => (0..=59_u32).prop_map(|m| m.to_string())];
    let hour = prop_oneof![2 => field(0, 23, 3), 1 => (0..=23_u32).prop_map(|h| h.to_string())];
    (
        fields,
        (field(0, 59, 1), minute, hour, day(), month(), weekday(), year()),
    )
        .prop_map(|(fields, (second, minute, hour, day, month, weekday, year))| {
            let five = format!("{minute} {hour} {day} {month} {weekday}");
            match fields {
                5 => five,
                6 => format!("{second} {five}"),
                _ => format!("{second} {five} {year}"),
            }
        })
}
