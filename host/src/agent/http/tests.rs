//! Against a server that does what a test says: it answers, breaks off, or waits.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Http, Secret, address, is_address, is_elsewhere};
use crate::agent::llm::LlmSetting;
use crate::agent::{Agent as _, Attempt, SettingError, answer, from_setting, sample, wire};
use crate::limits::{AGENT_ANSWER_BYTES_MAX, OUTPUT_BYTES_MAX};
use crate::service::Session;
use crate::tenants::{LateOutcome, RunAccess, RunTokens};
use crate::wit::agent_pipeline::{Outcome, OutcomeStatus};
use crate::wit::types::ErrorClass;

const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const HOST: &str = "http://127.0.0.1:7803";

/// What is done with a request.
enum Does {
    /// These bytes are written, and the connection ends.
    Writes(String),
    /// Nothing, until the other side hangs up.
    Waits,
}

/// An answer with a status, such as `200 OK`, a type and a body.
fn answers(status: &str, kind: &str, body: &str) -> Does {
    let length = body.len();
    Does::Writes(format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
    ))
}

/// A request as it arrived.
#[derive(Clone, Debug)]
struct Asked {
    method: String,
    headers: BTreeMap<String, String>,
    body: String,
}

/// What a server saw: a request, or that whoever made one has hung up.
#[derive(Debug)]
enum Seen {
    Asked(Asked),
    HungUp,
}

struct Server {
    url: String,
    seen: mpsc::UnboundedReceiver<Seen>,
}

impl Server {
    async fn start(does: impl Fn(&Asked) -> Does + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/work", listener.local_addr().unwrap());
        let (tell, seen) = mpsc::unbounded_channel();
        let does = Arc::new(does);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (tell, does) = (tell.clone(), Arc::clone(&does));
                tokio::spawn(async move {
                    let mut stream = BufReader::new(stream);
                    let mut lines = Vec::new();
                    loop {
                        let mut line = String::new();
                        stream.read_line(&mut line).await.unwrap();
                        match line.trim_end() {
                            "" => break,
                            line => lines.push(line.to_owned()),
                        }
                    }
                    let headers: BTreeMap<String, String> = lines[1..]
                        .iter()
                        .filter_map(|line| line.split_once(": "))
                        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
                        .collect();
                    let length = headers.get("content-length").map_or(0, |it| it.parse().unwrap());
                    let mut body = vec![0; length];
                    stream.read_exact(&mut body).await.unwrap();
                    let asked = Asked {
                        method: lines[0].split(' ').next().unwrap().to_owned(),
                        headers,
                        body: String::from_utf8(body).unwrap(),
                    };
                    let done = does(&asked);
                    let _ = tell.send(Seen::Asked(asked));
                    match done {
                        // Who is asked for too much does not read on.
                        Does::Writes(bytes) => drop(stream.write_all(bytes.as_bytes()).await),
                        Does::Waits => {
                            let _ = stream.read_to_end(&mut Vec::new()).await;
                            let _ = tell.send(Seen::HungUp);
                        }
                    }
                });
            }
        });
        Self { url, seen }
    }

    async fn asked(&mut self) -> Asked {
        match self.seen.recv().await.unwrap() {
            Seen::Asked(asked) => asked,
            Seen::HungUp => panic!("it hung up"),
        }
    }

    async fn hung_up(&mut self) {
        let seen = self.seen.recv().await.unwrap();
        assert!(matches!(seen, Seen::HungUp), "{seen:?}");
    }
}

fn secret() -> Secret {
    Secret::parse(&format!("whsec_{KEY}")).unwrap()
}

fn agent(url: &str) -> Http {
    Http::new(url, Some(secret()))
        .unwrap()
        .serving_at(Some(HOST.to_owned()))
}

/// An attempt whose run's token is among `tokens`.
fn attempt(tokens: &Arc<RunTokens>, stop: &CancellationToken) -> Attempt {
    Attempt {
        access: RunAccess::new(Arc::clone(tokens), "acme", Session::local().caller),
        ..sample::attempt(sample::request("Do it"), stop.clone())
    }
}

async fn run(agent: &Http) -> Outcome {
    agent
        .run(attempt(&Arc::default(), &CancellationToken::new()))
        .await
}

/// What an attempt fails with where this is done with its request.
async fn failed(does: impl Fn(&Asked) -> Does + Send + Sync + 'static) -> (ErrorClass, String) {
    let server = Server::start(does).await;
    let outcome = run(&agent(&server.url)).await;
    assert_eq!(outcome.status, OutcomeStatus::Failed, "{outcome:?}");
    let error = outcome.error.unwrap();
    assert!(error.message.contains(&server.url), "{}", error.message);
    (error.class, error.message)
}

fn text(text: &str) -> Outcome {
    answer(OutcomeStatus::Ok, text.to_owned())
}

/// Checks a message's signature, and answers its id.
fn signed(asked: &Asked) -> String {
    let id = &asked.headers["webhook-id"];
    let timestamp: u64 = asked.headers["webhook-timestamp"].parse().unwrap();
    let signature = secret().sign(id, timestamp, asked.body.as_bytes());
    assert_eq!(asked.headers["webhook-signature"], signature);
    let now = chrono::Utc::now().timestamp();
    assert!((now - 300..=now).contains(&(timestamp as i64)), "{timestamp}");
    id.clone()
}

#[tokio::test]
async fn the_request_is_that_of_a_program_signed_and_with_a_way_back() {
    let mut server = Server::start(|_| answers("200 OK", "text/plain", "done\n")).await;
    let agent = agent(&server.url);
    assert_eq!(run(&agent).await, text("done"));
    let asked = server.asked().await;
    let id = signed(&asked);
    assert!(!id.contains('.') && id.starts_with("att_"), "{id}");
    let request: wire::Request = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(
        (request.payload.as_str(), request.task),
        ("Do it", wire::Task::Execute)
    );
    assert_eq!(asked.headers["content-type"], "application/json");
    assert_eq!(asked.headers["meanwhile-url"], HOST);
    assert!(asked.headers["meanwhile-token"].starts_with("mwr_"));
    assert!(!format!("{asked:?}{agent:?}").contains(KEY), "the key stays here");
    // The same attempt again has the same id, another one its own.
    run(&agent).await;
    assert_eq!(signed(&server.asked().await), id);
    let again = Attempt {
        request: crate::wit::agent_pipeline::RunRequest {
            attempt: 2,
            ..sample::request("Do it")
        },
        ..attempt(&Arc::default(), &CancellationToken::new())
    };
    agent.run(again).await;
    assert_ne!(signed(&server.asked().await), id);
}

#[tokio::test]
async fn an_outcome_in_json_is_taken_as_it_is() {
    let body = r#"{"status": "failed", "error": {"class": "quota", "message": "Out of money"}, "journal": ["tried"]}"#;
    let server = Server::start(|_| answers("200 OK", "application/json", body)).await;
    let outcome = run(&agent(&server.url)).await;
    assert_eq!(
        (outcome.status, outcome.journal),
        (OutcomeStatus::Failed, vec!["tried".to_owned()])
    );
    assert_eq!(outcome.error.unwrap().class, ErrorClass::Quota);
}

#[tokio::test]
async fn a_status_decides_what_comes_of_a_failure() {
    use ErrorClass::{Auth, Permanent, Quota, Transient};
    for (status, class, told) in [
        ("500 Internal Server Error", Transient, "500"),
        ("502 Bad Gateway", Transient, "502"),
        ("503 Service Unavailable", Transient, "503"),
        ("408 Request Timeout", Transient, "408"),
        ("425 Too Early", Transient, "425"),
        ("429 Too Many Requests", Transient, "429"),
        ("401 Unauthorized", Auth, "MEANWHILE_AGENT_SECRET"),
        ("403 Forbidden", Auth, "MEANWHILE_AGENT_SECRET"),
        ("402 Payment Required", Quota, "402"),
        ("400 Bad Request", Permanent, "400"),
        ("404 Not Found", Permanent, "404"),
        ("410 Gone", Permanent, "410"),
        ("204 No Content", Permanent, "expected 200"),
        ("301 Moved Permanently", Permanent, "name the address it leads to"),
    ] {
        let (found, message) = failed(move |_| answers(status, "text/plain", "because I say so")).await;
        assert_eq!(found, class, "{message}");
        assert!(message.contains(told), "{message}");
        if !status.starts_with('2') {
            assert!(message.contains("because I say so"), "{message}");
        }
    }
}

#[tokio::test]
async fn who_asks_to_wait_is_waited_for() {
    let answer = "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
    let server = Server::start(move |_| Does::Writes(answer.to_owned())).await;
    let outcome = run(&agent(&server.url)).await;
    assert_eq!(outcome.error.unwrap().class, ErrorClass::Transient);
    assert_eq!(outcome.retry_after_seconds, Some(7));
}

#[tokio::test]
async fn no_redirect_is_followed() {
    let mut elsewhere = Server::start(|_| answers("200 OK", "text/plain", "caught")).await;
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let location = elsewhere.url.clone();
        let (class, _) = failed(move |_| {
            Does::Writes(format!(
                "HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
            ))
        })
        .await;
        assert_eq!(class, ErrorClass::Permanent);
    }
    assert!(elsewhere.seen.try_recv().is_err(), "nothing arrived there");
}

#[tokio::test]
async fn who_is_not_there_or_breaks_off_may_be_asked_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/work", listener.local_addr().unwrap());
    drop(listener);
    let error = run(&agent(&url)).await.error.unwrap();
    assert_eq!(error.class, ErrorClass::Transient);
    assert!(
        error.message.contains("cannot be reached") && error.message.contains("refused"),
        "{}",
        error.message
    );
    for half in [
        "",
        "HTTP/1.1 200 O",
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"status\": ",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "220 smtp.example.com\r\n",
    ] {
        let (class, message) = failed(move |_| Does::Writes(half.to_owned())).await;
        assert_eq!(class, ErrorClass::Transient, "{message}");
        assert!(message.contains("broke off its answer"), "{message}");
    }
}

#[tokio::test]
async fn an_answer_that_is_no_outcome_is_quoted() {
    for (kind, body, told) in [
        ("text/html", "<html>Welcome!</html>", "<html>Welcome!"),
        ("application/json", r#"{"ok": true}"#, r#"{"ok": true}"#),
        ("application/json", "", "is empty"),
        ("text/plain", "", "is empty"),
    ] {
        let (class, message) = failed(move |_| answers("200 OK", kind, body)).await;
        assert_eq!(class, ErrorClass::Permanent, "{message}");
        assert!(message.contains(told), "{message}");
    }
}

#[tokio::test]
async fn an_answer_has_its_bound() {
    let fits = "x".repeat(AGENT_ANSWER_BYTES_MAX);
    let server = Server::start(move |_| answers("200 OK", "text/plain", &fits)).await;
    assert_eq!(run(&agent(&server.url)).await.output.len(), OUTPUT_BYTES_MAX);
    let long = "x".repeat(AGENT_ANSWER_BYTES_MAX + 1);
    let (class, message) = failed(move |_| answers("200 OK", "text/plain", &long)).await;
    assert_eq!(class, ErrorClass::Permanent);
    assert!(
        message.contains("524288 bytes") && message.len() < 500,
        "{message}"
    );
    // A refusal is no reason to read for ever.
    let long = "x".repeat(AGENT_ANSWER_BYTES_MAX * 2);
    let (class, message) = failed(move |_| answers("500 Oh", "text/plain", &long)).await;
    assert_eq!(class, ErrorClass::Transient);
    assert!(message.contains("xxx") && message.len() < 500, "{message}");
}

#[tokio::test]
async fn no_error_shows_what_is_secret() {
    let echo = |asked: &Asked| {
        let told = format!("whsec_{KEY} {:?}", asked.headers);
        answers("400 Bad Request", "text/plain", &told)
    };
    let (_, message) = failed(echo).await;
    assert!(
        message.contains("***") && !message.contains(KEY) && !message.contains("mwr_"),
        "{message}"
    );
    let echo = |asked: &Asked| {
        answers(
            "200 OK",
            "text/html",
            &format!("{KEY} {}", asked.headers["meanwhile-token"]),
        )
    };
    let (_, message) = failed(echo).await;
    assert!(
        message.contains("***") && !message.contains(KEY) && !message.contains("mwr_"),
        "{message}"
    );
}

/// The token of a request that arrived.
async fn token(server: &mut Server) -> String {
    server.asked().await.headers["meanwhile-token"].clone()
}

#[tokio::test]
async fn after_202_the_outcome_comes_later_and_the_first_one_counts() {
    let mut server = Server::start(|_| answers("202 Accepted", "text/plain", "")).await;
    let (agent, tokens, stop) = (agent(&server.url), Arc::default(), CancellationToken::new());
    let sending = async {
        let login = tokens_login(&tokens, &token(&mut server).await);
        assert_eq!(login.run(), "run_1");
        assert_eq!(login.take(text("first")), Ok(()));
        assert_eq!(login.take(text("first")), Ok(()));
        assert_eq!(login.take(text("second")), Err(LateOutcome::Second));
        login
    };
    let (outcome, login) = tokio::join!(agent.run(attempt(&tokens, &stop)), sending);
    assert_eq!(outcome, text("first"));
    assert_eq!(
        login.take(text("first")),
        Ok(()),
        "also when the attempt has ended"
    );
}

fn tokens_login(tokens: &RunTokens, token: &str) -> Arc<crate::tenants::AwaitedOutcome> {
    tokens.login(token).unwrap().outcome.unwrap()
}

#[tokio::test]
async fn an_outcome_may_come_before_the_answer_to_its_request() {
    let mut server = Server::start(|_| Does::Waits).await;
    let (agent, tokens, stop) = (agent(&server.url), Arc::default(), CancellationToken::new());
    let sending = async {
        let token = token(&mut server).await;
        tokens_login(&tokens, &token).take(text("soon")).unwrap();
        server.hung_up().await;
    };
    let (outcome, ()) = tokio::join!(agent.run(attempt(&tokens, &stop)), sending);
    assert_eq!(outcome, text("soon"));
}

#[tokio::test]
async fn who_cannot_be_reached_says_so_before_anybody_waits() {
    let mut server = Server::start(|_| answers("202 Accepted", "text/plain", "")).await;
    let error = run(&Http::new(&server.url, None).unwrap()).await.error.unwrap();
    assert_eq!(error.class, ErrorClass::Permanent);
    assert!(error.message.contains("public_url"), "{}", error.message);
    let asked = server.asked().await;
    for name in ["meanwhile-url", "meanwhile-token", "webhook-signature"] {
        assert!(!asked.headers.contains_key(name), "{name}");
    }
    assert!(asked.headers.contains_key("webhook-id"));
}

/// Stops an attempt whose request arrived: at a server that has not answered it yet, or that answered 202.
async fn stopped(accepts: bool) {
    let does = move |asked: &Asked| match serde_json::from_str::<wire::Cancellation>(&asked.body) {
        Ok(_) => answers("200 OK", "text/plain", "stopped"),
        Err(_) if accepts => answers("202 Accepted", "text/plain", ""),
        Err(_) => Does::Waits,
    };
    let mut server = Server::start(does).await;
    let (agent, tokens, stop) = (agent(&server.url), Arc::default(), CancellationToken::new());
    let stopping = async {
        let first = server.asked().await;
        stop.cancel();
        if !accepts {
            server.hung_up().await;
        }
        (first, server.asked().await)
    };
    let (outcome, (first, told)) = tokio::join!(agent.run(attempt(&tokens, &stop)), stopping);
    assert_eq!(outcome.status, OutcomeStatus::Cancelled);
    assert_eq!(told.method, "POST");
    assert_eq!(signed(&told), format!("{}_cancel", signed(&first)));
    assert!(!told.headers.contains_key("meanwhile-token"));
    let request: wire::Request = serde_json::from_str(&first.body).unwrap();
    let cancellation = wire::Cancellation {
        task: wire::CancelTask::Cancel,
        run_id: request.run_id,
        job_id: request.job_id,
        idempotency_key: request.idempotency_key,
        attempt: request.attempt,
        tenant: request.tenant,
    };
    assert_eq!(
        serde_json::from_str::<wire::Cancellation>(&told.body).unwrap(),
        cancellation
    );
    assert!(told.body.contains(r#""task":"cancel""#), "{}", told.body);
    let late = tokens_login(&tokens, &first.headers["meanwhile-token"]).take(text("late"));
    assert_eq!(late, Err(LateOutcome::Ended));
}

#[tokio::test]
async fn a_call_that_is_stopped_ends_at_once_and_the_other_side_is_told() {
    stopped(false).await;
}

#[tokio::test]
async fn so_does_the_wait_for_an_outcome() {
    stopped(true).await;
}

#[tokio::test]
async fn nobody_has_to_listen_to_a_cancellation() {
    let mut server = Server::start(|_| Does::Waits).await;
    let (agent, stop) = (agent(&server.url), CancellationToken::new());
    let stopping = async {
        server.asked().await;
        stop.cancel();
        server.hung_up().await;
        server.asked().await;
        server.hung_up().await;
    };
    let (outcome, ()) = tokio::join!(agent.run(attempt(&Arc::default(), &stop)), stopping);
    assert_eq!(outcome.status, OutcomeStatus::Cancelled);
}

#[test]
fn only_this_machine_does_without_encryption_and_secret() {
    for near in [
        "http://127.0.0.1:9/work",
        "http://localhost",
        "http://[::1]:9",
        "HTTP://127.0.0.1:9",
    ] {
        assert!(
            is_address(near) && !is_elsewhere(near) && Http::new(near, None).is_ok(),
            "{near}"
        );
    }
    let far = "https://agents.example.com/work";
    assert!(is_elsewhere(far) && Http::new(far, Some(secret())).is_ok());
    let error = Http::new(far, None).unwrap_err();
    assert!(
        error.contains("MEANWHILE_AGENT_SECRET") && error.contains("openssl rand"),
        "{error}"
    );
    for plain in [
        "http://agents.example.com",
        "http://127.0.0.1.evil.test",
        "http://10.0.0.1",
    ] {
        assert!(
            Http::new(plain, Some(secret())).unwrap_err().contains("https"),
            "{plain}"
        );
    }
    for shown in ["https://me:s3cret@example.com", "https://example.com/?key=s3cret"] {
        let error = address(shown).unwrap_err();
        assert!(
            error.contains("MEANWHILE_AGENT_SECRET") && !error.contains("s3cret"),
            "{error}"
        );
    }
    for other in [
        "builtin",
        "command:curl http://127.0.0.1",
        "ftp://127.0.0.1",
        "http:127.0.0.1",
    ] {
        assert!(!is_address(other), "{other}");
    }
    let refused = from_setting("http://agents.example.com", None, &LlmSetting::default())
        .err()
        .unwrap();
    assert!(
        matches!(&refused, SettingError::Unusable(why) if why.contains("https")),
        "{refused}"
    );
}

#[tokio::test]
async fn a_check_says_what_is_there_and_what_is_missing() {
    let mut server = Server::start(|_| answers("405 Method Not Allowed", "text/plain", "")).await;
    let told = agent(&server.url).check().await.unwrap();
    assert!(
        told.contains("405") && told.contains("are signed") && told.contains(HOST),
        "{told}"
    );
    assert_eq!(server.asked().await.method, "HEAD");
    let told = Http::new(&server.url, None).unwrap().check().await.unwrap();
    assert!(
        told.contains("MEANWHILE_AGENT_SECRET") && told.contains("public_url"),
        "{told}"
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = agent(&url).check().await.unwrap_err();
    assert!(
        error.contains("cannot be reached") && error.contains(&url),
        "{error}"
    );
}
