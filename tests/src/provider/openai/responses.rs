//! Responses: <https://platform.openai.com/docs/api-reference/responses>.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{check_common, check_tools, invalid, list, missing, named, text};
use crate::provider::asked::{Part, call_of, text_of};
use crate::provider::checks::within;
use crate::provider::errors::Refusal;

const FIELDS: &str = "background context_management conversation include input instructions \
    max_output_tokens max_tool_calls metadata model moderation parallel_tool_calls previous_response_id prompt \
    prompt_cache_key prompt_cache_options prompt_cache_retention reasoning safety_identifier service_tier store \
    stream stream_options temperature text tool_choice tools top_logprobs top_p truncation user";

/// The longest identifier of an item.
const ID_BYTES_MAX: usize = 64;

/// The smallest limit of tokens that may be asked for.
const OUTPUT_TOKENS_MIN: f64 = 16.0;

pub(crate) fn check(body: &Value, models: &[String]) -> Result<(), Refusal> {
    check_common(body, models, FIELDS)?;
    within(body, "max_output_tokens", OUTPUT_TOKENS_MIN, f64::MAX)?;
    check_tools(body, |tool| tool, "")?;
    if let Some(id) = body["previous_response_id"].as_str() {
        // Nothing is stored here.
        let refusal = Refusal::bad(format!("Previous response with id '{id}' not found."));
        return Err(refusal
            .param("previous_response_id")
            .code("previous_response_not_found"));
    }
    if body["input"].is_string() {
        return Ok(());
    }
    let mut open = Vec::new();
    let mut called = BTreeSet::new();
    for (at, item) in list(body, "input")?.iter().enumerate() {
        let place = format!("input[{at}]");
        match item["type"].as_str() {
            None | Some("message") => {
                begins(item, "msg", &place)?;
                check_message(item, &place)?;
            }
            Some("function_call") => {
                begins(item, "fc", &place)?;
                named(text(item, "name", &place)?, &format!("{place}.name"))?;
                text(item, "arguments", &place)?;
                let id = text(item, "call_id", &place)?;
                called.insert(id);
                open.push(id);
            }
            Some("function_call_output") => {
                let id = text(item, "call_id", &place)?;
                if !(item["output"].is_string() || item["output"].is_array()) {
                    return Err(missing(&format!("{place}.output")));
                }
                if !called.contains(id) {
                    let message = format!("No tool call found for function call output with call_id {id}.");
                    return Err(Refusal::bad(message).param("input"));
                }
                open.retain(|open| *open != id);
            }
            Some("reasoning") => {
                text(item, "id", &place)?;
                begins(item, "rs", &place)?;
            }
            Some(other) => {
                let message = format!(
                    "Invalid value: '{other}'. Supported values here are: 'message', 'function_call', \
                     'function_call_output' and 'reasoning'."
                );
                return Err(invalid(message, place));
            }
        }
    }
    match open.first() {
        None => Ok(()),
        Some(id) => {
            let message = format!("No tool output found for function call {id}.");
            Err(Refusal::bad(message).param("input"))
        }
    }
}

/// An item's identifier, if it has one, is one that the provider has given.
fn begins(item: &Value, prefix: &str, place: &str) -> Result<(), Refusal> {
    let id = item["id"].as_str();
    let wrong = id.filter(|id| !id.starts_with(prefix) || id.len() > ID_BYTES_MAX);
    wrong.map_or(Ok(()), |id| {
        let message = format!(
            "Invalid '{place}.id': '{id}'. Expected an ID that begins with '{prefix}' and has at most \
             {ID_BYTES_MAX} characters."
        );
        Err(invalid(message, format!("{place}.id")))
    })
}

fn check_message(message: &Value, place: &str) -> Result<(), Refusal> {
    let kinds: &[&str] = match text(message, "role", place)? {
        "assistant" => &["output_text", "refusal"],
        "user" | "system" | "developer" => &["input_text", "input_image", "input_file"],
        other => {
            let message = format!(
                "Invalid value: '{other}'. Supported values are: 'assistant', 'system', 'developer', and 'user'."
            );
            return Err(invalid(message, place.to_owned()));
        }
    };
    if message["content"].is_string() {
        return Ok(());
    }
    let parts = message["content"].as_array();
    let parts = parts.ok_or_else(|| missing(&format!("{place}.content")))?;
    for (at, part) in parts.iter().enumerate() {
        let place = format!("{place}.content[{at}]");
        let kind = text(part, "type", &place)?;
        if !kinds.contains(&kind) {
            let message = format!(
                "Invalid value: '{kind}'. Supported values are: '{}'.",
                kinds.join("', '")
            );
            return Err(invalid(message, place));
        }
    }
    Ok(())
}

/// The conversation.
pub(crate) fn parts(body: &Value) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Some(instructions) = body["instructions"].as_str() {
        parts.push(Part::System(instructions.to_owned()));
    }
    if let Some(input) = body["input"].as_str() {
        parts.push(Part::User(input.to_owned()));
    }
    for item in body["input"].as_array().into_iter().flatten() {
        match (item["type"].as_str(), item["role"].as_str()) {
            (Some("function_call"), _) => parts.push(call_of(&item["call_id"], item)),
            (Some("function_call_output"), _) => parts.push(Part::Result {
                id: item["call_id"].as_str().unwrap_or_default().to_owned(),
                text: text_of(&item["output"]),
                is_error: false,
            }),
            (_, Some("system" | "developer")) => parts.push(Part::System(text_of(&item["content"]))),
            (_, Some("user")) => parts.push(Part::User(text_of(&item["content"]))),
            (_, Some("assistant")) => parts.push(Part::Said(text_of(&item["content"]))),
            _ => {}
        }
    }
    parts
}
