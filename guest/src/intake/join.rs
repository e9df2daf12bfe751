//! Parts that are one instruction are put together again.

use super::clauses::{self, Link, Part, without_joint};
use super::conditions::{self, Condition};
use super::kinds::{begins_work, reminder_content};
use super::lexicon::FOLLOW_UPS;
use super::phrases::{self, Timing};
use super::reader::Reader;
use super::tokens::{Word, starts_any};
use crate::bindings::types::DependencyCondition;

/// An instruction, with what was found out about it.
pub(super) struct Kept {
    pub(super) part: Part,
    pub(super) timing: Timing,
    /// It is repeated and its failures are all that is to be told.
    pub(super) only_failures: bool,
}

/// With these a person is to be told; by themselves they do not say of what.
pub(super) const TELLS: [&str; 7] = [
    "tell me",
    "let me know",
    "notify me",
    "alert me",
    "tell us",
    "warn me",
    "let us know",
];

/// Whether one part says that it comes after another.
pub(super) fn is_chain(parts: &[Part], reader: &Reader) -> bool {
    parts.iter().enumerate().skip(1).any(|(at, part)| {
        let words = without_joint(&part.words);
        let own = phrases::timing(&parts[at - 1].words, reader).0 != Timing::Unsaid;
        let relative = matches!(phrases::timing(words, reader).0, Timing::Relative(_));
        part.link == Link::Then
            || clauses::delay(words).is_some()
            || relative && !is_reminder(words) && begins_work(words)
            || relative && !own
    })
}

fn is_reminder(words: &[Word]) -> bool {
    let words: Vec<&Word> = words.iter().collect();
    reminder_content(&words).is_some()
}

/// Whether a part is nothing but the time of the next or the one before; a wait is a step.
fn is_time_only(words: &[Word], reader: &Reader) -> bool {
    clauses::delay(without_joint(words)).is_none() && phrases::is_time_only(words, reader)
}

/// All instructions of a text.
pub(super) fn join(parts: Vec<Part>, in_steps: bool, reader: &Reader) -> Vec<Kept> {
    let mut kept: Vec<Kept> = Vec::new();
    for part in parts {
        let timing = phrases::timing(without_joint(&part.words), reader).0;
        match kept.last_mut() {
            Some(last) if !stands_alone(last, &part, in_steps, reader) => {
                last.only_failures |= tells_failures(last, &part);
                append(last, part, reader);
            }
            _ => kept.push(Kept {
                part,
                timing,
                only_failures: false,
            }),
        }
    }
    kept
}

fn append(last: &mut Kept, part: Part, reader: &Reader) {
    if part.link == Link::Then
        && let Some(end) = last.part.words.last_mut()
    {
        end.written = format!("{}, then", end.written.trim_end_matches([',', '.', ';']));
        end.stop = Some(',');
    }
    last.part.words.extend(part.words);
    last.timing = phrases::timing(&last.part.words, reader).0;
}

/// Whether a part is an instruction of its own.
fn stands_alone(last: &Kept, part: &Part, in_steps: bool, reader: &Reader) -> bool {
    let words = without_joint(&part.words);
    let (timing, said) = phrases::timing(words, reader);
    let unsaid = timing == Timing::Unsaid;
    let condition = conditions::opens(&part.words);
    let delayed = clauses::delay(words).is_some() || starts_any(words, &["wait"]).is_some();
    let begins_anew = is_reminder(words) || has_url_to_watch(words);
    let follows_up = words.first().is_some_and(|word| word.is(FOLLOW_UPS));
    if is_time_only(&last.part.words, reader) || is_time_only(words, reader) {
        return false;
    }
    // What comes after a repeated instruction is done each time.
    let after_each = unsaid && !delayed && (condition || part.link == Link::Then);
    if repeats(last) && after_each {
        return false;
    }
    // What one is reminded of may have steps: they are no jobs.
    if unsaid && !condition && !delayed && !begins_anew && is_reminder(without_joint(&last.part.words)) {
        return false;
    }
    match part.link {
        Link::Start | Link::Then => true,
        Link::Sentence => !unsaid || condition || delayed || begins_anew || follows_up,
        Link::Comma => !unsaid || condition || delayed || begins_anew || in_steps && !repeats(last),
        Link::And => {
            let (_, mut all) = phrases::timing(&last.part.words, reader);
            all.extend(said);
            let both = !unsaid && last.timing != Timing::Unsaid;
            let conflicting = both && phrases::joined(&all, reader).is_none();
            let later = matches!(timing, Timing::Relative(_)) && last.timing == Timing::Unsaid;
            let reminds = words.first().is_some_and(|word| word.is(&["remind"]));
            condition && !begins_work(words) || conflicting || delayed || later && (follows_up || reminds)
        }
    }
}

/// Whether an instruction is repeated without an end.
fn repeats(kept: &Kept) -> bool {
    kept.timing == Timing::Repeats && !kept.part.words.iter().any(|word| word.is(&["until", "till"]))
}

/// "run it every day, *if it fails, tell me*".
fn tells_failures(last: &Kept, part: &Part) -> bool {
    let words = without_joint(&part.words);
    repeats(last)
        && conditions::read(words, &[]).is_some_and(|it| {
            is_failure(&it.condition) && starts_any(&words[it.from.min(words.len())..], &TELLS).is_some()
        })
}

fn is_failure(condition: &Condition) -> bool {
    matches!(
        condition,
        Condition::End {
            on: DependencyCondition::Failure,
            ..
        }
    )
}

fn has_url_to_watch(words: &[Word]) -> bool {
    words.first().is_some_and(|word| word.is(&["watch", "monitor"])) && words.iter().any(Word::is_url)
}
