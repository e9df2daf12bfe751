//! Conversations: what was said is remembered, jobs are known, answers to questions go where they belong, and what is
//! said is heard as it comes.

use meanwhile::agent::Progress;
use meanwhile::service::{CallError, Service as _};
use meanwhile_tests::in_process;
use meanwhile_tests::provider::{Gate, Reply};
use meanwhile_tests::rows::session;
use serde_json::{Value, json};

use crate::world::{SECOND, WIRES, World};

async fn say(world: &World, request: Value) -> Value {
    world
        .host
        .chat(&session(), request, Progress::default())
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_remembered_and_others_are_apart() {
    for wire in WIRES {
        let world = World::new(wire).await;
        world.create(json!({
            "title": "Pay the rent", "payload": "Pay.", "trigger_config": {"run_at": "2027-01-01T00:00:00Z"},
        }))
        .await;
        world
            .provider
            .model(|asked| Reply::text(&format!("{} said before.", asked.said().len())));
        let first = say(&world, json!({"text": "Hello", "conversation": "one"})).await;
        assert_eq!(
            (&first["reply"], &first["conversation"]),
            (&json!("0 said before."), &json!("one"))
        );
        assert_eq!(
            say(&world, json!({"text": "And now?", "conversation": "one"})).await["reply"],
            "1 said before."
        );
        assert_eq!(
            say(&world, json!({"text": "Hello", "conversation": "two"})).await["reply"],
            "0 said before."
        );
        let asked = world.provider.asked();
        let second = &asked[1];
        assert!(second.body.to_string().contains("Hello"), "what was said before");
        let now = second.last_user();
        assert!(
            now.contains("It is 2026-06-01T12:00:00+02:00 (Europe/Berlin)"),
            "{now}"
        );
        assert!(now.contains("<<<data ") && now.contains("Pay the rent"), "{now}");
        assert!(now.ends_with("And now?"), "{now}");
        // The rules are the same each time: a provider's cache finds them.
        assert_eq!(asked[0].system(), second.system());
        assert!(!second.tools().contains(&"report") && second.tools().contains(&"job_create"));
        world.host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_concerns_a_job_goes_there_without_the_model() {
    let world = World::new(WIRES[0]).await;
    world.provider.model(|asked| {
        if asked.last_user().contains("the user's answer") {
            return Reply::text("Booked.");
        }
        Reply::call(
            "report",
            json!({"verdict": "blocked", "summary": "Two.", "question": "Which hotel?"}),
        )
    });
    world.create_once("Book a hotel").await;
    world.pass(SECOND).await;
    let asked = world.provider.asked().len();
    let answer = say(&world, json!({"text": "The second one"})).await;
    assert_eq!(answer["effects"][0]["kind"], "answered", "{answer}");
    assert!(answer["reply"].as_str().unwrap().contains("Book a hotel"));
    assert_eq!(
        world.provider.asked().len(),
        asked,
        "nobody asked the model what was plain"
    );
    world.pass(SECOND).await;
    assert_eq!(world.told().await.last().unwrap(), "Booked.");
    world.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_fails_is_told_to_the_person() {
    let world = World::new(WIRES[0]).await;
    world.provider.model(|_| Reply::status(401));
    let said = world
        .host
        .chat(&session(), json!({"text": "Hello"}), Progress::default())
        .await;
    let CallError(error) = said.unwrap_err();
    assert_eq!(error["code"], "unavailable");
    assert!(
        error["message"].as_str().unwrap().contains("MEANWHILE_MODEL_KEY"),
        "{error}"
    );
    for wrong in [
        json!({"text": "a", "conversation": ""}),
        json!({"text": "a", "conversation": 7}),
        json!({"text": ""}),
    ] {
        let said = world.host.chat(&session(), wrong, Progress::default()).await;
        assert_eq!(said.unwrap_err().0["code"], "invalid_argument");
    }
    world.host.shutdown().await;
}

/// Events of a stream: name and data.
pub(crate) fn events(text: &str) -> Vec<(String, Value)> {
    // A comment shows that the stream lives.
    let is_event = |event: &&str| !event.trim().is_empty() && !event.starts_with(':');
    let events = text.split("\n\n").filter(is_event);
    let field = |event: &str, name: &str| {
        event
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    events
        .map(|event| {
            (
                field(event, "event:"),
                serde_json::from_str(&field(event, "data:")).unwrap(),
            )
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_heard_as_it_comes_and_ends_with_its_listener() {
    for wire in WIRES {
        let world = World::new(wire).await;
        let client = in_process::client(&world.host, session().caller).await;
        let post = |text: &str| {
            let http = reqwest::Client::builder().no_proxy().build().unwrap();
            let request = http
                .post(format!("{}/api/chat", client.url))
                .header("accept", "text/event-stream");
            request.json(&json!({"text": text})).send()
        };
        world.provider.script([
            Reply::call("job_retrieval_by_keywords", json!({"keywords": ["rent"]})),
            Reply::text("There is no such job, as far as I can see."),
        ]);
        let heard = events(&post("Is the rent a job?").await.unwrap().text().await.unwrap());
        let texts: String = heard
            .iter()
            .filter(|(name, _)| name == "text")
            .map(|(_, data)| data["text"].as_str().unwrap())
            .collect();
        assert_eq!(texts, "There is no such job, as far as I can see.");
        assert!(
            heard
                .iter()
                .any(|(name, data)| name == "note" && data["note"].to_string().contains("job_retrieval"))
        );
        let (name, answer) = heard.last().unwrap();
        assert_eq!((name.as_str(), &answer["reply"]), ("answer", &json!(texts)));

        // Who goes away is not answered any more: the call to the provider ends.
        world
            .provider
            .script([Reply::text("Never to its end.").held_after(2, &Gate::new())]);
        let response = post("Hello").await.unwrap();
        world.provider.asked_at_least(3).await;
        drop(response);
        world.provider.closed().await;
        assert_eq!(world.provider.abandoned(), 1);
        world.host.shutdown().await;
    }
}
