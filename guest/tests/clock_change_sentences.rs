//! What `preview` says about the next changes of the clocks is what the schedule then does.
#![allow(clippy::unwrap_used)]

mod reference;

use chrono::{NaiveDateTime, TimeDelta, Timelike};
use chrono_tz::{TZ_VARIANTS, Tz};
use meanwhile_guest::bindings::schedule::{ClockChange, PreviewRequest};
use meanwhile_guest::bindings::types::{DstGap, DstOverlap, Instant, TriggerConfig};
use meanwhile_guest::trigger::{check_zone, format_instant, preview};
use reference::{
    DAY, Fields, GAPS, MINUTE, OVERLAPS, Transition, cron_trigger, fires, instant, local, transitions, window,
};

fn clock_changes(trigger: TriggerConfig, now: Instant) -> Vec<ClockChange> {
    let request = PreviewRequest {
        text: None,
        trigger_config: Some(trigger),
        job_type: None,
        timezone: None,
        count: 0,
        at: Some(now),
    };
    preview(&request, 0)
        .unwrap_or_else(|error| panic!("{}", error.message))
        .clock_changes
}

/// The sentence that the fires seen by the slow reference deserve.
fn deserved(zone: Tz, change: &Transition, cron: &str, gap: DstGap, overlap: DstOverlap) -> String {
    let fields = Fields::read(cron);
    let ticks = window(
        zone,
        change.at - change.size() - DAY,
        change.at + change.size() + DAY,
        MINUTE,
    );
    let seen = fires(&fields, gap, overlap, &ticks);
    let (low, high) = change.disputed();
    let last_disputed = if change.is_gap() {
        high
    } else {
        high - TimeDelta::minutes(1)
    };
    let dated = low.date() != last_disputed.date();
    let time = |at: NaiveDateTime| {
        let clock = format!("{:02}:{:02}", at.hour(), at.minute());
        if dated {
            format!("{} {clock}", at.date())
        } else {
            clock
        }
    };
    let day = if dated { "" } else { " that day" };
    let list = |times: &[NaiveDateTime]| match times {
        [one] => time(*one),
        [one, two] => format!("{} and {}", time(*one), time(*two)),
        [one, two, ..] => format!("{}, {} and so on", time(*one), time(*two)),
        [] => panic!("nothing to tell"),
    };
    let mut disputed: Vec<NaiveDateTime> = ticks
        .iter()
        .flat_map(|tick| {
            let skipped = tick.skipped.iter().copied().filter(|_| tick.at == change.at);
            skipped.chain((tick.again && tick.at < change.at + change.size()).then_some(tick.local))
        })
        .filter(|at| fields.matches(*at))
        .collect();
    disputed.sort_unstable();
    let Some(first) = disputed.first() else {
        return "No effect: no fire falls into the time that changes.".to_owned();
    };
    if !fields.names_an_hour() {
        let last = seen.iter().rfind(|at| **at < change.at);
        let next = seen.iter().find(|at| **at >= change.at);
        return match (last, next) {
            (Some(last), Some(next)) => {
                let from = local(zone, *last);
                let mut due = from + TimeDelta::minutes(1);
                while !fields.matches(due) {
                    due += TimeDelta::minutes(1);
                }
                if (due - from).num_milliseconds() == next - last {
                    "No effect: it goes on at the same distance through the change.".to_owned()
                } else {
                    format!(
                        "Goes on by the clock: {} follows {} after {} minutes.",
                        time(local(zone, *next)),
                        time(from),
                        (next - last) / MINUTE
                    )
                }
            }
            (None, Some(next)) => format!(
                "Goes on by the clock: fires first at {}.",
                time(local(zone, *next))
            ),
            (Some(last), None) => format!(
                "Goes on by the clock: fires last at {}.",
                time(local(zone, *last))
            ),
            (None, None) => "No effect: no fire falls into the time that changes.".to_owned(),
        };
    }
    let count = |at: NaiveDateTime| seen.iter().filter(|fire| local(zone, **fire) == at).count();
    if !change.is_gap() {
        let come = if disputed.len() == 1 { "comes" } else { "come" };
        assert!(disputed.iter().all(|at| count(*at) == count(*first)));
        let which = match count(*first) {
            2 => "fires at both",
            1 => "fires at the first only",
            other => panic!("{other} fires at {first}"),
        };
        return format!("{} {come} twice{day}; {which}.", list(&disputed));
    }
    let (end, one) = (time(local(zone, change.at)), disputed.len() == 1);
    let at_the_end = seen.contains(&change.at);
    match (at_the_end, fields.matches(high)) {
        (false, false) if one => format!(
            "Does not fire at {}{day}: that time does not exist.",
            list(&disputed)
        ),
        (false, false) => format!(
            "Does not fire at {}{day}: those times do not exist.",
            list(&disputed)
        ),
        (true, true) if gap == DstGap::Skip => {
            let those = if one { "that time does" } else { "those times do" };
            format!("Does not fire at {}{day}: {those} not exist.", list(&disputed))
        }
        (true, true) => format!(
            "Fires once, at {end}, for that time and for {}{day}.",
            list(&disputed)
        ),
        (true, false) if one => format!("Fires at {end} instead of {}{day}.", list(&disputed)),
        (true, false) => format!("Fires once, at {end}, instead of at {}{day}.", list(&disputed)),
        (false, true) => panic!("the fire at {end} is lost"),
    }
}

#[test]
fn every_zone_is_told_the_truth_about_its_next_two_changes() {
    let mut told = 0;
    for now in ["2009-06-01T00:00:00Z", "2026-06-01T00:00:00Z"].map(instant) {
        let mut known = std::collections::BTreeSet::new();
        for zone in TZ_VARIANTS
            .into_iter()
            .filter(|zone| check_zone(zone.name()).is_ok())
        {
            let changes: Vec<Transition> = transitions(zone, now, now + 4 * 365 * DAY)
                .into_iter()
                .take(2)
                .collect();
            if !known.insert(changes.clone()) {
                continue;
            }
            for (index, change) in changes.iter().enumerate() {
                let (low, high) = change.disputed();
                let middle = low + (high - low) / 2;
                for cron in [
                    format!("{} {} * * *", middle.minute(), middle.hour()),
                    format!("{} {} * * *", high.minute(), high.hour()),
                    format!("{} {},{} * * *", low.minute(), low.hour(), high.hour()),
                    format!("*/10 {} * * *", middle.hour()),
                    "0 */3 * * *".to_owned(),
                    "*/15 * * * *".to_owned(),
                    "0 * * * *".to_owned(),
                ] {
                    for (gap, overlap) in GAPS.into_iter().zip(OVERLAPS) {
                        let answer = clock_changes(cron_trigger(&cron, zone, gap, overlap), now);
                        assert_eq!(answer[index].at, format_instant(change.at, zone.name()), "{zone}");
                        assert_eq!(
                            answer[index].effect,
                            deserved(zone, change, &cron, gap, overlap),
                            "`{cron}` in {zone} ({gap:?}, {overlap:?}) at {}",
                            answer[index].at
                        );
                        told += 1;
                    }
                }
            }
        }
    }
    assert!(told > 1_000, "{told} sentences");
}

#[test]
fn the_sentences() {
    let shift = (DstGap::Shift, DstOverlap::First);
    let other = (DstGap::Skip, DstOverlap::Both);
    let (spring, autumn) = ("2026-03-01T00:00:00Z", "2026-10-01T00:00:00Z");
    let table = [
        (
            "30 2 * * *",
            "Europe/Berlin",
            spring,
            shift,
            "Fires at 03:00 instead of 02:30 that day.",
        ),
        (
            "30 2 * * *",
            "Europe/Berlin",
            spring,
            other,
            "Does not fire at 02:30 that day: that time does not exist.",
        ),
        (
            "30 2 * * *",
            "Europe/Berlin",
            autumn,
            shift,
            "02:30 comes twice that day; fires at the first only.",
        ),
        (
            "30 2 * * *",
            "Europe/Berlin",
            autumn,
            other,
            "02:30 comes twice that day; fires at both.",
        ),
        (
            "*/15 2 * * *",
            "Europe/Berlin",
            spring,
            shift,
            "Fires once, at 03:00, instead of at 02:00, 02:15 and so on that day.",
        ),
        (
            "0 2,3 * * *",
            "Europe/Berlin",
            spring,
            shift,
            "Fires once, at 03:00, for that time and for 02:00 that day.",
        ),
        (
            "0,30 2 * * *",
            "Europe/Berlin",
            autumn,
            shift,
            "02:00 and 02:30 come twice that day; fires at the first only.",
        ),
        (
            "0 9 * * *",
            "Europe/Berlin",
            spring,
            shift,
            "No effect: no fire falls into the time that changes.",
        ),
        // The Sunday of the change is no Monday.
        (
            "30 2 * * MON",
            "Europe/Berlin",
            spring,
            shift,
            "No effect: no fire falls into the time that changes.",
        ),
        (
            "15 30 2 * * *",
            "Europe/Berlin",
            spring,
            shift,
            "Fires at 03:00:00 instead of 02:30:15 that day.",
        ),
        (
            "*/15 * * * *",
            "Europe/Berlin",
            spring,
            shift,
            "No effect: it goes on at the same distance through the change.",
        ),
        // The clocks of Lord Howe move by half an hour.
        (
            "0 * * * *",
            "Australia/Lord_Howe",
            autumn,
            shift,
            "Goes on by the clock: 03:00 follows 01:00 after 90 minutes.",
        ),
        // In Nuuk an hour before midnight is skipped, so the fire is on the next day.
        (
            "30 23 * * *",
            "America/Nuuk",
            spring,
            shift,
            "Fires at 2026-03-29 00:00 instead of 2026-03-28 23:30.",
        ),
        // A whole day is skipped.
        (
            "0 9 * * *",
            "Pacific/Apia",
            "2011-12-01T00:00:00Z",
            shift,
            "Fires at 2011-12-31 00:00 instead of 2011-12-30 09:00.",
        ),
    ];
    for (cron, zone, now, (gap, overlap), expected) in table {
        let trigger = cron_trigger(cron, zone.parse().unwrap(), gap, overlap);
        assert_eq!(
            clock_changes(trigger, instant(now))[0].effect,
            expected,
            "{cron} in {zone}"
        );
    }
}

#[test]
fn a_schedule_that_does_not_run_then_is_not_said_to_fire() {
    let daily = cron_trigger("30 2 * * *", Tz::Europe__Berlin, DstGap::Shift, DstOverlap::First);
    let now = instant("2026-03-01T00:00:00Z");
    let none = "No effect: no fire falls into the time that changes.";
    let effects = |trigger: TriggerConfig| {
        clock_changes(trigger, now)
            .into_iter()
            .map(|change| change.effect)
            .collect::<Vec<_>>()
    };
    let ends = TriggerConfig {
        end_at: Some("2026-03-28T12:00:00".to_owned()),
        ..daily.clone()
    };
    assert_eq!(effects(ends), [none, none]);
    let starts = TriggerConfig {
        start_at: Some("2026-04-01T00:00:00".to_owned()),
        ..daily.clone()
    };
    assert_eq!(
        effects(starts),
        [none, "02:30 comes twice that day; fires at the first only."]
    );
    let jitter = TriggerConfig {
        jitter_seconds: Some(600),
        ..daily.clone()
    };
    assert_eq!(
        effects(jitter)[0],
        "Fires at 03:00 instead of 02:30 that day. (Before the shift by jitter_seconds.)"
    );
    // The second 02:30 of the day is the first that start_at allows, and it is not the day's fire.
    let between = TriggerConfig {
        start_at: Some("2026-10-25T02:00:00+01:00".to_owned()),
        ..daily
    };
    assert_eq!(effects(between)[1], none);
}
