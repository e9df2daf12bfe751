//! Every edge that takes input from outside, under a fuzzer: whatever comes in, nothing panics,
//! nothing hangs, and what is answered keeps its promises.
//!
//! `cargo test` replays the kept inputs of `tests/corpora/` and tries a bounded number of random
//! ones; `make fuzz` goes on for as long as it is told, guided by coverage. An input is either
//! valid UTF-8, and then it is the text that the edge is given, or it is bytes that decide what a
//! generator makes up: so kept inputs can be read, and random ones still have the right shape.
#![allow(clippy::unwrap_used)]

mod bytes;
mod cron;
mod front;
mod http;
mod json;
mod kept;
mod mcp;
mod moments;
#[path = "../../../guest/tests/reference/mod.rs"]
mod reference;
mod schedules;
mod sentences;
mod texts;
mod typed;
mod units;
mod values;
mod words;

use std::panic::AssertUnwindSafe;

/// Set by `make fuzz`: the fuzzer itself reads the kept inputs.
const FUZZER: &str = "BOLERO_LIBFUZZER_ARGS";

/// Bytes of a random input: no more choices are made of one.
const RANDOM_BYTES_MAX: usize = 512;

/// Checks the kept inputs of an edge, and as many random ones.
fn fuzz(edge: &str, random: usize, check: impl Fn(&[u8])) {
    if std::env::var_os(FUZZER).is_none() {
        for (name, input) in kept::inputs(edge) {
            eprintln!("{name}");
            check(&input);
        }
    }
    // After a failure the same input is tried again, to make it smaller: what it left changes nothing.
    let check = AssertUnwindSafe(check);
    bolero::check!()
        .with_iterations(random)
        .with_max_len(RANDOM_BYTES_MAX)
        .for_each(move |input: &[u8]| {
            let check = &check;
            (check.0)(input);
        });
}

/// Says what a failing check was given, which bytes alone do not tell.
struct Given<'a>(&'a dyn std::fmt::Debug);

impl Drop for Given<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("given: {:?}", self.0);
        }
    }
}
