//! Whose turn it is to compute. Calls are short as a rule, and run as they come. One that computes
//! for long, or whose tenant has computed more than its share lately, takes turns with the others
//! of that kind as soon as more than one tenant is there: all of them together take half of one core
//! in two, however many they are, and short calls do not wait behind them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits;
use crate::tenants::Allowance;

/// The turns of all calls of a host.
pub(crate) struct Turns {
    cores: usize,
    /// As many may compute in their turns at the same time.
    places: Arc<Semaphore>,
    callers: Mutex<Callers>,
}

/// The tenants that call, in this stretch of time and the one before.
struct Callers {
    since: Instant,
    present: HashSet<usize>,
    before: HashSet<usize>,
}

/// A turn; it ends when this is dropped.
pub(crate) struct Turn {
    began: Instant,
    /// The place, and the tenant's one turn: turns go round tenants, not calls.
    held: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            cores,
            places: Arc::new(Semaphore::new((cores / 2).max(1))),
            callers: Mutex::new(Callers {
                since: Instant::now(),
                present: HashSet::new(),
                before: HashSet::new(),
            }),
        }
    }

    fn callers(&self) -> MutexGuard<'_, Callers> {
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        let age = callers.since.elapsed();
        if age > limits::CALLERS_FOR {
            callers.before = std::mem::take(&mut callers.present);
            if age > limits::CALLERS_FOR * 2 {
                callers.before.clear();
            }
            callers.since = Instant::now();
        }
        callers
    }

    /// A tenant calls.
    pub(crate) fn called(&self, tenant: &Arc<Allowance>) {
        self.callers().present.insert(Arc::as_ptr(tenant).addr());
    }

    /// The share of a core that each tenant has: all cores, divided by the tenants that called
    /// lately.
    pub(crate) fn share(&self) -> f64 {
        let callers = self.callers();
        let tenants = callers.present.len().max(callers.before.len()).max(1);
        self.cores as f64 / tenants as f64
    }

    /// Whether another tenant called lately.
    pub(crate) fn is_crowded(&self, tenant: &Arc<Allowance>) -> bool {
        let callers = self.callers();
        let this = Arc::as_ptr(tenant).addr();
        let mut all = callers.present.iter().chain(&callers.before);
        all.any(|other| *other != this)
    }

    /// A turn, first come, first served. None: it took too long, and goes on without.
    pub(crate) async fn take(&self, tenant: &Allowance) -> Option<Turn> {
        let turn = async {
            let of_tenant = Arc::clone(tenant.turn()).acquire_owned().await.ok()?;
            let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
            Some((place, of_tenant))
        };
        let held = tokio::time::timeout(limits::TURN_WAIT_MAX, turn)
            .await
            .ok()
            .flatten()?;
        Some(Turn {
            began: Instant::now(),
            held: Some(held),
        })
    }
}

impl Drop for Turn {
    /// The place rests for as long as it was worked in, and goes to the next one then.
    fn drop(&mut self) {
        let rest = self.began.elapsed().min(limits::TURN_REST_MAX);
        let (Some(held), Ok(runtime)) = (self.held.take(), tokio::runtime::Handle::try_current()) else {
            return;
        };
        if rest >= Duration::from_millis(1) {
            runtime.spawn(async move {
                tokio::time::sleep(rest).await;
                drop(held);
            });
        }
    }
}
