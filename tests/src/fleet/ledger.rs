//! An agent that notes each attempt in a file, as a program would that sends an e-mail: what it did stays
//! done when the host dies.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

const AGENT: &str = r#"#!/bin/sh
# The host's clock may be a false one.
unset LD_PRELOAD
began=$(date +%s%3N)
request=$(cat)
# A host that dies while it writes leaves half a request.
case "$request" in *'"idempotency_key":"'*'}') ;; *) exit 1 ;; esac
run=${request#*'"idempotency_key":"'} run=${run%%'"'*}
attempt=${request#*'"attempt":'} attempt=${attempt%%[!0-9]*}
echo "$run $attempt $PPID $began" >>"$1"
sleep "$2" # the work
echo done
"#;

/// The agent with its file.
pub struct Ledger {
    setting: String,
    path: PathBuf,
}

/// An attempt by the agent's own notes.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub run: String,
    pub attempt: u32,
    /// The process that began it.
    pub host: u32,
    /// When, by this machine's clock.
    pub at: i64,
}

impl Ledger {
    /// An agent whose work takes so long, with an empty file, in a folder.
    ///
    /// # Panics
    /// When they cannot be written.
    #[must_use]
    pub fn new(folder: &Path, work: Duration) -> Self {
        let (agent, path) = (folder.join("agent"), folder.join("ledger"));
        std::fs::write(&agent, AGENT).unwrap();
        std::fs::set_permissions(&agent, PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::write(&path, "").unwrap();
        let work = work.as_secs_f64();
        let setting = format!("command:{} {} {work}", agent.display(), path.display());
        Self { setting, path }
    }

    /// The value of `--agent`.
    #[must_use]
    pub fn setting(&self) -> &str {
        &self.setting
    }

    /// The attempts of each run, in the order in which they began.
    ///
    /// # Panics
    /// When the file has a line that the agent did not write.
    #[must_use]
    pub fn attempts(&self) -> BTreeMap<String, Vec<Attempt>> {
        let mut attempts: BTreeMap<String, Vec<Attempt>> = BTreeMap::new();
        for line in std::fs::read_to_string(&self.path).unwrap().lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let attempt = Attempt {
                run: words[0].to_owned(),
                attempt: words[1].parse().unwrap(),
                host: words[2].parse().unwrap(),
                at: words[3].parse().unwrap(),
            };
            attempts.entry(attempt.run.clone()).or_default().push(attempt);
        }
        attempts
    }
}
