//! Which indexes stay in memory: those that were searched last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::RwLock;

use super::Shared;
use super::index::Index;
use crate::limits::SEARCH_KEPT_ROWS;

#[derive(Default)]
pub(super) struct Kept(Mutex<All>);

#[derive(Default)]
struct All {
    indexes: HashMap<String, One>,
    /// Counts looks: the later, the greater.
    looks: u64,
}

struct One {
    index: Shared,
    rows: usize,
    looked_at: u64,
}

impl Kept {
    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tenant's index; a new one where there is none.
    pub(super) fn of(&self, tenant: &str, new: impl FnOnce() -> Index) -> Shared {
        let mut all = self.all();
        all.looks += 1;
        let looked_at = all.looks;
        let one = all.indexes.entry(tenant.to_owned()).or_insert_with(|| One {
            index: Arc::new(RwLock::new(new())),
            rows: 0,
            looked_at,
        });
        one.looked_at = looked_at;
        Arc::clone(&one.index)
    }

    /// A tenant's index has so many rows now: where all come to too many, those go that nobody looked at for longest.
    pub(super) fn grown(&self, tenant: &str, rows: usize) {
        let mut all = self.all();
        if let Some(one) = all.indexes.get_mut(tenant) {
            one.rows = rows;
        }
        while all.indexes.values().map(|one| one.rows).sum::<usize>() > SEARCH_KEPT_ROWS {
            let others = all.indexes.iter().filter(|(other, _)| *other != tenant);
            let oldest = others.min_by_key(|(_, one)| one.looked_at);
            let Some(oldest) = oldest.map(|(other, _)| other.clone()) else {
                return;
            };
            all.indexes.remove(&oldest);
        }
    }

    pub(super) fn forget(&self, tenant: &str) {
        self.all().indexes.remove(tenant);
    }
}

#[cfg(test)]
mod tests {
    use super::{Index, Kept};
    use crate::limits::SEARCH_KEPT_ROWS;

    #[test]
    fn what_nobody_looked_at_for_longest_goes_first() {
        let kept = Kept::default();
        let index = |tenant| kept.of(tenant, || Index::new(None));
        let (a, b) = (index("a"), index("b"));
        kept.grown("a", SEARCH_KEPT_ROWS / 2);
        kept.grown("b", SEARCH_KEPT_ROWS / 2);
        assert!(std::sync::Arc::ptr_eq(&a, &index("a")));
        let c = index("c");
        kept.grown("c", 3);
        assert!(std::sync::Arc::ptr_eq(&a, &index("a")));
        assert!(std::sync::Arc::ptr_eq(&c, &index("c")));
        assert!(!std::sync::Arc::ptr_eq(&b, &index("b")));
        // One that is too large for all stays: it is the one that is searched.
        kept.grown("a", 2 * SEARCH_KEPT_ROWS);
        assert!(std::sync::Arc::ptr_eq(&a, &index("a")));
    }
}
