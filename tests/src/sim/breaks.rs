//! What can be broken on purpose, to show that the simulation notices.

use meanwhile_guest::sabotage::{self, Sabotage};

/// A safeguard that is switched off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Break {
    /// The store takes writes under any token.
    Fencing,
    /// The store takes a second run for a slot.
    SlotUniqueness,
    /// The store and the logic let ended jobs move on.
    TerminalGuard,
    /// The logic says that a job is paused, and does nothing.
    PauseIgnored,
    /// The logic fires daily times twice where the clocks go back.
    FoldDoubled,
    /// The logic applies a run's call although the run ended in its middle.
    CallsUnguarded,
    /// The logic tells every attempt of a run that it may make the call that was approved.
    ApprovalRepeated,
}

impl Break {
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Fencing, "fencing"),
        (Self::SlotUniqueness, "slot-uniqueness"),
        (Self::TerminalGuard, "terminal-guard"),
        (Self::PauseIgnored, "pause-ignored"),
        (Self::FoldDoubled, "fold-doubled"),
        (Self::CallsUnguarded, "calls-unguarded"),
        (Self::ApprovalRepeated, "approval-repeated"),
    ];

    pub fn named(name: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(_, known)| *known == name);
        found.map(|(broken, _)| *broken)
    }

    /// The one that this build has by a cargo feature.
    pub fn built_in() -> Option<Self> {
        let features = [
            (Self::Fencing, cfg!(feature = "broken-fencing")),
            (Self::SlotUniqueness, cfg!(feature = "broken-slot-uniqueness")),
            (Self::TerminalGuard, cfg!(feature = "broken-terminal-guard")),
            (Self::PauseIgnored, cfg!(feature = "broken-pause-ignored")),
            (Self::FoldDoubled, cfg!(feature = "broken-fold-doubled")),
            (Self::CallsUnguarded, cfg!(feature = "broken-calls-unguarded")),
            (Self::ApprovalRepeated, cfg!(feature = "broken-approval-repeated")),
        ];
        features.iter().find(|(_, on)| *on).map(|(broken, _)| *broken)
    }

    fn in_logic(self) -> Option<Sabotage> {
        match self {
            Self::Fencing | Self::SlotUniqueness => None,
            Self::TerminalGuard => Some(Sabotage::TerminalGuardOff),
            Self::PauseIgnored => Some(Sabotage::PauseIgnored),
            Self::FoldDoubled => Some(Sabotage::FoldDoubled),
            Self::CallsUnguarded => Some(Sabotage::CallsUnguarded),
            Self::ApprovalRepeated => Some(Sabotage::ApprovalRepeated),
        }
    }
}

/// Breaks the logic of this thread, or mends it.
pub fn apply(broken: Option<Break>) {
    sabotage::choose(broken.and_then(Break::in_logic));
}
