//! Cron expressions, against the slow reading that the component's own tests use.

use chrono_tz::Tz;
use meanwhile_guest::bindings::tools::ErrorCode;
use meanwhile_guest::bindings::types::{DstGap, DstOverlap, Instant, JobType};
use meanwhile_guest::trigger::{Schedule, preview};

use crate::bytes::Bytes;
use crate::moments::{self, Moment};
use crate::reference::{
    self, Fields, GAPS, HOUR, MINUTE, OVERLAPS, SECOND, cron_trigger, local, naive, steps, window,
};
use crate::schedules::{holds, request};
use crate::{Given, fuzz};

/// Fires that are looked at one by one.
const FIRES: usize = 12;
/// How far a schedule is compared minute by minute, and second by second.
const MINUTES_COMPARED: i64 = 36 * HOUR;
const SECONDS_COMPARED: i64 = 20 * MINUTE;
/// Zones are compared in the years whose clock changes are known: 1971 to 2099.
const COMPARED: std::ops::Range<Instant> = 31_536_000_000..4_070_908_800_000;

/// The expression that a macro stands for.
fn spelled(expression: &str) -> &str {
    match expression.trim().to_ascii_lowercase().as_str() {
        "@hourly" => "0 * * * *",
        "@daily" | "@midnight" => "0 0 * * *",
        "@weekly" => "0 0 * * 0",
        "@monthly" => "0 0 1 * *",
        "@yearly" | "@annually" => "0 0 1 1 *",
        _ => expression,
    }
}

/// Fires grow, and each has a local time of the pattern or ends a gap that swallowed one.
fn each_fire_matches(schedule: &Schedule, fields: &Fields, zone: Tz, after: Instant) {
    let mut last = after;
    for at in steps(schedule, after).take(FIRES) {
        assert!(at > last && at % SECOND == 0, "{at} after {last}");
        last = at;
        let shown = local(zone, at);
        let jumped = local(zone, at - SECOND) + chrono::TimeDelta::seconds(1) != shown;
        assert!(jumped || fields.matches(shown), "fires at {shown} in {zone}");
    }
}

/// No fire is left out: every tick of a stretch is looked at.
fn no_fire_is_missing(
    schedule: &Schedule,
    fields: &Fields,
    zone: Tz,
    policy: (DstGap, DstOverlap),
    after: Instant,
) {
    let after = after.div_euclid(MINUTE) * MINUTE;
    let to = after + MINUTES_COMPARED;
    let ticks = window(zone, after, to, MINUTE);
    let expected = reference::fires(fields, policy.0, policy.1, &ticks);
    let found: Vec<Instant> = steps(schedule, after).take_while(|at| *at <= to).collect();
    assert_eq!(found, expected, "in {zone} after {}", naive(after));
}

/// As above, by the second, where clocks never change.
fn no_second_is_missing(expression: &str, fields: &Fields, after: Instant) {
    let trigger = cron_trigger(expression, Tz::UTC, DstGap::Shift, DstOverlap::First);
    let schedule = Schedule::new("job", JobType::Scheduled, &trigger, 0).unwrap();
    let after = after.div_euclid(SECOND) * SECOND;
    let to = after + SECONDS_COMPARED;
    let seconds = (1..=SECONDS_COMPARED / SECOND).map(|n| after + n * SECOND);
    let expected: Vec<Instant> = seconds.filter(|at| fields.matches(naive(*at))).collect();
    let found: Vec<Instant> = steps(&schedule, after).take_while(|at| *at <= to).collect();
    assert_eq!(found, expected, "after {}", naive(after));
}

fn check(expression: &str, moment: &Moment, policy: (DstGap, DstOverlap)) {
    let _given = Given(&(expression, moment, policy));
    if let Err(error) = preview(&request(expression, moment), moment.now) {
        assert_eq!(error.code, ErrorCode::InvalidArgument);
        assert!(error.field.is_some() && error.message.len() > 15, "{error:?}");
    }
    let zone: Tz = moment.zone.parse().unwrap();
    let trigger = cron_trigger(expression, zone, policy.0, policy.1);
    let schedule = match Schedule::new("job", JobType::Scheduled, &trigger, moment.now) {
        Ok(schedule) => schedule,
        Err(error) => return assert!(error.len() > 15, "{error}"),
    };
    let asked = meanwhile_guest::bindings::schedule::PreviewRequest {
        text: None,
        trigger_config: Some(trigger),
        ..request("", moment)
    };
    if let Ok(answer) = preview(&asked, moment.now) {
        holds(&answer.trigger_config, answer.job_type, moment);
    }
    // However far the present is, the search for a slot ends.
    assert!(schedule.next_after(moment.now).is_none_or(|at| at > moment.now));
    if !COMPARED.contains(&moment.now) {
        return;
    }
    let fields = Fields::read(spelled(expression));
    each_fire_matches(&schedule, &fields, zone, moment.now);
    if spelled(expression).split_whitespace().count() == 5 {
        no_fire_is_missing(&schedule, &fields, zone, policy, moment.now);
    } else {
        no_second_is_missing(expression, &fields, moment.now);
    }
}

/// One part of a field, mostly within its bounds.
fn part(bytes: &mut Bytes<'_>, low: u32, high: u32, names: &[&str]) -> String {
    let number = |bytes: &mut Bytes<'_>| {
        if !names.is_empty() && bytes.chance(4) {
            return (*bytes.pick(names)).to_owned();
        }
        (low + bytes.below((high - low + 1) as usize) as u32 + u32::from(bytes.chance(1))).to_string()
    };
    match bytes.byte() % 10 {
        0 | 1 => "*".to_owned(),
        2 => format!("*/{}", bytes.below(66)),
        3 => format!("{}-{}/{}", number(bytes), number(bytes), bytes.below(9)),
        4 | 5 => format!("{}-{}", number(bytes), number(bytes)),
        6 if names.len() == 7 => format!(
            "{}#{}",
            number(bytes),
            bytes.pick(&["1", "2", "3", "4", "5", "L", "6"])
        ),
        6 if high == 31 => "L".to_owned(),
        _ => number(bytes),
    }
}

fn field(bytes: &mut Bytes<'_>, low: u32, high: u32, names: &[&str]) -> String {
    let parts = 1 + bytes.below(3) * usize::from(bytes.chance(6));
    let parts: Vec<String> = (0..parts).map(|_| part(bytes, low, high, names)).collect();
    parts.join(",")
}

/// An expression of 5 to 7 fields.
fn expression(bytes: &mut Bytes<'_>) -> String {
    const MONTHS: [&str; 4] = ["JAN", "feb", "Jul", "DEC"];
    const WEEKDAYS: [&str; 7] = ["SUN", "mon", "Tue", "WED", "THU", "FRI", "SAT"];
    let count = 5 + bytes.below(4) / 2 + usize::from(bytes.chance(2));
    let mut fields = vec![
        field(bytes, 0, 59, &[]),
        field(bytes, 0, 23, &[]),
        field(bytes, 1, 31, &[]),
        field(bytes, 1, 12, &MONTHS),
        field(bytes, 0, 7, &WEEKDAYS),
    ];
    if count > 5 {
        fields.insert(0, field(bytes, 0, 59, &[]));
    }
    if count > 6 {
        fields.push(field(bytes, 2020, 2100, &[]));
    }
    let mut text = fields.join(if bytes.chance(1) { "\t " } else { " " });
    if bytes.chance(1) {
        text.insert(0, bytes.character());
    }
    text
}

#[test]
fn cron() {
    fuzz("cron", 2_000, |input| match std::str::from_utf8(input) {
        Ok(text) => {
            let (moment, text) = moments::read(text);
            check(text, &moment, (DstGap::Shift, DstOverlap::First));
        }
        Err(_) => {
            let mut bytes = Bytes::new(input);
            let moment = moments::moment(&mut bytes);
            let policy = (*bytes.pick(&GAPS), *bytes.pick(&OVERLAPS));
            check(&expression(&mut bytes), &moment, policy);
        }
    });
}
