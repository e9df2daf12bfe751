//! What the program refuses, and how it ends: each with a sentence that says what to do.
#![allow(clippy::unwrap_used)]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile_tests::served::{Served, command, run};
use serde_json::json;

fn store(folder: &Path) -> String {
    format!("sqlite:{}", folder.join("meanwhile.db").display())
}

/// The sentence with which `serve` refuses; it has to end with status 1.
fn refusal(arguments: &[&str]) -> String {
    let (output, errors, status) = run(&[&["serve"], arguments].concat());
    assert_eq!(status.code(), Some(1), "{output}{errors}");
    errors
}

/// As with `meanwhile doctor | head`.
#[test]
fn a_command_that_nobody_reads_ends_without_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    drop(SqliteStorage::open(folder.path().join("meanwhile.db")).unwrap());
    let commands: [&[&str]; 4] = [
        &["doctor", "--agent", "noop", "--store", &store],
        &["component"],
        &["component", "--wit"],
        &["export", "--store", &store],
    ];
    for arguments in commands {
        let (reader, unread) = std::io::pipe().unwrap();
        drop(reader);
        let ended = command().args(arguments).stdout(unread).output().unwrap();
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), &*errors), (Some(141), ""), "{arguments:?}");
    }
}

#[test]
fn a_second_host_on_the_same_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let _first = Served::start(&["--store", &store]);
    let errors = refusal(&["--listen", "127.0.0.1:0", "--store", &store]);
    assert!(errors.contains("another host has"), "{errors}");
    assert!(errors.contains("--store sqlite:PATH"), "{errors}");
}

#[test]
fn a_store_of_a_later_version_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("meanwhile.db");
    let later = rusqlite::Connection::open(&file).unwrap();
    later.pragma_update(None, "user_version", 999).unwrap();
    later.execute_batch("CREATE TABLE unknown (a)").unwrap();
    drop(later);
    let errors = refusal(&["--listen", "127.0.0.1:0", "--store", &store(folder.path())]);
    assert!(
        errors.contains("later version of Meanwhile (schema 999"),
        "{errors}"
    );
    let after = rusqlite::Connection::open(&file).unwrap();
    let tables: Vec<String> = after
        .prepare("SELECT name FROM sqlite_master WHERE type = 'table'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(tables, ["unknown"]);
}

#[test]
fn a_file_that_is_no_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("meanwhile.db"), "Dear diary, ".repeat(1_000)).unwrap();
    let errors = refusal(&["--listen", "127.0.0.1:0", "--store", &store(folder.path())]);
    assert!(errors.contains("not a database"), "{errors}");
}

#[test]
fn wrong_settings_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, "lissten = \"127.0.0.1:1\"\n").unwrap();
    let errors = refusal(&["--config", file.to_str().unwrap()]);
    assert!(errors.contains("`lissten` is no setting"), "{errors}");
    for (arguments, named) in [
        (["--listen", "0.0.0.0:7803"], "listen"),
        (["--listen", "nowhere"], "listen"),
        (["--store", "postgres://a/b"], "store"),
        (["--agent", "http://agents.example.com"], "agent"),
        (["--agent", "llm"], "model"),
        (["--model", "nobody:gpt"], "model"),
        (["--model-url", "https://me:key@a.example"], "model_url"),
        (["--fetch-hosts", "a b"], "fetch_hosts"),
        (["--clock", "manual:yesterday"], "clock"),
        (["--parallel-runs", "0"], "parallel_runs"),
        (["--timezone", "Mars/Olympus"], "timezone"),
        (["--component", "/dev/null"], "component"),
    ] {
        // A store of its own: nothing is written into the working directory.
        let memory = if arguments[0] == "--store" {
            vec![]
        } else {
            vec!["--store", "memory"]
        };
        let errors = refusal(&[&arguments[..], &memory].concat());
        assert!(errors.contains(named), "{arguments:?}: {errors}");
    }
}

/// SIGTERM: what runs is given time, its lease is released, and the next host goes on at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_asked_to_end_lets_runs_finish() {
    let folder = tempfile::tempdir().unwrap();
    let (gate, begun) = (folder.path().join("gate"), folder.path().join("begun"));
    pipe(&gate);
    pipe(&begun);
    let program = folder.path().join("agent");
    // Says that it has begun, then waits until the gate is opened.
    let script = format!(
        "#!/bin/sh\ncat >/dev/null\necho >{}\ncat {}\n",
        begun.display(),
        gate.display()
    );
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    let store = store(folder.path());
    let agent = format!("command:{}", program.display());
    let mut served = Served::start(&["--store", &store, "--agent", &agent, "--parallel-runs", "1"]);
    let job = |title: &str| json!({"title": title, "payload": "Do it.", "job_type": "ONE_OFF"});
    let running = served.client.tool("job_create", job("First")).await;
    // Opening a pipe waits for its other end.
    let opened = tokio::task::spawn_blocking(move || std::fs::read_to_string(begun).unwrap());
    opened.await.unwrap();
    let waiting = served
        .client
        .tool("job_create", job("Second, of another kind"))
        .await;
    served.terminate();
    std::fs::write(gate, "finished in time").unwrap();
    assert_eq!(served.ended().code(), Some(0));

    let served = Served::start(&["--store", &store, "--clock", "manual:2026-01-01T00:00:00Z"]);
    let found = async |answer: &serde_json::Value| {
        let id = answer["job"]["job_id"].as_str().unwrap();
        served.client.get(&format!("/api/jobs/{id}")).await
    };
    let first = found(&running).await;
    assert_eq!(first["job"]["status"], "COMPLETED", "{first}");
    assert_eq!(first["runs"][0]["output"], "finished in time", "{first}");
    let second = found(&waiting).await;
    assert_eq!(
        second["job"]["status"], "ACTIVE",
        "no new run was begun: {second}"
    );
    assert_eq!(second["runs"], json!([]));
}

fn pipe(path: &Path) {
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap();
}
