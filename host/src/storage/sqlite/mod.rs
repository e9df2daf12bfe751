//! SQLite storage: one file, one host. Writes go through one thread and share transactions; a
//! commit that was answered is on disk (WAL, synchronous=FULL).

mod claim;
mod codec;
mod commit;
mod read;
mod registry;
mod schema;
mod snapshot;
mod stored;
mod turns;
mod writer;

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use rusqlite::{Connection, OpenFlags, params};

pub use self::snapshot::{Snapshot, StoredJob};
use self::writer::Writer;
use super::limits::{
    BUSY_TIMEOUT_MS, LOCK_LOOK, LOCK_WAIT, QUICK_CHECK_BYTES_MAX, READER_CACHE_KIB, READERS_KEPT,
    STATEMENTS_KEPT, WRITER_CACHE_KIB,
};
use super::words::Word;
use super::work;
use super::{InboxEntry, Owner, Quota, Storage, Stored, Tenant};
use crate::cpu;
use crate::wit::storage::{
    Claim, EdgeFilter, HitPage, JobFilter, JobPage, JobToken, MessageFilter, Page, Rejection, RunFilter,
    SearchQuery, StorageError, Unit,
};
use crate::wit::types::{DeliveryStatus, Edge, Instant, Job, JobStatus, Message, Run, StatusChange};

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(
        "another host has {0} open. One SQLite file serves one host: stop that host, or give this one a store of its own \
         with --store sqlite:PATH"
    )]
    Locked(PathBuf),
    #[error(
        "the store was written by a later version of Meanwhile (schema {found}; this one knows {known}): use that version"
    )]
    Newer { found: usize, known: usize },
    #[error("{0} is no store of Meanwhile: there are no jobs in it")]
    NoStore(PathBuf),
    #[error("the store is damaged: {0}. Restore a backup, or salvage it with sqlite3's .recover")]
    Damaged(String),
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// The lane of the host's own writes. No tenant has this name.
const HOST: &str = "";

/// A store in one SQLite file.
pub struct SqliteStorage {
    path: PathBuf,
    writer: Writer,
    readers: Arc<Readers>,
    /// Held as long as the store is open.
    _lock: File,
}

/// Connections that only read.
struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl SqliteStorage {
    /// Opens the store, creating file and folder where there is none.
    ///
    /// # Errors
    /// When another host has it open, it is damaged or newer, or the file cannot be used.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        let path = path.as_ref().to_path_buf();
        let in_file = |error| OpenError::File(path.clone(), error);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(in_file)?;
        }
        let mut lock_path = path.clone().into_os_string();
        lock_path.push(".lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(lock_path)
            .map_err(in_file)?;
        let until = std::time::Instant::now() + LOCK_WAIT;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if std::time::Instant::now() < until => {
                    std::thread::sleep(LOCK_LOOK);
                }
                Err(TryLockError::WouldBlock) => return Err(OpenError::Locked(path)),
                Err(TryLockError::Error(error)) => return Err(OpenError::File(path, error)),
            }
        }
        let mut connection = Connection::open(&path)?;
        prepare(&connection, WRITER_CACHE_KIB)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        let size = std::fs::metadata(&path).map_err(in_file)?.len();
        if size <= QUICK_CHECK_BYTES_MAX {
            quick_check(&connection)?;
        }
        schema::migrate(&mut connection)?;
        let writer = Writer::start(connection).map_err(in_file)?;
        let readers = Arc::new(Readers {
            path: path.clone(),
            idle: Mutex::default(),
        });
        Ok(Self {
            path,
            writer,
            readers,
            _lock: lock,
        })
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StorageError> {
        let readers = Arc::clone(&self.readers);
        let work = cpu::counted(move || readers.with(work));
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| StorageError::Unavailable(error.to_string()))?
            .map_err(read::failure)
    }
}

fn prepare(connection: &Connection, cache_kib: i64) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))?;
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "mmap_size", 0)
}

fn quick_check(connection: &Connection) -> Result<(), OpenError> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        Ok(())
    } else {
        Err(OpenError::Damaged(found))
    }
}

impl Readers {
    fn with<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let connection = Connection::open_with_flags(&self.path, flags)?;
                prepare(&connection, READER_CACHE_KIB)?;
                connection
            }
        };
        let result = work(&connection);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < READERS_KEPT {
            idle.push(connection);
        }
        result
    }
}

#[async_trait]
impl Storage for SqliteStorage {
    async fn get_jobs(&self, tenant: &Tenant, ids: Vec<String>) -> Result<Vec<Option<Job>>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| read::jobs(connection, &tenant, &ids))
            .await
    }

    async fn get_runs(&self, tenant: &Tenant, ids: Vec<String>) -> Result<Vec<Option<Run>>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| read::runs(connection, &tenant, &ids))
            .await
    }

    async fn find_jobs(
        &self,
        tenant: &Tenant,
        filter: JobFilter,
        page: Page,
    ) -> Result<JobPage, StorageError> {
        let tenant = tenant.to_owned();
        let before = super::before(&page)?;
        self.read(move |connection| read::find_jobs(connection, &tenant, &filter, &page, before))
            .await
    }

    async fn find_runs(&self, tenant: &Tenant, filter: RunFilter) -> Result<Vec<Run>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| read::find_runs(connection, &tenant, &filter))
            .await
    }

    async fn find_edges(&self, tenant: &Tenant, filter: EdgeFilter) -> Result<Vec<Edge>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| read::find_edges(connection, &tenant, &filter))
            .await
    }

    async fn find_messages(
        &self,
        tenant: &Tenant,
        filter: MessageFilter,
    ) -> Result<Vec<Message>, StorageError> {
        let tenant = tenant.to_owned();
        let found = self
            .read(move |connection| read::find_messages(connection, &tenant, &filter))
            .await?;
        Ok(found.into_iter().map(|entry| entry.message).collect())
    }

    async fn find_changes(
        &self,
        tenant: &Tenant,
        job: String,
        limit: u32,
    ) -> Result<Vec<StatusChange>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| read::find_changes(connection, &tenant, &job, limit))
            .await
    }

    async fn search_jobs(&self, tenant: &Tenant, query: SearchQuery) -> Result<HitPage, StorageError> {
        let tenant = tenant.to_owned();
        let before = super::before(&query.page)?;
        self.read(move |connection| read::search(connection, &tenant, &query, before))
            .await
    }

    async fn claim_due(
        &self,
        tenant: &Tenant,
        owner: &Owner,
        now: Instant,
        lease_until: Instant,
        limit: u32,
    ) -> Result<Vec<Claim>, StorageError> {
        let (tenant, owner) = (tenant.to_owned(), owner.to_owned());
        let lane = tenant.clone();
        self.writer
            .run(&lane, work::CLAIM * limit as usize, move |connection| {
                claim::due(connection, &tenant, &owner, now, lease_until, limit)
            })
            .await
    }

    async fn commit(
        &self,
        tenant: &Tenant,
        quota: Quota,
        units: Vec<Unit>,
    ) -> Result<Vec<Result<(), Rejection>>, StorageError> {
        // Cut between units, so that others' writes pass between the pieces. All are put into the
        // lane at once: where nobody else waits they share a transaction all the same.
        let slices = commit::slices(units).into_iter().map(|(work, slice)| {
            let tenant_of_units = tenant.to_owned();
            let count = slice.len();
            let applied = self.writer.run(tenant, work, move |connection| {
                commit::units(connection, &tenant_of_units, quota, slice)
            });
            async move { (applied.await, count) }
        });
        let applied = join_all(slices).await;
        if applied.iter().all(|(applied, _)| applied.is_err())
            && let Some((Err(error), _)) = applied.first()
        {
            return Err(error.clone());
        }
        let each = applied.into_iter().flat_map(|(applied, count)| match applied {
            Ok(results) => results,
            // Other units are durable already: these have to be decided again.
            Err(_) => vec![Err(Rejection::Stale); count],
        });
        Ok(each.collect())
    }

    async fn next_due(&self, tenant: &Tenant) -> Result<Option<Instant>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| read::next_due(connection, &tenant))
            .await
    }

    async fn due_tenants(&self, now: Instant) -> Result<Vec<String>, StorageError> {
        self.read(move |connection| read::due_tenants(connection, now))
            .await
    }

    async fn renew(
        &self,
        tenant: &Tenant,
        owner: &Owner,
        leases: Vec<JobToken>,
        lease_until: Instant,
    ) -> Result<Vec<JobToken>, StorageError> {
        let (tenant, owner) = (tenant.to_owned(), owner.to_owned());
        let (lane, work) = (tenant.clone(), work::RENEWAL * leases.len());
        self.writer
            .run(&lane, work, move |connection| {
                claim::renew(connection, &tenant, &owner, leases, lease_until)
            })
            .await
    }

    async fn release_owner(&self, owner: &Owner) -> Result<u64, StorageError> {
        let owner = owner.to_owned();
        self.writer
            .run(HOST, 1, move |connection| claim::end(connection, &owner, false))
            .await
    }

    async fn take_over(&self, owner: &Owner) -> Result<u64, StorageError> {
        let owner = owner.to_owned();
        self.writer
            .run(HOST, 1, move |connection| claim::end(connection, &owner, true))
            .await
    }

    async fn inbox(
        &self,
        tenant: &Tenant,
        user: Option<String>,
        after: u64,
        limit: u32,
    ) -> Result<Vec<InboxEntry>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| read::inbox(connection, &tenant, user.as_ref(), after, limit))
            .await
    }

    async fn set_delivery(
        &self,
        tenant: &Tenant,
        ids: Vec<String>,
        delivery: DeliveryStatus,
    ) -> Result<u64, StorageError> {
        let tenant = tenant.to_owned();
        let (lane, work) = (tenant.clone(), work::RENEWAL * ids.len());
        let set = move |connection: &Connection| {
            let mut set = connection.prepare_cached(
                "UPDATE messages SET delivery = ?3 WHERE tenant = ?1 AND id = ?2 AND delivery <> 'read' AND delivery <> ?3",
            )?;
            let mut changed = 0;
            for id in &ids {
                changed += set.execute(params![tenant, id, delivery.word()])? as u64;
            }
            Ok(changed)
        };
        self.writer.run(&lane, work, set).await
    }

    async fn undelivered(&self, tenant: &Tenant, limit: u32) -> Result<Vec<InboxEntry>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| read::undelivered(connection, &tenant, limit))
            .await
    }

    async fn undelivered_tenants(&self) -> Result<Vec<String>, StorageError> {
        self.read(read::undelivered_tenants).await
    }

    async fn count_jobs(&self, tenant: &Tenant) -> Result<Vec<(JobStatus, u64)>, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| read::count_jobs(connection, &tenant))
            .await
    }

    async fn stored(&self, tenant: &Tenant) -> Result<Stored, StorageError> {
        let tenant = tenant.to_owned();
        self.read(move |connection| stored::of(connection, &tenant)).await
    }

    async fn purge(&self, tenant: &Tenant, limit: u32) -> Result<u64, StorageError> {
        let tenant = tenant.to_owned();
        let (lane, work) = (tenant.clone(), work::DELETION * limit as usize);
        self.writer
            .run(&lane, work, move |connection| {
                stored::purge(connection, &tenant, limit)
            })
            .await
    }

    async fn check(&self) -> Result<String, StorageError> {
        self.read(|connection| {
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
        })
        .await
        .and_then(|found| match found.as_str() {
            "ok" => Ok(format!("SQLite store {}, sound", self.path.display())),
            damage => Err(StorageError::Unavailable(format!(
                "{} is damaged: {damage}",
                self.path.display()
            ))),
        })
    }

    async fn close(&self) {
        self.writer.close();
    }
}
