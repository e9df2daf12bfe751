//! Cadence: which days, weeks or months of a cron pattern count. By rule from the date, so it never
//! drifts and never depends on the last run.

use chrono::{Datelike, Months, NaiveDate, TimeDelta};

use super::words::week_start;
use crate::bindings::types::{CalendarInterval, CalendarUnit};

/// Which days, weeks or months of a pattern count: every `count`-th one from that of `origin`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cadence {
    count: i64,
    unit: CalendarUnit,
    origin: NaiveDate,
}

impl Cadence {
    pub(super) fn new(every: CalendarInterval, origin: NaiveDate) -> Option<Self> {
        (every.count > 1).then(|| Self {
            count: i64::from(every.count),
            unit: every.unit,
            origin,
        })
    }

    /// Periods from the origin's to the day's.
    fn periods(&self, day: NaiveDate) -> i64 {
        let months = |day: NaiveDate| i64::from(day.year()) * 12 + i64::from(day.month0());
        match self.unit {
            CalendarUnit::Day => (day - self.origin).num_days(),
            CalendarUnit::Week => (week_start(day) - week_start(self.origin)).num_days() / 7,
            CalendarUnit::Month => months(day) - months(self.origin),
        }
    }

    /// Where to go on from a day that does not count; none: it counts.
    pub(super) fn skip(&self, day: NaiveDate) -> Option<Skip> {
        let periods = self.periods(day);
        let missing = (-periods).rem_euclid(self.count);
        if missing == 0 {
            return None;
        }
        let first = match self.unit {
            CalendarUnit::Day => day.checked_add_signed(TimeDelta::days(missing)),
            CalendarUnit::Week => week_start(day).checked_add_signed(TimeDelta::days(missing * 7)),
            CalendarUnit::Month => u32::try_from(missing)
                .ok()
                .and_then(|months| day.with_day(1)?.checked_add_months(Months::new(months))),
        };
        Some(first.map_or(Skip::Never, Skip::To))
    }
}

/// Where to go on from a day that does not count.
pub(super) enum Skip {
    To(NaiveDate),
    /// Beyond the calendar.
    Never,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use chrono::NaiveDateTime;

    use super::super::Schedule;
    use super::super::zone::{self, place};
    use super::*;
    use crate::bindings::types::{Instant, JobType, TriggerConfig};
    use crate::trigger::EMPTY_TRIGGER;

    const YEARS: i32 = 40;

    fn schedule(
        zone: &str,
        cron: &str,
        count: u32,
        unit: CalendarUnit,
        start: Option<&str>,
        anchor: Instant,
    ) -> Schedule {
        let trigger = TriggerConfig {
            timezone: Some(zone.to_owned()),
            cron: Some(cron.to_owned()),
            every: Some(CalendarInterval { count, unit }),
            start_at: start.map(str::to_owned),
            ..EMPTY_TRIGGER
        };
        Schedule::new("", JobType::Scheduled, &trigger, anchor).unwrap()
    }

    fn fires(schedule: &Schedule, from: Instant, to: Instant) -> Vec<Instant> {
        std::iter::successors(schedule.next_after(from), |last| schedule.next_after(*last))
            .take_while(|at| *at <= to)
            .collect()
    }

    fn at(day: NaiveDate, hour: u32, minute: u32) -> NaiveDateTime {
        day.and_hms_opt(hour, minute, 0).unwrap()
    }

    fn expected(zone: &str, days: impl Iterator<Item = NaiveDate>, hour: u32, minute: u32) -> Vec<Instant> {
        let zone = zone::or_utc(zone);
        days.map(|day| place(zone, at(day, hour, minute)).first())
            .collect()
    }

    #[test]
    fn every_other_sunday_stays_at_its_local_time_for_decades() {
        for zone in [
            "Europe/Berlin",
            "America/New_York",
            "Australia/Lord_Howe",
            "Asia/Tokyo",
        ] {
            let start = NaiveDate::from_ymd_opt(2026, 3, 15).unwrap();
            let schedule = schedule(zone, "30 2 * * 0", 2, CalendarUnit::Week, Some("2026-03-15"), 0);
            let days = (0..YEARS * 26).map(|n| start + TimeDelta::days(14 * i64::from(n)));
            let expected = expected(zone, days, 2, 30);
            let found = fires(&schedule, expected[0] - 1, *expected.last().unwrap());
            assert_eq!(found, expected, "{zone}");
            // From any instant the same slots come, whatever ran before.
            for (n, slot) in expected.iter().enumerate().skip(1).step_by(17) {
                assert_eq!(schedule.next_after(expected[n - 1]), Some(*slot));
                assert_eq!(schedule.next_after(expected[n - 1] + 86_400_000), Some(*slot));
            }
            assert_eq!(
                schedule.missed_between(expected[0] - 1, expected[99]),
                Some((expected[99], 100)),
                "{zone}"
            );
        }
    }

    #[test]
    fn every_third_day_counts_across_months_and_leap_years() {
        let start = NaiveDate::from_ymd_opt(2026, 1, 30).unwrap();
        let schedule = schedule(
            "Europe/Berlin",
            "0 9,17 * * *",
            3,
            CalendarUnit::Day,
            Some("2026-01-30T12:00"),
            0,
        );
        let days: Vec<NaiveDate> = (0..YEARS * 121)
            .map(|n| start + TimeDelta::days(3 * i64::from(n)))
            .collect();
        let mut expected = expected("Europe/Berlin", days.iter().copied(), 9, 0);
        expected.extend(self::expected("Europe/Berlin", days.into_iter(), 17, 0));
        expected.sort_unstable();
        // 09:00 of the first day lies before the start.
        expected.remove(0);
        assert_eq!(fires(&schedule, 0, *expected.last().unwrap()), expected);
    }

    #[test]
    fn every_other_month_on_the_first_monday() {
        let schedule = schedule(
            "Europe/Berlin",
            "0 9 * * MON#1",
            2,
            CalendarUnit::Month,
            Some("2026-07-01"),
            0,
        );
        let months = (0..YEARS * 6).map(|n| {
            let first = NaiveDate::from_ymd_opt(2026, 7, 1).unwrap() + Months::new(2 * n as u32);
            first + TimeDelta::days(i64::from((7 - first.weekday().num_days_from_monday()) % 7))
        });
        let expected = expected("Europe/Berlin", months, 9, 0);
        assert_eq!(fires(&schedule, 0, *expected.last().unwrap()), expected);
    }

    #[test]
    fn without_a_start_the_creation_counts_and_weeks_begin_on_monday() {
        // Sunday 2026-06-07, 23:30 in Berlin: the week that began on Monday June 1.
        let anchor = zone::parse_time("2026-06-07T23:30", zone::or_utc("Europe/Berlin")).unwrap();
        let schedule = schedule(
            "Europe/Berlin",
            "0 9 * * 1,0",
            2,
            CalendarUnit::Week,
            None,
            anchor,
        );
        let shown: Vec<String> = fires(&schedule, anchor, anchor + 30 * 86_400_000)
            .into_iter()
            .map(|at| zone::format(zone::or_utc("Europe/Berlin"), at)[..10].to_owned())
            .collect();
        assert_eq!(shown, ["2026-06-15", "2026-06-21", "2026-06-29", "2026-07-05"]);
    }

    #[test]
    fn a_cadence_that_misses_its_pattern_never_fires() {
        let schedule = schedule("UTC", "0 9 * 2 *", 2, CalendarUnit::Month, Some("2026-01-01"), 0);
        assert_eq!(schedule.next_after(0), None);
    }
}
