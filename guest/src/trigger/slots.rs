//! The slots of one job: computed from the schedule, never from the last run.

use chrono::{NaiveDateTime, NaiveTime, TimeDelta};
use chrono_tz::Tz;

use super::cadence::{Cadence, Skip};
use super::cron::Pattern;
use super::limits::{COUNT_MAX, REJECTED_SLOTS_MAX};
use super::zone::{self, Place};
use crate::bindings::types::{DstGap, DstOverlap, Instant, JobType, TriggerConfig};
use crate::sabotage::{self, Sabotage};

#[derive(Clone, Debug)]
enum Rule {
    /// `run_at`, or never by itself.
    Once(Option<Instant>),
    /// `origin + n × period` for n from `first`.
    Interval {
        origin: Instant,
        period_ms: i64,
        first: i64,
    },
    Cron(Box<Local>),
}

/// A pattern of local times and how it is placed on the time line.
#[derive(Clone, Debug)]
struct Local {
    pattern: Pattern,
    cadence: Option<Cadence>,
    zone: Tz,
    gap: DstGap,
    overlap: DstOverlap,
}

/// The slots of one job. Parsed once, asked often.
#[derive(Clone, Debug)]
pub struct Schedule {
    rule: Rule,
    /// No slot before this, jitter not counted.
    start: Option<Instant>,
    end: Option<Instant>,
    /// Added to every slot.
    shift_ms: i64,
}

impl Schedule {
    /// From a normalised trigger. `anchor` is the origin of the interval's phase (where the
    /// trigger has no `start_at`: the first slot is then one interval later), `job_id` seeds the
    /// jitter. The error is a sentence (a stored trigger that no longer parses, a zone that was
    /// removed).
    pub fn new(
        job_id: &str,
        job_type: JobType,
        trigger: &TriggerConfig,
        anchor: Instant,
    ) -> Result<Self, String> {
        let zone = zone::find(trigger.timezone.as_deref().unwrap_or("UTC"))?;
        let time = |text: &Option<String>| {
            text.as_deref()
                .map(|text| zone::parse_time(text, zone))
                .transpose()
        };
        if job_type == JobType::OneOff {
            return Ok(Self {
                rule: Rule::Once(time(&trigger.run_at)?),
                start: None,
                end: None,
                shift_ms: 0,
            });
        }
        let (start, end) = (time(&trigger.start_at)?, time(&trigger.end_at)?);
        let mut jitter_ms = i64::from(trigger.jitter_seconds.unwrap_or(0)) * 1000;
        let rule = match (&trigger.cron, trigger.interval_seconds) {
            (Some(text), _) => Rule::Cron(Box::new(Local {
                pattern: Pattern::parse(text)?,
                cadence: trigger
                    .every
                    .and_then(|every| Cadence::new(every, zone::local(zone, start.unwrap_or(anchor)).date())),
                zone,
                gap: trigger
                    .dst
                    .as_ref()
                    .and_then(|dst| dst.gap)
                    .unwrap_or(DstGap::Shift),
                overlap: trigger
                    .dst
                    .as_ref()
                    .and_then(|dst| dst.overlap)
                    .unwrap_or(DstOverlap::First),
            })),
            (None, Some(seconds)) if seconds > 0 => {
                let period_ms = i64::from(seconds) * 1000;
                // A shift of a whole interval would only lose the first slot.
                jitter_ms = jitter_ms.min(period_ms - 1000);
                let (origin, first) = start.map_or((anchor, 1), |start| (start, 0));
                Rule::Interval {
                    origin,
                    period_ms,
                    first,
                }
            }
            _ => return Err("the trigger has neither cron nor interval_seconds.".to_owned()),
        };
        Ok(Self {
            rule,
            start,
            end,
            shift_ms: jitter(job_id, jitter_ms),
        })
    }

    /// The horizon: nothing begins after it. None for ONE_OFF.
    pub fn end(&self) -> Option<Instant> {
        self.end
    }

    /// The first slot strictly after `after`, within start and horizon. ONE_OFF: `run_at` if it is
    /// after; none without a `run_at`.
    pub fn next_after(&self, after: Instant) -> Option<Instant> {
        let from = after.saturating_sub(self.shift_ms);
        let from = self.start.map_or(from, |start| from.max(start - 1));
        let slot = match &self.rule {
            Rule::Once(at) => (*at)?,
            Rule::Interval {
                origin,
                period_ms,
                first,
            } => {
                let n = from
                    .saturating_sub(*origin)
                    .div_euclid(*period_ms)
                    .checked_add(1)?
                    .max(*first);
                origin.checked_add(n.checked_mul(*period_ms)?)?
            }
            Rule::Cron(local) => local.next_after(from)?,
        };
        let slot = slot.checked_add(self.shift_ms)?;
        (slot > after && self.end.is_none_or(|end| slot <= end)).then_some(slot)
    }

    /// The last slot at or before `before` and strictly after `after`, if any; with the number of
    /// slots in that stretch. Cron slots are counted to `COUNT_MAX` and no further. For misfires.
    pub fn missed_between(&self, after: Instant, before: Instant) -> Option<(Instant, u32)> {
        let first = self.next_after(after).filter(|slot| *slot <= before)?;
        match &self.rule {
            Rule::Once(_) => Some((first, 1)),
            Rule::Interval { period_ms, .. } => {
                let before = self.end.map_or(before, |end| before.min(end));
                let period = period_ms.unsigned_abs();
                let more = before.abs_diff(first) / period;
                Some((
                    first.saturating_add_unsigned(more * period),
                    u32::try_from(more).unwrap_or(u32::MAX).saturating_add(1),
                ))
            }
            Rule::Cron(_) => {
                let (mut last, mut count) = (first, 1);
                while count < COUNT_MAX {
                    match self.next_after(last).filter(|slot| *slot <= before) {
                        Some(slot) => (last, count) = (slot, count + 1),
                        None => return Some((last, count)),
                    }
                }
                Some((self.last_before(last, before), count))
            }
        }
    }

    /// The last slot in [`known`, `before`]: windows back from `before`, each twice as long, until
    /// one holds a slot; then halving towards the last.
    fn last_before(&self, known: Instant, before: Instant) -> Instant {
        let mut width: i64 = 1000;
        let mut found = loop {
            let from = before.saturating_sub(width).max(known);
            match self.next_after(from).filter(|slot| *slot <= before) {
                Some(slot) => break slot,
                None if from == known => return known,
                None => width = width.saturating_mul(2),
            }
        };
        let mut high = before;
        while let Some(next) = self.next_after(found).filter(|slot| *slot <= high) {
            let middle = next + (high - next) / 2;
            match self.next_after(middle).filter(|slot| *slot <= high) {
                Some(slot) => found = slot,
                None => (found, high) = (next, middle),
            }
        }
        found
    }

    /// The instant after which nothing fires.
    pub fn horizon(&self) -> Option<Instant> {
        self.end
    }
}

impl Local {
    /// Where a local time fires: at most twice.
    fn fires(&self, place: Place) -> [Option<Instant>; 2] {
        let goes_on = self.pattern.every_hour();
        let doubled = sabotage::on(Sabotage::FoldDoubled);
        match place {
            Place::Once(at) => [Some(at), None],
            Place::Twice(a, b) if goes_on || self.overlap == DstOverlap::Both || doubled => {
                [Some(a), Some(b)]
            }
            Place::Twice(a, _) => [Some(a), None],
            Place::Gap { instant, .. } if !goes_on && self.gap == DstGap::Shift => [Some(instant), None],
            Place::Gap { .. } => [None, None],
        }
    }

    /// The first local time of the pattern after another, on a day that counts.
    fn next_local(&self, mut after: NaiveDateTime) -> Option<NaiveDateTime> {
        for _ in 0..REJECTED_SLOTS_MAX {
            let at = self.pattern.next_local(after)?;
            match self.cadence.as_ref().and_then(|cadence| cadence.skip(at.date())) {
                None => return Some(at),
                Some(Skip::To(day)) => after = day.and_time(NaiveTime::MIN) - TimeDelta::nanoseconds(1),
                Some(Skip::Never) => return None,
            }
        }
        None
    }

    fn next_after(&self, after: Instant) -> Option<Instant> {
        let ahead = self.search(zone::local(self.zone, after), after);
        // In the first pass of a repeated hour, the second pass starts again from its first local
        // time, which lies before the present one.
        let again = zone::overlap_start(self.zone, after).and_then(|start| {
            let first = self.next_local(start - TimeDelta::nanoseconds(1))?;
            self.fires(zone::place(self.zone, first))[1].filter(|at| *at > after)
        });
        match (ahead, again) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (one, other) => one.or(other),
        }
    }

    fn search(&self, mut at: NaiveDateTime, after: Instant) -> Option<Instant> {
        for _ in 0..REJECTED_SLOTS_MAX {
            at = self.next_local(at)?;
            let place = zone::place(self.zone, at);
            let fire = self.fires(place).into_iter().flatten().find(|fire| *fire > after);
            if fire.is_some() {
                return fire;
            }
            if let Place::Gap { local, .. } = place {
                // Every other local time of the gap fares alike.
                at = local - TimeDelta::nanoseconds(1);
            }
        }
        None
    }
}

/// A part of `most_ms` in whole seconds, fixed by the job's id (FNV-1a, 64 bits: the same on
/// every machine and in every version).
fn jitter(job_id: &str, most_ms: i64) -> i64 {
    let hash = job_id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let choices = (most_ms / 1000).max(0) as u64 + 1;
    // The high bits are the well-mixed ones.
    ((hash >> 16) % choices) as i64 * 1000
}
