//! A store's live jobs as they stand, read without touching it: a connection that cannot write,
//! and one transaction, so that all rows are of the same commit. In WAL mode a reader neither
//! waits for the host's writes nor holds them up, and sees what the log has and the file has not
//! yet, which a copy of the file would miss.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, params};

use super::{OpenError, codec, fill, read, schema};
use crate::storage::limits::BUSY_TIMEOUT_MS;
use crate::wit::types::{Edge, Job, Run, Usage};

/// A job with what a copy of it needs.
pub struct StoredJob {
    /// The row as it stands, its spec and its state.
    pub job: Job,
    /// What it waits for.
    pub edges: Vec<Edge>,
    /// The run that is not settled yet.
    pub open_run: Option<Run>,
    /// Of its latest runs that ended, newest first.
    pub usage: Vec<Usage>,
}

/// Live jobs of a store, as of one commit.
pub struct Snapshot {
    /// In the order of their creation.
    pub jobs: Vec<StoredJob>,
}

const LIVE: &str = "'PENDING', 'ACTIVE', 'IN_PROGRESS', 'BLOCKED', 'PAUSED'";

impl Snapshot {
    /// Reads at most `jobs_max` live jobs of a tenant, each with the usage of at most `usage_max`
    /// runs.
    ///
    /// # Errors
    /// When there is no store of a version that is known.
    pub fn read(path: &Path, tenant: &str, jobs_max: usize, usage_max: u32) -> Result<Self, OpenError> {
        let connection = read_only(path)?;
        let transaction = connection.unchecked_transaction()?;
        match schema::version(&transaction)? {
            0 => return Err(OpenError::NoStore(path.to_path_buf())),
            schema::LATEST if fill::reached(&transaction)?.is_some() => {
                return Err(OpenError::HalfImported(path.to_path_buf()));
            }
            _ => {}
        }
        let mut jobs = Vec::new();
        let select = format!(
            "SELECT {} FROM jobs WHERE tenant = ?1 AND status IN ({LIVE}) ORDER BY seq LIMIT ?2",
            codec::JOB
        );
        let mut find = transaction.prepare(&select)?;
        let limit = i64::try_from(jobs_max).unwrap_or(i64::MAX);
        for job in find.query_map(params![tenant, limit], codec::job)? {
            jobs.push(stored(&transaction, tenant, job?, usage_max)?);
        }
        Ok(Self { jobs })
    }
}

/// A connection that cannot write.
pub(super) fn read_only(path: &Path) -> Result<Connection, OpenError> {
    // SQLite's own error does not tell a missing file from one that may not be read.
    std::fs::metadata(path).map_err(|error| OpenError::File(path.to_path_buf(), error))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_millis(BUSY_TIMEOUT_MS))?;
    Ok(connection)
}

fn stored(connection: &Connection, tenant: &str, job: Job, usage_max: u32) -> rusqlite::Result<StoredJob> {
    let open_run = match &job.state.open_run {
        Some(run) => read::runs(connection, tenant, std::slice::from_ref(run))?
            .pop()
            .flatten(),
        None => None,
    };
    let select = format!(
        "SELECT {} FROM edges WHERE tenant = ?1 AND dependent = ?2 ORDER BY prerequisite",
        codec::EDGE
    );
    let edges = connection
        .prepare_cached(&select)?
        .query_map(params![tenant, job.id], codec::edge)?
        .collect::<rusqlite::Result<_>>()?;
    let usage = connection
        .prepare_cached(
            "SELECT body FROM runs WHERE tenant = ?1 AND job = ?2 AND status IN ('succeeded', 'failed') \
             ORDER BY slot DESC LIMIT ?3",
        )?
        .query_map(params![tenant, job.id, usage_max], codec::run)?
        .map(|run| run.map(|run| run.usage))
        .collect::<rusqlite::Result<_>>()?;
    Ok(StoredJob {
        job,
        edges,
        open_run,
        usage,
    })
}
