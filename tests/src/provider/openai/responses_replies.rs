//! What a response looks like, whole and as a stream:
//! <https://platform.openai.com/docs/api-reference/responses-streaming>.

use serde_json::{Value, json};

use crate::provider::plan::Ending;
use crate::provider::turn::{Call, Turn, event, fragments};

/// What of the request comes back with the response, and what it is where the request has none.
const ECHOED: [(&str, &str); 9] = [
    ("instructions", "null"),
    ("max_output_tokens", "null"),
    ("parallel_tool_calls", "true"),
    ("previous_response_id", "null"),
    ("store", "true"),
    ("temperature", "1.0"),
    ("tool_choice", "\"auto\""),
    ("tools", "[]"),
    ("metadata", "{}"),
];

impl Turn<'_> {
    /// The status, and why it is not complete.
    fn status(&self) -> (&'static str, Option<&'static str>) {
        match self.ending {
            Ending::Length => ("incomplete", Some("max_output_tokens")),
            Ending::Filtered => ("incomplete", Some("content_filter")),
            Ending::Natural | Ending::Refused(_) => ("completed", None),
        }
    }

    /// What an item of the output is called; items are numbered within the response.
    fn item_id(&self, prefix: &str, index: usize) -> String {
        format!("{}_{index}", self.id.replacen("resp_", prefix, 1))
    }

    /// The message, if there is one: it is the first item.
    fn said(&self) -> Option<Value> {
        match &self.ending {
            Ending::Refused(words) => Some(json!({"type": "refusal", "refusal": words})),
            _ if self.text.is_empty() => None,
            _ => Some(json!({"type": "output_text", "text": self.text, "annotations": [], "logprobs": []})),
        }
    }

    fn item_of_message(&self, status: &str, content: &[Value]) -> Value {
        json!({
            "id": self.item_id("msg_", 0), "type": "message", "status": status, "role": "assistant",
            "content": content,
        })
    }

    fn item_of_call(&self, call: &Call, index: usize, status: &str, arguments: &str) -> Value {
        let mut item = json!({
            "id": self.item_id("fc_", index), "type": "function_call", "status": status, "name": call.name,
            "arguments": arguments,
        });
        if let Some(id) = &call.id {
            item["call_id"] = json!(id);
        }
        item
    }

    fn output(&self) -> Vec<Value> {
        let (status, _) = self.status();
        let mut output = Vec::new();
        output.extend(self.said().map(|part| self.item_of_message(status, &[part])));
        for call in &self.calls {
            output.push(self.item_of_call(call, output.len(), status, &call.arguments));
        }
        output
    }

    fn response(&self, status: &str) -> Value {
        let mut response = json!({
            "id": self.id, "object": "response", "created_at": self.created, "status": status,
            "error": null, "incomplete_details": null, "model": self.asked.model(), "output": [],
            "reasoning": {"effort": null, "summary": null}, "text": {"format": {"type": "text"}},
            "top_p": 1.0, "truncation": "disabled", "usage": null, "user": null, "service_tier": "default",
        });
        for (field, otherwise) in ECHOED {
            let given = self.asked.body.get(field).filter(|given| !given.is_null());
            let given = given.cloned();
            response[field] = given.unwrap_or_else(|| serde_json::from_str(otherwise).unwrap());
        }
        response
    }
}

pub(crate) fn whole(turn: &Turn) -> Value {
    let (status, why) = turn.status();
    let usage = turn.usage;
    let mut response = turn.response(status);
    if let Some(reason) = why {
        response["incomplete_details"] = json!({"reason": reason});
    }
    response["output"] = json!(turn.output());
    response["usage"] = json!({
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached, "cache_write_tokens": 0},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.input + usage.output,
    });
    response
}

/// The events: created, in progress, each item from added to done, and the whole response at the
/// end; numbered.
pub(crate) fn events(turn: &Turn) -> Vec<String> {
    let (status, _) = turn.status();
    let begun = turn.response("in_progress");
    let mut events = vec![
        json!({"type": "response.created", "response": begun}),
        json!({"type": "response.in_progress", "response": begun}),
    ];
    let mut index = 0;
    if let Some(part) = turn.said() {
        events.extend(message(turn, &part, status));
        index += 1;
    }
    for call in &turn.calls {
        events.extend(function_call(turn, call, index, status));
        index += 1;
    }
    events.push(json!({"type": format!("response.{status}"), "response": whole(turn)}));
    let numbered = events.into_iter().enumerate();
    numbered.map(|(number, data)| written(number, data)).collect()
}

/// A message of one part: a text or a refusal.
fn message(turn: &Turn, part: &Value, status: &str) -> Vec<Value> {
    let kind = part["type"].as_str().unwrap();
    let field = kind.trim_start_matches("output_");
    let text = part[field].as_str().unwrap();
    let mut empty = part.clone();
    empty[field] = json!("");
    let id = turn.item_id("msg_", 0);
    let within = |kind: &str, field: &str, value: &Value| {
        let mut event = json!({
            "type": format!("response.{kind}"), "item_id": id, "output_index": 0, "content_index": 0,
            field: value,
        });
        if kind.starts_with("output_text") {
            event["logprobs"] = json!([]);
        }
        event
    };
    let mut events = vec![
        json!({
            "type": "response.output_item.added", "output_index": 0,
            "item": turn.item_of_message("in_progress", &[]),
        }),
        within("content_part.added", "part", &empty),
    ];
    let pieces = fragments(text).into_iter();
    events.extend(pieces.map(|piece| within(&format!("{kind}.delta"), "delta", &json!(piece))));
    events.push(within(&format!("{kind}.done"), field, &json!(text)));
    events.push(within("content_part.done", "part", part));
    events.push(json!({
        "type": "response.output_item.done", "output_index": 0,
        "item": turn.item_of_message(status, std::slice::from_ref(part)),
    }));
    events
}

fn function_call(turn: &Turn, call: &Call, index: usize, status: &str) -> Vec<Value> {
    let id = turn.item_id("fc_", index);
    let item = |name: &str, status: &str, arguments: &str| {
        json!({
            "type": format!("response.output_item.{name}"), "output_index": index,
            "item": turn.item_of_call(call, index, status, arguments),
        })
    };
    let mut events = vec![item("added", "in_progress", "")];
    events.extend(fragments(&call.arguments).into_iter().map(|piece| {
        json!({
            "type": "response.function_call_arguments.delta", "item_id": id, "output_index": index,
            "delta": piece,
        })
    }));
    events.push(json!({
        "type": "response.function_call_arguments.done", "item_id": id, "output_index": index,
        "name": call.name, "arguments": call.arguments,
    }));
    events.push(item("done", status, &call.arguments));
    events
}

/// The event that says that the provider failed.
pub(crate) fn failure(message: &str, number: usize) -> String {
    let data = json!({"type": "error", "code": "server_error", "message": message, "param": null});
    written(number, data)
}

fn written(number: usize, mut data: Value) -> String {
    data["sequence_number"] = json!(number);
    event(data["type"].as_str(), &data.to_string())
}
