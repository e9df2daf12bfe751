//! An agent that is a program: the request on its stdin, the outcome on its stdout.

use std::process::Stdio;

use async_trait::async_trait;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::wire::{self, WireOutcome};
use super::{Agent, failure, outcome};
use crate::limits::{JOURNAL_ENTRIES_MAX, JOURNAL_ENTRY_CHARS_MAX};
use crate::wit::agent_pipeline::{Outcome, OutcomeStatus, RunRequest};
use crate::wit::types::ErrorClass;

/// Bytes of stdout that are read: an outcome with the largest output, escaped, fits.
const STDOUT_BYTES_MAX: u64 = 1 << 20;
/// Bytes of stderr that are read into the journal; the rest is thrown away.
const STDERR_BYTES_MAX: u64 = 1 << 20;

/// Runs a program once for every attempt, in a process group of its own.
pub struct CommandAgent {
    program: String,
    arguments: Vec<String>,
}

/// Ends a whole process group when dropped: the runtime may drop an attempt at any await.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // Gone already is what is wanted.
            let _ = killpg(leader, Signal::SIGKILL);
        }
    }
}

impl CommandAgent {
    #[must_use]
    pub fn new(program: String, arguments: Vec<String>) -> Self {
        Self { program, arguments }
    }

    async fn carry_out(&self, mut child: Child, request: &RunRequest) -> Outcome {
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let bytes = wire::request(request).to_string().into_bytes();
        let write = async move {
            if let Some(mut stdin) = stdin {
                // A program that does not read its request is free not to.
                let _ = stdin.write_all(&bytes).await;
            }
        };
        let ((), text, journal, status) =
            tokio::join!(write, read_text(stdout), read_journal(stderr), child.wait());
        let text = match (text, status) {
            (Ok(text), Ok(status)) if status.success() => text,
            (_, Ok(status)) if !status.success() => {
                let last = journal.last().map(|line| format!(": {line}")).unwrap_or_default();
                let message = format!("{} ended with {status}{last}", self.program);
                return Outcome {
                    journal,
                    ..failure(ErrorClass::Transient, message)
                };
            }
            (Err(error), _) | (_, Err(error)) => {
                return Outcome {
                    journal,
                    ..failure(ErrorClass::Transient, error.to_string())
                };
            }
            (Ok(text), Ok(_)) => text,
        };
        let mut done = match serde_json::from_str::<WireOutcome>(&text) {
            Ok(wire) => Outcome::from(wire),
            Err(_) => outcome(OutcomeStatus::Ok, text.trim_end()),
        };
        done.journal.splice(0..0, journal);
        done
    }
}

async fn read_text(stdout: Option<impl AsyncRead + Unpin>) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    if let Some(mut stdout) = stdout {
        (&mut stdout)
            .take(STDOUT_BYTES_MAX)
            .read_to_end(&mut bytes)
            .await?;
        // Read on, or the program would wait for ever.
        tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await?;
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn read_journal(stderr: Option<impl AsyncRead + Unpin>) -> Vec<String> {
    let mut journal = Vec::new();
    let Some(mut stderr) = stderr else {
        return journal;
    };
    {
        let mut lines = BufReader::new((&mut stderr).take(STDERR_BYTES_MAX)).split(b'\n');
        while let Ok(Some(line)) = lines.next_segment().await {
            if journal.len() < JOURNAL_ENTRIES_MAX {
                let line = String::from_utf8_lossy(&line);
                journal.push(line.trim_end().chars().take(JOURNAL_ENTRY_CHARS_MAX).collect());
            }
        }
    }
    let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
    journal
}

#[async_trait]
impl Agent for CommandAgent {
    async fn run(&self, request: RunRequest, stop: CancellationToken) -> Outcome {
        let spawned = Command::new(&self.program)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let child = match spawned {
            Ok(child) => child,
            Err(error) => {
                let message = format!("{} could not be started: {error}", self.program);
                return failure(ErrorClass::Permanent, message);
            }
        };
        let leader = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .map(Pid::from_raw);
        let group = Group(leader);
        let done = tokio::select! {
            () = stop.cancelled() => outcome(OutcomeStatus::Cancelled, ""),
            done = self.carry_out(child, &request) => done,
        };
        drop(group);
        done
    }

    async fn check(&self) -> Result<String, String> {
        let found = if self.program.contains('/') {
            std::path::Path::new(&self.program).is_file()
        } else {
            std::env::var_os("PATH")
                .is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(&self.program).is_file()))
        };
        if found {
            Ok(format!("command: {}", self.program))
        } else {
            Err(format!(
                "`{}` is not found: name an existing program in `agent`",
                self.program
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::wit::agent_pipeline::Task;
    use crate::wit::types::Caller;

    fn request() -> RunRequest {
        RunRequest {
            task: Task::Execute,
            run_id: "run_1".into(),
            job_id: "job_1".into(),
            token: 1,
            idempotency_key: "k".into(),
            attempt: 1,
            scheduled_for: "2026-06-01T09:00:00Z".into(),
            title: "t".into(),
            description: String::new(),
            payload: "p".into(),
            goal: None,
            iteration: 0,
            max_iterations: None,
            now: "2026-06-01T09:00:00Z".into(),
            timezone: "UTC".into(),
            caller: Caller {
                agent: "a".into(),
                user: "u".into(),
                conversation: None,
                time_zone: None,
                run: None,
            },
            related_entity_id: None,
            narrative_id: None,
            dependencies: Vec::new(),
            previous_runs: Vec::new(),
            unread_replies: Vec::new(),
            deadline: 0,
            budget_left: None,
        }
    }

    fn shell(script: &str) -> CommandAgent {
        CommandAgent::new("/bin/sh".into(), vec!["-c".into(), script.into()])
    }

    #[tokio::test]
    async fn json_on_stdout_is_the_outcome_and_stderr_the_journal() {
        let agent =
            shell(r#"cat >/dev/null; echo one >&2; echo '{"status": "needs_input", "output": "which?"}'"#);
        let done = agent.run(request(), CancellationToken::new()).await;
        assert_eq!(
            (done.status, done.output.as_str()),
            (OutcomeStatus::NeedsInput, "which?")
        );
        assert_eq!(done.journal, ["one"]);
    }

    #[tokio::test]
    async fn plain_text_is_an_ok_output() {
        let done = shell("grep -o run_1")
            .run(request(), CancellationToken::new())
            .await;
        assert_eq!((done.status, done.output.as_str()), (OutcomeStatus::Ok, "run_1"));
    }

    #[tokio::test]
    async fn a_failing_program_is_a_transient_failure() {
        let done = shell("echo broken >&2; exit 3")
            .run(request(), CancellationToken::new())
            .await;
        assert_eq!(done.status, OutcomeStatus::Failed);
        assert!(done.error.unwrap().message.contains("broken"));
    }

    #[tokio::test]
    async fn stopping_ends_the_program_and_its_children() {
        // The child of the shell holds the write end of the pipe: it reads as ended only once
        // both are gone.
        let (sender, mut ended) = tokio::net::unix::pipe::pipe().unwrap();
        let fd = sender.into_blocking_fd().unwrap();
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", "sleep 1000 & echo started; wait"])
            .stdout(fd)
            .process_group(0);
        let child = command.spawn().unwrap();
        drop(command);
        let group = Group(
            child
                .id()
                .and_then(|id| i32::try_from(id).ok())
                .map(Pid::from_raw),
        );
        let mut word = [0; 8];
        ended.read_exact(&mut word).await.unwrap();
        drop(group);
        assert_eq!(ended.read(&mut word).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_stopped_attempt_is_cancelled() {
        let stop = CancellationToken::new();
        stop.cancel();
        let done = shell("sleep 1000").run(request(), stop).await;
        assert_eq!(done.status, OutcomeStatus::Cancelled);
    }
}
