//! The table of statuses. Every change of a job's status goes through `transition`.

use crate::bindings::types::{JobState, JobStatus, StatusReason};
use crate::sabotage::{self, Sabotage};

use JobStatus::{Active, Archived, Blocked, Cancelled, Completed, Failed, InProgress, Paused, Pending};

/// Where a status may go. Terminal is terminal; FAILED goes back only by an explicit retry.
pub const fn successors(from: JobStatus) -> &'static [JobStatus] {
    match from {
        Pending => &[Active, Blocked, Paused, Cancelled],
        Active => &[InProgress, Paused, Blocked, Completed, Failed, Cancelled],
        InProgress => &[Active, Completed, Failed, Blocked, Paused, Cancelled],
        Blocked => &[Pending, Active, Failed, Cancelled],
        Paused => &[Pending, Active, Cancelled],
        Failed => &[Archived, Active],
        Completed | Cancelled => &[Archived],
        Archived => &[],
    }
}

/// COMPLETED, FAILED, CANCELLED, ARCHIVED.
pub const fn ended(status: JobStatus) -> bool {
    matches!(status, Completed | Failed | Cancelled | Archived)
}

/// The word users know.
pub const fn name(status: JobStatus) -> &'static str {
    match status {
        Pending => "PENDING",
        Active => "ACTIVE",
        InProgress => "IN_PROGRESS",
        Completed => "COMPLETED",
        Failed => "FAILED",
        Blocked => "BLOCKED",
        Cancelled => "CANCELLED",
        Archived => "ARCHIVED",
        Paused => "PAUSED",
    }
}

/// A change of status that the table lacks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IllegalTransition {
    /// As it stands.
    pub from: JobStatus,
    /// As it was to stand.
    pub to: JobStatus,
}

impl std::fmt::Display for IllegalTransition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a job cannot go from {} to {}", name(self.from), name(self.to))
    }
}

/// Moves a job to `to`, with the reason people and programs see.
pub fn transition(
    state: &mut JobState,
    to: JobStatus,
    reason: Option<StatusReason>,
) -> Result<(), IllegalTransition> {
    let unguarded = ended(state.status) && sabotage::on(Sabotage::TerminalGuardOff);
    if !unguarded && !successors(state.status).contains(&to) {
        return Err(IllegalTransition {
            from: state.status,
            to,
        });
    }
    state.status = to;
    state.status_reason = reason;
    if to != Paused {
        state.resume_at = None;
    }
    Ok(())
}

/// A reason, from its code and sentence.
pub fn reason(code: &str, message: impl Into<String>) -> Option<StatusReason> {
    Some(StatusReason {
        code: code.into(),
        message: message.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [JobStatus; 9] = [
        Pending, Active, InProgress, Completed, Failed, Blocked, Cancelled, Archived, Paused,
    ];

    #[test]
    fn ended_jobs_only_go_to_the_archive_and_failed_ones_back_by_retry() {
        for from in ALL.into_iter().filter(|status| ended(*status)) {
            for to in ALL {
                let wanted = (to == Archived && from != Archived) || (from, to) == (Failed, Active);
                assert_eq!(successors(from).contains(&to), wanted, "{from:?} to {to:?}");
            }
        }
    }

    #[test]
    fn every_live_status_can_be_cancelled() {
        for from in ALL.into_iter().filter(|status| !ended(*status)) {
            assert!(successors(from).contains(&Cancelled), "{from:?}");
        }
    }

    #[test]
    fn an_illegal_transition_names_both_ends() {
        let message = IllegalTransition {
            from: Cancelled,
            to: Active,
        }
        .to_string();
        assert_eq!(message, "a job cannot go from CANCELLED to ACTIVE");
    }
}
