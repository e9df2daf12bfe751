//! Deliberate faults, so that the simulation can prove that it would notice them. They exist only
//! with the feature `sabotage`, which the component is never built with.

/// A rule of the logic that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sabotage {
    /// `job_pause` answers and does nothing.
    PauseIgnored,
    /// Times that a clock change repeats fire at both, whatever the job says.
    FoldDoubled,
    /// Late results move jobs that have ended.
    TerminalGuardOff,
    /// A run's call is applied although the run ended in its middle.
    CallsUnguarded,
    /// Every attempt of a run is told that it may make the call that was approved.
    ApprovalRepeated,
}

#[cfg(feature = "sabotage")]
thread_local! {
    static CHOSEN: std::cell::Cell<Option<Sabotage>> = const { std::cell::Cell::new(None) };
}

/// Breaks a rule for this thread, or none.
#[cfg(feature = "sabotage")]
pub fn choose(sabotage: Option<Sabotage>) {
    CHOSEN.set(sabotage);
}

/// Whether the rule is broken here.
#[cfg(feature = "sabotage")]
pub fn on(sabotage: Sabotage) -> bool {
    CHOSEN.get() == Some(sabotage)
}

/// Never, in the component.
#[cfg(not(feature = "sabotage"))]
pub const fn on(_: Sabotage) -> bool {
    false
}
