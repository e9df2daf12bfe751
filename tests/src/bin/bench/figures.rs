//! Samples and how they are printed.

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

/// One line: what was measured, and the bound it is held against.
pub(crate) fn print(what: &str, figure: &str, bound: &str) {
    if bound.is_empty() {
        println!("  {what:<58} {figure}");
    } else {
        println!("  {what:<58} {figure:<18} (bound: {bound})");
    }
}
