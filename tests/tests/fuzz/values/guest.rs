//! A component that has no will of its own: every export fetches an image of memory through
//! `wasi:random`, calls the imports that the image says with the arguments that lie in it, and
//! answers with the address that the image says. It is compiled once, and can do whatever a
//! hostile component can do with values.

use std::fmt::Write as _;
use std::path::Path;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Function, Resolve, WorldId, WorldItem};

/// Where the image lies in the guest's memory, and its bytes: what four requests bring.
pub(crate) const IMAGE: u32 = 0x1_0000;
pub(crate) const IMAGE_BYTES: usize = 4 * CHUNK_BYTES;
/// Random bytes of one request: as many as the host gives.
pub(crate) const CHUNK_BYTES: usize = 4_096;

// The image begins with these words.

/// The address that the export answers.
pub(crate) const ANSWER_AT: usize = 0;
/// Not 0: `cabi_realloc` answers the next word, whatever it is asked for.
pub(crate) const LIES_AT: usize = 4;
pub(crate) const LIE_AT: usize = 8;
/// Imports to call.
pub(crate) const CALLS_AT: usize = 12;
/// The calls: a word that says which import, and from 8 on its flat parameters.
pub(crate) const CALL_AT: usize = 16;
pub(crate) const CALL_BYTES: usize = 8 + 8 * FLAT_MAX;
pub(crate) const CALLS_MAX: usize = 3;
/// Flat parameters of a function, with the address of its result.
const FLAT_MAX: usize = 17;
/// From here on the image is free.
pub(crate) const FREE_AT: usize = CALL_AT + CALLS_MAX * CALL_BYTES;

/// Memory in pages of 64 KiB, and where what is allocated begins.
const PAGES: u32 = 16;
const HEAP: u32 = 0x2_0000;

/// A function of an interface.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    pub(crate) interface: String,
    pub(crate) function: Function,
}

/// The contract, and the functions on both sides of it.
pub(crate) struct Contract {
    pub(crate) resolve: Resolve,
    world: WorldId,
    pub(crate) imports: Vec<Named>,
    pub(crate) exports: Vec<Named>,
}

impl Contract {
    pub(crate) fn read() -> Self {
        let mut resolve = Resolve::default();
        let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let (package, _) = resolve.push_dir(&wit).unwrap();
        let world = resolve.select_world(&[package], Some("jobs")).unwrap();
        let functions = |items: &mut dyn Iterator<Item = (_, &WorldItem)>| {
            let mut named = Vec::new();
            for (key, item) in items {
                let WorldItem::Interface { id, .. } = item else {
                    continue;
                };
                let interface = resolve.name_world_key(key);
                for function in resolve.interfaces[*id].functions.values() {
                    named.push(Named {
                        interface: interface.clone(),
                        function: function.clone(),
                    });
                }
            }
            named
        };
        let imports = functions(&mut resolve.worlds[world].imports.iter());
        let exports = functions(&mut resolve.worlds[world].exports.iter());
        Self {
            resolve,
            world,
            imports,
            exports,
        }
    }

    /// The component as bytes.
    pub(crate) fn component(&self) -> Vec<u8> {
        let mut core = wat::parse_str(self.module()).unwrap();
        embed_component_metadata(&mut core, &self.resolve, self.world, StringEncoding::UTF8).unwrap();
        let mut encoder = ComponentEncoder::default();
        encoder.validate(true).module(&core).unwrap();
        encoder.encode().unwrap()
    }

    fn module(&self) -> String {
        let mut text = String::from("(module\n");
        for (at, import) in self.imports.iter().enumerate() {
            let signature = self
                .resolve
                .wasm_signature(AbiVariant::GuestImport, &import.function);
            let _ = writeln!(
                text,
                "(import \"{}\" \"{}\" (func $import{at} (param {}) (result {})))",
                import.interface,
                import.function.name,
                types(&signature.params),
                types(&signature.results),
            );
        }
        let random = self
            .imports
            .iter()
            .position(|import| import.function.name == "get-random-bytes")
            .unwrap();
        let _ = write!(
            text,
            "
(memory (export \"memory\") {PAGES})
(global $free (mut i32) (i32.const {HEAP}))
(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32)
  (if (i32.load (i32.const {lies})) (then (return (i32.load (i32.const {lie})))))
  (global.set $free (i32.and (i32.add (global.get $free) (i32.const 15)) (i32.const -16)))
  (global.get $free)
  (global.set $free (i32.add (global.get $free) (local.get 3))))
(func $fetch (local i32)
  (loop $again
    (call $import{random} (i64.const {CHUNK_BYTES}) (i32.const 64))
    (memory.copy
      (i32.add (i32.const {IMAGE}) (i32.mul (local.get 0) (i32.const {CHUNK_BYTES})))
      (i32.load (i32.const 64)) (i32.load (i32.const 68)))
    (local.set 0 (i32.add (local.get 0) (i32.const 1)))
    (br_if $again (i32.lt_u (local.get 0) (i32.const {chunks})))))
(func $calls (local i32 i32)
  (local.set 0 (i32.const {calls}))
  (block $done (loop $next
    (br_if $done (i32.ge_u (local.get 1) (i32.load (i32.const {count}))))
    (br_if $done (i32.ge_u (local.get 1) (i32.const {CALLS_MAX})))
",
            lies = IMAGE as usize + LIES_AT,
            lie = IMAGE as usize + LIE_AT,
            chunks = IMAGE_BYTES / CHUNK_BYTES,
            calls = IMAGE as usize + CALL_AT,
            count = IMAGE as usize + CALLS_AT,
        );
        self.dispatch(&mut text);
        let _ = write!(
            text,
            "
    (local.set 0 (i32.add (local.get 0) (i32.const {CALL_BYTES})))
    (local.set 1 (i32.add (local.get 1) (i32.const 1)))
    (br $next))))
"
        );
        for export in &self.exports {
            let signature = self
                .resolve
                .wasm_signature(AbiVariant::GuestExport, &export.function);
            assert!(signature.retptr, "{} answers in memory", export.function.name);
            let _ = writeln!(
                text,
                "(func (export \"{}#{}\") (param {}) (result {})
  (call $fetch) (call $calls) (i32.load (i32.const {})))",
                export.interface,
                export.function.name,
                types(&signature.params),
                types(&signature.results),
                IMAGE as usize + ANSWER_AT,
            );
        }
        text.push(')');
        text
    }

    /// Calls the import that the word at local 0 says, with the parameters behind it.
    fn dispatch(&self, text: &mut String) {
        text.push_str("(block $called\n");
        for at in (0..self.imports.len()).rev() {
            let _ = write!(text, "(block $case{at} ");
        }
        text.push_str("(br_table");
        for at in 0..self.imports.len() {
            let _ = write!(text, " $case{at}");
        }
        text.push_str(" $called (i32.load (local.get 0)))\n");
        for (at, import) in self.imports.iter().enumerate() {
            let signature = self
                .resolve
                .wasm_signature(AbiVariant::GuestImport, &import.function);
            text.push_str(") ");
            for (place, kind) in signature.params.iter().enumerate() {
                let _ = write!(
                    text,
                    "({}.load offset={} (local.get 0)) ",
                    core(*kind),
                    8 + 8 * place
                );
            }
            let _ = write!(text, "(call $import{at}) ");
            text.push_str(&"drop ".repeat(signature.results.len()));
            text.push_str("(br $called)\n");
        }
        text.push(')');
    }
}

fn core(kind: WasmType) -> &'static str {
    match kind {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
    }
}

fn types(kinds: &[WasmType]) -> String {
    kinds.iter().map(|kind| core(*kind)).collect::<Vec<_>>().join(" ")
}
