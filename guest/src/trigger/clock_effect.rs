//! What a change of the clocks does to a schedule, in a sentence that is true: it says what the
//! schedule's own slots do, not what a rule would suggest.

use chrono::{DateTime, NaiveDateTime, TimeDelta};

use super::Schedule;
use super::cron::Pattern;
use super::zone::Change;
use crate::bindings::types::{DstConfig, DstGap, DstOverlap, Instant, JobType, TriggerConfig};

const NONE: &str = "No effect: no fire falls into the time that changes.";
/// Times that a sentence names before it says "and so on".
const NAMED: usize = 2;
/// How far from a change the neighbouring fires are looked for.
const NEAR_MS: i64 = 86_400_000;

/// One sentence on a change of the clocks. Times are those before the shift by jitter, which is
/// the job's own.
pub(super) fn effect(job_type: JobType, trigger: &TriggerConfig, anchor: Instant, change: &Change) -> String {
    if trigger.interval_seconds.is_some() {
        return "No effect on the interval; the local times of the fires move with the clocks.".to_owned();
    }
    let Some(cron) = &trigger.cron else {
        return "No effect: it fires at one instant.".to_owned();
    };
    let still = TriggerConfig {
        jitter_seconds: None,
        ..trigger.clone()
    };
    // Fires at whatever the change may bring, so that bounds and filters are asked, not repeated.
    let willing = TriggerConfig {
        dst: Some(DstConfig {
            gap: Some(DstGap::Shift),
            overlap: Some(DstOverlap::Both),
        }),
        ..still.clone()
    };
    let schedule = |trigger| Schedule::new("", job_type, trigger, anchor);
    let (Ok(pattern), Ok(real), Ok(willing)) = (Pattern::parse(cron), schedule(&still), schedule(&willing))
    else {
        return NONE.to_owned();
    };
    let shown = |seconds: i32| {
        DateTime::from_timestamp_millis(change.at)
            .map(|at| at.naive_utc() + TimeDelta::seconds(i64::from(seconds)))
    };
    let (Some(old), Some(new)) = (shown(change.seconds_before), shown(change.seconds_after)) else {
        return NONE.to_owned();
    };
    let told = Told {
        change,
        pattern: &pattern,
        low: old.min(new),
        high: old.max(new),
        with_date: match new > old {
            true => old.date() != new.date(),
            false => new.date() != (old - TimeDelta::seconds(1)).date(),
        },
    };
    let sentence = if pattern.every_hour() {
        told.goes_on(&real)
    } else if new > old {
        let gap = trigger.dst.as_ref().and_then(|dst| dst.gap);
        told.gap(gap.unwrap_or(DstGap::Shift), &willing)
    } else {
        told.overlap(&real)
    };
    let jitter = trigger.jitter_seconds.is_some_and(|seconds| seconds > 0);
    match sentence {
        Some(sentence) if jitter => format!("{sentence} (Before the shift by jitter_seconds.)"),
        Some(sentence) => sentence,
        None => NONE.to_owned(),
    }
}

fn fires_at(schedule: &Schedule, at: Instant) -> bool {
    schedule.next_after(at - 1) == Some(at)
}

struct Told<'a> {
    change: &'a Change,
    pattern: &'a Pattern,
    /// The local times that are skipped or repeated: from `low`, up to `high`.
    low: NaiveDateTime,
    high: NaiveDateTime,
    with_date: bool,
}

impl Told<'_> {
    fn time(&self, at: NaiveDateTime) -> String {
        let date = if self.with_date { "%Y-%m-%d " } else { "" };
        let seconds = if self.pattern.seconds == [0] { "" } else { ":%S" };
        at.format(&format!("{date}%H:%M{seconds}")).to_string()
    }

    /// "02:00", "02:00 and 02:30", "02:00, 02:15 and so on".
    fn times(&self, times: &[NaiveDateTime]) -> String {
        let named: Vec<String> = times.iter().take(NAMED).map(|at| self.time(*at)).collect();
        if times.len() > NAMED {
            format!("{} and so on", named.join(", "))
        } else {
            named.join(" and ")
        }
    }

    fn that_day(&self) -> &'static str {
        if self.with_date { "" } else { " that day" }
    }

    /// The local times of the pattern among those that change, as far as they are told.
    fn hits(&self) -> impl Iterator<Item = NaiveDateTime> + '_ {
        let first = self.pattern.next_local(self.low - TimeDelta::nanoseconds(1));
        std::iter::successors(first, |last| self.pattern.next_local(*last)).take_while(|at| *at < self.high)
    }

    fn gap(&self, policy: DstGap, willing: &Schedule) -> Option<String> {
        let hits: Vec<NaiveDateTime> = self.hits().take(NAMED + 1).collect();
        if hits.is_empty() || !fires_at(willing, self.change.at) {
            return None;
        }
        let (times, end, day) = (self.times(&hits), self.time(self.high), self.that_day());
        let regular = self.pattern.next_local(self.high - TimeDelta::nanoseconds(1)) == Some(self.high);
        let one = hits.len() == 1;
        Some(match policy {
            DstGap::Skip if one => format!("Does not fire at {times}{day}: that time does not exist."),
            DstGap::Skip => format!("Does not fire at {times}{day}: those times do not exist."),
            DstGap::Shift if regular => format!("Fires once, at {end}, for that time and for {times}{day}."),
            DstGap::Shift if one => format!("Fires at {end} instead of {times}{day}."),
            DstGap::Shift => format!("Fires once, at {end}, instead of at {times}{day}."),
        })
    }

    fn overlap(&self, real: &Schedule) -> Option<String> {
        let fires = |at: &NaiveDateTime| {
            let utc = at.and_utc().timestamp_millis();
            let pass = |seconds: i32| fires_at(real, utc - i64::from(seconds) * 1000);
            (pass(self.change.seconds_before), pass(self.change.seconds_after))
        };
        let mut hits = self
            .hits()
            .map(|at| (at, fires(&at)))
            .filter(|(_, passes)| *passes != (false, false));
        let (first, passes) = hits.next()?;
        // A start or an end in the middle of the repeated hour parts what is told alike.
        let alike = hits.take_while(|(_, other)| *other == passes).map(|(at, _)| at);
        let all: Vec<NaiveDateTime> = std::iter::once(first).chain(alike.take(NAMED)).collect();
        let come = if all.len() == 1 { "comes" } else { "come" };
        let which = match passes {
            (true, true) => "fires at both",
            (true, false) => "fires at the first only",
            _ => "fires at the second only",
        };
        Some(format!(
            "{} {come} twice{}; {which}.",
            self.times(&all),
            self.that_day()
        ))
    }

    /// A pattern that names no hour follows the clock: between two fires lies another distance
    /// where the change is no multiple of its own.
    fn goes_on(&self, real: &Schedule) -> Option<String> {
        self.hits().next()?;
        let at = self.change.at;
        let next = real.next_after(at - 1).filter(|next| *next - at <= NEAR_MS);
        let shown = |instant: Instant, seconds: i32| {
            DateTime::from_timestamp_millis(instant + i64::from(seconds) * 1000).map(|at| at.naive_utc())
        };
        let Some(last) = last_before(real, at) else {
            let next = shown(next?, self.change.seconds_after)?;
            return Some(format!(
                "Goes on by the clock: fires first at {}.",
                self.time(next)
            ));
        };
        let last_shown = shown(last, self.change.seconds_before)?;
        let Some(next) = next else {
            return Some(format!(
                "Goes on by the clock: fires last at {}.",
                self.time(last_shown)
            ));
        };
        let undisturbed = self.pattern.next_local(last_shown)?;
        if next - last == (undisturbed - last_shown).num_milliseconds() {
            return Some("No effect: it goes on at the same distance through the change.".to_owned());
        }
        Some(format!(
            "Goes on by the clock: {} follows {} after {}.",
            self.time(shown(next, self.change.seconds_after)?),
            self.time(last_shown),
            distance((next - last) / 1000)
        ))
    }
}

/// The last fire before an instant, if it is near: windows back from it, each twice as long.
fn last_before(schedule: &Schedule, at: Instant) -> Option<Instant> {
    std::iter::successors(Some(1_000_i64), |width| Some(width * 2))
        .take_while(|width| *width <= 2 * NEAR_MS)
        .find_map(|width| schedule.missed_between(at - width - 1, at - 1))
        .map(|(last, _)| last)
}

fn distance(seconds: i64) -> String {
    match seconds {
        60 => "1 minute".to_owned(),
        _ if seconds % 60 == 0 => format!("{} minutes", seconds / 60),
        _ => format!("{seconds} seconds"),
    }
}
