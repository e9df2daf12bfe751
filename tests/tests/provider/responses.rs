//! Responses of `OpenAI`.

use meanwhile_tests::provider::{Provider, Reply, Usage, Wire};
use serde_json::{Value, json};

use super::{TEXT, pieces, streamed, typed, types, whole};

#[tokio::test]
async fn a_whole_response_has_its_items_and_its_usage() {
    let provider = Provider::start().await;
    let usage = Usage {
        input: 1000,
        cached: 800,
        output: 50,
    };
    provider.script([
        Reply::text(TEXT)
            .and_call("list_jobs", json!({"words": "お早う"}))
            .usage(usage),
        Reply::call("list_jobs", json!({})).without_id(),
    ]);
    let response = whole(&provider, Wire::Responses).await;
    assert_eq!(response["object"], "response");
    assert_eq!(response["status"], "completed");
    assert_eq!(response["error"], Value::Null);
    let message = &response["output"][0];
    assert_eq!(message["type"], "message");
    assert_eq!(message["role"], "assistant");
    assert_eq!(message["content"][0]["type"], "output_text");
    assert_eq!(message["content"][0]["text"], TEXT);
    let call = &response["output"][1];
    assert_eq!(call["type"], "function_call");
    assert_eq!(call["name"], "list_jobs");
    assert_eq!(call["arguments"], "{\"words\":\"お早う\"}");
    assert!(call["call_id"].as_str().unwrap().starts_with("call_"));
    assert!(call["id"].as_str().unwrap().starts_with("fc_"));
    assert_eq!(response["usage"]["input_tokens"], 1000);
    assert_eq!(response["usage"]["input_tokens_details"]["cached_tokens"], 800);
    assert_eq!(response["usage"]["total_tokens"], 1050);

    let nameless = whole(&provider, Wire::Responses).await;
    assert_eq!(nameless["output"][0].get("call_id"), None);
}

#[tokio::test]
async fn a_response_ends_for_a_reason() {
    let provider = Provider::start().await;
    provider.script([
        Reply::text("Half a").cut_short(),
        Reply::text("Half a").filtered(),
        Reply::refusal("I will not."),
        Reply::empty(),
    ]);
    for (status, reason, output) in [
        ("incomplete", json!("max_output_tokens"), "output_text"),
        ("incomplete", json!("content_filter"), "output_text"),
        ("completed", Value::Null, "refusal"),
        ("completed", Value::Null, ""),
    ] {
        let response = whole(&provider, Wire::Responses).await;
        assert_eq!(response["status"], status);
        assert_eq!(response["incomplete_details"]["reason"], reason);
        let part = response["output"][0]["content"][0]["type"].as_str();
        assert_eq!(part.unwrap_or_default(), output);
    }
}

#[tokio::test]
async fn a_stream_adds_every_item_and_ends_with_the_whole_response() {
    let provider = Provider::start().await;
    let arguments = json!({"title": "Water the plants — お早う", "after_seconds": 60});
    provider.script([
        Reply::text(TEXT).and_call("create_job", arguments.clone()),
        Reply::text("Half a sentence, which").cut_short(),
    ]);
    let events = typed(&provider, Wire::Responses, &streamed(Wire::Responses)).await;
    assert_eq!(
        types(&events),
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
    let of = |kind: &'static str| events.iter().filter(move |event| event["type"] == kind);
    let text = of("response.output_text.delta").map(|event| &event["delta"]);
    assert_eq!(pieces(text), TEXT);
    let text = of("response.function_call_arguments.delta").map(|event| &event["delta"]);
    assert_eq!(serde_json::from_str::<Value>(&pieces(text)).unwrap(), arguments);
    let added = of("response.output_item.added").nth(1).unwrap();
    assert_eq!(added["item"]["name"], "create_job");
    assert_eq!(added["item"]["arguments"], "");
    let done: Vec<&Value> = of("response.output_item.done")
        .map(|event| &event["item"])
        .collect();
    let response = &events.last().unwrap()["response"];
    assert_eq!(response["output"], json!(done));
    assert_eq!(done[1]["call_id"], added["item"]["call_id"]);
    assert!(response["usage"]["output_tokens"].as_u64().unwrap() > 0);

    let events = typed(&provider, Wire::Responses, &streamed(Wire::Responses)).await;
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.incomplete");
    assert_eq!(last["response"]["status"], "incomplete");
}

#[tokio::test]
async fn a_refusal_is_streamed_as_one() {
    let provider = Provider::start().await;
    provider.script([Reply::refusal("I will not do that, and I say so.")]);
    let events = typed(&provider, Wire::Responses, &streamed(Wire::Responses)).await;
    let words = events
        .iter()
        .filter(|event| event["type"] == "response.refusal.delta");
    let words = pieces(words.map(|event| &event["delta"]));
    assert_eq!(words, "I will not do that, and I say so.");
    let done = events
        .iter()
        .find(|event| event["type"] == "response.refusal.done")
        .unwrap();
    assert_eq!(done["refusal"], words);
}
