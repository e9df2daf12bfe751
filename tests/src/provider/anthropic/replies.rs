//! What a message looks like, whole and as a stream:
//! <https://platform.claude.com/docs/en/build-with-claude/streaming>.

use serde_json::{Value, json};

use crate::provider::plan::Ending;
use crate::provider::turn::{Call, Turn, event, fragments};

impl Turn<'_> {
    fn stop_reason(&self) -> &'static str {
        match self.ending {
            Ending::Length => "max_tokens",
            Ending::Filtered | Ending::Refused(_) => "refusal",
            Ending::Natural if self.calls.is_empty() => "end_turn",
            Ending::Natural => "tool_use",
        }
    }

    fn stop_details(&self) -> Value {
        match &self.ending {
            Ending::Refused(words) => json!({"type": "refusal", "category": null, "explanation": words}),
            Ending::Filtered => json!({"type": "refusal", "category": "general_harms", "explanation": null}),
            Ending::Length | Ending::Natural => Value::Null,
        }
    }

    /// Tokens from the cache are counted beside the others, not among them.
    fn message_usage(&self, output: u64) -> Value {
        json!({
            "input_tokens": self.usage.input - self.usage.cached,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": self.usage.cached,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": output,
            "service_tier": "standard",
        })
    }

    fn message(&self, content: &[Value]) -> Value {
        json!({
            "id": self.id, "type": "message", "role": "assistant", "model": self.asked.model(),
            "content": content, "stop_reason": null, "stop_sequence": null, "stop_details": null,
            "usage": self.message_usage(1),
        })
    }
}

pub(crate) fn whole(turn: &Turn) -> Value {
    let mut content = Vec::new();
    if !turn.text.is_empty() {
        content.push(json!({"type": "text", "text": turn.text}));
    }
    content.extend(turn.calls.iter().map(|call| {
        // A whole reply has no place for arguments that are no JSON but as a text.
        let input = serde_json::from_str(&call.arguments);
        tool_use(call, input.unwrap_or_else(|_| json!(call.arguments)))
    }));
    let mut message = turn.message(&content);
    message["stop_reason"] = json!(turn.stop_reason());
    message["stop_details"] = turn.stop_details();
    message["usage"] = turn.message_usage(turn.usage.output);
    message
}

fn tool_use(call: &Call, input: Value) -> Value {
    let mut block = json!({"type": "tool_use", "name": call.name, "input": input});
    if let Some(id) = &call.id {
        block["id"] = json!(id);
    }
    block
}

/// The events: the start, each block with its own start, pieces and stop, the reason of the end with
/// the usage, and the stop.
pub(crate) fn events(turn: &Turn) -> Vec<String> {
    let mut events = vec![
        json!({"type": "message_start", "message": turn.message(&[])}),
        json!({"type": "ping"}),
    ];
    let mut index = 0;
    let mut block = |start: Value, deltas: Vec<Value>| {
        events.push(json!({"type": "content_block_start", "index": index, "content_block": start}));
        events.extend(
            deltas
                .into_iter()
                .map(|delta| json!({"type": "content_block_delta", "index": index, "delta": delta})),
        );
        events.push(json!({"type": "content_block_stop", "index": index}));
        index += 1;
    };
    if !turn.text.is_empty() {
        let pieces = fragments(&turn.text).into_iter();
        let deltas = pieces.map(|text| json!({"type": "text_delta", "text": text}));
        block(json!({"type": "text", "text": ""}), deltas.collect());
    }
    for call in &turn.calls {
        // The first piece is empty, and the only one where there are no arguments.
        let arguments = match call.arguments.as_str() {
            "{}" => "",
            arguments => arguments,
        };
        let pieces = [""].into_iter().chain(fragments(arguments));
        let deltas = pieces.map(|piece| json!({"type": "input_json_delta", "partial_json": piece}));
        block(tool_use(call, json!({})), deltas.collect());
    }
    let mut usage = turn.message_usage(turn.usage.output);
    for only_at_the_start in ["cache_creation", "service_tier"] {
        usage.as_object_mut().unwrap().remove(only_at_the_start);
    }
    events.push(json!({
        "type": "message_delta",
        "delta": {
            "stop_reason": turn.stop_reason(), "stop_sequence": null, "stop_details": turn.stop_details(),
        },
        "usage": usage,
    }));
    events.push(json!({"type": "message_stop"}));
    events.iter().map(named).collect()
}

/// An event that has its type as its name.
pub(crate) fn named(data: &Value) -> String {
    event(data["type"].as_str(), &data.to_string())
}
