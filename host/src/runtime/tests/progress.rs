//! What agents tell while they work.

use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::Notify;

use crate::agent::Progress;
use crate::runtime::progress::{Telling, write};
use crate::storage::memory::MemoryStorage;

#[tokio::test]
async fn what_cannot_be_written_is_told_again() {
    let news = Arc::new(Notify::new());
    let progress = Progress::waking(Arc::clone(&news));
    progress.note("one");
    assert!(news.notified().now_or_never().is_some());
    let telling = Telling {
        run: "run_1".to_owned(),
        job: "job_1".to_owned(),
        token: 7,
        progress: progress.clone(),
    };
    // There is no such run, as little as one of a storage that is away.
    write(&MemoryStorage::default(), "local", &[telling]).await;
    assert!(
        news.notified().now_or_never().is_some(),
        "the loop is woken again"
    );
    assert_eq!(progress.take().0, ["one"]);
}
