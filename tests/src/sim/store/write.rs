//! Units of work: guards and every reason for refusal first, then the writes, so that nothing has
//! to be undone.

use meanwhile_guest::bindings::storage::{Guard, Rejection, Unit, Write};
use meanwhile_guest::bindings::types::{DeliveryStatus, Instant, JobSpec, JobState, JobStatus, Run};

use super::{JobRow, Store};
use crate::sim::breaks::Break;

/// What a unit changed, with what was there before.
pub enum Change {
    JobInserted(usize),
    JobUpdated {
        job: usize,
        /// The spec only where it was written.
        before: Box<(JobState, Option<JobSpec>)>,
    },
    RunInserted(usize),
    RunUpdated {
        run: usize,
        before: Box<Run>,
    },
    Edge {
        dependent: usize,
    },
    MessageInserted(usize),
    /// Into the history, at this place.
    StatusChange(usize),
}

/// Whether an ended job may be moved on, as `may_move` of the host's storages: only to the
/// archive, and FAILED by an explicit retry.
fn may_move(from: JobStatus, to: JobStatus) -> bool {
    use JobStatus::{Active, Archived, Blocked, Cancelled, Completed, Failed, Pending};
    match from {
        Completed | Cancelled | Archived => to == from || to == Archived,
        Failed => matches!(to, Failed | Active | Pending | Blocked | Archived),
        _ => true,
    }
}

impl Store {
    fn holds(&self, guard: &Guard) -> bool {
        match guard {
            Guard::Revision(at) => self
                .job_index(&at.job)
                .is_some_and(|job| self.jobs[job].job.revision == at.revision),
            Guard::Claim(at) => self
                .job_index(&at.job)
                .is_some_and(|job| self.jobs[job].token == at.token || self.broken == Some(Break::Fencing)),
        }
    }

    /// Applies a unit, or says why not.
    pub fn apply(&mut self, unit: &Unit) -> Result<Vec<Change>, Rejection> {
        if !unit.guards.iter().all(|guard| self.holds(guard)) {
            return Err(Rejection::Stale);
        }
        let mut slots = Vec::new();
        for write in &unit.writes {
            self.refusal(write, &mut slots)?;
        }
        let mut changes = Vec::with_capacity(unit.writes.len());
        for write in &unit.writes {
            self.write(write, &mut changes);
        }
        Ok(changes)
    }

    /// Refuses what must not be written. `slots` are those that the unit takes itself.
    fn refusal<'a>(&self, write: &'a Write, slots: &mut Vec<(&'a str, Instant)>) -> Result<(), Rejection> {
        match write {
            Write::InsertJob(job) => {
                if let Some(key) = &job.spec.idempotency_key
                    && let Some(other) = self.keys.get(&(job.user.clone(), key.clone()))
                {
                    return Err(Rejection::DuplicateKey(self.jobs[*other].job.id.clone()));
                }
                if self.job_index(&job.id).is_some() {
                    return Err(Rejection::Forbidden(format!("there is a job {} already", job.id)));
                }
            }
            Write::UpdateJob(update) => {
                let job = self.job_index(&update.id).ok_or(Rejection::Stale)?;
                let (from, to) = (self.jobs[job].job.state.status, update.state.status);
                if !may_move(from, to) && self.broken != Some(Break::TerminalGuard) {
                    return Err(Rejection::Forbidden(format!(
                        "{} has ended as {from:?}: it cannot become {to:?}",
                        update.id
                    )));
                }
            }
            Write::InsertRun(run) => {
                let unique = self.broken != Some(Break::SlotUniqueness);
                let job = self.job_index(&run.job).ok_or(Rejection::Stale)?;
                let row = &self.jobs[job];
                let taken = row.runs.range((run.slot, 0)..=(run.slot, usize::MAX)).next();
                if unique && (taken.is_some() || slots.contains(&(run.job.as_str(), run.slot))) {
                    return Err(Rejection::DuplicateSlot);
                }
                if self.run_index(&run.id).is_some() {
                    return Err(Rejection::Forbidden(format!("there is a run {} already", run.id)));
                }
                slots.push((&run.job, run.slot));
            }
            Write::UpdateRun(run) => {
                let present = self.run_index(&run.id).ok_or(Rejection::Stale)?;
                let present = &self.runs[present];
                if (&present.job, present.slot) != (&run.job, run.slot) {
                    return Err(Rejection::Stale);
                }
            }
            Write::PutEdge(_)
            | Write::DeleteEdge(_)
            | Write::InsertMessage(_)
            | Write::UpdateMessage(_)
            | Write::InsertChange(_)
            | Write::Release(_) => {}
        }
        Ok(())
    }

    fn write(&mut self, write: &Write, changes: &mut Vec<Change>) {
        match write {
            Write::InsertJob(job) => {
                let index = self.jobs.len();
                self.job_ids.insert(job.id.clone(), index);
                if let Some(key) = &job.spec.idempotency_key {
                    self.keys.insert((job.user.clone(), key.clone()), index);
                }
                if let Some(due) = job.state.due_at {
                    self.due.insert((due, index));
                }
                self.jobs.push(JobRow {
                    job: job.clone(),
                    token: 0,
                    lease: None,
                    runs: Default::default(),
                    messages: Vec::new(),
                });
                changes.push(Change::JobInserted(index));
            }
            Write::UpdateJob(update) => {
                let Some(job) = self.job_index(&update.id) else {
                    return;
                };
                let before = self.touch(job, |row| {
                    let spec = update.spec.as_ref();
                    let spec = spec.map(|spec| std::mem::replace(&mut row.job.spec, spec.clone()));
                    row.job.revision += 1;
                    row.job.updated_at = update.updated_at;
                    (std::mem::replace(&mut row.job.state, update.state.clone()), spec)
                });
                changes.push(Change::JobUpdated {
                    job,
                    before: Box::new(before),
                });
            }
            Write::InsertRun(run) => {
                let Some(job) = self.job_index(&run.job) else {
                    return;
                };
                let index = self.runs.len();
                self.run_ids.insert(run.id.clone(), index);
                self.jobs[job].runs.insert((run.slot, index));
                self.runs.push(run.clone());
                changes.push(Change::RunInserted(index));
            }
            Write::UpdateRun(run) => {
                let Some(index) = self.run_index(&run.id) else {
                    return;
                };
                let before = Box::new(std::mem::replace(&mut self.runs[index], run.clone()));
                changes.push(Change::RunUpdated { run: index, before });
            }
            Write::PutEdge(edge) => {
                let ends = (
                    self.job_index(&edge.dependent),
                    self.job_index(&edge.prerequisite),
                );
                let (Some(dependent), Some(prerequisite)) = ends else {
                    return;
                };
                self.edges.insert((dependent, prerequisite), edge.clone());
                changes.push(Change::Edge { dependent });
            }
            Write::DeleteEdge(key) => {
                let ends = (self.job_index(&key.dependent), self.job_index(&key.prerequisite));
                let (Some(dependent), Some(prerequisite)) = ends else {
                    return;
                };
                self.edges.remove(&(dependent, prerequisite));
                changes.push(Change::Edge { dependent });
            }
            Write::InsertMessage(message) => {
                let Some(job) = self.job_index(&message.job) else {
                    return;
                };
                if self.once_keys.insert(message.once_key.clone()) {
                    let index = self.messages.len();
                    self.message_ids.insert(message.id.clone(), index);
                    self.jobs[job].messages.push(index);
                    self.messages.push(message.clone());
                    changes.push(Change::MessageInserted(index));
                }
            }
            Write::UpdateMessage(update) => {
                if let Some(index) = self.message_ids.get(&update.id) {
                    let message = &mut self.messages[*index];
                    if message.delivery != DeliveryStatus::Read {
                        message.delivery = update.delivery;
                    }
                }
            }
            Write::InsertChange(change) => {
                changes.push(Change::StatusChange(self.changes.len()));
                self.changes.push(change.clone());
            }
            Write::Release(at) => {
                if let Some(job) = self.job_index(&at.job) {
                    self.touch(job, |row| {
                        if row.token == at.token {
                            row.lease = None;
                        }
                    });
                }
            }
        }
    }
}
