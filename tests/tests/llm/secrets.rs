//! The key is nowhere but in the requests to the provider.

use meanwhile_tests::provider::{Provider, Reply};
use meanwhile_tests::served::{Served, command};
use serde_json::json;

const SECRET: &str = "sk-very-secret-7b1f";

/// Every file below a folder that holds the key.
fn holding(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            holding(&path, found);
        } else if String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains(SECRET) {
            found.push(path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_in_no_log_no_error_and_no_row() {
    let provider = Provider::start_with(SECRET, &["test-model"]).await;
    // A provider that says back what it was sent, and one that is satisfied.
    let echo = json!({"error": {"message": format!("Incorrect API key provided: {SECRET}."), "code": "invalid_api_key"}});
    provider.script([
        Reply::raw(401, "application/json", &echo.to_string()),
        Reply::text("Done."),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", folder.path().join("store.db").display());
    let mut program = command();
    program
        .env("MEANWHILE_MODEL_KEY", SECRET)
        .env("RUST_LOG", "trace");
    let url = format!("{}/v1", provider.url());
    let clock = "manual:2026-06-01T10:00:00Z";
    let arguments = [
        "--store",
        &store,
        "--clock",
        clock,
        "--agent",
        "llm",
        "--model",
        "openai:test-model",
        "--model-url",
        &url,
    ];
    let served = Served::start_as(program, &arguments);
    for title in ["First", "Second"] {
        let job = json!({"title": title, "payload": "Do it.", "job_type": "ONE_OFF", "confirm_new": true});
        served.client.tool("job_create", job).await;
        served.client.advance(1).await;
    }
    let told = json!(served.client.inbox().await).to_string();
    assert!(
        told.contains("does not accept the key") && told.contains("Done."),
        "{told}"
    );
    assert!(!told.contains(SECRET), "{told}");
    let log = served.end();
    assert!(log.lines().count() > 100, "everything is logged");
    assert!(!log.contains(SECRET), "{log}");
    let mut found = Vec::new();
    holding(folder.path(), &mut found);
    assert!(found.is_empty(), "{found:?}");

    let shown = command()
        .env("MEANWHILE_MODEL_KEY", SECRET)
        .args([
            "serve",
            "--print-config",
            "--agent",
            "llm",
            "--model",
            "openai:test-model",
        ])
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&shown.stdout).contains(SECRET));
}
