//! The best of many.

/// Those with the highest measure of all that are put, the later number first where it is equal.
pub(super) struct Best {
    count: usize,
    found: Vec<(f32, u64)>,
    /// What is not above it is among the best no more.
    least: f32,
}

impl Best {
    pub(super) fn new(count: usize) -> Self {
        Self {
            count,
            found: Vec::new(),
            least: f32::NEG_INFINITY,
        }
    }

    pub(super) fn put(&mut self, measure: f32, number: u64) {
        if measure < self.least {
            return;
        }
        self.found.push((measure, number));
        // Sorted out when there are twice as many: a step for each on average.
        if self.found.len() >= 2 * self.count.max(1) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.found.len() > self.count && self.count > 0 {
            let (_, last, _) = self.found.select_nth_unstable_by(self.count - 1, order);
            self.least = last.0;
        }
        self.found.truncate(self.count);
    }

    /// The best, the first one first.
    pub(super) fn first(mut self) -> Vec<(f32, u64)> {
        self.cut();
        self.found.sort_unstable_by(order);
        self.found
    }
}

fn order(a: &(f32, u64), b: &(f32, u64)) -> std::cmp::Ordering {
    b.0.total_cmp(&a.0).then_with(|| b.1.cmp(&a.1))
}

#[cfg(test)]
mod tests {
    use super::{Best, order};

    #[test]
    fn the_best_are_those_that_sorting_puts_first() {
        let mut all: Vec<(f32, u64)> = (0..1_000_u64).map(|n| ((n * 7_919 % 101) as f32, n)).collect();
        for count in [0, 1, 2, 10, 999, 1_000, 2_000] {
            let mut best = Best::new(count);
            all.iter()
                .for_each(|(measure, number)| best.put(*measure, *number));
            let mut sorted = all.clone();
            sorted.sort_by(order);
            sorted.truncate(count);
            assert_eq!(best.first(), sorted, "{count}");
        }
        all.clear();
        assert!(Best::new(3).first().is_empty());
    }
}
