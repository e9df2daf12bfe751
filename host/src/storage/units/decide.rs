//! What becomes of units: guards first, then writes; whatever is refused undoes its unit alone. Decided
//! on rows that are locked, so that it is still so when it is written.

use std::sync::Arc;

use super::prepared::{Changed, Indexed, NewJob, Prepared, RunRow, Step};
use super::rows::{
    CHANGE_BYTES, EDGE_BYTES, JOB_BYTES, JobRow, Key, MESSAGE_BYTES, MessageRow, RUN_BYTES, RunAt,
};
use super::sums::Sums;
use super::table::{OfUnit, Table};
use crate::storage::words::{Word, may_move};
use crate::storage::{Quota, revives};
use crate::wit::storage::{Guard, Rejection};
use crate::wit::types::{DeliveryStatus, Edge, Instant, Message, StatusChange};

/// The rows that units are about.
pub(in crate::storage) struct Rows<I> {
    pub(in crate::storage) jobs: Table<String, JobRow<I>>,
    /// Who has an idempotency key.
    pub(in crate::storage) keys: Table<Key, String>,
    pub(in crate::storage) runs: Table<String, RunAt>,
    /// Which run a slot has.
    pub(in crate::storage) slots: Table<(String, Instant), String>,
    /// By dependent and prerequisite; none: as it was read.
    pub(in crate::storage) edges: Table<(String, String), Option<Edge>>,
    pub(in crate::storage) messages: Table<String, MessageRow>,
    pub(in crate::storage) once: Table<String, ()>,
    pub(in crate::storage) new_changes: Vec<Arc<StatusChange>>,
    pub(in crate::storage) new_messages: usize,
    /// Numbers for new jobs.
    pub(in crate::storage) seqs: std::vec::IntoIter<i64>,
    pub(in crate::storage) sums: Sums,
}

impl<I> Default for Rows<I> {
    fn default() -> Self {
        Self {
            jobs: Table::default(),
            keys: Table::default(),
            runs: Table::default(),
            slots: Table::default(),
            edges: Table::default(),
            messages: Table::default(),
            once: Table::default(),
            new_changes: Vec::new(),
            new_messages: 0,
            seqs: Vec::new().into_iter(),
            sums: Sums::default(),
        }
    }
}

/// Text's size as it is stored.
fn size(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

fn forbidden<T>(why: impl Into<String>) -> Result<T, Rejection> {
    Err(Rejection::Forbidden(why.into()))
}

impl<I: Indexed> Rows<I> {
    fn tables(&mut self) -> [&mut dyn OfUnit; 7] {
        [
            &mut self.jobs,
            &mut self.keys,
            &mut self.runs,
            &mut self.slots,
            &mut self.edges,
            &mut self.messages,
            &mut self.once,
        ]
    }

    fn holds(&self, guard: &Guard) -> bool {
        let same = |number: i64, asked: u64| i64::try_from(asked).is_ok_and(|asked| asked == number);
        match guard {
            Guard::Revision(at) => self
                .jobs
                .get(&at.job)
                .is_some_and(|row| same(row.revision, at.revision)),
            Guard::Claim(at) => self
                .jobs
                .get(&at.job)
                .is_some_and(|row| same(row.token, at.token)),
        }
    }

    /// Applies a unit, or leaves the rows as they are.
    pub(in crate::storage) fn unit(&mut self, unit: &Prepared<I>, quota: Quota) -> Result<(), Rejection> {
        if !unit.guards.iter().all(|guard| self.holds(guard)) {
            return Err(Rejection::Stale);
        }
        let before = (self.sums, self.new_changes.len(), self.new_messages);
        let (rows, mut jobs) = unit.inserts;
        let mut applied = unit.steps.iter().try_for_each(|step| {
            jobs |= self.step(step)?;
            Ok(())
        });
        if rows || jobs {
            applied = applied.and_then(|()| quota.check(self.sums.stored(), jobs));
        }
        if applied.is_ok() {
            self.tables().into_iter().for_each(OfUnit::keep);
        } else {
            self.tables().into_iter().for_each(OfUnit::undo);
            self.sums = before.0;
            self.new_changes.truncate(before.1);
            self.new_messages = before.2;
        }
        applied
    }

    /// Answers whether an ended job is live again.
    fn step(&mut self, step: &Step<I>) -> Result<bool, Rejection> {
        match step {
            Step::InsertJob(job) => self.insert_job(job)?,
            Step::UpdateJob(update) => return self.update_job(update),
            Step::InsertRun(run) => self.insert_run(run)?,
            Step::UpdateRun(run) => self.update_run(run)?,
            Step::PutEdge(edge) => {
                let key = (edge.dependent.clone(), edge.prerequisite.clone());
                if self.edges.get(&key).is_none() {
                    self.sums.bytes += EDGE_BYTES;
                }
                self.edges.put(key, Some(edge.clone()));
            }
            Step::DeleteEdge(key) => {
                if self
                    .edges
                    .remove(&(key.dependent.clone(), key.prerequisite.clone()))
                {
                    self.sums.bytes -= EDGE_BYTES;
                }
            }
            Step::InsertMessage(message) => self.insert_message(message)?,
            Step::UpdateMessage(update) => {
                let present = self.messages.get(&update.id);
                if let Some(row) = present.filter(|row| row.delivery != DeliveryStatus::Read) {
                    let mut row = row.clone();
                    row.delivery = update.delivery;
                    self.messages.put(update.id.clone(), row);
                }
            }
            Step::InsertChange(change) => {
                let told = change.reason.as_ref().map_or(0, |reason| size(&reason.message));
                self.sums.bytes += told + CHANGE_BYTES;
                self.new_changes.push(Arc::clone(change));
            }
            Step::Release(at) => {
                let is_latest =
                    |row: &&JobRow<I>| i64::try_from(at.token).is_ok_and(|token| token == row.token);
                if let Some(row) = self.jobs.get(&at.job).filter(is_latest) {
                    let mut row = row.clone();
                    (row.released, row.lease_until) = (true, None);
                    self.jobs.put(at.job.clone(), row);
                }
            }
        }
        Ok(false)
    }

    fn insert_job(&mut self, job: &Arc<NewJob<I>>) -> Result<(), Rejection> {
        let key = job
            .spec
            .key
            .clone()
            .map(|key| (job.agent.clone(), job.user.clone(), key));
        if let Some(other) = key.as_ref().and_then(|key| self.keys.get(key)) {
            return Err(Rejection::DuplicateKey(other.clone()));
        }
        if self.jobs.get(&job.id).is_some() {
            return forbidden(format!("there is a job {} already", job.id));
        }
        let Ok(revision) = i64::try_from(job.revision) else {
            return forbidden(format!("{} is no revision", job.revision));
        };
        let Some(seq) = self.seqs.next() else {
            return forbidden("there is no number left for a job");
        };
        let row = JobRow {
            seq,
            agent: job.agent.clone(),
            user: job.user.clone(),
            key: job.spec.key.clone(),
            revision,
            token: 0,
            status: Ok(job.state.status),
            lease_until: None,
            due_at: job.state.due_at,
            spec_bytes: size(&job.spec.json),
            state_bytes: size(&job.state.json),
            new: Some(Arc::clone(job)),
            spec: Some(Arc::clone(&job.spec)),
            state: Some(Arc::clone(&job.state)),
            updated_at: job.updated_at,
            released: false,
        };
        self.sums.jobs.add(job.state.status, 1);
        self.sums.bytes += row.spec_bytes + row.state_bytes + JOB_BYTES;
        if let Some(key) = key {
            self.keys.put(key, job.id.clone());
        }
        self.jobs.put(job.id.clone(), row);
        Ok(())
    }

    fn update_job(&mut self, update: &Changed<I>) -> Result<bool, Rejection> {
        let mut row = self.jobs.get(&update.id).cloned().ok_or(Rejection::Stale)?;
        let to = update.state.status;
        let from = row.status.as_ref().ok().copied();
        if let Some(from) = from.filter(|from| !may_move(*from, to)) {
            return forbidden(format!(
                "job {} has ended as {}: it cannot become {}",
                update.id,
                from.word(),
                to.word()
            ));
        }
        let Some(revision) = row.revision.checked_add(1) else {
            return forbidden(format!("job {} cannot be changed any more", update.id));
        };
        let bytes_were = row.spec_bytes + row.state_bytes;
        row.revision = revision;
        row.status = Ok(to);
        row.updated_at = update.updated_at;
        row.due_at = update.state.due_at;
        row.state_bytes = size(&update.state.json);
        row.state = Some(Arc::clone(&update.state));
        if let Some(spec) = &update.spec {
            if spec.key != row.key {
                self.change_key(&update.id, &row, spec.key.as_ref())?;
                row.key.clone_from(&spec.key);
            }
            row.spec_bytes = size(&spec.json);
            row.spec = Some(Arc::clone(spec));
        }
        if let Some(from) = from {
            self.sums.jobs.add(from, -1);
        }
        self.sums.jobs.add(to, 1);
        self.sums.bytes += row.spec_bytes + row.state_bytes - bytes_were;
        self.jobs.put(update.id.clone(), row);
        Ok(from.is_some_and(|from| revives(from, to)))
    }

    fn change_key(&mut self, id: &str, row: &JobRow<I>, key: Option<&String>) -> Result<(), Rejection> {
        let whole = |key: &String| (row.agent.clone(), row.user.clone(), key.clone());
        let (old, new) = (row.key.as_ref().map(whole), key.map(whole));
        if new
            .as_ref()
            .is_some_and(|key| self.keys.get(key).is_some_and(|holder| holder != id))
        {
            return forbidden("the idempotency key belongs to another job");
        }
        if let Some(old) = old {
            self.keys.remove(&old);
        }
        if let Some(new) = new {
            self.keys.put(new, id.to_owned());
        }
        Ok(())
    }

    fn insert_run(&mut self, run: &Arc<RunRow>) -> Result<(), Rejection> {
        let at = (run.job.clone(), run.slot);
        if self.slots.get(&at).is_some() {
            return Err(Rejection::DuplicateSlot);
        }
        if self.runs.get(&run.id).is_some() {
            return forbidden(format!("there is a run {} already", run.id));
        }
        let bytes = size(&run.json);
        self.sums.bytes += bytes + RUN_BYTES;
        self.slots.put(at, run.id.clone());
        let row = RunAt {
            job: run.job.clone(),
            slot: run.slot,
            bytes,
            is_new: true,
            row: Some(Arc::clone(run)),
        };
        self.runs.put(run.id.clone(), row);
        Ok(())
    }

    fn update_run(&mut self, run: &Arc<RunRow>) -> Result<(), Rejection> {
        let present = self.runs.get(&run.id);
        let Some(mut row) = present
            .filter(|row| row.job == run.job && row.slot == run.slot)
            .cloned()
        else {
            return Err(Rejection::Stale);
        };
        self.sums.bytes += size(&run.json) - row.bytes;
        row.bytes = size(&run.json);
        row.row = Some(Arc::clone(run));
        self.runs.put(run.id.clone(), row);
        Ok(())
    }

    fn insert_message(&mut self, message: &Arc<Message>) -> Result<(), Rejection> {
        if self.once.get(&message.once_key).is_some() {
            return Ok(());
        }
        if self.messages.get(&message.id).is_some() {
            return forbidden(format!("there is a message {} already", message.id));
        }
        self.sums.bytes += size(&message.title) + size(&message.text) + MESSAGE_BYTES;
        self.once.put(message.once_key.clone(), ());
        let row = MessageRow {
            delivery: message.delivery,
            new: Some((self.new_messages, Arc::clone(message))),
        };
        self.new_messages += 1;
        self.messages.put(message.id.clone(), row);
        Ok(())
    }
}
