//! The rows of an index, and whose jobs they are.

use std::collections::HashMap;

use crate::wit::storage::JobFilter;

/// A job with texts.
pub(super) struct Row {
    pub(super) number: u64,
    pub(super) owner: u32,
    /// Of the texts: whether they changed.
    pub(super) hash: u64,
    /// False: its texts are others now, in another row.
    pub(super) live: bool,
    pub(super) has_vector: bool,
}

impl Row {
    /// Whether it may be shown: `passing` says which owners' jobs may.
    pub(super) fn passes(&self, passing: &[bool]) -> bool {
        self.live && passing.get(self.owner as usize).copied().unwrap_or(false)
    }
}

/// Whose the jobs are.
#[derive(Default)]
pub(super) struct Owners {
    numbers: HashMap<(String, String), u32>,
    names: Vec<(String, String)>,
}

impl Owners {
    pub(super) fn number(&mut self, agent: String, user: String) -> u32 {
        let next = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let name = (agent, user);
        *self.numbers.entry(name.clone()).or_insert_with(|| {
            self.names.push(name);
            next
        })
    }

    /// Of each, whether the filter lets its jobs pass.
    pub(super) fn passing(&self, filter: &JobFilter) -> Vec<bool> {
        let passes = |(agent, user): &(String, String)| {
            filter.agent.as_ref().is_none_or(|asked| asked == agent)
                && filter.user.as_ref().is_none_or(|asked| asked == user)
        };
        self.names.iter().map(passes).collect()
    }
}
