//! A reply that a model gives to one request, ready to be written on any wire.

use std::sync::atomic::AtomicU64;

use serde_json::Value;

use super::plan::{CallId, Ending, Says, Usage};
use super::{Asked, Wire, identifier};

/// How long the fragments are that a text is streamed in, in characters and in turn.
const FRAGMENT_CHARS: [usize; 6] = [1, 4, 2, 7, 1, 3];

/// In about how many fragments at most.
const FRAGMENTS_MAX: usize = 96;

/// How many bytes count as a token.
const TOKEN_BYTES: usize = 4;

pub(super) struct Turn<'a> {
    pub(super) asked: &'a Asked,
    /// The reply's own, unique.
    pub(super) id: String,
    /// Seconds since 1970.
    pub(super) created: i64,
    pub(super) text: String,
    pub(super) calls: Vec<Call>,
    pub(super) ending: Ending,
    pub(super) usage: Usage,
}

pub(super) struct Call {
    pub(super) id: Option<String>,
    pub(super) name: String,
    pub(super) arguments: String,
}

impl<'a> Turn<'a> {
    pub(super) fn new(asked: &'a Asked, says: Says, count: &AtomicU64) -> Self {
        let usage = says.usage.unwrap_or_else(|| counted(&asked.body, &says));
        let (reply, call) = match asked.wire {
            Wire::Chat => ("chatcmpl-", "call_"),
            Wire::Responses => ("resp_", "call_"),
            Wire::Messages => ("msg_", "toolu_"),
        };
        let calls = says.calls.into_iter().map(|made| Call {
            id: match made.id {
                CallId::Counted => Some(identifier(call, count)),
                CallId::Given(id) => Some(id),
                CallId::Missing => None,
            },
            name: made.name,
            arguments: made.arguments,
        });
        Self {
            calls: calls.collect(),
            asked,
            id: identifier(reply, count),
            created: chrono::Utc::now().timestamp(),
            text: says.text,
            ending: says.ending,
            usage,
        }
    }
}

fn counted(body: &Value, says: &Says) -> Usage {
    let input = ["system", "instructions", "messages", "input", "tools"];
    let input = input.iter().filter_map(|&part| body.get(part));
    let input = input.map(|part| part.to_string().len()).sum::<usize>();
    let calls = says.calls.iter();
    let called = calls.map(|call| call.name.len() + call.arguments.len());
    let output = says.text.len() + called.sum::<usize>();
    let tokens = |bytes: usize| u64::try_from(bytes.div_ceil(TOKEN_BYTES)).unwrap();
    Usage {
        input: tokens(input),
        cached: 0,
        output: tokens(output).max(1),
    }
}

/// A text in the pieces that it is streamed in: between characters, never in one.
pub(super) fn fragments(text: &str) -> Vec<&str> {
    let chars: Vec<usize> = text
        .char_indices()
        .map(|(at, _)| at)
        .chain([text.len()])
        .collect();
    let round = FRAGMENT_CHARS.iter().sum::<usize>() * FRAGMENTS_MAX / FRAGMENT_CHARS.len();
    let longer = chars.len().div_ceil(round);
    let mut lengths = FRAGMENT_CHARS.iter().cycle();
    let mut pieces = Vec::new();
    let mut from = 0;
    while from + 1 < chars.len() {
        let length = lengths.next().expect("an endless iterator") * longer;
        let to = (from + length).min(chars.len() - 1);
        pieces.push(&text[chars[from]..chars[to]]);
        from = to;
    }
    pieces
}

/// An event as it goes over the wire.
pub(super) fn event(name: Option<&str>, data: &str) -> String {
    let name = name.map(|name| format!("event: {name}\n")).unwrap_or_default();
    format!("{name}data: {data}\n\n")
}
