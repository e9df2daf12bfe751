//! Time phrases as the triggers read them. This module knows no phrase of its own: what `when`
//! takes is a time, and nothing else is.

use super::lexicon::{is_amount, is_unit};
use crate::bindings::tools::ToolError;
use crate::bindings::types::{Instant, JobType, TriggerConfig};
use crate::trigger::EMPTY_TRIGGER;
use crate::trigger::{self, Context, Normalised};

/// How often a phrase fires.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rhythm {
    Once,
    Repeats,
}

/// Reads phrases at one present in one zone.
#[derive(Clone, Debug)]
pub(super) struct Reader {
    /// Whole seconds.
    now: Instant,
    /// None: not known, so local times are refused.
    pub(super) zone: Option<String>,
}

impl Reader {
    pub(super) fn new(now: Instant, zone: Option<&str>) -> Self {
        Self {
            now: now - now.rem_euclid(1_000),
            zone: zone.map(str::to_owned),
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.now
    }

    /// Whether the words are a time.
    pub(super) fn reads(&self, words: &str) -> bool {
        trigger::understands(words, self.now, self.zone.as_deref().unwrap_or("UTC"))
    }

    /// Why the time at the end of some words cannot be kept, where one is read there at all.
    pub(super) fn objection(&self, words: &str) -> Option<String> {
        let zone = self.zone.as_deref().unwrap_or("UTC");
        let starts = words.match_indices(' ').map(|(at, _)| at + 1);
        std::iter::once(0)
            .chain(starts)
            .find_map(|start| trigger::objection(&words[start..], self.now, zone))
    }

    /// Checks and completes a trigger. Errors are about the text, but for a missing zone.
    pub(super) fn complete(
        &self,
        trigger: &TriggerConfig,
        job_type: Option<JobType>,
    ) -> Result<Normalised, ToolError> {
        let context = Context {
            now: self.now,
            caller_zone: self.zone.as_deref(),
            stored: None,
        };
        trigger::normalise(trigger, job_type, &context).map_err(|error| {
            let phrase = trigger.when.as_deref().unwrap_or_default();
            if error.field.as_deref() == Some("trigger_config.timezone") && self.zone.is_none() {
                return trigger::invalid(
                    "timezone",
                    format!(
                        "“{phrase}” is local time, so the zone is needed: set timezone to an IANA name such as \
                         Europe/Berlin (or UTC)."
                    ),
                );
            }
            let message = match phrase {
                "" => error.message,
                _ => format!("“{phrase}”: {}", error.message),
            };
            ToolError {
                field: Some("text".into()),
                message,
                ..error
            }
        })
    }

    fn of(&self, words: &str, zone: Option<String>) -> TriggerConfig {
        TriggerConfig {
            when: Some(words.to_owned()),
            timezone: zone,
            ..EMPTY_TRIGGER
        }
    }

    /// How often a phrase that is a time fires. One that is refused later (it is past) is a
    /// single time here.
    pub(super) fn rhythm(&self, words: &str) -> Rhythm {
        let zone = self.zone.clone().or_else(|| Some("UTC".to_owned()));
        let read = self.complete(&self.of(words, zone), None);
        match read {
            Ok(read) if read.job_type == JobType::OneOff => Rhythm::Once,
            Ok(_) => Rhythm::Repeats,
            Err(_) if words.starts_with("every") => Rhythm::Repeats,
            Err(_) => Rhythm::Once,
        }
    }

    /// The single instant that words name, in RFC 3339.
    pub(super) fn instant(&self, words: &str) -> Result<Option<String>, ToolError> {
        let read = self.complete(&self.of(words, None), None)?;
        Ok(read.trigger.run_at)
    }

    /// The length of time that words such as "3 days" name, in seconds.
    pub(super) fn length(&self, words: &[&str]) -> Option<u32> {
        let plain = |word: &&str| is_amount(word) || is_unit(word) || *word == "and";
        let phrase = format!("in {}", words.join(" "));
        if words.is_empty() || !words.iter().all(plain) || !self.reads(&phrase) {
            return None;
        }
        let zone = self.zone.clone().or_else(|| Some("UTC".to_owned()));
        let read = self.complete(&self.of(&phrase, zone), None).ok()?;
        let at = trigger::parse_time(read.trigger.run_at.as_deref()?, "UTC").ok()?;
        u32::try_from((at - self.now) / 1_000).ok()
    }

    /// The length that a phrase such as "in 3 days" puts between now and then.
    pub(super) fn relative(&self, phrase: &str) -> Option<u32> {
        let words: Vec<&str> = phrase.split(' ').collect();
        match words.as_slice() {
            ["in", rest @ ..] => self.length(rest),
            _ => None,
        }
    }

    /// The instant that words with or without a preposition name: "friday", "5pm",
    /// "friday at 5pm". Where they name a day only, `clock` of that day.
    pub(super) fn moment(&self, words: &str, clock: &str) -> Result<Option<String>, ToolError> {
        for phrase in [
            format!("{words} at {clock}"),
            format!("on {words} at {clock}"),
            words.to_owned(),
            format!("at {words}"),
            format!("on {words}"),
        ] {
            if self.reads(&phrase) && self.rhythm(&phrase) == Rhythm::Once {
                return self.instant(&phrase);
            }
        }
        Ok(None)
    }
}
