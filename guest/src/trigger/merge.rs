//! A patch on a trigger: fields given replace, `null` clears, others stay.

use super::words;
use crate::bindings::tools::TriggerPatch;
use crate::bindings::types::{DstConfig, MisfireConfig, TriggerConfig};

fn field<T: Clone>(old: &Option<T>, patch: &Option<Option<T>>) -> Option<T> {
    patch.clone().unwrap_or_else(|| old.clone())
}

/// Merges a patch into a trigger, see [`super::merge`].
pub(super) fn merge(trigger: &TriggerConfig, patch: &TriggerPatch) -> TriggerConfig {
    let given = |text: &Option<Option<String>>| matches!(text, Some(Some(_)));
    let interval_given = matches!(patch.interval_seconds, Some(Some(_)));
    let (mut when, mut run_at) = (trigger.when.clone(), trigger.run_at.clone());
    let (mut cron, mut interval_seconds) = (trigger.cron.clone(), trigger.interval_seconds);
    let (mut every, mut start_at, mut end_at) =
        (trigger.every, trigger.start_at.clone(), trigger.end_at.clone());
    let (words_start, words_end) = trigger.when.as_deref().map_or((false, false), words::bounds);
    let other_words = given(&patch.when) && patch.when.as_ref() != Some(&trigger.when);
    if given(&patch.when) {
        (run_at, cron, interval_seconds, every) = (None, None, None, None);
    }
    let other_times = given(&patch.run_at)
        || given(&patch.cron)
        || interval_given
        || patch.every.is_some_and(|given| given != trigger.every);
    if other_times {
        when = None;
    }
    // What the old words bounded ends with them; one run has no bounds.
    if other_words || given(&patch.run_at) {
        if words_start {
            start_at = None;
        }
        if words_end {
            end_at = None;
        }
    }
    let moved = |own: bool, old: &Option<String>, new: &Option<Option<String>>| {
        own && new.as_ref().is_some_and(|new| new != old)
    };
    if moved(words_start, &trigger.start_at, &patch.start_at)
        || moved(words_end, &trigger.end_at, &patch.end_at)
    {
        when = None;
    }
    if given(&patch.cron) {
        (interval_seconds, run_at) = (None, None);
    }
    if interval_given {
        (cron, run_at, every) = (None, None, None);
    }
    if given(&patch.run_at) {
        (cron, interval_seconds, every) = (None, None, None);
    }
    TriggerConfig {
        timezone: field(&trigger.timezone, &patch.timezone),
        when: field(&when, &patch.when),
        run_at: field(&run_at, &patch.run_at),
        cron: field(&cron, &patch.cron),
        every: field(&every, &patch.every),
        interval_seconds: field(&interval_seconds, &patch.interval_seconds),
        start_at: field(&start_at, &patch.start_at),
        end_at: field(&end_at, &patch.end_at),
        end_condition: field(&trigger.end_condition, &patch.end_condition),
        max_iterations: field(&trigger.max_iterations, &patch.max_iterations),
        misfire: misfire(&trigger.misfire, &patch.misfire),
        dst: dst(&trigger.dst, &patch.dst),
        jitter_seconds: field(&trigger.jitter_seconds, &patch.jitter_seconds),
    }
}

fn misfire(old: &Option<MisfireConfig>, patch: &Option<Option<MisfireConfig>>) -> Option<MisfireConfig> {
    match (old, patch) {
        (Some(old), Some(Some(new))) => Some(MisfireConfig {
            policy: new.policy.or(old.policy),
            max_late_seconds: new.max_late_seconds.or(old.max_late_seconds),
            max_runs: new.max_runs.or(old.max_runs),
        }),
        _ => field(old, patch),
    }
}

fn dst(old: &Option<DstConfig>, patch: &Option<Option<DstConfig>>) -> Option<DstConfig> {
    match (old, patch) {
        (Some(old), Some(Some(new))) => Some(DstConfig {
            gap: new.gap.or(old.gap),
            overlap: new.overlap.or(old.overlap),
        }),
        _ => field(old, patch),
    }
}
