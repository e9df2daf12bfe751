//! The built component: what it reaches, what it offers, how large it is.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use wit_component::DecodedWasm;
use wit_parser::{Resolve, WorldId, WorldItem};

/// Larger, and something was linked in that does not belong there.
const BYTES_MAX: usize = 2_500_000;

/// Names of what a world imports, and of what it exports.
fn names(resolve: &Resolve, world: WorldId) -> (BTreeSet<String>, BTreeSet<String>) {
    let name = |(key, item): (&_, &WorldItem)| match item {
        // Types are no code: a world that uses an interface's types imports their names.
        WorldItem::Type { .. } => None,
        _ => Some(resolve.name_world_key(key)),
    };
    let world = &resolve.worlds[world];
    (
        world.imports.iter().filter_map(name).collect(),
        world.exports.iter().filter_map(name).collect(),
    )
}

fn declared() -> (BTreeSet<String>, BTreeSet<String>) {
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let (package, _) = resolve.push_dir(&wit).unwrap();
    let world = resolve.select_world(&[package], Some("jobs")).unwrap();
    names(&resolve, world)
}

fn built() -> (BTreeSet<String>, BTreeSet<String>) {
    match wit_component::decode(meanwhile::COMPONENT).unwrap() {
        DecodedWasm::Component(resolve, world) => names(&resolve, world),
        DecodedWasm::WitPackage(..) => panic!("this is a package, no component"),
    }
}

#[test]
fn it_reaches_what_the_world_declares_and_nothing_else() {
    let (imports, exports) = built();
    assert_eq!((&imports, &exports), (&declared().0, &declared().1));
    let expected = [
        "meanwhile:jobs/agent-pipeline@0.1.0",
        "meanwhile:jobs/storage@0.1.0",
        "meanwhile:jobs/timers@0.1.0",
        "meanwhile:jobs/types@0.1.0",
        "wasi:clocks/wall-clock@0.2.6",
        "wasi:random/random@0.2.6",
    ];
    assert_eq!(imports.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}

#[test]
fn it_stays_small() {
    assert!(
        meanwhile::COMPONENT.len() < BYTES_MAX,
        "{} bytes",
        meanwhile::COMPONENT.len()
    );
}
