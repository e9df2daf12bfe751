//! One call of the logic: every import goes through here, and at each a fault may strike.

use std::sync::Arc;

use meanwhile_guest::bindings::agent_pipeline::RunRequest;
use meanwhile_guest::bindings::storage::{
    Claim, EdgeFilter, HitPage, JobFilter, JobPage, MessageFilter, Page, Rejection, RunFilter, SearchQuery,
    StorageError, Unit,
};
use meanwhile_guest::bindings::types::{Edge, Instant, Job, Message, Run, StatusChange};
use meanwhile_guest::world::World;

use super::callers::ByRun;
use super::faults::{self, Strike};
use super::world::{Sim, State};
use super::{hosts, invariants, pipeline};

/// On whose account the logic is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    Poll,
    Settle,
    Person,
    Run(ByRun),
}

impl Actor {
    /// Somebody who asks for something, and not the loop.
    pub fn asks(self) -> bool {
        matches!(self, Self::Person | Self::Run(_))
    }
}

/// A call of the logic on a host.
pub struct Call {
    pub sim: Arc<Sim>,
    pub host: usize,
    /// The life of the host in which the call began: it is lost with that life.
    pub life: u32,
    pub depth: u8,
    pub actor: Actor,
}

impl Call {
    /// Whether the host died meanwhile.
    pub fn lost(&self, state: &State) -> bool {
        state.hosts[self.host].life != self.life
    }

    fn gone() -> StorageError {
        StorageError::Unavailable("this host is gone".into())
    }

    fn name(&self) -> String {
        format!("host {} {:?}", self.host, self.actor)
    }

    /// An import that can fail: `work` is its effect on the world.
    fn import<T>(&self, name: &str, work: impl FnOnce(&mut State) -> T) -> Result<T, StorageError> {
        let strike = {
            let mut state = self.sim.state();
            if self.lost(&state) {
                return Err(Self::gone());
            }
            state.imports += 1;
            let weather = state.weather();
            match weather {
                Some(weather) => faults::draw(&mut state.random, weather, self.depth),
                None => Strike::None,
            }
        };
        match strike {
            Strike::Step => self.sim.step_within(self.depth + 1),
            Strike::Sleep(length) => self.sim.sleep_within(self, length),
            _ => {}
        }
        let mut state = self.sim.state();
        if self.lost(&state) {
            return Err(Self::gone());
        }
        if strike != Strike::None && strike != Strike::Step {
            let what = format!("{}: {strike:?} at {name}", self.name());
            state.log(None, what);
        }
        match strike {
            Strike::Refuse => return Err(StorageError::Unavailable("it does not answer".into())),
            Strike::Die => {
                hosts::die(&mut state, self.host);
                return Err(Self::gone());
            }
            _ => {}
        }
        if state.random.one_in(16) {
            let passed = state.random.between(1, 40);
            state.now += passed;
        }
        let answer = work(&mut state);
        match strike {
            Strike::LoseAnswer => Err(StorageError::Unavailable("its answer was lost".into())),
            Strike::DieAfter => {
                hosts::die(&mut state, self.host);
                Err(Self::gone())
            }
            _ => Ok(answer),
        }
    }
}

impl World for Call {
    fn now(&self) -> Instant {
        let state = self.sim.state();
        state.now + state.hosts[self.host].skew_ms
    }

    fn random(&self) -> u64 {
        self.sim.state().guest_random.draw()
    }

    fn get_jobs(&self, ids: &[String]) -> Result<Vec<Option<Job>>, StorageError> {
        self.import("get-jobs", |state| state.store.get_jobs(ids))
    }

    fn get_runs(&self, ids: &[String]) -> Result<Vec<Option<Run>>, StorageError> {
        self.import("get-runs", |state| state.store.get_runs(ids))
    }

    fn find_jobs(&self, filter: &JobFilter, page: &Page) -> Result<JobPage, StorageError> {
        self.import("find-jobs", |state| state.store.find_jobs(filter, page))
    }

    fn find_runs(&self, filter: &RunFilter) -> Result<Vec<Run>, StorageError> {
        self.import("find-runs", |state| state.store.find_runs(filter))
    }

    fn find_edges(&self, filter: &EdgeFilter) -> Result<Vec<Edge>, StorageError> {
        self.import("find-edges", |state| state.store.find_edges(filter))
    }

    fn find_messages(&self, filter: &MessageFilter) -> Result<Vec<Message>, StorageError> {
        self.import("find-messages", |state| state.store.find_messages(filter))
    }

    fn find_changes(&self, job: &str, limit: u32) -> Result<Vec<StatusChange>, StorageError> {
        self.import("find-changes", |state| state.store.find_changes(job, limit))
    }

    fn search_jobs(&self, query: &SearchQuery) -> Result<HitPage, StorageError> {
        self.import("search-jobs", |state| state.store.search_jobs(query))
    }

    fn claim_due(&self, limit: u32) -> Result<Vec<Claim>, StorageError> {
        self.import("claim-due", |state| {
            let now = state.now;
            let claims = state.store.claim((self.host, self.life), now, limit);
            for (job, claim) in &claims {
                state.log(
                    Some(*job),
                    format!("{}: claimed, token {}", self.name(), claim.token),
                );
                invariants::claimed(state, *job, claim);
            }
            claims.into_iter().map(|(_, claim)| claim).collect()
        })
    }

    fn commit(&self, units: &[Unit]) -> Result<Vec<Result<(), Rejection>>, StorageError> {
        self.import("commit", |state| {
            let results = units.iter().map(|unit| {
                let result = state.store.apply(unit);
                match result {
                    Ok(changes) => {
                        state.units += 1;
                        invariants::applied(state, self, unit, changes);
                        Ok(())
                    }
                    Err(rejection) => {
                        let job = unit.guards.iter().find_map(|guard| match guard {
                            meanwhile_guest::bindings::storage::Guard::Revision(at) => {
                                state.store.job_index(&at.job)
                            }
                            meanwhile_guest::bindings::storage::Guard::Claim(_) => None,
                        });
                        state.log(job, format!("{}: a unit was refused: {rejection:?}", self.name()));
                        Err(rejection)
                    }
                }
            });
            results.collect()
        })
    }

    /// Hosts look at storage whenever something is due, so the hint changes nothing.
    fn arm(&self, _at: Instant) {}

    fn submit(&self, requests: &[RunRequest]) {
        let mut state = self.sim.state();
        if self.lost(&state) {
            return;
        }
        for request in requests {
            pipeline::start(&mut state, self.host, request);
        }
    }

    fn cancel(&self, run: &str) {
        let mut state = self.sim.state();
        if !self.lost(&state) {
            pipeline::cancel(&mut state, self.host, run);
        }
    }

    fn can_judge(&self) -> bool {
        self.sim.state().setting.judges
    }
}
