//! The program itself: what it refuses to do, and what it never tells.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use meanwhile_tests::served::{Client, command, run};
use serde_json::json;

/// The program with everything that it tells: both its streams.
struct Told {
    child: Child,
    lines: mpsc::Receiver<String>,
    all: String,
}

impl Told {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tell, lines) = mpsc::channel();
        let streams: [Box<dyn std::io::Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for stream in streams {
            let tell = tell.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines() {
                    let _ = tell.send(line.unwrap());
                }
            });
        }
        Self {
            child,
            lines,
            all: String::new(),
        }
    }

    /// Reads on until a line has this, and answers what stands behind it.
    fn until(&mut self, mark: &str) -> String {
        loop {
            let line = self
                .lines
                .recv()
                .unwrap_or_else(|_| panic!("it ended:\n{}", self.all));
            self.all.push_str(&line);
            self.all.push('\n');
            if let Some((_, rest)) = line.split_once(mark) {
                return rest.to_owned();
            }
        }
    }

    /// Ends it, and answers everything that it told.
    fn end(mut self) -> String {
        let process = i32::try_from(self.child.id()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(process), nix::sys::signal::SIGTERM).unwrap();
        assert!(self.child.wait().unwrap().success());
        for line in self.lines.iter() {
            self.all.push_str(&line);
            self.all.push('\n');
        }
        std::mem::take(&mut self.all)
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything that is written in a folder.
fn written(folder: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let mut file = std::fs::File::open(entry.unwrap().path()).unwrap();
        file.read_to_end(&mut bytes).unwrap();
    }
    bytes
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|it| it == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_is_logged_or_kept_even_when_everything_is_logged() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let token_file = folder.path().join("operator.token");
    let mut told = Told::start(
        command()
            .args(["serve", "--listen", "127.0.0.1:0", "--auth", "token"])
            .arg("--operator-token-file")
            .arg(&token_file)
            .arg("--store")
            .arg(format!("sqlite:{}", data.join("jobs.db").display()))
            .env("RUST_LOG", "trace"),
    );
    let address = told.until("serving address=");
    let operator = std::fs::read_to_string(&token_file).unwrap().trim().to_owned();
    let stranger = Client::new(&address);
    let client = stranger.with_token(&operator);
    client.post("/api/tenants", &json!({ "name": "acme" })).await;
    let asked = json!({ "agent": "helper", "user": "ada" });
    let issued = client.post("/api/tenants/acme/tokens", &asked).await;
    let ada = issued["token"].as_str().unwrap().to_owned();
    let revoked = client.post("/api/tenants/acme/tokens", &asked).await;
    let id = revoked["token_id"].as_str().unwrap();
    let path = format!("/api/tenants/acme/tokens/{id}");
    client.try_request("DELETE", &path, None).await.unwrap();
    let revoked = revoked["token"].as_str().unwrap().to_owned();
    let job = json!({ "title": "Stretch", "payload": "Remind me to stretch", "job_type": "ONE_OFF" });
    let own = stranger.with_token(&ada);
    own.tool("job_create", job.clone()).await;
    own.post("/api/chat", &json!({ "text": "Hello" })).await;
    let guessed = "mwt_guess_0123456789abcdef";
    let jwt = "eyJhbGciOiJub25lIn0.c2VjcmV0LWNsYWltcw.c2VjcmV0LXNpZ25hdHVyZQ";
    for token in [guessed, revoked.as_str(), jwt] {
        for (method, path) in [("GET", "/api/jobs"), ("POST", "/mcp"), ("GET", "/nowhere")] {
            let bad = stranger.with_token(token);
            assert_eq!(bad.try_request(method, path, None).await.unwrap().0, 401);
        }
    }
    // Where it must not be: refused, and still not logged.
    for token in [ada.as_str(), operator.as_str(), guessed, jwt] {
        for path in ["/api/jobs", "/mcp", "/nowhere"] {
            let path = format!("{path}?access_token={token}");
            assert_eq!(own.try_request("GET", &path, None).await.unwrap().0, 400);
            let body = Some(&job);
            assert_eq!(stranger.try_request("POST", &path, body).await.unwrap().0, 400);
        }
    }
    let all = told.end();
    assert!(
        all.contains("TRACE") || all.contains("DEBUG"),
        "it logged little:\n{all}"
    );
    let kept = written(&data);
    assert!(holds(&kept, "Stretch"), "the file has the job");
    let secret = |token: &str| token.rsplit('_').next().unwrap().to_owned();
    let secrets = [
        secret(&operator),
        secret(&ada),
        secret(&revoked),
        secret(guessed),
        jwt.to_owned(),
        "c2VjcmV0LXNpZ25hdHVyZQ".to_owned(),
    ];
    for secret in secrets {
        let line = all.lines().find(|line| line.contains(&secret));
        assert_eq!(line, None, "a token is in the log");
        assert!(!holds(&kept, &secret), "a token is in the file");
    }
}

#[test]
fn who_listens_to_others_without_authentication_is_told_how_to_mend_it() {
    let (_, error, ended) = run(&["serve", "--listen", "0.0.0.0:0", "--store", "memory"]);
    assert!(!ended.success());
    assert!(
        error.contains("--listen") && error.contains("auth = token"),
        "{error}"
    );
    let tokens = [
        "serve",
        "--listen",
        "0.0.0.0:0",
        "--store",
        "memory",
        "--auth",
        "token",
    ];
    let (_, error, ended) = run(&tokens);
    assert!(!ended.success());
    assert!(
        error.contains("public_url") && error.contains("https://"),
        "{error}"
    );
}

#[test]
fn doctor_says_which_authentication_is_in_force() {
    let auth = |settings: &[&str]| {
        let (told, _, ended) = run(&[&["doctor", "--store", "memory"], settings].concat());
        let line = told.lines().find(|line| line.contains("  auth  "));
        (
            line.unwrap_or_else(|| panic!("{told}")).to_owned(),
            ended.success(),
        )
    };
    let (line, sound) = auth(&[]);
    assert!(sound && line.contains("none"), "{line}");
    let url = "https://jobs.example.com";
    let file = "/nowhere/operator.token";
    let (line, sound) = auth(&[
        "--auth",
        "token",
        "--operator-token-file",
        file,
        "--public-url",
        url,
    ]);
    assert!(sound && line.contains(file) && line.contains(url), "{line}");
    // Nobody listens on the discard port.
    let issuer = "http://127.0.0.1:9";
    let (line, sound) = auth(&["--auth", "token", "--oauth-issuer", issuer]);
    assert!(
        !sound && line.contains(issuer) && line.contains("does not answer"),
        "{line}"
    );
}
