//! Tools that need the person's approval, from the model's call to the person's answer and back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use meanwhile::agent::Progress;
use meanwhile::service::Service as _;
use meanwhile_tests::provider::{Reply, Wire};
use meanwhile_tests::rows::session;
use serde_json::{Value, json};

use crate::tools::servers;
use crate::world::{HOUR, SECOND, WIRES, World};

/// A page on this machine that counts how often it is read.
async fn counted() -> (String, Arc<AtomicUsize>) {
    let read = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&read);
    let router = axum::Router::new().route(
        "/order",
        axum::routing::get(move || async move {
            count.fetch_add(1, Relaxed);
            axum::response::Html("<p>Ordered: 12 chairs.</p>")
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/order", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, read)
}

/// A world whose model reads the page first, and then says what it was told.
async fn world(wire: Wire, url: &str) -> World {
    let world = World::with(wire, |setting| setting.fetch_hosts = "127.0.0.1".parse().unwrap()).await;
    let url = url.to_owned();
    world.provider.model(move |asked| {
        let told = asked.last_user();
        if told.contains("was made just now") {
            return Reply::text("Ordered, as you approved.");
        }
        match asked.result_of("fetch") {
            None => Reply::text("I want to order.").and_call("fetch", json!({"url": url})),
            Some(_) => Reply::text("Not ordered."),
        }
    });
    world
}

async fn ordering(world: &World, policy: Value) -> String {
    world
        .create(json!({
            "title": "Order chairs", "payload": "Order 12 chairs.", "job_type": "ONE_OFF", "tool_policy": policy,
        }))
        .await
}

async fn say(world: &World, text: &str) -> String {
    let said = json!({"text": text});
    let effects = world.host.heard(&session(), said).await.unwrap();
    effects.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_waits_for_the_persons_yes_and_is_made_once() {
    for wire in WIRES {
        let (url, read) = counted().await;
        let world = world(wire, &url).await;
        let job = ordering(&world, json!({"needs_approval": ["fetch"]})).await;
        world.pass(SECOND).await;
        let told = world.told().await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("May I call fetch with")
                && told[0].contains(&url)
                && told[0].contains("I want to order."),
            "{told:?}"
        );
        assert_eq!(world.found(&job).await["job"]["status"], "BLOCKED");
        world.pass(HOUR).await;
        assert_eq!(
            (world.told().await.len(), read.load(Relaxed)),
            (1, 0),
            "told once, and nothing was done"
        );

        let effects = say(&world, "Yes, go ahead").await;
        assert!(effects.contains("Approved"), "{effects}");
        world.pass(SECOND).await;
        assert_eq!(read.load(Relaxed), 1);
        assert_eq!(world.told().await[1], "Ordered, as you approved.");
        let asked = world.provider.asked();
        let last = asked.last().unwrap().last_user();
        assert!(
            last.contains("Ordered: 12 chairs.") && last.contains("<<<data "),
            "{last}"
        );
        let journal = world.run(&job).await["journal"].to_string();
        assert!(journal.contains("approved, was made just now"), "{journal}");
        assert_eq!(world.found(&job).await["job"]["status"], "COMPLETED");
        world.host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_no_and_silence_let_the_run_go_on_without() {
    for (answer, wait, word) in [
        (Some("no"), SECOND, "said no"),
        (None, 2 * HOUR, "nobody answered"),
    ] {
        let (url, read) = counted().await;
        let world = world(Wire::Messages, &url).await;
        let policy = json!({"needs_approval": ["fetch"], "answer_seconds": 3600});
        let job = ordering(&world, policy).await;
        world.pass(SECOND).await;
        if let Some(answer) = answer {
            say(&world, answer).await;
        }
        world.pass(wait).await;
        assert_eq!(read.load(Relaxed), 0);
        assert_eq!(world.told().await[1], "Not ordered.");
        let asked = world.provider.asked();
        let result = asked.last().unwrap().result_of("fetch").unwrap();
        assert!(result.contains(word), "{result}");
        assert_eq!(world.found(&job).await["job"]["status"], "COMPLETED");
        world.host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_denies_approves_beforehand_and_allows_only_some() {
    for (policy, reads, told) in [
        (
            json!({"needs_approval": ["fetch"], "unapproved": "deny"}),
            0,
            "Not ordered.",
        ),
        (
            json!({"needs_approval": ["*"], "approved": ["fet*"]}),
            1,
            "Not ordered.",
        ),
        (json!({"allowed": ["job_*"]}), 0, "Not ordered."),
    ] {
        let (url, read) = counted().await;
        let world = world(Wire::Chat, &url).await;
        ordering(&world, policy.clone()).await;
        world.pass(SECOND).await;
        assert_eq!(world.told().await, [told], "{policy}");
        assert_eq!(read.load(Relaxed), reads, "{policy}");
        let asked = world.provider.asked();
        let offered = asked[0].tools();
        let may = policy.get("allowed").is_none();
        assert_eq!(offered.contains(&"fetch"), may, "{policy}: {offered:?}");
        assert!(
            offered.contains(&"report") && offered.contains(&"job_create"),
            "{offered:?}"
        );
        world.host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_about_a_tool_that_there_is_not() {
    let world = World::new(Wire::Messages).await;
    world
        .provider
        .model(|asked| match asked.result_of("no_such_tool") {
            None => Reply::call("no_such_tool", json!({})),
            Some(_) => Reply::text("I was wrong."),
        });
    ordering(&world, json!({"needs_approval": ["*"]})).await;
    world.pass(SECOND).await;
    assert_eq!(world.told().await, ["I was wrong."]);
    let asked = world.provider.asked();
    let result = asked.last().unwrap().result_of("no_such_tool").unwrap();
    assert!(result.contains("there is no tool"), "{result}");
    world.host.shutdown().await;
}

/// The operator's word on a server's tools holds in jobs that say nothing, and in the chat.
#[tokio::test(flavor = "multi_thread")]
async fn the_operator_names_tools_that_need_approval() {
    let other = World::new(Wire::Chat).await;
    let caller = session().caller;
    let client = meanwhile_tests::in_process::client(&other.host, caller).await;
    let folder = tempfile::tempdir().unwrap();
    let file = servers(
        &folder,
        &json!({"far": {"url": format!("{}/mcp", client.url), "approval": ["job_create"]}}),
    );
    let world = World::with(Wire::Chat, |setting| setting.tool_servers = Some(file)).await;
    let chairs = json!({"title": "Chairs", "payload": "Order chairs.", "job_type": "ONE_OFF"});
    world.provider.model(move |asked| {
        if asked.last_user().contains("was made just now") {
            return Reply::text("Handed over.");
        }
        match asked.results().len() {
            0 => Reply::call("far__job_retrieval_by_keywords", json!({"keywords": ["chairs"]})),
            1 => Reply::call("far__job_create", chairs.clone()),
            _ => Reply::text("I need a job for that."),
        }
    });
    let elsewhere = async || {
        let found = other
            .host
            .call(
                &session(),
                "tools",
                "job-retrieval-by-keywords",
                json!({"keywords": ["chairs"]}),
            )
            .await
            .unwrap();
        found["total"].as_u64().unwrap()
    };
    let job = world.create_once("Hand it over").await;
    world.pass(SECOND).await;
    assert_eq!(world.found(&job).await["job"]["status"], "BLOCKED");
    assert_eq!(elsewhere().await, 0);
    say(&world, "approved").await;
    world.pass(SECOND).await;
    assert_eq!(
        (
            world.found(&job).await["job"]["status"].as_str(),
            elsewhere().await
        ),
        (Some("COMPLETED"), 1)
    );

    let request = json!({"text": "Hand chairs over"});
    let chat = world
        .host
        .chat(&session(), request, Progress::default())
        .await
        .unwrap();
    assert_eq!(chat["reply"], "I need a job for that.", "{chat}");
    assert_eq!(elsewhere().await, 1);
    world.host.shutdown().await;
    other.host.shutdown().await;
}
