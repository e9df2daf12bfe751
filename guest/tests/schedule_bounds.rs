//! Counting back over missed slots, horizons, jitter, and the ends of time.
#![allow(clippy::unwrap_used)]

mod reference;

use chrono_tz::Tz;
use meanwhile_guest::bindings::schedule::PreviewRequest;
use meanwhile_guest::bindings::types::{DstGap, DstOverlap, Instant, JobType, TriggerConfig};
use meanwhile_guest::create::EMPTY_TRIGGER;
use meanwhile_guest::trigger::limits::{
    COUNT_MAX, INTERVAL_SECONDS_MAX, INTERVAL_SECONDS_MIN, JITTER_SECONDS_MAX,
};
use meanwhile_guest::trigger::{
    Context, Schedule, format_instant, local_day, normalise, parse_time, preview,
};
use proptest::prelude::*;
use reference::expressions::{cases, expression, usable_zone};
use reference::{DAY, GAPS, HOUR, OVERLAPS, SECOND, cron_schedule, cron_trigger, instant, steps};

const YEAR: i64 = 365 * DAY;

fn slots_of(job: &str, trigger: &TriggerConfig, anchor: Instant) -> Schedule {
    let kind = if trigger.cron.is_some() {
        JobType::Scheduled
    } else {
        JobType::Recurring
    };
    Schedule::new(job, kind, trigger, anchor).unwrap()
}

fn every(seconds: u32) -> TriggerConfig {
    TriggerConfig {
        interval_seconds: Some(seconds),
        timezone: Some("UTC".to_owned()),
        ..EMPTY_TRIGGER
    }
}

fn cron(text: &str, zone: &str) -> TriggerConfig {
    cron_trigger(text, zone.parse().unwrap(), DstGap::Shift, DstOverlap::First)
}

/// Counts by stepping, as far as the crate promises to count.
fn by_stepping(schedule: &Schedule, after: Instant, before: Instant) -> Option<(Instant, u32)> {
    let slots: Vec<Instant> = steps(schedule, after).take_while(|at| *at <= before).collect();
    slots.last().map(|last| (*last, slots.len() as u32))
}

proptest! {
    #![proptest_config(cases(200))]

    #[test]
    fn missed_slots_are_those_that_stepping_finds(
        zone in usable_zone(),
        expression in expression(5..=5),
        (gap, overlap) in (prop::sample::select(GAPS.to_vec()), prop::sample::select(OVERLAPS.to_vec())),
        from in instant("2000-01-01T00:00:00Z")..instant("2040-01-01T00:00:00Z"),
        days in prop_oneof![1..10_i64, 100..300_i64],
        jitter in prop_oneof![Just(None), (1..=JITTER_SECONDS_MAX).prop_map(Some)],
    ) {
        let trigger = TriggerConfig { jitter_seconds: jitter, ..cron_trigger(&expression, zone, gap, overlap) };
        let Ok(schedule) = Schedule::new("job", JobType::Scheduled, &trigger, 0) else { return Ok(()) };
        // At most a thousand slots to step over.
        let until = steps(&schedule, from).take(1_000).last().unwrap_or(from).min(from + days * DAY);
        for before in [until, until - 1, until + 1] {
            prop_assert_eq!(schedule.missed_between(from, before), by_stepping(&schedule, from, before));
        }
    }

    #[test]
    fn missed_intervals_are_those_that_stepping_finds(
        seconds in INTERVAL_SECONDS_MIN..=100_000,
        anchor in -YEAR..YEAR,
        after in -YEAR..YEAR,
        slots in 0..300_i64,
        more in 0..100_000_i64,
        end in prop_oneof![Just(None), (0..YEAR).prop_map(Some)],
        jitter in prop_oneof![Just(None), (1..=JITTER_SECONDS_MAX).prop_map(Some)],
    ) {
        let trigger = TriggerConfig {
            jitter_seconds: jitter,
            end_at: end.map(|end| format_instant(end, "UTC")),
            ..every(seconds)
        };
        let schedule = slots_of("job", &trigger, anchor);
        let before = after.max(anchor) + slots * i64::from(seconds) * SECOND + more;
        prop_assert_eq!(schedule.missed_between(after, before), by_stepping(&schedule, after, before));
    }

    #[test]
    fn jitter_moves_every_slot_alike_and_by_less_than_its_bound(
        job in "[a-z0-9-]{1,36}",
        expression in expression(5..=5),
        zone in usable_zone(),
        jitter in 1..=JITTER_SECONDS_MAX,
        from in instant("2000-01-01T00:00:00Z")..instant("2040-01-01T00:00:00Z"),
    ) {
        let plain = cron_trigger(&expression, zone, DstGap::Shift, DstOverlap::First);
        let shaken = TriggerConfig { jitter_seconds: Some(jitter), ..plain.clone() };
        let Ok(still) = Schedule::new(&job, JobType::Scheduled, &plain, 0) else { return Ok(()) };
        let moved = slots_of(&job, &shaken, 0);
        // The shift is the job's, whatever the expression: seen best where slots are years apart.
        let yearly = TriggerConfig { cron: Some("0 0 1 1 *".to_owned()), timezone: Some("UTC".to_owned()), ..shaken.clone() };
        let shift = slots_of(&job, &yearly, 0).next_after(DAY).unwrap() - instant("1971-01-01T00:00:00Z");
        prop_assert!((0..=i64::from(jitter) * SECOND).contains(&shift), "{}", shift);
        let expected: Vec<Instant> = steps(&still, from - shift).take(20).map(|at| at + shift).collect();
        prop_assert_eq!(steps(&moved, from).take(20).collect::<Vec<_>>(), expected, "{} in {} for {}", expression, zone, job);
        prop_assert_eq!(slots_of(&job, &shaken, 77).next_after(from), moved.next_after(from), "another instance");
    }

    #[test]
    fn jitter_of_an_interval_is_below_its_period(
        job in "[a-z0-9-]{1,36}", seconds in INTERVAL_SECONDS_MIN..=200_000, jitter in 0..=JITTER_SECONDS_MAX,
    ) {
        let trigger = TriggerConfig { jitter_seconds: Some(jitter), ..every(seconds) };
        let period = i64::from(seconds) * SECOND;
        let fires: Vec<Instant> = steps(&slots_of(&job, &trigger, 0), 0).take(5).collect();
        let shift = fires[0] - period;
        prop_assert!((0..period).contains(&shift) && shift <= i64::from(jitter) * SECOND, "{}", shift);
        prop_assert_eq!(fires, (1..=5).map(|n| n * period + shift).collect::<Vec<_>>());
    }
}

proptest! {
    #![proptest_config(cases(32))]

    /// Beyond what is counted one by one, the last slot is still the last.
    #[test]
    fn the_last_of_very_many_missed_slots_is_the_last(
        zone in usable_zone(),
        (seconds, hours) in (prop::sample::select(vec!["*", "*/2", "*/20"]), prop::sample::select(vec!["*", "0-3", "1,2,3", "22,23,0"])),
        from in instant("2000-01-01T00:00:00Z")..instant("2040-01-01T00:00:00Z"),
        beyond in 0..400 * DAY,
    ) {
        let text = format!("{seconds} * {hours} * * *");
        let schedule = cron_schedule(&text, zone, DstGap::Shift, DstOverlap::First);
        let before = from + 20 * DAY + beyond;
        let (last, count) = schedule.missed_between(from, before).unwrap();
        prop_assert_eq!(count, COUNT_MAX);
        prop_assert!(last <= before && schedule.next_after(last).unwrap() > before, "{} in {}", text, zone);
        prop_assert_eq!(schedule.next_after(last - 1), Some(last));
    }
}

#[test]
fn start_and_end_are_both_inside() {
    for (trigger, name) in [
        (cron("0 * * * *", "Europe/Berlin"), "cron"),
        (every(3_600), "interval"),
    ] {
        let (start, end) = (instant("2026-10-25T00:00:00Z"), instant("2026-10-25T03:00:00Z"));
        let slots = |start: Instant, end: Instant| {
            let trigger = TriggerConfig {
                start_at: Some(format_instant(start, "Europe/Berlin")),
                end_at: Some(format_instant(end, "Europe/Berlin")),
                ..trigger.clone()
            };
            steps(&slots_of("job", &trigger, start - 100 * DAY), start - DAY).collect::<Vec<Instant>>()
        };
        // Through the repeated hour of Berlin: four hours, four slots.
        let all: Vec<Instant> = (0..=3).map(|n| start + n * HOUR).collect();
        assert_eq!(slots(start, end), all, "{name}");
        assert_eq!(slots(start, end - SECOND), all[..3], "{name}");
        assert_eq!(slots(start, start), all[..1], "{name}");
    }
    let late = TriggerConfig {
        start_at: Some("2026-06-01T00:00:01Z".to_owned()),
        ..cron("0 * * * *", "UTC")
    };
    assert_eq!(
        slots_of("job", &late, 0).next_after(0),
        Some(instant("2026-06-01T01:00:00Z")),
        "a slot one second before start_at is none"
    );
}

#[test]
fn the_horizon_holds_for_what_jitter_moves() {
    let end = instant("2026-06-01T12:00:00Z");
    for job in ["a", "b", "c", "d", "e"] {
        for trigger in [cron("0 * * * *", "UTC"), every(3_600)] {
            let trigger = TriggerConfig {
                start_at: Some("2026-06-01T08:00:00Z".to_owned()),
                end_at: Some("2026-06-01T12:00:00Z".to_owned()),
                jitter_seconds: Some(1_800),
                ..trigger
            };
            let schedule = slots_of(job, &trigger, 0);
            let fires: Vec<Instant> = steps(&schedule, 0).collect();
            let shift = fires[0] - instant("2026-06-01T08:00:00Z");
            assert!((0..=1_800 * SECOND).contains(&shift), "{job}: {shift}");
            let expected = (0..=4).map(|n| fires[0] + n * HOUR).filter(|at| *at <= end);
            assert_eq!(fires, expected.collect::<Vec<_>>(), "{job}");
            assert_eq!(
                schedule.missed_between(0, end + DAY),
                by_stepping(&schedule, 0, end + DAY),
                "{job}"
            );
        }
    }
}

#[test]
fn a_job_whose_jitter_could_lose_every_fire_is_refused() {
    let now = instant("2026-06-01T10:00:00Z");
    let context = Context {
        now,
        caller_zone: Some("UTC"),
        stored: None,
    };
    let day = |end: &str| TriggerConfig {
        end_at: Some(end.to_owned()),
        jitter_seconds: Some(3_600),
        ..cron("0 12 * * *", "UTC")
    };
    let error = normalise(&day("2026-06-01T12:30:00Z"), None, &context).unwrap_err();
    assert_eq!(
        error.field.as_deref(),
        Some("trigger_config.jitter_seconds"),
        "{}",
        error.message
    );
    assert!(
        error.message.contains("2026-06-01T12:00:00+00:00"),
        "{}",
        error.message
    );
    assert!(normalise(&day("2026-06-01T13:00:00Z"), None, &context).is_ok());
    // An interval is never moved by as much as itself.
    let often = TriggerConfig {
        end_at: Some("2026-06-01T10:02:00Z".to_owned()),
        jitter_seconds: Some(3_600),
        ..every(60)
    };
    assert!(normalise(&often, None, &context).is_ok());
}

const ENDS: [Instant; 12] = [
    i64::MIN,
    i64::MIN + 1,
    -9_000_000_000_000_000,
    -100_000_000_000_000,
    -62_135_596_800_001,
    -1,
    0,
    4_133_980_800_000,
    253_402_300_800_000,
    9_000_000_000_000_000,
    i64::MAX - 1,
    i64::MAX,
];

#[test]
fn the_ends_of_time_are_answered_and_not_survived_by_luck() {
    let first_day = instant("1970-01-01T09:00:00Z");
    let last_day = instant("2100-12-31T09:00:00Z");
    let daily = slots_of("job", &cron("0 9 * * *", "UTC"), 0);
    for at in ENDS {
        let expected = match at {
            _ if at < first_day => Some(first_day),
            _ if at >= last_day => None,
            _ => Some((at - first_day).div_euclid(DAY) * DAY + DAY + first_day),
        };
        assert_eq!(daily.next_after(at), expected, "daily after {at}");
    }
    let longest = slots_of("job", &every(INTERVAL_SECONDS_MAX), 1_000);
    let period = i64::from(INTERVAL_SECONDS_MAX) * SECOND;
    for at in ENDS {
        let expected = if at < 1_000 + period {
            Some(1_000 + period)
        } else {
            let n = (at - 1_000) / period + 1;
            n.checked_mul(period).and_then(|more| more.checked_add(1_000))
        };
        assert_eq!(longest.next_after(at), expected, "interval after {at}");
    }
}

#[test]
fn nothing_panics_at_the_ends_of_time() {
    let once = TriggerConfig {
        run_at: Some("2100-12-31T23:59:59Z".to_owned()),
        ..EMPTY_TRIGGER
    };
    let bounded = TriggerConfig {
        start_at: Some("1970-01-01T00:00:00Z".to_owned()),
        end_at: Some("2100-12-31T23:59:59Z".to_owned()),
        jitter_seconds: Some(JITTER_SECONDS_MAX),
        ..cron("* * * * * *", "Pacific/Apia")
    };
    let triggers = [
        cron("30 2 * * *", "Europe/Berlin"),
        cron("*/15 * * * *", "Australia/Lord_Howe"),
        cron("59 59 23 31 12 * 2100", "Pacific/Kiritimati"),
        cron("0 0 0 1 1 * 1970", "Pacific/Kiritimati"),
        cron("0 0 29 2 *", "America/New_York"),
        bounded,
        every(INTERVAL_SECONDS_MIN),
        every(INTERVAL_SECONDS_MAX),
        TriggerConfig {
            jitter_seconds: Some(JITTER_SECONDS_MAX),
            ..every(INTERVAL_SECONDS_MAX)
        },
    ];
    for at in ENDS {
        for zone in ["UTC", "Pacific/Apia", "America/New_York"] {
            format_instant(at, zone);
            local_day(at, zone);
        }
        for trigger in &triggers {
            // Cron knows no anchor, and is counted slot by slot.
            let (anchors, befores) = match trigger.cron {
                Some(_) => (&ENDS[..1], [i64::MIN, 86_400_000, i64::MAX].as_slice()),
                None => (ENDS.as_slice(), ENDS.as_slice()),
            };
            for anchor in anchors.iter().copied() {
                let schedule = slots_of("job", trigger, anchor);
                assert!(schedule.next_after(at).is_none_or(|next| next > at));
                for before in befores.iter().copied() {
                    if let Some((last, count)) = schedule.missed_between(at.max(anchor), before) {
                        assert!(last > at && last <= before && count > 0);
                    }
                }
            }
        }
        for trigger in triggers.iter().chain([&once]) {
            let request = PreviewRequest {
                text: None,
                trigger_config: Some(trigger.clone()),
                job_type: None,
                timezone: None,
                count: 3,
                at: None,
            };
            // An answer or an error that says why; both are well.
            let _ = preview(&request, at);
        }
        for words in [
            "tomorrow at 9",
            "in 5 weeks",
            "next friday",
            "every day at 2:30",
            "every 2 hours",
        ] {
            let request = PreviewRequest {
                text: Some(words.to_owned()),
                trigger_config: None,
                job_type: None,
                timezone: Some("Asia/Tokyo".to_owned()),
                count: 3,
                at: None,
            };
            let _ = preview(&request, at);
        }
    }
}

#[test]
fn a_present_that_no_schedule_knows_is_refused() {
    let at = |at: Instant| {
        let request = PreviewRequest {
            text: Some("now".to_owned()),
            trigger_config: None,
            job_type: None,
            timezone: Some("UTC".to_owned()),
            count: 3,
            at: Some(at),
        };
        preview(&request, 0)
    };
    for outside in [i64::MIN, -1, instant("2101-01-01T00:00:00Z"), i64::MAX] {
        let error = at(outside).unwrap_err();
        assert_eq!(error.field.as_deref(), Some("at"), "{outside}: {}", error.message);
    }
    for inside in [0, instant("2100-12-31T23:59:59Z")] {
        at(inside).unwrap();
    }
}

#[test]
fn the_first_and_the_last_year_are_inside() {
    for zone in ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"] {
        let tz: Tz = zone.parse().unwrap();
        let schedule = cron_schedule("0 0 * * *", tz, DstGap::Shift, DstOverlap::First);
        let first = schedule.next_after(i64::MIN).unwrap();
        assert_eq!(
            &format_instant(first, zone)[..19],
            "1970-01-01T00:00:00",
            "{zone}"
        );
        let last = schedule
            .missed_between(instant("2100-01-01T00:00:00Z"), i64::MAX)
            .unwrap()
            .0;
        assert_eq!(&format_instant(last, zone)[..19], "2100-12-31T00:00:00", "{zone}");
    }
    assert!(parse_time("1969-12-31T23:59:59Z", "UTC").is_err());
    assert!(parse_time("2101-01-01T00:00:00Z", "UTC").is_err());
    assert_eq!(parse_time("2100-12-31T23:59:59Z", "UTC"), Ok(4_133_980_799_000));
    assert_eq!(parse_time("1970-01-01T00:00Z", "UTC"), Ok(0));
}
