//! The official MCP client logs in by itself: it is refused, finds the authorization server, gets a
//! token for what it needs, and later for more.

use std::process::Stdio;

use meanwhile_tests::clients::{ends_well, python, script};
use meanwhile_tests::issuer::{Issuer, SigningKey};
use meanwhile_tests::served::{Served, command};

async fn logs_in(mode: &'static str) {
    let folder = tempfile::tempdir().unwrap();
    let token_file = folder.path().join("operator.token");
    let issuer = Issuer::start(SigningKey::rsa("1")).await;
    let served = Served::start(&[
        "--store",
        "memory",
        "--auth",
        "token",
        "--operator-token-file",
        token_file.to_str().unwrap(),
        "--oauth-issuer",
        &issuer.url,
    ]);
    let added = command()
        .args([
            "tenant",
            "add",
            "acme",
            "--url",
            &served.client.url,
            "--token-file",
        ])
        .arg(&token_file)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(added.success());
    let url = format!("{}/mcp", served.client.url);
    // The client is another process, and the server lives in this one.
    let told = tokio::task::spawn_blocking(move || {
        ends_well(python().arg(script("oauth.py")).args([mode, url.as_str()]))
    });
    let told = told.await.unwrap();
    assert!(told.contains("as client-1 for ada"), "{told}");
    assert_eq!(issuer.logins(), 2, "once at first, once for running a job");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs tests/setup/mcp-clients"]
async fn the_python_client_of_2025_11_25_logs_in_and_asks_for_more() {
    logs_in("legacy").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs tests/setup/mcp-clients"]
async fn the_python_client_of_2026_07_28_logs_in_and_asks_for_more() {
    logs_in("auto").await;
}
