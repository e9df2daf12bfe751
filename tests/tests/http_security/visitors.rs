//! Who may ask, from where, and what a refusal says.

use meanwhile::http::{Bounds, Site};

use crate::edge::{Answer, Edge};

fn public() -> Site {
    Site {
        public_url: Some("https://jobs.example.com".parse().unwrap()),
        allowed_origins: vec!["https://app.example.com".parse().unwrap()],
        resource: None,
    }
}

async fn ask(edge: &Edge, request: &str, headers: &[(&str, &str)]) -> Answer {
    let mut head = format!("{request} HTTP/1.1\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(token) = &edge.operator
        && !headers.iter().any(|(name, _)| *name == "Authorization")
    {
        head.push_str(&format!("Authorization: Bearer {token}\r\n"));
    }
    let mut wire = edge.wire().await;
    wire.send(format!("{head}\r\n")).await;
    wire.answer().await
}

#[tokio::test(flavor = "multi_thread")]
async fn host_and_origin_are_checked_alike_on_all_paths() {
    let edge = Edge::guarded(public()).await;
    // MCP says 405 to a GET: it was let in.
    for (path, let_in) in [("GET /api/jobs", 200), ("GET /mcp", 405), ("GET /healthz", 200)] {
        for (host, origin, status) in [
            ("jobs.example.com", "https://jobs.example.com", let_in),
            ("jobs.example.com", "https://app.example.com", let_in),
            ("127.0.0.1", "http://localhost:3000", let_in),
            ("jobs.example.com", "http://jobs.example.com", 403),
            ("jobs.example.com", "https://evil.example.com", 403),
            ("jobs.example.com", "null", 403),
            ("evil.example.com", "https://app.example.com", 403),
        ] {
            let answer = ask(&edge, path, &[("Host", host), ("Origin", origin)]).await;
            assert_eq!(answer.status, status, "{path} {host} {origin}: {}", answer.body);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_of_allowed_origins_may_read_answers() {
    let edge = Edge::guarded(public()).await;
    let app = ("Origin", "https://app.example.com");
    let host = ("Host", "jobs.example.com");
    let preflight = [
        host,
        app,
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "authorization,content-type"),
        ("Authorization", "none"),
    ];
    let answer = ask(&edge, "OPTIONS /mcp", &preflight).await;
    assert_eq!(answer.status, 200);
    let allowed = |answer: &Answer| answer.header("access-control-allow-origin").map(str::to_owned);
    assert_eq!(allowed(&answer).as_deref(), Some("https://app.example.com"));
    assert!(
        answer
            .header("access-control-allow-headers")
            .unwrap()
            .contains("authorization")
    );
    // Answers of all kinds, since a page has to understand a refusal too.
    for path in ["GET /api/jobs", "GET /nowhere"] {
        let answer = ask(&edge, path, &[host, app]).await;
        assert_eq!(
            allowed(&answer).as_deref(),
            Some("https://app.example.com"),
            "{path}"
        );
    }
    let other = ask(&edge, "GET /api/jobs", &[host, ("Origin", "http://localhost:1")]).await;
    assert_eq!((other.status, allowed(&other)), (200, None));
    // Where none is allowed nothing is said of it.
    let closed = Edge::guarded(Site::default()).await;
    let answer = ask(
        &closed,
        "GET /api/jobs",
        &[("Host", "localhost"), ("Origin", "http://localhost:1")],
    )
    .await;
    assert_eq!((answer.status, allowed(&answer)), (200, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_data_that_is_neither_kept_nor_shown_as_a_page() {
    let edge = Edge::open(Bounds::default()).await;
    for path in ["/healthz", "/api/jobs", "/mcp", "/nowhere"] {
        let answer = ask(&edge, &format!("GET {path}"), &[("Host", "localhost")]).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_tries_a_number_of_wrong_tokens_and_a_good_one_is_let_in_all_the_same() {
    let edge = Edge::guarded(Site::default()).await;
    let wrong = edge.client().with_token("mwt_0_0");
    let mut statuses = Vec::new();
    loop {
        let (status, answer) = wrong.try_request("GET", "/api/jobs", None).await.unwrap();
        statuses.push(status);
        if status != 401 {
            let message = answer["error"]["message"].as_str().unwrap();
            assert!(message.contains("wrong tokens of your address"), "{answer}");
            break;
        }
    }
    assert_eq!(statuses.pop(), Some(429));
    assert!(statuses.len() >= meanwhile::limits::WRONG_TOKENS_PER_MINUTE as usize);
    let answer = ask(
        &edge,
        "GET /api/jobs",
        &[("Host", "localhost"), ("Authorization", "Bearer x")],
    )
    .await;
    assert!(answer.header("retry-after").is_some_and(|it| it != "0"));
    // Without a token, with a good one: as ever.
    let none = ask(
        &edge,
        "GET /api/jobs",
        &[("Host", "localhost"), ("Authorization", "")],
    )
    .await;
    assert_eq!(none.status, 429, "an empty one is a wrong one");
    let bare = meanwhile_tests::served::Client::new(&edge.address.to_string());
    assert_eq!(bare.try_request("GET", "/api/jobs", None).await.unwrap().0, 401);
    assert!(edge.client().get("/api/jobs").await.is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_says_what_to_show_and_nothing_of_what_is_there() {
    let edge = Edge::guarded(Site::default()).await;
    let local = ("Host", "localhost");
    for path in ["/api/jobs", "/api/jobs/job_1", "/mcp", "/nowhere", "/metrics"] {
        let answer = ask(
            &edge,
            &format!("GET {path}"),
            &[local, ("Authorization", "Bearer x")],
        )
        .await;
        assert_eq!(answer.status, 401, "{path}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert_eq!(challenge, "Bearer realm=\"meanwhile\", error=\"invalid_token\"");
    }
    let two = ask(
        &edge,
        "GET /api/jobs",
        &[
            local,
            ("Authorization", "Bearer x"),
            ("Authorization", "Bearer y"),
        ],
    )
    .await;
    assert_eq!(two.status, 401);
    // Clients look for a way to log in: there is none, and that is no secret.
    for path in [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
    ] {
        let answer = ask(&edge, &format!("GET {path}"), &[local, ("Authorization", "")]).await;
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_in_the_query_is_refused_be_it_good() {
    let edge = Edge::guarded(Site::default()).await;
    let token = edge.operator.clone().unwrap();
    for path in [
        format!("GET /api/jobs?access_token={token}"),
        format!("GET /api/jobs?limit=1&key={token}"),
        format!("POST /mcp?access_token={token}"),
    ] {
        for authorization in [format!("Bearer {token}"), String::new()] {
            let headers = [
                ("Host", "localhost"),
                ("Authorization", authorization.as_str()),
                ("Content-Length", "0"),
            ];
            let answer = ask(&edge, &path, &headers).await;
            assert_eq!(answer.status, 400, "{path}");
            assert!(!answer.body.contains(&token) && answer.body.contains("leaked"));
        }
    }
}
