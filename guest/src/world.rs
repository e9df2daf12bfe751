//! What the logic can reach, as a trait: the component binds it to its imports, tests to a model.

use crate::bindings::agent_pipeline::RunRequest;
use crate::bindings::storage::{
    Claim, EdgeFilter, HitPage, JobFilter, JobPage, MessageFilter, Page, Rejection, RunFilter, SearchQuery,
    StorageError, Unit,
};
use crate::bindings::types::{Edge, Instant, Job, Message, Run, StatusChange};

/// The component's imports. See `wit/` for what each does.
pub trait World {
    fn now(&self) -> Instant;
    /// 64 random bits.
    fn random(&self) -> u64;

    fn get_jobs(&self, ids: &[String]) -> Result<Vec<Option<Job>>, StorageError>;
    fn get_runs(&self, ids: &[String]) -> Result<Vec<Option<Run>>, StorageError>;
    fn find_jobs(&self, filter: &JobFilter, page: &Page) -> Result<JobPage, StorageError>;
    fn find_runs(&self, filter: &RunFilter) -> Result<Vec<Run>, StorageError>;
    fn find_edges(&self, filter: &EdgeFilter) -> Result<Vec<Edge>, StorageError>;
    fn find_messages(&self, filter: &MessageFilter) -> Result<Vec<Message>, StorageError>;
    fn find_changes(&self, job: &str, limit: u32) -> Result<Vec<StatusChange>, StorageError>;
    fn search_jobs(&self, query: &SearchQuery) -> Result<HitPage, StorageError>;
    fn claim_due(&self, limit: u32) -> Result<Vec<Claim>, StorageError>;
    fn commit(&self, units: &[Unit]) -> Result<Vec<Result<(), Rejection>>, StorageError>;

    fn arm(&self, at: Instant);

    fn submit(&self, requests: &[RunRequest]);
    fn cancel(&self, run: &str);
    fn can_judge(&self) -> bool;
}
