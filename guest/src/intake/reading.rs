//! One clause: its times, what bounds them, and the work that is left.

use super::bounds::{self, Clause, Until};
use super::kinds::{self, Kind, News, Work};
use super::leftovers;
use super::phrases::{self, Phrases, Timing};
use super::reader::Reader;
use super::title;
use super::tokens::{self, Word, starts_any};
use super::trouble;
use crate::bindings::tools::ToolError;
use crate::bindings::types::{JobType, NotifyPolicy, TriggerConfig};
use crate::limits::{GOAL_ITERATIONS_DEFAULT, WATCH_SECONDS_DEFAULT};
use crate::trigger::EMPTY_TRIGGER;
use crate::trigger::format_instant;

/// A clause as it was understood.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) work: Work,
    pub(super) timing: Timing,
    /// To be completed with `reader`.
    pub(super) trigger: TriggerConfig,
    pub(super) job_type: Option<JobType>,
    pub(super) notify: Option<NotifyPolicy>,
    pub(super) warnings: Vec<String>,
    /// "by Friday", where nothing else says when.
    pub(super) deadline: Option<String>,
    /// Knows the zone that the clause names.
    pub(super) reader: Reader,
}

const POLITE: [&str; 17] = [
    "please",
    "kindly",
    "hey",
    "hi",
    "hello",
    "ok",
    "okay",
    "can you",
    "could you",
    "would you",
    "will you",
    "i want you to",
    "i need you to",
    "i'd like you to",
    "i would like you to",
    "make sure to",
    "be sure to",
];

/// Instructions that say all they have to say in "until …".
const BARE_CHECKS: [&str; 5] = ["check", "keep checking", "keep looking", "keep trying", "poll"];

/// Without words of courtesy at either end; whether it was put as a question.
fn businesslike(words: &[Word]) -> (&[Word], bool) {
    let mut words = words;
    let mut asked = false;
    while let Some(length) = starts_any(words, &POLITE) {
        if length >= words.len() {
            break;
        }
        asked |= words[0].is(&["can", "could", "would", "will"]);
        words = &words[length..];
    }
    while let [rest @ .., last] = words
        && !rest.is_empty()
        && last.is(&["please", "thanks", "thx"])
    {
        words = rest;
    }
    (words, asked)
}

/// Reads a clause. `later`: it is no first step, so that it needs no time of its own.
pub(super) fn read(words: &[Word], reader: &Reader, later: bool) -> Result<Reading, ToolError> {
    let (words, asked) = businesslike(words);
    let mut clause = Clause {
        words,
        free: vec![true; words.len()],
    };
    let mut reader = reader.clone();
    let mut warnings = Vec::new();
    let Phrases { when, in_task } = phrases::take(&mut clause, &mut reader)?;
    for span in &in_task {
        warnings.push(format!(
            "“{}” is taken as part of the task, not as a time to run.",
            tokens::text(&words[span.from..span.to])
        ));
    }
    let timing = when
        .as_deref()
        .map_or(Timing::Unsaid, |phrase| phrases::timing_of(phrase, &reader));
    let once = matches!(timing, Timing::Once | Timing::Relative(_));
    let mut trigger = EMPTY_TRIGGER;
    let mut goal = None;
    if !once {
        match bounds::until(&mut clause, &reader)? {
            Some(Until::Instant(instant)) => trigger.end_at = Some(instant),
            Some(Until::Goal(words)) => goal = Some(words),
            None => {}
        }
    }
    let started = match timing {
        Timing::Once | Timing::Relative(_) => None,
        Timing::Unsaid | Timing::Repeats => bounds::start(&mut clause, &reader)?,
    };
    if timing == Timing::Repeats {
        if let Some(seconds) = bounds::duration(&mut clause, &reader) {
            let end = reader.now() + i64::from(seconds) * 1_000;
            trigger.end_at = Some(format_instant(end, reader.zone.as_deref().unwrap_or("UTC")));
        }
        trigger.max_iterations = bounds::times(&mut clause);
    }
    trigger.start_at = started;
    let at_once = when.is_none() && bounds::at_once(&mut clause);
    let due = bounds::deadline(&clause).or_else(|| bounds::today(&clause).filter(|_| when.is_none()));
    // Read, and yet part of the task.
    let kept: Vec<(usize, usize)> = in_task
        .iter()
        .map(|span| (span.from, span.to))
        .chain(due)
        .collect();
    for (from, to) in &kept {
        clause.take(*from, *to);
    }
    if let Some(said) = leftovers::find(&clause) {
        return Err(match reader.objection(&said) {
            Some(why) => trouble::text(why),
            None => trouble::time(&said),
        });
    }
    for (from, to) in kept {
        clause.free[from..to].fill(true);
    }
    let (left, deadline) = left(&clause, due);
    let repeats = timing == Timing::Repeats;
    let mut work = kinds::work(&left, deadline, goal.is_some(), repeats, once)?;
    if let Some(goal) = &goal
        && starts_any(&left, &BARE_CHECKS) == Some(left.len())
    {
        work.title = title::shortened(&format!("{} until {goal}", work.title));
        work.payload = format!("Check whether it has come to this: {goal}");
    }
    if asked {
        work.payload.truncate(work.payload.trim_end_matches('?').len());
    }
    let due = due.map(|(from, to)| tokens::uncapitalised(&tokens::text(&words[from..to])));
    trigger.end_condition = goal;
    trigger.when = when;
    let mut reading = Reading {
        work,
        timing,
        trigger,
        job_type: None,
        notify: None,
        warnings,
        deadline: None,
        reader,
    };
    if let Some((at, false)) = kinds::period(&left)
        && timing == Timing::Unsaid
    {
        reading.warnings.push(format!(
            "“{}” is taken as part of the task. To repeat it, say “every day”, “every monday at 9”.",
            left[at].core
        ));
    }
    reading.settle(due, at_once, later)?;
    Ok(reading)
}

/// The words that are left, and where among them the deadline is.
fn left(clause: &Clause<'_>, due: Option<(usize, usize)>) -> (Vec<Word>, Option<(usize, usize)>) {
    let kept: Vec<usize> = (0..clause.words.len()).filter(|at| clause.free[*at]).collect();
    let place = |at: usize| kept.iter().filter(|kept| **kept < at).count();
    let deadline = due.map(|(from, to)| (place(from), place(to)));
    let mut left: Vec<Word> = kept.iter().map(|at| clause.words[*at].clone()).collect();
    for at in 1..kept.len() {
        let gap = kept[at] > kept[at - 1] + 1;
        // "run it every day at 2, if it fails …": the comma stays.
        let comma = gap && clause.words[kept[at] - 1].stop == Some(',') && left[at - 1].stop.is_none();
        let colon = gap && clause.words[kept[at] - 1].stop == Some(':') && left[at - 1].stop.is_none();
        if colon {
            left[at - 1].written.push(':');
            left[at - 1].stop = Some(':');
        }
        if comma && !left[at].is(&["to", "about", "that", "of", "and"]) {
            left[at - 1].written.push(',');
            left[at - 1].stop = Some(',');
        }
        // "an hourly report" without "hourly".
        let vowel = left[at].lower.starts_with(['a', 'e', 'i', 'o', 'u']);
        if gap && left[at - 1].lower == "an" && !vowel {
            left[at - 1].written = left[at - 1].written.replace("an", "a");
        }
    }
    let skipped = left
        .iter()
        .take_while(|word| word.is_dash() || word.is(&[":", "and", "then", "please", "to"]))
        .count();
    left.drain(..skipped);
    while left
        .last()
        .is_some_and(|word| word.is(&["and", "please", "thanks"]) || word.is_dash())
    {
        left.pop();
    }
    let deadline = deadline.map(|(from, to)| (from.saturating_sub(skipped), to.saturating_sub(skipped)));
    (left, deadline)
}

impl Reading {
    /// Fills in what follows from the kind of work.
    fn settle(&mut self, due: Option<String>, at_once: bool, later: bool) -> Result<(), ToolError> {
        let said = format!("“{}”", self.work.title);
        let bounded = self.trigger.end_at.is_some() || self.trigger.start_at.is_some();
        match &self.work.kind {
            Kind::Reminder if self.timing == Timing::Unsaid && (at_once || !later) => {
                return Err(match due {
                    Some(due) => trouble::text(format!(
                        "{said}: “{due}” is a deadline, and a reminder needs its time. Say it like “remind me on \
                         friday at 9 …”."
                    )),
                    None => trouble::text(format!(
                        "{said} does not say when to remind. Say it like “remind me tomorrow at 9 …”, “remind me every \
                         monday …”, “remind me in 2 hours …”."
                    )),
                });
            }
            Kind::Watch(news) => {
                self.notify = Some(NotifyPolicy::OnChange);
                if let (News::Goal(goal), None) = (news, &self.trigger.end_condition) {
                    self.trigger.end_condition = Some(goal.clone());
                }
                if self.timing == Timing::Unsaid {
                    self.trigger.interval_seconds = Some(WATCH_SECONDS_DEFAULT);
                    self.timing = Timing::Repeats;
                    self.warnings.push(
                        "It was not said how often to look: every hour is taken. Say “every 10 minutes” for another."
                            .to_owned(),
                    );
                }
            }
            _ => {}
        }
        if self.timing == Timing::Unsaid {
            if self.trigger.end_condition.is_some() || bounded {
                return Err(trouble::text(format!(
                    "{said} does not say how often. Say it like “every day at 9 …”, “every hour …”."
                )));
            }
            self.job_type = Some(JobType::OneOff);
        }
        if let Some(due) = due {
            if self.work.kind == Kind::Task {
                let when = if self.timing == Timing::Unsaid {
                    "it runs as soon as possible"
                } else {
                    "it runs at its own time"
                };
                self.warnings
                    .push(format!("“{due}” is a deadline that nothing enforces: {when}."));
            }
            if self.timing == Timing::Unsaid {
                self.deadline = Some(due);
            }
        }
        if self.trigger.end_condition.is_some()
            && self.trigger.max_iterations.is_none()
            && self.trigger.end_at.is_none()
        {
            self.trigger.max_iterations = Some(GOAL_ITERATIONS_DEFAULT);
            self.warnings.push(format!(
                "It ends after {GOAL_ITERATIONS_DEFAULT} runs at the latest. Say “at most 20 times” or “until” a date \
                 for another end."
            ));
        }
        Ok(())
    }
}
