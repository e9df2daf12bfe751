//! Replies that are slow, and clients that do not wait for them.

use meanwhile_tests::provider::{Gate, Provider, Reply, Wire};
use reqwest::Response;
use serde_json::Value;

use super::{WIRES, ask, question, request, streamed};

/// Reads so many events, and no byte more.
async fn read(answer: &mut Response, events: usize) -> String {
    let mut text = Vec::new();
    while text.windows(2).filter(|end| end == b"\n\n").count() < events {
        text.extend(answer.chunk().await.unwrap().unwrap());
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn the_rest_of_a_stream_comes_when_its_gate_opens() {
    let provider = Provider::start().await;
    for wire in WIRES {
        let gate = Gate::new();
        provider.script([Reply::text("A longer text.").held_after(3, &gate)]);
        let mut answer = ask(&provider, wire, &streamed(wire)).await;
        let begun = read(&mut answer, 3).await;
        assert!(begun.ends_with("\n\n"), "{begun}");
        assert_eq!(provider.open(), 1);
        gate.open();
        let rest = answer.text().await.unwrap();
        assert!(rest.contains("\n\n"));
        provider.closed().await;
    }
    assert_eq!(provider.abandoned(), 0);
}

#[tokio::test]
async fn the_headers_come_before_a_whole_reply_that_is_held_and_not_before_one_that_is_silent() {
    let provider = Provider::start().await;
    let gate = Gate::new();
    provider.script([
        Reply::text("Two.").held_after(0, &gate),
        Reply::text("Two.").held(&gate),
    ]);
    let answer = ask(&provider, Wire::Chat, &question(Wire::Chat)).await;
    assert_eq!(answer.status(), 200);
    let silent = tokio::spawn(request(&provider, Wire::Chat).json(&question(Wire::Chat)).send());
    provider.asked_at_least(2).await;
    assert_eq!(provider.open(), 2);
    assert!(!silent.is_finished());
    gate.open();
    for answer in [answer, silent.await.unwrap().unwrap()] {
        let reply: Value = answer.json().await.unwrap();
        assert_eq!(reply["choices"][0]["message"]["content"], "Two.");
    }
    provider.closed().await;
    assert_eq!(provider.abandoned(), 0);
}

#[tokio::test]
async fn errors_are_held_and_cut_like_replies() {
    let provider = Provider::start().await;
    let gate = Gate::new();
    provider.script([
        Reply::status(429).held_after(0, &gate),
        Reply::raw(200, "text/html", "<html>Wait</html>").cut_after(1),
    ]);
    let held = ask(&provider, Wire::Chat, &question(Wire::Chat)).await;
    assert_eq!(held.status(), 429);
    assert_eq!(provider.open(), 1);
    gate.open();
    assert!(held.json::<Value>().await.is_ok());
    let cut = ask(&provider, Wire::Chat, &question(Wire::Chat)).await;
    assert!(cut.text().await.is_err());
    provider.closed().await;
}

#[tokio::test]
async fn a_client_that_goes_away_is_noticed_before_the_reply_and_within_it() {
    let provider = Provider::start().await;
    let never = Gate::new();
    for (count, wire) in WIRES.into_iter().enumerate() {
        provider.script([
            Reply::text("A longer text.").held(&never),
            Reply::text("A longer text.").held_after(2, &never),
        ]);
        let silent = tokio::spawn(request(&provider, wire).json(&streamed(wire)).send());
        provider.asked_at_least(2 * count + 1).await;
        let mut begun = ask(&provider, wire, &streamed(wire)).await;
        read(&mut begun, 2).await;
        assert_eq!(provider.open(), 2);
        silent.abort();
        drop(begun);
        provider.closed().await;
        assert_eq!(provider.abandoned(), 2 * count + 2);
    }
}

#[tokio::test]
async fn what_is_written_ends_in_the_middle_of_events() {
    let provider = Provider::start().await;
    provider.script([Reply::text("お早う, and a longer text than that.")]);
    let mut answer = ask(&provider, Wire::Messages, &streamed(Wire::Messages)).await;
    let mut within = 0;
    while let Some(bytes) = answer.chunk().await.unwrap() {
        within += usize::from(!bytes.ends_with(b"\n\n"));
    }
    assert!(within > 3);
}
