//! The slots of a schedule, computed slowly and on their own: from day to day on the wall clock,
//! with nothing of the component's code. Every slot that was armed has to be accounted for.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, Duration, LocalResult, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;
use meanwhile_guest::bindings::types::{DstGap, DstOverlap, Instant, TriggerConfig};

use super::ledger::Stretch;
use super::world::State;

/// Slots after and up to, without jitter.
fn slots(stretch: &Stretch, from: Instant, to: Instant) -> Vec<Instant> {
    let trigger = &stretch.trigger;
    let zone: Tz = trigger
        .timezone
        .as_deref()
        .and_then(|name| name.parse().ok())
        .unwrap_or(Tz::UTC);
    let start = trigger.start_at.as_deref().map(|text| read(text, zone));
    let mut found = match (&trigger.cron, trigger.interval_seconds) {
        (Some(cron), _) => by_clock(trigger, cron, zone, from, to),
        (None, Some(seconds)) => {
            let period = i64::from(seconds) * 1_000;
            // With a start the first slot is the start; without, one interval after the anchor.
            let mut at = start.unwrap_or(stretch.anchor + period);
            let mut all = Vec::new();
            while at <= to {
                if at >= from {
                    all.push(at);
                }
                at += period;
            }
            all
        }
        (None, None) => Vec::new(),
    };
    found.retain(|slot| start.is_none_or(|start| *slot >= start));
    found
}

/// Local times of a cron expression of five fields, day by day.
fn by_clock(trigger: &TriggerConfig, cron: &str, zone: Tz, from: Instant, to: Instant) -> Vec<Instant> {
    let fields: Vec<&str> = cron.split_whitespace().collect();
    let [minutes, hours, days, months, weekdays] = fields[..] else {
        panic!("the oracle reads five fields, not {cron}");
    };
    let (minute, hour) = (members(minutes, 0, 59), members(hours, 0, 23));
    let (day_of, month_of) = (members(days, 1, 31), members(months, 1, 12));
    let weekday_of: Vec<u32> = members(weekdays, 0, 7).iter().map(|day| day % 7).collect();
    let either = days != "*" && weekdays != "*";
    let every_hour = hour.len() == 24;
    let dst = trigger.dst.as_ref();
    let skips = dst.and_then(|dst| dst.gap) == Some(DstGap::Skip);
    let both = dst.and_then(|dst| dst.overlap) == Some(DstOverlap::Both);
    let mut found = Vec::new();
    let mut date = day(from) - Duration::days(1);
    while date <= day(to) + Duration::days(1) {
        let by_day = day_of.contains(&date.day());
        let by_weekday = weekday_of.contains(&date.weekday().num_days_from_sunday());
        let right = if either {
            by_day || by_weekday
        } else {
            by_day && by_weekday
        };
        if right && month_of.contains(&date.month()) {
            for hour in &hour {
                for minute in &minute {
                    let Some(local) = date.and_hms_opt(*hour, *minute, 0) else {
                        continue;
                    };
                    match zone.from_local_datetime(&local) {
                        LocalResult::Single(at) => found.push(at.timestamp_millis()),
                        LocalResult::Ambiguous(a, b) => {
                            let (a, b) = (a.timestamp_millis(), b.timestamp_millis());
                            found.push(a.min(b));
                            if every_hour || both {
                                found.push(a.max(b));
                            }
                        }
                        LocalResult::None if every_hour || skips => {}
                        LocalResult::None => found.push(after_gap(zone, local)),
                    }
                }
            }
        }
        date += Duration::days(1);
    }
    found.sort_unstable();
    found.dedup();
    found.retain(|slot| (from..=to).contains(slot));
    found
}

/// The first instant after a gap: minute by minute until the wall clock shows times again.
fn after_gap(zone: Tz, mut local: NaiveDateTime) -> Instant {
    loop {
        local += Duration::minutes(1);
        if let Some(at) = zone.from_local_datetime(&local).earliest() {
            return at.timestamp_millis();
        }
    }
}

fn day(at: Instant) -> NaiveDate {
    DateTime::from_timestamp_millis(at)
        .unwrap_or_default()
        .date_naive()
}

/// The numbers of a cron field: lists of `*`, `a`, `a-b`, each with an optional step.
fn members(field: &str, low: u32, high: u32) -> Vec<u32> {
    let mut all = Vec::new();
    for part in field.split(',') {
        let (range, step) = part.split_once('/').unwrap_or((part, "1"));
        let step: u32 = step.parse().unwrap_or(1);
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (first.parse().unwrap_or(low), last.parse().unwrap_or(high)),
            None if range == "*" => (low, high),
            None => {
                let one = range.parse().unwrap_or(low);
                (one, one)
            }
        };
        all.extend((first..=last).step_by(step as usize));
    }
    all
}

fn read(text: &str, zone: Tz) -> Instant {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return at.timestamp_millis();
    }
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S").unwrap_or_default();
    match zone.from_local_datetime(&local) {
        LocalResult::None => after_gap(zone, local),
        found => found
            .earliest()
            .unwrap_or(DateTime::<Utc>::MIN_UTC.with_timezone(&zone))
            .timestamp_millis(),
    }
}

/// The slots that a stretch had to account for, and those that it may have run.
struct Expected {
    all: Vec<Instant>,
    /// Index range of `all` that must be accounted for.
    due: std::ops::Range<usize>,
}

fn expect(
    stretch: &Stretch,
    manual: &std::collections::BTreeSet<Instant>,
    until: Instant,
) -> Result<Option<Expected>, String> {
    const DAY: i64 = 86_400_000;
    let Some(first) = stretch.first else {
        return Ok(None);
    };
    let last = stretch.last.unwrap_or(until).max(first);
    let low = stretch.from.min(first) - 2 * DAY;
    let mut all = slots(stretch, low, until.max(last));
    let jitter = i64::from(stretch.trigger.jitter_seconds.unwrap_or(0)) * 1_000;
    let mut shift = 0;
    if jitter > 0 {
        if manual.contains(&first) {
            // Nothing tells by how much this job's slots are shifted.
            return Ok(None);
        }
        let before = all.iter().rev().find(|slot| **slot <= first);
        shift = before.map_or(0, |slot| first - slot);
        if shift > jitter {
            return Err(format!(
                "its first fire {first} is no slot, with jitter up to {jitter} ms"
            ));
        }
    }
    let zone: Tz = stretch
        .trigger
        .timezone
        .as_deref()
        .and_then(|name| name.parse().ok())
        .unwrap_or(Tz::UTC);
    let end = stretch.trigger.end_at.as_deref().map(|text| read(text, zone));
    for slot in &mut all {
        *slot += shift;
    }
    all.retain(|slot| end.is_none_or(|end| *slot <= end));
    let from = all.partition_point(|slot| *slot < first);
    let to = match stretch.last {
        Some(last) => all.partition_point(|slot| *slot < last),
        None => all.len(),
    };
    let replaced = stretch.replaced_at;
    let to = replaced.map_or(to, |at| to.max(all.partition_point(|slot| *slot <= at)));
    if !manual.contains(&first) && all.get(from) != Some(&first) {
        return Err(format!(
            "its first fire {first} is none of its slots; the next is {:?}",
            all.get(from)
        ));
    }
    Ok(Some(Expected {
        all,
        due: from..to.max(from),
    }))
}

/// Every slot of every stretch is a run or lies in one recorded stretch of missed ones; whatever
/// ran was a slot, or asked for.
pub fn account(state: &State, job: usize) -> Result<(), String> {
    let Some(ledger) = state.ledger.jobs.get(job) else {
        return Ok(());
    };
    if ledger.stretches.is_empty() {
        return Ok(());
    }
    let mut expected = Vec::with_capacity(ledger.stretches.len());
    for stretch in &ledger.stretches {
        let found = expect(stretch, &ledger.manual, state.now);
        expected.push(found.map_err(|why| format!("{why}; {stretch:?}"))?);
    }
    if expected.iter().any(Option::is_none) {
        return Ok(());
    }
    let expected: Vec<Expected> = expected.into_iter().flatten().collect();
    // How often each slot was accounted for.
    let mut seen: BTreeMap<Instant, u32> = BTreeMap::new();
    for run in state.store.runs_of(job) {
        // Before it repeated, the job was a ONE_OFF with a slot of its own.
        let Some(stretch) = ledger.recorded.get(&run.slot) else {
            continue;
        };
        let all = &expected[*stretch].all;
        if all.binary_search(&run.slot).is_err() && !ledger.manual.contains(&run.slot) {
            return Err(format!(
                "slot {} ran, and is neither of the schedule nor asked for",
                run.slot
            ));
        }
        *seen.entry(run.slot).or_default() += 1;
        // A stretch of missed slots: the ones that follow its first.
        let after = all.partition_point(|slot| *slot <= run.slot);
        let Some(rest) = all.get(after..after + run.slots as usize - 1) else {
            return Err(format!(
                "{} slots from {} on are more than there were",
                run.slots, run.slot
            ));
        };
        if rest.last().is_some_and(|last| Some(*last) > run.ended_at) {
            return Err(format!(
                "{} slots from {} on had not all come",
                run.slots, run.slot
            ));
        }
        for slot in rest {
            *seen.entry(*slot).or_default() += 1;
        }
    }
    for (stretch, expected) in ledger.stretches.iter().zip(&expected) {
        // A host whose clock is behind may arm a slot that ran already, and pass over it.
        let early = expected.all.partition_point(|slot| *slot < stretch.from)..expected.due.start;
        let skipped = expected.all.get(early).unwrap_or_default();
        let unseen = skipped.iter().find(|slot| !seen.contains_key(slot));
        if let Some(unseen) = unseen.filter(|_| !stretch.delayed) {
            return Err(format!(
                "armed at {}, though {unseen} came first; {stretch:?}",
                stretch.from
            ));
        }
    }
    for stretch in &expected {
        for slot in &stretch.all[stretch.due.clone()] {
            match seen.get(slot) {
                Some(1) => {}
                Some(times) => return Err(format!("slot {slot} is accounted for {times} times")),
                None => {
                    return Err(format!(
                        "slot {slot} was due, and is neither a run nor recorded as missed"
                    ));
                }
            }
        }
    }
    Ok(())
}
