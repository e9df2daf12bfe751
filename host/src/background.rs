//! Work at low priority. Calls that take turns go on here: the system lets everything else of the
//! host go first, at any moment, which no cooperation between calls comes near to.

use std::future::{Future, poll_fn};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio_util::task::AbortOnDropHandle;

use crate::limits;

/// Threads of low priority, with those that wait for files on their behalf. There are none until
/// they are needed.
#[derive(Default)]
pub(crate) struct Background(OnceLock<Option<Runtime>>);

impl Background {
    /// None where the system starts no more threads.
    fn handle(&self) -> Option<&Handle> {
        let start = || {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            let started = Builder::new_multi_thread()
                .worker_threads((cores / 2).max(1))
                .thread_name("background")
                .on_thread_start(lower_priority)
                .enable_all()
                .build();
            started
                .inspect_err(|error| tracing::warn!(%error, "no threads for work at low priority"))
                .ok()
        };
        self.0.get_or_init(start).as_ref().map(Runtime::handle)
    }
}

impl Drop for Background {
    /// It may be the host's own runtime where the last of it is dropped: nothing waits there.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take().flatten() {
            runtime.shutdown_background();
        }
    }
}

/// Lowers the priority of this thread, and of those that it starts. Only Linux gives each thread a priority of
/// its own; elsewhere it would be the whole host's.
pub(crate) fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, limits::BACKGROUND_NICE) {
        tracing::warn!(%error, "a thread keeps its priority");
    }
}

/// Whether one call goes on in the background.
pub(crate) struct Demotion {
    demoted: AtomicBool,
    to: Arc<Background>,
}

impl Demotion {
    pub(crate) fn to(background: &Arc<Background>) -> Self {
        Self {
            demoted: AtomicBool::new(false),
            to: Arc::clone(background),
        }
    }

    /// The call goes on in the background as soon as it waits for anything.
    pub(crate) fn demote(&self) {
        self.demoted.store(true, Relaxed);
    }

    /// Works here until it is demoted, and then in the background. Dropped, it ends wherever it is.
    pub(crate) async fn follow<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        let mut work = Box::pin(work);
        let here = poll_fn(|context| {
            if self.demoted.load(Relaxed) {
                return Poll::Ready(None);
            }
            match work.as_mut().poll(context) {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending if self.demoted.load(Relaxed) => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        if let Some(done) = here.await {
            return done;
        }
        let Some(background) = self.to.handle() else {
            return work.await;
        };
        match AbortOnDropHandle::new(background.spawn(work)).await {
            Ok(done) => done,
            // Nobody else ends it.
            Err(error) => resume_unwind(error.into_panic()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use super::{Background, Demotion};

    fn place() -> (Option<String>, i32) {
        let name = std::thread::current().name().map(str::to_owned);
        (name, rustix::process::getpriority_process(None).unwrap())
    }

    #[tokio::test]
    async fn demoted_work_goes_on_in_the_background() {
        let background: Arc<Background> = Arc::default();
        let demotion = Arc::new(Demotion::to(&background));
        let own = Arc::clone(&demotion);
        let (before, after, file) = demotion
            .follow(async move {
                let before = place();
                own.demote();
                tokio::task::yield_now().await;
                (before, place(), tokio::task::spawn_blocking(place).await.unwrap())
            })
            .await;
        assert_ne!(before.0.as_deref(), Some("background"));
        let lower = before.1 + super::limits::BACKGROUND_NICE;
        for place in [after, file] {
            assert_eq!(place, (Some("background".to_owned()), lower));
        }
        drop(demotion);
        assert!(Arc::into_inner(background).is_some());
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_any_more_ends() {
        let demotion = Demotion::to(&Arc::default());
        demotion.demote();
        let (dropped, ended) = tokio::sync::oneshot::channel::<()>();
        let work = demotion.follow(async move {
            std::future::pending::<()>().await;
            drop(dropped);
        });
        tokio::select! {
            () = work => unreachable!("it never ends"),
            () = tokio::task::yield_now() => {}
        }
        assert!(ended.await.is_err());
    }
}
