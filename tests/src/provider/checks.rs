//! What is checked alike on several wires.

use axum::http::HeaderMap;
use serde_json::Value;

use super::errors::Refusal;

/// The longest name of a tool (Anthropic takes 128 bytes, `OpenAI` 64).
pub(super) const TOOL_NAME_MAX: usize = 64;

/// Whether this is `^[a-zA-Z0-9_-]{1,64}$`.
pub(super) fn is_tool_name(name: &str) -> bool {
    (1..=TOOL_NAME_MAX).contains(&name.len()) && is_word(name)
}

/// Whether this is `^[a-zA-Z0-9_-]+$`.
pub(super) fn is_word(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-');
    !text.is_empty() && text.bytes().all(allowed)
}

pub(super) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A field that no document of the provider has.
pub(super) fn unknown_field<'a>(body: &'a Value, known: &str) -> Option<&'a str> {
    let mut fields = body.as_object()?.keys();
    fields
        .find(|field| !known.split(' ').any(|known| known == *field))
        .map(String::as_str)
}

/// The name of what a JSON value is, as `OpenAI` names it.
pub(super) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// The first array in a schema whose items are not described: where it is.
pub(super) fn array_without_items(schema: &Value, place: &str) -> Option<String> {
    if schema["type"] == "array" && !schema["items"].is_object() {
        return Some(place.to_owned());
    }
    let properties = schema["properties"].as_object().into_iter().flatten();
    let mut inside = properties.map(|(name, schema)| (schema, format!("{place}'properties', '{name}', ")));
    let found = inside.find_map(|(schema, place)| array_without_items(schema, &place));
    found.or_else(|| array_without_items(schema.get("items")?, &format!("{place}'items', ")))
}

/// A number that is given has to be one from here to there.
pub(super) fn within(body: &Value, field: &str, from: f64, to: f64) -> Result<(), Refusal> {
    match &body[field] {
        Value::Null => Ok(()),
        Value::Number(number) if (from..=to).contains(&number.as_f64().unwrap()) => Ok(()),
        other => Err(Refusal::bad(format!(
            "{field}: expected a number from {from} to {to}, got {other}"
        ))
        .param(field)
        .code("invalid_value")),
    }
}
