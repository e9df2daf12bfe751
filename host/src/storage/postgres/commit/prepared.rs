//! Units as they are written: texts encoded and words counted by the task of the caller, not by the one
//! that holds a transaction open.

use std::sync::Arc;

use crate::storage::postgres::terms::Terms;
use crate::storage::{inserts, work};
use crate::wit::storage::{EdgeKey, Guard, JobToken, MessageUpdate, Unit, Write};
use crate::wit::types::{
    Edge, Instant, Job, JobSpec, JobState, JobStatus, JobType, Message, Run, RunStatus, StatusChange,
};

/// A unit of work.
pub(super) struct Prepared {
    pub(super) guards: Vec<Guard>,
    pub(super) steps: Vec<Step>,
    /// Whether it brings new rows, and whether a job is among them.
    pub(super) inserts: (bool, bool),
    /// In the units of [`work`].
    pub(super) work: usize,
}

pub(super) enum Step {
    InsertJob(Arc<NewJob>),
    UpdateJob(Changed),
    InsertRun(Arc<RunRow>),
    UpdateRun(Arc<RunRow>),
    PutEdge(Edge),
    DeleteEdge(EdgeKey),
    InsertMessage(Arc<Message>),
    UpdateMessage(MessageUpdate),
    InsertChange(Arc<StatusChange>),
    Release(JobToken),
}

pub(super) struct NewJob {
    pub(super) id: String,
    pub(super) agent: String,
    pub(super) user: String,
    pub(super) created_by: String,
    pub(super) created_at: Instant,
    pub(super) updated_at: Instant,
    pub(super) revision: u64,
    pub(super) spec: Arc<Spec>,
    pub(super) state: Arc<State>,
}

pub(super) struct Changed {
    pub(super) id: String,
    pub(super) updated_at: Instant,
    pub(super) spec: Option<Arc<Spec>>,
    pub(super) state: Arc<State>,
}

pub(super) struct Spec {
    pub(super) title: String,
    pub(super) job_type: JobType,
    pub(super) key: Option<String>,
    pub(super) json: String,
    pub(super) terms: Terms,
}

pub(super) struct State {
    pub(super) status: JobStatus,
    pub(super) due_at: Option<Instant>,
    pub(super) open_run: Option<String>,
    pub(super) json: String,
}

pub(super) struct RunRow {
    pub(super) id: String,
    pub(super) job: String,
    pub(super) slot: Instant,
    pub(super) status: RunStatus,
    pub(super) json: String,
}

impl Spec {
    fn of(tenant: &str, spec: &JobSpec) -> serde_json::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            title: spec.title.clone(),
            job_type: spec.job_type,
            key: spec.idempotency_key.clone(),
            json: serde_json::to_string(spec)?,
            terms: Terms::of(tenant, spec),
        }))
    }
}

impl State {
    fn of(state: &JobState) -> serde_json::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            status: state.status,
            due_at: state.due_at,
            open_run: state.open_run.clone(),
            json: serde_json::to_string(state)?,
        }))
    }
}

impl NewJob {
    fn of(tenant: &str, job: Job) -> serde_json::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            spec: Spec::of(tenant, &job.spec)?,
            state: State::of(&job.state)?,
            id: job.id,
            agent: job.agent,
            user: job.user,
            created_by: job.created_by,
            created_at: job.created_at,
            updated_at: job.updated_at,
            revision: job.revision,
        }))
    }
}

impl RunRow {
    fn of(run: Run) -> serde_json::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            json: serde_json::to_string(&run)?,
            id: run.id,
            job: run.job,
            slot: run.slot,
            status: run.status,
        }))
    }
}

impl Step {
    fn of(tenant: &str, write: Write) -> serde_json::Result<Self> {
        Ok(match write {
            Write::InsertJob(job) => Self::InsertJob(NewJob::of(tenant, job)?),
            Write::UpdateJob(update) => {
                let spec = update
                    .spec
                    .as_ref()
                    .map(|spec| Spec::of(tenant, spec))
                    .transpose()?;
                Self::UpdateJob(Changed {
                    spec,
                    state: State::of(&update.state)?,
                    id: update.id,
                    updated_at: update.updated_at,
                })
            }
            Write::InsertRun(run) => Self::InsertRun(RunRow::of(run)?),
            Write::UpdateRun(run) => Self::UpdateRun(RunRow::of(run)?),
            Write::PutEdge(edge) => Self::PutEdge(edge),
            Write::DeleteEdge(key) => Self::DeleteEdge(key),
            Write::InsertMessage(message) => Self::InsertMessage(Arc::new(message)),
            Write::UpdateMessage(update) => Self::UpdateMessage(update),
            Write::InsertChange(change) => Self::InsertChange(Arc::new(change)),
            Write::Release(at) => Self::Release(at),
        })
    }
}

impl Prepared {
    /// The error is a record that JSON cannot hold.
    pub(super) fn of(tenant: &str, unit: Unit) -> serde_json::Result<Self> {
        let (inserts, work) = (inserts(&unit), work::of_unit(&unit));
        let steps: serde_json::Result<Vec<Step>> = unit
            .writes
            .into_iter()
            .map(|write| Step::of(tenant, write))
            .collect();
        Ok(Self {
            guards: unit.guards,
            steps: steps?,
            inserts,
            work,
        })
    }
}
