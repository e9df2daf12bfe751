//! No schedule in any zone of the database fires twice or never around any change of the clocks
//! from 2000 to 2040, except as its policy says: every change of every zone is walked, and what
//! the crate computes by searching is compared with what a slow reference sees minute by minute.
#![allow(clippy::unwrap_used)]

mod reference;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDateTime, TimeDelta, Timelike};
use chrono_tz::{TZ_VARIANTS, Tz};
use meanwhile_guest::bindings::types::{DstGap, DstOverlap, Instant, JobType, TriggerConfig};
use meanwhile_guest::create::EMPTY_TRIGGER;
use meanwhile_guest::trigger::{Schedule, check_zone, parse_time};
use proptest::prelude::*;
use reference::expressions::{cases, expression, usable_zone};
use reference::{
    DAY, Fields, GAPS, HOUR, MINUTE, OVERLAPS, SECOND, Tick, Transition, cron_schedule, cron_trigger, fires,
    instant, local, offset, steps, transitions, window,
};

/// Set to anything: every change of every zone is walked (6,319 of 191 histories, about 40 s in
/// the dev profile). Otherwise one of every kind is.
const FULL_WALK: &str = "MEANWHILE_FULL_CLOCK_WALK";

const FIRST_YEAR: &str = "2000-01-01T00:00:00Z";
const LAST_YEAR_END: &str = "2041-01-01T00:00:00Z";

/// Zones without those that have the same history under another name. Names that are refused as
/// abbreviations (NZ-CHAT, EST5EDT) cannot be in a schedule.
fn distinct_zones() -> Vec<(Tz, Vec<Transition>)> {
    let (from, to) = (instant(FIRST_YEAR), instant(LAST_YEAR_END));
    let mut zones = BTreeMap::new();
    for zone in TZ_VARIANTS
        .into_iter()
        .filter(|zone| check_zone(zone.name()).is_ok())
    {
        let changes = transitions(zone, from, to);
        zones.entry((offset(zone, from), changes)).or_insert(zone);
    }
    zones
        .into_iter()
        .map(|((_, changes), zone)| (zone, changes))
        .collect()
}

/// The changes to walk: all, or the first of each kind (time of day, offset before and after).
fn walked(zones: Vec<(Tz, Vec<Transition>)>) -> Vec<(Tz, Transition)> {
    let full = std::env::var_os(FULL_WALK).is_some();
    let mut chosen = Vec::new();
    let mut seen = BTreeSet::new();
    for (zone, changes) in zones {
        for change in changes {
            if full || seen.insert((change.disputed().0.time(), change.before, change.after)) {
                chosen.push((zone, change));
            }
        }
    }
    chosen
}

/// Expressions that a change of the clocks may hurt, made for one change.
fn expressions(change: &Transition) -> Vec<String> {
    let (low, high) = change.disputed();
    let middle = low + (high - low) / 2;
    let minute = TimeDelta::minutes(1);
    let daily = |at: NaiveDateTime| format!("{} {} * * *", at.minute(), at.hour());
    let (day, month, weekday) = (
        middle.day(),
        middle.month(),
        middle.weekday().num_days_from_sunday(),
    );
    let (m, h) = (middle.minute(), middle.hour());
    let mut all: Vec<String> = [low - minute, low, middle, high - minute, high, high + minute]
        .into_iter()
        .map(daily)
        .collect();
    all.extend([
        // Every hour and oftener: names no hour.
        "0 * * * *".to_owned(),
        format!("{m} * * * *"),
        "*/15 * * * *".to_owned(),
        "7-59/30 * * * *".to_owned(),
        format!("*/20 * * * {weekday}"),
        format!("10,40 * {day} * *"),
        // Every few hours and lists of hours.
        "0 */2 * * *".to_owned(),
        "0 */3 * * *".to_owned(),
        format!(
            "0,30 {},{},{} * * *",
            low.hour(),
            high.hour(),
            (high.hour() + 2) % 24
        ),
        format!("*/25 {h} * * *"),
        // Weekly, monthly, yearly, either, the n-th, the last.
        format!("{m} {h} * * {weekday}"),
        format!("{m} {h} {day} * *"),
        format!("{m} {h} {day} {month} *"),
        format!("{m} {h} {} * {weekday}", day % 28 + 1),
        format!("{m} {h} * * {weekday}#{}", day.div_ceil(7)),
        format!("{m} {h} * * {weekday}#L"),
        format!("{m} {h} L,{day} * *"),
        format!("0 {m} {h} * * * {}", middle.year()),
    ]);
    all
}

/// Compares one expression under one policy with the reference in a window around a change.
fn compare(
    (zone, change): (Tz, &Transition),
    expression: &str,
    (gap, overlap): (DstGap, DstOverlap),
    ticks: &[Tick],
    ends: (Instant, Instant),
) {
    let fields = Fields::read(expression);
    let expected = fires(&fields, gap, overlap, ticks);
    let schedule = cron_schedule(expression, zone, gap, overlap);
    let told = || {
        format!(
            "`{expression}` in {zone} ({gap:?}, {overlap:?}) around the change at {} from {} s to {} s",
            local(zone, change.at),
            change.before,
            change.after
        )
    };
    let stepped: Vec<Instant> = steps(&schedule, ends.0).take_while(|at| *at <= ends.1).collect();
    assert!(
        stepped == expected,
        "{}:\n stepped  {:?}\n expected {:?}",
        told(),
        stepped.iter().map(|at| local(zone, *at)).collect::<Vec<_>>(),
        expected.iter().map(|at| local(zone, *at)).collect::<Vec<_>>(),
    );
    // What comes next depends on the present alone, not on how one got there.
    let size = change.size();
    for present in [
        change.at - size - 1,
        change.at - size,
        change.at - size / 2,
        change.at - 1,
        change.at,
        change.at + 1,
        change.at + size / 2,
        change.at + size - 1,
        change.at + size,
    ] {
        let next = schedule.next_after(present);
        let wanted = expected.iter().find(|at| **at > present).copied();
        assert!(
            next.filter(|at| *at <= ends.1) == wanted && next.is_none_or(|at| at > present),
            "{}: after {present} comes {next:?}, not {wanted:?}",
            told()
        );
    }
    // Said once more without the reference: nothing twice unless the policy or the pattern says so.
    if fields.names_an_hour() && overlap == DstOverlap::First {
        let mut shown: Vec<NaiveDateTime> = stepped.iter().map(|at| local(zone, *at)).collect();
        shown.sort_unstable();
        shown.dedup();
        assert_eq!(shown.len(), stepped.len(), "{}: a local time twice", told());
    }
}

#[test]
fn no_schedule_fires_twice_or_never_around_any_clock_change() {
    for (zone, change) in walked(distinct_zones()) {
        assert_eq!(
            change.at % MINUTE,
            0,
            "{zone}: the reference looks at whole minutes"
        );
        let margin = 4 * HOUR + change.size();
        let ends = (change.at - margin, change.at + margin);
        let ticks = window(zone, ends.0, ends.1, MINUTE);
        for (index, expression) in expressions(&change).iter().enumerate() {
            // The policy that the change does not ask for must not matter; it takes turns.
            for side in 0..2 {
                let policies = if change.is_gap() {
                    (GAPS[side], OVERLAPS[(index + side) % 2])
                } else {
                    (GAPS[(index + side) % 2], OVERLAPS[side])
                };
                compare((zone, &change), expression, policies, &ticks, ends);
            }
        }
    }
}

#[test]
fn schedules_to_the_second_are_no_different() {
    let kinds: BTreeMap<_, _> = distinct_zones()
        .into_iter()
        .flat_map(|(zone, changes)| changes.into_iter().map(move |change| (zone, change)))
        .filter(|(_, change)| change.size() <= 3 * HOUR)
        .map(|(zone, change)| {
            (
                (change.disputed().0.time(), change.after - change.before),
                (zone, change),
            )
        })
        .collect();
    for (zone, change) in kinds.into_values() {
        let margin = change.size() + 2 * MINUTE;
        let ends = (change.at - margin, change.at + margin);
        let ticks = window(zone, ends.0, ends.1, SECOND);
        let (low, high) = change.disputed();
        let last = high - TimeDelta::seconds(1);
        for expression in [
            format!("30 {} {} * * *", low.minute(), low.hour()),
            format!("59 {} {} * * *", last.minute(), last.hour()),
            format!("0,1 {} {} * * *", high.minute(), high.hour()),
            format!("*/25 {} {},{} * * *", low.minute(), low.hour(), high.hour()),
            "*/20 * * * * *".to_owned(),
            format!("59 59 * * * {}", low.weekday().num_days_from_sunday()),
        ] {
            for gap in GAPS {
                for overlap in OVERLAPS {
                    compare((zone, &change), &expression, (gap, overlap), &ticks, ends);
                }
            }
        }
    }
}

#[test]
fn a_written_time_in_a_gap_is_the_end_of_the_gap_and_a_repeated_one_the_first() {
    for (zone, changes) in distinct_zones() {
        for change in changes {
            let (low, high) = change.disputed();
            let old = |at: NaiveDateTime| at.and_utc().timestamp_millis() - i64::from(change.before) * SECOND;
            let new = |at: NaiveDateTime| at.and_utc().timestamp_millis() - i64::from(change.after) * SECOND;
            let second = TimeDelta::seconds(1);
            let disputed = |at| if change.is_gap() { change.at } else { old(at) };
            for (written, expected) in [
                (low - second, old(low - second)),
                (low, disputed(low)),
                (low + (high - low) / 2, disputed(low + (high - low) / 2)),
                (high - second, disputed(high - second)),
                (high, new(high)),
            ] {
                let text = written.format("%Y-%m-%dT%H:%M:%S").to_string();
                assert_eq!(parse_time(&text, zone.name()), Ok(expected), "{text} in {zone}");
                let trigger = TriggerConfig {
                    timezone: Some(zone.name().to_owned()),
                    run_at: Some(text.clone()),
                    ..EMPTY_TRIGGER
                };
                let once = Schedule::new("job", JobType::OneOff, &trigger, 0).unwrap();
                assert_eq!(once.next_after(expected - 1), Some(expected), "{text} in {zone}");
                assert_eq!(once.next_after(expected), None, "{text} in {zone}");
            }
        }
    }
}

#[test]
fn intervals_keep_their_phase_through_every_change() {
    let period = 7 * MINUTE;
    for (zone, change) in walked(distinct_zones()) {
        let interval = TriggerConfig {
            timezone: Some(zone.name().to_owned()),
            interval_seconds: Some((period / SECOND) as u32),
            ..EMPTY_TRIGGER
        };
        let anchor = change.at - 3 * HOUR - 1_234;
        // The origin is the first fire where it is given, and one interval before it where not.
        let start = change.disputed().0.format("%Y-%m-%dT%H:%M:%S").to_string();
        let origin = if change.is_gap() {
            change.at
        } else {
            change.at - change.size()
        };
        for (start_at, first) in [(None, anchor + period), (Some(start), origin)] {
            let trigger = TriggerConfig {
                start_at,
                ..interval.clone()
            };
            let schedule = Schedule::new("job", JobType::Recurring, &trigger, anchor).unwrap();
            let fires: Vec<Instant> = steps(&schedule, anchor).take(60).collect();
            let expected: Vec<Instant> = (0..60).map(|n| first + n * period).collect();
            assert_eq!(fires, expected, "{zone} around {}", local(zone, change.at));
        }
    }
}

proptest! {
    #![proptest_config(cases(64))]

    /// Any expression, in any zone, around any of its changes or at any other time.
    #[test]
    fn any_schedule_is_what_the_reference_sees(
        zone in usable_zone(),
        expression in expression(5..=5),
        pick in any::<prop::sample::Index>(),
        apart in -3 * DAY..3 * DAY,
        gap in prop::sample::select(GAPS.to_vec()),
        overlap in prop::sample::select(OVERLAPS.to_vec()),
    ) {
        let changes = transitions(zone, instant(FIRST_YEAR), instant(LAST_YEAR_END));
        let change = match changes.len() {
            0 => Transition { at: instant("2026-06-01T00:00:00Z"), before: offset(zone, 0), after: offset(zone, 0) },
            count => changes[pick.index(count)],
        };
        let Ok(schedule) = Schedule::new("job", JobType::Scheduled, &cron_trigger(&expression, zone, gap, overlap), 0)
        else {
            // Refused because no date is like that; see `cron_oracle.rs`.
            return Ok(());
        };
        let middle = change.at + apart;
        let ends = (middle - 2 * DAY, middle + 2 * DAY);
        let ticks = window(zone, ends.0, ends.1, MINUTE);
        let stepped: Vec<Instant> = steps(&schedule, ends.0).take_while(|at| *at <= ends.1).collect();
        prop_assert_eq!(stepped, fires(&Fields::read(&expression), gap, overlap, &ticks));
    }
}
