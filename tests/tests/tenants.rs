//! Many tenants on the running program: who may do what, what each may use, and how one ends.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use meanwhile_tests::served::{Client, Served, program, run};
use serde_json::{Value, json};

/// A host that wants tokens, and its operator.
fn host(folder: &Path) -> (Served, Client) {
    host_with(folder, &[])
}

fn host_with(folder: &Path, more: &[&str]) -> (Served, Client) {
    let store = format!("sqlite:{}", folder.join("store.db").display());
    let file = folder.join("operator.token");
    let mut arguments = vec![
        "--auth",
        "token",
        "--operator-token-file",
        file.to_str().unwrap(),
        "--store",
        &store,
        "--clock",
        "manual:2026-06-01T09:00:00Z",
    ];
    let agent = ["--agent", "noop"];
    arguments.extend(if more.is_empty() { &agent } else { more });
    let served = Served::start(&arguments);
    let token = std::fs::read_to_string(&file).unwrap();
    let operator = served.client.with_token(token.trim());
    (served, operator)
}

async fn add(operator: &Client, name: &str, limits: Value) {
    operator
        .post("/api/tenants", &json!({ "name": name, "limits": limits }))
        .await;
}

/// A caller of a tenant, with the scopes of a tenant's own unless given.
async fn caller(operator: &Client, tenant: &str, user: &str, scopes: Option<&[&str]>) -> Client {
    let mut request = json!({ "agent": "helper", "user": user, "timezone": "Europe/Berlin" });
    if let Some(scopes) = scopes {
        request["scopes"] = json!(scopes);
    }
    let answer = operator
        .post(&format!("/api/tenants/{tenant}/tokens"), &request)
        .await;
    operator.with_token(answer["token"].as_str().unwrap())
}

fn job(title: &str) -> Value {
    json!({ "title": title, "payload": "look", "trigger_config": { "run_at": "2026-06-01T12:00:00" } })
}

async fn error(client: &Client, method: &str, path: &str, body: Option<&Value>) -> (u16, String) {
    let (status, answer) = client.try_request(method, path, body).await.unwrap();
    (
        status,
        answer["error"]["code"].as_str().unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn a_tenant_sees_its_own_jobs_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, operator) = host(folder.path());
    add(&operator, "acme", json!({})).await;
    add(&operator, "beta", json!({})).await;
    let ada = caller(&operator, "acme", "ada", None).await;
    let eve = caller(&operator, "beta", "ada", None).await;

    let id = ada.tool("job_create", job("Invoices")).await["job"]["job_id"].take();
    let mine = ada
        .tool("job_retrieval_by_keywords", json!({ "keywords": ["invoices"] }))
        .await;
    assert_eq!(mine["total"], 1);

    // To another tenant it is not there, whatever it asks and whoever it says it is.
    for (tool, arguments) in [
        ("job_retrieval_by_id", json!({ "job_id": id })),
        ("job_update", json!({ "job_id": id, "title": "Mine" })),
        ("job_pause", json!({ "job_id": id })),
        ("job_cancel", json!({ "job_id": id })),
    ] {
        assert_eq!(eve.refused(tool, arguments).await["code"], "not_found", "{tool}");
    }
    let theirs = eve
        .tool("job_retrieval_by_keywords", json!({ "keywords": ["invoices"] }))
        .await;
    assert_eq!(theirs["total"], 0);
    let found = eve
        .tool("job_retrieval_semantic", json!({ "query": "invoices" }))
        .await;
    assert_eq!(found["total"], 0);
    let depends = |on: &str| json!({ "title": "Next", "payload": "go", "depends_on_job_ids": [on] });
    let id = id.as_str().unwrap();
    let theirs = eve.refused("job_create", depends(id)).await.to_string();
    let nobodys = eve.refused("job_create", depends("job_nobody")).await.to_string();
    assert_eq!(theirs.replace(id, "job_nobody"), nobodys);

    // What it tells reaches its own people only.
    operator.advance_to("2026-06-01T11:00:00Z").await;
    assert_eq!(ada.inbox().await.len(), 1);
    assert_eq!(eve.inbox().await.len(), 0);
    let message = ada.inbox().await[0]["message_id"].as_str().unwrap().to_owned();
    let ack = format!("/api/messages/{message}/ack");
    assert_eq!(error(&eve, "POST", &ack, None).await.0, 404);
    ada.post(&ack, &json!({})).await;
}

#[tokio::test]
async fn a_token_does_what_its_scopes_say() {
    let folder = tempfile::tempdir().unwrap();
    let (served, operator) = host(folder.path());
    add(&operator, "acme", json!({})).await;
    let reader = caller(&operator, "acme", "ada", Some(&["jobs:read"])).await;
    let writer = caller(&operator, "acme", "ada", Some(&["jobs:read", "jobs:write"])).await;

    assert_eq!(
        reader.refused("job_create", job("No")).await["scope"],
        "jobs:write"
    );
    let id = writer.tool("job_create", job("Yes")).await["job"]["job_id"].take();
    reader.tool("job_retrieval_by_id", json!({ "job_id": id })).await;
    let now = json!({ "job_id": id, "run_now": true });
    assert_eq!(writer.refused("job_update", now).await["scope"], "jobs:run");
    assert_eq!(
        error(&reader, "POST", "/api/chat", Some(&json!({ "text": "done" }))).await,
        (403, "forbidden".into())
    );

    // What is the operator's is not the tenant's.
    for (method, path) in [
        ("GET", "/api/tenants"),
        ("DELETE", "/api/tenants/acme"),
        ("GET", "/api/components"),
    ] {
        assert_eq!(
            error(&writer, method, path, None).await,
            (403, "forbidden".into()),
            "{path}"
        );
    }
    let advance = json!({ "advance_seconds": 1 });
    assert_eq!(error(&writer, "POST", "/api/clock", Some(&advance)).await.0, 403);
    let metrics = writer.get("/metrics").await;
    let metrics = metrics.as_str().unwrap();
    assert!(metrics.contains("tenant=\"acme\"") && !metrics.contains("tenant=\"local\""));

    // No token, a wrong one and a revoked one: 401, on every path but those for health.
    let nobody = &served.client;
    for path in ["/api/jobs", "/metrics", "/mcp", "/api/tenants", "/nowhere"] {
        assert_eq!(
            error(nobody, "GET", path, None).await,
            (401, "unauthenticated".into()),
            "{path}"
        );
    }
    assert_eq!(nobody.get("/healthz").await, "ok\n");
    let tokens = operator.get("/api/tenants/acme/tokens").await;
    let mut all = tokens["tokens"].as_array().unwrap().iter();
    let token = all.find(|token| token["scopes"] == json!(["jobs:read"])).unwrap();
    let token = token["token_id"].as_str().unwrap();
    assert!(!tokens.to_string().contains("hash"));
    let (status, _) = operator
        .try_request("DELETE", &format!("/api/tenants/acme/tokens/{token}"), None)
        .await
        .unwrap();
    assert_eq!(status, 200);
    assert_eq!(error(&reader, "GET", "/api/jobs", None).await.0, 401);
    writer.get("/api/jobs").await;
}

#[tokio::test]
async fn a_tenant_has_no_more_jobs_than_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, operator) = host(folder.path());
    add(&operator, "acme", json!({ "jobs_max": 2 })).await;
    add(&operator, "beta", json!({})).await;
    let ada = caller(&operator, "acme", "ada", None).await;
    let first = ada.tool("job_create", job("Look at the mail")).await["job"]["job_id"].take();
    ada.tool("job_create", job("Water the flowers")).await;
    let refused = ada.refused("job_create", job("Call the dentist")).await;
    assert_eq!(refused["code"], "quota_exceeded");
    assert!(
        refused["message"].as_str().unwrap().contains("at most 2 jobs"),
        "{refused}"
    );
    let others = caller(&operator, "beta", "bob", None).await;
    others.tool("job_create", job("Call the dentist")).await;

    // What ends makes room; so does the operator.
    ada.tool("job_cancel", json!({ "job_id": first })).await;
    ada.tool("job_create", job("Call the dentist")).await;
    let more = json!({ "limits": { "jobs_max": 3 } });
    let (status, changed) = operator
        .try_request("PATCH", "/api/tenants/acme", Some(&more))
        .await
        .unwrap();
    assert_eq!((status, &changed["limits"]["jobs_max"]), (200, &json!(3)));
    ada.tool("job_create", job("Book the train")).await;
    let shown = operator.get("/api/tenants/acme").await;
    assert_eq!(shown["stored"]["live_jobs"], 3);
}

#[tokio::test]
async fn a_tenant_whose_storage_is_full_starts_nothing_and_goes_on_when_it_has_room() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, operator) = host(folder.path());
    add(&operator, "acme", json!({})).await;
    let ada = caller(&operator, "acme", "ada", None).await;
    ada.tool("job_create", job("Look")).await;
    let change = async |limit: Value| {
        let body = json!({ "limits": { "storage_bytes_max": limit } });
        let (status, _) = operator
            .try_request("PATCH", "/api/tenants/acme", Some(&body))
            .await
            .unwrap();
        assert_eq!(status, 200);
    };
    change(json!(10)).await;
    let refused = ada.refused("job_create", job("More")).await;
    assert_eq!(refused["code"], "quota_exceeded");
    let report = operator
        .post("/api/clock", &json!({ "to": "2026-06-01T13:00:00Z" }))
        .await;
    assert_eq!(report["started"], 0);
    change(Value::Null).await;
    let report = operator
        .post("/api/clock", &json!({ "advance_seconds": 1 }))
        .await;
    assert_eq!(report["settled"], 1, "{report}");
}

#[tokio::test]
async fn too_many_requests_of_one_tenant_are_its_own_problem() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, operator) = host(folder.path());
    add(&operator, "acme", json!({ "requests_per_second": 1 })).await;
    add(&operator, "beta", json!({})).await;
    let ada = caller(&operator, "acme", "ada", None).await;
    let bob = caller(&operator, "beta", "bob", None).await;
    let mut refused = 0;
    for _ in 0..20 {
        refused += u32::from(error(&ada, "GET", "/api/jobs", None).await == (429, "quota_exceeded".into()));
        bob.get("/api/jobs").await;
    }
    assert!(refused > 0);
}

#[tokio::test]
async fn a_suspended_tenant_rests_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let (served, operator) = host(folder.path());
    add(&operator, "acme", json!({})).await;
    let ada = caller(&operator, "acme", "ada", None).await;
    let id = ada.tool("job_create", job("Look")).await["job"]["job_id"].take();
    let state = async |operator: &Client, state: &str| {
        let (status, answer) = operator
            .try_request("PATCH", "/api/tenants/acme", Some(&json!({ "state": state })))
            .await
            .unwrap();
        assert_eq!((status, &answer["state"]), (200, &json!(state)));
    };
    state(&operator, "suspended").await;
    let (status, refused) = ada.try_request("GET", "/api/jobs", None).await.unwrap();
    assert_eq!(status, 403);
    assert!(
        refused["error"]["message"]
            .as_str()
            .unwrap()
            .contains("suspended")
    );
    let report = operator
        .post("/api/clock", &json!({ "to": "2026-06-01T13:00:00Z" }))
        .await;
    assert_eq!(report["started"], 0);
    // It stays so over a restart.
    drop(served);
    let (_served, operator) = host(folder.path());
    assert_eq!(operator.get("/api/tenants/acme").await["state"], "suspended");
    operator.advance_to("2026-06-01T13:00:00Z").await;
    state(&operator, "active").await;
    operator.advance(1).await;
    let tokens = caller(&operator, "acme", "ada", None).await;
    let shown = tokens.tool("job_retrieval_by_id", json!({ "job_id": id })).await;
    assert_eq!(shown["job"]["status"], "COMPLETED", "{shown}");
}

#[tokio::test]
async fn a_removed_tenant_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, operator) = host(folder.path());
    add(&operator, "acme", json!({})).await;
    add(&operator, "beta", json!({})).await;
    let ada = caller(&operator, "acme", "ada", None).await;
    let bob = caller(&operator, "beta", "bob", None).await;
    for client in [&ada, &bob] {
        client.tool("job_create", job("Look")).await;
    }
    operator.advance_to("2026-06-01T11:00:00Z").await;
    let (status, answer) = operator
        .try_request("DELETE", "/api/tenants/acme", None)
        .await
        .unwrap();
    assert_eq!((status, &answer["state"]), (200, &json!("removing")));
    // Refused at once, gone a little later: each look is a round trip.
    while error(&operator, "GET", "/api/tenants/acme", None).await.0 != 404 {}
    assert_eq!(error(&ada, "GET", "/api/jobs", None).await.0, 401);
    assert_eq!(bob.inbox().await.len(), 1);
    add(&operator, "acme", json!({})).await;
    let again = caller(&operator, "acme", "ada", None).await;
    assert!(again.inbox().await.is_empty());
    assert_eq!(
        operator.get("/api/tenants/acme").await["stored"],
        json!({ "live_jobs": 0, "bytes": 0 })
    );
}

#[tokio::test]
async fn what_an_operator_gets_wrong_is_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let (_served, operator) = host(folder.path());
    add(&operator, "acme", json!({})).await;
    let token = |request: Value| ("POST", "/api/tenants/acme/tokens", request);
    for (asked, status, word) in [
        (
            ("POST", "/api/tenants", json!({ "name": "Acme!" })),
            400,
            "lower-case",
        ),
        (
            ("POST", "/api/tenants", json!({ "name": "acme" })),
            409,
            "already",
        ),
        (("POST", "/api/tenants", json!({ "nam": "x" })), 400, "`nam`"),
        (
            (
                "POST",
                "/api/tenants",
                json!({ "name": "x", "limits": { "jobs": 1 } }),
            ),
            400,
            "jobs_max",
        ),
        (
            ("POST", "/api/tenants", json!({ "name": "x", "component": "00" })),
            400,
            "upload it first",
        ),
        (
            ("PATCH", "/api/tenants/nobody", json!({ "state": "suspended" })),
            404,
            "nobody",
        ),
        (
            ("PATCH", "/api/tenants/acme", json!({ "state": "gone" })),
            400,
            "suspended",
        ),
        (("DELETE", "/api/tenants/local", json!({})), 409, "local"),
        (token(json!({ "agent": "a" })), 400, "user"),
        (token(json!({ "agent": "a", "user": "" })), 400, "user"),
        (
            token(json!({ "agent": "a", "user": "b", "scopes": ["all"] })),
            400,
            "jobs:read",
        ),
        (
            token(json!({ "agent": "a", "user": "b", "scopes": [] })),
            400,
            "scope",
        ),
        (
            token(json!({ "agent": "a", "user": "b", "timezone": "CST6" })),
            400,
            "IANA",
        ),
        (
            ("DELETE", "/api/tenants/acme/tokens/nothing", json!({})),
            404,
            "nothing",
        ),
        (("DELETE", "/api/components/00", json!({})), 404, "00"),
        (
            ("POST", "/api/components", json!({})),
            400,
            "no WebAssembly component",
        ),
    ] {
        let (method, path, body) = asked;
        let (found, answer) = operator.try_request(method, path, Some(&body)).await.unwrap();
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(found, status, "{method} {path} {body}: {answer}");
        assert!(message.contains(word), "{method} {path} {body}: {answer}");
    }
    let names: Vec<Value> = operator.get("/api/tenants").await["tenants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tenant| tenant["name"].clone())
        .collect();
    assert_eq!(names, ["acme", "local"]);
}

/// The way of the README, with the program alone.
#[tokio::test]
async fn an_operator_works_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let (served, operator) = host(folder.path());
    let file = folder.path().join("operator.token");
    let url = served.client.url.clone();
    let tenant = |arguments: &[&str]| {
        let mut all = vec!["tenant"];
        all.extend(arguments);
        all.extend(["--url", &url, "--token-file", file.to_str().unwrap()]);
        let (output, errors, status) = run(&all);
        assert!(status.success(), "{arguments:?}: {errors}");
        output
    };
    let added = tenant(&["add", "acme", "--jobs-max", "5"]);
    assert!(
        added.contains("jobs_max") && added.contains("parallel_runs"),
        "{added}"
    );
    let token = tenant(&[
        "token", "acme", "--agent", "helper", "--user", "ada", "--tz", "UTC",
    ]);
    let ada = operator.with_token(token.trim());
    ada.tool("job_create", job("Look")).await;
    assert!(tenant(&["list"]).contains("acme"));
    let tokens = tenant(&["tokens", "acme"]);
    assert!(tokens.contains("ada") && !tokens.contains(token.trim()));
    tenant(&["suspend", "acme"]);
    assert_eq!(error(&ada, "GET", "/api/jobs", None).await.0, 403);
    tenant(&["resume", "acme"]);
    ada.get("/api/jobs").await;

    // The component that the program carries can be uploaded as a tenant's own.
    let component = folder.path().join("jobs.wasm");
    std::fs::write(&component, meanwhile::COMPONENT).unwrap();
    let digest = tenant(&["upload", component.to_str().unwrap()]);
    let shown = tenant(&[
        "set",
        "acme",
        "--component",
        digest.trim(),
        "--jobs-max",
        "default",
    ]);
    assert!(shown.contains(digest.trim()), "{shown}");
    assert!(tenant(&["components"]).contains(digest.trim()));
    ada.get("/api/jobs").await;

    let (_, errors, status) = run(&["tenant", "remove", "acme", "--url", &url]);
    assert!(!status.success() && errors.contains("--yes"), "{errors}");
    assert!(tenant(&["remove", "acme", "--yes"]).contains("removing"));
    let (_, errors, status) = run(&["tenant", "list", "--url", &url]);
    assert!(!status.success() && errors.contains("token"), "{errors}");
}

/// A program that carries out a run may use the tools meanwhile: as that run, and no further.
#[tokio::test]
async fn what_carries_out_a_run_calls_as_that_run() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("agent.sh");
    let agent = format!("command:sh {}", script.display());
    let (_served, operator) = host_with(folder.path(), &["--agent", &agent]);
    add(&operator, "acme", json!({})).await;
    let ada = caller(&operator, "acme", "ada", None).await;
    let victim = ada.tool("job_create", job("Pay the rent")).await["job"]["job_id"].take();
    let victim = victim.as_str().unwrap();
    let program = program().display().to_string();
    let (token, folder) = (folder.path().join("token"), folder.path().display());
    let lines = [
        format!("cd {folder}; printf %s \"$MEANWHILE_TOKEN\" >{}", token.display()),
        format!("{program} list | grep -c 'Pay the rent'"),
        format!("{program} cancel {victim}"),
        format!("{program} add 'Remind me tomorrow at 9 to look again' --tz UTC >/dev/null"),
        format!("{program} tenant list"),
        format!("{program} cured quota"),
        "true".to_owned(),
    ];
    std::fs::write(&script, lines.join("\n")).unwrap();
    let talked_into = json!({ "title": "Read the mail", "payload": "Read it.", "job_type": "ONE_OFF" });
    let id = ada.tool("job_create", talked_into).await["job"]["job_id"].take();
    operator.advance(1).await;
    let shown = ada.tool("job_retrieval_by_id", json!({ "job_id": id })).await;
    let run = &shown["runs"][0];
    assert_eq!(run["status"], "succeeded", "{run}");
    assert_eq!(
        run["output"].as_str().unwrap().trim(),
        "1",
        "it reads what its user may: {run}"
    );
    let journal = run["journal"].to_string();
    assert!(
        journal.contains("out of this run's reach"),
        "it was refused: {journal}"
    );
    assert!(journal.contains("tenants:admin"), "so was this: {journal}");
    assert!(journal.contains("no run says"), "and this: {journal}");
    let kept = ada.tool("job_retrieval_by_id", json!({ "job_id": victim })).await;
    assert_eq!(kept["job"]["status"], "ACTIVE");
    let jobs = ada.get("/api/jobs").await;
    let child = jobs["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["depth"] == 1)
        .unwrap();
    assert_eq!(child["parent_job_id"], id);

    // Its token ended with it.
    let token = std::fs::read_to_string(token).unwrap();
    assert!(token.starts_with("mwr_"));
    assert_eq!(
        error(&operator.with_token(&token), "GET", "/api/jobs", None)
            .await
            .0,
        401
    );
}

/// The file is the operator's alone, survives restarts, and is the only place of the token.
#[cfg(unix)]
#[tokio::test]
async fn the_operators_token_is_made_once_for_the_operator_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let (served, _) = host(folder.path());
    let file = folder.path().join("operator.token");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = std::fs::read(&file).unwrap();
    drop(served);
    let (_served, operator) = host(folder.path());
    assert_eq!(std::fs::read(&file).unwrap(), before);
    operator.get("/api/tenants").await;
}
