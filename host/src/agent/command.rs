//! The agent that is a program: request on stdin, outcome on stdout, journal on stderr.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use async_trait::async_trait;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin};

use super::{Agent, Attempt, Progress, cancelled, failure, program, reply, wire};
use crate::limits::{AGENT_ANSWER_BYTES_MAX, JOURNAL_ENTRY_CHARS_MAX};
use crate::wit::agent_pipeline::Outcome;
use crate::wit::types::ErrorClass;

/// Time between SIGTERM and SIGKILL.
const STOP_GRACE: Duration = Duration::from_secs(2);

/// Lines of stderr quoted in an error.
const ERROR_LINES_MAX: usize = 5;

/// Exit statuses by which shells say that there is no such program.
const EXIT_NOT_EXECUTABLE: i32 = 126;
const EXIT_NOT_FOUND: i32 = 127;

/// See the module.
pub struct Command {
    program: String,
    arguments: Vec<String>,
    url: Option<String>,
}

impl Command {
    /// Splits a line as a shell splits words. None: no word, or an open quote.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = shlex::split(line)?.into_iter();
        Some(Self {
            program: words.next()?,
            arguments: words.collect(),
            url: None,
        })
    }

    /// The program may use the tools: it finds where in `MEANWHILE_URL`, and its run's token in
    /// `MEANWHILE_TOKEN`.
    #[must_use]
    pub fn serving_at(mut self, url: Option<String>) -> Self {
        self.url = url;
        self
    }
}

/// A process group that ends with this value.
struct Group(Option<Pid>);

impl Group {
    fn signal(&self, signal: Signal) {
        if let Some(group) = self.0 {
            // An error means that nobody is left in the group.
            let _ = killpg(group, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

#[async_trait]
impl Agent for Command {
    async fn run(&self, attempt: Attempt) -> Outcome {
        let Attempt {
            tenant,
            request,
            access,
            stop,
            progress,
            ..
        } = attempt;
        let request = match wire::Request::new(&tenant, request) {
            Ok(request) => request,
            Err(error) => return failure(ErrorClass::Transient, error.to_string()),
        };
        let request = match request.to_json() {
            Ok(request) => request,
            Err(error) => return failure(ErrorClass::Permanent, format!("request: {error}")),
        };
        let mut command = program(&self.program);
        if let Some(url) = &self.url {
            let token = match access.token() {
                Ok(token) => token,
                Err(error) => return failure(ErrorClass::Transient, format!("no randomness: {error}")),
            };
            command.env("MEANWHILE_URL", url).env("MEANWHILE_TOKEN", token);
        }
        let spawned = command
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let mut child = match spawned {
            Ok(child) => child,
            Err(error) => {
                let message = format!("{} could not be started: {error}", self.program);
                return failure(ErrorClass::Permanent, message);
            }
        };
        let group = Group(
            child
                .id()
                .and_then(|id| i32::try_from(id).ok())
                .map(Pid::from_raw),
        );
        let ended = tokio::select! {
            ended = converse(&mut child, &request, &progress) => Some(ended),
            () = stop.cancelled() => None,
        };
        match ended {
            Some(Ok(ended)) => outcome(&self.program, ended),
            Some(Err(error)) => failure(ErrorClass::Transient, format!("{}: {error}", self.program)),
            None => {
                group.signal(Signal::SIGTERM);
                // Only how soon it ends is at stake: the drop of `group` kills what is left.
                let _ = tokio::time::timeout(STOP_GRACE, child.wait()).await;
                cancelled()
            }
        }
    }

    async fn check(&self) -> Result<String, String> {
        let found = self.program.contains('/') && std::path::Path::new(&self.program).is_file()
            || !self.program.contains('/')
                && std::env::var_os("PATH").is_some_and(|paths| {
                    std::env::split_paths(&paths).any(|folder| folder.join(&self.program).is_file())
                });
        if found {
            Ok(format!("command: {}", self.program))
        } else {
            Err(format!(
                "command: {} is not found; give its full path or put it on PATH",
                self.program
            ))
        }
    }
}

/// What a program left behind.
struct Ended {
    status: ExitStatus,
    stdout: String,
    /// The last lines of standard error.
    said: Vec<String>,
}

/// Talks to the program until it has ended and both its pipes are closed.
async fn converse(child: &mut Child, request: &[u8], progress: &Progress) -> std::io::Result<Ended> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, stderr) else {
        return Err(std::io::Error::other("its pipes are missing"));
    };
    let (status, (), stdout, said) = tokio::join!(
        child.wait(),
        write_request(stdin, request),
        read_capped(stdout),
        read_journal(stderr, progress),
    );
    Ok(Ended {
        status: status?,
        stdout: stdout?,
        said: said?,
    })
}

/// A program need not read its request: a closed pipe is no error.
async fn write_request(mut stdin: ChildStdin, request: &[u8]) {
    let _ = stdin.write_all(request).await;
}

/// The rest is read and dropped, so that the program does not block.
async fn read_capped(mut from: impl AsyncRead + Unpin) -> std::io::Result<String> {
    let mut kept = Vec::new();
    (&mut from)
        .take(AGENT_ANSWER_BYTES_MAX as u64)
        .read_to_end(&mut kept)
        .await?;
    tokio::io::copy(&mut from, &mut tokio::io::sink()).await?;
    Ok(String::from_utf8_lossy(&kept).into_owned())
}

/// Tells each line as it comes, and keeps the last ones for an error. A line without end is read in pieces of
/// bounded size.
async fn read_journal(from: impl AsyncRead + Unpin, progress: &Progress) -> std::io::Result<Vec<String>> {
    let mut from = BufReader::new(from);
    let mut last = std::collections::VecDeque::new();
    loop {
        let mut line = Vec::new();
        let piece_bytes_max = 4 * JOURNAL_ENTRY_CHARS_MAX as u64;
        if (&mut from)
            .take(piece_bytes_max)
            .read_until(b'\n', &mut line)
            .await?
            == 0
        {
            return Ok(last.into());
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        progress.note(&line);
        if last.len() == ERROR_LINES_MAX {
            last.pop_front();
        }
        last.push_back(line);
    }
}

/// An outcome as JSON counts whatever the exit status is; plain text counts after exit 0.
fn outcome(program: &str, ended: Ended) -> Outcome {
    let text = ended.stdout.trim();
    let outcome = match reply::outcome(text) {
        Ok(outcome) => outcome,
        Err(_) if ended.status.success() => reply::output(text),
        Err(_) => {
            let class = match ended.status.code() {
                Some(EXIT_NOT_EXECUTABLE | EXIT_NOT_FOUND) => ErrorClass::Permanent,
                _ => ErrorClass::Transient,
            };
            let said = ended.said.join("\n");
            failure(class, format!("{program} ended with {}: {said}", ended.status))
        }
    };
    reply::bounded(outcome)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_util::sync::CancellationToken;

    use crate::wit::agent_pipeline::OutcomeStatus;

    use crate::agent::sample::{attempt, request};

    fn shell(script: &str) -> Command {
        Command {
            program: "sh".to_owned(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            url: None,
        }
    }

    async fn run(script: &str) -> Outcome {
        let attempt = attempt(request("Do it"), CancellationToken::new());
        let progress = attempt.progress.clone();
        let mut outcome = shell(script).run(attempt).await;
        outcome.journal.splice(0..0, progress.rest().await);
        outcome
    }

    #[tokio::test]
    async fn an_outcome_in_json_is_taken_as_it_is() {
        let outcome = run(r#"echo '{"status":"needs_input","output":"Which?"}'; exit 1"#).await;
        assert_eq!(
            (outcome.status, outcome.output.as_str()),
            (OutcomeStatus::NeedsInput, "Which?")
        );
    }

    #[tokio::test]
    async fn plain_text_is_an_output_and_stderr_the_journal() {
        let outcome = run("grep -o '\"payload\":\"Do it\"'; echo one >&2; echo two >&2").await;
        assert_eq!(
            (outcome.status, outcome.output.as_str()),
            (OutcomeStatus::Ok, r#""payload":"Do it""#)
        );
        assert_eq!(outcome.journal, ["one", "two"]);
    }

    #[tokio::test]
    async fn a_failure_quotes_stderr_and_its_class_follows_the_status() {
        for (status, class) in [
            (1, ErrorClass::Transient),
            (126, ErrorClass::Permanent),
            (127, ErrorClass::Permanent),
        ] {
            let error = run(&format!("echo broken >&2; exit {status}"))
                .await
                .error
                .unwrap();
            assert_eq!(error.class, class, "exit {status}");
            assert!(error.message.contains("broken"), "{}", error.message);
        }
    }

    /// A grandchild holds the write end of a pipe through a FIFO: the read end sees the end of
    /// file when it is gone, and not before.
    #[tokio::test]
    async fn stopping_ends_grandchildren_too() {
        let folder = std::env::temp_dir().join(format!("meanwhile-command-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let fifo = folder.join("alive");
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&fifo)
                .status()
                .unwrap()
                .success()
        );
        let script = format!("(exec 9>'{}'; echo up >&9; sleep 600) & wait", fifo.display());
        let stop = CancellationToken::new();
        let agent = shell(&script);
        let running = tokio::spawn({
            let stop = stop.clone();
            async move { agent.run(attempt(request("Do it"), stop)).await }
        });
        let mut alive = tokio::net::unix::pipe::OpenOptions::new()
            .read_write(true)
            .open_receiver(&fifo)
            .unwrap();
        let mut up = [0; 3];
        alive.read_exact(&mut up).await.unwrap();
        // From here on the grandchild is the only writer but this test's own end.
        let mut only = tokio::net::unix::pipe::OpenOptions::new()
            .open_receiver(&fifo)
            .unwrap();
        drop(alive);
        stop.cancel();
        let mut rest = Vec::new();
        only.read_to_end(&mut rest).await.unwrap();
        assert_eq!(running.await.unwrap().status, OutcomeStatus::Cancelled);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
