//! The program with an agent behind an address: what it refuses and tells, and the example platform at work.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use meanwhile_tests::served::{Served, command};
use serde_json::{Value, json};

use crate::SECRET;

/// What the program ends with: standard output and error, and whether all is well.
fn ends(arguments: &[&str], environment: &[(&str, &str)]) -> (String, String, bool) {
    let mut command = command();
    command.args(arguments).envs(environment.iter().copied());
    let ended = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let told = (text(ended.stdout), text(ended.stderr), ended.status.success());
    assert!(!format!("{told:?}").contains(key()), "{told:?}");
    told
}

/// The secret part of the secret.
fn key() -> &'static str {
    SECRET.strip_prefix("whsec_").unwrap()
}

#[test]
fn another_machine_is_only_asked_with_a_secret_and_encrypted() {
    let far = "https://agents.example.com/work";
    let serve = |agent: &str, environment: &[(&str, &str)]| {
        let arguments = [
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--store",
            "memory",
            "--agent",
            agent,
        ];
        let (_, error, well) = ends(&arguments, environment);
        assert!(!well);
        error
    };
    let error = serve(far, &[]);
    assert!(
        error.contains("MEANWHILE_AGENT_SECRET") && error.contains("openssl rand"),
        "{error}"
    );
    let error = serve(
        "http://agents.example.com/work",
        &[("MEANWHILE_AGENT_SECRET", SECRET)],
    );
    assert!(error.contains("--agent") && error.contains("https"), "{error}");
    let error = serve(far, &[("MEANWHILE_AGENT_SECRET", "whsec_c2hvcnQ=")]);
    assert!(
        error.contains("24 to 64 random bytes") && !error.contains("c2hvcnQ"),
        "{error}"
    );
    let both = [
        ("MEANWHILE_AGENT_SECRET", SECRET),
        ("MEANWHILE_AGENT_SECRET_FILE", "/nowhere"),
    ];
    assert!(serve(far, &both).contains("not both"));
    assert!(serve(far, &both[1..]).contains("/nowhere"));
    let error = serve("https://me:s3cret@example.com", &[]);
    assert!(
        error.contains("MEANWHILE_AGENT_SECRET") && !error.contains("s3cret"),
        "{error}"
    );
}

#[test]
fn the_secret_is_no_setting_that_is_shown() {
    let arguments = [
        "serve",
        "--agent",
        "https://agents.example.com/work",
        "--print-config",
    ];
    let (shown, error, well) = ends(&arguments, &[("MEANWHILE_AGENT_SECRET", SECRET)]);
    assert!(well && shown.contains("agents.example.com"), "{shown}{error}");
}

#[test]
fn doctor_says_whether_the_agent_is_there() {
    let doctor = |agent: &str| {
        let (told, error, well) = ends(&["doctor", "--store", "memory", "--agent", agent], &[]);
        let line = told
            .lines()
            .find(|line| line.contains("  agent  "))
            .map(str::to_owned);
        (line.unwrap_or_else(|| panic!("{told}{error}")), well)
    };
    // Nobody listens on the discard port.
    let (line, well) = doctor("http://127.0.0.1:9/work");
    assert!(
        !well && line.contains("FAIL") && line.contains("cannot be reached"),
        "{line}"
    );
    let (line, well) = doctor("https://agents.example.com/work");
    assert!(!well && line.contains("MEANWHILE_AGENT_SECRET"), "{line}");
}

/// `tests/hosts/http-agent/agent.py`, killed when this is dropped.
struct Example {
    child: Child,
    url: String,
    lines: mpsc::Receiver<String>,
}

impl Example {
    fn start(secret: &str) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("hosts/http-agent/agent.py");
        let mut child = Command::new("python3")
            .arg(program)
            .env("AGENT_SECRET", secret)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let told = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = mpsc::channel();
        std::thread::spawn(move || {
            told.lines()
                .map_while(Result::ok)
                .try_for_each(|line| tell.send(line))
        });
        let mut example = Self {
            child,
            url: String::new(),
            lines,
        };
        example.url = format!("http://127.0.0.1:{}/work", example.until("listening "));
        example
    }

    /// Reads on to a line that begins so, and answers its rest.
    fn until(&mut self, beginning: &str) -> String {
        let mut told = Vec::new();
        loop {
            let line = self.lines.recv().unwrap_or_else(|_| panic!("it ended: {told:?}"));
            if let Some(rest) = line.strip_prefix(beginning) {
                return rest.to_owned();
            }
            told.push(line);
        }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The host with the example, on a file of its own.
fn served(folder: &Path, example: &Example) -> Served {
    let store = format!("sqlite:{}", folder.join("jobs.db").display());
    let mut command = command();
    command
        .env("MEANWHILE_AGENT_SECRET", SECRET)
        .env("RUST_LOG", "trace");
    let arguments = [
        "--store",
        &store,
        "--clock",
        "manual:2026-06-01T10:00:00Z",
        "--agent",
        &example.url,
    ];
    Served::start_as(command, &arguments)
}

/// A job that is due in a minute.
async fn create(served: &Served, title: &str, payload: &str) -> String {
    let now = served
        .client
        .post("/api/clock", &json!({"advance_seconds": 0}))
        .await;
    let now: chrono::DateTime<chrono::Utc> = now["now"].as_str().unwrap().parse().unwrap();
    let due = (now + chrono::TimeDelta::minutes(1)).to_rfc3339();
    let job = json!({
        "title": title, "payload": payload, "confirm_new": true,
        "trigger_config": {"run_at": due, "timezone": "UTC"}, "retry": {"max_attempts": 1},
    });
    let created = served.client.post("/api/jobs", &job).await;
    created["job"]["job_id"].as_str().unwrap().to_owned()
}

async fn last_run(served: &Served, job: &str) -> Value {
    served.client.get(&format!("/api/jobs/{job}/runs")).await["runs"][0].clone()
}

fn written(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder).unwrap();
    files
        .flat_map(|file| std::fs::read(file.unwrap().path()).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs python3"]
async fn the_example_works_at_once_and_later_stops_when_it_is_told_and_no_key_is_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut example = Example::start(SECRET);
    let served = served(folder.path(), &example);
    for (title, payload) in [("At once", "say hello"), ("Later", "long hello")] {
        let job = create(&served, title, payload).await;
        served.client.advance(90).await;
        let run = last_run(&served, &job).await;
        assert_eq!(
            (&run["status"], &run["output"]),
            (&json!("succeeded"), &json!(payload.to_uppercase())),
            "{run}"
        );
        let told = served.client.inbox().await.pop().unwrap();
        assert_eq!(told["title"], title);
        assert!(told.to_string().contains(&format!("{title} is done.")), "{told}");
    }
    let sent = example.until("sent ");
    assert!(sent.ends_with(" 202"), "{sent}");

    let job = create(&served, "Never", "wait for ever").await;
    let client = served.client.clone();
    let advancing = tokio::spawn(async move { client.advance(90).await });
    let began = tokio::task::spawn_blocking(move || {
        example.until("began ");
        example
    });
    let mut example = began.await.unwrap();
    served
        .client
        .post(&format!("/api/jobs/{job}/cancel"), &json!({}))
        .await;
    let run = tokio::task::spawn_blocking(move || example.until("stopped "))
        .await
        .unwrap();
    advancing.await.unwrap();
    let ended = last_run(&served, &job).await;
    assert_eq!(
        (&ended["status"], &ended["run_id"]),
        (&json!("cancelled"), &json!(run)),
        "{ended}"
    );

    let log = served.end();
    assert!(
        log.contains("TRACE") || log.contains("DEBUG"),
        "it logged little:\n{log}"
    );
    let rows = written(folder.path());
    assert!(
        rows.windows(9).any(|it| it == b"SAY HELLO"),
        "the file has the outcome"
    );
    for secret in [key(), "mwr_"] {
        let line = log.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "a secret is in the log");
        assert!(
            !rows.windows(secret.len()).any(|it| it == secret.as_bytes()),
            "a secret is in the file"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs python3"]
async fn the_example_takes_nothing_that_is_signed_with_another_secret() {
    let folder = tempfile::tempdir().unwrap();
    let example = Example::start("whsec_YW5vdGhlciBzZWNyZXQgdGhhbiB0aGF0IG9mIHRoZSBob3N0");
    let served = served(folder.path(), &example);
    let job = create(&served, "Forged", "say hello").await;
    served.client.advance(90).await;
    let shown = served.client.get(&format!("/api/jobs/{job}")).await;
    let told = shown["job"].to_string();
    assert_eq!(shown["job"]["status"], "PAUSED", "{told}");
    assert!(
        served
            .client
            .inbox()
            .await
            .iter()
            .any(|it| it.to_string().contains("MEANWHILE_AGENT_SECRET")),
        "{told}"
    );
}
