#![allow(clippy::unwrap_used)]
//! Tables: words to triggers, triggers to fires.

use super::*;
use crate::bindings::schedule::PreviewRequest;
use crate::bindings::types::{CalendarInterval, CalendarUnit, MisfireConfig};
use crate::trigger::EMPTY_TRIGGER;

fn fires(text: &str, zone: &str, at: &str, count: u32) -> Result<PreviewAnswer, ToolError> {
    preview(
        &PreviewRequest {
            text: Some(text.to_owned()),
            trigger_config: None,
            job_type: None,
            timezone: Some(zone.to_owned()),
            count,
            at: Some(parse_time(at, "UTC").unwrap()),
        },
        0,
    )
}

#[test]
fn cron_is_placed_on_the_time_line() {
    let table: &[(&str, &str, &str, &[&str])] = &[
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-03-28T12:00Z",
            &["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"],
        ),
        (
            "30 2 * * *",
            "Europe/Berlin",
            "2026-10-24T12:00Z",
            &["2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"],
        ),
        (
            "*/30 * * * *",
            "Europe/Berlin",
            "2026-10-25T00:10Z",
            &[
                "2026-10-25T02:30:00+02:00",
                "2026-10-25T02:00:00+01:00",
                "2026-10-25T02:30:00+01:00",
                "2026-10-25T03:00:00+01:00",
            ],
        ),
        (
            "*/30 * * * *",
            "Europe/Berlin",
            "2026-03-29T00:10Z",
            &[
                "2026-03-29T01:30:00+01:00",
                "2026-03-29T03:00:00+02:00",
                "2026-03-29T03:30:00+02:00",
            ],
        ),
        (
            "0 * * * *",
            "Australia/Lord_Howe",
            "2026-04-04T13:30Z",
            &["2026-04-05T01:00:00+11:00", "2026-04-05T02:00:00+10:30"],
        ),
        (
            "0 0 * * *",
            "America/Sao_Paulo",
            "2018-11-03T12:00Z",
            &["2018-11-04T01:00:00-02:00", "2018-11-05T00:00:00-02:00"],
        ),
        (
            "0 9 * * *",
            "Pacific/Apia",
            "2011-12-29T12:00Z",
            &[
                "2011-12-29T09:00:00-10:00",
                "2011-12-31T00:00:00+14:00",
                "2011-12-31T09:00:00+14:00",
            ],
        ),
        (
            "0 9 1 * MON",
            "UTC",
            "2026-06-01T10:00Z",
            &["2026-06-08T09:00:00+00:00"],
        ),
        (
            "0 9 * * MON#1",
            "UTC",
            "2026-06-01T10:00Z",
            &["2026-07-06T09:00:00+00:00"],
        ),
        (
            "0 9 * * FRI#L",
            "UTC",
            "2026-06-01T10:00Z",
            &["2026-06-26T09:00:00+00:00", "2026-07-31T09:00:00+00:00"],
        ),
        // A day field that begins with a star: both fields must match, the last day's too.
        (
            "0 9 *,L 11 SAT#L",
            "UTC",
            "2026-06-01T10:00Z",
            &["2026-11-28T09:00:00+00:00", "2027-11-27T09:00:00+00:00"],
        ),
        (
            "0 9 L * */3,MON#L",
            "UTC",
            "2026-06-01T10:00Z",
            &["2026-08-31T09:00:00+00:00", "2026-09-30T09:00:00+00:00"],
        ),
        (
            "0 9 L 2 *",
            "UTC",
            "2026-06-01T10:00Z",
            &["2027-02-28T09:00:00+00:00", "2028-02-29T09:00:00+00:00"],
        ),
        (
            "0 9 * * 5-7",
            "UTC",
            "2026-06-01T10:00Z",
            &[
                "2026-06-05T09:00:00+00:00",
                "2026-06-06T09:00:00+00:00",
                "2026-06-07T09:00:00+00:00",
                "2026-06-12T09:00:00+00:00",
            ],
        ),
    ];
    for (cron, zone, at, expected) in table {
        let answer = fires(cron, zone, at, expected.len() as u32).unwrap();
        assert_eq!(answer.next_runs, *expected, "{cron} {zone}");
    }
}

#[test]
fn each_weekday_is_the_one_that_is_meant() {
    // 2026-06-07 is a Sunday.
    for (day, name) in ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", "7"]
        .iter()
        .enumerate()
    {
        for text in [name.to_string(), day.to_string()] {
            let answer = fires(&format!("0 9 * * {text}"), "UTC", "2026-06-06T23:00Z", 1).unwrap();
            assert_eq!(
                answer.next_runs,
                [format!("2026-06-{:02}T09:00:00+00:00", 7 + day % 7)],
                "{text}"
            );
        }
    }
}

#[test]
fn words_become_triggers() {
    // A Monday.
    let table = [
        ("in 3 days", "2026-06-04T12:00:00+02:00"),
        ("in 2 hours and 30 minutes", "2026-06-01T14:30:00+02:00"),
        ("tomorrow at 9", "2026-06-02T09:00:00+02:00"),
        ("today at 17:30", "2026-06-01T17:30:00+02:00"),
        ("on friday at 3pm", "2026-06-05T15:00:00+02:00"),
        ("next monday", "2026-06-08T09:00:00+02:00"),
        ("at noon", "2026-06-02T12:00:00+02:00"),
        ("every 15 minutes", "2026-06-01T12:15:00+02:00"),
        ("every day at 9am", "2026-06-02T09:00:00+02:00"),
        ("daily at 9", "2026-06-02T09:00:00+02:00"),
        ("every weekday at 9am", "2026-06-02T09:00:00+02:00"),
        ("every monday and thursday at 14:00", "2026-06-01T14:00:00+02:00"),
        ("mondays at 9", "2026-06-08T09:00:00+02:00"),
        ("on the first Monday of the month", "2026-07-06T09:00:00+02:00"),
        ("every month on the 15th at 8", "2026-06-15T08:00:00+02:00"),
        ("on the last day of the month", "2026-06-30T09:00:00+02:00"),
        ("weekly on tuesday", "2026-06-02T09:00:00+02:00"),
        ("2026-12-24 at 18:00", "2026-12-24T18:00:00+01:00"),
        ("hourly", "2026-06-01T13:00:00+02:00"),
    ];
    for (text, expected) in table {
        let answer = fires(text, "Europe/Berlin", "2026-06-01T10:00Z", 1)
            .unwrap_or_else(|e| panic!("{text}: {}", e.message));
        assert_eq!(answer.next_runs, [expected], "{text}");
    }
}

const EMPTY_PATCH: TriggerPatch = TriggerPatch {
    timezone: None,
    when: None,
    run_at: None,
    cron: None,
    every: None,
    interval_seconds: None,
    start_at: None,
    end_at: None,
    end_condition: None,
    max_iterations: None,
    misfire: None,
    dst: None,
    jitter_seconds: None,
};

/// A trigger from words, as stored on a Monday noon in Berlin.
fn stored(words: &str) -> Normalised {
    let trigger = TriggerConfig {
        when: Some(words.to_owned()),
        timezone: Some("Europe/Berlin".to_owned()),
        ..EMPTY_TRIGGER
    };
    at("2026-06-01T10:00Z", &trigger, None, None).unwrap()
}

fn at(
    now: &str,
    trigger: &TriggerConfig,
    job_type: Option<JobType>,
    stored: Option<&TriggerConfig>,
) -> Result<Normalised, ToolError> {
    let context = Context {
        now: parse_time(now, "UTC").unwrap(),
        caller_zone: None,
        stored,
    };
    normalise(trigger, job_type, &context)
}

#[test]
fn words_become_fields_of_a_calendar_cadence() {
    let found = stored("every other monday at 9 until december 31");
    assert_eq!(found.job_type, JobType::Scheduled);
    assert_eq!(found.trigger.cron.as_deref(), Some("0 9 * * 1"));
    assert_eq!(
        found.trigger.every,
        Some(CalendarInterval {
            count: 2,
            unit: CalendarUnit::Week
        })
    );
    assert_eq!(
        found.trigger.start_at.as_deref(),
        Some("2026-06-08T00:00:00+02:00")
    );
    assert_eq!(found.trigger.end_at.as_deref(), Some("2026-12-31T23:59:59+01:00"));
    assert_eq!(
        summary(found.job_type, &found.trigger),
        "Every other Monday at 09:00 (Europe/Berlin), from 2026-06-08, until 2026-12-31."
    );
}

#[test]
fn stored_words_are_not_read_again() {
    for words in [
        "every day at 9 starting tomorrow",
        "every other monday at 9",
        "every day at 9 until june 5",
        "every monday at 9 until the end of the year",
        "every day at 9 for 3 weeks",
        "every 2 hours starting at 8am",
        "every 15 minutes until june 30",
        "in 2 months",
        "on december 24 at 18:00",
        "next month",
    ] {
        let before = stored(words);
        let patch = TriggerPatch {
            misfire: Some(Some(MisfireConfig {
                policy: None,
                max_late_seconds: Some(60),
                max_runs: None,
            })),
            ..EMPTY_PATCH
        };
        let merged = merge(&before.trigger, &patch);
        let after = at(
            "2026-06-02T10:00Z",
            &merged,
            Some(before.job_type),
            Some(&before.trigger),
        )
        .unwrap();
        let expected = TriggerConfig {
            misfire: after.trigger.misfire,
            ..before.trigger.clone()
        };
        assert_eq!(after.trigger, expected, "{words}");
        // Months later, too, as long as something is left to fire.
        if before.trigger.end_at.is_none() && before.job_type != JobType::OneOff || words.contains("year") {
            let later = at(
                "2026-11-20T10:00Z",
                &merged,
                Some(before.job_type),
                Some(&before.trigger),
            )
            .unwrap();
            assert_eq!(later.trigger, expected, "{words}");
        }
    }
}

#[test]
fn words_that_can_no_longer_be_read_stay_good() {
    // Read anew in November, June 1 would be the next one: after the end.
    let before = stored("every day at 9 from june 1 to december 1");
    assert!(look("every day at 9 from june 1 to december 1", "2026-11-20T10:00Z").is_err());
    let patch = TriggerPatch {
        jitter_seconds: Some(Some(60)),
        ..EMPTY_PATCH
    };
    let merged = merge(&before.trigger, &patch);
    let after = at(
        "2026-11-20T10:00Z",
        &merged,
        Some(before.job_type),
        Some(&before.trigger),
    )
    .unwrap();
    assert_eq!(after.trigger.start_at, before.trigger.start_at);
    assert_eq!(after.trigger.end_at, before.trigger.end_at);
}

fn look(text: &str, at: &str) -> Result<PreviewAnswer, ToolError> {
    fires(text, "Europe/Berlin", at, 1)
}

#[test]
fn a_trigger_sent_back_whole_is_the_same_trigger() {
    let before = stored("every other monday at 9 starting next week");
    let again = at("2026-06-03T10:00Z", &before.trigger, Some(before.job_type), None).unwrap();
    assert_eq!(again.trigger, before.trigger);
    let other = TriggerConfig {
        every: None,
        ..before.trigger.clone()
    };
    let error = at("2026-06-03T10:00Z", &other, Some(before.job_type), None).unwrap_err();
    assert_eq!(error.field.as_deref(), Some("trigger_config.when"));
}

#[test]
fn new_words_replace_what_the_old_words_had_set_and_nothing_else() {
    let new = |words: &str| TriggerPatch {
        when: Some(Some(words.to_owned())),
        ..EMPTY_PATCH
    };
    let bounded = stored("every other monday at 9 until june 30");
    let merged = merge(&bounded.trigger, &new("every friday at 10"));
    let after = at("2026-06-02T10:00Z", &merged, None, Some(&bounded.trigger)).unwrap();
    assert_eq!(
        (after.trigger.every, after.trigger.start_at, after.trigger.end_at),
        (None, None, None)
    );
    // An end that was set as a field stays.
    let mut open = stored("every monday at 9");
    open.trigger.end_at = Some("2026-12-31T23:59:59+01:00".to_owned());
    let merged = merge(&open.trigger, &new("every friday at 10"));
    let after = at("2026-06-02T10:00Z", &merged, None, Some(&open.trigger)).unwrap();
    assert_eq!(after.trigger.end_at, open.trigger.end_at);
}

#[test]
fn words_go_when_a_field_makes_them_untrue() {
    let before = stored("every other monday at 9 until june 30");
    let end = |text: &str| TriggerPatch {
        end_at: Some(Some(text.to_owned())),
        ..EMPTY_PATCH
    };
    assert_eq!(merge(&before.trigger, &end("2026-12-31")).when, None);
    assert_eq!(
        merge(&before.trigger, &end("2026-12-31")).every,
        before.trigger.every
    );
    let unbounded = stored("every monday at 9");
    let merged = merge(&unbounded.trigger, &end("2026-12-31"));
    assert_eq!(merged.when.as_deref(), Some("every monday at 9"));
    let weekly = TriggerPatch {
        every: Some(None),
        ..EMPTY_PATCH
    };
    let merged = merge(&before.trigger, &weekly);
    assert_eq!((merged.when, merged.every), (None, None));
    assert_eq!(merged.cron.as_deref(), Some("0 9 * * 1"));
}

#[test]
fn every_belongs_to_cron() {
    let every = Some(CalendarInterval {
        count: 2,
        unit: CalendarUnit::Day,
    });
    let zone = Some("UTC".to_owned());
    let table = [
        (
            TriggerConfig {
                every,
                interval_seconds: Some(60),
                timezone: zone.clone(),
                ..EMPTY_TRIGGER
            },
            "trigger_config.every",
        ),
        (
            TriggerConfig {
                every,
                run_at: Some("2026-06-02T09:00".to_owned()),
                timezone: zone.clone(),
                ..EMPTY_TRIGGER
            },
            "trigger_config.every",
        ),
        (
            TriggerConfig {
                every: Some(CalendarInterval {
                    count: 367,
                    unit: CalendarUnit::Day,
                }),
                cron: Some("0 9 * * *".to_owned()),
                timezone: zone.clone(),
                ..EMPTY_TRIGGER
            },
            "trigger_config.every.count",
        ),
        (
            TriggerConfig {
                every,
                when: Some("every day at 9".to_owned()),
                timezone: zone.clone(),
                ..EMPTY_TRIGGER
            },
            "trigger_config.every",
        ),
        (
            TriggerConfig {
                end_at: Some("2026-12-31".to_owned()),
                when: Some("every day at 9 until friday".to_owned()),
                timezone: zone,
                ..EMPTY_TRIGGER
            },
            "trigger_config.end_at",
        ),
    ];
    for (trigger, field) in table {
        let error = at("2026-06-01T10:00Z", &trigger, None, None).unwrap_err();
        assert_eq!(error.field.as_deref(), Some(field), "{}", error.message);
    }
}

#[test]
fn what_is_not_understood_is_an_error() {
    for text in [
        "every blue moon",
        "tomorrow at 25",
        "in days",
        "0 0 30 2 *",
        "0 0 L-1 * *",
        "0 0 15W * *",
        "61 * * * *",
        "* * * *",
        "0 9 ? * 1",
        "every monday tuesday at",
        "@often",
        "0 9 * * 8",
        "on monday and friday-ish",
    ] {
        assert!(
            fires(text, "Europe/Berlin", "2026-06-01T10:00Z", 1).is_err(),
            "{text}"
        );
    }
    for zone in ["CST", "EST", "Berlin", "+02:00", "Mars/Base"] {
        assert!(check_zone(zone).is_err(), "{zone}");
    }
    assert!(check_zone("UTC").is_ok() && check_zone("Europe/Berlin").is_ok());
}

#[test]
fn the_summary_is_a_sentence() {
    for (text, expected) in [
        ("every weekday at 9am", "Every weekday at 09:00 (Europe/Berlin)."),
        (
            "on the first Monday of the month",
            "On the first Monday of every month at 09:00 (Europe/Berlin).",
        ),
        ("every 15 minutes", "Every 15 minutes."),
        ("*/15 * * * *", "Every 15 minutes (Europe/Berlin)."),
        (
            "tomorrow at 9",
            "Once, on Tuesday 2026-06-02 at 09:00 (Europe/Berlin).",
        ),
    ] {
        assert_eq!(
            fires(text, "Europe/Berlin", "2026-06-01T10:00Z", 1)
                .unwrap()
                .summary,
            expected
        );
    }
}
