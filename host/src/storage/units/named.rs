//! Which rows units name: what a storage has to read before it can decide.

use std::collections::BTreeSet;

use super::prepared::{Indexed, Prepared, Step};
use crate::wit::storage::Guard;
use crate::wit::types::Instant;

/// What units name, each once and in order: so those who lock rows do it in the same order.
#[derive(Default)]
pub(in crate::storage) struct Named<'a> {
    pub(in crate::storage) jobs: BTreeSet<&'a str>,
    /// Agent, user and idempotency key of jobs that are inserted.
    pub(in crate::storage) keys: BTreeSet<(&'a str, &'a str, &'a str)>,
    pub(in crate::storage) runs: BTreeSet<&'a str>,
    /// Job and slot of runs that are inserted.
    pub(in crate::storage) slots: BTreeSet<(&'a str, Instant)>,
    /// Dependent and prerequisite.
    pub(in crate::storage) edges: BTreeSet<(&'a str, &'a str)>,
    pub(in crate::storage) messages: BTreeSet<&'a str>,
    /// Keys under which messages are sent once.
    pub(in crate::storage) once: BTreeSet<&'a str>,
    pub(in crate::storage) new_jobs: i64,
}

impl<'a> Named<'a> {
    pub(in crate::storage) fn by<I: Indexed + 'a>(units: impl IntoIterator<Item = &'a Prepared<I>>) -> Self {
        let mut named = Self::default();
        for unit in units {
            named.jobs.extend(unit.guards.iter().map(|guard| match guard {
                Guard::Revision(at) => at.job.as_str(),
                Guard::Claim(at) => at.job.as_str(),
            }));
            unit.steps.iter().for_each(|step| named.add(step));
        }
        named
    }

    fn add<I: Indexed>(&mut self, step: &'a Step<I>) {
        match step {
            Step::InsertJob(job) => {
                self.new_jobs += 1;
                self.jobs.insert(&job.id);
                if let Some(key) = &job.spec.key {
                    self.keys.insert((&job.agent, &job.user, key));
                }
            }
            Step::UpdateJob(update) => {
                self.jobs.insert(&update.id);
            }
            Step::InsertRun(run) => {
                self.runs.insert(&run.id);
                self.slots.insert((&run.job, run.slot));
            }
            Step::UpdateRun(run) => {
                self.runs.insert(&run.id);
            }
            Step::PutEdge(edge) => {
                self.edges.insert((&edge.dependent, &edge.prerequisite));
            }
            Step::DeleteEdge(key) => {
                self.edges.insert((&key.dependent, &key.prerequisite));
            }
            Step::InsertMessage(message) => {
                self.messages.insert(&message.id);
                self.once.insert(&message.once_key);
            }
            Step::UpdateMessage(update) => {
                self.messages.insert(&update.id);
            }
            Step::InsertChange(_) => {}
            Step::Release(at) => {
                self.jobs.insert(&at.job);
            }
        }
    }
}
