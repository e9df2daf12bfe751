//! The words of the contract as they stand in rows, and the words a search passes over.

use super::turns::Speaker;
use crate::wit::storage::{JobFilter, SearchMode, SearchQuery};
use crate::wit::types::{
    DeliveryStatus, DependencyCondition, EdgeStatus, Job, JobStatus, JobType, MessageKind, RunStatus,
};

/// An enumeration with a word for each of its values.
pub(crate) trait Word: Copy + Sized + 'static {
    const ALL: &'static [(Self, &'static str)];

    fn word(self) -> &'static str;

    /// The value of a stored word; none for a word of a later version.
    fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(_, known)| *known == word)
            .map(|(value, _)| *value)
    }
}

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl Word for $type {
            const ALL: &'static [(Self, &'static str)] = &[$(($type::$variant, $word)),+];

            fn word(self) -> &'static str {
                match self {
                    $($type::$variant => $word),+
                }
            }
        }
    };
}

words!(JobStatus {
    Pending = "PENDING",
    Active = "ACTIVE",
    InProgress = "IN_PROGRESS",
    Completed = "COMPLETED",
    Failed = "FAILED",
    Blocked = "BLOCKED",
    Cancelled = "CANCELLED",
    Archived = "ARCHIVED",
    Paused = "PAUSED",
});
words!(JobType {
    OneOff = "ONE_OFF",
    Scheduled = "SCHEDULED",
    Recurring = "RECURRING",
    Ongoing = "ONGOING",
});
words!(RunStatus {
    Executing = "executing",
    Waiting = "waiting",
    Analysing = "analysing",
    Succeeded = "succeeded",
    Failed = "failed",
    NeedsInput = "needs_input",
    Cancelled = "cancelled",
    Missed = "missed",
    Skipped = "skipped",
});
words!(EdgeStatus { Waiting = "waiting", Satisfied = "satisfied", Broken = "broken" });
words!(DependencyCondition { Success = "success", Failure = "failure", Any = "any" });
words!(MessageKind {
    Result = "result",
    Failure = "failure",
    Question = "question",
    Incident = "incident",
    Reply = "reply",
});
words!(DeliveryStatus {
    Queued = "queued",
    Delivered = "delivered",
    Failed = "failed",
    Read = "read",
});
words!(Speaker { Person = "person", Agent = "agent" });

/// The statuses that a filter lets pass: without any, all but the archive's.
pub(crate) fn statuses_of(filter: &JobFilter) -> Vec<JobStatus> {
    if !filter.statuses.is_empty() {
        return distinct(&filter.statuses);
    }
    let all = JobStatus::ALL.iter().map(|(status, _)| *status);
    all.filter(|status| filter.include_archived || *status != JobStatus::Archived)
        .collect()
}

/// The types that a filter lets pass: without any, all.
pub(crate) fn types_of(filter: &JobFilter) -> Vec<JobType> {
    if filter.job_types.is_empty() {
        return JobType::ALL.iter().map(|(job_type, _)| *job_type).collect();
    }
    distinct(&filter.job_types)
}

fn distinct<T: Copy + PartialEq>(values: &[T]) -> Vec<T> {
    let mut distinct = Vec::with_capacity(values.len());
    for value in values {
        if !distinct.contains(value) {
            distinct.push(*value);
        }
    }
    distinct
}

/// Whether an ended job may be moved on: only to the archive, and FAILED by an explicit retry.
pub(crate) fn may_move(from: JobStatus, to: JobStatus) -> bool {
    match from {
        JobStatus::Completed | JobStatus::Cancelled | JobStatus::Archived => {
            to == from || to == JobStatus::Archived
        }
        JobStatus::Failed => {
            matches!(
                to,
                JobStatus::Failed
                    | JobStatus::Active
                    | JobStatus::Pending
                    | JobStatus::Blocked
                    | JobStatus::Archived
            )
        }
        _ => true,
    }
}

/// Words that say nothing about what a job is for.
pub(crate) const STOP_WORDS: [&str; 40] = [
    "a", "an", "and", "are", "as", "at", "be", "by", "do", "for", "from", "has", "have", "how", "i", "in",
    "is", "it", "me", "my", "not", "of", "on", "or", "our", "that", "the", "their", "them", "they", "this",
    "to", "was", "we", "what", "when", "which", "who", "with", "you",
];

/// The words of a text, lower case: what a search finds.
pub(crate) fn of_text(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// The terms of a search, each by its words.
pub(crate) struct Terms {
    terms: Vec<Vec<String>>,
    all: bool,
}

impl Terms {
    pub(crate) fn of(query: &SearchQuery) -> Self {
        Self {
            terms: query.terms.iter().map(|term| of_text(term)).collect(),
            all: query.mode == SearchMode::AllTerms,
        }
    }

    /// Whether a job's texts say them: the words of each term side by side in one text.
    pub(crate) fn are_said_by(&self, job: &Job) -> bool {
        let texts = [&job.spec.title, &job.spec.description, &job.spec.payload].map(|text| of_text(text));
        let said = |term: &Vec<String>| {
            let side_by_side = |text: &Vec<String>| text.windows(term.len()).any(|at| at == term);
            !term.is_empty() && texts.iter().any(side_by_side)
        };
        if self.all {
            !self.terms.is_empty() && self.terms.iter().all(said)
        } else {
            self.terms.iter().any(said)
        }
    }
}
