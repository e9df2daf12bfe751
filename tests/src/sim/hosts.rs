//! Hosts: they live, die, are suspended, and come back; their leases with them.

use meanwhile_guest::bindings::agent_pipeline::OutcomeStatus;
use meanwhile_guest::bindings::runner::FinishedRun;
use meanwhile_guest::bindings::types::Instant;

use super::pipeline::Live;
use super::setting::{DAY, HOUR, MINUTE, SECOND, Weather};
use super::store::{LEASE_MS, LEASE_RENEWAL_MS};
use super::world::{Event, State};

/// One host.
#[derive(Default)]
pub struct Host {
    /// Grows whenever it dies: what it held belongs to a former life.
    pub life: u32,
    pub alive: bool,
    pub suspended: bool,
    /// What its clock shows beyond the store's.
    pub skew_ms: i64,
    pub live: Vec<Live>,
    pub ended: Vec<FinishedRun>,
    pub polling: bool,
    pub settling: bool,
    /// It waits until then after trouble.
    pub rests_until: Instant,
}

impl Host {
    pub fn works(&self) -> bool {
        self.alive && !self.suspended
    }

    fn executing(&self) -> usize {
        self.live.iter().filter(|live| live.executing).count()
    }

    /// How many jobs it could claim.
    pub fn free(&self, capacity: usize) -> usize {
        if self.works() && !self.polling {
            capacity.saturating_sub(self.executing())
        } else {
            0
        }
    }
}

/// What a host renewed last runs out.
fn lapse(state: &mut State, host: usize) {
    let owner = (host, state.hosts[host].life);
    for index in 0..state.hosts[host].live.len() {
        let (job, token) = {
            let live = &state.hosts[host].live[index];
            (live.job, live.token)
        };
        let since = state.random.between(0, LEASE_RENEWAL_MS);
        state.store.renew(owner, job, token, state.now + LEASE_MS - since);
    }
}

/// A host dies: its runs vanish, its leases lapse. It comes back as another.
pub fn die(state: &mut State, host: usize) {
    if !state.hosts[host].alive {
        return;
    }
    lapse(state, host);
    state.log(None, format!("host {host} dies"));
    gone(state, host);
    let away = away(state);
    state.schedule(state.now + away, Event::Starts { host });
}

fn gone(state: &mut State, host: usize) {
    let dead = &mut state.hosts[host];
    dead.life += 1;
    dead.alive = false;
    dead.suspended = false;
    dead.polling = false;
    dead.settling = false;
    dead.live.clear();
    dead.ended.clear();
}

/// How long a host is away.
fn away(state: &mut State) -> i64 {
    let random = &mut state.random;
    match random.weighted(&[5, 3, 2]) {
        0 => random.between(100, MINUTE),
        1 => random.between(MINUTE, HOUR),
        _ => random.between(HOUR, 14 * HOUR),
    }
}

/// When trouble comes to a host next; never in calm weather.
pub fn next_trouble(state: &mut State, host: usize) {
    let Some(weather) = state.weather() else { return };
    let most = match weather {
        Weather::Calm => return,
        Weather::Normal => 8 * DAY,
        Weather::Rough => 3 * DAY,
    };
    let at = state.now + state.random.between(HOUR, most);
    let event = match state.random.weighted(&[3, 3, 2, 2]) {
        0 => Event::Dies { host },
        1 => Event::Suspended { host },
        2 => Event::Stops { host },
        _ => Event::ClockSet { host },
    };
    state.schedule(at, event);
}

pub fn starts(state: &mut State, host: usize) {
    if !state.hosts[host].alive {
        state.log(None, format!("host {host} starts"));
        state.hosts[host].alive = true;
        state.hosts[host].rests_until = state.now;
        set_clock(state, host);
    }
}

pub fn set_clock(state: &mut State, host: usize) {
    let skew = state.setting.skew_ms;
    state.hosts[host].skew_ms = state.random.between(-skew, skew);
    let said = format!("host {host}: its clock is {} ms off", state.hosts[host].skew_ms);
    state.log(None, said);
}

/// The machine sleeps: nothing of it runs, and nothing is renewed.
pub fn suspend(state: &mut State, host: usize) {
    if state.hosts[host].works() {
        state.log(None, format!("host {host} is suspended"));
        lapse(state, host);
        state.hosts[host].suspended = true;
    }
}

pub fn suspended_for_a_while(state: &mut State, host: usize) {
    suspend(state, host);
    let away = away(state);
    state.schedule(state.now + away, Event::Wakes { host });
}

/// The machine wakes: it renews what it still holds; most of what it lost it notices.
pub fn wake(state: &mut State, host: usize) {
    if !state.hosts[host].suspended {
        return;
    }
    state.log(None, format!("host {host} wakes"));
    state.hosts[host].suspended = false;
    let owner = (host, state.hosts[host].life);
    let mut kept = Vec::new();
    for live in std::mem::take(&mut state.hosts[host].live) {
        let held = state.store.renew(owner, live.job, live.token, Instant::MAX);
        if held || state.random.percent(40) {
            kept.push(live);
        }
    }
    state.hosts[host].live = kept;
}

/// A run's lease is renewed no more, though it goes on.
pub fn unrenewed(state: &mut State, host: usize, number: u64) {
    let live = state.hosts[host].live.iter().find(|live| live.number == number);
    if let Some(live) = live.filter(|live| live.executing) {
        let (job, token) = (live.job, live.token);
        state.log(Some(job), format!("host {host}: its lease is not renewed"));
        let owner = (host, state.hosts[host].life);
        state.store.renew(owner, job, token, state.now + LEASE_MS);
    }
}

/// A host stops in good order: its runs end as cancelled, to be settled before it goes.
pub fn stop_runs(state: &mut State, host: usize) -> bool {
    if !state.hosts[host].works() {
        return false;
    }
    state.log(None, format!("host {host} stops"));
    let executing: Vec<u64> = state.hosts[host]
        .live
        .iter_mut()
        .filter(|live| live.executing)
        .map(|live| {
            live.outcome.status = OutcomeStatus::Cancelled;
            live.outcome.error = None;
            live.number
        })
        .collect();
    for number in executing {
        super::pipeline::ended(state, host, number);
    }
    true
}

pub fn stopped(state: &mut State, host: usize) {
    let owner = (host, state.hosts[host].life);
    state.store.release_owner(owner);
    gone(state, host);
    let after = state.random.between(SECOND, HOUR);
    state.schedule(state.now + after, Event::Starts { host });
}

/// What was settled is forgotten, and no longer renewed.
pub fn settled(state: &mut State, host: usize, batch: &[FinishedRun]) {
    let owner = (host, state.hosts[host].life);
    for finished in batch {
        let run = state.store.run_index(&finished.run_id);
        let live = &mut state.hosts[host].live;
        let done = live.iter().position(|live| {
            Some(live.run) == run
                && live.token == finished.token
                && live.task == finished.task
                && !live.executing
        });
        if let Some(done) = done {
            let done = live.swap_remove(done);
            state
                .store
                .renew(owner, done.job, done.token, state.now + LEASE_MS);
        }
    }
}
