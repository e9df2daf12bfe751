#![allow(clippy::unwrap_used)]
//! Tables: words to triggers, triggers to fires.

use super::*;
use crate::bindings::schedule::PreviewRequest;

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

#[test]
fn what_is_not_understood_is_an_error() {
    for text in [
        "every blue moon",
        "tomorrow at 25",
        "in days",
        "every day at 9 sharp",
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
    ] {
        assert_eq!(
            fires(text, "Europe/Berlin", "2026-06-01T10:00Z", 1)
                .unwrap()
                .summary,
            expected
        );
    }
}
