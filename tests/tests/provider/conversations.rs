//! Conversations that a provider does not take.

use meanwhile_tests::provider::Wire;
use serde_json::{Value, json};

use super::refused::refuses;
use super::with;

#[tokio::test]
async fn a_completion_needs_messages_whose_calls_are_answered() {
    let user = json!({"role": "user", "content": "How many?"});
    let call = |id: &str, name: &str| {
        let function = json!({"name": name, "arguments": "{}"});
        json!({"role": "assistant", "tool_calls": [{"id": id, "type": "function", "function": function}]})
    };
    let result = |id: &str| json!({"role": "tool", "tool_call_id": id, "content": "2"});
    let messages = |messages: &[&Value]| json!({"messages": messages});
    let long = "c".repeat(41);
    refuses(
        Wire::Chat,
        vec![
            (messages(&[]), "empty array"),
            (
                json!({"messages": null}),
                "Missing required parameter: 'messages'",
            ),
            (json!({"messages": "How many?"}), "expected an array"),
            (json!({"messages": [{"role": "user"}]}), "content"),
            (
                json!({"messages": [{"role": "robot", "content": "x"}]}),
                "'robot'",
            ),
            (
                json!({"messages": [{"role": "assistant", "content": null}]}),
                "content",
            ),
            (json!({"max_tokens": 0}), "max_tokens"),
            (json!({"max_tokens": 9, "max_completion_tokens": 9}), "same time"),
            (
                json!({"messages": [{"role": "user", "content": 5}]}),
                "an integer",
            ),
            (json!({"messages": [{"role": 5}]}), "expected a string"),
            (
                json!({"messages": [{"role": "assistant", "tool_calls": [{"id": "a"}]}]}),
                "tool_calls[0].type",
            ),
            (messages(&[&user, &result("a")]), "must be a response"),
            (
                messages(&[&user, &call("a", "f"), &result("b")]),
                "must be a response",
            ),
            (
                messages(&[&user, &call("a", "f")]),
                "did not have response messages: a",
            ),
            (
                messages(&[&user, &call("a", "f"), &user, &result("a")]),
                "response messages: a",
            ),
            (messages(&[&user, &call("a", "f f"), &result("a")]), "pattern"),
            (messages(&[&user, &call(&long, "f"), &result(&long)]), "too long"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_response_needs_items_whose_calls_are_answered() {
    let call = |id: &str| json!({"type": "function_call", "call_id": id, "name": "f", "arguments": "{}"});
    let result = |id: &str| json!({"type": "function_call_output", "call_id": id, "output": "2"});
    let input = |items: &[Value]| json!({"input": items});
    let said = json!({"role": "assistant", "content": [{"type": "input_text", "text": "x"}]});
    refuses(
        Wire::Responses,
        vec![
            (input(&[]), "empty array"),
            (json!({"input": null}), "Missing required parameter: 'input'"),
            (json!({"max_output_tokens": 15}), "max_output_tokens"),
            (json!({"previous_response_id": "resp_1"}), "not found"),
            (
                input(&[result("a")]),
                "No tool call found for function call output with call_id a",
            ),
            (input(&[result("a"), call("a")]), "No tool call found"),
            (input(&[call("a"), result("b")]), "call_id b"),
            (input(&[call("a")]), "No tool output found for function call a"),
            (input(&[json!({"type": "teapot"})]), "'teapot'"),
            (
                input(&[with(call("a"), json!({"id": "call_1"})), result("a")]),
                "begins with 'fc'",
            ),
            (
                input(&[json!({"type": "reasoning", "id": "msg_1"})]),
                "begins with 'rs'",
            ),
            (
                input(&[json!({"role": "user", "id": "fc_1", "content": "x"})]),
                "begins with 'msg'",
            ),
            (input(&[json!({"role": "user"})]), "input[0].content"),
            (
                input(&[json!({"type": "function_call_output", "call_id": "a"})]),
                "input[0].output",
            ),
            (input(&[json!({"role": "robot", "content": "x"})]), "'robot'"),
            (input(&[said]), "'output_text'"),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_message_needs_turns_whose_calls_are_answered_next() {
    let user = |content: Value| json!({"role": "user", "content": content});
    let call = |id: &str| {
        let block = json!({"type": "tool_use", "id": id, "name": "f", "input": {}});
        json!({"role": "assistant", "content": [block]})
    };
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "2"});
    let text = json!({"type": "text", "text": "Well?", "cache_control": {"type": "ephemeral"}});
    let messages = |messages: &[Value]| json!({"messages": messages});
    let wrong_input = json!({"type": "tool_use", "id": "a", "name": "f", "input": "{}"});
    let twice = json!({"name": "f", "input_schema": {"type": "object"}});
    refuses(
        Wire::Messages,
        vec![
            (json!({"max_tokens": null}), "max_tokens: Field required"),
            (json!({"max_tokens": 0}), "max_tokens"),
            (json!({"messages": null}), "messages: Field required"),
            (messages(&[]), "at least one message"),
            (
                messages(&[json!({"role": "user"})]),
                "messages.0.content: Field required",
            ),
            (messages(&[user(json!(" "))]), "non-whitespace"),
            (
                messages(&[user(json!([{"type": "text"}]))]),
                "text: Field required",
            ),
            (json!({"system": 5}), "system: Input should be a valid list"),
            (json!({"tools": [{"name": "f"}]}), "input_schema: Field required"),
            (json!({"tools": [{"input_schema": {}}]}), "name: Field required"),
            (
                json!({"tools": [twice], "tool_choice": {"type": "tool"}}),
                "name: Field required",
            ),
            (
                messages(&[json!({"role": "system", "content": "x"})]),
                "Unexpected role \"system\"",
            ),
            (
                messages(&[json!({"role": "assistant", "content": "x"})]),
                "first message",
            ),
            (
                messages(&[user(json!("x")), json!({"role": "assistant", "content": "y"})]),
                "prefill",
            ),
            (messages(&[user(json!(""))]), "non-empty"),
            (messages(&[user(json!([]))]), "non-empty"),
            (
                messages(&[user(json!([{"type": "text", "text": ""}]))]),
                "non-empty",
            ),
            (json!({"system": [{"type": "text", "text": ""}]}), "system"),
            (json!({"tools": [twice, twice]}), "unique"),
            (
                json!({"messages": [user(json!([text, text, text, text, text]))]}),
                "maximum of 4",
            ),
            (
                messages(&[user(json!([result("a")]))]),
                "unexpected `tool_use_id`",
            ),
            (
                messages(&[user(json!("x")), call("a")]),
                "without `tool_result` blocks immediately after: a",
            ),
            (
                messages(&[user(json!("x")), call("a"), user(json!("y"))]),
                "without `tool_result`",
            ),
            (
                messages(&[user(json!("x")), call("a"), user(json!([text, result("a")]))]),
                "without `tool_result`",
            ),
            (
                messages(&[user(json!("x")), call("a b"), user(json!([result("a b")]))]),
                "pattern",
            ),
            (
                messages(&[
                    user(json!("x")),
                    json!({"role": "assistant", "content": [wrong_input]}),
                ]),
                "valid dictionary",
            ),
            (
                messages(&[
                    user(json!("x")),
                    call("a"),
                    user(json!([result("a")])),
                    call("a"),
                    user(json!([result("a")])),
                ]),
                "ids must be unique",
            ),
        ],
    )
    .await;
}
