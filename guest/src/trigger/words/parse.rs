//! The parts of a phrase, in whatever order they come.

use super::clock;
use super::cursor::{Cursor, Fault, wrong};
use super::phrase::Phrase;
use super::token::{Part, Spot, Token};
use super::{bounds, day, relative, repeat};

/// Words that say nothing about time.
const FILLERS: [&str; 8] = [
    "please",
    "then",
    "sharp",
    "exactly",
    "precisely",
    "promptly",
    "just",
    "o'clock",
];

/// Reads all tokens or says where it stopped.
pub(super) fn parse(spots: &[Spot<'_>]) -> Result<Phrase, Fault> {
    let mut cursor = Cursor::new(spots);
    let mut phrase = Phrase::default();
    let mut read = false;
    loop {
        while cursor.peek() == Some(Token::Comma) || cursor.one_of(&FILLERS) {
            if cursor.peek() == Some(Token::Comma) {
                cursor.at += 1;
            }
        }
        if cursor.done() {
            break;
        }
        if !part(&mut cursor, &mut phrase)? {
            // A number that begins no part is what is wrong, not what comes after it.
            let number = matches!(cursor.peek(), Some(Token::Number { .. }));
            let at = if number {
                cursor.at
            } else {
                cursor.furthest.max(cursor.at)
            };
            return Err(Fault::Unread(at));
        }
        read = true;
    }
    if read {
        Ok(phrase)
    } else {
        Err(Fault::Unread(spots.len()))
    }
}

/// One part. The order decides only where two readers could take the same words.
fn part(cursor: &mut Cursor<'_>, phrase: &mut Phrase) -> Result<bool, Fault> {
    if now(cursor) {
        phrase.now = true;
        return Ok(true);
    }
    if repeat::times_per(cursor, phrase)?
        || repeat::adverb(cursor, phrase)?
        || repeat::minute(cursor, phrase)?
        || repeat::every(cursor, phrase)?
    {
        return Ok(true);
    }
    // "from monday to friday" names days, not a start.
    if cursor.text(0) == "from" && day::weekday_range_ahead(cursor) && day::day(cursor, phrase)? {
        return Ok(true);
    }
    if let Some(window) = clock::window(cursor)? {
        if phrase.window.is_some_and(|other| other != window) {
            return wrong("it names two stretches of the day.");
        }
        phrase.window = Some(window);
        return Ok(true);
    }
    if bounds::bound(cursor, phrase)? || relative::ahead(cursor, &mut phrase.days)? {
        return Ok(true);
    }
    if let Some(clocks) = clock::times(cursor)? {
        if !phrase.clocks.is_empty() {
            return wrong(
                "it names times of day in two places: put them into one list, as in \"at 9 and 17\".",
            );
        }
        phrase.clocks = clocks;
        return Ok(true);
    }
    if day::day(cursor, phrase)? || in_part(cursor, phrase)? {
        return Ok(true);
    }
    if cursor.one_of(&["once"]) {
        phrase.once = true;
        return Ok(true);
    }
    Ok(false)
}

fn now(cursor: &mut Cursor<'_>) -> bool {
    [
        &["as", "soon", "as", "possible"][..],
        &["as", "soon", "as", "you", "can"],
        &["right", "now"],
        &["right", "away"],
        &["straight", "away"],
        &["at", "once"],
        &["now"],
        &["immediately"],
        &["asap"],
    ]
    .iter()
    .any(|words| cursor.eat(words))
}

/// "in the morning", "mornings", "at night".
fn in_part(cursor: &mut Cursor<'_>, phrase: &mut Phrase) -> Result<bool, Fault> {
    let found: Option<(Part, bool)> = cursor.attempt(|cursor| {
        let _ = cursor.eat(&["in", "the"]) || cursor.eat(&["at"]) || cursor.eat(&["on"]);
        match cursor.peek() {
            Some(Token::Part { part, plural }) => {
                cursor.step(1);
                Ok(Some((part, plural)))
            }
            _ => Ok(None),
        }
    })?;
    let Some((part, plural)) = found else {
        return Ok(false);
    };
    phrase.days.set_part(part)?;
    phrase.days.again |= plural;
    Ok(true)
}
