//! The mission's four sentences, from the chat to the inbox: the model picks type, schedule and plan with the job
//! tools, its runs do the work with tools, and report back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

use meanwhile::agent::Progress;
use meanwhile::service::Service as _;
use meanwhile_tests::provider::{Asked, Reply};
use meanwhile_tests::rows::session;
use serde_json::{Value, json};

use crate::world::{HOUR, SECOND, WIRES, World};

const DAY: i64 = 24 * HOUR;

/// Whether the model is asked by a run, and what its instruction is.
fn instruction(asked: &Asked) -> Option<String> {
    let text = asked.last_user();
    let (_, after) = text.split_once("Instruction: ")?;
    Some(after.lines().next()?.to_owned())
}

/// In a chat: makes a call for each of these, one after the other, and says that it did.
fn calling(asked: &Asked, calls: &[Value]) -> Reply {
    match calls.get(asked.results().len()) {
        Some(arguments) => Reply::call("job_create", arguments.clone()),
        None => {
            let last = asked.result_of("job_create").unwrap();
            let (_, summary) = last.split_once("\"summary\":\"").unwrap();
            let summary = summary.split("\",\"").next().unwrap().to_owned();
            Reply::text(&format!("It is planned. {summary}"))
        }
    }
}

fn reported(asked: &Asked, verdict: &str, text: &str) -> Reply {
    match asked.result_of("report") {
        Some(_) => Reply::text(text),
        None => Reply::call(
            "report",
            json!({"verdict": verdict, "summary": "Done as asked.", "tell": true}),
        ),
    }
}

async fn say(world: &World, text: &str) -> Value {
    let request = json!({"text": text});
    world
        .host
        .chat(&session(), request, Progress::default())
        .await
        .unwrap()
}

/// All jobs, newest first.
async fn jobs(world: &World) -> Vec<Value> {
    let listed = world
        .host
        .call(&session(), "directory", "jobs", json!({"limit": 50}))
        .await
        .unwrap();
    listed["jobs"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn research_these_companies_by_morning() {
    for wire in WIRES {
        let world = World::new(wire).await;
        world.provider.model(|asked| match instruction(asked) {
            None => calling(
                asked,
                &[json!({
                    "title": "Research 50 companies", "payload": "Research the companies Acme, Bolt and 48 others; a table.",
                    "description": "research these 50 companies by morning", "job_type": "ONE_OFF", "timeout_seconds": 28800,
                })],
            ),
            Some(_) if asked.results().is_empty() => Reply::call("job_retrieval_by_keywords", json!({"keywords": ["Acme"]})),
            Some(_) => reported(asked, "done", "Acme: 12 people. Bolt: 40 people."),
        });
        let answer = say(&world, "Research these 50 companies by morning: Acme, Bolt, …").await;
        assert!(
            answer["reply"]
                .as_str()
                .unwrap()
                .contains("Once, as soon as possible"),
            "{answer}"
        );
        world.pass(SECOND).await;
        assert_eq!(
            world.told().await,
            ["Done as asked.\n\nAcme: 12 people. Bolt: 40 people."]
        );
        let job = &jobs(&world).await[0];
        assert_eq!(
            (&job["status"], &job["job_type"]),
            (&json!("COMPLETED"), &json!("ONE_OFF"))
        );
        world.host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn remind_me_every_monday_about_pending_invoices() {
    for wire in WIRES {
        let world = World::new(wire).await;
        world.provider.model(|asked| match instruction(asked) {
            None => calling(
                asked,
                &[json!({
                    "title": "Pending invoices", "payload": "Remind the user of pending invoices.",
                    "trigger_config": {"when": "every monday at 9am", "timezone": "Europe/Berlin"},
                })],
            ),
            Some(_) => reported(asked, "continue", "Look at your pending invoices."),
        });
        let answer = say(&world, "Remind me every Monday about pending invoices").await;
        assert!(answer["reply"].as_str().unwrap().contains("Monday"), "{answer}");
        // It is Monday noon: two Mondays come in two weeks.
        world.pass(7 * DAY).await;
        world.pass(7 * DAY).await;
        assert_eq!(world.told().await.len(), 2);
        let job = &jobs(&world).await[0];
        assert_eq!(
            (&job["status"], &job["job_type"]),
            (&json!("ACTIVE"), &json!("SCHEDULED"))
        );
        world.host.shutdown().await;
    }
}

/// A page that says something else from the third time on.
async fn page() -> String {
    let read = Arc::new(AtomicU32::new(0));
    let router = axum::Router::new().route(
        "/",
        axum::routing::get(move || {
            let before = read.fetch_add(1, SeqCst);
            async move {
                if before < 2 {
                    "Price: 10 euros"
                } else {
                    "Price: 8 euros"
                }
            }
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_this_page_and_tell_me_when_it_changes() {
    for wire in WIRES {
        let url = page().await;
        let world = World::with(wire, |setting| setting.fetch_hosts = "127.0.0.1".parse().unwrap()).await;
        let watched = url.clone();
        world.provider.model(move |asked| match instruction(asked) {
            None => calling(
                asked,
                &[json!({
                    "title": "Watch the price", "payload": format!("Read {watched} and say what it says."),
                    "job_type": "RECURRING", "trigger_config": {"interval_seconds": 3600}, "notify": "on_change",
                })],
            ),
            Some(_) => match asked.result_of("fetch") {
                None => Reply::call("fetch", json!({"url": watched})),
                Some(page) => Reply::text(page.lines().nth(1).unwrap()),
            },
        });
        say(&world, &format!("Watch {url} and tell me when it changes")).await;
        for _ in 0..4 {
            world.pass(HOUR).await;
        }
        assert_eq!(
            world.told().await,
            ["Price: 10 euros", "Price: 8 euros"],
            "only what is new"
        );
        world.host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn send_the_proposal_follow_up_in_3_days_then_escalate() {
    for wire in WIRES {
        let world = World::new(wire).await;
        world.provider.model(|asked| match instruction(asked) {
            None => calling(
                asked,
                &[
                    json!({"title": "Send the proposal", "payload": "Send the proposal to ACME.", "job_type": "ONE_OFF"}),
                    json!({
                        "title": "Follow up", "payload": "Follow up on the proposal.", "job_type": "ONE_OFF",
                        "depends_on": [{"job": "Send the proposal", "delay_seconds": 259_200}],
                    }),
                    json!({
                        "title": "Escalate", "payload": "Escalate to the director.", "job_type": "ONE_OFF",
                        "depends_on": [{"job": "Follow up"}],
                    }),
                ],
            ),
            Some(what) => {
                // A later step knows what the one before it brought.
                let before = asked.last_user().contains("Did: Send the proposal to ACME.");
                let done = if before { " (as sent)" } else { "" };
                reported(asked, "done", &format!("Did: {what}{done}"))
            }
        });
        say(
            &world,
            "Send the proposal to ACME, follow up in 3 days, then escalate",
        )
        .await;
        world.pass(SECOND).await;
        assert_eq!(world.told().await.len(), 1);
        world.pass(3 * DAY - HOUR).await;
        assert_eq!(world.told().await.len(), 1, "not before its time");
        world.pass(HOUR).await;
        world.pass(SECOND).await;
        let told = world.told().await;
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].ends_with("Did: Send the proposal to ACME."), "{told:?}");
        assert!(
            told[1].ends_with("Did: Follow up on the proposal. (as sent)"),
            "{told:?}"
        );
        assert!(told[2].ends_with("Did: Escalate to the director."), "{told:?}");
        assert!(jobs(&world).await.iter().all(|job| job["status"] == "COMPLETED"));
        world.host.shutdown().await;
    }
}
