//! The one thread that writes. It takes what waits in turns, runs it in one transaction, and answers
//! after the commit: a group pays for one fsync.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::turns::Turns;
use crate::wit::storage::StorageError;

/// Runs in the transaction; what it returns is called once the commit has succeeded or failed.
/// Without a connection it only makes the answer.
type Task = Box<dyn FnOnce(Option<&Connection>) -> Answer + Send>;
type Answer = Box<dyn FnOnce(Result<(), String>) + Send>;

pub(super) struct Writer {
    tasks: Arc<Turns<Task>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let tasks = Arc::new(Turns::default());
        let waiting = Arc::clone(&tasks);
        let thread = std::thread::Builder::new()
            .name("storage-writer".into())
            .spawn(move || write_all(connection, &waiting))?;
        Ok(Self {
            tasks,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Runs `work` in the next transaction in which its lane, a tenant or the host itself, has a turn.
    /// An error of SQLite undoes this work alone.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        lane: &str,
        cost: usize,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StorageError> {
        let (answer, answered) = oneshot::channel();
        let task: Task = Box::new(move |connection| {
            let result = connection.map(|connection| in_savepoint(connection, work));
            Box::new(move |committed| {
                let result = match result {
                    Some(result) => result.map_err(|error| error.to_string()),
                    None => Err("no transaction could be begun".into()),
                };
                // Nobody waiting any more is no reason to undo what is durable.
                let _ = answer.send(committed.and(result));
            })
        });
        let closed = || StorageError::Unavailable("the store is closed".into());
        if !self.tasks.push(lane, cost, task) {
            return Err(closed());
        }
        match answered.await {
            Ok(result) => result.map_err(StorageError::Unavailable),
            Err(_) => Err(closed()),
        }
    }

    /// Lets the queue run empty and ends the thread.
    pub(super) fn close(&self) {
        self.tasks.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

fn write_all(connection: Connection, waiting: &Turns<Task>) {
    while let Some(first) = waiting.first() {
        let begun = connection
            .prepare_cached("BEGIN IMMEDIATE")
            .and_then(|mut begin| begin.execute([]));
        if let Err(error) = begun {
            // Without a transaction nothing may run: it would be durable piece by piece.
            first(None)(Err(error.to_string()));
            continue;
        }
        let mut answers = vec![first(Some(&connection))];
        while !connection.is_autocommit() {
            match waiting.next_of_group() {
                Some(task) => answers.push(task(Some(&connection))),
                None => break,
            }
        }
        let ended = commit(&connection).map_err(|error| error.to_string());
        for answer in answers {
            answer(ended.clone());
        }
    }
}

fn commit(connection: &Connection) -> rusqlite::Result<()> {
    // On a full disk SQLite rolls back by itself: the commit then fails, as it must.
    let ended = connection.prepare_cached("COMMIT")?.execute([]);
    if ended.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    ended.map(|_| ())
}

/// Undoes the work when it fails, and only this work.
pub(super) fn in_savepoint<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.prepare_cached("SAVEPOINT work")?.execute([])?;
    let result = work(connection);
    if connection.is_autocommit() {
        return result;
    }
    if result.is_err() {
        connection.prepare_cached("ROLLBACK TO work")?.execute([])?;
    }
    connection.prepare_cached("RELEASE work")?.execute([])?;
    result
}
