//! Writing: guards first, then writes; whatever is refused undoes its unit alone.

use super::{JobRow, Rows};
use crate::storage::words::{Word, may_move};
use crate::storage::{Quota, inserts, revives};
use crate::wit::storage::{Guard, JobUpdate, Rejection, Unit, Write};
use crate::wit::types::{DeliveryStatus, Edge, Instant, Job, Message, Run};

/// What brings a row back to what it was before its unit.
enum Undo {
    Job(String, Option<Box<JobRow>>),
    Run((String, Instant), Option<Box<Run>>),
    Edge((String, String), Option<Edge>),
    NewMessage(u64),
    Delivery(u64, DeliveryStatus),
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

    pub(super) fn unit(&mut self, unit: Unit, quota: Quota, sequence: &mut u64) -> Result<(), Rejection> {
        if !unit.guards.iter().all(|guard| self.holds(guard)) {
            return Err(Rejection::Stale);
        }
        let mut undo = Vec::new();
        let (rows, mut jobs) = inserts(&unit);
        let mut applied = unit.writes.into_iter().try_for_each(|write| {
            jobs |= self.brings_back(&write);
            self.write(write, sequence, &mut undo)
        });
        if rows || jobs {
            applied = applied.and_then(|()| quota.check(self.stored(), jobs));
        }
        if applied.is_err() {
            for step in undo.into_iter().rev() {
                self.undo(step);
            }
        }
        applied
    }

    /// Whether a write makes an ended job live again.
    fn brings_back(&self, write: &Write) -> bool {
        let Write::UpdateJob(update) = write else {
            return false;
        };
        let present = self.jobs.get(&update.id);
        present.is_some_and(|row| revives(row.job.state.status, update.state.status))
    }

    fn undo(&mut self, step: Undo) {
        match step {
            Undo::Job(id, None) => self.remove_job(&id),
            Undo::Job(_, Some(row)) => self.jobs.put(*row),
            Undo::Run(key, None) => self.runs.remove(&key),
            Undo::Run(_, Some(run)) => {
                self.runs.put(*run);
            }
            Undo::Edge(key, None) => {
                self.edges.remove(&key);
            }
            Undo::Edge(_, Some(edge)) => {
                self.edges.put(edge);
            }
            Undo::Change(job) => {
                self.changes.get_mut(&job).and_then(Vec::pop);
            }
            Undo::NewMessage(position) => self.messages.remove(position),
            Undo::Delivery(position, delivery) => {
                self.messages.set_delivery(position, delivery);
            }
        }
    }

    fn write(&mut self, write: Write, sequence: &mut u64, undo: &mut Vec<Undo>) -> Result<(), Rejection> {
        match write {
            Write::InsertJob(job) => return self.insert_job(job, sequence, undo),
            Write::UpdateJob(update) => return self.update_job(update, sequence, undo),
            Write::InsertRun(run) => return self.insert_run(run, undo),
            Write::UpdateRun(run) => {
                let key = (run.job.clone(), run.slot);
                if self.runs.at(&key).is_none_or(|present| present.id != run.id) {
                    return Err(Rejection::Stale);
                }
                let before = self.runs.put(run);
                undo.push(Undo::Run(key, before.map(Box::new)));
            }
            Write::PutEdge(edge) => {
                let key = (edge.dependent.clone(), edge.prerequisite.clone());
                let before = self.edges.put(edge);
                undo.push(Undo::Edge(key, before));
            }
            Write::DeleteEdge(key) => {
                let key = (key.dependent, key.prerequisite);
                let before = self.edges.remove(&key);
                undo.push(Undo::Edge(key, before));
            }
            Write::InsertMessage(message) => return self.insert_message(message, sequence, undo),
            Write::UpdateMessage(update) => {
                if let Some((position, _)) = self.messages.by_id(&update.id)
                    && let Some(before) = self.messages.deliver(position, update.delivery)
                {
                    undo.push(Undo::Delivery(position, before));
                }
            }
            Write::InsertChange(change) => {
                undo.push(Undo::Change(change.job.clone()));
                self.changes.entry(change.job.clone()).or_default().push(change);
            }
            Write::Release(at) => {
                if let Some(row) = self.jobs.get(&at.job).filter(|row| row.token == at.token) {
                    let before = Box::new(row.clone());
                    self.jobs.change(&at.job, |row| row.lease = None);
                    undo.push(Undo::Job(at.job, Some(before)));
                }
            }
        }
        Ok(())
    }

    /// The job that has this one's idempotency key.
    fn key_holder(&self, agent: &str, user: &str, key: Option<&String>) -> Option<&Job> {
        self.jobs.key_holder(agent, user, key?)
    }

    fn insert_job(&mut self, job: Job, sequence: &mut u64, undo: &mut Vec<Undo>) -> Result<(), Rejection> {
        if let Some(other) = self.key_holder(&job.agent, &job.user, job.spec.idempotency_key.as_ref()) {
            return Err(Rejection::DuplicateKey(other.id.clone()));
        }
        if self.jobs.get(&job.id).is_some() {
            return Err(Rejection::Forbidden(format!("there is a job {} already", job.id)));
        }
        *sequence += 1;
        undo.push(Undo::Job(job.id.clone(), None));
        self.texts.put(*sequence, &job.id, *sequence);
        self.jobs.put(JobRow {
            seq: *sequence,
            token: 0,
            lease: None,
            job,
        });
        Ok(())
    }

    /// Removes a job with its texts.
    pub(super) fn remove_job(&mut self, id: &str) {
        if let Some(row) = self.jobs.get(id) {
            self.texts.remove(row.seq);
        }
        self.jobs.remove(id);
    }

    fn update_job(
        &mut self,
        update: JobUpdate,
        sequence: &mut u64,
        undo: &mut Vec<Undo>,
    ) -> Result<(), Rejection> {
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
        undo.push(Undo::Job(
            update.id.clone(),
            self.jobs.get(&update.id).cloned().map(Box::new),
        ));
        let before = &present.job.spec;
        if let Some(spec) = &update.spec
            && (&spec.title, &spec.description) != (&before.title, &before.description)
        {
            *sequence += 1;
            self.texts.put(present.seq, &update.id, *sequence);
        }
        self.jobs.change(&update.id, |row| {
            row.job.state = update.state;
            row.job.updated_at = update.updated_at;
            row.job.revision += 1;
            if let Some(spec) = update.spec {
                row.job.spec = spec;
            }
        });
        Ok(())
    }

    fn insert_run(&mut self, run: Run, undo: &mut Vec<Undo>) -> Result<(), Rejection> {
        let key = (run.job.clone(), run.slot);
        if self.runs.at(&key).is_some() {
            return Err(Rejection::DuplicateSlot);
        }
        if self.runs.get(&run.id).is_some() {
            return Err(Rejection::Forbidden(format!("there is a run {} already", run.id)));
        }
        self.runs.put(run);
        undo.push(Undo::Run(key, None));
        Ok(())
    }

    fn insert_message(
        &mut self,
        message: Message,
        sequence: &mut u64,
        undo: &mut Vec<Undo>,
    ) -> Result<(), Rejection> {
        if self.messages.knows(&message.once_key) {
            return Ok(());
        }
        if self.messages.by_id(&message.id).is_some() {
            return Err(Rejection::Forbidden(format!(
                "there is a message {} already",
                message.id
            )));
        }
        *sequence += 1;
        undo.push(Undo::NewMessage(*sequence));
        self.messages.insert(*sequence, message);
        Ok(())
    }
}
