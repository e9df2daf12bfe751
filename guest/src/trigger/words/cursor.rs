//! A place in the tokens, and how far the reading got.

use super::token::{Spot, Token, Unit};

/// Why words are not understood.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fault {
    /// The token that fits nowhere; the number of tokens: something is missing at the end.
    Unread(usize),
    /// Several days that would be understood if it were said that they repeat. A sentence.
    Several(String),
    /// Read, and contradictory, ambiguous or not to be had. A sentence.
    Wrong(String),
}

pub(super) fn wrong<T>(why: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Wrong(why.into()))
}

/// Walks over the tokens. What does not fit puts the cursor back.
pub(super) struct Cursor<'a> {
    spots: &'a [Spot<'a>],
    pub(super) at: usize,
    /// The first token that nothing has taken yet.
    pub(super) furthest: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(spots: &'a [Spot<'a>]) -> Self {
        Self {
            spots,
            at: 0,
            furthest: 0,
        }
    }

    pub(super) fn done(&self) -> bool {
        self.at >= self.spots.len()
    }

    /// The token some places ahead.
    pub(super) fn ahead(&self, by: usize) -> Option<Token> {
        self.spots.get(self.at + by).map(|spot| spot.token)
    }

    pub(super) fn peek(&self) -> Option<Token> {
        self.ahead(0)
    }

    pub(super) fn text(&self, by: usize) -> &'a str {
        self.spots.get(self.at + by).map_or("", |spot| spot.text)
    }

    pub(super) fn step(&mut self, by: usize) {
        self.at += by;
        self.furthest = self.furthest.max(self.at);
    }

    /// Takes these words, all or none.
    pub(super) fn eat(&mut self, words: &[&str]) -> bool {
        let fits = words.iter().enumerate().all(|(i, word)| self.text(i) == *word);
        if fits {
            self.step(words.len());
        } else {
            let some = words
                .iter()
                .enumerate()
                .take_while(|(i, word)| self.text(*i) == **word)
                .count();
            if some > 0 {
                self.furthest = self.furthest.max(self.at + some);
            }
        }
        fits
    }

    /// Takes one of these words.
    pub(super) fn one_of(&mut self, words: &[&str]) -> bool {
        words.contains(&self.text(0)) && {
            self.step(1);
            true
        }
    }

    /// What `read` says, or back to here.
    pub(super) fn attempt<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Option<T>, Fault>,
    ) -> Result<Option<T>, Fault> {
        let start = self.at;
        let found = read(self)?;
        if found.is_none() {
            self.at = start;
        }
        Ok(found)
    }

    /// Between the entries of a list: `,` `and` `, and`.
    pub(super) fn separator(&mut self) -> bool {
        let start = self.at;
        while matches!(self.peek(), Some(Token::Comma | Token::And)) {
            // Not a step: a separator with nothing after it was not understood.
            self.at += 1;
        }
        self.at > start
    }

    /// A number and how many digits it was written with (0: spelled).
    pub(super) fn number(&mut self) -> Option<(u32, usize)> {
        let Some(Token::Number { value, digits }) = self.peek() else {
            return None;
        };
        self.step(1);
        if digits == 0 && value >= 20 && value % 10 == 0 {
            let dash = usize::from(self.peek() == Some(Token::Dash));
            if let Some(Token::Number {
                value: ones,
                digits: 0,
            }) = self.ahead(dash)
                && ones < 10
            {
                self.step(dash + 1);
                return Some((value + ones, 0));
            }
        }
        Some((value, digits))
    }

    /// `first`, `2nd`, `second`, `twenty-first`.
    pub(super) fn ordinal(&mut self) -> Option<u32> {
        let at = |token: Option<Token>| match token {
            Some(Token::Ordinal(n)) => Some(n),
            Some(Token::Unit {
                unit: Unit::Second,
                plural: false,
            }) => Some(2),
            _ => None,
        };
        if let Some(Token::Number { value, digits: 0 }) = self.peek() {
            let dash = usize::from(self.ahead(1) == Some(Token::Dash));
            let ones = at(self.ahead(1 + dash)).filter(|n| *n < 10 && matches!(value, 20 | 30))?;
            self.step(2 + dash);
            return Some(value + ones);
        }
        // The abbreviation of the unit is no ordinal.
        let n = at(self.peek()).filter(|_| self.text(0) != "sec")?;
        self.step(1);
        Some(n)
    }
}
