//! "if it fails, …", "when that is done, …": on what end of an earlier step a step depends.

use super::clauses::delay;
use super::lexicon::{DETERMINERS, VERBS, is_amount, is_unit};
use super::tokens::{Word, starts_any};
use crate::bindings::types::DependencyCondition;

const OPENINGS: [&str; 17] = [
    "if",
    "when",
    "whenever",
    "once",
    "unless",
    "as soon as",
    "after",
    "in case",
    "otherwise",
    "on failure",
    "on success",
    "either way",
    "in any case",
    "whatever happens",
    "regardless",
    "else",
    "only if",
];

/// What a step waits for besides its turn.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    /// An end of an earlier step; the nouns that may name it.
    End {
        on: DependencyCondition,
        names: Vec<String>,
    },
    /// Something outside, looked at when the step runs. The words stay in the payload.
    Asked,
    /// An event outside, which nothing here can wait for.
    Event,
}

/// A step's condition, and where its instruction begins.
pub(super) struct Conditional {
    pub(super) condition: Condition,
    /// First word of the instruction.
    pub(super) from: usize,
}

/// Whether words begin with a condition.
pub(super) fn opens(words: &[Word]) -> bool {
    let skipped = usize::from(words.first().is_some_and(|word| word.is(&["and", "but"])));
    let words = &words[skipped.min(words.len())..];
    let Some(length) = starts_any(words, &OPENINGS) else {
        return false;
    };
    // "once a week", "after 3 days", "as soon as possible" are times.
    let next = words.get(length);
    let counts =
        words[0].is(&["once"]) && next.is_some_and(|word| word.is(&["a", "per", "every", "each", "again"]));
    !counts
        && delay(words).is_none()
        && !next.is_some_and(|word| word.is(&["possible", "that"]) && words[0].is(&["as", "after"]))
}

fn fails(word: &Word) -> bool {
    word.lower.starts_with("fail")
        || word.is(&[
            "error",
            "errors",
            "crashes",
            "crashed",
            "breaks",
            "broke",
            "wrong",
            "doesn't",
            "didn't",
            "otherwise",
            "else",
            "unsuccessful",
        ])
}

fn succeeds(word: &Word) -> bool {
    word.is(&[
        "work",
        "pass",
        "succeed",
        "works",
        "worked",
        "succeeds",
        "succeeded",
        "success",
        "successful",
        "done",
        "finished",
        "finishes",
        "complete",
        "completed",
        "completes",
        "passes",
        "passed",
        "through",
        "ready",
        "sent",
        "so",
        "over",
    ])
}

/// The last word of the condition that `words` begin with, where it is known to be over: before a
/// comma or "then", or before the verb in "if it fails tell me".
pub(super) fn end(words: &[Word]) -> Option<usize> {
    (0..words.len()).find(|at| {
        let next = words.get(at + 1);
        let verb = next.is_some_and(|next| next.is(VERBS) && !fails(next) && !succeeds(next));
        matches!(words[*at].stop, Some(',' | ':'))
            || next.is_some_and(|next| next.is(&["then"]))
            || verb && (fails(&words[*at]) || succeeds(&words[*at]))
    })
}

/// Reads a condition at the start of a step. `earlier`: words of the steps before.
pub(super) fn read(words: &[Word], earlier: &[String]) -> Option<Conditional> {
    if !opens(words) {
        return None;
    }
    let opening = starts_any(words, &OPENINGS)?;
    let lone = starts_any(
        words,
        &[
            "otherwise",
            "on failure",
            "on success",
            "either way",
            "in any case",
            "whatever happens",
            "regardless",
            "else",
        ],
    );
    let last = lone
        .map(|length| length - 1)
        .or_else(|| end(words))
        .unwrap_or(words.len() - 1);
    let mut from = last + 1;
    while words.get(from).is_some_and(|word| word.is(&["then", "please"])) {
        from += 1;
    }
    let said = &words[..=last];
    let inner = &words[opening.min(last + 1)..=last];
    let refers = |word: &Word| {
        word.is(&[
            "it",
            "it's",
            "that",
            "that's",
            "this",
            "they",
            "they're",
            "everything",
            "all",
            "so",
            "any",
            "anything",
            "something",
        ])
    };
    let names: Vec<String> = inner
        .iter()
        .filter(|word| earlier.contains(&word.lower) && !word.is(DETERMINERS) && word.lower.len() > 2)
        .map(|word| word.lower.clone())
        .collect();
    let about_a_step = inner.iter().any(refers) || !names.is_empty() || inner.len() <= 1 || lone.is_some();
    let any_end = starts_any(
        words,
        &["either way", "in any case", "whatever happens", "regardless"],
    )
    .is_some();
    let condition = if any_end {
        Condition::End {
            on: DependencyCondition::Any,
            names,
        }
    } else if about_a_step && said.iter().any(fails) {
        Condition::End {
            on: DependencyCondition::Failure,
            names,
        }
    } else if about_a_step && said.iter().any(succeeds) && !words[0].is(&["unless"]) {
        Condition::End {
            on: DependencyCondition::Success,
            names,
        }
    } else if words[0].is(&["when", "whenever", "once", "as", "after"]) {
        Condition::Event
    } else {
        Condition::Asked
    };
    Some(Conditional { condition, from })
}

/// "if there is no reply *in 3 days*": where a condition names a length of time.
pub(super) fn length(words: &[Word], to: usize) -> Option<(usize, usize)> {
    (0..to).find_map(|at| {
        let lead = starts_any(&words[at..], &["within", "in", "after", "for"])?;
        let mut end = at + lead;
        while end < to && (is_amount(&words[end].lower) || is_unit(&words[end].lower)) {
            end += 1;
        }
        (end > at + lead + 1).then_some((at, end))
    })
}
