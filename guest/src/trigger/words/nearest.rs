//! What to say about words that are not understood: what is wrong, and the nearest forms that are
//! understood. Only ever a suggestion.

use std::sync::OnceLock;

use chrono::NaiveDateTime;

use super::cursor::Fault;
use super::token::{Spot, Token, Unit, tokens};
use super::understand;
use crate::trigger::zone::clip;

/// Forms to show, one of each kind.
pub(super) const FORMS: [&str; 48] = [
    "every weekday at 9am",
    "in 3 days",
    "tomorrow at 9",
    "every monday at 9",
    "in 2 hours",
    "in 30 minutes",
    "in 3 days at 9am",
    "today at 17:30",
    "tonight at 8",
    "tomorrow morning",
    "on friday at 3pm",
    "next monday at 9",
    "on the 15th at 8",
    "on december 24 at 18:00",
    "2026-12-24 at 18:00",
    "next week",
    "end of the month",
    "at half past nine",
    "every 15 minutes",
    "every 2 hours",
    "every hour",
    "every day at 9 and 17",
    "every day at 9",
    "twice a day at 9 and 17",
    "every monday and thursday at 14:00",
    "every other monday at 9",
    "every 2 weeks on friday at 9",
    "every other day at 8am",
    "every month on the 1st and 15th",
    "every month on the 15th at 8",
    "on the first monday of the month",
    "on the last friday of the month",
    "on the last day of the month",
    "every 3 months on the 1st",
    "every year on march 3",
    "every january 1st",
    "every quarter",
    "every week",
    "every 15 minutes between 9 and 17 on weekdays",
    "every hour from 8am to 6pm",
    "every hour at :30",
    "every hour on weekdays",
    "every day except sunday at 9",
    "every day at 9 starting tomorrow",
    "every monday at 9 until december 31",
    "every day at 9 for 3 weeks",
    "every evening",
    "monday to friday at 9",
];

/// Words that a slip of the pen may stand for.
pub(super) const VOCABULARY: [&str; 88] = [
    "every",
    "each",
    "other",
    "day",
    "days",
    "week",
    "weeks",
    "month",
    "months",
    "year",
    "years",
    "hour",
    "hours",
    "minute",
    "minutes",
    "second",
    "seconds",
    "quarter",
    "daily",
    "weekly",
    "monthly",
    "yearly",
    "hourly",
    "annually",
    "quarterly",
    "nightly",
    "weekday",
    "weekdays",
    "weekend",
    "weekends",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "mondays",
    "tuesdays",
    "wednesdays",
    "thursdays",
    "fridays",
    "saturdays",
    "sundays",
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "today",
    "tonight",
    "tomorrow",
    "next",
    "first",
    "third",
    "fourth",
    "last",
    "morning",
    "afternoon",
    "evening",
    "night",
    "noon",
    "midnight",
    "until",
    "starting",
    "between",
    "except",
    "from",
    "half",
    "past",
    "after",
    "the",
    "and",
    "for",
    "twice",
    "times",
    "once",
    "three",
    "five",
    "seven",
    "eight",
];

/// How many forms an error shows.
const SHOWN: usize = 3;
/// How many slips are mended in one suggestion.
const SLIPS_MAX: usize = 2;
/// How many letters a slip may change.
const SLIP_LETTERS_MAX: usize = 2;
/// Longer words are no slips of ours.
const WORD_BYTES_MAX: usize = 12;
/// A text of so few words may be one slip alone.
const LONE_WORDS_MAX: usize = 2;

/// The error of words, in two or three sentences.
pub(super) fn message(text: &str, lower: &str, fault: &Fault, now: NaiveDateTime) -> String {
    let said = clip(text.trim());
    let forms = nearest(lower);
    let list = |but: &str| {
        let quoted: Vec<String> = forms
            .iter()
            .filter(|form| **form != but)
            .map(|form| format!("\"{form}\""))
            .collect();
        match quoted.as_slice() {
            [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
            other => other.concat(),
        }
    };
    match fault {
        Fault::Several(why) => {
            let every = format!("every {}", lower.trim().trim_start_matches("on "));
            if understand(&every, now).is_ok() {
                format!(
                    "`{said}`: {why} Did you mean \"{every}\"? Other forms: {}; or use cron.",
                    list(&every)
                )
            } else {
                format!(
                    "`{said}`: {why} Forms that are understood: {}; or use cron.",
                    list("")
                )
            }
        }
        Fault::Wrong(why) => format!(
            "`{said}`: {why} Forms that are understood: {}; or use cron.",
            list("")
        ),
        Fault::Unread(at) => {
            let spots = tokens(lower);
            let what = match spots.get(*at) {
                Some(spot) => format!("`{said}` is not understood at `{}`.", clip(spot.text)),
                None if spots.is_empty() => format!("`{said}` says no time."),
                None => format!("`{said}` is not understood: something is missing at its end."),
            };
            match mended(lower, *at, now) {
                Some(mended) => format!(
                    "{what} Did you mean \"{mended}\"? Other forms: {}; or use cron.",
                    list(&mended)
                ),
                None => format!("{what} Write it like {}; or use cron.", list("")),
            }
        }
    }
}

/// The text with its slips mended, where that makes it understood.
fn mended(lower: &str, at: usize, now: NaiveDateTime) -> Option<String> {
    let mut text = lower.trim().to_owned();
    let mut at = at;
    for _ in 0..SLIPS_MAX {
        let next = {
            let spots = tokens(&text);
            let spot = spots.get(at)?;
            // Text that is not about time has no slips to mend.
            if kinds(&spots) == 0 && spots.len() > LONE_WORDS_MAX {
                return None;
            }
            // Every token is a slice of the text.
            let offset = (spot.text.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
            let with = |word: &str| format!("{}{word}{}", &text[..offset], &text[offset + spot.text.len()..]);
            if matches!(spot.token, Token::Number { .. }) {
                let with_at = with(&format!("at {}", spot.text));
                return understand(&with_at, now).is_ok().then_some(with_at);
            }
            if spot.token != Token::Word || spot.text.len() < 3 {
                return None;
            }
            let mut near: Vec<(usize, &str)> = VOCABULARY
                .iter()
                .filter_map(|word| distance(spot.text, word).map(|letters| (letters, *word)))
                .filter(|(letters, word)| *letters > 0 && (word.len() > 4 || *letters == 1))
                .collect();
            near.sort();
            let mut further = None;
            for (_, word) in near.iter().take(SHOWN) {
                let candidate = with(word);
                match understand(&candidate, now) {
                    Ok(_) => return Some(candidate),
                    Err(Fault::Unread(next)) if next > at && further.is_none() => {
                        further = Some((candidate, next))
                    }
                    Err(_) => {}
                }
            }
            further?
        };
        (text, at) = next;
    }
    None
}

/// Letters to change, add, drop or swap (optimal string alignment); none beyond `SLIP_LETTERS_MAX`.
fn distance(a: &str, b: &str) -> Option<usize> {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len().abs_diff(b.len()) > SLIP_LETTERS_MAX || a.len().max(b.len()) > WORD_BYTES_MAX {
        return None;
    }
    let mut rows = [[0_usize; WORD_BYTES_MAX + 1]; WORD_BYTES_MAX + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            if i == 0 || j == 0 {
                rows[i][j] = i + j;
                continue;
            }
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut least = (rows[i - 1][j] + 1)
                .min(rows[i][j - 1] + 1)
                .min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    Some(rows[a.len()][b.len()]).filter(|letters| *letters <= SLIP_LETTERS_MAX)
}

/// What kinds of words a text has, a bit each.
fn kinds(spots: &[Spot<'_>]) -> u32 {
    spots.iter().fold(0, |kinds, spot| {
        kinds
            | match (spot.token, spot.text) {
                (Token::Weekday { .. }, _) => 1,
                (Token::Month(_) | Token::Date(_) | Token::NumericDate, _) => 1 << 1,
                (
                    Token::Unit {
                        unit: Unit::Second | Unit::Minute,
                        ..
                    },
                    _,
                ) => 1 << 2,
                (Token::Unit { unit: Unit::Hour, .. }, _) | (_, "hourly") => 1 << 3,
                (Token::Unit { unit: Unit::Day, .. }, _) | (_, "daily") => 1 << 4,
                (Token::Unit { unit: Unit::Week, .. }, _) | (_, "weekly" | "biweekly") => 1 << 5,
                (
                    Token::Unit {
                        unit: Unit::Month, ..
                    },
                    _,
                )
                | (_, "monthly" | "bimonthly") => 1 << 6,
                (
                    Token::Unit {
                        unit: Unit::Quarter | Unit::Year,
                        ..
                    },
                    _,
                )
                | (_, "yearly") => 1 << 7,
                (_, "every" | "each") => 1 << 8,
                (Token::Clock(_) | Token::Dotted { .. }, _) | (_, "at") => 1 << 9,
                (Token::Ordinal(_), _) | (_, "last") => 1 << 10,
                (_, "until" | "till" | "starting" | "for") => 1 << 11,
                (_, "from" | "between" | "to") => 1 << 12,
                (Token::Part { .. }, _) | (_, "tonight") => 1 << 13,
                (_, "tomorrow" | "today" | "next" | "this") => 1 << 14,
                (_, "weekday" | "weekdays" | "weekend" | "weekends") => 1 << 15,
                (_, "except" | "other" | "twice" | "half" | "end") => 1 << 16,
                (Token::Length(_), _) | (_, "in") => 1 << 17,
                _ => 0,
            }
    })
}

/// A form, the kinds of its words, and the words themselves.
type Form = (&'static str, u32, Vec<&'static str>);

/// The forms that share most with a text.
fn nearest(lower: &str) -> Vec<&'static str> {
    static KNOWN: OnceLock<Vec<Form>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        let read = |form: &&'static str| {
            let spots = tokens(form);
            (*form, kinds(&spots), spots.iter().map(|spot| spot.text).collect())
        };
        FORMS.iter().map(read).collect()
    });
    let spots = tokens(lower);
    let wanted = kinds(&spots);
    let mut ranked: Vec<(i64, &'static str)> = known
        .iter()
        .map(|(form, has, words)| {
            let shared = words
                .iter()
                .filter(|word| spots.iter().any(|own| own.text == **word))
                .count();
            let score = 4 * i64::from((wanted & has).count_ones())
                - 2 * i64::from((wanted ^ has).count_ones())
                + 2 * i64::try_from(shared).unwrap_or(0);
            (-score, *form)
        })
        .collect();
    ranked.sort_by_key(|(score, _)| *score);
    ranked.into_iter().take(SHOWN).map(|(_, form)| form).collect()
}
