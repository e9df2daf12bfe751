//! How far a run is: what its agent tells while it works, for whoever looks at it meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedMutexGuard};

use super::cut;
use crate::limits::{JOURNAL_ENTRIES_MAX, JOURNAL_ENTRY_CHARS_MAX, OUTPUT_BYTES_MAX};

/// An agent's way to tell how far it is. What is told becomes part of the run's journal, and stands in its row soon
/// after. Cheap to clone; one that nobody reads keeps the last lines.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    told: Mutex<Told>,
    /// Held while what was told is being written.
    writing: Arc<tokio::sync::Mutex<()>>,
    news: Arc<Notify>,
}

/// What was told and is not written yet.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) lines: Vec<String>,
    /// The answer so far.
    pub(crate) text: String,
    is_new: bool,
}

impl Progress {
    /// One whose news wake somebody.
    pub(crate) fn waking(news: Arc<Notify>) -> Self {
        Self(Arc::new(Shared {
            news,
            ..Shared::default()
        }))
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line to the run's journal: what is done now. Cut after
    /// [`JOURNAL_ENTRY_CHARS_MAX`](crate::limits::JOURNAL_ENTRY_CHARS_MAX) characters; blank ones are passed over.
    pub fn note(&self, line: &str) {
        let line: String = line.trim_end().chars().take(JOURNAL_ENTRY_CHARS_MAX).collect();
        if line.is_empty() {
            return;
        }
        self.change(|told| {
            if told.lines.len() == JOURNAL_ENTRIES_MAX {
                // As in the row, the latest count.
                told.lines.remove(0);
            }
            told.lines.push(line);
        });
    }

    /// Adds a piece to the answer so far. It is shown as the run's output until that is there.
    pub fn say(&self, piece: &str) {
        self.change(|told| {
            told.text.push_str(piece);
            cut(&mut told.text, OUTPUT_BYTES_MAX);
        });
    }

    /// The answer so far does not count: another one begins.
    pub fn start_over(&self) {
        self.change(|told| told.text.clear());
    }

    fn change(&self, change: impl FnOnce(&mut Told)) {
        let mut told = self.told();
        change(&mut told);
        let was_new = std::mem::replace(&mut told.is_new, true);
        drop(told);
        if !was_new {
            self.0.news.notify_one();
        }
    }

    pub(crate) fn is_new(&self) -> bool {
        self.told().is_new
    }

    /// Until the guard is dropped, [`rest`](Self::rest) waits.
    pub(crate) async fn writing(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.0.writing).lock_owned().await
    }

    /// What is new, to be written: the lines, and the whole text.
    pub(crate) fn take(&self) -> (Vec<String>, String) {
        let mut told = self.told();
        told.is_new = false;
        (std::mem::take(&mut told.lines), told.text.clone())
    }

    /// Lines that could not be written.
    pub(crate) fn put_back(&self, mut lines: Vec<String>) {
        self.change(|told| {
            lines.append(&mut told.lines);
            told.lines = lines;
        });
    }

    /// At the end: the lines that are not written, once nothing is being written any more.
    pub(crate) async fn rest(&self) -> Vec<String> {
        let _written = self.writing().await;
        self.take().0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_told_is_taken_once_and_bounded() {
        let news = Arc::new(Notify::new());
        let progress = Progress::waking(Arc::clone(&news));
        assert!(!progress.is_new());
        progress.note("One");
        progress.note(" \n");
        progress.say("Grü");
        progress.say("ße");
        news.notified().await;
        assert_eq!(progress.take(), (vec!["One".to_owned()], "Grüße".to_owned()));
        assert!(!progress.is_new());
        progress.start_over();
        progress.note("Three");
        progress.put_back(vec!["Two".to_owned()]);
        assert_eq!(
            progress.take(),
            (vec!["Two".to_owned(), "Three".to_owned()], String::new())
        );
        for n in 0..=JOURNAL_ENTRIES_MAX {
            progress.note(&n.to_string());
        }
        progress.say(&"x".repeat(OUTPUT_BYTES_MAX + 1));
        let (lines, text) = progress.take();
        assert_eq!(
            (lines.len(), lines[0].as_str(), text.len()),
            (JOURNAL_ENTRIES_MAX, "1", OUTPUT_BYTES_MAX)
        );
    }

    #[tokio::test]
    async fn the_rest_waits_for_what_is_being_written() {
        let progress = Progress::default();
        progress.note("One");
        let writing = progress.writing().await;
        let rest = tokio::spawn({
            let progress = progress.clone();
            async move { progress.rest().await }
        });
        let (lines, _) = progress.take();
        assert_eq!(lines, ["One"]);
        tokio::task::yield_now().await;
        assert!(!rest.is_finished());
        progress.put_back(lines);
        drop(writing);
        assert_eq!(
            rest.await.unwrap(),
            ["One"],
            "it could not be written, so it is told at the end"
        );
    }
}
