//! The time machine: a seeded, deterministic simulation of several hosts on one store. It runs the
//! component's real logic through weeks of virtual time and through faults (crashes between any
//! two calls of an import, lost answers, suspended laptops, clocks that disagree, results that come
//! late, twice or never), while people change their jobs, and checks what must always hold after
//! every step.
//!
//! One seed is one world: the same seed takes the same course. A broken invariant is printed with
//! its seed, the step, and the last events of the job that it concerns.

pub mod breaks;
pub mod call;
pub mod callers;
pub mod component;
pub mod consistency;
pub mod faults;
pub mod hosts;
pub mod invariants;
pub mod ledger;
pub mod logic;
pub mod oracle;
pub mod pipeline;
pub mod random;
pub mod requests;
pub mod rest;
pub mod setting;
pub mod store;
pub mod told;
pub mod users;
pub mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

pub use breaks::Break;
pub use invariants::Violation;
pub use logic::{Logic, Native};
pub use world::{Sim, Summary};

/// What to simulate.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub days: u32,
    pub broken: Option<Break>,
}

/// A broken invariant, with everything that is needed to look at it.
#[derive(Clone, Debug)]
pub struct Finding {
    pub seed: u64,
    pub invariant: &'static str,
    pub text: String,
}

/// Runs the world of a seed to its end.
///
/// # Errors
/// The first broken invariant, as a text to be read by a person.
pub fn run(seed: u64, logic: &Arc<dyn Logic>, options: Options) -> Result<Summary, Box<Finding>> {
    breaks::apply(options.broken);
    let sim = Sim::new(seed, Arc::clone(logic), options);
    let end = catch_unwind(AssertUnwindSafe(|| sim.run()));
    breaks::apply(None);
    let violation = match end {
        Ok(Ok(summary)) => return Ok(summary),
        Ok(Err(violation)) => violation,
        Err(panic) => {
            let said = panic.downcast_ref::<String>().cloned();
            let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Violation {
                invariant: &invariants::NO_PANIC,
                job: None,
                text: said.unwrap_or_default(),
            }
        }
    };
    Err(Box::new(Finding {
        seed,
        invariant: violation.invariant.name,
        text: sim.story(&violation),
    }))
}
