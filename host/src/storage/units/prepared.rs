//! Units as they are written: texts encoded and words counted by the task of the caller, not by the one
//! that holds a transaction open.

use std::sync::Arc;

use crate::storage::{inserts, work};
use crate::wit::storage::{EdgeKey, Guard, JobToken, MessageUpdate, Unit, Write};
use crate::wit::types::{
    Edge, Instant, Job, JobSpec, JobState, JobStatus, JobType, Message, Run, RunStatus, StatusChange,
};

/// What a storage's text index takes of a job.
pub(in crate::storage) trait Indexed: Clone {
    fn of(tenant: &str, spec: &JobSpec) -> Self;
}

/// A job's texts, for the index.
pub(in crate::storage) struct JobText<'a, I> {
    pub(in crate::storage) tenant: &'a str,
    pub(in crate::storage) seq: i64,
    pub(in crate::storage) agent: &'a str,
    pub(in crate::storage) user: &'a str,
    pub(in crate::storage) title: &'a str,
    pub(in crate::storage) indexed: I,
}

impl<I> JobText<'_, I> {
    pub(in crate::storage) fn by_ref(&self) -> JobText<'_, &I> {
        JobText {
            tenant: self.tenant,
            seq: self.seq,
            agent: self.agent,
            user: self.user,
            title: self.title,
            indexed: &self.indexed,
        }
    }
}

/// A unit of work.
pub(in crate::storage) struct Prepared<I> {
    pub(in crate::storage) guards: Vec<Guard>,
    pub(in crate::storage) steps: Vec<Step<I>>,
    /// Whether it brings new rows, and whether a job is among them.
    pub(in crate::storage) inserts: (bool, bool),
    /// In the units of [`work`].
    pub(in crate::storage) work: usize,
}

pub(in crate::storage) enum Step<I> {
    InsertJob(Arc<NewJob<I>>),
    UpdateJob(Changed<I>),
    InsertRun(Arc<RunRow>),
    UpdateRun(Arc<RunRow>),
    PutEdge(Edge),
    DeleteEdge(EdgeKey),
    InsertMessage(Arc<Message>),
    UpdateMessage(MessageUpdate),
    InsertChange(Arc<StatusChange>),
    Release(JobToken),
}

pub(in crate::storage) struct NewJob<I> {
    pub(in crate::storage) id: String,
    pub(in crate::storage) agent: String,
    pub(in crate::storage) user: String,
    pub(in crate::storage) created_by: String,
    pub(in crate::storage) created_at: Instant,
    pub(in crate::storage) updated_at: Instant,
    pub(in crate::storage) revision: u64,
    pub(in crate::storage) spec: Arc<Spec<I>>,
    pub(in crate::storage) state: Arc<State>,
}

pub(in crate::storage) struct Changed<I> {
    pub(in crate::storage) id: String,
    pub(in crate::storage) updated_at: Instant,
    pub(in crate::storage) spec: Option<Arc<Spec<I>>>,
    pub(in crate::storage) state: Arc<State>,
}

pub(in crate::storage) struct Spec<I> {
    pub(in crate::storage) title: String,
    pub(in crate::storage) job_type: JobType,
    pub(in crate::storage) key: Option<String>,
    pub(in crate::storage) json: String,
    pub(in crate::storage) indexed: I,
}

pub(in crate::storage) struct State {
    pub(in crate::storage) status: JobStatus,
    pub(in crate::storage) due_at: Option<Instant>,
    pub(in crate::storage) open_run: Option<String>,
    pub(in crate::storage) json: String,
}

pub(in crate::storage) struct RunRow {
    pub(in crate::storage) id: String,
    pub(in crate::storage) job: String,
    pub(in crate::storage) slot: Instant,
    pub(in crate::storage) status: RunStatus,
    pub(in crate::storage) json: String,
}

impl<I: Indexed> Spec<I> {
    fn of(tenant: &str, spec: &JobSpec) -> serde_json::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            title: spec.title.clone(),
            job_type: spec.job_type,
            key: spec.idempotency_key.clone(),
            json: serde_json::to_string(spec)?,
            indexed: I::of(tenant, spec),
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

impl<I: Indexed> NewJob<I> {
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

impl<I: Indexed> Step<I> {
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

impl<I: Indexed> Prepared<I> {
    /// The error is a record that JSON cannot hold.
    pub(in crate::storage) fn of(tenant: &str, unit: Unit) -> serde_json::Result<Self> {
        let (inserts, work) = (inserts(&unit), work::of_unit(&unit));
        let steps: serde_json::Result<Vec<Step<I>>> = unit
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
