//! Zones whose clocks do something that others do not, and what it means for a schedule.
#![allow(clippy::unwrap_used)]

mod reference;

use chrono_tz::Tz;
use meanwhile_guest::bindings::types::{DstGap, DstOverlap};
use meanwhile_guest::trigger::format_instant;
use reference::{cron_schedule, instant, steps};

/// Zone, expression, the present, policies, the next fires.
type Row = (
    &'static str,
    &'static str,
    &'static str,
    DstGap,
    DstOverlap,
    &'static [&'static str],
);

#[test]
fn what_odd_clocks_do_to_a_daily_schedule() {
    let table: &[Row] = &[
        // Half an hour back and forth.
        (
            "Australia/Lord_Howe",
            "15 2 * * *",
            "2026-10-03T00:00:00Z",
            DstGap::Shift,
            DstOverlap::First,
            &["2026-10-04T02:30:00+11:00", "2026-10-05T02:15:00+11:00"],
        ),
        (
            "Australia/Lord_Howe",
            "45 1 * * *",
            "2026-04-04T00:00:00Z",
            DstGap::Shift,
            DstOverlap::Both,
            &[
                "2026-04-05T01:45:00+11:00",
                "2026-04-05T01:45:00+10:30",
                "2026-04-06T01:45:00+10:30",
            ],
        ),
        // A day that was not.
        (
            "Pacific/Apia",
            "0 9 * * *",
            "2011-12-29T12:00:00Z",
            DstGap::Skip,
            DstOverlap::First,
            &["2011-12-29T09:00:00-10:00", "2011-12-31T09:00:00+14:00"],
        ),
        (
            "Pacific/Kwajalein",
            "0 9 * * *",
            "1993-08-20T00:00:00Z",
            DstGap::Shift,
            DstOverlap::First,
            &[
                "1993-08-20T09:00:00-12:00",
                "1993-08-22T00:00:00+12:00",
                "1993-08-22T09:00:00+12:00",
            ],
        ),
        // Seven hours at once.
        (
            "Antarctica/Vostok",
            "0 0 * * *",
            "1994-10-31T12:00:00Z",
            DstGap::Shift,
            DstOverlap::First,
            &["1994-11-01T07:00:00+07:00", "1994-11-02T00:00:00+07:00"],
        ),
        // Two hours at once.
        (
            "Antarctica/Troll",
            "0,30 1-2 * * *",
            "2026-03-29T00:00:00Z",
            DstGap::Shift,
            DstOverlap::First,
            &["2026-03-29T03:00:00+02:00", "2026-03-30T01:00:00+02:00"],
        ),
        // Summer time is off for Ramadan: back in February, forth in March.
        (
            "Africa/Casablanca",
            "30 2 * * *",
            "2026-02-14T12:00:00Z",
            DstGap::Shift,
            DstOverlap::Both,
            &["2026-02-15T02:30:00+01:00", "2026-02-15T02:30:00+00:00"],
        ),
        (
            "Africa/El_Aaiun",
            "30 2 * * *",
            "2026-03-21T12:00:00Z",
            DstGap::Shift,
            DstOverlap::First,
            &["2026-03-22T03:00:00+01:00", "2026-03-23T02:30:00+01:00"],
        ),
        // Winter time is the exception in the database, and nothing else differs.
        (
            "Europe/Dublin",
            "30 1 * * *",
            "2026-10-24T12:00:00Z",
            DstGap::Shift,
            DstOverlap::First,
            &["2026-10-25T01:30:00+01:00", "2026-10-26T01:30:00+00:00"],
        ),
        (
            "Europe/Dublin",
            "30 1 * * *",
            "2026-03-28T12:00:00Z",
            DstGap::Shift,
            DstOverlap::First,
            &["2026-03-29T02:00:00+01:00", "2026-03-30T01:30:00+01:00"],
        ),
        // A quarter to three.
        (
            "Pacific/Chatham",
            "0 3 * * *",
            "2026-09-25T12:00:00Z",
            DstGap::Shift,
            DstOverlap::First,
            &["2026-09-26T03:00:00+12:45", "2026-09-27T03:45:00+13:45"],
        ),
        // Midnight does not exist.
        (
            "Asia/Gaza",
            "0 0 * * *",
            "2016-03-25T12:00:00Z",
            DstGap::Shift,
            DstOverlap::First,
            &["2016-03-26T00:00:00+02:00", "2016-03-27T00:00:00+03:00"],
        ),
        // The standard time moved, three hours back.
        (
            "Antarctica/Casey",
            "30 1 * * *",
            "2023-03-08T00:00:00Z",
            DstGap::Shift,
            DstOverlap::Both,
            &[
                "2023-03-09T01:30:00+11:00",
                "2023-03-09T01:30:00+08:00",
                "2023-03-10T01:30:00+08:00",
            ],
        ),
        (
            "America/Caracas",
            "45 2 * * *",
            "2016-04-30T12:00:00Z",
            DstGap::Shift,
            DstOverlap::First,
            &["2016-05-01T03:00:00-04:00", "2016-05-02T02:45:00-04:00"],
        ),
        (
            "Asia/Pyongyang",
            "45 23 * * *",
            "2018-05-03T14:00:00Z",
            DstGap::Shift,
            DstOverlap::First,
            &["2018-05-03T23:45:00+08:30", "2018-05-05T00:00:00+09:00"],
        ),
    ];
    for (zone, cron, after, gap, overlap, expected) in table {
        let tz: Tz = zone.parse().unwrap();
        let schedule = cron_schedule(cron, tz, *gap, *overlap);
        let fires: Vec<String> = steps(&schedule, instant(after))
            .take(expected.len())
            .map(|at| format_instant(at, zone))
            .collect();
        assert_eq!(fires, *expected, "{cron} in {zone}");
    }
}
