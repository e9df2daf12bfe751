//! CPU time: what a call took, wherever it was worked for. Waiting, for an answer or for a core,
//! costs nothing.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};

tokio::task_local! {
    static PRESENT: Arc<Spent>;
}

/// CPU time spent for one call, in nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    finished: AtomicU64,
    /// The thread's time at which the present stretch began; 0: there is none.
    began: AtomicU64,
}

/// CPU time of this thread so far, in nanoseconds. Where the system does not tell, nothing is ever
/// spent.
fn of_thread() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from);
    time.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
}

impl Spent {
    /// All of it, the present stretch of work included: to be asked on the thread that works.
    pub(crate) fn so_far(&self) -> Duration {
        let present = match self.began.load(Relaxed) {
            0 => 0,
            began => of_thread().saturating_sub(began),
        };
        Duration::from_nanos(self.finished.load(Relaxed).saturating_add(present))
    }

    /// Counts work on this thread.
    pub(crate) fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = of_thread();
        let done = work();
        self.finished
            .fetch_add(of_thread().saturating_sub(began), Relaxed);
        done
    }
}

/// Counts all the work of a future.
pub(crate) async fn metered<T>(spent: Arc<Spent>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(PRESENT.scope(Arc::clone(&spent), work));
    std::future::poll_fn(move |context| {
        let began = of_thread();
        spent.began.store(began, Relaxed);
        let poll = work.as_mut().poll(context);
        spent.began.store(0, Relaxed);
        spent
            .finished
            .fetch_add(of_thread().saturating_sub(began), Relaxed);
        poll
    })
    .await
}

/// Work on another thread, counted for the call for which it is done.
pub(crate) fn counted<T>(work: impl FnOnce() -> T) -> impl FnOnce() -> T {
    let spent = PRESENT.try_with(Arc::clone).ok();
    move || match spent {
        Some(spent) => spent.during(work),
        None => work(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Spent, counted, metered};

    fn compute() -> u64 {
        (0..2_000_000_u64).fold(0, |sum, n| std::hint::black_box(sum ^ n))
    }

    #[tokio::test(start_paused = true)]
    async fn work_counts_wherever_it_is_done_and_waiting_does_not() {
        let here = Arc::new(Spent::default());
        metered(Arc::clone(&here), async {
            compute();
            assert!(here.so_far() > Duration::ZERO);
        })
        .await;
        let there = Arc::new(Spent::default());
        metered(Arc::clone(&there), async {
            tokio::task::spawn_blocking(counted(compute)).await.ok();
        })
        .await;
        let nowhere = Arc::new(Spent::default());
        metered(Arc::clone(&nowhere), tokio::time::sleep(Duration::from_secs(60))).await;
        assert!(there.so_far() * 2 > here.so_far());
        assert!(nowhere.so_far() * 2 < here.so_far());
    }
}
