//! Messages of Anthropic.

use meanwhile_tests::provider::{Provider, Reply, Usage, Wire};
use serde_json::{Value, json};

use super::{TEXT, pieces, streamed, typed, types, whole};

const USAGE: Usage = Usage {
    input: 1000,
    cached: 800,
    output: 50,
};

#[tokio::test]
async fn a_whole_message_has_its_blocks_and_its_usage() {
    let provider = Provider::start().await;
    let reply = Reply::text(TEXT)
        .and_call("list_jobs", json!({"words": "お早う"}))
        .and_call_raw("get_job", "{\"id\": ");
    provider.script([
        reply.usage(USAGE),
        Reply::call("list_jobs", json!({})).without_id(),
    ]);
    let message = whole(&provider, Wire::Messages).await;
    assert_eq!(message["type"], "message");
    assert_eq!(message["role"], "assistant");
    assert_eq!(message["model"], "test-model");
    assert!(message["id"].as_str().unwrap().starts_with("msg_"));
    assert_eq!(message["stop_reason"], "tool_use");
    assert_eq!(message["content"][0], json!({"type": "text", "text": TEXT}));
    let call = &message["content"][1];
    assert_eq!(call["type"], "tool_use");
    assert_eq!(call["name"], "list_jobs");
    assert_eq!(call["input"], json!({"words": "お早う"}));
    assert!(call["id"].as_str().unwrap().starts_with("toolu_"));
    assert_ne!(call["id"], message["content"][2]["id"]);
    assert_eq!(message["content"][2]["input"], "{\"id\": ");
    // Those from the cache are beside the others.
    assert_eq!(message["usage"]["input_tokens"], 200);
    assert_eq!(message["usage"]["cache_read_input_tokens"], 800);
    assert_eq!(message["usage"]["output_tokens"], 50);

    let nameless = whole(&provider, Wire::Messages).await;
    assert_eq!(nameless["content"][0].get("id"), None);
}

#[tokio::test]
async fn a_message_ends_for_a_reason() {
    let provider = Provider::start().await;
    provider.script([
        Reply::text("Whole."),
        Reply::text("Half a").cut_short(),
        Reply::text("Half a").filtered(),
        Reply::refusal("I will not."),
        Reply::empty(),
    ]);
    for (reason, explanation, blocks) in [
        ("end_turn", Value::Null, 1),
        ("max_tokens", Value::Null, 1),
        ("refusal", Value::Null, 1),
        ("refusal", json!("I will not."), 0),
        ("end_turn", Value::Null, 0),
    ] {
        let message = whole(&provider, Wire::Messages).await;
        assert_eq!(message["stop_reason"], reason);
        assert_eq!(message["stop_details"]["explanation"], explanation);
        assert_eq!(message["content"].as_array().unwrap().len(), blocks);
    }
}

#[tokio::test]
async fn a_stream_has_every_block_between_its_start_and_its_stop() {
    let provider = Provider::start().await;
    let arguments = json!({"title": "Water the plants — お早う", "after_seconds": 60});
    let reply = Reply::text(TEXT)
        .and_call("create_job", arguments.clone())
        .and_call("list_jobs", json!({}));
    provider.script([reply.usage(USAGE)]);
    let events = typed(&provider, Wire::Messages, &streamed(Wire::Messages)).await;
    assert_eq!(
        types(&events),
        [
            "message_start",
            "ping",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    let start = &events[0]["message"];
    assert_eq!(start["content"], json!([]));
    assert_eq!(start["stop_reason"], Value::Null);
    assert_eq!(start["usage"]["input_tokens"], 200);
    assert_eq!(start["usage"]["cache_read_input_tokens"], 800);

    let of_block = |index: u64| {
        let of_it = events.iter().filter(move |event| event["index"] == index);
        of_it.collect::<Vec<_>>()
    };
    let deltas = |index: u64, kind: &str, field: &str| -> Vec<&Value> {
        let deltas = of_block(index).into_iter().filter_map(|event| event.get("delta"));
        let deltas = deltas.inspect(|delta| assert_eq!(delta["type"], kind));
        deltas.map(|delta| &delta[field]).collect()
    };
    assert_eq!(
        of_block(0)[0]["content_block"],
        json!({"type": "text", "text": ""})
    );
    assert_eq!(pieces(deltas(0, "text_delta", "text")), TEXT);
    let block = &of_block(1)[0]["content_block"];
    assert!(block["id"].as_str().unwrap().starts_with("toolu_"));
    assert_eq!(block["name"], "create_job");
    assert_eq!(block["input"], json!({}));
    let text = pieces(deltas(1, "input_json_delta", "partial_json"));
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), arguments);
    assert_eq!(deltas(2, "input_json_delta", "partial_json"), [&json!("")]);

    let end = &events[events.len() - 2];
    assert_eq!(end["delta"]["stop_reason"], "tool_use");
    assert_eq!(end["usage"]["output_tokens"], 50);
    assert_eq!(end["usage"]["cache_read_input_tokens"], 800);
}

#[tokio::test]
async fn a_refusal_says_why_at_the_end_of_the_stream() {
    let provider = Provider::start().await;
    provider.script([Reply::refusal("I will not."), Reply::empty()]);
    for (reason, explanation) in [("refusal", json!("I will not.")), ("end_turn", Value::Null)] {
        let events = typed(&provider, Wire::Messages, &streamed(Wire::Messages)).await;
        assert_eq!(
            types(&events),
            ["message_start", "ping", "message_delta", "message_stop"]
        );
        assert_eq!(events[2]["delta"]["stop_reason"], reason);
        assert_eq!(events[2]["delta"]["stop_details"]["explanation"], explanation);
    }
}
