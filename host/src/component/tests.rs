#![allow(clippy::unwrap_used)]

use super::{Component, LoadError};

fn load(wat: &str) -> LoadError {
    let sandbox = crate::engine::Sandbox::new().unwrap();
    Component::load(&sandbox, &wat::parse_str(wat).unwrap())
        .err()
        .unwrap()
}

#[test]
fn an_unknown_import_is_refused_by_name() {
    let error = load(r#"(component (import "wasi:cli/environment@0.2.6" (instance)))"#);
    assert!(matches!(error, LoadError::UnknownImport(name) if name == "wasi:cli/environment@0.2.6"));
}

#[test]
fn what_lacks_the_contracts_exports_or_is_no_component_is_refused() {
    assert!(matches!(load("(component)"), LoadError::Contract(_)));
    assert!(matches!(load("(module)"), LoadError::Invalid(_)));
}

#[test]
fn two_memories_in_a_module_are_refused() {
    let error = load("(component (core module (memory 1) (memory 1)))");
    assert!(matches!(error, LoadError::Invalid(_)));
}
