//! The black-box part of conformance: stories, as data in `tests/hosts/stories/`, told to a host of
//! any language. A story says what people ask and how time passes, and what must be answered;
//! nothing in it knows how the host is made.

#![allow(clippy::unwrap_used)]

mod differences;
mod foreign;
mod ours;
mod story;
mod words;

use serde_json::Value;

pub use foreign::{Foreign, node, python};
pub use ours::{Ours, Store};
pub use story::{run, titles};

/// A call of one of the component's exports, in the contract's JSON words.
#[derive(Clone, Debug)]
pub struct Call {
    /// `tools`, `runner`, …
    pub interface: String,
    /// In the WIT's spelling: `job-create`.
    pub function: String,
    /// Who calls, for functions that want to know.
    pub caller: Value,
    /// The function's last parameter; an object by name where there are several.
    pub with: Value,
}

/// What an export answered: the ok-value or the error of its result.
pub type Answer = Result<Value, Value>;

/// What a step brought.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    pub answer: Answer,
    /// What was answered to the call in the middle of it.
    pub meanwhile: Option<Answer>,
}

/// A host under test, with a clock that stands still until it is moved.
pub trait Host {
    /// Makes a call; `meanwhile` is made in the middle of it, right before its first commit.
    fn call(&mut self, call: &Call, meanwhile: Option<&Call>) -> Told;

    /// Moves the clock, in milliseconds since 1970; returns when all that became due was done.
    fn advance_to(&mut self, instant: i64, meanwhile: Option<&Call>) -> Told;

    /// Every message to a person, oldest first.
    fn inbox(&mut self) -> Value;

    /// The host dies and another one takes its place, on the same rows, at this instant.
    fn crash(&mut self, instant: i64);
}
