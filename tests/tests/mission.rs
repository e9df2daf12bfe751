//! The four sentences that Meanwhile is for, as jobs through MCP on the real program. Time is made
//! to pass.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use meanwhile_tests::served::Served;
use serde_json::{Value, json};

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// A host on a file of its own, whose clock stands at `instant`.
fn served(instant: &str, agent: &str) -> (tempfile::TempDir, Served) {
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("meanwhile.db").display());
    let clock = format!("manual:{instant}");
    let served = Served::start(&["--store", &store, "--clock", &clock, "--agent", agent]);
    (folder, served)
}

/// What was told after the message before: (title, text) of each.
async fn told(served: &Served, before: usize) -> Vec<(String, String)> {
    let words = |message: &Value, field: &str| message[field].as_str().unwrap().to_owned();
    let inbox = served.client.inbox().await;
    inbox[before..]
        .iter()
        .map(|message| (words(message, "title"), words(message, "text")))
        .collect()
}

async fn job(served: &Served, id: &str) -> Value {
    let found = served
        .client
        .tool("job_retrieval_by_id", json!({"job_id": id, "include_runs": 50}));
    found.await
}

fn id(answer: &Value) -> &str {
    answer["job"]["job_id"].as_str().unwrap()
}

/// "Research these 50 companies by morning."
#[tokio::test(flavor = "multi_thread")]
async fn research_is_done_overnight_and_its_result_is_there_in_the_morning() {
    const RESEARCHER: &str = r#"#!/bin/sh
request=$(cat)
echo "reading company 1" >&2
case $request in
  *"these 50 companies"*"2026-06-02T02:00:00+02:00"*) ;;
  *) echo "what am I to do?" >&2; exit 1 ;;
esac
echo '{"status": "ok", "output": "50 profiles", "report": {"verdict": "done", "summary": "All 50 researched.", "tell": true},
  "usage": {"tokens_in": 1000, "tokens_out": 200, "cost_usd": 0.25}}'
"#;
    let agent = tempfile::tempdir().unwrap();
    let program = agent.path().join("researcher");
    std::fs::write(&program, RESEARCHER).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let (_folder, served) = served("2026-06-01T18:30:00Z", &format!("command:{}", program.display()));
    let answer = served.client.tool(
        "job_create",
        json!({
            "title": "Research 50 companies",
            "payload": "Research these 50 companies: name, size, what they need.",
            "trigger_config": {"run_at": "2026-06-02T02:00:00", "timezone": "Europe/Berlin"},
            "budget": {"max_tokens": 5_000},
        }),
    );
    let answer = answer.await;
    assert_eq!(answer["job"]["job_type"], "ONE_OFF");
    assert_eq!(answer["next_runs"], json!(["2026-06-02T02:00:00+02:00"]));
    // Half past eight in the evening in Berlin; at half past one nothing has happened.
    served.client.advance(5 * HOUR).await;
    assert_eq!(told(&served, 0).await, []);
    served.client.advance(5 * HOUR).await;
    let told = told(&served, 0).await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].1.contains("50 profiles") || told[0].1.contains("All 50 researched."),
        "{told:?}"
    );
    let found = job(&served, id(&answer)).await;
    assert_eq!(found["job"]["status"], "COMPLETED", "{found}");
    let run = &found["runs"][0];
    assert_eq!(run["output"], "50 profiles", "{run}");
    assert_eq!(run["usage"]["tokens_in"], 1_000, "{run}");
    assert!(run["journal"].to_string().contains("reading company 1"), "{run}");
}

/// "Remind me every Monday about pending invoices", also over the end of summer time.
#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_comes_every_monday_at_the_same_local_hour() {
    let (_folder, served) = served("2026-10-16T10:00:00Z", "builtin");
    let answer = served.client.tool(
        "job_create",
        json!({
            "title": "Pending invoices",
            "payload": "Remind me about pending invoices",
            "trigger_config": {"when": "every Monday at 9am", "timezone": "Europe/Berlin"},
        }),
    );
    let answer = answer.await;
    assert_eq!(answer["job"]["job_type"], "SCHEDULED", "{answer}");
    served.client.advance(21 * DAY).await;
    let told = told(&served, 0).await;
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told.iter().all(|(_, text)| text.contains("pending invoices")),
        "{told:?}"
    );
    let found = job(&served, id(&answer)).await;
    let slots: Vec<&str> = found["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| run["scheduled_for"].as_str().unwrap())
        .collect();
    let expected = [
        "2026-11-02T09:00:00+01:00",
        "2026-10-26T09:00:00+01:00",
        "2026-10-19T09:00:00+02:00",
    ];
    assert_eq!(slots, expected);
}

/// A page on loopback: (status, text), changed by the test.
struct Page {
    url: String,
    shown: Arc<Mutex<(u16, String)>>,
}

impl Page {
    fn serve(text: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/prices", listener.local_addr().unwrap());
        let shown = Arc::new(Mutex::new((200, text.to_owned())));
        let page = Arc::clone(&shown);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                // Up to the empty line that ends the head.
                lines.map_while(Result::ok).find(String::is_empty);
                let (status, text) = page.lock().unwrap().clone();
                let body = format!("<html><body><p>{text}</p></body></html>");
                let head = format!(
                    "HTTP/1.1 {status} Said\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            }
        });
        Self { url, shown }
    }

    fn show(&self, status: u16, text: &str) {
        *self.shown.lock().unwrap() = (status, text.to_owned());
    }
}

/// "Watch this page and tell me when it changes."
#[tokio::test(flavor = "multi_thread")]
async fn a_watched_page_is_told_when_it_changes_and_only_then() {
    let page = Page::serve("Basic plan: 10 euros");
    let (_folder, served) = served("2026-06-01T10:00:00Z", "builtin");
    let answer = served.client.tool(
        "job_create",
        json!({
            "title": "Watch the prices",
            "payload": format!("Watch {} and tell me when it changes.", page.url),
            "trigger_config": {"interval_seconds": 600, "timezone": "Europe/Berlin"},
            "notify": "on_change",
            "retry": {"max_attempts": 1},
        }),
    );
    let answer = answer.await;
    assert_eq!(answer["job"]["job_type"], "RECURRING", "{answer}");
    served.client.advance(3 * 600 + 1).await;
    assert_eq!(told(&served, 0).await, [], "an unchanged page is no news");
    page.show(200, "Basic plan: 12 euros");
    served.client.advance(3 * 600).await;
    let news = told(&served, 0).await;
    assert_eq!(news.len(), 1, "a change is told once: {news:?}");
    assert!(news[0].1.contains("12 euros"), "{news:?}");
    // A page that cannot be read is a failure, and a failure is told whatever `notify` says.
    page.show(500, "out of order");
    served.client.advance(600).await;
    let failure = told(&served, 1).await;
    assert_eq!(failure.len(), 1, "{failure:?}");
    assert!(failure[0].1.contains("500"), "{failure:?}");
    // Back as it was: nothing to tell. A change after that: told against the last good reading.
    page.show(200, "Basic plan: 12 euros");
    served.client.advance(600).await;
    assert_eq!(told(&served, 2).await, []);
    page.show(200, "Basic plan: 15 euros");
    served.client.advance(600).await;
    let news = told(&served, 2).await;
    assert_eq!(news.len(), 1, "{news:?}");
    assert!(news[0].1.contains("15 euros"), "{news:?}");
    let found = job(&served, id(&answer)).await;
    assert_eq!(found["job"]["status"], "ACTIVE", "{found}");
    assert_eq!(found["job"]["failure_streak"], 0, "{found}");
}

/// A job of the chain that waits for another by title.
fn link(title: &str, after: Option<(&str, u64)>) -> Value {
    let mut job = json!({"title": title, "payload": format!("Remind me: {title}"), "job_type": "ONE_OFF"});
    if let Some((before, days)) = after {
        job["depends_on"] = json!([{"job": before, "delay_seconds": days * DAY}]);
    }
    job
}

/// "Send the proposal, follow up in 3 days, then escalate."
#[tokio::test(flavor = "multi_thread")]
async fn a_proposal_is_followed_up_and_escalated() {
    let (_folder, served) = served("2026-06-01T08:00:00Z", "builtin");
    let client = &served.client;
    client.tool("job_create", link("Send the proposal", None)).await;
    let follow_up = client
        .tool("job_create", link("Follow up", Some(("Send the proposal", 3))))
        .await;
    // The first may have been sent by then: the three days count from there.
    let waits = ["PENDING", "ACTIVE"].map(|status| follow_up["job"]["status"] == status);
    assert!(waits.contains(&true), "{follow_up}");
    let escalate = client
        .tool("job_create", link("Escalate", Some(("Follow up", 2))))
        .await;
    let titles = async || -> Vec<String> {
        told(&served, 0)
            .await
            .into_iter()
            .map(|(title, _)| title)
            .collect()
    };
    client.advance(1).await;
    assert_eq!(titles().await, ["Send the proposal"]);
    client.advance(3 * DAY - 60).await;
    assert_eq!(titles().await, ["Send the proposal"], "a minute too early");
    client.advance(60).await;
    assert_eq!(titles().await, ["Send the proposal", "Follow up"]);
    client.advance(2 * DAY).await;
    assert_eq!(titles().await, ["Send the proposal", "Follow up", "Escalate"]);
    assert_eq!(job(&served, id(&escalate)).await["job"]["status"], "COMPLETED");
}

/// The customer answered: the follow-up is cancelled, and nobody escalates.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_is_cut_goes_no_further() {
    let (_folder, served) = served("2026-06-01T08:00:00Z", "builtin");
    let client = &served.client;
    client.tool("job_create", link("Send the proposal", None)).await;
    let follow_up = client
        .tool("job_create", link("Follow up", Some(("Send the proposal", 3))))
        .await;
    let escalate = client
        .tool("job_create", link("Escalate", Some(("Follow up", 2))))
        .await;
    client.advance(DAY).await;
    client
        .tool(
            "job_cancel",
            json!({"job_id": id(&follow_up), "note": "they answered"}),
        )
        .await;
    client.advance(10 * DAY).await;
    let found = job(&served, id(&escalate)).await;
    assert_eq!(found["job"]["status"], "BLOCKED", "{found}");
    let why = found["job"]["status_reason"]["message"].as_str().unwrap();
    assert!(
        why.contains("Follow up"),
        "the reason names the predecessor: {why}"
    );
    assert_eq!(found["runs"], json!([]));
}
