//! Rows of a table as a transaction sees them: those that were read, with what was decided since. What a
//! unit changed is kept or undone with the unit.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

pub(in crate::storage) struct Table<K, V> {
    rows: HashMap<K, V>,
    /// What the present unit replaced.
    undo: Vec<(K, Option<V>)>,
    changed: HashSet<K>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            rows: HashMap::new(),
            undo: Vec::new(),
            changed: HashSet::new(),
        }
    }
}

/// What ends a unit in a table.
pub(super) trait OfUnit {
    /// The unit is applied.
    fn keep(&mut self);

    /// The unit is refused.
    fn undo(&mut self);
}

impl<K: Eq + Hash, V> OfUnit for Table<K, V> {
    fn keep(&mut self) {
        self.changed.extend(self.undo.drain(..).map(|(key, _)| key));
    }

    fn undo(&mut self) {
        while let Some((key, before)) = self.undo.pop() {
            match before {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
    }
}

impl<K: Eq + Hash + Clone, V> Table<K, V> {
    /// A row that was read.
    pub(in crate::storage) fn load(&mut self, key: K, row: V) {
        self.rows.insert(key, row);
    }

    pub(in crate::storage) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
    {
        self.rows.get(key)
    }

    pub(in crate::storage) fn put(&mut self, key: K, row: V) {
        let before = self.rows.insert(key.clone(), row);
        self.undo.push((key, before));
    }

    pub(in crate::storage) fn remove(&mut self, key: &K) -> bool {
        let before = self.rows.remove(key);
        let removed = before.is_some();
        if removed {
            self.undo.push((key.clone(), before));
        }
        removed
    }

    /// What was changed by units that were applied: the rows as they are now; none: removed.
    pub(in crate::storage) fn changes(&self) -> impl Iterator<Item = (&K, Option<&V>)> {
        self.changed.iter().map(|key| (key, self.rows.get(key)))
    }
}
