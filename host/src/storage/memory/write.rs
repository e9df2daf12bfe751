//! Writing: guards first, then writes; whatever is refused undoes its unit alone.

use super::{JobRow, Rows};
use crate::storage::words::{Word, may_move};
use crate::wit::storage::{Guard, JobUpdate, Rejection, Unit, Write};
use crate::wit::types::{DeliveryStatus, Edge, Instant, Job, Message, Run};

/// What brings a row back to what it was before its unit.
enum Undo {
    Job(String, Option<Box<JobRow>>),
    Run((String, Instant), Option<Box<Run>>),
    Edge((String, String), Option<Edge>),
    Message(u64, Option<Box<Message>>),
    /// The last change of this job was appended.
    Change(String),
}

impl Rows {
    fn holds(&self, guard: &Guard) -> bool {
        match guard {
            Guard::Revision(at) => self
                .jobs
                .get(&at.job)
                .is_some_and(|row| row.job.revision == at.revision),
            Guard::Claim(at) => self.jobs.get(&at.job).is_some_and(|row| row.token == at.token),
        }
    }

    pub(super) fn unit(&mut self, unit: Unit, sequence: &mut u64) -> Result<(), Rejection> {
        if !unit.guards.iter().all(|guard| self.holds(guard)) {
            return Err(Rejection::Stale);
        }
        let mut undo = Vec::new();
        let applied = unit
            .writes
            .into_iter()
            .try_for_each(|write| self.write(write, sequence, &mut undo));
        if applied.is_err() {
            for step in undo.into_iter().rev() {
                self.undo(step);
            }
        }
        applied
    }

    fn undo(&mut self, step: Undo) {
        match step {
            Undo::Job(id, None) => {
                self.jobs.remove(&id);
            }
            Undo::Job(id, Some(row)) => {
                self.jobs.insert(id, *row);
            }
            Undo::Run(key, None) => {
                if let Some(run) = self.runs.remove(&key) {
                    self.slots.remove(&run.id);
                }
            }
            Undo::Run(key, Some(run)) => {
                self.runs.insert(key, *run);
            }
            Undo::Edge(key, None) => {
                self.edges.remove(&key);
            }
            Undo::Edge(key, Some(edge)) => {
                self.edges.insert(key, edge);
            }
            Undo::Change(job) => {
                self.changes.get_mut(&job).and_then(Vec::pop);
            }
            Undo::Message(position, None) => {
                self.messages.remove(&position);
            }
            Undo::Message(position, Some(message)) => {
                self.messages.insert(position, *message);
            }
        }
    }

    fn write(&mut self, write: Write, sequence: &mut u64, undo: &mut Vec<Undo>) -> Result<(), Rejection> {
        match write {
            Write::InsertJob(job) => return self.insert_job(job, sequence, undo),
            Write::UpdateJob(update) => return self.update_job(update, undo),
            Write::InsertRun(run) => return self.insert_run(run, undo),
            Write::UpdateRun(run) => {
                let key = (run.job.clone(), run.slot);
                let present = self.runs.get_mut(&key).filter(|present| present.id == run.id);
                let before = std::mem::replace(present.ok_or(Rejection::Stale)?, run);
                undo.push(Undo::Run(key, Some(Box::new(before))));
            }
            Write::PutEdge(edge) => {
                let key = (edge.dependent.clone(), edge.prerequisite.clone());
                let before = self.edges.insert(key.clone(), edge);
                undo.push(Undo::Edge(key, before));
            }
            Write::DeleteEdge(key) => {
                let key = (key.dependent, key.prerequisite);
                let before = self.edges.remove(&key);
                undo.push(Undo::Edge(key, before));
            }
            Write::InsertMessage(message) => return self.insert_message(message, sequence, undo),
            Write::UpdateMessage(update) => {
                let found = self
                    .messages
                    .iter_mut()
                    .find(|(_, message)| message.id == update.id);
                if let Some((position, message)) =
                    found.filter(|(_, message)| message.delivery != DeliveryStatus::Read)
                {
                    undo.push(Undo::Message(*position, Some(Box::new(message.clone()))));
                    message.delivery = update.delivery;
                }
            }
            Write::InsertChange(change) => {
                undo.push(Undo::Change(change.job.clone()));
                self.changes.entry(change.job.clone()).or_default().push(change);
            }
            Write::Release(at) => {
                if let Some(row) = self.jobs.get_mut(&at.job).filter(|row| row.token == at.token) {
                    undo.push(Undo::Job(at.job, Some(Box::new(row.clone()))));
                    row.lease = None;
                }
            }
        }
        Ok(())
    }

    /// The job that has this one's idempotency key.
    fn key_holder(&self, agent: &str, user: &str, key: Option<&String>) -> Option<&Job> {
        let key = key?;
        self.jobs.values().map(|row| &row.job).find(|job| {
            job.agent == agent && job.user == user && job.spec.idempotency_key.as_ref() == Some(key)
        })
    }

    fn insert_job(&mut self, job: Job, sequence: &mut u64, undo: &mut Vec<Undo>) -> Result<(), Rejection> {
        if let Some(other) = self.key_holder(&job.agent, &job.user, job.spec.idempotency_key.as_ref()) {
            return Err(Rejection::DuplicateKey(other.id.clone()));
        }
        if self.jobs.contains_key(&job.id) {
            return Err(Rejection::Forbidden(format!("there is a job {} already", job.id)));
        }
        *sequence += 1;
        undo.push(Undo::Job(job.id.clone(), None));
        let row = JobRow {
            seq: *sequence,
            token: 0,
            lease: None,
            job,
        };
        self.jobs.insert(row.job.id.clone(), row);
        Ok(())
    }

    fn update_job(&mut self, update: JobUpdate, undo: &mut Vec<Undo>) -> Result<(), Rejection> {
        let present = self.jobs.get(&update.id).ok_or(Rejection::Stale)?;
        let (from, to) = (present.job.state.status, update.state.status);
        if !may_move(from, to) {
            return Err(Rejection::Forbidden(format!(
                "job {} has ended as {}: it cannot become {}",
                update.id,
                from.word(),
                to.word()
            )));
        }
        if let Some(spec) = &update.spec {
            let holder = self.key_holder(
                &present.job.agent,
                &present.job.user,
                spec.idempotency_key.as_ref(),
            );
            if holder.is_some_and(|holder| holder.id != update.id) {
                return Err(Rejection::Forbidden(
                    "the idempotency key belongs to another job".into(),
                ));
            }
        }
        let row = self.jobs.get_mut(&update.id).ok_or(Rejection::Stale)?;
        undo.push(Undo::Job(update.id, Some(Box::new(row.clone()))));
        row.job.state = update.state;
        row.job.updated_at = update.updated_at;
        row.job.revision += 1;
        if let Some(spec) = update.spec {
            row.job.spec = spec;
        }
        Ok(())
    }

    fn insert_run(&mut self, run: Run, undo: &mut Vec<Undo>) -> Result<(), Rejection> {
        let key = (run.job.clone(), run.slot);
        if self.runs.contains_key(&key) {
            return Err(Rejection::DuplicateSlot);
        }
        if self.slots.contains_key(&run.id) {
            return Err(Rejection::Forbidden(format!("there is a run {} already", run.id)));
        }
        self.slots.insert(run.id.clone(), key.clone());
        self.runs.insert(key.clone(), run);
        undo.push(Undo::Run(key, None));
        Ok(())
    }

    fn insert_message(
        &mut self,
        message: Message,
        sequence: &mut u64,
        undo: &mut Vec<Undo>,
    ) -> Result<(), Rejection> {
        if self
            .messages
            .values()
            .any(|other| other.once_key == message.once_key)
        {
            return Ok(());
        }
        if self.messages.values().any(|other| other.id == message.id) {
            return Err(Rejection::Forbidden(format!(
                "there is a message {} already",
                message.id
            )));
        }
        *sequence += 1;
        undo.push(Undo::Message(*sequence, None));
        self.messages.insert(*sequence, message);
        Ok(())
    }
}
