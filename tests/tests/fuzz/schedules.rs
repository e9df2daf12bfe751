//! What holds of every schedule that was understood.

use chrono::DateTime;
use meanwhile_guest::bindings::schedule::PreviewRequest;
use meanwhile_guest::bindings::types::{Instant, JobType, TriggerConfig};
use meanwhile_guest::trigger::{Schedule, preview, summary};

use crate::moments::Moment;

/// Fires looked at.
const FIRES: u32 = 5;

/// A request that asks what `text` means.
pub(crate) fn request(text: &str, moment: &Moment) -> PreviewRequest {
    PreviewRequest {
        text: Some(text.to_owned()),
        trigger_config: None,
        job_type: None,
        timezone: Some(moment.zone.to_owned()),
        count: FIRES,
        at: moment.at(),
    }
}

/// Fires as they are shown, as instants.
pub(crate) fn instants(shown: &[String]) -> Vec<Instant> {
    let instant = |text: &String| {
        DateTime::parse_from_rfc3339(text)
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .timestamp_millis()
    };
    shown.iter().map(instant).collect()
}

/// A trigger that was completed means the same when it is read again, has a sentence, and its
/// fires grow and come after the present.
pub(crate) fn holds(trigger: &TriggerConfig, job_type: JobType, moment: &Moment) {
    let said = summary(job_type, trigger);
    assert!(said.ends_with('.'), "{said}");
    let asked = PreviewRequest {
        text: None,
        trigger_config: Some(trigger.clone()),
        job_type: Some(job_type),
        ..request("", moment)
    };
    let again = preview(&asked, moment.now)
        .unwrap_or_else(|error| panic!("{trigger:?} is not read again: {error:?}"));
    assert_eq!((&again.trigger_config, &again.summary), (trigger, &said));
    let fires = instants(&again.next_runs);
    assert!(fires.is_sorted_by(|a, b| a < b), "{fires:?}");
    assert!(fires.iter().all(|at| *at > moment.now), "{fires:?}");
    let schedule = Schedule::new("job_1", job_type, trigger, moment.now).unwrap();
    if let Some((last, count)) = fires
        .last()
        .and_then(|last| schedule.missed_between(moment.now, *last))
    {
        assert!(last > moment.now && count >= 1, "{last} {count}");
    }
}
