//! What holds of every schedule that was understood.

use chrono::DateTime;
use meanwhile_guest::bindings::schedule::PreviewRequest;
use meanwhile_guest::bindings::tools::{ErrorCode, ToolError};
use meanwhile_guest::bindings::types::{Instant, JobType, TriggerConfig};
use meanwhile_guest::trigger::{Schedule, preview, summary};

use crate::bytes::Bytes;
use crate::moments::{self, Moment};
use crate::texts;

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

/// Checks an input: a text with its moment, or bytes that make up one like those of `texts`.
pub(crate) fn at_moments(input: &[u8], texts: &[String], check: impl Fn(&str, &Moment)) {
    if let Ok(text) = std::str::from_utf8(input) {
        let (moment, text) = moments::read(text);
        return check(text, &moment);
    }
    let mut bytes = Bytes::new(input);
    let moment = if bytes.chance(8) {
        moments::moment(&mut bytes)
    } else {
        moments::USUAL
    };
    check(&texts::like(texts, &mut bytes), &moment);
}

/// A refusal says what is wrong, and where.
pub(crate) fn is_told(error: &ToolError) {
    assert_eq!(error.code, ErrorCode::InvalidArgument);
    assert!(error.field.is_some() && error.message.len() > 15, "{error:?}");
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
