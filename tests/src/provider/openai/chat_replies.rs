//! What a chat completion looks like, whole and in chunks.

use serde_json::{Value, json};

use crate::provider::plan::Ending;
use crate::provider::turn::{Turn, event, fragments};

impl Turn<'_> {
    fn finish_reason(&self) -> &'static str {
        match self.ending {
            Ending::Length => "length",
            Ending::Filtered => "content_filter",
            Ending::Refused(_) => "stop",
            Ending::Natural if self.calls.is_empty() => "stop",
            Ending::Natural => "tool_calls",
        }
    }

    fn refusal(&self) -> Option<&str> {
        match &self.ending {
            Ending::Refused(words) => Some(words),
            _ => None,
        }
    }

    /// Null where there is nothing to say but calls or a refusal.
    fn content(&self) -> Option<&str> {
        let silent = self.text.is_empty() && !(self.calls.is_empty() && self.refusal().is_none());
        (!silent).then_some(&self.text)
    }

    fn chat_usage(&self) -> Value {
        let usage = self.usage;
        json!({
            "prompt_tokens": usage.input,
            "completion_tokens": usage.output,
            "total_tokens": usage.input + usage.output,
            "prompt_tokens_details": {"cached_tokens": usage.cached, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0, "audio_tokens": 0,
                "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
            },
        })
    }
}

pub(crate) fn whole(turn: &Turn) -> Value {
    let mut message = json!({
        "role": "assistant", "content": turn.content(), "refusal": turn.refusal(), "annotations": [],
    });
    if !turn.calls.is_empty() {
        let calls = turn.calls.iter().map(|call| {
            let function = json!({"name": call.name, "arguments": call.arguments});
            with_id(
                json!({"type": "function", "function": function}),
                call.id.as_deref(),
            )
        });
        message["tool_calls"] = calls.collect();
    }
    json!({
        "id": turn.id, "object": "chat.completion", "created": turn.created, "model": turn.asked.model(),
        "choices": [{
            "index": 0, "message": message, "logprobs": null, "finish_reason": turn.finish_reason(),
        }],
        "usage": turn.chat_usage(),
        "service_tier": "default",
        "system_fingerprint": null,
    })
}

/// The events: the role, the text or the refusal, each call with its id and name first and its
/// arguments after, the reason of the end, the usage where it was asked for, and the mark.
pub(crate) fn events(turn: &Turn) -> Vec<String> {
    let include_usage = turn.asked.body["stream_options"]["include_usage"] == true;
    let chunk = |choices: Value| {
        let mut chunk = json!({
            "id": turn.id, "object": "chat.completion.chunk", "created": turn.created,
            "model": turn.asked.model(), "service_tier": "default", "system_fingerprint": null,
            "choices": choices,
        });
        if include_usage {
            chunk["usage"] = Value::Null;
        }
        chunk
    };
    let delta = |delta: Value, finish_reason: Option<&str>| {
        chunk(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason}]))
    };
    let start = turn.content().map(|_| "");
    let mut chunks = vec![delta(
        json!({"role": "assistant", "content": start, "refusal": null}),
        None,
    )];
    let text = fragments(&turn.text).into_iter();
    chunks.extend(text.map(|text| delta(json!({"content": text}), None)));
    let words = fragments(turn.refusal().unwrap_or_default()).into_iter();
    chunks.extend(words.map(|words| delta(json!({"refusal": words}), None)));
    for (index, call) in turn.calls.iter().enumerate() {
        let function = json!({"name": call.name, "arguments": ""});
        let start = json!({"index": index, "type": "function", "function": function});
        let start = with_id(start, call.id.as_deref());
        chunks.push(delta(json!({"tool_calls": [start]}), None));
        for arguments in fragments(&call.arguments) {
            let more = json!({"index": index, "function": {"arguments": arguments}});
            chunks.push(delta(json!({"tool_calls": [more]}), None));
        }
    }
    chunks.push(delta(json!({}), Some(turn.finish_reason())));
    if include_usage {
        let mut last = chunk(json!([]));
        last["usage"] = turn.chat_usage();
        chunks.push(last);
    }
    let data = chunks.iter().map(Value::to_string);
    let data = data.chain(["[DONE]".to_owned()]);
    data.map(|data| event(None, &data)).collect()
}

fn with_id(mut call: Value, id: Option<&str>) -> Value {
    if let Some(id) = id {
        call["id"] = json!(id);
    }
    call
}
