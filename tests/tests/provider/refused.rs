//! What a provider refuses, and in which words.

use meanwhile_tests::provider::{KEY, Provider, Reply, Wire};
use serde_json::{Value, json};

use super::{WIRES, ask, http, question, request, with};

/// Asks, and is refused: the status and the error.
async fn refused(provider: &Provider, wire: Wire, body: &Value) -> (u16, Value) {
    let answer = ask(provider, wire, body).await;
    let status = answer.status().as_u16();
    let mut body: Value = answer.json().await.unwrap();
    if wire == Wire::Messages {
        assert_eq!(body["type"], "error");
    }
    (status, body["error"].take())
}

/// Every change to a question is refused with status 400, in words that have these in them.
pub(crate) async fn refuses(wire: Wire, table: Vec<(Value, &str)>) {
    let provider = Provider::start().await;
    for (change, words) in table {
        let (status, error) = refused(&provider, wire, &with(question(wire), change.clone())).await;
        assert_eq!(status, 400, "{change}: {error}");
        assert_eq!(error["type"], "invalid_request_error", "{change}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(words), "{change}: {message}");
        let asked = provider.asked();
        assert_eq!(asked.last().unwrap().refused.as_deref(), Some(message));
    }
}

#[tokio::test]
async fn without_the_key_nothing_is_done() {
    let provider = Provider::start_with("another-key", &["a-model"]).await;
    for wire in WIRES {
        let (status, error) = refused(&provider, wire, &question(wire)).await;
        assert_eq!(status, 401);
        let (kind, code) = match wire {
            Wire::Messages => ("authentication_error", Value::Null),
            Wire::Chat | Wire::Responses => ("invalid_request_error", json!("invalid_api_key")),
        };
        assert_eq!(error["type"], kind);
        assert_eq!(error["code"], code);
    }
    let answer = http()
        .post(format!("{}/v1/messages", provider.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
    let answer = http()
        .post(format!("{}/v1/responses", provider.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 401);
    assert!(provider.asked().iter().all(|asked| asked.refused.is_some()));
}

#[tokio::test]
async fn anthropic_wants_a_version() {
    let provider = Provider::start().await;
    let post = http()
        .post(format!("{}/v1/messages", provider.url()))
        .header("x-api-key", KEY);
    let unversioned = post.try_clone().unwrap().send().await.unwrap();
    assert_eq!(unversioned.status(), 400);
    let unknown = post
        .header("anthropic-version", "1999-01-01")
        .send()
        .await
        .unwrap();
    assert_eq!(unknown.status(), 400);
}

#[tokio::test]
async fn an_unknown_model_is_not_found() {
    let provider = Provider::start().await;
    for wire in WIRES {
        let body = with(question(wire), json!({"model": "no-model"}));
        let (status, error) = refused(&provider, wire, &body).await;
        assert_eq!(status, 404);
        match wire {
            Wire::Messages => assert_eq!(error["type"], "not_found_error"),
            Wire::Chat | Wire::Responses => assert_eq!(error["code"], "model_not_found"),
        }
    }
}

#[tokio::test]
async fn a_body_that_is_no_json_is_refused() {
    let provider = Provider::start().await;
    for wire in WIRES {
        let answer = request(&provider, wire).body("{\"model\":").send().await.unwrap();
        assert_eq!(answer.status(), 400);
    }
    for wire in WIRES {
        assert_eq!(refused(&provider, wire, &json!(["model"])).await.0, 400);
    }
    let asked = provider.asked();
    assert_eq!(asked.len(), 6);
    assert_eq!(asked[0].body, Value::Null);
}

#[tokio::test]
async fn a_body_that_is_too_long_is_not_read() {
    let provider = Provider::start().await;
    let long = " ".repeat((32 << 20) + 1);
    let answer = request(&provider, Wire::Messages)
        .body(long)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 413);
    let error: Value = answer.json().await.unwrap();
    assert_eq!(error["error"]["type"], "request_too_large");
}

#[tokio::test]
async fn models_are_listed_for_those_with_the_key() {
    let provider = Provider::start().await;
    let get = || http().get(format!("{}/v1/models", provider.url()));
    let listed: Value = get().bearer_auth(KEY).send().await.unwrap().json().await.unwrap();
    assert_eq!(listed["object"], "list");
    assert_eq!(listed["data"][1]["id"], "judge-model");
    let get_anthropic = get()
        .header("x-api-key", KEY)
        .header("anthropic-version", "2023-06-01");
    let listed: Value = get_anthropic.send().await.unwrap().json().await.unwrap();
    assert_eq!(listed["data"][0]["type"], "model");
    assert_eq!(listed["last_id"], "judge-model");
    assert_eq!(get().send().await.unwrap().status(), 401);
    let nowhere = http().post(format!("{}/chat/completions", provider.url()));
    assert_eq!(nowhere.send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_request_that_is_refused_uses_up_no_reply() {
    let provider = Provider::start().await;
    provider.script([Reply::text("Two.")]);
    let wire = Wire::Chat;
    assert_eq!(refused(&provider, wire, &json!({})).await.0, 400);
    assert_eq!(ask(&provider, wire, &question(wire)).await.status(), 200);
    let (status, error) = refused(&provider, wire, &question(wire)).await;
    assert_eq!(status, 500);
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("no reply left"), "{message}");
}

/// A tool of this name with this schema, as the wire has it.
fn tool(wire: Wire, name: &str, schema: &Value) -> Value {
    match wire {
        Wire::Chat => json!({"type": "function", "function": {"name": name, "parameters": schema}}),
        Wire::Responses => json!({"type": "function", "name": name, "parameters": schema}),
        Wire::Messages => json!({"name": name, "input_schema": schema}),
    }
}

#[tokio::test]
async fn tools_have_a_good_name_and_a_schema_of_an_object() {
    let schema = json!({"type": "object", "properties": {"tags": {"type": "array", "items": {}}}});
    let too_long = "n".repeat(65);
    for wire in WIRES {
        let tools = |name: &str, schema: &Value| json!({"tools": [tool(wire, name, schema)]});
        let with_choice = |choice: Value| {
            let tools = json!([tool(wire, "list_jobs", &schema)]);
            json!({"tools": tools, "tool_choice": choice})
        };
        let mut table = vec![
            (tools("list jobs", &schema), "pattern"),
            (tools("", &schema), "pattern"),
            (tools(&too_long, &schema), "pattern"),
            (tools("list_jobs", &json!({"type": "string"})), "object"),
            (tools("list_jobs", &json!({})), "object"),
            (with_choice(json!("sometimes")), ""),
            (json!({"tool_choice": "auto"}), "tool"),
            (json!({"unheard_of": 1}), "unheard_of"),
            (json!({"stream": "yes"}), "stream"),
            (json!({"temperature": 3}), "temperature"),
            (json!({"model": null}), "model"),
        ];
        let unknown = match wire {
            Wire::Chat => json!({"type": "function", "function": {"name": "get_job"}}),
            Wire::Responses => json!({"type": "function", "name": "get_job"}),
            Wire::Messages => json!({"type": "tool", "name": "get_job"}),
        };
        table.push((with_choice(unknown), "get_job"));
        if wire != Wire::Messages {
            let many: Vec<Value> = (0..=128)
                .map(|n| tool(wire, &format!("tool_{n}"), &schema))
                .collect();
            table.push((json!({"tools": many}), "array too long"));
            table.push((with_choice(json!({"type": "function"})), "tool_choice.function"));
            table.push((json!({"tools": [{"type": "function"}]}), "name"));
            table.push((json!({"tools": [{"type": "web_search"}]}), "'function'"));
            let untyped = json!({"type": "object", "properties": {"tags": {"type": "array"}}});
            table.push((
                tools("list_jobs", &untyped),
                "context=('properties', 'tags'), array schema missing items",
            ));
            let mut strict = tool(wire, "list_jobs", &schema);
            let function = if wire == Wire::Chat {
                &mut strict["function"]
            } else {
                &mut strict
            };
            function["strict"] = json!(true);
            table.push((json!({"tools": [strict]}), "additionalProperties"));
            table.push((json!({"tools": []}), "empty array"));
            table.push((json!({"parallel_tool_calls": false}), "parallel_tool_calls"));
            table.push((
                json!({"stream_options": {"include_usage": true}}),
                "stream_options",
            ));
            let other = tool(wire, "get_job", &schema);
            let tools = match wire {
                Wire::Chat => json!({"allowed_tools": {"mode": "auto", "tools": [other]}}),
                _ => json!({"mode": "auto", "tools": [other]}),
            };
            let allowed = with(tools, json!({"type": "allowed_tools"}));
            table.push((with_choice(allowed), "get_job"));
            let mode = json!({"type": "allowed_tools", "mode": "never", "tools": []});
            table.push((with_choice(mode), "'required'"));
        }
        refuses(wire, table).await;

        let provider = Provider::start().await;
        provider.script([Reply::text("Two."), Reply::text("Two.")]);
        let named = match wire {
            Wire::Chat => json!({"type": "function", "function": {"name": "list_jobs"}}),
            Wire::Responses => json!({"type": "function", "name": "list_jobs"}),
            Wire::Messages => json!({"type": "tool", "name": "list_jobs"}),
        };
        let auto = if wire == Wire::Messages {
            json!({"type": "auto"})
        } else {
            json!("auto")
        };
        for choice in [named, auto] {
            let answer = ask(&provider, wire, &with(question(wire), with_choice(choice))).await;
            assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
        }
    }
}
