//! Arguments of the seven tools, as an MCP client sends them: an input is a few calls, one after
//! the other.

use std::sync::LazyLock;

use meanwhile::contract;
use meanwhile::host::Host;
use meanwhile::service::{CallError, Service, Session};
use serde_json::Value;

use crate::bytes::Bytes;
use crate::front::Front;
use crate::{Given, fuzz, json};

const TOOLS: [&str; 7] = [
    "job-create",
    "job-retrieval-semantic",
    "job-retrieval-by-id",
    "job-retrieval-by-keywords",
    "job-update",
    "job-pause",
    "job-cancel",
];

/// What a refusal may be. Not `unavailable`: that is a component that trapped or ran into a limit.
pub(crate) const CODES: [&str; 6] = [
    "invalid_argument",
    "not_found",
    "conflict",
    "needs_confirmation",
    "forbidden",
    "quota_exceeded",
];

/// Characters of the path of a field: longer ones tell nobody anything.
const FIELD_CHARS_MAX: usize = 200;

/// Calls of one input.
const CALLS_MAX: usize = 5;

/// A tool with the schemas of what it takes and of what it answers.
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) input: Value,
    output: Value,
}

pub(crate) static SCHEMAS: LazyLock<Vec<Tool>> = LazyLock::new(|| {
    let tool = |name| {
        let function = contract::function("tools", name).unwrap();
        Tool {
            name,
            input: Value::Object(contract::input_schema(&function)),
            output: Value::Object(contract::output_schema(&function)),
        }
    };
    TOOLS.map(tool).into()
});

fn check_answer(tool: &Tool, answer: &Result<Value, CallError>) {
    match answer {
        Ok(answer) => {
            let known = tool.output["properties"].as_object().unwrap();
            let answer = answer.as_object().unwrap();
            assert!(answer.keys().all(|name| known.contains_key(name)), "{answer:?}");
            assert!(!answer.contains_key("error"), "{answer:?}");
        }
        Err(CallError(error)) => {
            assert!(CODES.iter().any(|code| error["code"] == *code), "{error}");
            assert!(!error["message"].as_str().unwrap().is_empty(), "{error}");
            let field = error["field"].as_str().unwrap_or_default();
            assert!(field.chars().count() <= FIELD_CHARS_MAX, "{error}");
        }
    }
}

/// Makes the calls; the job that one creates is the one that later ones name.
async fn calls(host: &Host, session: &Session, calls: Vec<(&Tool, Value)>) {
    let mut job = String::from("job_none");
    for (tool, mut arguments) in calls {
        json::name_job(&mut arguments, &job);
        let answer = host.call(session, "tools", tool.name, arguments).await;
        check_answer(tool, &answer);
        if let Ok(answer) = answer
            && let Some(id) = answer["job"]["job_id"].as_str()
        {
            id.clone_into(&mut job);
        }
    }
}

/// A line a call: the tool, and what it is given as JSON. What is no JSON is given as a text.
fn read(text: &str) -> Vec<(&'static Tool, Value)> {
    let call = |line: &str| {
        let (name, rest) = line.split_once(' ').unwrap_or((line, ""));
        let tool = SCHEMAS
            .iter()
            .find(|tool| tool.name == name.trim().replace('_', "-"))?;
        let arguments = serde_json::from_str(rest).unwrap_or_else(|_| Value::from(rest));
        Some((tool, arguments))
    };
    text.lines().filter_map(call).take(CALLS_MAX).collect()
}

/// Calls that bytes choose: the first creates, most often.
fn made(bytes: &mut Bytes<'_>) -> Vec<(&'static Tool, Value)> {
    let mut calls = Vec::new();
    while !bytes.is_empty() && calls.len() < CALLS_MAX {
        let first = calls.is_empty() && !bytes.chance(3);
        let tool = if first {
            &SCHEMAS[0]
        } else {
            &SCHEMAS[bytes.below(SCHEMAS.len())]
        };
        calls.push((tool, json::like(&tool.input, bytes)));
    }
    calls
}

#[test]
fn mcp() {
    let front = Front::new();
    fuzz("mcp", 2_000, move |input| {
        let made = match std::str::from_utf8(input) {
            Ok(text) => read(text),
            Err(_) => made(&mut Bytes::new(input)),
        };
        let told: Vec<_> = made
            .iter()
            .map(|(tool, arguments)| (tool.name, arguments.clone()))
            .collect();
        let _given = Given(&told);
        let (host, session) = front.next();
        front.runtime.block_on(calls(&host, &session, made));
    });
}
