//! What `OpenAI`'s wires have in common: the key, the models, and what is checked of a request.

pub(super) mod chat;
pub(super) mod chat_replies;
pub(super) mod responses;
pub(super) mod responses_replies;

use axum::http::HeaderMap;
use serde_json::{Value, json};

use super::checks::{array_without_items, header, is_tool_name, kind, unknown_field, within};
use super::errors::Refusal;

const TOOLS_MAX: usize = 128;

pub(super) fn admit(headers: &HeaderMap, key: &str) -> Result<(), Refusal> {
    let refused = |message: &str, code| {
        let refusal = Refusal::new(401, message.to_owned());
        Err(if code {
            refusal.code("invalid_api_key")
        } else {
            refusal
        })
    };
    match header(headers, "authorization").and_then(|value| value.strip_prefix("Bearer ")) {
        Some(given) if given == key => Ok(()),
        Some(_) => refused("Incorrect API key provided.", true),
        None => refused(
            "You didn't provide an API key. You need to provide your API key in an Authorization header \
             using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            false,
        ),
    }
}

pub(super) fn models(models: &[String]) -> Value {
    let models = models
        .iter()
        .map(|id| json!({"id": id, "object": "model", "created": 1_700_000_000, "owned_by": "test"}));
    json!({"object": "list", "data": models.collect::<Vec<_>>()})
}

/// What holds for both of `OpenAI`'s wires.
pub(super) fn check_common(body: &Value, models: &[String], fields: &str) -> Result<(), Refusal> {
    if !body.is_object() {
        let message = format!(
            "Invalid type for the body: expected an object, but got {}.",
            kind(body)
        );
        return Err(Refusal::bad(message).code("invalid_type"));
    }
    let model = body["model"].as_str();
    let model = model.ok_or_else(|| Refusal::bad("you must provide a model parameter"))?;
    if !models.iter().any(|known| known == model) {
        let message = format!("The model `{model}` does not exist or you do not have access to it.");
        return Err(Refusal::new(404, message).code("model_not_found"));
    }
    if let Some(field) = unknown_field(body, fields) {
        let refusal = Refusal::bad(format!("Unknown parameter: '{field}'.")).param(field);
        return Err(refusal.code("unknown_parameter"));
    }
    if !(body["stream"].is_null() || body["stream"].is_boolean()) {
        return Err(wrong_type("stream", "a boolean", &body["stream"]));
    }
    if !body["stream_options"].is_null() && body["stream"] != true {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal::bad(message).param("stream_options"));
    }
    within(body, "temperature", 0.0, 2.0)?;
    within(body, "top_p", 0.0, 1.0)
}

/// The tools and the choice among them; `function` is where a tool or a choice has its name.
pub(super) fn check_tools(body: &Value, function: fn(&Value) -> &Value, inside: &str) -> Result<(), Refusal> {
    let mut names = Vec::new();
    if body["tools"].is_null() {
        for field in ["tool_choice", "parallel_tool_calls"] {
            if !body[field].is_null() {
                let message = format!(
                    "Invalid value for '{field}': '{field}' is only allowed when 'tools' are specified."
                );
                return Err(Refusal::bad(message).param(field));
            }
        }
        return Ok(());
    }
    let tools = list(body, "tools")?;
    if tools.len() > TOOLS_MAX {
        let message = format!("Invalid 'tools': array too long. Expected at most {TOOLS_MAX} elements.");
        return Err(Refusal::bad(message)
            .param("tools")
            .code("array_above_max_length"));
    }
    for (at, tool) in tools.iter().enumerate() {
        let place = format!("tools[{at}]");
        if text(tool, "type", &place)? != "function" {
            return Err(invalid(
                "Supported values are: 'function'.".to_owned(),
                format!("{place}.type"),
            ));
        }
        let place = format!("{place}.{inside}name");
        let tool = function(tool);
        let name = tool["name"].as_str().ok_or_else(|| missing(&place))?;
        named(name, &place)?;
        check_schema(tool, name, &place.replace("name", "parameters"))?;
        names.push(name);
    }
    check_choice(&body["tool_choice"], function, &names)
}

fn check_schema(tool: &Value, name: &str, place: &str) -> Result<(), Refusal> {
    let schema = &tool["parameters"];
    let wrong = |why: String| {
        let refusal = Refusal::bad(format!("Invalid schema for function '{name}': {why}"));
        Err(refusal.param(place).code("invalid_function_parameters"))
    };
    if schema.is_null() {
        return Ok(());
    }
    if schema["type"] != "object" {
        let got = schema["type"].as_str().unwrap_or("None");
        return wrong(format!(
            "schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{got}\"'."
        ));
    }
    if let Some(context) = array_without_items(schema, "") {
        let context = context.trim_end_matches(", ");
        return wrong(format!("In context=({context}), array schema missing items."));
    }
    if tool["strict"] == true && schema["additionalProperties"] != false {
        return wrong(
            "In context=(), 'additionalProperties' is required to be supplied and to be false.".to_owned(),
        );
    }
    Ok(())
}

fn check_choice(choice: &Value, function: fn(&Value) -> &Value, tools: &[&str]) -> Result<(), Refusal> {
    let wrong = |message: String| Err(Refusal::bad(message).param("tool_choice"));
    match choice {
        Value::Null => Ok(()),
        Value::String(word) if ["none", "auto", "required"].contains(&word.as_str()) => Ok(()),
        Value::Object(_) if choice["type"] == "function" => match function(choice)["name"].as_str() {
            Some(name) if tools.contains(&name) => Ok(()),
            Some(name) => wrong(format!(
                "Invalid value for 'tool_choice': tool choice '{name}' not found in 'tools' parameter."
            )),
            None => wrong("Missing required parameter: 'tool_choice.function'.".to_owned()),
        },
        Value::Object(_) if choice["type"] == "allowed_tools" => check_allowed(choice, function, tools),
        other => wrong(format!(
            "Invalid value: {other}. Supported values are: 'none', 'auto', and 'required'."
        )),
    }
}

/// A choice of some tools, in an object of its own on the one wire.
fn check_allowed(choice: &Value, function: fn(&Value) -> &Value, tools: &[&str]) -> Result<(), Refusal> {
    let allowed = choice.get("allowed_tools").unwrap_or(choice);
    if !(allowed["mode"] == "auto" || allowed["mode"] == "required") {
        return Err(invalid(
            "Supported values are: 'auto' and 'required'.".to_owned(),
            "tool_choice.mode".to_owned(),
        ));
    }
    for tool in allowed["tools"].as_array().into_iter().flatten() {
        let name = function(tool)["name"].as_str().unwrap_or_default();
        if !tools.contains(&name) {
            let message = format!("Tool choice '{name}' not found in 'tools' parameter.");
            return Err(Refusal::bad(message).param("tool_choice"));
        }
    }
    Ok(())
}

pub(super) fn named(name: &str, place: &str) -> Result<(), Refusal> {
    if is_tool_name(name) {
        return Ok(());
    }
    let message = format!(
        "Invalid '{place}': string does not match pattern. Expected a string that matches the pattern \
         '^[a-zA-Z0-9_-]+$'."
    );
    Err(invalid(message, place.to_owned()))
}

pub(super) fn invalid(message: String, place: String) -> Refusal {
    Refusal::bad(message).param(place).code("invalid_value")
}

pub(super) fn missing(place: &str) -> Refusal {
    let refusal = Refusal::bad(format!("Missing required parameter: '{place}'."));
    refusal.param(place).code("missing_required_parameter")
}

fn wrong_type(place: &str, wanted: &str, got: &Value) -> Refusal {
    let message = format!(
        "Invalid type for '{place}': expected {wanted}, but got {} instead.",
        kind(got)
    );
    Refusal::bad(message).param(place).code("invalid_type")
}

/// A text that has to be there.
pub(super) fn text<'a>(of: &'a Value, field: &str, place: &str) -> Result<&'a str, Refusal> {
    let place = format!("{place}.{field}");
    match &of[field] {
        Value::String(text) => Ok(text),
        Value::Null => Err(missing(&place)),
        other => Err(wrong_type(&place, "a string", other)),
    }
}

/// A list that has to have something in it.
pub(super) fn list<'a>(of: &'a Value, field: &str) -> Result<&'a [Value], Refusal> {
    match &of[field] {
        Value::Null => Err(missing(field)),
        Value::Array(items) if items.is_empty() => {
            let message = format!(
                "Invalid '{field}': empty array. Expected an array with minimum length 1, but got an empty array \
                 instead."
            );
            Err(Refusal::bad(message).param(field).code("empty_array"))
        }
        Value::Array(items) => Ok(items),
        other => Err(wrong_type(field, "an array", other)),
    }
}
