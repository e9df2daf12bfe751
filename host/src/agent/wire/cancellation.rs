//! What an agent behind an address is told when it can stop.

use serde::{Deserialize, Serialize};

/// An attempt is of no more use. Sent to where its request was; what is answered does not matter. Whether the run
/// goes on is told by its next request, if there is one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cancellation {
    /// Always `cancel`, which no request has.
    pub task: CancelTask,
    /// As in the request.
    pub run_id: String,
    /// As in the request.
    pub job_id: String,
    /// As in the request: the same for every attempt of the run.
    pub idempotency_key: String,
    /// Which attempt of the run.
    pub attempt: u32,
    /// As in the request.
    pub tenant: String,
}

/// The `task` of a cancellation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelTask {
    /// Stop what the request asked for.
    #[default]
    Cancel,
}
