//! A host in another language as a subject of the stories: a process that is spoken to in lines of
//! JSON (`tests/hosts/README.md`), and killed when it is to crash.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::words;
use super::{Call, Host, Told};
use crate::served::program;

/// A host that lives: its process, and the two ends of the talk.
struct Life {
    child: Child,
    say: ChildStdin,
    hear: BufReader<ChildStdout>,
}

impl Drop for Life {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// See the module.
pub struct Foreign {
    command: fn() -> Command,
    folder: TempDir,
    life: Option<Life>,
}

impl Foreign {
    /// Starts a host whose program and first argument `command` gives; it gets the path of a store
    /// and the present as further ones.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn begin(command: fn() -> Command, instant: i64) -> Self {
        Self::new(command, Some(instant))
    }

    /// Starts a host whose clock is the machine's.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn by_the_machines_clock(command: fn() -> Command) -> Self {
        Self::new(command, None)
    }

    fn new(command: fn() -> Command, instant: Option<i64>) -> Self {
        let mut host = Self {
            command,
            folder: tempfile::tempdir().unwrap(),
            life: None,
        };
        host.start(instant);
        host
    }

    fn start(&mut self, instant: Option<i64>) {
        let mut child = (self.command)()
            .arg(self.folder.path().join("jobs.db"))
            .args(instant.map(|instant| instant.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (say, hear) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        self.life = Some(Life {
            child,
            say,
            hear: BufReader::new(hear),
        });
    }

    fn tell(&mut self, line: &Value) -> Value {
        let life = self.life.as_mut().expect("a host lives");
        let mut answer = String::new();
        writeln!(life.say, "{line}").unwrap();
        life.hear.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{line} was answered with {answer:?}"))
    }
}

fn line(call: &Call) -> Value {
    json!({ "call": [call.interface, call.function], "arguments": words::parameters(call) })
}

impl Host for Foreign {
    fn call(&mut self, call: &Call, meanwhile: Option<&Call>) -> Told {
        let mut line = line(call);
        if let Some(meanwhile) = meanwhile {
            line["meanwhile"] = self::line(meanwhile);
        }
        let told = self.tell(&line);
        Told {
            answer: words::answer(call, &told),
            meanwhile: meanwhile.and_then(|call| told.get("meanwhile").map(|told| words::answer(call, told))),
        }
    }

    fn advance_to(&mut self, instant: i64, meanwhile: Option<&Call>) -> Told {
        let mut line = json!({ "advance_to": instant });
        if let Some(meanwhile) = meanwhile {
            line["meanwhile"] = self::line(meanwhile);
        }
        let told = self.tell(&line);
        Told {
            answer: Ok(Value::Null),
            meanwhile: meanwhile.and_then(|call| told.get("meanwhile").map(|told| words::answer(call, told))),
        }
    }

    fn inbox(&mut self) -> Value {
        let told = self.tell(&json!({ "inbox": true }));
        told["ok"]
            .as_array()
            .unwrap()
            .iter()
            .map(words::message)
            .collect()
    }

    fn crash(&mut self, instant: i64) {
        self.life = None;
        self.start(Some(instant));
    }
}

/// `tests/hosts` in the sources.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("hosts")
}

/// Where `tests/setup/other-hosts` installs what the hosts need. The program lies in `debug/` or
/// `release/` of the target folder.
fn installed() -> PathBuf {
    program().ancestors().nth(2).unwrap().join("other-hosts")
}

/// The component as a file: what this program was built with.
fn component() -> PathBuf {
    let path = installed().join("meanwhile_jobs.wasm");
    std::fs::write(&path, meanwhile::COMPONENT).unwrap();
    path
}

/// The host on Node, with its component as JavaScript. Its files lie beside their packages, where
/// Node looks for those.
#[must_use]
pub fn node() -> Command {
    static TRANSPILED: OnceLock<PathBuf> = OnceLock::new();
    let folder = installed().join("node");
    let transpiled = TRANSPILED.get_or_init(|| {
        std::fs::copy(sources().join("storage.sql"), installed().join("storage.sql")).unwrap();
        for entry in std::fs::read_dir(sources().join("node")).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "mjs") {
                std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
            }
        }
        let transpiled = folder.join("component");
        let mut transpile = Command::new("node");
        transpile
            .arg(folder.join("transpile.mjs"))
            .arg(component())
            .arg(&transpiled);
        assert!(transpile.status().unwrap().success(), "{transpile:?}");
        transpiled
    });
    let mut node = Command::new("node");
    node.arg(folder.join("host.mjs")).arg(transpiled);
    node
}

/// The host on Python. wasmtime keeps the compiled component beside the packages.
#[must_use]
pub fn python() -> Command {
    static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
    let mut python = Command::new(installed().join("python/bin/python"));
    python.env("XDG_CACHE_HOME", installed().join("cache"));
    python.env("PYTHONDONTWRITEBYTECODE", "1");
    python
        .arg(sources().join("python/host.py"))
        .arg(COMPONENT.get_or_init(component));
    python
}
