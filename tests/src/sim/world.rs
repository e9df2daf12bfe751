//! The world of one seed: its time, its agenda, and the step that moves it on.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meanwhile_guest::bindings::runner::FinishedRun;
use meanwhile_guest::bindings::types::Instant;

use super::call::{Actor, Call};
use super::callers::{self, Calling};
use super::hosts::{self, Host};
use super::invariants::{self, Violation};
use super::ledger::Ledger;
use super::logic::Logic;
use super::random::Random;
use super::setting::{DAY, HOUR, MINUTE, SECOND, Setting, Weather};
use super::store::Store;
use super::users::{self, Deed, People};
use super::{Options, pipeline, rest};

/// What is going to happen.
#[derive(Clone, Debug)]
pub enum Event {
    RunEnds { host: usize, life: u32, number: u64 },
    Settle { host: usize, life: u32 },
    ComesAgain(Box<FinishedRun>),
    Unrenewed { host: usize, life: u32, number: u64 },
    Starts { host: usize },
    Dies { host: usize },
    Stops { host: usize },
    Suspended { host: usize },
    Wakes { host: usize },
    ClockSet { host: usize },
    Night,
    PersonActs,
    RunCalls(Box<Calling>),
}

/// Lines of the trace that are kept, and those that are shown of a job.
const LINES_KEPT: usize = 20_000;
const LINES_SHOWN: usize = 30;

/// Everything that is.
pub struct State {
    pub setting: Setting,
    /// The store's clock, which is the world's.
    pub now: Instant,
    pub random: Random,
    /// What the logic draws from.
    pub guest_random: Random,
    /// What runs that call draw from.
    pub caller_random: Random,
    pub store: Store,
    pub hosts: Vec<Host>,
    pub people: People,
    pub ledger: Ledger,
    pub violation: Option<Violation>,
    agenda: BTreeMap<(Instant, u64), Event>,
    sequence: u64,
    /// How long after something is due the next poll looks.
    latency: i64,
    trace: VecDeque<(u64, Option<usize>, String)>,
    digest: u64,
    pub steps: u64,
    pub imports: u64,
    pub units: u64,
    pub starts: u64,
    pub numbers: u64,
}

/// A world that came to its end without a broken invariant.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Of the whole trace.
    pub digest: u64,
    pub steps: u64,
    /// Calls of imports that can fail.
    pub imports: u64,
    pub jobs: usize,
    /// Of them, those that runs created.
    pub jobs_of_runs: usize,
    pub runs: usize,
    pub starts: u64,
}

pub struct Sim {
    state: Mutex<State>,
    logic: Arc<dyn Logic>,
    me: std::sync::Weak<Sim>,
}

impl State {
    pub fn schedule(&mut self, at: Instant, event: Event) {
        self.sequence += 1;
        self.agenda.insert((at, self.sequence), event);
    }

    /// None once the world is to come to rest.
    pub fn weather(&self) -> Option<Weather> {
        Some(self.setting.weather).filter(|_| self.now < self.setting.end)
    }

    pub fn log(&mut self, job: Option<usize>, what: String) {
        let line = format!("{} {what}", self.now);
        self.digest = line.bytes().fold(self.digest, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        if self.trace.len() == LINES_KEPT {
            self.trace.pop_front();
        }
        self.trace.push_back((self.steps, job, line));
    }

    /// Notes a broken invariant; the first one counts.
    pub fn broken(&mut self, violation: Violation) {
        if self.violation.is_none() {
            self.log(violation.job, format!("BROKEN: {}", violation.text));
            self.violation = Some(violation);
        }
    }

    /// A host that works.
    pub fn any_host(&mut self) -> Option<usize> {
        let works: Vec<usize> = (0..self.hosts.len())
            .filter(|host| self.hosts[*host].works())
            .collect();
        if works.is_empty() {
            return None;
        }
        Some(self.random.pick(&works))
    }

    /// A host that could poll, and from when on.
    fn poller(&mut self) -> Option<(Instant, usize)> {
        let due = self.store.next_due()?;
        let capacity = self.setting.capacity;
        let mut best: Option<(Instant, usize)> = None;
        let first = self.random.index(self.hosts.len());
        for offset in 0..self.hosts.len() {
            let host = (first + offset) % self.hosts.len();
            if self.hosts[host].free(capacity) > 0 {
                let at = due.max(self.hosts[host].rests_until);
                if best.is_none_or(|(earlier, _)| at < earlier) {
                    best = Some((at, host));
                }
            }
        }
        best.map(|(at, host)| (at.max(self.now) + self.latency, host))
    }
}

enum Action {
    Poll(usize),
    Event(Event),
}

impl Sim {
    pub fn new(seed: u64, logic: Arc<dyn Logic>, options: Options) -> Arc<Self> {
        let mut random = Random::stream(seed, 1);
        let setting = Setting::draw(&mut random, options.days);
        let mut state = State {
            now: setting.start,
            guest_random: Random::stream(seed, 2),
            caller_random: Random::stream(seed, 3),
            store: Store::new(options.broken),
            hosts: (0..setting.hosts).map(|_| Host::default()).collect(),
            people: People::new(&mut random, &setting),
            ledger: Ledger::default(),
            violation: None,
            agenda: BTreeMap::new(),
            sequence: 0,
            latency: 5,
            trace: VecDeque::new(),
            digest: 0xcbf2_9ce4_8422_2325,
            steps: 0,
            imports: 0,
            units: 0,
            starts: 0,
            numbers: 0,
            random,
            setting,
        };
        state.log(None, format!("seed {seed}: {:?}", state.setting));
        for host in 0..state.hosts.len() {
            hosts::starts(&mut state, host);
            hosts::next_trouble(&mut state, host);
        }
        if state.setting.laptop {
            state.schedule(state.now + 12 * HOUR, Event::Night);
        }
        state.schedule(state.now + SECOND, Event::PersonActs);
        Arc::new_cyclic(|me| Self {
            state: Mutex::new(state),
            logic,
            me: me.clone(),
        })
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lives through all days, then lets what is open come to rest.
    pub fn run(&self) -> Result<Summary, Violation> {
        loop {
            if !self.step(0, Instant::MAX) {
                break;
            }
            let mut state = self.state();
            if let Some(violation) = state.violation.take() {
                return Err(violation);
            }
            // What a host whose clock is ahead calls the present is due a moment later.
            let soon = state.now + state.setting.skew_ms;
            let at_rest = state.store.next_due().is_none_or(|due| due > soon)
                && state.hosts.iter().all(|host| host.ended.is_empty());
            if at_rest && state.now > state.setting.end + DAY {
                break;
            }
            if state.now > state.setting.end + 12 * DAY {
                return Err(Violation {
                    invariant: &invariants::COMES_TO_REST,
                    job: None,
                    text: "after twelve days without faults something is still due".into(),
                });
            }
        }
        let mut state = self.state();
        rest::check_world(&mut state);
        if let Some(violation) = state.violation.take() {
            return Err(violation);
        }
        Ok(Summary {
            digest: state.digest,
            steps: state.steps,
            imports: state.imports,
            jobs: state.store.jobs.len(),
            jobs_of_runs: state.ledger.run_children.values().sum::<u32>() as usize,
            runs: state.store.runs.len(),
            starts: state.starts,
        })
    }

    /// One step: what comes first, if it comes by `horizon`. False: nothing does.
    fn step(&self, depth: u8, horizon: Instant) -> bool {
        let action = {
            let mut state = self.state();
            if state.violation.is_some() {
                return false;
            }
            let next = state.agenda.first_key_value().map(|((at, _), _)| *at);
            let poll = state.poller();
            let action = match (poll, next) {
                (Some((at, host)), next) if next.is_none_or(|next| at < next) => {
                    if at > horizon {
                        return false;
                    }
                    state.now = state.now.max(at);
                    Action::Poll(host)
                }
                (_, Some(at)) => {
                    if at > horizon {
                        return false;
                    }
                    let Some(((at, _), event)) = state.agenda.pop_first() else {
                        return false;
                    };
                    state.now = state.now.max(at);
                    Action::Event(event)
                }
                _ => return false,
            };
            state.steps += 1;
            action
        };
        match action {
            Action::Poll(host) => self.poll(host, depth),
            Action::Event(event) => self.happen(event, depth),
        }
        true
    }

    /// Somebody else does something in the middle of a call.
    pub fn step_within(&self, depth: u8) {
        let (horizon, person) = {
            let mut state = self.state();
            let calm = state.weather().is_none();
            (state.now + 3 * SECOND, !calm && state.random.percent(35))
        };
        if person {
            self.person(depth);
        } else {
            self.step(depth, horizon);
        }
    }

    /// The host of a call is suspended in its middle; the others go on.
    pub fn sleep_within(&self, call: &Call, length: i64) {
        const STEPS_MAX: usize = 12;
        let until = {
            let mut state = self.state();
            hosts::suspend(&mut state, call.host);
            state.now + length
        };
        for _ in 0..STEPS_MAX {
            if !self.step(call.depth + 1, until) {
                break;
            }
        }
        let mut state = self.state();
        state.now = state.now.max(until);
        if !call.lost(&state) {
            hosts::wake(&mut state, call.host);
        }
    }

    fn call(&self, host: usize, life: u32, depth: u8, actor: Actor) -> Option<Arc<Call>> {
        Some(Arc::new(Call {
            sim: self.me.upgrade()?,
            host,
            life,
            depth,
            actor,
        }))
    }

    fn poll(&self, host: usize, depth: u8) {
        let (life, limit) = {
            let mut state = self.state();
            let capacity = state.setting.capacity;
            let free = state.hosts[host].free(capacity);
            state.hosts[host].polling = true;
            (state.hosts[host].life, free)
        };
        let Some(call) = self.call(host, life, depth, Actor::Poll) else {
            return;
        };
        let result = self.logic.poll(&call, limit as u32);
        let mut state = self.state();
        state.latency = match state.random.weighted(&[6, 3, 1]) {
            0 => state.random.between(1, 10),
            1 => state.random.between(10, SECOND),
            _ => state.random.between(SECOND, 20 * SECOND),
        };
        if call.lost(&state) {
            return;
        }
        state.hosts[host].polling = false;
        match result {
            Ok(report) => {
                for problem in report.problems {
                    let job = state.store.job_index(&problem.job_id);
                    state.broken(Violation {
                        invariant: &invariants::DECIDED,
                        job,
                        text: format!("poll: {}", problem.message),
                    });
                }
            }
            Err(why) => {
                state.log(None, format!("host {host}: its poll failed: {why}"));
                state.hosts[host].rests_until = state.now + SECOND;
            }
        }
    }

    fn settle(&self, host: usize, batch: Vec<FinishedRun>, depth: u8, own: bool) {
        let life = self.state().hosts[host].life;
        let Some(call) = self.call(host, life, depth, Actor::Settle) else {
            return;
        };
        let result = self.logic.settle(&call, batch.clone());
        let mut state = self.state();
        if call.lost(&state) {
            return;
        }
        match result {
            Ok(report) => {
                if report.stale > 0 {
                    state.log(None, format!("host {host}: {} results were stale", report.stale));
                }
                for problem in report.problems {
                    let job = state.store.job_index(&problem.job_id);
                    // Somebody took the job over and has not written yet: it cannot be told from
                    // a job that keeps changing.
                    let taken = batch.iter().any(|finished| {
                        finished.job_id == problem.job_id
                            && job.is_some_and(|job| state.store.jobs[job].token > finished.token)
                    });
                    if !taken {
                        state.broken(Violation {
                            invariant: &invariants::DECIDED,
                            job,
                            text: format!("settle: {}", problem.message),
                        });
                    }
                }
                if own {
                    hosts::settled(&mut state, host, &batch);
                }
            }
            Err(why) => {
                state.log(None, format!("host {host}: settling failed: {why}"));
                if own {
                    state.hosts[host].ended.extend(batch);
                    let again = state.now + state.random.between(10, 5 * SECOND);
                    state.schedule(again, Event::Settle { host, life });
                }
            }
        }
    }

    fn settle_ended(&self, host: usize, depth: u8) {
        let (batch, life) = {
            let mut state = self.state();
            if state.hosts[host].settling || state.hosts[host].suspended {
                let life = state.hosts[host].life;
                let again = state.now + if state.hosts[host].suspended { MINUTE } else { 50 };
                state.schedule(again, Event::Settle { host, life });
                return;
            }
            let batch = std::mem::take(&mut state.hosts[host].ended);
            if batch.is_empty() {
                return;
            }
            state.hosts[host].settling = true;
            (batch, state.hosts[host].life)
        };
        self.settle(host, batch, depth, true);
        let mut state = self.state();
        if state.hosts[host].life == life {
            state.hosts[host].settling = false;
        }
    }

    fn person(&self, depth: u8) {
        let (host, life, deed) = {
            let mut state = self.state();
            let Some(host) = state.any_host() else { return };
            let deed = users::deed(&mut state);
            let Some(deed) = deed else { return };
            users::begins(&mut state, &deed);
            (host, state.hosts[host].life, deed)
        };
        self.act(host, life, depth, Actor::Person, deed);
    }

    /// A run calls, through any host that works.
    fn run_calls(&self, calling: &Calling, depth: u8) {
        for _ in 0..calling.times {
            let (host, life, deed) = {
                let mut state = self.state();
                if state.weather().is_none() {
                    return;
                }
                let Some(host) = state.any_host() else { return };
                let deed = callers::deed(&mut state, calling);
                users::begins(&mut state, &deed);
                (host, state.hosts[host].life, deed)
            };
            self.act(host, life, depth, calling.actor(), deed);
        }
    }

    fn act(&self, host: usize, life: u32, depth: u8, actor: Actor, deed: Deed) {
        let Some(call) = self.call(host, life, depth, actor) else {
            return;
        };
        let result = match &deed.what {
            users::What::Tool(tool) => self.logic.tool(&call, &deed.caller, tool).map(Some),
            users::What::Say(said) => self.logic.heard(&call, &deed.caller, said).map(|_| None),
        };
        let mut state = self.state();
        let result = if call.lost(&state) {
            Err("the host is gone".into())
        } else {
            result
        };
        users::ended(&mut state, &deed, result);
    }

    fn happen(&self, event: Event, depth: u8) {
        match event {
            Event::PersonActs => {
                if self.state().weather().is_none() {
                    return;
                }
                self.person(depth);
                let mut state = self.state();
                let next = users::next_deed(&mut state);
                state.schedule(next, Event::PersonActs);
            }
            Event::Settle { host, life } => {
                if self.state().hosts[host].life == life {
                    self.settle_ended(host, depth);
                }
            }
            Event::ComesAgain(finished) => {
                let host = self.state().any_host();
                match host {
                    Some(host) => self.settle(host, vec![*finished], depth, false),
                    None => {
                        let mut state = self.state();
                        let later = state.now + HOUR;
                        state.schedule(later, Event::ComesAgain(finished));
                    }
                }
            }
            Event::Stops { host } => {
                let life = {
                    let mut state = self.state();
                    hosts::next_trouble(&mut state, host);
                    if state.weather().is_none() || !hosts::stop_runs(&mut state, host) {
                        return;
                    }
                    state.hosts[host].life
                };
                self.settle_ended(host, depth);
                let mut state = self.state();
                if state.hosts[host].life == life {
                    hosts::stopped(&mut state, host);
                }
            }
            Event::RunCalls(calling) => self.run_calls(&calling, depth),
            other => self.quietly(other),
        }
    }

    /// What happens without the logic.
    fn quietly(&self, event: Event) {
        let mut guard = self.state();
        let state = &mut *guard;
        let calm = state.weather().is_none();
        match event {
            Event::RunEnds { host, life, number } => {
                if state.hosts[host].life != life {
                    return;
                }
                if state.hosts[host].suspended {
                    let again = state.now + MINUTE;
                    state.schedule(again, Event::RunEnds { host, life, number });
                } else {
                    pipeline::ended(state, host, number);
                }
            }
            Event::Unrenewed { host, life, number } => {
                if state.hosts[host].life == life && !calm {
                    hosts::unrenewed(state, host, number);
                }
            }
            Event::Starts { host } => hosts::starts(state, host),
            Event::Wakes { host } => hosts::wake(state, host),
            Event::Dies { host } => {
                hosts::next_trouble(state, host);
                if !calm {
                    hosts::die(state, host);
                }
            }
            Event::Suspended { host } => {
                hosts::next_trouble(state, host);
                if !calm {
                    hosts::suspended_for_a_while(state, host);
                }
            }
            Event::ClockSet { host } => {
                hosts::next_trouble(state, host);
                if !calm {
                    hosts::set_clock(state, host);
                }
            }
            Event::Night => {
                if !calm {
                    hosts::suspend(state, 0);
                    let morning = state.now + 9 * HOUR;
                    state.schedule(morning, Event::Wakes { host: 0 });
                    let evening = state.now + DAY;
                    state.schedule(evening, Event::Night);
                }
            }
            Event::PersonActs
            | Event::RunCalls(_)
            | Event::Settle { .. }
            | Event::ComesAgain(_)
            | Event::Stops { .. } => {}
        }
    }

    /// A violation as a person reads it.
    pub fn story(&self, violation: &Violation) -> String {
        let state = self.state();
        let mut story = format!(
            "{}: {}\n  {}\n  step {}, at {}\n",
            violation.invariant.name, violation.invariant.sentence, violation.text, state.steps, state.now
        );
        if let Some(job) = violation.job {
            let job = &state.store.jobs[job];
            story.push_str(&format!("  {:?}\n", job.job));
            for (_, run) in &job.runs {
                let run = &state.store.runs[*run];
                story.push_str(&format!(
                    "  run {} slots {} {:?} attempt {} token {} ended {:?}\n",
                    run.slot, run.slots, run.status, run.attempt, run.token, run.ended_at
                ));
            }
        }
        let concerned: Vec<_> = state
            .trace
            .iter()
            .filter(|(_, job, _)| violation.job.is_none() || *job == violation.job)
            .collect();
        for (step, job, line) in &concerned[concerned.len().saturating_sub(LINES_SHOWN)..] {
            let job = job.map_or(String::new(), |job| format!("job {job} "));
            story.push_str(&format!("  [{step}] {job}{line}\n"));
        }
        story
    }
}
