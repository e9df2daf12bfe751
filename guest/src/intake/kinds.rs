//! What kind of work a clause asks for, once its times are cut out.

use super::lexicon::{DELIVERIES, VERBS};
use super::title;
use super::tokens::{self, Word, capitalised, starts, starts_any};
use super::trouble;
use crate::bindings::tools::ToolError;

/// What a watch waits for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum News {
    /// Each change is told.
    Changes,
    /// The first time that this is so ends it.
    Goal(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Reminder,
    Watch(News),
    Task,
}

/// The work of a clause.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) kind: Kind,
    pub(super) title: String,
    pub(super) payload: String,
}

/// Where a reminder's content begins, for clauses that ask for a reminder.
pub(super) fn reminder_content(words: &[&Word]) -> Option<usize> {
    let at = |index: usize, one_of: &[&str]| words.get(index).is_some_and(|word| word.is(one_of));
    let mut next = if at(0, &["remind"]) {
        // "remind me", "remind my team".
        2 + usize::from(at(1, &["my", "our", "the"]))
    } else if at(0, &["set", "create", "add", "make"])
        && (1..4).any(|index| at(index, &["reminder", "alarm"]))
    {
        (1..4).find(|index| at(*index, &["reminder", "alarm"]))? + 1
    } else if at(0, &["reminder", "reminder:"]) {
        1
    } else if at(0, &["don't"]) && at(1, &["let"]) && at(3, &["forget"]) {
        4
    } else if at(0, &["don't"]) && at(1, &["forget"]) {
        2
    } else {
        return None;
    };
    if at(next, &["for", "me", "-", "–", "—"]) {
        next += 1;
    }
    if at(next, &["to", "about", "that", "of"]) {
        next += 1;
    }
    Some(next)
}

fn reminder(words: &[&Word]) -> Option<Result<Work, ToolError>> {
    let content = reminder_content(words)?;
    let title = title::of(words.get(content..).unwrap_or_default().iter().copied());
    if title.is_empty() {
        return Some(Err(trouble::text(format!(
            "{} does not say what of. Say it like “remind me tomorrow at 9 to call Bob”.",
            trouble::quoted(&tokens::text(words.iter().copied()))
        ))));
    }
    let whole = capitalised(&tokens::text(words.iter().copied()));
    let payload = if words[0].is(&["remind"]) {
        whole
    } else {
        format!("Remind me: {}", tokens::text(words[content..].iter().copied()))
    };
    Some(Ok(Work {
        kind: Kind::Reminder,
        title,
        payload,
    }))
}

const WATCHES: [&str; 16] = [
    "watch",
    "monitor",
    "observe",
    "track",
    "poll",
    "scan",
    "keep an eye on",
    "keep watch on",
    "keep watching",
    "keep checking",
    "keep monitoring",
    "keep track of",
    "keep polling",
    "check on",
    "check",
    "look at",
];

const TELLS: [&str; 20] = [
    "tell me",
    "let me know",
    "notify me",
    "alert me",
    "ping me",
    "message me",
    "email me",
    "text me",
    "warn me",
    "inform me",
    "tell us",
    "let us know",
    "notify us",
    "alert us",
    "report",
    "tell everyone",
    "send me a message",
    "send me an alert",
    "give me a shout",
    "mail me",
];

const EACH_TIME: [&str; 9] = [
    "whenever",
    "every time",
    "each time",
    "any time",
    "anytime",
    "only if",
    "if",
    "about any",
    "of any",
];
const ONE_TIME: [&str; 6] = ["as soon as", "the moment", "when", "once", "about", "of"];

/// Where the words "tell me when …" are, and what comes after them.
struct Tell {
    at: usize,
    condition: usize,
    each_time: bool,
}

fn tell(words: &[Word]) -> Option<Tell> {
    (0..words.len()).find_map(|at| {
        let length = starts_any(&words[at..], &TELLS)?;
        let only = usize::from(words.get(at + length).is_some_and(|word| word.is(&["only"])));
        let rest = at + length + only;
        let (each_time, length) = starts_any(&words[rest..], &EACH_TIME)
            .map(|length| (true, length))
            .or_else(|| starts_any(&words[rest..], &ONE_TIME).map(|length| (false, length)))?;
        Some(Tell {
            at,
            condition: rest + length,
            each_time,
        })
    })
}

/// Whether words say that something is no longer what it was.
fn speaks_of_change(words: &[Word]) -> bool {
    let changes = |word: &Word| {
        ["chang", "updat", "differ"]
            .iter()
            .any(|stem| word.lower.starts_with(stem))
            || word.is(&["new", "moves"])
    };
    words.iter().any(|word| !word.opaque && changes(word))
}

fn has_url(words: &[Word]) -> bool {
    words.iter().any(Word::is_url)
}

/// "this page": something that only the speaker sees.
fn points_at_something(words: &[Word]) -> bool {
    const THINGS: [&str; 12] = [
        "page", "site", "website", "webpage", "link", "url", "article", "thread", "listing", "product",
        "one", "feed",
    ];
    match words {
        [first, second, rest @ ..] => {
            first.is(&["this", "that"]) && second.is(&THINGS)
                || first.is(&["the"]) && second.is(&THINGS[..6]) && rest.is_empty()
        }
        [one] => one.is(&["it", "this", "that"]),
        [] => true,
    }
}

fn watch(words: &[Word], goal: bool, repeats: bool) -> Option<Result<Work, ToolError>> {
    let verb = starts_any(words, &WATCHES);
    let tell = tell(words);
    let asks = match (&verb, &tell) {
        (_, Some(tell)) if tell.at == 0 => true,
        (Some(_), Some(_)) => true,
        // "check X every hour" is a repeating task; to watch is to tell of changes.
        (Some(_), None) => {
            let plain = words[0].is(&["check", "look", "track", "scan", "poll"]);
            (has_url(words) || words[0].is(&["monitor", "keep"]) || goal || points_at_something(&words[1..]))
                && !(plain && !(goal || repeats && has_url(words)))
        }
        (None, _) => false,
    };
    if !asks {
        return None;
    }
    let target_from = match (&verb, &tell) {
        (Some(length), _) => *length,
        (None, Some(tell)) => tell.condition,
        (None, None) => 0,
    };
    let target_to = match &tell {
        Some(tell) if tell.at > 0 => tell.at,
        _ => words.len(),
    };
    let mut target = &words[target_from.min(target_to)..target_to];
    while let [rest @ .., last] = target
        && last.is(&["and", "to", "then", "-", "–"])
    {
        target = rest;
    }
    let subject_is_open = verb.is_none()
        && target
            .first()
            .is_some_and(|word| word.is(&["it", "this", "that"]));
    if !has_url(words) && (points_at_something(target) || subject_is_open) && !(verb.is_some() && goal) {
        return Some(Err(trouble::text(format!(
            "{} does not say which page: give its URL, as in “watch https://example.com/prices and tell me when it \
             changes”.",
            trouble::quoted(&tokens::text(words))
        ))));
    }
    let condition = tell
        .as_ref()
        .map_or(&[][..], |tell| &words[tell.condition.min(words.len())..]);
    let news = match &tell {
        Some(tell) if !tell.each_time && !condition.is_empty() && !speaks_of_change(condition) => {
            News::Goal(tokens::text(condition))
        }
        _ => News::Changes,
    };
    let payload = with_schemes(words);
    let title = match words.iter().find(|word| word.is_url()) {
        Some(url) => title::shortened(&format!("Watch {}", title::host(&url.core))),
        None if verb.is_some() => title::of(words[..target_from].iter().chain(target)),
        None => title::of(words),
    };
    Some(Ok(Work {
        kind: Kind::Watch(news),
        title,
        payload,
    }))
}

/// The words as text, with a scheme before bare hosts: the built-in agent knows a page by it.
fn with_schemes(words: &[Word]) -> String {
    let words: Vec<Word> = words
        .iter()
        .map(|word| match word.is_url() && !word.lower.starts_with("http") {
            true => Word {
                written: word
                    .written
                    .replacen(&word.core, &format!("https://{}", word.core), 1),
                ..word.clone()
            },
            false => word.clone(),
        })
        .collect();
    capitalised(&tokens::text(&words))
}

/// The work that is left of a clause when its times are cut out. `deadline` are words that stay in
/// the payload but not in the title; `goal`: it goes on until something is so; `repeats`: it has a
/// schedule; `once`: it has a single time, so it is no watch.
pub(super) fn work(
    words: &[Word],
    deadline: Option<(usize, usize)>,
    goal: bool,
    repeats: bool,
    once: bool,
) -> Result<Work, ToolError> {
    let all: Vec<&Word> = words.iter().collect();
    if let Some(reminder) = reminder(&all) {
        return reminder;
    }
    if !once && let Some(watch) = watch(words, goal, repeats) {
        return watch;
    }
    let named = words
        .iter()
        .enumerate()
        .filter(|(at, _)| deadline.is_none_or(|(from, to)| !(from..to).contains(at)))
        .map(|(_, word)| word);
    let title = title::of(named);
    if title.is_empty() {
        return Err(trouble::text(
            "It does not say what to do. Say it like “every monday at 9 send me the open invoices”.",
        ));
    }
    Ok(Work {
        kind: Kind::Task,
        title,
        payload: capitalised(&tokens::text(words)),
    })
}

/// "send me a *daily* summary": where the word is that tells how often, and where only the task is
/// described by one ("the weekly report").
pub(super) fn period(words: &[Word]) -> Option<(usize, bool)> {
    let at = words.iter().position(|word| word.is(super::lexicon::PERIODS))?;
    let delivered = words[..at].iter().any(|word| word.is(DELIVERIES))
        && at > 0
        && words[at - 1].is(&["a", "an", "me", "us"]);
    Some((at, delivered))
}

/// Whether a clause begins like an instruction.
pub(super) fn begins_work(words: &[Word]) -> bool {
    words.first().is_some_and(|word| word.is(VERBS))
        || starts(words, "reminder")
        || starts(words, "don't")
        || starts(words, "please")
}
