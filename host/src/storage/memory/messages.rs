//! Messages of a tenant with what they are looked up by.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeBounds;

use super::find::among;
use super::tables::ROW_BYTES;
use crate::storage::words::Word as _;
use crate::wit::types::{DeliveryStatus, Message, MessageKind};

fn message_bytes(message: &Message) -> u64 {
    ROW_BYTES + (message.title.len() + message.text.len()) as u64
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

    /// The newest position.
    pub(super) fn last(&self) -> Option<u64> {
        self.rows.last_key_value().map(|(position, _)| *position)
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
