//! Sixty defects that a jobs module can have, each found in one that people use: which test shows
//! that this one does not have it, or why none can.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod people;
mod runs;
mod schedule;
mod table;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use table::{
    DEFECTS,
    Here::{Nothing, Shown},
};

/// Folders with tests.
const SOURCES: [&str; 5] = ["guest/src", "guest/tests", "host/src", "tests/src", "tests/tests"];

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// The name that a line begins with after `prefix`.
fn name<'a>(line: &'a str, prefix: &str) -> Option<&'a str> {
    let rest = line.trim_start().strip_prefix(prefix)?;
    Some(
        rest.split(|c: char| c != '_' && !c.is_alphanumeric())
            .next()
            .unwrap(),
    )
}

/// Functions marked as tests, and behaviours of the storage suite, from which tests are made.
fn tests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for folder in SOURCES {
        sources(&root.join(folder), &mut files);
    }
    let mut found = BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let suite = file.ends_with("storage_suite.rs");
        let mut marked = false;
        for line in text.lines() {
            let attribute = line.trim_start();
            if attribute.starts_with("#[test]") || attribute.starts_with("#[tokio::test") {
                marked = true;
            } else if let Some(function) = name(line, "fn ").or_else(|| name(line, "async fn ")) {
                if std::mem::take(&mut marked) {
                    found.insert(function.to_owned());
                }
            } else if suite && line.ends_with("(store) {") {
                found.extend(name(line, "").map(str::to_owned));
            }
        }
    }
    found
}

#[test]
fn the_table_is_whole_and_names_tests_that_exist() {
    let numbers: Vec<u8> = DEFECTS.iter().map(|(number, _, _)| *number).collect();
    assert_eq!(numbers, (1..=60).collect::<Vec<u8>>());
    let tests = tests();
    for (number, defect, here) in DEFECTS {
        match here {
            Shown(names) => {
                assert!(!names.is_empty(), "{number}: {defect}");
                for name in *names {
                    assert!(
                        tests.contains(*name),
                        "{number}, {defect}: there is no test {name}"
                    );
                }
            }
            Nothing(why) => assert!(!why.is_empty(), "{number}: {defect}"),
        }
    }
}
