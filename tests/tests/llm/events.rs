//! What changes is told to who watches, as it changes: theirs, and nobody else's.

use meanwhile_tests::in_process::{self, caller};
use meanwhile_tests::provider::{Gate, Reply, Wire};
use meanwhile_tests::rows::session;
use serde_json::{Value, json};

use crate::talking::events;
use crate::world::{SECOND, World};

/// A stream of events that is being read.
struct Watching {
    response: reqwest::Response,
    text: String,
}

impl Watching {
    async fn open(url: &str, last: Option<&str>) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut request = http.get(format!("{url}/api/events"));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        let text = String::new();
        assert_eq!(response.status(), 200);
        Self { response, text }
    }

    /// All that was told, once one of it is such as this.
    async fn until(&mut self, is_it: impl Fn(&str, &Value) -> bool) -> Vec<(String, Value)> {
        loop {
            // The last may have come in part.
            let whole = self.text.rfind("\n\n").map_or("", |end| &self.text[..end]);
            let told = events(whole);
            if told.iter().any(|(name, data)| is_it(name, data)) {
                return told;
            }
            let chunk = self.response.chunk().await.unwrap().expect("the stream goes on");
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_is_told_of_jobs_runs_and_messages() {
    let world = World::new(Wire::Chat).await;
    let gate = Gate::new();
    world
        .provider
        .script([Reply::text("The rent is paid.").held_after(2, &gate)]);
    let ada = in_process::client(&world.host, session().caller).await;
    let eve = in_process::client(&world.host, caller("agent", "eve")).await;
    let mut adas = Watching::open(&ada.url, None).await;
    let mut eves = Watching::open(&eve.url, None).await;

    let job = world.create_once("Look after the rent").await;
    let is_job = |status: &'static str| {
        let id = job.clone();
        move |name: &str, data: &Value| name == "job" && data["job_id"] == *id && data["status"] == status
    };
    adas.until(is_job("IN_PROGRESS")).await;
    let passing = world.pass(SECOND);
    let watching = async {
        // While it runs, what it says is told in pieces.
        let told = adas
            .until(|name, data| name == "run" && data["output"].as_str().is_some_and(|text| !text.is_empty()))
            .await;
        let (_, run) = told.iter().rfind(|(name, _)| name == "run").unwrap();
        assert_eq!(run["status"], "executing", "{run}");
        gate.open();
        adas.until(|name, data| name == "message" && data["text"] == "The rent is paid.")
            .await
    };
    let (told, ()) = tokio::join!(watching, passing);
    let told_last = |name: &str| told.iter().rfind(|(told, _)| told == name).unwrap().1.clone();
    let position = told_last("message")["position"].as_u64().unwrap();
    assert!(adas.text.contains(&format!("id: {position}")) || adas.text.contains(&format!("id:{position}")));
    adas.until(is_job("COMPLETED")).await;
    adas.until(|name, data| name == "run" && data["status"] == "succeeded")
        .await;

    // Who read it is told so as well, and who was away is told what was said meanwhile.
    let message = told_last("message")["message_id"].as_str().unwrap().to_owned();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let read = http
        .post(format!("{}/api/messages/{message}/ack", ada.url))
        .send()
        .await
        .unwrap();
    assert!(read.status().is_success());
    adas.until(|name, data| name == "message" && data["delivery"] == "read")
        .await;
    let mut again = Watching::open(&ada.url, Some("0")).await;
    let told = again.until(|name, _| name == "message").await;
    assert_eq!(told[0].1["message_id"], *message);

    // Nothing of it was for her.
    let hers =
        json!({"title": "Eve's", "payload": "Do.", "trigger_config": {"run_at": "2027-01-01T00:00:00Z"}});
    let created = http
        .post(format!("{}/api/jobs", eve.url))
        .json(&hers)
        .send()
        .await
        .unwrap();
    assert!(created.status().is_success());
    let told = eves.until(|_, _| true).await;
    assert_eq!(
        (told[0].0.as_str(), &told[0].1["title"]),
        ("job", &json!("Eve's"))
    );

    // A host that closes lets nobody wait.
    world.host.shutdown().await;
    while eves.response.chunk().await.is_ok_and(|chunk| chunk.is_some()) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_place_to_go_on_is_refused() {
    let world = World::new(Wire::Chat).await;
    let ada = in_process::client(&world.host, session().caller).await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    for (path, last) in [
        ("/api/events", Some("x")),
        ("/api/events?after=x", None),
        ("/api/events?from=1", None),
    ] {
        let mut request = http.get(format!("{}{path}", ada.url));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 400, "{path}");
    }
    world.host.shutdown().await;
}
