//! The provider of language models that tests talk to: whether it speaks as the real ones do.
#![allow(clippy::unwrap_used)]

mod asked;
mod chat;
mod conversations;
mod faults;
mod messages;
mod refused;
mod responses;
mod waiting;

use meanwhile_tests::provider::{KEY, Provider, Wire};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

const WIRES: [Wire; 3] = [Wire::Chat, Wire::Responses, Wire::Messages];

/// Text with everything that an encoding can get wrong.
const TEXT: &str =
    "Zoë said: \"お早う 👩‍👩‍👧\"\n\t— and \\ left; a longer line, so that there are many fragments of it.";

fn http() -> reqwest::Client {
    // reqwest wants a provider even for plain HTTP; another client may have installed it.
    meanwhile::tls::choose_cryptography();
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// A request that is as it should be, but for its body.
fn request(provider: &Provider, wire: Wire) -> RequestBuilder {
    let post = |path| http().post(format!("{}/v1/{path}", provider.url()));
    match wire {
        Wire::Chat => post("chat/completions").bearer_auth(KEY),
        Wire::Responses => post("responses").bearer_auth(KEY),
        Wire::Messages => post("messages")
            .header("x-api-key", KEY)
            .header("anthropic-version", "2023-06-01"),
    }
}

/// A question.
fn question(wire: Wire) -> Value {
    let messages = json!([{"role": "user", "content": "How many jobs?"}]);
    match wire {
        Wire::Chat => json!({"model": "test-model", "messages": messages}),
        Wire::Responses => json!({"model": "test-model", "input": messages}),
        Wire::Messages => json!({"model": "test-model", "max_tokens": 100, "messages": messages}),
    }
}

/// The same, with more or other fields; null takes one away.
fn with(mut body: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
        if value.is_null() {
            body.as_object_mut().unwrap().remove(name);
        }
    }
    body
}

fn streamed(wire: Wire) -> Value {
    with(question(wire), json!({"stream": true}))
}

async fn ask(provider: &Provider, wire: Wire, body: &Value) -> reqwest::Response {
    request(provider, wire).json(body).send().await.unwrap()
}

/// The reply to a question, whole.
async fn whole(provider: &Provider, wire: Wire) -> Value {
    let answer = ask(provider, wire, &question(wire)).await;
    assert_eq!(answer.status(), 200);
    answer.json().await.unwrap()
}

/// The events of a stream: their names, if they have some, and their data.
async fn events(provider: &Provider, wire: Wire, body: &Value) -> Vec<(Option<String>, String)> {
    let answer = ask(provider, wire, body).await;
    assert_eq!(answer.status(), 200);
    let kind = answer.headers()["content-type"].to_str().unwrap();
    assert!(kind.starts_with("text/event-stream"), "{kind}");
    let text = answer.text().await.unwrap();
    let events = text.strip_suffix("\n\n").unwrap().split("\n\n");
    let events = events.map(|event| match event.split_once('\n') {
        None => (None, event.strip_prefix("data: ").unwrap().to_owned()),
        Some((name, data)) => (
            Some(name.strip_prefix("event: ").unwrap().to_owned()),
            data.strip_prefix("data: ").unwrap().to_owned(),
        ),
    });
    events.collect()
}

/// The same where every event has its type as its name.
async fn typed(provider: &Provider, wire: Wire, body: &Value) -> Vec<Value> {
    let events = events(provider, wire, body).await.into_iter();
    let events = events.map(|(name, data)| {
        let data: Value = serde_json::from_str(&data).unwrap();
        assert_eq!(data["type"].as_str(), name.as_deref());
        data
    });
    events.collect()
}

/// The types of events, those of the same kind in a row once.
fn types(events: &[Value]) -> Vec<&str> {
    let mut types: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    types.dedup();
    types
}

/// What a field adds up to, in several pieces.
fn pieces<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    let pieces: Vec<&str> = values.into_iter().filter_map(Value::as_str).collect();
    assert!(pieces.len() > 3, "{pieces:?}");
    pieces.concat()
}
