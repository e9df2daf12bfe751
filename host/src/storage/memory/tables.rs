//! The rows of a tenant with what they are looked up by. Every change goes through a table, so
//! that no index can be forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeBounds;

use super::JobRow;
use super::find::among;
use crate::storage::is_live;
use crate::storage::words::Word as _;
use crate::wit::types::{DeliveryStatus, Edge, Instant, Job, Message, MessageKind, Run};

/// Jobs by id; by when they are available; by their idempotency key.
#[derive(Default)]
pub(super) struct Jobs {
    rows: BTreeMap<String, JobRow>,
    /// Available from, order of creation, id.
    available: BTreeSet<(Instant, u64, String)>,
    /// Agent, user and key.
    keys: BTreeMap<(String, String, String), String>,
    weight: Weight,
}

/// What the rows of a table come to: kept with every change, so that nothing has to be counted.
#[derive(Default)]
struct Weight {
    live: u64,
    bytes: u64,
}

impl Weight {
    fn add(&mut self, job: &Job) {
        self.live += u64::from(is_live(job.state.status));
        self.bytes += job_bytes(job);
    }

    fn take(&mut self, job: &Job) {
        self.live -= u64::from(is_live(job.state.status));
        self.bytes -= job_bytes(job);
    }
}

/// What a row takes beside its texts.
const ROW_BYTES: u64 = 512;

fn job_bytes(job: &Job) -> u64 {
    ROW_BYTES + (job.spec.title.len() + job.spec.description.len() + job.spec.payload.len()) as u64
}

fn run_bytes(run: &Run) -> u64 {
    ROW_BYTES
        + (run.output.as_ref().map_or(0, String::len) + run.journal.iter().map(String::len).sum::<usize>())
            as u64
}

fn message_bytes(message: &Message) -> u64 {
    ROW_BYTES + (message.title.len() + message.text.len()) as u64
}

fn key_of(job: &Job) -> Option<(String, String, String)> {
    let key = job.spec.idempotency_key.clone()?;
    Some((job.agent.clone(), job.user.clone(), key))
}

impl Jobs {
    pub(super) fn get(&self, id: &str) -> Option<&JobRow> {
        self.rows.get(id)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &JobRow> {
        self.rows.values()
    }

    /// Jobs that have not ended.
    pub(super) fn live(&self) -> u64 {
        self.weight.live
    }

    pub(super) fn bytes(&self) -> u64 {
        self.weight.bytes
    }

    /// Puts a row in the place of the one with its id.
    pub(super) fn put(&mut self, row: JobRow) {
        self.remove(&row.job.id);
        if let Some(at) = row.available() {
            self.available.insert((at, row.seq, row.job.id.clone()));
        }
        if let Some(key) = key_of(&row.job) {
            self.keys.insert(key, row.job.id.clone());
        }
        self.weight.add(&row.job);
        self.rows.insert(row.job.id.clone(), row);
    }

    pub(super) fn remove(&mut self, id: &str) {
        let Some(row) = self.rows.remove(id) else { return };
        self.weight.take(&row.job);
        if let Some(at) = row.available() {
            self.available.remove(&(at, row.seq, row.job.id.clone()));
        }
        if let Some(key) = key_of(&row.job) {
            self.keys.remove(&key);
        }
    }

    /// Changes the row with this id, if there is one.
    pub(super) fn change(&mut self, id: &str, change: impl FnOnce(&mut JobRow)) {
        let Some(row) = self.rows.get_mut(id) else { return };
        let (was, key_was) = (row.available(), key_of(&row.job));
        self.weight.take(&row.job);
        change(row);
        self.weight.add(&row.job);
        let (is, key_is) = (row.available(), key_of(&row.job));
        if was != is {
            if let Some(at) = was {
                self.available.remove(&(at, row.seq, row.job.id.clone()));
            }
            if let Some(at) = is {
                self.available.insert((at, row.seq, row.job.id.clone()));
            }
        }
        if key_was != key_is {
            if let Some(key) = key_was {
                self.keys.remove(&key);
            }
            if let Some(key) = key_is {
                self.keys.insert(key, row.job.id.clone());
            }
        }
    }

    /// Ends the leases of all rows for which `ends` says true. Answers how many.
    pub(super) fn end_leases(&mut self, ends: impl Fn(&JobRow) -> bool) -> u64 {
        let ended: Vec<String> = self
            .values()
            .filter(|row| ends(row))
            .map(|row| row.job.id.clone())
            .collect();
        for id in &ended {
            self.change(id, |row| row.lease = None);
        }
        ended.len() as u64
    }

    /// From when the first job is available.
    pub(super) fn earliest(&self) -> Option<Instant> {
        self.available.first().map(|(at, ..)| *at)
    }

    /// The first `limit` jobs that are available at `now`.
    pub(super) fn due(&self, now: Instant, limit: usize) -> Vec<String> {
        let due = self.available.iter().take_while(|(at, ..)| *at <= now);
        due.take(limit).map(|(.., id)| id.clone()).collect()
    }

    /// The job of this agent and user that has an idempotency key.
    pub(super) fn key_holder(&self, agent: &str, user: &str, key: &str) -> Option<&Job> {
        let id = self
            .keys
            .get(&(agent.to_owned(), user.to_owned(), key.to_owned()))?;
        self.rows.get(id).map(|row| &row.job)
    }
}

/// Runs by job and slot, and by id.
#[derive(Default)]
pub(super) struct Runs {
    rows: BTreeMap<(String, Instant), Run>,
    slots: BTreeMap<String, (String, Instant)>,
    bytes: u64,
}

impl Runs {
    pub(super) fn get(&self, id: &str) -> Option<&Run> {
        self.rows.get(self.slots.get(id)?)
    }

    pub(super) fn at(&self, key: &(String, Instant)) -> Option<&Run> {
        self.rows.get(key)
    }

    /// A job's runs, newest slot first.
    pub(super) fn of_job(&self, job: &str, before: Option<Instant>) -> impl Iterator<Item = &Run> {
        let first = (job.to_owned(), Instant::MIN);
        let end = before.map_or(Instant::MAX, |before| before.saturating_sub(1));
        self.rows
            .range(first..=(job.to_owned(), end))
            .rev()
            .map(|(_, run)| run)
    }

    /// Puts a run in the place of the one with its job and slot. Answers that one.
    pub(super) fn put(&mut self, run: Run) -> Option<Run> {
        let key = (run.job.clone(), run.slot);
        self.slots.insert(run.id.clone(), key.clone());
        self.bytes += run_bytes(&run);
        let before = self.rows.insert(key, run);
        self.bytes -= before.as_ref().map_or(0, run_bytes);
        before
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn remove(&mut self, key: &(String, Instant)) {
        if let Some(run) = self.rows.remove(key) {
            self.slots.remove(&run.id);
            self.bytes -= run_bytes(&run);
        }
    }
}

/// Edges by dependent and prerequisite, and the other way round.
#[derive(Default)]
pub(super) struct Edges {
    rows: BTreeMap<(String, String), Edge>,
    by_prerequisite: BTreeSet<(String, String)>,
}

impl Edges {
    /// Puts an edge in the place of the one between the same jobs. Answers that one.
    pub(super) fn put(&mut self, edge: Edge) -> Option<Edge> {
        self.by_prerequisite
            .insert((edge.prerequisite.clone(), edge.dependent.clone()));
        self.rows
            .insert((edge.dependent.clone(), edge.prerequisite.clone()), edge)
    }

    /// Removes the edge from a dependent to a prerequisite. Answers it.
    pub(super) fn remove(&mut self, key: &(String, String)) -> Option<Edge> {
        self.by_prerequisite.remove(&(key.1.clone(), key.0.clone()));
        self.rows.remove(key)
    }

    /// What a job waits for, in order of the prerequisite's id.
    pub(super) fn of_dependent<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Edge> {
        self.rows
            .range((id.to_owned(), String::new())..)
            .take_while(move |((dependent, _), _)| dependent == id)
            .map(|(_, edge)| edge)
    }

    /// What waits for a job, in order of the dependent's id.
    pub(super) fn of_prerequisite<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Edge> {
        self.by_prerequisite
            .range((id.to_owned(), String::new())..)
            .take_while(move |(prerequisite, _)| prerequisite == id)
            .filter_map(|(prerequisite, dependent)| self.rows.get(&(dependent.clone(), prerequisite.clone())))
    }
}

/// Messages by position; by id, by the key of their fact, by job and kind; and those to be delivered.
#[derive(Default)]
pub(super) struct Messages {
    rows: BTreeMap<u64, Message>,
    ids: BTreeMap<String, u64>,
    facts: BTreeMap<String, u64>,
    /// Job, kind and position: each run looks for replies among all that its job ever said.
    of_job: BTreeSet<(String, &'static str, u64)>,
    queued: BTreeSet<u64>,
    bytes: u64,
}

impl Messages {
    pub(super) fn by_id(&self, id: &str) -> Option<(u64, &Message)> {
        let position = self.ids.get(id)?;
        Some((*position, self.rows.get(position)?))
    }

    /// Whether this fact is told already.
    pub(super) fn knows(&self, once_key: &str) -> bool {
        self.facts.contains_key(once_key)
    }

    /// Messages by position, oldest first.
    pub(super) fn range(&self, positions: impl RangeBounds<u64>) -> impl Iterator<Item = (&u64, &Message)> {
        self.rows.range(positions)
    }

    /// A job's messages of these kinds (none given: of all), oldest first.
    pub(super) fn of_job(&self, job: &str, kinds: &[MessageKind]) -> impl Iterator<Item = &Message> {
        let mut positions = Vec::new();
        for (kind, word) in MessageKind::ALL {
            if among(kinds, kind) {
                let all = (job.to_owned(), *word, 0)..=(job.to_owned(), *word, u64::MAX);
                positions.extend(self.of_job.range(all).map(|(.., position)| *position));
            }
        }
        positions.sort_unstable();
        positions
            .into_iter()
            .filter_map(|position| self.rows.get(&position))
    }

    /// Messages that wait for their delivery, oldest first.
    pub(super) fn queued(&self) -> impl Iterator<Item = (&u64, &Message)> {
        self.queued
            .iter()
            .filter_map(|position| self.rows.get_key_value(position))
            .filter(|(_, message)| message.kind != MessageKind::Reply)
    }

    pub(super) fn insert(&mut self, position: u64, message: Message) {
        self.ids.insert(message.id.clone(), position);
        self.facts.insert(message.once_key.clone(), position);
        self.of_job
            .insert((message.job.clone(), message.kind.word(), position));
        if message.delivery == DeliveryStatus::Queued {
            self.queued.insert(position);
        }
        self.bytes += message_bytes(&message);
        self.rows.insert(position, message);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(super) fn remove(&mut self, position: u64) {
        if let Some(message) = self.rows.remove(&position) {
            self.bytes -= message_bytes(&message);
            self.ids.remove(&message.id);
            self.facts.remove(&message.once_key);
            self.of_job.remove(&(message.job, message.kind.word(), position));
            self.queued.remove(&position);
        }
    }

    /// Sets how far a message got, unless it was read. Answers what it was where that changed.
    pub(super) fn deliver(&mut self, position: u64, delivery: DeliveryStatus) -> Option<DeliveryStatus> {
        let message = self.rows.get_mut(&position)?;
        if message.delivery == DeliveryStatus::Read || message.delivery == delivery {
            return None;
        }
        self.set_delivery(position, delivery)
    }

    /// Sets how far a message got, whatever it was. Answers what it was.
    pub(super) fn set_delivery(&mut self, position: u64, delivery: DeliveryStatus) -> Option<DeliveryStatus> {
        let message = self.rows.get_mut(&position)?;
        if delivery == DeliveryStatus::Queued {
            self.queued.insert(position);
        } else {
            self.queued.remove(&position);
        }
        Some(std::mem::replace(&mut message.delivery, delivery))
    }
}
