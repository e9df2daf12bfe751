//! Chat completions.

use meanwhile_tests::provider::{Provider, Reply, Usage, Wire};
use serde_json::{Value, json};

use super::{TEXT, events, pieces, streamed, whole, with};

const USAGE: Usage = Usage {
    input: 1000,
    cached: 800,
    output: 50,
};

#[tokio::test]
async fn a_whole_completion_has_its_text_and_its_usage() {
    let provider = Provider::start().await;
    provider.script([Reply::text(TEXT).usage(USAGE), Reply::text(TEXT)]);
    let completion = whole(&provider, Wire::Chat).await;
    assert_eq!(completion["object"], "chat.completion");
    assert_eq!(completion["model"], "test-model");
    assert!(completion["id"].as_str().unwrap().starts_with("chatcmpl-"));
    let choice = &completion["choices"][0];
    assert_eq!(choice["message"]["role"], "assistant");
    assert_eq!(choice["message"]["content"], TEXT);
    assert_eq!(choice["message"]["tool_calls"], Value::Null);
    assert_eq!(choice["finish_reason"], "stop");
    let usage = &completion["usage"];
    assert_eq!(usage["prompt_tokens"], 1000);
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 800);
    assert_eq!(usage["completion_tokens"], 50);
    assert_eq!(usage["total_tokens"], 1050);

    let counted = &whole(&provider, Wire::Chat).await["usage"];
    assert_eq!(counted["completion_tokens"], TEXT.len().div_ceil(4));
    assert_eq!(counted["prompt_tokens_details"]["cached_tokens"], 0);
}

#[tokio::test]
async fn a_whole_completion_has_its_calls() {
    let provider = Provider::start().await;
    provider.script([
        Reply::text("Let me see.")
            .and_call("list_jobs", json!({"words": "お早う"}))
            .and_call_raw("get_job", "{\"id\": "),
        Reply::call("list_jobs", json!({})).without_id(),
    ]);
    let completion = whole(&provider, Wire::Chat).await;
    let choice = &completion["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], "Let me see.");
    let calls = choice["message"]["tool_calls"].as_array().unwrap();
    assert_eq!(calls[0]["type"], "function");
    assert_eq!(calls[0]["function"]["name"], "list_jobs");
    assert_eq!(calls[0]["function"]["arguments"], "{\"words\":\"お早う\"}");
    assert_eq!(calls[1]["function"]["arguments"], "{\"id\": ");
    assert!(calls[0]["id"].as_str().unwrap().starts_with("call_"));
    assert_ne!(calls[0]["id"], calls[1]["id"]);

    let nameless = whole(&provider, Wire::Chat).await;
    let message = &nameless["choices"][0]["message"];
    assert_eq!(message["content"], Value::Null);
    assert_eq!(message["tool_calls"][0].get("id"), None);
}

#[tokio::test]
async fn a_completion_ends_for_a_reason() {
    let provider = Provider::start().await;
    provider.script([
        Reply::text("Half a").cut_short(),
        Reply::text("Half a").filtered(),
        Reply::refusal("I will not."),
        Reply::empty(),
    ]);
    for (reason, content, refusal) in [
        ("length", json!("Half a"), Value::Null),
        ("content_filter", json!("Half a"), Value::Null),
        ("stop", Value::Null, json!("I will not.")),
        ("stop", json!(""), Value::Null),
    ] {
        let choice = &whole(&provider, Wire::Chat).await["choices"][0];
        assert_eq!(choice["finish_reason"], reason);
        assert_eq!(choice["message"]["content"], content);
        assert_eq!(choice["message"]["refusal"], refusal);
    }
}

/// The chunks of a stream that ends with the mark.
async fn chunks(provider: &Provider, body: &Value) -> Vec<Value> {
    let mut events = events(provider, Wire::Chat, body).await;
    assert_eq!(events.pop().unwrap(), (None, "[DONE]".to_owned()));
    let chunks = events.into_iter().map(|(name, data)| {
        assert_eq!(name, None);
        serde_json::from_str(&data).unwrap()
    });
    let chunks: Vec<Value> = chunks.collect();
    for chunk in &chunks {
        assert_eq!(chunk["object"], "chat.completion.chunk");
        assert_eq!(chunk["id"], chunks[0]["id"]);
    }
    chunks
}

#[tokio::test]
async fn a_stream_begins_with_the_role_and_ends_with_the_reason() {
    let provider = Provider::start().await;
    provider.script([Reply::text(TEXT).usage(USAGE), Reply::text(TEXT).usage(USAGE)]);
    let chunks_of_it = chunks(&provider, &streamed(Wire::Chat)).await;
    let [first, text @ .., last] = &chunks_of_it[..] else {
        panic!("{chunks_of_it:?}");
    };
    assert_eq!(
        first["choices"][0]["delta"],
        json!({"role": "assistant", "content": "", "refusal": null})
    );
    let text = text.iter().map(|chunk| &chunk["choices"][0]["delta"]["content"]);
    assert_eq!(pieces(text), TEXT);
    assert_eq!(last["choices"][0]["delta"], json!({}));
    assert_eq!(last["choices"][0]["finish_reason"], "stop");
    assert!(chunks_of_it.iter().all(|chunk| chunk.get("usage").is_none()));

    let asking = with(
        streamed(Wire::Chat),
        json!({"stream_options": {"include_usage": true}}),
    );
    let mut chunks = chunks(&provider, &asking).await;
    let usage = chunks.pop().unwrap();
    assert_eq!(usage["choices"], json!([]));
    assert_eq!(usage["usage"]["total_tokens"], 1050);
    assert_eq!(usage["usage"]["prompt_tokens_details"]["cached_tokens"], 800);
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk.get("usage") == Some(&Value::Null))
    );
}

#[tokio::test]
async fn a_stream_names_each_call_before_its_arguments() {
    let provider = Provider::start().await;
    let first = json!({"title": "Water the plants — お早う", "after_seconds": 60});
    let calls =
        Reply::call("create_job", first.clone()).and_call("list_jobs", json!({"words": "plants and more"}));
    provider.script([calls]);
    let chunks = chunks(&provider, &streamed(Wire::Chat)).await;
    assert_eq!(chunks[0]["choices"][0]["delta"]["content"], Value::Null);
    let last = chunks.last().unwrap();
    assert_eq!(last["choices"][0]["finish_reason"], "tool_calls");
    let deltas = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"].get("tool_calls"));
    let deltas: Vec<&Value> = deltas.map(|calls| &calls[0]).collect();
    for (index, name, arguments) in [
        (0, "create_job", first),
        (1, "list_jobs", json!({"words": "plants and more"})),
    ] {
        let of_call: Vec<_> = deltas.iter().filter(|delta| delta["index"] == index).collect();
        let (start, more) = of_call.split_first().unwrap();
        assert!(start["id"].as_str().unwrap().starts_with("call_"));
        assert_eq!(start["type"], "function");
        assert_eq!(start["function"], json!({"name": name, "arguments": ""}));
        assert!(more.iter().all(|delta| delta.get("id").is_none()));
        let text = pieces(more.iter().map(|delta| &delta["function"]["arguments"]));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), arguments);
    }
}

#[tokio::test]
async fn a_refusal_is_streamed_as_one() {
    let provider = Provider::start().await;
    provider.script([Reply::refusal("I will not do that, and I say so.")]);
    let chunks = chunks(&provider, &streamed(Wire::Chat)).await;
    let words = chunks
        .iter()
        .map(|chunk| &chunk["choices"][0]["delta"]["refusal"]);
    assert_eq!(pieces(words), "I will not do that, and I say so.");
}
