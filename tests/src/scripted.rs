//! An agent whose outcomes a test writes down beforehand, as a program of its own.

#![allow(clippy::unwrap_used)]

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;
use std::time::Duration;

use nix::fcntl::OFlag;
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

/// A run that does not begin within this is a failure.
const BEGIN: Duration = Duration::from_secs(30);

/// A line of [`Scripted::answers`]: the run says that it has begun, and ends as
/// [`Scripted::release`] says.
pub const WAIT: &str = "wait";

/// Keeps its request, then answers with a line of the title's file: the n-th call with the n-th
/// line, later ones with the last. A title without a file is done at once.
const PROGRAM: &str = r#"#!/bin/sh
request=$1/requests/$(date +%s%N).$$
cat >"$request"
title=$(grep -oE '"title":"[^"]*' "$request" | head -n 1 | cut -c 10-)
echo "$title" >>"$1/calls"
call=$(grep -cxF "$title" "$1/calls")
answers=$1/answers/$title
[ -f "$answers" ] || { echo done; exit; }
lines=$(wc -l <"$answers")
answer=$(sed -n "$((call < lines ? call : lines))p" "$answers")
if [ "$answer" = wait ]; then
  echo >"$1/begun"
  answer=$(cat "$1/gate")
fi
printf '%s\n' "$answer"
"#;

/// See the module.
pub struct Scripted {
    folder: TempDir,
    begun: pipe::Receiver,
}

impl Scripted {
    /// Needs a tokio runtime.
    #[must_use]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let inside = |name: &str| folder.path().join(name);
        std::fs::create_dir(inside("requests")).unwrap();
        std::fs::create_dir(inside("answers")).unwrap();
        std::fs::write(inside("agent"), PROGRAM).unwrap();
        std::fs::set_permissions(inside("agent"), PermissionsExt::from_mode(0o755)).unwrap();
        for name in ["begun", "gate"] {
            nix::unistd::mkfifo(&inside(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
        }
        // Open for writing too: the program need not wait for its reader.
        let begun = pipe::OpenOptions::new()
            .read_write(true)
            .open_receiver(inside("begun"))
            .unwrap();
        Self { folder, begun }
    }

    fn inside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The setting that names it.
    #[must_use]
    pub fn setting(&self) -> String {
        let folder = self.folder.path().display();
        format!("command:{folder}/agent {folder}")
    }

    /// What runs of a job answer, one line a run: an outcome as JSON, a text, or [`WAIT`].
    pub fn answers(&self, title: &str, lines: &[&str]) {
        let path = self.inside("answers").join(title);
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
    }

    /// Returns once a run that waits has begun.
    ///
    /// # Panics
    /// When none begins.
    pub async fn begun(&mut self) {
        let line = tokio::time::timeout(BEGIN, self.begun.read_u8()).await;
        line.expect("no run began").unwrap();
    }

    /// Ends the run that waits.
    pub async fn release(&self, answer: &str) {
        tokio::fs::write(self.inside("gate"), answer).await.unwrap();
    }

    /// Ends up to `runs` runs that wait. One opening of the gate may let several through, so nobody
    /// waits for the ones that are left over.
    pub fn release_up_to(&self, runs: usize, answer: &str) {
        for _ in 0..runs {
            let (gate, answer) = (self.inside("gate"), answer.to_owned());
            std::thread::spawn(move || std::fs::write(gate, answer));
        }
    }

    /// What was asked of it, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        let entries = std::fs::read_dir(self.inside("requests")).unwrap();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        let read = |path: &PathBuf| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        paths.iter().map(read).collect()
    }

    /// What was asked for a job, in order.
    #[must_use]
    pub fn requests_of(&self, title: &str) -> Vec<Value> {
        let mut requests = self.requests();
        requests.retain(|request| request["title"] == title);
        requests
    }

    /// The titles of the jobs it was asked to carry out, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        let title = |request: &Value| request["title"].as_str().unwrap().to_owned();
        self.requests().iter().map(title).collect()
    }
}

impl Drop for Scripted {
    /// A run whose host was killed still waits: it ends when the gate closes.
    fn drop(&mut self) {
        let gate = std::fs::OpenOptions::new()
            .write(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(self.inside("gate"));
        if let Ok(mut gate) = gate {
            let _ = gate.write_all(b"\n");
        }
    }
}
