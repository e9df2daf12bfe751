//! `meanwhile simulate`: the real program runs jobs through months, and says what happens.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use meanwhile_tests::served::{Served, command, run};
use serde_json::{Value, json};

const MIDNIGHT: &str = "2026-01-01T00:00:00Z";

/// Jobs in a file of their own.
struct Input {
    _folder: tempfile::TempDir,
    file: PathBuf,
}

fn input(text: &str) -> Input {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jobs.json");
    std::fs::write(&file, text).unwrap();
    Input {
        _folder: folder,
        file,
    }
}

/// What `simulate` prints for these jobs.
fn printed(jobs: &Value, flags: &[&str]) -> String {
    let input = input(&jobs.to_string());
    let arguments = [&["simulate", "--jobs", input.file.to_str().unwrap()], flags].concat();
    let (output, errors, status) = run(&arguments);
    assert!(status.success(), "{output}{errors}");
    output
}

fn simulated(jobs: &Value, flags: &[&str]) -> Value {
    serde_json::from_str(&printed(jobs, &[flags, &["--json"]].concat())).unwrap()
}

fn job(title: &str, trigger: Value) -> Value {
    json!({"title": title, "payload": "Do it.", "trigger_config": trigger})
}

/// The messages of the noteworthy things of a kind.
fn noteworthy<'a>(report: &'a Value, kind: &str) -> Vec<&'a str> {
    let all = report["noteworthy"].as_array().unwrap().iter();
    let of_kind = all.filter(|thing| thing["kind"] == kind);
    of_kind.map(|thing| thing["message"].as_str().unwrap()).collect()
}

#[test]
fn a_year_of_a_nightly_job_has_365_fires_and_the_clocks_move_one() {
    let jobs = json!([job("Night report", json!({"cron": "30 2 * * *"}))]);
    let flags = ["--start", "2026-01-01T00:00:00+01:00", "--tz", "Europe/Berlin"];
    let usage = ["--tokens-per-run", "4000", "--cost-per-run", "0.02", "--fires"];
    let report = simulated(&jobs, &[&flags[..], &usage].concat());
    let night = &report["jobs"][0];
    assert_eq!(night["fires"], 365);
    assert_eq!(night["succeeded"], 365);
    assert_eq!(night["messages"], 365);
    assert_eq!(night["tokens"], 365 * 4_000);
    assert_eq!(night["cost_usd"], 7.3);
    assert_eq!(night["first_fire"], "2026-01-01T02:30:00+01:00");
    assert_eq!(night["last_fire"], "2026-12-31T02:30:00+01:00");
    assert_eq!(night["status"], "ACTIVE");
    assert_eq!(report["totals"]["fires"], 365);
    assert_eq!(
        noteworthy(&report, "clock_change"),
        [
            "2026-03-29: Fires at 03:00 instead of 02:30 that day.",
            "2026-10-25: 02:30 comes twice that day; fires at the first only.",
        ]
    );
    let fires = report["fires"].as_array().unwrap();
    let local = |fire: &Value| fire["scheduled_for"].as_str().unwrap().to_owned();
    let elsewhere: Vec<String> = fires
        .iter()
        .map(local)
        .filter(|at| !at.contains("T02:30:00"))
        .collect();
    assert_eq!(elsewhere, ["2026-03-29T03:00:00+02:00"]);
    let october: Vec<String> = fires
        .iter()
        .map(local)
        .filter(|at| at.starts_with("2026-10-25"))
        .collect();
    assert_eq!(october, ["2026-10-25T02:30:00+02:00"]);
}

#[test]
fn an_outage_is_answered_as_each_misfire_policy_says() {
    let hourly = |policy: &str| {
        job(
            policy,
            json!({"cron": "0 * * * *", "misfire": {"policy": policy}}),
        )
    };
    let jobs = json!({"jobs": [hourly("run_once"), hourly("skip"), hourly("run_all")]});
    // From 05:30 to 13:30: the slots of 06:00 to 13:00 pass.
    let flags = [
        "--start",
        MIDNIGHT,
        "--days",
        "1",
        "--outage",
        "2026-01-01T05:30:00Z/8h",
    ];
    let report = simulated(&jobs, &flags);
    let counted: Vec<_> = report["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| (job["title"].clone(), job["fires"].clone(), job["missed"].clone()))
        .collect();
    assert_eq!(
        counted,
        [
            (json!("run_once"), json!(17), json!(7)),
            (json!("skip"), json!(16), json!(8)),
            (json!("run_all"), json!(24), json!(0)),
        ]
    );
    let missed = noteworthy(&report, "missed");
    assert_eq!(
        missed[0],
        "7 slots were missed: the host was down from 2026-01-01T05:30:00+00:00 to 2026-01-01T13:30:00+00:00."
    );
    assert_eq!(missed.len(), 2);
    let late = noteworthy(&report, "late");
    assert!(
        late[0].starts_with("1 fire came late: the host was down from"),
        "{late:?}"
    );
    assert!(late[1].starts_with("8 fires came late: "), "{late:?}");
    assert_eq!(late.len(), 2);
    assert_eq!(report["outages"][0]["until"], "2026-01-01T13:30:00+00:00");
}

#[test]
fn a_run_that_an_outage_interrupts_goes_on_as_its_next_attempt() {
    let jobs = json!([job("Nightly", json!({"cron": "0 3 * * *"}))]);
    let flags = [
        "--start",
        MIDNIGHT,
        "--days",
        "1",
        "--run-seconds",
        "600",
        "--fires",
    ];
    let outage = ["--outage", "2026-01-01T03:05:00Z/1h"];
    let report = simulated(&jobs, &[&flags[..], &outage].concat());
    assert_eq!(report["jobs"][0]["retries"], 1);
    let fire = &report["fires"][0];
    assert_eq!(fire["attempt"], 2);
    assert_eq!(fire["scheduled_for"], "2026-01-01T03:00:00+00:00");
    assert_eq!(fire["started_at"], "2026-01-01T04:05:00+00:00");
    assert_eq!(fire["status"], "succeeded");
}

#[test]
fn a_chain_an_iteration_limit_and_a_budget_end_as_they_should() {
    let mut follow_up = json!({"title": "Follow up", "payload": "Do it.", "job_type": "ONE_OFF"});
    follow_up["depends_on"] = json!([{"job": "proposal", "delay_seconds": 3 * 86_400}]);
    let mut proposal = job("Send the proposal", json!({"run_at": "2026-01-02T09:00:00"}));
    proposal["idempotency_key"] = json!("proposal");
    let mut budgeted = job("Frugal", json!({"cron": "0 9 * * *"}));
    budgeted["budget"] = json!({"max_runs": 3});
    let ongoing = job(
        "Until five",
        json!({"interval_seconds": 3_600, "max_iterations": 5}),
    );
    let far = job("Next year", json!({"cron": "0 9 1 6 *"}));
    let jobs = json!([proposal, follow_up, budgeted, ongoing, far]);
    let report = simulated(&jobs, &["--start", MIDNIGHT, "--days", "30"]);
    let stood: Vec<_> = report["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| {
            let code = job["status_reason"]["code"].as_str().unwrap_or_default();
            (
                job["fires"].as_u64().unwrap(),
                job["status"].as_str().unwrap(),
                code,
            )
        })
        .collect();
    assert_eq!(
        stood,
        [
            (1, "COMPLETED", "run_succeeded"),
            (1, "COMPLETED", "run_succeeded"),
            (3, "BLOCKED", "budget_spent"),
            (5, "COMPLETED", "iterations_reached"),
            (0, "ACTIVE", ""),
        ]
    );
    assert_eq!(report["jobs"][1]["first_fire"], "2026-01-05T09:00:00+00:00");
    assert_eq!(
        noteworthy(&report, "budget_spent"),
        ["Its budget of 3 runs is spent."]
    );
    assert!(noteworthy(&report, "stopped").is_empty());
    assert_eq!(
        noteworthy(&report, "ended"),
        ["COMPLETED: It ran 5 times, as many as were asked for."]
    );
    assert_eq!(
        noteworthy(&report, "never_fires"),
        ["It does not fire in this time: its next fire is 2026-06-01T09:00:00+00:00."]
    );
}

#[test]
fn failures_come_from_the_seed_and_the_same_seed_gives_the_same_bytes() {
    let jobs = json!([
        job("Daily", json!({"cron": "0 9 * * *"})),
        job(
            "Twice a day",
            json!({"cron": "0 6,18 * * *", "jitter_seconds": 600})
        ),
    ]);
    let with_seed = |seed: &str| {
        let faults = ["--fail-rate", "0.3", "--outages", "2", "--run-seconds", "90"];
        let flags = [
            "--start", MIDNIGHT, "--days", "60", "--seed", seed, "--fires", "--json",
        ];
        printed(&jobs, &[&faults[..], &flags].concat())
    };
    let first = with_seed("7");
    assert_eq!(first, with_seed("7"));
    let report: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(report["seed"], 7);
    assert_eq!(report["outages"].as_array().unwrap().len(), 2);
    let retries = report["totals"]["retries"].as_u64().unwrap();
    let fires = report["totals"]["fires"].as_u64().unwrap();
    // Of 180 slots 3 in 10 first attempts fail: far from none and far from all.
    assert!((20..160).contains(&retries), "{retries}");
    assert!((150..=180).contains(&fires), "{fires}");
    let other: Value = serde_json::from_str(&with_seed("8")).unwrap();
    assert_ne!(other["fires"], report["fires"]);
}

#[test]
fn long_runs_overlap_their_schedule_and_run_into_their_timeout() {
    let minutely = job("Every minute", json!({"interval_seconds": 60}));
    let mut impatient = job("Impatient", json!({"cron": "0 9 * * *"}));
    impatient["timeout_seconds"] = json!(60);
    impatient["retry"] = json!({"max_attempts": 2});
    let flags = ["--start", MIDNIGHT, "--days", "10", "--run-seconds", "150"];
    let report = simulated(&json!([minutely, impatient]), &flags);
    let (fires, missed) = (&report["jobs"][0]["fires"], &report["jobs"][0]["missed"]);
    // A run takes two and a half minutes and the latest slot is run at once: two runs in five minutes. What
    // comes due while the last one executes is not decided yet.
    assert_eq!((fires.as_u64(), missed.as_u64()), (Some(5_760), Some(8_638)));
    let impatient = &report["jobs"][1];
    assert_eq!(
        (&impatient["fires"], &impatient["failed"]),
        (&json!(5), &json!(5))
    );
    assert_eq!(impatient["retries"], 5);
    assert_eq!(impatient["status"], "PAUSED");
    let stopped = noteworthy(&report, "stopped");
    assert!(
        stopped[0].contains("Paused after 5 failed runs in a row")
            && stopped[0].contains("timed out after 60 s"),
        "{stopped:?}"
    );
}

fn bytes(file: &Path) -> Vec<u8> {
    std::fs::read(file).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_simulated_while_its_host_serves_and_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("meanwhile.db");
    let store = format!("sqlite:{}", file.display());
    let clock = format!("manual:{MIDNIGHT}");
    let served = Served::start(&["--store", &store, "--clock", &clock, "--agent", "noop"]);
    let create = async |job: Value| served.client.tool("job_create", job).await;
    create(job(
        "Daily summary",
        json!({"cron": "0 9 * * *", "timezone": "UTC"}),
    ))
    .await;
    let prerequisite = job("Collect figures", json!({"run_at": "2026-02-01T00:00:00Z"}));
    create(prerequisite).await;
    let mut dependent = json!({"title": "Publish", "payload": "Do it.", "job_type": "ONE_OFF"});
    dependent["depends_on"] = json!([{"job": "Collect figures"}]);
    create(dependent).await;
    let ended = create(job("Over", json!({"run_at": "2026-02-01T00:00:00Z"}))).await;
    served
        .client
        .tool("job_cancel", json!({"job_id": ended["job"]["job_id"]}))
        .await;

    let before = (bytes(&file), bytes(&folder.path().join("meanwhile.db-wal")));
    let flags = ["--start", MIDNIGHT, "--days", "60", "--json"];
    let (output, errors, status) = run(&[&["simulate", "--store", &store], &flags[..]].concat());
    assert!(status.success(), "{output}{errors}");
    assert!(before == (bytes(&file), bytes(&folder.path().join("meanwhile.db-wal"))));
    let report: Value = serde_json::from_str(&output).unwrap();
    let fired: Vec<_> = report["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| (job["title"].as_str().unwrap(), job["fires"].as_u64().unwrap()))
        .collect();
    assert_eq!(
        fired,
        [("Daily summary", 60), ("Collect figures", 1), ("Publish", 1)]
    );

    // The host was not disturbed: it writes on.
    served.client.advance(86_400).await;
    assert_eq!(served.client.inbox().await.len(), 1);
}

#[test]
fn jobs_come_by_standard_input_too_and_are_shown_as_a_table() {
    let mut child = command()
        .args(["simulate", "--jobs", "-", "--start", MIDNIGHT, "--days", "7"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = [
        job("One", json!({"cron": "0 9 * * *"})),
        job("Two", json!({"cron": "0 9 * * 1"})),
    ];
    let mut stdin = child.stdin.take().unwrap();
    for line in lines {
        writeln!(stdin, "{line}").unwrap();
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let cells = |title: &str| {
        let line = text.lines().find(|line| line.starts_with(title)).unwrap();
        line.split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .take(4)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(cells("One"), ["One", "Every day at 09:00 (UTC).", "7", "7"]);
    assert_eq!(cells("Two")[2..], ["1", "1"]);
    assert_eq!(cells("all jobs"), ["all jobs", "8", "8", "0"]);
}

#[test]
fn what_makes_no_sense_is_refused_with_a_sentence() {
    let good = input(&json!([job("Daily", json!({"cron": "0 9 * * *"}))]).to_string());
    let good = good.file.to_str().unwrap();
    let no_store = input("Dear diary");
    let no_store = format!("sqlite:{}", no_store.file.display());
    let refusals: [(&[&str], &str); 17] = [
        (&[], "--jobs <FILE>|--store <STORE>"),
        (&["--jobs", good, "--store", "sqlite:x"], "cannot be used with"),
        (
            &["--jobs", "/nowhere/jobs.json"],
            "/nowhere/jobs.json: No such file",
        ),
        (&["--store", "memory"], "expected `sqlite:PATH`"),
        (
            &["--store", "sqlite:/nowhere/jobs.db"],
            "/nowhere/jobs.db: No such file",
        ),
        (&["--store", &no_store], "not a database"),
        (
            &["--jobs", good, "--start", "yesterday"],
            "expected an instant such as",
        ),
        (&["--jobs", good, "--days", "0"], "0 is not in 1..=3653"),
        (&["--jobs", good, "--days", "5000"], "5000 is not in 1..=3653"),
        (
            &[
                "--jobs",
                good,
                "--start",
                MIDNIGHT,
                "--until",
                "2025-01-01T00:00:00Z",
            ],
            "--until has to be later",
        ),
        (
            &[
                "--jobs",
                good,
                "--start",
                MIDNIGHT,
                "--until",
                "2046-01-01T00:00:00Z",
            ],
            "--until is more than 3653 days",
        ),
        (&["--jobs", good, "--tz", "CST6"], "IANA"),
        (&["--jobs", good, "--fail-rate", "2"], "a number from 0 to 1"),
        (
            &["--jobs", good, "--outage", "2026-01-01T00:00:00Z"],
            "FROM/DURATION",
        ),
        (
            &["--jobs", good, "--outage", "2026-01-01T00:00:00Z/soon"],
            "such as 8h",
        ),
        (
            &[
                "--jobs",
                good,
                "--start",
                MIDNIGHT,
                "--outage",
                "2025-01-01T00:00:00Z/8h",
            ],
            "outside of the time",
        ),
        (&["--jobs", good, "--cost-per-run=-1"], "such as 0.02"),
    ];
    for (arguments, sentence) in refusals {
        let (output, errors, status) = run(&[&["simulate"], arguments].concat());
        assert_eq!(status.code(), Some(2), "{arguments:?}: {output}{errors}");
        assert!(errors.contains(sentence), "{arguments:?}: {errors}");
        assert_eq!(output, "", "{arguments:?}");
    }
}

#[test]
fn jobs_that_cannot_be_read_are_named() {
    let daily = job("Daily", json!({"cron": "0 9 * * *"}));
    let wrong = job("Wrong", json!({"cron": "0 99 * * *"}));
    let mut lonely = job("Lonely", json!({"cron": "0 9 * * *"}));
    lonely["depends_on"] = json!([{"job": "Nobody"}]);
    for (text, sentence) in [
        ("[]".to_owned(), "There are no jobs"),
        ("nonsense".to_owned(), "The jobs are no JSON"),
        ("{\"jobs\": 5}".to_owned(), "`jobs` is no list"),
        ("[5]".to_owned(), "Job 1 is no JSON object"),
        (format!("{daily}\n{{\"title\":"), "Line 2 is no JSON"),
        (
            json!([daily, wrong]).to_string(),
            "Job 2 (“Wrong”): trigger_config.cron: ",
        ),
        (
            json!([lonely]).to_string(),
            "Job 1 (“Lonely”): depends_on[0].job: ",
        ),
    ] {
        let input = input(&text);
        let (output, errors, status) = run(&["simulate", "--jobs", input.file.to_str().unwrap(), "--json"]);
        assert_eq!(status.code(), Some(2), "{text}: {output}{errors}");
        let answer: Value = serde_json::from_str(&output).unwrap();
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(sentence), "{text}: {message}");
    }
}
