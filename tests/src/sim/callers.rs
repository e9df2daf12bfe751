//! Runs that call the tools while they execute: they change their job and others, create jobs,
//! and some go on calling when their attempt is over. What they may not do has to be refused.

use meanwhile_guest::bindings::agent_pipeline::RunRequest;
use meanwhile_guest::bindings::storage::{Unit, Write};
use meanwhile_guest::bindings::tools::{
    Dependency, JobCancelRequest, JobCreateRequest, JobPauseRequest, JobUpdateRequest,
};
use meanwhile_guest::bindings::types::{
    Caller, CallingRun, DependencyCondition, Instant, JobState, JobStatus, RunReach, RunStatus,
};
use meanwhile_guest::limits::{LIVE_DESCENDANTS_MAX, ORIGIN_DEPTH_MAX, RUN_CHILDREN_MAX};

use super::call::{Actor, Call};
use super::invariants::{CALLS, OFFSPRING, check, ended};
use super::logic::Tool;
use super::requests;
use super::setting::{DAY, HOUR, MINUTE, SECOND};
use super::store::{Change, Store};
use super::users::{Deed, What};
use super::world::{Event, State};

/// Jobs of a world beyond which runs create no more, unless they are greedy.
const JOBS_MAX: usize = 45;

/// A call that a run is going to make.
#[derive(Clone, Debug)]
pub struct Calling {
    pub caller: Caller,
    /// Its run.
    pub run: usize,
    /// The job that it is a run of.
    pub job: usize,
    /// How often it does the same: a greedy run asks for more than it gets.
    pub times: u32,
}

/// Whose call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByRun {
    pub run: usize,
    pub job: usize,
    pub token: u64,
    pub reach: RunReach,
}

impl Calling {
    fn calling(&self) -> Option<&CallingRun> {
        self.caller.run.as_ref()
    }

    pub fn actor(&self) -> Actor {
        self.calling().map_or(Actor::Person, |calling| {
            Actor::Run(ByRun {
                run: self.run,
                job: self.job,
                token: calling.token,
                reach: calling.reach,
            })
        })
    }
}

/// A run starts: some will call, most of them in time, often just as they end.
pub fn plan(state: &mut State, request: &RunRequest, run: usize, job: usize, length: i64) {
    if state.weather().is_none() || !state.caller_random.one_in(9) {
        return;
    }
    let random = &mut state.caller_random;
    let after = match random.weighted(&[5, 3, 2]) {
        0 => random.between(0, length),
        1 => length + random.between(-SECOND, SECOND),
        _ => length + random.between(0, 30 * MINUTE),
    };
    let reach = random.pick(&[
        RunReach::OwnJob,
        RunReach::OwnDescendants,
        RunReach::OwnDescendants,
        RunReach::OwnDescendants,
        RunReach::All,
    ]);
    let mut caller = request.caller.clone();
    if let Some(calling) = &mut caller.run {
        calling.reach = reach;
        // A token that is yet to come is refused like one that has passed.
        calling.token += u64::from(random.one_in(40));
    }
    let times = if random.one_in(400) {
        RUN_CHILDREN_MAX + 5
    } else {
        1
    };
    let calling = Calling {
        caller,
        run,
        job,
        times,
    };
    let at = state.now + after.max(0);
    state.schedule(at, Event::RunCalls(Box::new(calling)));
}

/// What the run does now.
pub fn deed(state: &mut State, calling: &Calling) -> Deed {
    let State {
        caller_random: random,
        store,
        setting,
        now,
        people,
        ..
    } = state;
    let deed = |job, tool| Deed {
        caller: calling.caller.clone(),
        job,
        what: What::Tool(tool),
        began: *now,
    };
    let few = store.jobs.len() < JOBS_MAX;
    if calling.times > 1 || (few && random.percent(50)) {
        people.titles += 1;
        let mut request = requests::create(random, setting, *now, people.titles);
        if calling.times > 1 {
            request = once(random, *now, request);
        } else if random.percent(30) {
            // What it leaves behind waits for its own job, or for any.
            let own = random.percent(60);
            let job = if own {
                calling.job
            } else {
                random.index(store.jobs.len())
            };
            request.depends_on = Some(vec![Dependency {
                job: store.jobs[job].job.id.clone(),
                on: Some(random.pick(&[DependencyCondition::Success, DependencyCondition::Any])),
                delay_seconds: None,
            }]);
        }
        return deed(None, Tool::Create(request));
    }
    let below = |job: &usize| descends(store, *job, calling.job);
    let descendants: Vec<usize> = (0..store.jobs.len()).filter(below).collect();
    let job = match random.weighted(&[4, 4, 2]) {
        0 => calling.job,
        1 if !descendants.is_empty() => random.pick(&descendants),
        _ => random.index(store.jobs.len()),
    };
    let row = &store.jobs[job].job;
    let id = row.id.clone();
    let to = |status| {
        Tool::Update(JobUpdateRequest {
            status: Some(status),
            ..requests::no_update(&id)
        })
    };
    let tool = match (row.state.status, random.weighted(&[4, 1, 3, 3, 1, 2])) {
        (JobStatus::Paused | JobStatus::Failed | JobStatus::Blocked, 0..=3) => to(JobStatus::Active),
        (_, 0) => Tool::Pause(JobPauseRequest {
            job_id: id,
            note: None,
            until: random
                .percent(40)
                .then(|| requests::utc(*now + random.between(MINUTE, DAY))),
        }),
        (_, 1) => Tool::Cancel(JobCancelRequest {
            job_id: id,
            note: None,
        }),
        (_, 2) => Tool::Update(JobUpdateRequest {
            run_now: Some(true),
            ..requests::no_update(&id)
        }),
        (_, 3) => Tool::Update(requests::texts(random, &id)),
        (_, 4) => Tool::Update(requests::budget(random, &id)),
        _ => Tool::Update(requests::schedule(random, setting, *now, row)),
    };
    deed(Some(job), tool)
}

/// The same, once, in the next two days.
fn once(random: &mut super::random::Random, now: Instant, request: JobCreateRequest) -> JobCreateRequest {
    let at = now + random.between(HOUR, 2 * DAY);
    JobCreateRequest {
        job_type: None,
        trigger_config: Some(meanwhile_guest::bindings::types::TriggerConfig {
            run_at: Some(requests::utc(at)),
            ..meanwhile_guest::create::EMPTY_TRIGGER
        }),
        ..request
    }
}

/// Whether a job came of another, through runs.
fn descends(store: &Store, job: usize, from: usize) -> bool {
    let mut at = job;
    for _ in 0..=ORIGIN_DEPTH_MAX {
        let Some(origin) = &store.jobs[at].job.spec.origin else {
            return false;
        };
        match store.job_index(&origin.parent) {
            Some(parent) if parent == from => return true,
            Some(parent) => at = parent,
            None => return false,
        }
    }
    false
}

/// Whether a run may end the pause of this job: a run made it.
pub fn paused_by_run(store: &Store, job: usize) -> bool {
    let id = &store.jobs[job].job.id;
    let last = store.changes.iter().rev().find(|change| change.job == *id);
    last.is_some_and(|change| store.run_index(&change.by).is_some())
}

/// A unit of a run's call was applied. `paused_by_run` is what held for the jobs before it.
pub fn applied(state: &mut State, by: ByRun, unit: &Unit, before: &[(usize, &JobState)], changes: &[Change]) {
    let own = before.iter().find(|(job, _)| *job == by.job);
    let store = &state.store;
    let open_run = match own {
        Some((_, before)) => before.open_run.clone(),
        None => store.jobs[by.job].job.state.open_run.clone(),
    };
    let was = own.map_or(store.jobs[by.job].job.state.status, |(_, before)| before.status);
    let run = &store.runs[by.run];
    let open = open_run.as_ref() == Some(&run.id)
        && run.status == RunStatus::Executing
        && run.token == by.token
        && store.jobs[by.job].token == by.token
        && !ended(was);
    let status = run.status;
    check(state, open, &CALLS, by.job, || {
        format!(
            "a run that is {status:?}, of a job that was {was:?}, changed something under token {}",
            by.token
        )
    });
    for change in changes {
        match change {
            Change::JobInserted(job) => inserted(state, by, *job),
            Change::JobUpdated { job, before } => {
                let spec_written = unit.writes.iter().any(|write| {
                    matches!(write, Write::UpdateJob(update)
                        if update.spec.is_some() && update.id == state.store.jobs[*job].job.id)
                });
                updated(state, by, *job, &before.0, spec_written);
            }
            _ => {}
        }
    }
}

fn inserted(state: &mut State, by: ByRun, job: usize) {
    let store = &state.store;
    let (parent, child) = (&store.jobs[by.job].job, &store.jobs[job].job);
    let above = parent.spec.origin.as_ref();
    let (depth, root) = above.map_or((0, &parent.id), |origin| (origin.depth, &origin.root));
    let right = child.spec.origin.as_ref().is_some_and(|origin| {
        origin.parent == parent.id
            && origin.run == store.runs[by.run].id
            && origin.depth == depth + 1
            && origin.root == *root
    });
    let origin = child.spec.origin.clone();
    check(state, right && by.reach != RunReach::OwnJob, &CALLS, job, || {
        format!("created by a run with {:?}, and comes from {origin:?}", by.reach)
    });
    check(state, depth < ORIGIN_DEPTH_MAX, &OFFSPRING, job, || {
        format!("generation {}", depth + 1)
    });
    let known = state.ledger.run_children.entry(by.run).or_default();
    *known += 1;
    let many = *known;
    check(state, many <= RUN_CHILDREN_MAX, &OFFSPRING, job, || {
        format!("its run created {many} jobs")
    });
    state.ledger.job(by.job).children += 1;
    live(state, job);
}

/// What is live of a root, where a run added to it.
fn live(state: &mut State, job: usize) {
    let Some(origin) = state.store.jobs[job].job.spec.origin.clone() else {
        return;
    };
    let live = |row: &&super::store::JobRow| {
        let of_root = row
            .job
            .spec
            .origin
            .as_ref()
            .is_some_and(|other| other.root == origin.root);
        of_root && !ended(row.job.state.status)
    };
    let many = state.store.jobs.iter().filter(live).count();
    // Those that persons brought back are theirs.
    let persons = state.ledger.revived_descendants;
    check(
        state,
        many <= LIVE_DESCENDANTS_MAX + persons,
        &OFFSPRING,
        job,
        || format!("{many} live jobs came of {}", origin.root),
    );
}

fn updated(state: &mut State, by: ByRun, job: usize, before: &JobState, spec_written: bool) {
    let now = state.store.jobs[job].job.state.clone();
    let within = job == by.job
        || match by.reach {
            RunReach::All => true,
            RunReach::OwnDescendants => descends(&state.store, job, by.job),
            RunReach::OwnJob => false,
        };
    // The rows of others only count who waits for them, and what came of them.
    let counts = JobState {
        dependents: now.dependents,
        offspring: now.offspring.clone(),
        due_at: if now.untold.is_some() {
            now.due_at
        } else {
            before.due_at
        },
        ..before.clone()
    };
    let counted = !spec_written && now == counts;
    check(state, within || counted, &CALLS, job, || {
        format!("job {} has no business here, with {:?}", by.job, by.reach)
    });
    if ended(before.status) && !ended(now.status) {
        live(state, job);
    }
}

/// What every write of a job shows: its count is that of the jobs that its runs created.
pub fn counted(state: &mut State, job: usize) {
    let known = state.ledger.job(job).children;
    let offspring = &state.store.jobs[job].job.state.offspring;
    let children = offspring.as_ref().map_or(0, |offspring| offspring.children);
    let listed = offspring.as_ref().map_or(0, |offspring| offspring.live.len());
    check(state, children == known, &OFFSPRING, job, || {
        format!("it counts {children} jobs of {known} that its runs created")
    });
    check(state, listed <= LIVE_DESCENDANTS_MAX, &OFFSPRING, job, || {
        format!("it lists {listed} live jobs")
    });
}

/// At rest: the same, read from the rows; and every live descendant is listed, or a person's.
pub fn counted_at_rest(state: &mut State, job: usize) {
    let store = &state.store;
    let id = &store.jobs[job].job.id;
    let origins = || {
        store
            .jobs
            .iter()
            .filter_map(|row| Some((row, row.job.spec.origin.as_ref()?)))
    };
    let rows = origins().filter(|(_, origin)| origin.parent == *id).count();
    let unlisted = origins()
        .filter(|(row, origin)| origin.root == *id && !ended(row.job.state.status))
        .filter(|(row, _)| {
            let offspring = store.jobs[job].job.state.offspring.as_ref();
            !offspring.is_some_and(|offspring| offspring.live.contains(&row.job.id))
        })
        .count();
    let persons = state.ledger.revived_descendants;
    let offspring = store.jobs[job].job.state.offspring.as_ref();
    let children = offspring.map_or(0, |offspring| offspring.children) as usize;
    check(state, children == rows, &OFFSPRING, job, || {
        format!("it counts {children} jobs of {rows} that there are")
    });
    check(state, unlisted <= persons, &OFFSPRING, job, || {
        format!("{unlisted} live jobs came of it and are not listed")
    });
}

/// A person brought back a job that a run created.
pub fn revived(state: &mut State, call: &Call, job: usize, before: &JobState) {
    let row = &state.store.jobs[job].job;
    let comes_back = ended(before.status) && !ended(row.state.status);
    if comes_back && row.spec.origin.is_some() && call.actor == Actor::Person {
        state.ledger.revived_descendants += 1;
    }
}
