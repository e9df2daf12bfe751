//! A share of `make sim`, and the proof that the simulation can fail.
#![allow(clippy::unwrap_used)]
#![allow(
    clippy::print_stdout,
    reason = "the seeds at which a switched-off safeguard is noticed"
)]

use std::sync::Arc;

use meanwhile_tests::sim::component::Built;
use meanwhile_tests::sim::{self, Break, Logic, Native, Options};

const AS_BUILT: Options = Options {
    days: 30,
    broken: None,
};

fn native() -> Arc<dyn Logic> {
    Arc::new(Native)
}

fn built() -> Arc<dyn Logic> {
    Arc::new(Built::load(meanwhile::COMPONENT).unwrap())
}

/// Runs worlds until one breaks an invariant.
fn first_finding(
    logic: &Arc<dyn Logic>,
    seeds: std::ops::RangeInclusive<u64>,
    options: Options,
) -> Option<(u64, String)> {
    for seed in seeds {
        if let Err(finding) = sim::run(seed, logic, options) {
            return Some((seed, finding.text));
        }
    }
    None
}

/// With a feature `broken-…` this fails: that is what the feature is for.
#[test]
fn forty_worlds_keep_every_invariant() {
    let options = Options {
        broken: Break::built_in(),
        ..AS_BUILT
    };
    if let Some((seed, text)) = first_finding(&native(), 1..=40, options) {
        panic!("seed {seed}: {text}\nagain: make sim SEED={seed}");
    }
}

#[test]
fn the_same_seed_takes_the_same_course() {
    for seed in [3, 11] {
        let first = sim::run(seed, &native(), AS_BUILT).unwrap();
        let again = sim::run(seed, &native(), AS_BUILT).unwrap();
        assert_eq!(first, again);
        let other = sim::run(seed + 1, &native(), AS_BUILT).unwrap();
        assert_ne!(first.digest, other.digest);
    }
}

/// The built component decides as the same code does natively, to the last line of the trace.
#[test]
fn the_component_takes_the_course_of_the_native_logic() {
    let built = built();
    for seed in 1..=6 {
        let component = sim::run(seed, &built, AS_BUILT).unwrap();
        let native = sim::run(seed, &native(), AS_BUILT).unwrap();
        assert_eq!(component, native, "seed {seed}");
    }
}

#[test]
fn every_safeguard_that_is_switched_off_is_missed_within_200_seeds() {
    for (broken, name) in Break::ALL {
        let options = Options {
            broken: Some(broken),
            ..AS_BUILT
        };
        let found = first_finding(&native(), 1..=200, options);
        let (seed, text) = found.unwrap_or_else(|| panic!("{name} is off, and 200 worlds do not notice"));
        println!(
            "{name} off: noticed in seed {seed}: {}",
            text.lines().next().unwrap_or_default()
        );
    }
}
