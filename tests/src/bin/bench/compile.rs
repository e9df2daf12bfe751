//! How long a component can take to compile that is as large and as bad as one may be.

use std::sync::Arc;
use std::time::Instant as Timer;

use meanwhile::agent::noop::Noop;
use meanwhile::host::Host;
use meanwhile::limits::{
    COMPONENT_CODE_BYTES_MAX, COMPONENT_FUNCTION_BYTES_MAX, COMPONENT_FUNCTION_LOCALS_MAX,
    COMPONENT_FUNCTIONS_MAX, COMPONENT_LOOPS_DEEP_MAX, COMPONENT_MERGE_LEAST, COMPONENT_MERGES_MAX,
};

use meanwhile::service::{CallError, Service};
use meanwhile::storage::memory::MemoryStorage;
use meanwhile::tenants::TenantCommand;
use meanwhile_tests::rows;

use crate::figures::{heading, print};

// Opcodes and types of WebAssembly's core, version 1.
const BLOCK: u8 = 0x02;
const LOOP: u8 = 0x03;
const IF: u8 = 0x04;
const END: u8 = 0x0b;
const BR: u8 = 0x0c;
const BR_IF: u8 = 0x0d;
const BR_TABLE: u8 = 0x0e;
const CALL: u8 = 0x10;
const DROP: u8 = 0x1a;
const LOCAL_GET: u8 = 0x20;
const LOCAL_SET: u8 = 0x21;
const I32_LOAD: u8 = 0x28;
const I32_STORE: u8 = 0x36;
const I32_ADD: u8 = 0x6a;
const I32_DIV: u8 = 0x6d;
const EMPTY: u8 = 0x40;
const I32: u8 = 0x7f;

fn number(mut value: usize, to: &mut Vec<u8>) {
    while value >= 0x80 {
        to.push(value as u8 & 0x7f | 0x80);
        value >>= 7;
    }
    to.push(value as u8);
}

fn section(id: u8, contents: &[u8], to: &mut Vec<u8>) {
    to.push(id);
    number(contents.len(), to);
    to.extend(contents);
}

/// A function: its locals, and its code without the last `end`.
fn function(locals: usize, code: &[u8]) -> Vec<u8> {
    let mut body = Vec::with_capacity(code.len() + 16);
    number(1, &mut body);
    number(locals, &mut body);
    body.push(I32);
    body.extend(code);
    body.push(END);
    let mut function = Vec::with_capacity(body.len() + 4);
    number(body.len(), &mut function);
    function.extend(body);
    function
}

/// A component of one module with these functions, each from one number to nothing.
fn component(functions: &[Vec<u8>]) -> Vec<u8> {
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    section(1, &[1, 0x60, 1, I32, 0], &mut module);
    let mut types = Vec::new();
    number(functions.len(), &mut types);
    types.resize(types.len() + functions.len(), 0);
    section(3, &types, &mut module);
    section(5, &[1, 0, 1], &mut module);
    let mut code = Vec::new();
    number(functions.len(), &mut code);
    functions.iter().for_each(|function| code.extend(function));
    section(10, &code, &mut module);
    let mut component = b"\0asm\x0d\0\x01\0".to_vec();
    section(1, &module, &mut component);
    component
}

/// Code, and the branches in it.
#[derive(Default)]
struct Code {
    bytes: Vec<u8>,
    branches: usize,
}

impl Code {
    fn local(&mut self, opcode: u8, index: usize) {
        self.bytes.push(opcode);
        number(index, &mut self.bytes);
    }

    fn branch(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        self.branches += 1;
    }

    /// Adds a piece again and again, until `bytes` are reached.
    fn repeat(&mut self, bytes: usize, piece: impl Fn(usize, &mut Self)) {
        for n in 0.. {
            let (length, branches) = (self.bytes.len(), self.branches);
            piece(n, self);
            if self.bytes.len() > bytes {
                self.bytes.truncate(length);
                self.branches = branches;
                break;
            }
        }
    }
}

/// As many functions of this code as are taken in one component.
fn most(locals: usize, code: &Code) -> Vec<u8> {
    let one = function(locals, &code.bytes);
    let merges = code.branches * (locals + COMPONENT_MERGE_LEAST as usize);
    let count = (COMPONENT_CODE_BYTES_MAX as usize / one.len())
        .min(COMPONENT_FUNCTIONS_MAX as usize)
        .min(COMPONENT_MERGES_MAX as usize / merges.max(1));
    component(&vec![one; count.max(1)])
}

/// Tables of branches out of nested blocks, between which locals change.
fn tables(bytes: usize, locals: usize, depth: usize) -> Code {
    let mut code = Code::default();
    (0..depth).for_each(|_| code.branch(&[BLOCK, EMPTY]));
    code.repeat(bytes - depth * 8, |n, code| {
        code.local(LOCAL_GET, 0);
        code.branch(&[IF, EMPTY]);
        code.local(LOCAL_GET, n % locals);
        code.local(LOCAL_SET, (n * 7 + 1) % locals);
        code.local(LOCAL_GET, n % locals);
        code.branch(&[BR_TABLE]);
        number(depth, &mut code.bytes);
        (0..=depth).for_each(|to| number(to, &mut code.bytes));
        code.branches += depth;
        code.bytes.push(END);
    });
    for n in 0..depth {
        code.bytes.push(END);
        code.local(LOCAL_GET, n % locals);
        code.local(LOCAL_SET, (n * 3) % locals);
    }
    code
}

/// Loops in loops, around code in which every local changes.
fn loops(bytes: usize, locals: usize, depth: usize) -> Code {
    let mut code = Code::default();
    (0..depth).for_each(|_| code.branch(&[LOOP, EMPTY]));
    code.repeat(bytes - depth * 8, |n, code| {
        code.local(LOCAL_GET, n % locals);
        code.local(LOCAL_GET, (n * 31) % locals);
        code.bytes.push(I32_ADD);
        code.local(LOCAL_SET, (n * 17) % locals);
    });
    for _ in 0..depth {
        code.local(LOCAL_GET, 0);
        code.branch(&[BR_IF, 0]);
        code.bytes.push(END);
    }
    code
}

/// Short ways around the change of a local, one after the other.
fn branches(bytes: usize, locals: usize) -> Code {
    let mut code = Code::default();
    code.repeat(bytes, |n, code| {
        code.local(LOCAL_GET, n % locals);
        code.branch(&[IF, EMPTY]);
        code.local(LOCAL_GET, (n * 31) % locals);
        code.local(LOCAL_SET, (n * 17) % locals);
        code.bytes.push(END);
    });
    code
}

/// Straight code in which all locals live.
fn straight(bytes: usize, locals: usize) -> Code {
    let mut code = Code::default();
    code.repeat(bytes, |n, code| {
        code.local(LOCAL_GET, n % locals);
        code.local(LOCAL_GET, (n * 31) % locals);
        code.bytes.push(if n % 2 == 0 { I32_ADD } else { I32_DIV });
        code.local(LOCAL_SET, (n * 17) % locals);
    });
    code
}

/// Values that are all there before the first is used.
fn stack(bytes: usize, locals: usize) -> Code {
    let mut code = Code::default();
    // Three bytes at most to put one there, one to take it away.
    let values = bytes / 4;
    (0..values).for_each(|n| code.local(LOCAL_GET, n % locals));
    (1..values).for_each(|_| code.bytes.push(I32_ADD));
    code.bytes.push(DROP);
    code
}

/// Loads and stores, each with its check.
fn memory(bytes: usize, locals: usize) -> Code {
    let mut code = Code::default();
    code.repeat(bytes, |n, code| {
        code.local(LOCAL_GET, n % locals);
        code.local(LOCAL_GET, n % locals);
        code.bytes.extend([I32_LOAD, 2, 0, I32_STORE, 2, 0]);
    });
    code
}

/// Calls, over each of which all that lives has to be kept.
fn calls(bytes: usize, locals: usize) -> Code {
    let mut code = Code::default();
    code.repeat(bytes, |n, code| {
        code.local(LOCAL_GET, n % locals);
        code.bytes.extend([CALL, 0]);
        code.local(LOCAL_GET, (n + 1) % locals);
        code.local(LOCAL_SET, n % locals);
    });
    code
}

/// Calls that nothing comes after, each in a block of its own.
fn calls_in_blocks(bytes: usize) -> Code {
    let mut code = Code::default();
    code.repeat(bytes, |_, code| {
        code.branch(&[BLOCK, EMPTY]);
        code.local(LOCAL_GET, 0);
        code.bytes.extend([CALL, 0]);
        code.branch(&[BR, 0]);
        code.bytes.push(END);
    });
    code
}

pub(crate) async fn measure() {
    heading("Compiling the worst components that are taken");
    let host = Host::builder()
        .storage(Arc::new(MemoryStorage::default()))
        .agent(Arc::new(Noop))
        .build()
        .await
        .unwrap();
    let bytes = COMPONENT_FUNCTION_BYTES_MAX as usize - 16;
    let all = COMPONENT_FUNCTION_LOCALS_MAX as usize;
    let deep = COMPONENT_LOOPS_DEEP_MAX as usize;
    let small = (COMPONENT_CODE_BYTES_MAX / COMPONENT_FUNCTIONS_MAX) as usize - 8;
    let only = std::env::var("BENCH_COMPILE").ok();
    let mut measured = Vec::new();
    measured.push(("calls in blocks", 1, calls_in_blocks(bytes)));
    for locals in [10, 50, all] {
        measured.push(("branches", locals, branches(bytes, locals)));
        measured.push((
            "loops, as deep as they may be",
            locals,
            loops(bytes, locals, deep),
        ));
        measured.push((
            "small functions with loops",
            locals,
            loops(deep * 20, locals, deep),
        ));
        // As large as they may be with so many locals.
        let tabled = bytes.min(COMPONENT_MERGES_MAX as usize / (locals + 20));
        measured.push(("branch tables, 20 deep", locals, tables(tabled, locals, 20)));
        measured.push(("branch tables, 300 deep", locals, tables(tabled, locals, 300)));
        measured.push(("straight code", locals, straight(bytes, locals)));
        measured.push(("values on the stack", locals, stack(bytes, locals)));
        measured.push(("loads and stores", locals, memory(bytes, locals)));
        measured.push(("calls", locals, calls(bytes, locals)));
    }
    measured.push(("small functions", 1, calls(small, 1)));
    for (what, locals, code) in measured {
        if only.as_ref().is_some_and(|only| !what.contains(only.as_str())) {
            continue;
        }
        let component = most(locals, &code);
        let size = component.len() as f64 / f64::from(1 << 20);
        let began = Timer::now();
        let uploaded = host
            .operate(&rows::session(), TenantCommand::UploadComponent(component))
            .await;
        let seconds = began.elapsed().as_secs_f64();
        // It was compiled; that it exports nothing is found out afterwards.
        let CallError(error) = uploaded.unwrap_err();
        let text = error["message"].as_str().unwrap();
        assert!(
            text.contains("does not fit the contract") || text.contains("longer"),
            "{what}: {text}"
        );
        let what = format!("{what}, {locals} locals ({size:.1} MiB)");
        print(&what, &format!("{seconds:.1} s"), "10 s");
    }
}
