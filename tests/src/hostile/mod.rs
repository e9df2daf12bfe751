//! Hostile guests: each a file of `tests/hostile/`, made into a component that fits the contract.
//!
//! A file holds what is hostile and nothing else. What it does not define is added: an import for
//! every function that the host offers, under its name (`$commit`); an export for every function of
//! the contract, the file's own where it has one of that name (`$job-pause`), else one that fails;
//! and what `prelude.wat` has. `{places}` are explained in [`layout`]. A file that begins with
//! `(component` is taken as it is.

#![allow(clippy::unwrap_used)]

pub mod alone;
pub mod layout;
pub mod neighbours;
pub mod pressure;
pub mod process;
pub mod soak;
pub mod yard;

use std::fmt::Write as _;
use std::path::PathBuf;

use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::abi::{AbiVariant, WasmType};

use layout::{Layout, Named};

/// A memory, `cabi_realloc`, and ways to say what happened.
const PRELUDE: &str = include_str!("prelude.wat");

/// Where the files are.
#[must_use]
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("hostile")
}

/// The names of all files, without their ending, in order.
#[must_use]
pub fn names() -> Vec<String> {
    let entries = std::fs::read_dir(folder()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|file| file.strip_suffix(".wat").expect("only .wat files").to_owned())
        .collect();
    names.sort();
    names
}

/// The component of a file.
#[must_use]
pub fn component(name: &str) -> Vec<u8> {
    component_of(&text(name))
}

/// The text of a file.
#[must_use]
pub fn text(name: &str) -> String {
    std::fs::read_to_string(folder().join(format!("{name}.wat"))).unwrap()
}

/// The component of a text that stands for a file.
#[must_use]
pub fn component_of(text: &str) -> Vec<u8> {
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with(";;"))
        .collect();
    if code.trim_start().starts_with("(component") {
        return wat::parse_str(text).unwrap();
    }
    let layout = Layout::of_the_contract();
    let module = layout.fill(&module(&layout, text));
    let mut module = match wat::parse_str(&module) {
        Ok(module) => module,
        Err(error) => panic!("{error}"),
    };
    wit_component::embed_component_metadata(&mut module, &layout.resolve, layout.world, StringEncoding::UTF8)
        .unwrap();
    let mut encoder = ComponentEncoder::default();
    let encoded = encoder.validate(true).module(&module).and_then(|it| it.encode());
    encoded.unwrap_or_else(|error| panic!("{error:?}"))
}

fn module(layout: &Layout, text: &str) -> String {
    let mut module = String::from("(module\n");
    for import in layout.imports() {
        let (interface, name) = (&import.interface, &import.function.name);
        let signature = signature(layout, AbiVariant::GuestImport, &import);
        writeln!(
            module,
            "(import \"{interface}\" \"{name}\" (func ${name} {signature}))"
        )
        .unwrap();
    }
    module.push_str(text);
    for part in PRELUDE.split("\n\n") {
        let name = part
            .lines()
            .find(|line| !line.starts_with(";;"))
            .unwrap_or_default();
        // What a file defines itself takes the prelude's place.
        let own = match name.split_once("(export \"") {
            Some((_, export)) => text.contains(&format!("(export \"{}\"", export.split('"').next().unwrap())),
            None => false,
        };
        if !own {
            writeln!(module, "{part}").unwrap();
        }
    }
    for export in layout.exports() {
        let (interface, name) = (&export.interface, &export.function.name);
        let full = format!("{interface}#{name}");
        if text.contains(&format!("(func ${name} ")) {
            writeln!(module, "(export \"{full}\" (func ${name}))").unwrap();
        } else {
            let signature = signature(layout, AbiVariant::GuestExport, &export);
            writeln!(module, "(func (export \"{full}\") {signature} unreachable)").unwrap();
        }
    }
    module + ")"
}

fn signature(layout: &Layout, variant: AbiVariant, of: &Named<'_>) -> String {
    let signature = layout.resolve.wasm_signature(variant, of.function);
    let words = |kind: &str, types: &[WasmType]| {
        let words: Vec<&str> = types.iter().map(word).collect();
        if words.is_empty() {
            String::new()
        } else {
            format!("({kind} {})", words.join(" "))
        }
    };
    format!(
        "{} {}",
        words("param", &signature.params),
        words("result", &signature.results)
    )
}

fn word(of: &WasmType) -> &'static str {
    match of {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    }
}
