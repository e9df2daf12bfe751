//! Words to tokens: one look-up a word, no meaning yet.

use chrono::NaiveDate;

use super::clock::{self, Clock};
use super::length::{self, Length};

/// A unit of time that can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// A part of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Morning,
    Afternoon,
    Evening,
    Night,
}

/// What one word is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token {
    /// A keyword, or a word that is not known.
    Word,
    /// 0 is Sunday.
    Weekday {
        day: u32,
        plural: bool,
    },
    Month(u32),
    Unit {
        unit: Unit,
        plural: bool,
    },
    /// `digits` is 0 for a spelled number.
    Number {
        value: u32,
        digits: usize,
    },
    /// `1.5`: a decimal fraction or a time with a dot.
    Dotted {
        whole: u32,
        fraction: u32,
        digits: usize,
    },
    Ordinal(u32),
    /// `17:30`, `9am`.
    Clock(Clock),
    /// `:30`.
    Minute(u32),
    /// `1h30m`.
    Length(Length),
    Date(NaiveDate),
    /// `03/04/2026`: nobody can tell day and month apart.
    NumericDate,
    Part {
        part: Part,
        plural: bool,
    },
    And,
    Dash,
    Comma,
}

/// A token and the text it was read from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'a> {
    pub(super) token: Token,
    pub(super) text: &'a str,
}

/// Cuts a text in lower case into tokens.
pub(super) fn tokens(lower: &str) -> Vec<Spot<'_>> {
    let mut spots = Vec::with_capacity(16);
    for chunk in lower.split_whitespace() {
        let bare = chunk.trim_end_matches([',', '.', ';', '!', '?']);
        let bare = bare.trim_start_matches(['(', '"']).trim_end_matches([')', '"']);
        if !bare.is_empty() {
            cut(bare, &mut spots);
        }
        if chunk.ends_with([',', ';']) {
            spots.push(Spot {
                token: Token::Comma,
                text: &chunk[chunk.len() - 1..],
            });
        }
    }
    spots
}

/// One chunk between blanks: one token, or several around commas, dashes and slashes.
fn cut<'a>(chunk: &'a str, spots: &mut Vec<Spot<'a>>) {
    if let Some((date, time)) = iso(chunk) {
        spots.push(Spot {
            token: Token::Date(date),
            text: chunk,
        });
        if let Some(time) = time {
            // A time that cannot be read stays a word, so that the error names it.
            spots.push(Spot {
                token: clock::lexed(time).map_or(Token::Word, Token::Clock),
                text: time,
            });
        }
        return;
    }
    let token = word(chunk);
    if token != Token::Word || matches!(chunk, "&" | "+") {
        spots.push(Spot { token, text: chunk });
        return;
    }
    let mark = chunk.char_indices().find_map(|(at, c)| {
        let token = match c {
            ',' => Token::Comma,
            '-' | '–' | '—' => Token::Dash,
            '/' | '&' => Token::And,
            _ => return None,
        };
        Some((at, c.len_utf8(), token))
    });
    match mark {
        Some((at, width, token)) => {
            if at > 0 {
                cut(&chunk[..at], spots);
            }
            spots.push(Spot {
                token,
                text: &chunk[at..at + width],
            });
            if at + width < chunk.len() {
                cut(&chunk[at + width..], spots);
            }
        }
        None => spots.push(Spot { token, text: chunk }),
    }
}

/// `2026-12-24`, `2026/12/24`, each with `T18:00` or not.
fn iso(chunk: &str) -> Option<(NaiveDate, Option<&str>)> {
    let day = chunk.get(..10)?;
    let bytes = day.as_bytes();
    if bytes[4] != bytes[7] || !matches!(bytes[4], b'-' | b'/') {
        return None;
    }
    let number = |from: usize, to: usize| {
        let digits = day.get(from..to)?;
        digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| digits.parse::<u32>().ok())?
    };
    let date = NaiveDate::from_ymd_opt(number(0, 4)?.try_into().ok()?, number(5, 7)?, number(8, 10)?)?;
    match chunk.get(10..)? {
        "" => Some((date, None)),
        rest => Some((date, Some(rest.strip_prefix('t')?))),
    }
}

/// The unit a word or its abbreviation names.
pub(super) fn unit(text: &str) -> Option<(Unit, bool)> {
    let plural = text.ends_with('s') && text != "s";
    let unit = match text {
        "second" | "seconds" | "sec" | "secs" => Unit::Second,
        "minute" | "minutes" | "min" | "mins" => Unit::Minute,
        "hour" | "hours" | "hr" | "hrs" => Unit::Hour,
        "day" | "days" => Unit::Day,
        "week" | "weeks" | "wk" | "wks" => Unit::Week,
        "month" | "months" => Unit::Month,
        "quarter" | "quarters" => Unit::Quarter,
        "year" | "years" | "yr" | "yrs" => Unit::Year,
        _ => return None,
    };
    Some((unit, plural))
}

fn weekday(text: &str) -> Option<Token> {
    let (day, plural) = match text {
        "sunday" | "sun" => (0, false),
        "monday" | "mon" => (1, false),
        "tuesday" | "tue" | "tues" => (2, false),
        "wednesday" | "wed" | "weds" => (3, false),
        "thursday" | "thu" | "thur" | "thurs" => (4, false),
        "friday" | "fri" => (5, false),
        "saturday" | "sat" => (6, false),
        "sundays" => (0, true),
        "mondays" => (1, true),
        "tuesdays" => (2, true),
        "wednesdays" => (3, true),
        "thursdays" => (4, true),
        "fridays" => (5, true),
        "saturdays" => (6, true),
        _ => return None,
    };
    Some(Token::Weekday { day, plural })
}

fn month(text: &str) -> Option<u32> {
    Some(match text {
        "january" | "jan" => 1,
        "february" | "feb" => 2,
        "march" | "mar" => 3,
        "april" | "apr" => 4,
        "may" => 5,
        "june" | "jun" => 6,
        "july" | "jul" => 7,
        "august" | "aug" => 8,
        "september" | "sep" | "sept" => 9,
        "october" | "oct" => 10,
        "november" | "nov" => 11,
        "december" | "dec" => 12,
        _ => return None,
    })
}

fn spelled(text: &str) -> Option<u32> {
    Some(match text {
        "one" => 1,
        "two" => 2,
        "three" => 3,
        "four" => 4,
        "five" => 5,
        "six" => 6,
        "seven" => 7,
        "eight" => 8,
        "nine" => 9,
        "ten" => 10,
        "eleven" => 11,
        "twelve" => 12,
        "thirteen" => 13,
        "fourteen" => 14,
        "fifteen" => 15,
        "sixteen" => 16,
        "seventeen" => 17,
        "eighteen" => 18,
        "nineteen" => 19,
        "twenty" => 20,
        "thirty" => 30,
        "forty" => 40,
        "fifty" => 50,
        "sixty" => 60,
        "seventy" => 70,
        "eighty" => 80,
        "ninety" => 90,
        _ => return None,
    })
}

/// `second` is a unit and an ordinal: see [`super::cursor::Cursor::ordinal`].
fn ordinal(text: &str) -> Option<u32> {
    Some(match text {
        "first" => 1,
        "third" => 3,
        "fourth" => 4,
        "fifth" => 5,
        "sixth" => 6,
        "seventh" => 7,
        "eighth" => 8,
        "ninth" => 9,
        "tenth" => 10,
        "eleventh" => 11,
        "twelfth" => 12,
        "thirteenth" => 13,
        "fourteenth" => 14,
        "fifteenth" => 15,
        "sixteenth" => 16,
        "seventeenth" => 17,
        "eighteenth" => 18,
        "nineteenth" => 19,
        "twentieth" => 20,
        "thirtieth" => 30,
        _ => {
            let end = text.len().checked_sub(2)?;
            let (digits, tail) = (text.get(..end)?, text.get(end..)?);
            let n: u32 = digits
                .bytes()
                .all(|b| b.is_ascii_digit())
                .then(|| digits.parse().ok())??;
            let right = match (n % 10, n % 100) {
                (_, 11..=13) => "th",
                (1, _) => "st",
                (2, _) => "nd",
                (3, _) => "rd",
                _ => "th",
            };
            return (tail == right && digits.len() <= 3).then_some(n);
        }
    })
}

fn part(text: &str) -> Option<Token> {
    let (part, plural) = match text {
        "morning" => (Part::Morning, false),
        "afternoon" => (Part::Afternoon, false),
        "evening" => (Part::Evening, false),
        "night" => (Part::Night, false),
        "mornings" => (Part::Morning, true),
        "afternoons" => (Part::Afternoon, true),
        "evenings" => (Part::Evening, true),
        "nights" => (Part::Night, true),
        _ => return None,
    };
    Some(Token::Part { part, plural })
}

fn word(text: &str) -> Token {
    if text.starts_with(|c: char| c.is_ascii_digit() || c == ':') {
        return figure(text);
    }
    if matches!(text, "and" | "&" | "+") {
        return Token::And;
    }
    if matches!(text, "-" | "–" | "—") {
        return Token::Dash;
    }
    if let Some((unit, plural)) = unit(text) {
        return Token::Unit { unit, plural };
    }
    weekday(text)
        .or_else(|| month(text).map(Token::Month))
        .or_else(|| spelled(text).map(|value| Token::Number { value, digits: 0 }))
        .or_else(|| ordinal(text).map(Token::Ordinal))
        .or_else(|| part(text))
        .unwrap_or(Token::Word)
}

/// What begins with a digit (or a colon).
fn figure(text: &str) -> Token {
    let digits = |text: &str| -> Option<u32> {
        (!text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse().ok())?
    };
    if let Some(value) = digits(text) {
        return Token::Number {
            value,
            digits: text.len(),
        };
    }
    if let Some(minute) = text.strip_prefix(':') {
        return digits(minute)
            .filter(|m| *m < 60 && minute.len() == 2)
            .map_or(Token::Word, Token::Minute);
    }
    if let Some((whole, fraction)) = text.split_once('.')
        && let (Some(whole), Some(value)) = (digits(whole), digits(fraction))
        && fraction.len() <= 2
    {
        return Token::Dotted {
            whole,
            fraction: value,
            digits: fraction.len(),
        };
    }
    let numbers = |mark: char| {
        text.split(mark).count() == 3 && text.split(mark).all(|part| digits(part).is_some())
            || mark != '.'
                && text.split(mark).count() == 2
                && text.split(mark).all(|part| digits(part).is_some())
    };
    if numbers('/') || numbers('.') || text.split('-').count() == 3 && numbers('-') {
        return Token::NumericDate;
    }
    clock::lexed(text)
        .map(Token::Clock)
        .or_else(|| ordinal(text).map(Token::Ordinal))
        .or_else(|| length::lexed(text).map(Token::Length))
        .unwrap_or(Token::Word)
}
