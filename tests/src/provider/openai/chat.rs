//! Chat completions: <https://platform.openai.com/docs/api-reference/chat>.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{check_common, check_tools, invalid, list, missing, named, text};
use crate::provider::asked::{Part, call_of, text_of};
use crate::provider::checks::{kind, within};
use crate::provider::errors::Refusal;

const FIELDS: &str = "audio frequency_penalty function_call functions logit_bias logprobs \
    max_completion_tokens max_tokens messages metadata modalities model moderation n parallel_tool_calls \
    prediction presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention \
    reasoning_effort response_format safety_identifier seed service_tier stop store stream stream_options \
    temperature tool_choice tools top_logprobs top_p user verbosity web_search_options";

/// The longest identifier of a call that it takes back.
const CALL_ID_MAX: usize = 40;

pub(crate) fn check(body: &Value, models: &[String]) -> Result<(), Refusal> {
    check_common(body, models, FIELDS)?;
    within(body, "max_tokens", 1.0, f64::MAX)?;
    within(body, "max_completion_tokens", 1.0, f64::MAX)?;
    if !(body["max_tokens"].is_null() || body["max_completion_tokens"].is_null()) {
        return Err(Refusal::bad(
            "Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.",
        ));
    }
    check_tools(body, |tool| &tool["function"], "function.")?;
    let messages = list(body, "messages")?;
    let mut open: BTreeSet<&str> = BTreeSet::new();
    for (at, message) in messages.iter().enumerate() {
        let place = format!("messages[{at}]");
        if message["role"] == "tool" {
            let id = text(message, "tool_call_id", &place)?;
            text_of_parts(&message["content"], &place, false)?;
            if !open.remove(id) {
                return Err(Refusal::bad(
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message \
                     with 'tool_calls'.",
                )
                .param(format!("{place}.role")));
            }
            continue;
        }
        answered(&open, &place)?;
        open = check_message(message, &place)?;
    }
    answered(&open, "messages")
}

/// Calls that nobody has answered where all have to be.
fn answered(open: &BTreeSet<&str>, place: &str) -> Result<(), Refusal> {
    if open.is_empty() {
        return Ok(());
    }
    let open = open.iter().copied().collect::<Vec<_>>().join(", ");
    let message = format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each \
         'tool_call_id'. The following tool_call_ids did not have response messages: {open}"
    );
    Err(Refusal::bad(message).param(place))
}

/// A message that answers no call: the calls that it makes.
fn check_message<'a>(message: &'a Value, place: &str) -> Result<BTreeSet<&'a str>, Refusal> {
    let role = text(message, "role", place)?;
    if !["developer", "system", "user", "assistant"].contains(&role) {
        let message = format!(
            "Invalid value: '{role}'. Supported values are: 'system', 'assistant', 'user', 'function', 'tool', \
             and 'developer'."
        );
        return Err(invalid(message, format!("{place}.role")));
    }
    let calls = &message["tool_calls"];
    let may_be_silent = role == "assistant" && (calls.is_array() || message["refusal"].is_string());
    text_of_parts(&message["content"], place, may_be_silent)?;
    let mut made = BTreeSet::new();
    if calls.is_null() || role != "assistant" {
        return Ok(made);
    }
    for (at, call) in list(message, "tool_calls")?.iter().enumerate() {
        let place = format!("{place}.tool_calls[{at}]");
        let id = text(call, "id", &place)?;
        if id.len() > CALL_ID_MAX {
            let message = format!(
                "Invalid '{place}.id': string too long. Expected a string with maximum length {CALL_ID_MAX}, but \
                 got a string with length {} instead.",
                id.len()
            );
            let refusal = Refusal::bad(message).param(format!("{place}.id"));
            return Err(refusal.code("string_above_max_length"));
        }
        if call["type"] != "function" {
            return Err(missing(&format!("{place}.type")));
        }
        let name = text(&call["function"], "name", &format!("{place}.function"))?;
        named(name, &format!("{place}.function.name"))?;
        text(&call["function"], "arguments", &format!("{place}.function"))?;
        made.insert(id);
    }
    Ok(made)
}

/// A content: a text, or a list of parts, of which those with a text have one.
fn text_of_parts(content: &Value, place: &str, may_be_null: bool) -> Result<(), Refusal> {
    let place = format!("{place}.content");
    match content {
        Value::String(_) => Ok(()),
        Value::Null if may_be_null => Ok(()),
        Value::Array(parts) if !parts.is_empty() => {
            for (at, part) in parts.iter().enumerate() {
                if text(part, "type", &format!("{place}[{at}]"))? == "text" {
                    text(part, "text", &format!("{place}[{at}]"))?;
                }
            }
            Ok(())
        }
        other => {
            let message = format!(
                "Invalid value for 'content': expected a string or an array of objects, got {}.",
                kind(other)
            );
            Err(Refusal::bad(message).param(place))
        }
    }
}

/// The conversation.
pub(crate) fn parts(body: &Value) -> Vec<Part> {
    let mut parts = Vec::new();
    for message in body["messages"].as_array().into_iter().flatten() {
        let text = text_of(&message["content"]);
        match message["role"].as_str() {
            Some("system" | "developer") => parts.push(Part::System(text)),
            Some("user") => parts.push(Part::User(text)),
            Some("tool") => parts.push(Part::Result {
                id: message["tool_call_id"].as_str().unwrap_or_default().to_owned(),
                text,
                is_error: false,
            }),
            _ => {
                if !text.is_empty() {
                    parts.push(Part::Said(text));
                }
                let calls = message["tool_calls"].as_array().into_iter().flatten();
                parts.extend(calls.map(|call| call_of(&call["id"], &call["function"])));
            }
        }
    }
    parts
}
