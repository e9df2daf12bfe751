//! Opening a store: one host at a time, sound, and of this version.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;

use super::readers::{Readers, prepare};
use super::writer::Writer;
use super::{SqliteStorage, fill, schema};
use crate::storage::limits::{
    CHECKPOINT_PAGES, LOCK_LOOK, LOCK_WAIT, QUICK_CHECK_BYTES_MAX, WRITER_CACHE_KIB,
};

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another host holds the lock beside this file, longer than
    /// [`LOCK_WAIT`](crate::storage::limits::LOCK_WAIT).
    #[error(
        "another host has {0} open. One SQLite file serves one host: stop that host, or give this one a store of its own \
         with --store sqlite:PATH"
    )]
    Locked(PathBuf),
    /// A later version has migrated it: going back would lose what this one does not know of.
    #[error(
        "the store was written by a later version of Meanwhile (schema {found}; this one knows {known}): use that version"
    )]
    Newer {
        /// Migrations that were applied to the store.
        found: usize,
        /// Migrations that this version has.
        known: usize,
    },
    /// To be read only, and the file has none of our tables.
    #[error("{0} is no store of Meanwhile: there are no jobs in it")]
    NoStore(PathBuf),
    /// To be read as it is, and the tables are those of an earlier version.
    #[error(
        "{store} was written by an earlier version of Meanwhile (schema {found}; this one has {known}): run \
         `meanwhile doctor --store sqlite:{store}` once, which brings it up to date"
    )]
    Older {
        /// The file.
        store: PathBuf,
        /// Migrations that were applied to it.
        found: usize,
        /// Migrations that this version has.
        known: usize,
    },
    /// An import has filled a part of it.
    #[error(
        "an import into {0} was not finished, and jobs are missing: run `meanwhile import` with the same export again, \
         which goes on where it was, or delete {0} and begin anew"
    )]
    HalfImported(PathBuf),
    /// An import into it would mix two stores.
    #[error("{0} is not empty, there are rows in its table {1}: import into a new file")]
    NotEmpty(PathBuf, &'static str),
    /// SQLite's own check found this.
    #[error("the store is damaged: {0}. Restore a backup, or salvage it with sqlite3's .recover")]
    Damaged(String),
    /// The file, its folder or its lock cannot be used.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// SQLite failed while opening or migrating.
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

impl SqliteStorage {
    /// Opens the store, creating file and folder where there is none.
    ///
    /// # Errors
    /// When another host has it open, it is damaged or newer, or the file cannot be used.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref().to_path_buf();
        let (lock, connection) = connected(&path)?;
        if fill::reached(&connection)?.is_some() {
            return Err(OpenError::HalfImported(path));
        }
        let writer = Writer::start(connection).map_err(|error| OpenError::File(path.clone(), error))?;
        let readers = Arc::new(Readers::new(path.clone()));
        Ok(Self {
            path,
            writer,
            readers,
            _lock: lock,
        })
    }
}

/// The one connection that writes, to a file of the present version, and the lock beside it.
pub(super) fn connected(path: &Path) -> Result<(File, Connection), OpenError> {
    let in_file = |error| OpenError::File(path.to_path_buf(), error);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(in_file)?;
    }
    let lock = locked(path)?;
    let mut connection = Connection::open(path)?;
    prepare(&mut connection, WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    let size = std::fs::metadata(path).map_err(in_file)?.len();
    if size <= QUICK_CHECK_BYTES_MAX {
        quick_check(&connection)?;
    }
    schema::migrate(&mut connection)?;
    Ok((lock, connection))
}

fn lock_path(path: &Path) -> PathBuf {
    let mut lock_path = path.to_path_buf().into_os_string();
    lock_path.push(".lock");
    lock_path.into()
}

/// Whether a host, or an import, has a store open.
pub(super) fn is_in_use(path: &Path) -> std::io::Result<bool> {
    match File::open(lock_path(path)) {
        Ok(lock) => match lock.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(error),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The lock beside a store: it ends with the value.
fn locked(path: &Path) -> Result<File, OpenError> {
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(lock_path(path))
        .map_err(|error| OpenError::File(path.to_path_buf(), error))?;
    let until = std::time::Instant::now() + LOCK_WAIT;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) if std::time::Instant::now() < until => {
                std::thread::sleep(LOCK_LOOK);
            }
            Err(TryLockError::WouldBlock) => return Err(OpenError::Locked(path.to_path_buf())),
            Err(TryLockError::Error(error)) => return Err(OpenError::File(path.to_path_buf(), error)),
        }
    }
}

fn quick_check(connection: &Connection) -> Result<(), OpenError> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        Ok(())
    } else {
        Err(OpenError::Damaged(found))
    }
}
