//! A run's request and outcome as JSON, for agents outside this process. The names here are
//! promises to other programs, so they are spelled out and not derived from the contract's types.

mod cancellation;
mod outcome;
mod request;

pub use cancellation::{CancelTask, Cancellation};
pub use outcome::{Class, Error, Outcome, Report, Status, ToolCall, Usage, Verdict};
pub(crate) use request::seen_json;
pub use request::{
    AnsweredCall, AnsweredCallStatus, BudgetLeft, Caller, DATA_FIELDS, DATA_NOTE, Dependency, Origin,
    PreviousRun, Request, Task, ToolPolicy, Unapproved, rfc3339,
};
