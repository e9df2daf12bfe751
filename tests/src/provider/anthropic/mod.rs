//! Messages: <https://platform.claude.com/docs/en/api/messages>.

pub(super) mod conversation;
pub(super) mod replies;

use std::collections::BTreeSet;

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::checks::{TOOL_NAME_MAX, header, is_tool_name, unknown_field, within};
use super::errors::Refusal;

const FIELDS: &str = "max_tokens messages model cache_control container inference_geo metadata output_config \
    service_tier stop_sequences stream system temperature thinking tool_choice tools top_k top_p";

/// The most marks for the cache in a request.
const CACHE_MARKS_MAX: usize = 4;

pub(super) fn admit(headers: &HeaderMap, key: &str) -> Result<(), Refusal> {
    let refused = |message: &str| Err(Refusal::new(401, message.to_owned()));
    match header(headers, "x-api-key") {
        None => return refused("x-api-key header is required"),
        Some(given) if given != key => return refused("invalid x-api-key"),
        Some(_) => {}
    }
    match header(headers, "anthropic-version") {
        None => Err(Refusal::bad("anthropic-version: header is required")),
        Some("2023-06-01" | "2023-01-01") => Ok(()),
        Some(other) => Err(Refusal::bad(format!(
            "anthropic-version: \"{other}\" is not a valid version"
        ))),
    }
}

pub(super) fn models(models: &[String]) -> Value {
    let listed = models.iter().map(
        |id| json!({"type": "model", "id": id, "display_name": id, "created_at": "2025-01-01T00:00:00Z"}),
    );
    json!({
        "data": listed.collect::<Vec<_>>(), "has_more": false,
        "first_id": models.first(), "last_id": models.last(),
    })
}

pub(super) fn check(body: &Value, models: &[String]) -> Result<(), Refusal> {
    if !body.is_object() {
        return Err(Refusal::bad("Input should be a valid dictionary"));
    }
    let model = body["model"].as_str();
    let model = model.ok_or_else(|| Refusal::bad("model: Field required"))?;
    if !models.iter().any(|known| known == model) {
        return Err(Refusal::new(404, format!("model: {model}")));
    }
    if let Some(field) = unknown_field(body, FIELDS) {
        return Err(Refusal::bad(format!("{field}: Extra inputs are not permitted")));
    }
    match &body["max_tokens"] {
        Value::Null => return Err(Refusal::bad("max_tokens: Field required")),
        Value::Number(tokens) if tokens.as_u64().is_some_and(|tokens| tokens > 0) => {}
        _ => {
            return Err(Refusal::bad(
                "max_tokens: Input should be greater than or equal to 1",
            ));
        }
    }
    if !(body["stream"].is_null() || body["stream"].is_boolean()) {
        return Err(Refusal::bad("stream: Input should be a valid boolean"));
    }
    within(body, "temperature", 0.0, 1.0)?;
    within(body, "top_p", 0.0, 1.0)?;
    if !(body["system"].is_null() || body["system"].is_string()) {
        check_texts("system", &body["system"])?;
    }
    check_tools(body)?;
    let marks = cache_marks(body);
    if marks > CACHE_MARKS_MAX {
        return Err(Refusal::bad(format!(
            "A maximum of {CACHE_MARKS_MAX} blocks with cache_control may be provided. Found {marks}."
        )));
    }
    conversation::check(body)
}

fn check_texts(place: &str, content: &Value) -> Result<(), Refusal> {
    let blocks = content.as_array();
    let blocks = blocks.ok_or_else(|| Refusal::bad(format!("{place}: Input should be a valid list")))?;
    for (at, block) in blocks.iter().enumerate() {
        if block["type"] == "text" {
            let text = block["text"].as_str();
            let text = text.ok_or_else(|| Refusal::bad(format!("{place}.{at}.text.text: Field required")))?;
            if text.trim().is_empty() {
                let message = match text {
                    "" => "text content blocks must be non-empty",
                    _ => "text content blocks must contain non-whitespace text",
                };
                return Err(Refusal::bad(format!("{place}: {message}")));
            }
        }
    }
    Ok(())
}

fn check_tools(body: &Value) -> Result<(), Refusal> {
    let mut names = BTreeSet::new();
    for (at, tool) in body["tools"].as_array().into_iter().flatten().enumerate() {
        let place = format!("tools.{at}.custom");
        let name = tool["name"].as_str();
        let name = name.ok_or_else(|| Refusal::bad(format!("{place}.name: Field required")))?;
        if !is_tool_name(name) {
            return Err(Refusal::bad(format!(
                "{place}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,{TOOL_NAME_MAX}}}$'"
            )));
        }
        let schema = &tool["input_schema"];
        if schema.is_null() {
            return Err(Refusal::bad(format!("{place}.input_schema: Field required")));
        }
        if schema["type"] != "object" {
            let message = format!("{place}.input_schema.type: Input should be 'object'");
            return Err(Refusal::bad(message));
        }
        if !names.insert(name) {
            return Err(Refusal::bad("tools: Tool names must be unique."));
        }
    }
    let choice = &body["tool_choice"];
    match choice["type"].as_str() {
        None if choice.is_null() => Ok(()),
        Some("auto" | "any" | "none" | "tool") if names.is_empty() => Err(Refusal::bad(
            "tool_choice: tool_choice may only be specified while providing tools",
        )),
        Some("auto" | "any" | "none") => Ok(()),
        Some("tool") => match choice["name"].as_str() {
            Some(name) if names.contains(name) => Ok(()),
            Some(name) => Err(Refusal::bad(format!("Tool '{name}' not found in provided tools"))),
            None => Err(Refusal::bad("tool_choice.tool.name: Field required")),
        },
        _ => Err(Refusal::bad(
            "tool_choice: Input tag does not match any of the expected tags: 'auto', 'any', 'tool', 'none'",
        )),
    }
}

fn cache_marks(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(cache_marks).sum(),
        Value::Object(fields) => {
            usize::from(fields.get("cache_control").is_some_and(Value::is_object))
                + fields.values().map(cache_marks).sum::<usize>()
        }
        _ => 0,
    }
}
