//! From parts to jobs: which wait for another, how long, and which stand by themselves.

use super::clauses::{self, Link, Part, without_joint};
use super::conditions::{self, Condition};
use super::join::{self, Kept, TELLS};
use super::phrases::Timing;
use super::reader::Reader;
use super::reading::{self, Reading};
use super::title;
use super::tokens::{self, Word, starts_any};
use super::trouble;
use crate::bindings::tools::{Dependency, ToolError};
use crate::bindings::types::{DependencyCondition, DependencyFailurePolicy, JobType, NotifyPolicy};
use crate::limits::{DELAY_SECONDS_MAX, PLAN_JOBS_MAX};
use crate::trigger::{Normalised, format_instant};

/// A job, but for what the caller makes of it.
pub(super) struct Step {
    pub(super) title: String,
    pub(super) payload: String,
    pub(super) done: Normalised,
    pub(super) depends_on: Vec<Dependency>,
    pub(super) on_dependency_failure: Option<DependencyFailurePolicy>,
    pub(super) notify: Option<NotifyPolicy>,
    pub(super) deadline: Option<String>,
    /// Words of the part, by which later ones refer to it.
    words: Vec<String>,
}

impl Step {
    fn never_ends(&self) -> bool {
        matches!(self.done.job_type, JobType::Scheduled | JobType::Recurring)
    }

    fn is_for_failure(&self) -> bool {
        self.on_dependency_failure == Some(DependencyFailurePolicy::Skip)
    }
}

/// All jobs of a text.
pub(super) fn read(parts: Vec<Part>, reader: &Reader) -> Result<Vec<Step>, ToolError> {
    let in_steps = join::is_chain(&parts, reader);
    let kept = join::join(parts, in_steps, reader);
    let mut chain = Chain {
        reader,
        in_steps,
        steps: Vec::new(),
        wait: 0,
        at: None,
    };
    for kept in &kept {
        chain.add(kept)?;
    }
    if chain.wait > 0 || chain.at.is_some() {
        return Err(trouble::text("It ends with a wait. Say what to do after it."));
    }
    Ok(chain.steps)
}

struct Chain<'a> {
    reader: &'a Reader,
    in_steps: bool,
    steps: Vec<Step>,
    /// Seconds of waits that no step has taken yet.
    wait: u32,
    /// A time that no step has taken yet.
    at: Option<String>,
}

impl Chain<'_> {
    fn add(&mut self, kept: &Kept) -> Result<(), ToolError> {
        let mut words = without_joint(&kept.part.words);
        let first = self.steps.is_empty();
        let mut lead = 0;
        if let Some((length, used)) = clauses::delay(words) {
            let seconds = self
                .reader
                .length(&length)
                .ok_or_else(|| trouble::time(&length.join(" ")))?;
            lead = seconds;
            words = without_joint(&words[used..]);
            if words.is_empty() {
                self.wait = self.delay(&[self.wait, lead])?;
                return Ok(());
            }
        }
        if let Some(length) = starts_any(words, &["wait until", "wait till", "wait for"]) {
            return self.wait_for(words, length, lead);
        }
        // "escalate after 2 days"
        let without_delay: Vec<Word>;
        if let Some((from, to, length)) = clauses::inner_delay(words) {
            let seconds = self
                .reader
                .length(&length)
                .ok_or_else(|| trouble::time(&tokens::text(&words[from..to])))?;
            lead = self.delay(&[lead, seconds])?;
            without_delay = words[..from].iter().chain(&words[to..]).cloned().collect();
            words = &without_delay;
        }
        let earlier: Vec<String> = self.steps.iter().flat_map(|step| step.words.clone()).collect();
        let conditional = conditions::read(words, &earlier);
        let mut on = None;
        let mut names = Vec::new();
        let mut owned: Vec<Word>;
        if let Some(conditional) = &conditional {
            match &conditional.condition {
                Condition::End { .. } | Condition::Event if first => {
                    if kept.timing == Timing::Unsaid || matches!(conditional.condition, Condition::Event) {
                        return Err(outside(words));
                    }
                }
                Condition::Asked if first && kept.timing == Timing::Unsaid => return Err(outside(words)),
                Condition::End {
                    on: end,
                    names: named,
                } => {
                    on = Some(*end);
                    names.clone_from(named);
                    words = &words[conditional.from.min(words.len())..];
                    if words.is_empty() {
                        return Err(trouble::text(
                            "There is a condition, but nothing to do when it holds.",
                        ));
                    }
                }
                Condition::Event => return Err(outside(words)),
                Condition::Asked => {
                    // "if there is no reply in 3 days, …"
                    if let Some((from, to)) = conditions::length(words, conditional.from) {
                        let length: Vec<&str> = words[from + 1..to]
                            .iter()
                            .map(|word| word.lower.as_str())
                            .collect();
                        lead = self.delay(&[
                            lead,
                            self.reader
                                .length(&length)
                                .ok_or_else(|| trouble::time(&length.join(" ")))?,
                        ])?;
                        owned = words[..from].iter().chain(&words[to..]).cloned().collect();
                        if let Some(last) = from.checked_sub(1).and_then(|last| owned.get_mut(last)) {
                            last.written.push(',');
                            last.stop = Some(',');
                        }
                        words = &owned;
                    }
                }
            }
        }
        let mut reading = reading::read(words, self.reader, !first)?;
        if let (Some(at), Timing::Unsaid) = (self.at.take(), reading.timing) {
            reading.trigger.run_at = Some(at);
            reading.timing = Timing::Once;
        }
        let sequential = !first && self.is_sequential(kept, &reading, conditional.is_some(), lead);
        let target = if sequential {
            Some(self.target(&names, on, kept)?)
        } else {
            None
        };
        self.push(reading, words, kept, lead, target, on)
    }

    fn is_sequential(&self, kept: &Kept, reading: &Reading, conditional: bool, lead: u32) -> bool {
        let own = matches!(reading.timing, Timing::Once | Timing::Repeats);
        let after_repeated = self.steps.last().is_some_and(Step::never_ends);
        if conditional || lead > 0 || self.wait > 0 {
            return true;
        }
        if after_repeated && own {
            return false;
        }
        match kept.part.link {
            Link::Start => false,
            Link::Then => true,
            Link::Sentence if own => false,
            Link::Sentence | Link::Comma | Link::And => self.in_steps && reading.timing != Timing::Repeats,
        }
    }

    /// The step that another one waits for.
    fn target(
        &self,
        names: &[String],
        on: Option<DependencyCondition>,
        kept: &Kept,
    ) -> Result<usize, ToolError> {
        let named = self
            .steps
            .iter()
            .rposition(|step| !step.is_for_failure() && names.iter().any(|name| step.words.contains(name)));
        let after_failure = self.steps.last().is_some_and(Step::is_for_failure);
        if after_failure && on.is_none() && kept.part.link == Link::Then {
            return Err(trouble::text(format!(
                "It is not clear whether “{}” comes after the failure or after the success. Say it before “if it \
                 fails”, or begin it with “if it fails”.",
                tokens::text(&kept.part.words)
            )));
        }
        let target = named
            .or_else(|| self.steps.iter().rposition(|step| !step.is_for_failure()))
            .unwrap_or(0);
        if self.steps[target].never_ends() {
            return Err(trouble::text(format!(
                "“{}” repeats without an end, so “{}” cannot come after it. Say until when it goes on, or give both \
                 their own times.",
                self.steps[target].title,
                tokens::text(&kept.part.words)
            )));
        }
        Ok(target)
    }

    fn delay(&self, parts: &[u32]) -> Result<u32, ToolError> {
        parts
            .iter()
            .try_fold(0_u32, |sum, part| sum.checked_add(*part))
            .filter(|sum| *sum <= DELAY_SECONDS_MAX)
            .ok_or_else(|| {
                trouble::text(format!(
                    "A step may wait at most {DELAY_SECONDS_MAX} seconds (a year)."
                ))
            })
    }

    fn push(
        &mut self,
        mut reading: Reading,
        words: &[Word],
        kept: &Kept,
        lead: u32,
        target: Option<usize>,
        condition: Option<DependencyCondition>,
    ) -> Result<(), ToolError> {
        let mut delay = self.delay(&[lead, self.wait])?;
        self.wait = 0;
        if let (Some(_), Timing::Relative(seconds)) = (target, reading.timing) {
            // From the step before, not from now.
            delay = self.delay(&[delay, seconds])?;
            reading.trigger.when = None;
            reading.job_type = Some(JobType::OneOff);
        }
        if target.is_none() && delay > 0 {
            if reading.timing != Timing::Unsaid {
                return Err(trouble::text(format!(
                    "“{}” has both a wait and a time. Give one of them.",
                    tokens::text(&kept.part.words)
                )));
            }
            let at = self.reader.now() + i64::from(delay) * 1_000;
            let zone = self.reader.zone.as_deref().unwrap_or("UTC");
            reading.trigger.run_at = Some(format_instant(at, zone));
        }
        let mut done = reading.reader.complete(&reading.trigger, reading.job_type)?;
        done.warnings.splice(0..0, reading.warnings);
        let on = condition.unwrap_or(DependencyCondition::Success);
        let mut depends_on = Vec::new();
        let (mut title, mut payload) = (reading.work.title, reading.work.payload);
        if let Some(target) = target {
            let target = &self.steps[target].title;
            // "tell me" by itself does not say of what.
            if starts_any(words, &TELLS) == Some(words.len()) {
                let said = match condition {
                    Some(DependencyCondition::Failure) => format!("that “{target}” failed"),
                    Some(DependencyCondition::Success) => format!("that “{target}” succeeded"),
                    Some(DependencyCondition::Any) => format!("how “{target}” ended"),
                    None => format!("what came of “{target}”"),
                };
                payload = format!("{payload} {said}");
                title.clone_from(&payload);
            } else if on == DependencyCondition::Failure {
                payload = format!("“{target}” failed. {payload}");
            }
            depends_on.push(Dependency {
                job: target.clone(),
                on: Some(on),
                delay_seconds: Some(delay),
            });
        }
        let titles: Vec<String> = self.steps.iter().map(|step| step.title.clone()).collect();
        if titles.len() >= PLAN_JOBS_MAX {
            return Err(trouble::text(format!(
                "These are more than {PLAN_JOBS_MAX} jobs. Ask for them in several sentences, one after another."
            )));
        }
        self.steps.push(Step {
            title: title::unlike(title::shortened(&title), &titles),
            payload,
            done,
            on_dependency_failure: (target.is_some() && on == DependencyCondition::Failure)
                .then_some(DependencyFailurePolicy::Skip),
            depends_on,
            notify: if kept.only_failures {
                Some(NotifyPolicy::OnFailure)
            } else {
                reading.notify
            },
            deadline: reading.deadline,
            words: words.iter().map(|word| word.lower.clone()).collect(),
        });
        Ok(())
    }

    /// "wait until Friday at 9" gives the next step its time; "wait until the build is green" is a
    /// step of its own.
    fn wait_for(&mut self, words: &[Word], length: usize, lead: u32) -> Result<(), ToolError> {
        let rest = &words[length..];
        if !words[1].is(&["for"])
            && let Some(at) = self.reader.moment(&tokens::lower(rest), "09:00")?
        {
            self.at = Some(at);
            return Ok(());
        }
        let goal = tokens::text(rest);
        if goal.is_empty() {
            return Err(trouble::text("It waits, but does not say for what."));
        }
        let mut watch = super::tokens::words("check until");
        watch.extend_from_slice(rest);
        let mut reading = reading::read(&watch, self.reader, true)?;
        reading.work.title = tokens::capitalised(&tokens::text(words));
        reading.work.payload = format!("Check whether it has come to this: {goal}");
        let kept = Kept {
            part: Part {
                link: Link::Then,
                words: words.to_vec(),
            },
            timing: Timing::Repeats,
            only_failures: false,
        };
        let target = if self.steps.is_empty() {
            None
        } else {
            Some(self.target(&[], None, &kept)?)
        };
        self.push(reading, words, &kept, lead, target, None)
    }
}

/// A condition that no earlier step fulfils.
fn outside(words: &[Word]) -> ToolError {
    trouble::text(format!(
        "{} waits for something that is no earlier step. Say how often to look, as in “check every hour until the \
         contract is signed, then send the invoice”; or give a time.",
        trouble::quoted(&tokens::text(words))
    ))
}
