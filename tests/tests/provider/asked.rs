//! What a test can read of a request, alike on every wire.

use meanwhile_tests::provider::{KEY, Provider, Reply, Wire};
use serde_json::{Value, json};

use super::{WIRES, ask, question, with};

/// A conversation with two calls, the second of which failed.
fn conversation(wire: Wire) -> Value {
    let schema = json!({"type": "object"});
    match wire {
        Wire::Chat => json!({
            "messages": [
                {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
                {"role": "user", "content": "How many?"},
                {"role": "assistant", "content": "Let me see.", "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "list_jobs", "arguments": "{\"n\":1}"}},
                    {"id": "b", "type": "function", "function": {"name": "get_job", "arguments": "{"}},
                ]},
                {"role": "tool", "tool_call_id": "a", "content": "two"},
                {"role": "tool", "tool_call_id": "b", "content": "no such job"},
                {"role": "user", "content": [{"type": "text", "text": "And now?"}]},
            ],
            "tools": [{"type": "function", "function": {"name": "list_jobs", "parameters": schema}}],
        }),
        Wire::Responses => json!({
            "instructions": "Be brief.",
            "input": [
                {"role": "user", "content": "How many?"},
                {"type": "message", "role": "assistant", "content": [
                    {"type": "output_text", "text": "Let me see."},
                ]},
                {"type": "function_call", "call_id": "a", "name": "list_jobs", "arguments": "{\"n\":1}"},
                {"type": "function_call", "call_id": "b", "name": "get_job", "arguments": "{"},
                {"type": "function_call_output", "call_id": "a", "output": "two"},
                {"type": "function_call_output", "call_id": "b", "output": "no such job"},
                {"role": "user", "content": [{"type": "input_text", "text": "And now?"}]},
            ],
            "tools": [{"type": "function", "name": "list_jobs", "parameters": schema}],
        }),
        Wire::Messages => json!({
            "system": [{"type": "text", "text": "Be brief."}],
            "messages": [
                {"role": "user", "content": "How many?"},
                {"role": "assistant", "content": [
                    {"type": "text", "text": "Let me see."},
                    {"type": "tool_use", "id": "a", "name": "list_jobs", "input": {"n": 1}},
                    {"type": "tool_use", "id": "b", "name": "get_job", "input": {}},
                ]},
                {"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "two"},
                    {"type": "tool_result", "tool_use_id": "b", "is_error": true, "content": [
                        {"type": "text", "text": "no such job"},
                    ]},
                    {"type": "text", "text": "And now?"},
                ]},
            ],
            "tools": [{"name": "list_jobs", "input_schema": schema}],
        }),
    }
}

#[tokio::test]
async fn a_conversation_reads_the_same_on_every_wire() {
    let provider = Provider::start().await;
    for wire in WIRES {
        provider.script([Reply::text("Three.")]);
        let body = with(question(wire), conversation(wire));
        let answer = ask(&provider, wire, &body).await;
        assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
        let asked = provider.asked().pop().unwrap();
        assert_eq!(asked.wire, wire);
        assert_eq!(asked.refused, None);
        assert_eq!(asked.body, body);
        assert_eq!(asked.headers["content-type"], "application/json");
        assert_eq!(asked.key(), Some(KEY));
        assert_eq!(asked.model(), "test-model");
        assert!(!asked.streamed());
        assert_eq!(asked.system(), "Be brief.");
        assert_eq!(asked.last_user(), "And now?");
        assert_eq!(asked.said(), ["Let me see."]);
        assert_eq!(asked.tools(), ["list_jobs"]);
        let calls = asked.calls();
        assert_eq!(calls[0].arguments, json!({"n": 1}));
        let unparsed = if wire == Wire::Messages {
            json!({})
        } else {
            json!("{")
        };
        assert_eq!(calls[1].arguments, unparsed);
        let results = asked.results();
        assert_eq!(results[0].call, calls[0]);
        assert_eq!(results[0].text, "two");
        assert_eq!(results[1].is_error, wire == Wire::Messages);
        assert_eq!(asked.result_of("get_job").as_deref(), Some("no such job"));
        assert_eq!(asked.result_of("a").as_deref(), Some("two"));
        assert_eq!(asked.result_of("delete_job"), None);
    }
}

#[tokio::test]
async fn a_plain_text_is_a_question_too() {
    let provider = Provider::start().await;
    provider.script([Reply::text("Two.")]);
    let body = with(
        question(Wire::Responses),
        json!({"input": "How many?", "stream": true}),
    );
    ask(&provider, Wire::Responses, &body).await;
    let asked = provider.asked().pop().unwrap();
    assert_eq!(asked.last_user(), "How many?");
    assert!(asked.streamed());
}

#[tokio::test]
async fn a_model_decides_by_the_request_and_a_script_takes_over_again() {
    let provider = Provider::start().await;
    provider.model(|asked| Reply::text(&format!("You said: {}", asked.last_user())));
    let said = async || {
        let answer = ask(&provider, Wire::Chat, &question(Wire::Chat)).await;
        answer.json::<Value>().await.unwrap()["choices"][0]["message"]["content"].take()
    };
    assert_eq!(said().await, "You said: How many jobs?");
    provider.script([Reply::text("Enough.")]);
    assert_eq!(said().await, "Enough.");
    assert_eq!(provider.asked_at_least(2).await.len(), 2);
}
