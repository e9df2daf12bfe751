//! The real program as a process, and a client of it.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A start that takes longer is a failure.
const START: Duration = Duration::from_secs(60);

/// Where the program is: beside this one, which is a test or a tool of the same build.
///
/// # Panics
/// When it was not built.
#[must_use]
pub fn program() -> PathBuf {
    let mut folder = std::env::current_exe().unwrap();
    folder.pop();
    if folder.ends_with("deps") {
        folder.pop();
    }
    let program = folder.join("meanwhile");
    assert!(
        program.exists(),
        "build the program first: cargo build -p meanwhile"
    );
    program
}

/// The program with no settings but those a test gives.
#[must_use]
pub fn command() -> Command {
    let mut command = Command::new(program());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MEANWHILE_") {
            command.env_remove(name);
        }
    }
    // What is in the user's directories is no part of a test.
    command.env("MEANWHILE_EMBEDDER", "none");
    command
}

/// `meanwhile serve`, killed when this is dropped.
pub struct Served {
    child: Child,
    /// The log, from the start on; closed when the process has ended.
    log: mpsc::Receiver<String>,
    /// What it logged until it served.
    told: String,
    pub client: Client,
}

impl Served {
    /// Starts it on a free port; answers once it serves.
    ///
    /// # Panics
    /// When it ends instead; with its log.
    #[must_use]
    pub fn start(arguments: &[&str]) -> Self {
        Self::start_as(command(), arguments)
    }

    /// The same as a command that is prepared already.
    ///
    /// # Panics
    /// As [`Self::start`].
    #[must_use]
    pub fn start_as(mut command: Command, arguments: &[&str]) -> Self {
        let mut child = command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap());
        let (lines, log) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            while errors.read_line(&mut line).is_ok_and(|read| read > 0) {
                let _ = lines.send(std::mem::take(&mut line));
            }
        });
        let until = Instant::now() + START;
        let mut told = String::new();
        let address = loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(line) = log.recv_timeout(left) else {
                let _ = child.kill();
                panic!("the program does not serve:\n{told}");
            };
            told.push_str(&line);
            if let Some((_, address)) = line.trim_end().split_once("serving address=") {
                break address.to_owned();
            }
        };
        Self {
            child,
            log,
            told,
            client: Client::new(&address),
        }
    }

    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without a warning, as a power failure would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits until it says that it drains.
    pub fn terminate(&mut self) {
        let process = i32::try_from(self.id()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), nix::sys::signal::SIGTERM).unwrap();
        let drains = self.log.iter().any(|line| line.contains("draining"));
        assert!(drains, "it ended without a word");
    }

    /// Asks it to end, and answers all that it logged.
    ///
    /// # Panics
    /// When it does not end well.
    #[must_use]
    pub fn end(mut self) -> String {
        let process = i32::try_from(self.id()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), nix::sys::signal::SIGTERM).unwrap();
        assert!(self.ended().success());
        let mut told = std::mem::take(&mut self.told);
        told.extend(self.log.iter());
        told
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program to its end: standard output, standard error, whether it ended well.
#[must_use]
pub fn run(arguments: &[&str]) -> (String, String, ExitStatus) {
    let mut child = command()
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = child.stderr.take().unwrap();
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        errors.read_to_string(&mut text).unwrap();
        text
    });
    let mut output = String::new();
    child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
    (output, reading.join().unwrap(), child.wait().unwrap())
}

/// A client over HTTP.
#[derive(Clone)]
pub struct Client {
    pub url: String,
    http: reqwest::Client,
    token: Option<String>,
}

impl Client {
    /// # Panics
    /// When there is no TLS for a client that needs none.
    #[must_use]
    pub fn new(address: &str) -> Self {
        meanwhile::tls::choose_cryptography();
        Self {
            url: format!("http://{address}"),
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            token: None,
        }
    }

    /// The same client, showing a token with every request.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// Status and JSON body of an answer (a text where it is none).
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn try_request(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<(u16, Value)> {
        let (status, _, answer) = self.send(method, path, body).await?;
        Ok((status, answer))
    }

    /// As [`Self::try_request`], but told to wait it waits, as any client should.
    async fn request(&self, method: &str, path: &str, body: Option<&Value>) -> reqwest::Result<(u16, Value)> {
        loop {
            let (status, wait, answer) = self.send(method, path, body).await?;
            match wait {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Ok((status, answer)),
            }
        }
    }

    /// Status, the time to wait before the request is made again, and the body.
    async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<(u16, Option<Duration>, Value)> {
        let method = method.parse().unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request
                .header("accept", "application/json, text/event-stream")
                .json(body);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let wait = answer.headers().get("retry-after");
        let wait = wait.map(|seconds| Duration::from_secs(seconds.to_str().unwrap().parse().unwrap()));
        let text = answer.text().await?;
        let answer = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok((status, wait, answer))
    }

    /// The answer to a GET that has to go well.
    pub async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.request("GET", path, None).await.unwrap();
        assert_eq!(status, 200, "GET {path}: {answer}");
        answer
    }

    /// The answer to a POST that has to go well.
    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.request("POST", path, Some(body)).await.unwrap();
        assert!(status < 300, "POST {path}: {status} {answer}");
        answer
    }

    /// Calls a tool over MCP: its structured content, also of a refusal.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn try_tool(&self, name: &str, arguments: &Value) -> reqwest::Result<Value> {
        let call = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": name, "arguments": arguments},
        });
        let (status, mut answer) = self.request("POST", "/mcp", Some(&call)).await?;
        assert_eq!(status, 200, "{name}: {answer}");
        assert!(answer["result"].is_object(), "{name}: {answer}");
        Ok(answer["result"]["structuredContent"].take())
    }

    /// Calls a tool that has to go well.
    pub async fn tool(&self, name: &str, arguments: Value) -> Value {
        let answer = self.try_tool(name, &arguments).await.unwrap();
        assert!(answer["error"].is_null(), "{name}: {answer}");
        answer
    }

    /// Calls a tool that has to refuse: its error.
    pub async fn refused(&self, name: &str, arguments: Value) -> Value {
        let mut answer = self.try_tool(name, &arguments).await.unwrap();
        assert!(answer["error"].is_object(), "{name} {arguments}: {answer}");
        answer["error"].take()
    }

    /// Moves a manual clock to an instant.
    pub async fn advance_to(&self, instant: &str) {
        self.post("/api/clock", &json!({"to": instant})).await;
    }

    /// Moves a manual clock on.
    pub async fn advance(&self, seconds: u64) {
        self.post("/api/clock", &json!({"advance_seconds": seconds}))
            .await;
    }

    /// Everything told so far, oldest first.
    pub async fn inbox(&self) -> Vec<Value> {
        let mut told: Vec<Value> = Vec::new();
        loop {
            let after = told.last().map_or(0, |last| last["position"].as_u64().unwrap());
            let page = self.get(&format!("/api/messages?after={after}")).await;
            match page["messages"].as_array() {
                Some(page) if !page.is_empty() => told.extend(page.iter().cloned()),
                _ => return told,
            }
        }
    }
}
