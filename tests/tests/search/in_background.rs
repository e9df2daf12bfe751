//! Vectors are made while a host runs.

use std::sync::Arc;

use meanwhile::agent::noop::Noop;
use meanwhile::host::Host;
use meanwhile::service::Service as _;
use meanwhile::storage::memory::MemoryStorage;
use meanwhile_tests::concepts::Concepts;
use meanwhile_tests::interposed::Interposed;
use meanwhile_tests::rows::session;
use serde_json::{Value, json};

async fn call(host: &Host, function: &str, arguments: Value) -> Value {
    let answered = host.call(&session(), "tools", function, arguments).await;
    answered.unwrap()
}

/// How the jobs were looked for, and the title of the best.
async fn best(host: &Host, query: &str) -> (String, String) {
    let found = call(host, "job-retrieval-semantic", json!({ "query": query })).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&found["mode"]), text(&found["jobs"][0]["job"]["title"]))
}

#[tokio::test]
async fn what_is_written_through_a_host_is_found_by_meaning_when_its_vectors_were_made() {
    let storage = Arc::new(Interposed::new(Arc::new(MemoryStorage::default())));
    let host = Host::builder()
        .storage(Arc::clone(&storage) as _)
        .agent(Arc::new(Noop))
        .embedder(Arc::new(Concepts::new("concepts")))
        .component(meanwhile::COMPONENT)
        .build()
        .await
        .unwrap();
    host.start().await.unwrap();
    let create = |title: &str| {
        json!({
            "title": title,
            "payload": "Do it.",
            "trigger_config": {"run_at": "2099-01-01T09:00:00"},
        })
    };
    let created = call(&host, "job-create", create("Pending invoices")).await;
    storage.vectors_put().await;
    let semantic = |title: &str| ("semantic".to_owned(), title.to_owned());
    assert_eq!(best(&host, "unpaid bills").await, semantic("Pending invoices"));

    // A text that is another later gets another vector.
    let renamed = json!({
        "job_id": created["job"]["job_id"],
        "title": "Call the dentist",
    });
    call(&host, "job-update", renamed).await;
    storage.vectors_put().await;
    call(&host, "job-create", create("Rain or sun")).await;
    storage.vectors_put().await;
    assert_eq!(best(&host, "a bad tooth").await, semantic("Call the dentist"));
    assert_eq!(best(&host, "weather").await, semantic("Rain or sun"));
    host.shutdown().await;
}
