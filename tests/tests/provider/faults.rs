//! What goes wrong, as it does at real providers.

use std::time::Duration;

use meanwhile_tests::provider::{Provider, Reply, Wire};
use serde_json::{Value, json};

use super::{WIRES, ask, events, question, streamed, typed};

#[tokio::test]
async fn every_status_has_its_providers_words() {
    let provider = Provider::start().await;
    for (status, openai, anthropic) in [
        (401, "invalid_request_error", "authentication_error"),
        (402, "invalid_request_error", "billing_error"),
        (403, "invalid_request_error", "permission_error"),
        (404, "invalid_request_error", "not_found_error"),
        (408, "invalid_request_error", "timeout_error"),
        (413, "invalid_request_error", "request_too_large"),
        (429, "requests", "rate_limit_error"),
        (500, "server_error", "api_error"),
        (503, "server_error", "api_error"),
        (529, "server_error", "overloaded_error"),
    ] {
        for wire in WIRES {
            provider.script([Reply::status(status)]);
            let answer = ask(&provider, wire, &streamed(wire)).await;
            assert_eq!(answer.status(), status);
            let id = if wire == Wire::Messages {
                "request-id"
            } else {
                "x-request-id"
            };
            assert!(answer.headers().contains_key(id));
            let body: Value = answer.json().await.unwrap();
            let kind = if wire == Wire::Messages { anthropic } else { openai };
            assert_eq!(body["error"]["type"], kind);
            assert!(!body["error"]["message"].as_str().unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn some_errors_say_that_to_ask_again_does_not_help() {
    let provider = Provider::start().await;
    for (wire, too_long, out_of_credit) in [
        (Wire::Chat, "context_length_exceeded", (429, "insufficient_quota")),
        (
            Wire::Responses,
            "context_length_exceeded",
            (429, "insufficient_quota"),
        ),
        (Wire::Messages, "prompt is too long", (402, "billing_error")),
    ] {
        provider.script([Reply::context_too_long(), Reply::out_of_credit()]);
        let answer = ask(&provider, wire, &question(wire)).await;
        assert_eq!(answer.status(), 400);
        let text = answer.text().await.unwrap();
        assert!(text.contains(too_long), "{text}");
        let answer = ask(&provider, wire, &question(wire)).await;
        assert_eq!(answer.status(), out_of_credit.0);
        let error = answer.json::<Value>().await.unwrap()["error"].take();
        assert_eq!(error["type"], out_of_credit.1);
    }
}

#[tokio::test]
async fn a_limit_says_when_to_come_back() {
    let provider = Provider::start().await;
    let instant = "2027-03-01T08:05:00Z".parse().unwrap();
    provider.script([
        Reply::status(429).retry_after(Duration::from_secs(30)),
        Reply::status(429).retry_at(instant),
        Reply::status(429),
    ]);
    for after in [Some("30"), Some("Mon, 01 Mar 2027 08:05:00 GMT"), None] {
        let answer = ask(&provider, Wire::Chat, &question(Wire::Chat)).await;
        let given = answer.headers().get("retry-after");
        assert_eq!(given.map(|given| given.to_str().unwrap()), after);
    }
}

#[tokio::test]
async fn a_connection_breaks_after_so_many_events() {
    let provider = Provider::start().await;
    for wire in WIRES {
        provider.script([
            Reply::text("A longer text.").cut_after(3),
            Reply::text("A longer text.").ended_after(3),
            Reply::text("A longer text."),
        ]);
        let mut broken = ask(&provider, wire, &streamed(wire)).await;
        let mut read = Vec::new();
        let error = loop {
            match broken.chunk().await {
                Ok(Some(bytes)) => read.extend(bytes),
                Ok(None) => panic!("the body ended well"),
                Err(error) => break error,
            }
        };
        assert!(error.is_body() || error.is_decode(), "{error:?}");
        let read = String::from_utf8(read).unwrap();
        assert_eq!(read.matches("\n\n").count(), 3, "{read}");
        assert_eq!(events(&provider, wire, &streamed(wire)).await.len(), 3);
        assert!(events(&provider, wire, &streamed(wire)).await.len() > 3);
    }
}

#[tokio::test]
async fn a_whole_reply_breaks_in_its_middle() {
    let provider = Provider::start().await;
    for wire in WIRES {
        provider.script([
            Reply::text("A longer text.").cut_after(1),
            Reply::text("A longer text.").ended_after(1),
            Reply::text("A longer text.").garbage_after(1),
            Reply::text("A longer text.").error_after(1),
        ]);
        let broken = ask(&provider, wire, &question(wire)).await;
        assert_eq!(broken.status(), 200);
        assert!(broken.text().await.is_err());
        for _ in ["ended", "garbage"] {
            let answer = ask(&provider, wire, &question(wire)).await;
            assert_eq!(answer.status(), 200);
            let text = answer.text().await.unwrap();
            assert!(text.starts_with('{') && serde_json::from_str::<Value>(&text).is_err());
        }
        let failed = ask(&provider, wire, &question(wire)).await;
        let status = if wire == Wire::Messages { 529 } else { 500 };
        assert_eq!(failed.status(), status);
    }
}

#[tokio::test]
async fn a_stream_says_that_the_provider_failed() {
    let provider = Provider::start().await;
    let failing = || Reply::text("A longer text.").error_after(4);
    provider.script([failing(), failing(), failing()]);
    let chat = events(&provider, Wire::Chat, &streamed(Wire::Chat)).await;
    assert_eq!(chat.len(), 5);
    let last: Value = serde_json::from_str(&chat[4].1).unwrap();
    assert_eq!(last["error"]["type"], "server_error");

    let responses = typed(&provider, Wire::Responses, &streamed(Wire::Responses)).await;
    assert_eq!(responses.len(), 5);
    assert_eq!(responses[4]["type"], "error");
    assert_eq!(responses[4]["code"], "server_error");
    assert_eq!(responses[4]["sequence_number"], 4);

    let messages = typed(&provider, Wire::Messages, &streamed(Wire::Messages)).await;
    assert_eq!(messages.len(), 5);
    assert_eq!(messages[4]["type"], "error");
    assert_eq!(messages[4]["error"]["type"], "overloaded_error");
}

#[tokio::test]
async fn an_event_is_garbage_and_the_stream_goes_on() {
    let provider = Provider::start().await;
    let reply = || Reply::text("A longer text.");
    for wire in WIRES {
        provider.script([reply(), reply().garbage_after(3)]);
        let good = events(&provider, wire, &streamed(wire)).await;
        let bad = events(&provider, wire, &streamed(wire)).await;
        assert_eq!(bad.len(), good.len());
        assert!(serde_json::from_str::<Value>(&bad[3].1).is_err());
        assert_eq!(bad[0].0, good[0].0);
    }
}

#[tokio::test]
async fn a_reply_is_anything() {
    let provider = Provider::start().await;
    provider.script([Reply::raw(502, "text/html", "<html>Bad gateway</html>").header("server", "a-gateway")]);
    let answer = ask(&provider, Wire::Chat, &question(Wire::Chat)).await;
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.headers()["content-type"], "text/html");
    assert_eq!(answer.headers()["server"], "a-gateway");
    assert_eq!(answer.text().await.unwrap(), "<html>Bad gateway</html>");
}

#[tokio::test]
async fn a_client_that_follows_gives_its_request_away() {
    let (provider, thief) = (Provider::start().await, Provider::start().await);
    let elsewhere = format!("{}/v1/messages", thief.url());
    provider.script([Reply::redirect(&elsewhere)]);
    thief.script([Reply::text("Thanks.")]);
    // reqwest follows unless told not to; of its headers it keeps those that it does not know.
    let answer = ask(&provider, Wire::Messages, &question(Wire::Messages)).await;
    assert_eq!(answer.status(), 200);
    let asked = thief.asked();
    assert_eq!(asked[0].key(), Some("test-key"));
    assert_eq!(asked[0].body, json!(question(Wire::Messages)));
}
