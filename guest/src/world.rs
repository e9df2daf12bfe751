//! What the logic can reach, as a trait: the component binds it to its imports, tests to a model.

use crate::bindings::agent_pipeline::RunRequest;
use crate::bindings::storage::{
    Claim, EdgeFilter, HitPage, JobFilter, JobPage, MessageFilter, Page, Rejection, RunFilter, SearchQuery,
    StorageError, Unit,
};
use crate::bindings::types::{Edge, Instant, Job, Message, Run, StatusChange};

/// The component's imports; `wit/` says all of what each does. Errors of storage say that nothing was
/// written.
pub trait World {
    /// The present: `wasi:clocks/wall-clock`.
    fn now(&self) -> Instant;
    /// 64 random bits.
    fn random(&self) -> u64;

    /// Jobs by id, in the order asked for; none where there is no such job.
    fn get_jobs(&self, ids: &[String]) -> Result<Vec<Option<Job>>, StorageError>;
    /// Runs by id, in the order asked for; none where there is no such run.
    fn get_runs(&self, ids: &[String]) -> Result<Vec<Option<Run>>, StorageError>;
    /// A page of the jobs that match, newest first.
    fn find_jobs(&self, filter: &JobFilter, page: &Page) -> Result<JobPage, StorageError>;
    /// Runs of a job, newest slot first.
    fn find_runs(&self, filter: &RunFilter) -> Result<Vec<Run>, StorageError>;
    /// Dependencies, in the order that the filter has.
    fn find_edges(&self, filter: &EdgeFilter) -> Result<Vec<Edge>, StorageError>;
    /// Messages, oldest first.
    fn find_messages(&self, filter: &MessageFilter) -> Result<Vec<Message>, StorageError>;
    /// The history of a job, newest first, at most `limit`.
    fn find_changes(&self, job: &str, limit: u32) -> Result<Vec<StatusChange>, StorageError>;
    /// Jobs by their text: newest first, or best first where it is by meaning.
    fn search_jobs(&self, query: &SearchQuery) -> Result<HitPage, StorageError>;
    /// Leases on jobs that are due, earliest first, at most `limit`, each under a new token.
    fn claim_due(&self, limit: u32) -> Result<Vec<Claim>, StorageError>;
    /// Applies units in order, each all or nothing; one result a unit.
    fn commit(&self, units: &[Unit]) -> Result<Vec<Result<(), Rejection>>, StorageError>;

    /// Has the host poll at `at`, a hint: what is due is told by storage.
    fn arm(&self, at: Instant);

    /// Starts runs; the same (run, token, task) again has no effect.
    fn submit(&self, requests: &[RunRequest]);
    /// Stops a run, if it executes.
    fn cancel(&self, run: &str);
    /// Whether the pipeline can carry out `judge`.
    fn can_judge(&self) -> bool;
}
