//! Which indexes stay in memory: those that were searched last.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::RwLock;

use super::index::Index;
use crate::limits::{SEARCH_KEPT_BYTES, SEARCHES_BETWEEN_COUNTS};

/// A tenant's index, shared by its searches.
pub(super) struct One {
    pub(super) index: Arc<RwLock<Index>>,
    /// Held by the one that brings the index up to date.
    pub(super) learning: Arc<tokio::sync::Mutex<()>>,
    searches: AtomicU64,
}

impl One {
    /// Whether it is time to look whether the index has much that is no more.
    pub(super) fn is_to_be_counted(&self) -> bool {
        let searches = self.searches.fetch_add(1, Relaxed);
        (searches + 1).is_multiple_of(SEARCHES_BETWEEN_COUNTS)
    }
}

#[derive(Default)]
pub(super) struct Kept(Mutex<All>);

#[derive(Default)]
struct All {
    indexes: HashMap<String, Row>,
    /// Counts looks: the later, the greater.
    looks: u64,
}

struct Row {
    one: Arc<One>,
    bytes: usize,
    looked_at: u64,
}

/// Bytes of an index that knows nothing.
const LEAST_BYTES: usize = 1_024;

impl Kept {
    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tenant's index; a new one where there is none.
    pub(super) fn of(&self, tenant: &str, new: impl FnOnce() -> Index) -> Arc<One> {
        let mut all = self.all();
        all.looks += 1;
        let looked_at = all.looks;
        let row = all.indexes.entry(tenant.to_owned()).or_insert_with(|| Row {
            one: Arc::new(One {
                index: Arc::new(RwLock::new(new())),
                learning: Arc::default(),
                searches: AtomicU64::new(0),
            }),
            bytes: LEAST_BYTES,
            looked_at,
        });
        row.looked_at = looked_at;
        Arc::clone(&row.one)
    }

    /// Whether there is one that nobody is bringing up to date.
    pub(super) fn is_ready(&self, tenant: &str) -> bool {
        let all = self.all();
        let row = all.indexes.get(tenant);
        row.is_some_and(|row| row.one.learning.try_lock().is_ok())
    }

    /// A tenant's index has so many bytes now: where all come to too many, those go that nobody looked at for longest.
    pub(super) fn grown(&self, tenant: &str, bytes: usize) {
        let mut all = self.all();
        if let Some(row) = all.indexes.get_mut(tenant) {
            row.bytes = bytes.max(LEAST_BYTES);
        }
        while all.indexes.values().map(|row| row.bytes).sum::<usize>() > SEARCH_KEPT_BYTES {
            let others = all.indexes.iter().filter(|(other, _)| *other != tenant);
            let oldest = others.min_by_key(|(_, row)| row.looked_at);
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
    use std::sync::Arc;

    use super::{Index, Kept};
    use crate::limits::SEARCH_KEPT_BYTES;

    #[test]
    fn what_nobody_looked_at_for_longest_goes_first() {
        let kept = Kept::default();
        let index = |tenant| kept.of(tenant, || Index::new(None));
        let (a, b) = (index("a"), index("b"));
        kept.grown("a", SEARCH_KEPT_BYTES / 2);
        kept.grown("b", SEARCH_KEPT_BYTES / 2);
        assert!(Arc::ptr_eq(&a, &index("a")));
        let c = index("c");
        kept.grown("c", 3);
        assert!(Arc::ptr_eq(&a, &index("a")));
        assert!(Arc::ptr_eq(&c, &index("c")));
        assert!(!kept.is_ready("b") && !Arc::ptr_eq(&b, &index("b")));
        // One that is too large for all stays: it is the one that is searched.
        kept.grown("a", 2 * SEARCH_KEPT_BYTES);
        assert!(Arc::ptr_eq(&a, &index("a")));
        assert!(kept.is_ready("a") && !kept.is_ready("c"));
        kept.forget("a");
        assert!(!Arc::ptr_eq(&a, &index("a")));
    }
}
