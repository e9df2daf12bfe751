//! What a good token opens, and what it does not.

use meanwhile::tenants::{KeyTimes, TenantCommand};
use meanwhile_tests::issuer::SigningKey;
use serde_json::{Value, json};

use crate::place::{HOST, Place, operate};

fn job() -> Value {
    json!({ "title": "Stretch", "payload": "Stretch", "job_type": "ONE_OFF", "confirm_new": true })
}

async fn place() -> Place {
    Place::open(SigningKey::ed("1"), KeyTimes::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_a_tenant_that_is_there_and_makes_none() {
    let place = place().await;
    for (claims, told) in [
        (json!({ "tenant": "nobody" }), "does not serve your tenant"),
        (json!({ "tenant": "idle" }), "suspended"),
        (json!({ "tenant": null }), "names no tenant"),
        (json!({ "tenant": ["acme"] }), "names no tenant"),
        (json!({ "tenant": "../acme" }), "names no tenant"),
        (json!({ "sub": null }), "no user"),
    ] {
        let token = place.token(&claims);
        let answer = place.list(&token).await;
        assert_eq!(answer.status, 403, "{claims}: {answer:?}");
        assert!(answer.message().contains(told), "{claims}: {answer:?}");
        assert_eq!(answer.challenge, None, "logging in anew would not help");
    }
    // Not even to look around.
    let unknown = place.token(&json!({ "tenant": "nobody" }));
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    assert_eq!(place.ask(&unknown, "POST", "/mcp", Some(list)).await.status, 403);
    let tenants = operate(&HOST, TenantCommand::List).await;
    let names: Vec<&Value> = tenants["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["acme", "idle", "local"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_scope_is_named_so_that_the_client_can_ask_for_it() {
    let place = place().await;
    let reader = place.token(&json!({ "scope": "jobs:read openid" }));
    assert_eq!(place.list(&reader).await.status, 200);
    let metadata = format!("{}/.well-known/oauth-protected-resource/mcp", place.client.url);
    let over_http = place.ask(&reader, "POST", "/api/jobs", Some(job())).await;
    let over_mcp = place.tool(&reader, "job_create", job()).await;
    for answer in [over_http, over_mcp] {
        assert_eq!(answer.status, 403, "{answer:?}");
        assert_eq!(answer.body["error"]["code"], "forbidden");
        assert_eq!(answer.challenged("error"), Some("insufficient_scope"));
        assert_eq!(
            answer.challenged("scope"),
            Some("jobs:read jobs:write"),
            "what it has, and more"
        );
        assert_eq!(answer.challenged("resource_metadata"), Some(metadata.as_str()));
    }
    // Everything that a call needs is named at once.
    let now = json!({ "job_id": "job_1", "run_now": true });
    let answer = place.tool(&reader, "job_update", now.clone()).await;
    assert_eq!(answer.challenged("scope"), Some("jobs:read jobs:write jobs:run"));
    let writer = place.token(&json!({}));
    let made = place.tool(&writer, "job_create", job()).await;
    assert_eq!(made.status, 200, "{made:?}");
    let answer = place.tool(&writer, "job_update", now).await;
    assert_eq!(
        (answer.status, answer.challenged("scope")),
        (403, Some("jobs:read jobs:write jobs:run"))
    );
    // Without any, not even the list; as a text or as a list, wherever servers write them.
    assert_eq!(
        place.list(&place.token(&json!({ "scope": null }))).await.status,
        403
    );
    let listed = place.token(&json!({ "scope": null, "scp": ["jobs:read"] }));
    assert_eq!(place.list(&listed).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_authorization_server_makes_an_operator() {
    let place = place().await;
    let token = place.token(&json!({ "scope": "tenants:admin jobs:read jobs:write jobs:run" }));
    let answer = place.ask(&token, "GET", "/api/tenants", None).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert_eq!(answer.challenge, None, "there is nothing to log in for");
}

#[tokio::test(flavor = "multi_thread")]
async fn anybody_learns_where_to_log_in() {
    let place = place().await;
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
    ] {
        let document = place.client.get(path).await;
        assert_eq!(document["resource"], place.resource);
        assert_eq!(document["authorization_servers"], json!([place.issuer.url]));
        assert_eq!(
            document["scopes_supported"],
            json!(["jobs:read", "jobs:write", "jobs:run"])
        );
        assert_eq!(document["bearer_methods_supported"], json!(["header"]));
    }
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let (status, _) = place
        .client
        .try_request("POST", "/mcp", Some(&list))
        .await
        .unwrap();
    assert_eq!(status, 401);
}
