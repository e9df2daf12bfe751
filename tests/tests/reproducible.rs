//! Whoever builds the component from these sources gets the same bytes: the digest that
//! `meanwhile component` prints can be checked by building it again.

#![allow(clippy::unwrap_used)]

use std::ffi::OsStr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is built or kept beside the sources, and is none of them.
const NO_SOURCES: [&str; 3] = ["target", ".git", "data"];

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        if NO_SOURCES.iter().any(|it| OsStr::new(it) == name) {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(name));
        } else {
            std::fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

/// The folder that cargo keeps its downloads in.
fn cargo_home() -> PathBuf {
    match std::env::var_os("CARGO_HOME") {
        Some(home) => home.into(),
        None => PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cargo"),
    }
}

#[test]
fn another_folder_home_and_target_give_the_same_component() {
    let elsewhere = tempfile::tempdir().unwrap();
    let (sources, home) = (elsewhere.path().join("sources"), elsewhere.path().join("home"));
    copy(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")), &sources);
    // The same downloads under another name.
    std::fs::create_dir(&home).unwrap();
    for entry in std::fs::read_dir(cargo_home()).unwrap() {
        let entry = entry.unwrap();
        symlink(entry.path(), home.join(entry.file_name())).unwrap();
    }
    let target = elsewhere.path().join("built");
    // The tool that wraps the module into a component is no part of it: it need not be built again.
    let tool = meanwhile_tests::served::program().with_file_name("componentize");
    assert!(tool.exists(), "build the component first: make guest");
    let built = Command::new("make")
        .arg("guest")
        .arg(format!("COMPONENTIZE={}", tool.display()))
        .current_dir(&sources)
        .env("CARGO_HOME", &home)
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("MAKEFLAGS")
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let again = std::fs::read(target.join("meanwhile_jobs.wasm")).unwrap();
    let digest = meanwhile::component::digest;
    assert_eq!(digest(&again), digest(meanwhile::COMPONENT));
}
