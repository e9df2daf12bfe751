//! What was said in conversations.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::limits::{PAGE_ROWS_MAX, TURNS_KEPT};
use crate::storage::turns::{Conversation, Turn};
use crate::wit::types::Instant;

/// By agent and person, oldest first, each with its position among all.
#[derive(Default)]
pub(super) struct Turns(BTreeMap<(String, String), VecDeque<(u64, Turn)>>);

fn person(of: &Conversation) -> (String, String) {
    (of.agent.clone(), of.user.clone())
}

impl Turns {
    pub(super) fn add(&mut self, turn: Turn, position: u64) {
        let turns = self.0.entry(person(&turn.conversation)).or_default();
        turns.push_back((position, turn));
        if turns.len() > TURNS_KEPT as usize {
            turns.pop_front();
        }
    }

    pub(super) fn latest(&self, of: &Conversation, limit: u32) -> Vec<Turn> {
        let turns = self.0.get(&person(of)).into_iter().flatten();
        let newest_first = turns.rev().map(|(_, turn)| turn);
        let latest = newest_first.filter(|turn| turn.conversation == *of);
        let mut latest: Vec<Turn> = latest.take(limit.min(PAGE_ROWS_MAX) as usize).cloned().collect();
        latest.reverse();
        latest
    }

    pub(super) fn forget(&mut self, before: Instant, limit: u32) -> u64 {
        let all = self.0.values().flatten();
        let old = all.filter(|(_, turn)| turn.at < before);
        let mut old: Vec<(Instant, u64)> = old.map(|(position, turn)| (turn.at, *position)).collect();
        old.sort_unstable();
        old.truncate(limit as usize);
        let old: BTreeSet<u64> = old.into_iter().map(|(_, position)| position).collect();
        self.0.retain(|_, turns| {
            turns.retain(|(position, _)| !old.contains(position));
            !turns.is_empty()
        });
        old.len() as u64
    }
}
