//! Samples, how figures are printed, and the JSON that keeps them.

use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

/// Measured values of one kind.
#[derive(Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The value that `share` of all values do not exceed.
    pub(crate) fn quantile(&mut self, share: f64) -> f64 {
        self.0.sort_by(f64::total_cmp);
        let rank = (share * self.0.len() as f64).ceil() as usize;
        self.0[rank.clamp(1, self.0.len()) - 1]
    }
}

/// What was printed so far: under which heading, and the figures.
static PRINTED: Mutex<(String, Vec<Value>)> = Mutex::new((String::new(), Vec::new()));

/// The line above some figures.
pub(crate) fn heading(text: &str) {
    println!("{text}");
    text.clone_into(&mut PRINTED.lock().unwrap_or_else(PoisonError::into_inner).0);
}

/// One line: what was measured, and the bound it is held against.
pub(crate) fn print(what: &str, figure: &str, bound: &str) {
    if bound.is_empty() {
        println!("  {what:<58} {figure}");
    } else {
        println!("  {what:<58} {figure:<18} (bound: {bound})");
    }
    let mut printed = PRINTED.lock().unwrap_or_else(PoisonError::into_inner);
    let heading = printed.0.clone();
    printed
        .1
        .push(json!({"heading": heading, "what": what, "figure": figure, "bound": bound}));
}

/// All that was printed.
pub(crate) fn all() -> Value {
    Value::Array(PRINTED.lock().unwrap_or_else(PoisonError::into_inner).1.clone())
}
