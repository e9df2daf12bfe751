//! The conversation in a request for a message.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::check_texts;
use crate::provider::asked::{Part, ToolCall, text_of};
use crate::provider::checks::{is_tool_name, is_word};
use crate::provider::errors::Refusal;

/// A call has its result at the start of the next message, and a result its call in the message
/// before; messages of the same role that follow each other count as one. The last is the user's:
/// newer models take no beginning of their own reply.
pub(crate) fn check(body: &Value) -> Result<(), Refusal> {
    let messages = body["messages"].as_array();
    let messages = messages.ok_or_else(|| Refusal::bad("messages: Field required"))?;
    let mut turns: Vec<(&str, usize, Vec<Value>)> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        if !["user", "assistant"].contains(&role) {
            return Err(Refusal::bad(format!(
                "messages: Unexpected role \"{role}\". The Messages API accepts a top-level `system` parameter, \
                 not \"system\" as an input message role."
            )));
        }
        let blocks = match &message["content"] {
            Value::String(text) if !text.is_empty() => vec![json!({"type": "text", "text": text})],
            Value::Array(blocks) if !blocks.is_empty() => blocks.clone(),
            Value::Null => return Err(Refusal::bad(format!("messages.{at}.content: Field required"))),
            _ => {
                return Err(Refusal::bad(format!(
                    "messages.{at}: all messages must have non-empty content except for the optional final \
                     assistant message"
                )));
            }
        };
        check_texts(&format!("messages.{at}.content"), &Value::Array(blocks.clone()))?;
        match turns.last_mut() {
            Some((last, _, content)) if *last == role => content.extend(blocks),
            _ => turns.push((role, at, blocks)),
        }
    }
    match (turns.first(), turns.last()) {
        (None, _) | (_, None) => return Err(Refusal::bad("messages: at least one message is required")),
        (Some(("assistant", ..)), _) => {
            return Err(Refusal::bad("messages: first message must use the \"user\" role"));
        }
        (_, Some(("assistant", at, blocks))) => {
            unanswered(*at, &calls_in(*at, blocks, &mut BTreeSet::new())?, &[])?;
            return Err(Refusal::bad(
                "This model does not support assistant message prefill. The conversation must end with a user \
                 message.",
            ));
        }
        _ => {}
    }
    let mut known = BTreeSet::new();
    let mut open = Vec::new();
    for (role, at, blocks) in &turns {
        if *role == "assistant" {
            open = calls_in(*at, blocks, &mut known)?;
            continue;
        }
        let results = blocks.iter().take_while(|block| block["type"] == "tool_result");
        let answered: Vec<&str> = results
            .filter_map(|result| result["tool_use_id"].as_str())
            .collect();
        unanswered(at.saturating_sub(1), &open, &answered)?;
        for (place, block) in blocks.iter().enumerate() {
            let id = block["tool_use_id"].as_str().unwrap_or_default();
            if block["type"] == "tool_result" && !open.iter().any(|open| open == id) {
                return Err(Refusal::bad(format!(
                    "messages.{at}.content.{place}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. \
                     Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                )));
            }
        }
        open.clear();
    }
    Ok(())
}

fn unanswered(at: usize, open: &[String], answered: &[&str]) -> Result<(), Refusal> {
    let left: Vec<&str> = open
        .iter()
        .map(String::as_str)
        .filter(|id| !answered.contains(id))
        .collect();
    if left.is_empty() {
        return Ok(());
    }
    Err(Refusal::bad(format!(
        "messages.{at}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each \
         `tool_use` block must have a corresponding `tool_result` block in the next message.",
        left.join(", ")
    )))
}

/// The calls of a message; none may be known already.
fn calls_in(at: usize, blocks: &[Value], known: &mut BTreeSet<String>) -> Result<Vec<String>, Refusal> {
    let mut calls = Vec::new();
    for (place, block) in blocks.iter().enumerate() {
        if block["type"] != "tool_use" {
            continue;
        }
        let place = format!("messages.{at}.content.{place}.tool_use");
        let id = block["id"].as_str();
        let id = id.ok_or_else(|| Refusal::bad(format!("{place}.id: Field required")))?;
        if !is_word(id) {
            let message = format!("{place}.id: String should match pattern '^[a-zA-Z0-9_-]+$'");
            return Err(Refusal::bad(message));
        }
        if !block["name"].as_str().is_some_and(is_tool_name) {
            return Err(Refusal::bad(format!("{place}.name: Field required")));
        }
        if !block["input"].is_object() {
            return Err(Refusal::bad(format!(
                "{place}.input: Input should be a valid dictionary"
            )));
        }
        if !known.insert(id.to_owned()) {
            return Err(Refusal::bad("messages: `tool_use` ids must be unique"));
        }
        calls.push(id.to_owned());
    }
    Ok(calls)
}

/// The conversation.
pub(crate) fn parts(body: &Value) -> Vec<Part> {
    let mut parts = Vec::new();
    if !body["system"].is_null() {
        parts.push(Part::System(text_of(&body["system"])));
    }
    for message in body["messages"].as_array().into_iter().flatten() {
        let of_user = message["role"] == "user";
        let text = text_of(&message["content"]);
        if !text.is_empty() {
            parts.push(if of_user {
                Part::User(text)
            } else {
                Part::Said(text)
            });
        }
        for block in message["content"].as_array().into_iter().flatten() {
            let field = |name: &str| block[name].as_str().unwrap_or_default().to_owned();
            match block["type"].as_str() {
                Some("tool_use") => parts.push(Part::Call(ToolCall {
                    id: field("id"),
                    name: field("name"),
                    arguments: block["input"].clone(),
                })),
                Some("tool_result") => parts.push(Part::Result {
                    id: field("tool_use_id"),
                    text: text_of(&block["content"]),
                    is_error: block["is_error"] == true,
                }),
                _ => {}
            }
        }
    }
    parts
}
