//! `meanwhile add`: a sentence on the command line becomes jobs on a running host, all or none.
#![allow(clippy::unwrap_used)]

use meanwhile_tests::served::{Served, run};
use serde_json::{Value, json};

const PROPOSAL: &str = "Send the proposal, follow up in 3 days, then escalate";
const DAY: u64 = 86_400;

/// Monday at 10:00 in Berlin.
const PRESENT: &str = "2026-06-01T08:00:00Z";

/// `meanwhile add --json …`: its answer and exit status.
fn add(arguments: &[&str]) -> (Value, Option<i32>) {
    let (output, errors, status) = run(&[&["add", "--json"], arguments].concat());
    let answer = serde_json::from_str(&output).unwrap_or_else(|_| panic!("no JSON: {output}{errors}"));
    (answer, status.code())
}

fn fields<'a>(answer: &'a Value, field: &str) -> Vec<&'a str> {
    let jobs = answer["jobs"].as_array().unwrap();
    jobs.iter().map(|job| job[field].as_str().unwrap()).collect()
}

fn served(arguments: &[&str]) -> Served {
    let clock = format!("manual:{PRESENT}");
    Served::start(
        &[
            &["--store", "memory", "--clock", &clock, "--agent", "builtin"],
            arguments,
        ]
        .concat(),
    )
}

#[test]
fn a_dry_run_says_what_was_understood_and_needs_no_host() {
    let (answer, status) = add(&[
        "Remind me every Monday at 9 about pending invoices",
        "--tz",
        "Europe/Berlin",
        "--at",
        PRESENT,
        "--dry-run",
    ]);
    assert_eq!(status, Some(0), "{answer}");
    let [job] = answer["jobs"].as_array().unwrap().as_slice() else {
        panic!("{answer}")
    };
    assert_eq!(job["title"], "Pending invoices");
    assert_eq!(job["payload"], "Remind me about pending invoices");
    assert_eq!(job["job_type"], "SCHEDULED");
    assert_eq!(job["trigger_config"]["cron"], "0 9 * * 1");
    assert_eq!(job["trigger_config"]["timezone"], "Europe/Berlin");
    assert_eq!(job["depends_on"], json!([]));
    assert_eq!(job["summary"], "Every Monday at 09:00 (Europe/Berlin).");
    let fires: Vec<&str> = job["next_runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|at| at.as_str().unwrap())
        .collect();
    assert_eq!(fires.len(), 5);
    assert_eq!(fires[0], "2026-06-08T09:00:00+02:00");
    assert!(job["job_id"].is_null(), "nothing was created");
}

#[test]
fn a_dry_run_of_a_chain_names_earlier_jobs_by_title() {
    let (answer, _) = add(&[PROPOSAL, "--dry-run"]);
    assert_eq!(
        fields(&answer, "title"),
        ["Send the proposal", "Follow up", "Escalate"]
    );
    assert_eq!(
        answer["jobs"][1]["depends_on"],
        json!([{"job": "Send the proposal", "on": "success", "delay_seconds": 259_200}])
    );
    assert_eq!(answer["jobs"][2]["depends_on"][0]["job"], "Follow up");
    let (text, _, _) = run(&["add", PROPOSAL, "--dry-run"]);
    assert!(text.contains("Follow up\n"), "{text}");
    assert!(
        text.contains("Once, 3 days after “Send the proposal” has succeeded."),
        "{text}"
    );
}

#[test]
fn what_is_not_understood_ends_with_status_2_and_an_error_of_the_contract() {
    for text in [
        "Remind me to call Bob",
        "Watch this page and tell me when it changes",
    ] {
        let (answer, status) = add(&[text, "--dry-run"]);
        assert_eq!(status, Some(2), "{text}: {answer}");
        assert_eq!(answer["error"]["code"], "invalid_argument");
        assert_eq!(answer["error"]["field"], "text", "{text}: {answer}");
        let (output, errors, status) = run(&["add", text, "--dry-run"]);
        assert_eq!((output.as_str(), status.code()), ("", Some(2)));
        assert_eq!(errors.trim_end(), answer["error"]["message"].as_str().unwrap());
    }
    let (answer, status) = add(&["Remind me daily to run", "--tz", "CEST", "--dry-run"]);
    assert_eq!(
        (&answer["error"]["field"], status),
        (&json!("timezone"), Some(2)),
        "{answer}"
    );
}

#[test]
fn without_a_host_it_says_how_to_start_one() {
    let (_, errors, status) = run(&["add", "Write a poem", "--url", "http://127.0.0.1:9"]);
    assert_eq!(status.code(), Some(1));
    assert!(errors.contains("meanwhile serve"), "{errors}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_is_created_and_runs_in_its_order() {
    let served = served(&[]);
    let (answer, status) = add(&[PROPOSAL, "--url", &served.client.url]);
    assert_eq!(status, Some(0), "{answer}");
    assert_eq!(fields(&answer, "status")[1..], ["PENDING", "PENDING"]);
    let ids: Vec<&str> = fields(&answer, "job_id");
    let told = async || -> Vec<String> {
        let inbox = served.client.inbox().await;
        inbox
            .iter()
            .map(|message| message["title"].as_str().unwrap().to_owned())
            .collect()
    };
    served.client.advance(1).await;
    assert_eq!(told().await, ["Send the proposal"]);
    served.client.advance(3 * DAY + 60).await;
    assert_eq!(told().await, ["Send the proposal", "Follow up", "Escalate"]);
    for id in ids {
        let found = served.client.get(&format!("/api/jobs/{id}")).await;
        assert_eq!(found["job"]["status"], "COMPLETED", "{found}");
        assert_eq!(found["job"]["description"], PROPOSAL);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_read_at_the_hosts_present_and_in_its_zone() {
    let served = served(&["--timezone", "Europe/Berlin"]);
    let url = served.client.url.as_str();
    let (answer, _) = add(&["Remind me tomorrow at 9 to call Bob", "--url", url]);
    assert_eq!(
        answer["jobs"][0]["next_runs"],
        json!(["2026-06-02T09:00:00+02:00"]),
        "{answer}"
    );
    let (answer, _) = add(&[
        "Remind me tomorrow at 9 to feed the cat",
        "--tz",
        "Asia/Tokyo",
        "--url",
        url,
    ]);
    assert_eq!(
        answer["jobs"][0]["next_runs"],
        json!(["2026-06-02T09:00:00+09:00"]),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_later_job_is_refused_none_is_left() {
    let served = served(&[]);
    let url = served.client.url.as_str();
    let before = served
        .client
        .post(
            "/api/jobs",
            &json!({"title": "Escalate", "payload": "x", "trigger_config": {"interval_seconds": 3600}}),
        )
        .await;
    let (answer, status) = add(&[PROPOSAL, "--url", url]);
    assert_eq!(status, Some(1), "{answer}");
    assert_eq!(answer["error"]["code"], "needs_confirmation");
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("2 jobs that had been created are cancelled"),
        "{message}"
    );
    assert!(message.contains("--confirm-new"), "{message}");
    let jobs = served
        .client
        .get("/api/jobs?status=PENDING,ACTIVE,IN_PROGRESS,BLOCKED")
        .await;
    let left: Vec<&str> = jobs["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["job_id"].as_str().unwrap())
        .collect();
    assert_eq!(left, [before["job"]["job_id"].as_str().unwrap()]);
    served.client.advance(2 * DAY).await;
    let told = served.client.inbox().await;
    assert!(
        told.iter().all(|message| message["title"] == "Escalate"),
        "none had begun: {told:?}"
    );
    let (answer, status) = add(&[PROPOSAL, "--confirm-new", "--url", url]);
    assert_eq!(
        (answer["jobs"].as_array().unwrap().len(), status),
        (3, Some(0)),
        "{answer}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn steps_that_are_alike_do_not_stand_in_each_others_way() {
    let served = served(&[]);
    let text = "Call Bob, then call Bob again after 2 days";
    let (answer, status) = add(&[text, "--url", &served.client.url]);
    assert_eq!(status, Some(0), "{answer}");
    assert_eq!(fields(&answer, "title"), ["Call Bob", "Call Bob again"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentence_is_planned_over_http_without_creating_anything() {
    let served = served(&[]);
    let plan = served.client.post("/api/plan", &json!({"text": PROPOSAL})).await;
    assert_eq!(plan["jobs"].as_array().unwrap().len(), 3);
    assert_eq!(served.client.get("/api/jobs").await["jobs"], json!([]));
    let refused = served
        .client
        .try_request(
            "POST",
            "/api/plan",
            Some(&json!({"text": "Remind me daily to run"})),
        )
        .await
        .unwrap();
    assert_eq!(refused.0, 400);
    assert_eq!(refused.1["error"]["field"], "timezone", "{}", refused.1);
}
