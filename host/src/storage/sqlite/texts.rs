//! What jobs are found by: what the text index has of them, and their texts with vectors as an index in memory
//! takes them.

use rusqlite::{Connection, OptionalExtension as _, params, params_from_iter, types::Value};

use super::codec::{self, JOB, JOB_TEXTS};
use super::condition::owned_by;
use super::room::size;
use super::schema;
use crate::limits::PAGE_BYTES_MAX;
use crate::storage::texts::{self, JobTexts, NewVector, Picked, StoredVector, Unembedded, of_spec};
use crate::storage::units::Indexed;
use crate::wit::storage::JobFilter;
use crate::wit::types::JobSpec;

/// Texts beside the title.
#[derive(Clone)]
pub(super) struct Texts {
    pub(super) description: String,
    pub(super) payload: String,
    hash: i64,
}

impl Indexed for Texts {
    fn of(_tenant: &str, spec: &JobSpec) -> Self {
        Self {
            description: spec.description.clone(),
            payload: spec.payload.clone(),
            hash: texts::hash(spec),
        }
    }
}

/// Puts the texts of a new job.
pub(super) fn put(
    connection: &Connection,
    tenant: &str,
    seq: i64,
    title: &str,
    texts: &Texts,
) -> rusqlite::Result<()> {
    index(connection, tenant, seq, title, texts)?;
    tell(connection, tenant, seq, texts)
}

/// Texts that nobody behind the last revision has seen.
fn tell(connection: &Connection, tenant: &str, seq: i64, texts: &Texts) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO texts (seq, tenant, hash) VALUES (?1, ?2, ?3)")?
        .execute(params![seq, tenant, texts.hash])?;
    Ok(())
}

fn index(
    connection: &Connection,
    tenant: &str,
    seq: i64,
    title: &str,
    texts: &Texts,
) -> rusqlite::Result<()> {
    const INSERT: &str =
        "INSERT INTO job_text (rowid, title, description, payload, owner) VALUES (?1, ?2, ?3, ?4, ?5)";
    connection.prepare_cached(INSERT)?.execute(params![
        seq,
        title,
        texts.description,
        texts.payload,
        schema::owner(tenant)
    ])?;
    Ok(())
}

/// Whether a job's record has these texts: most changes of a record are of something else.
pub(super) fn are_in_record(
    connection: &Connection,
    seq: i64,
    title: &str,
    texts: &Texts,
) -> rusqlite::Result<bool> {
    #[derive(serde::Deserialize)]
    struct Record {
        title: String,
        description: String,
        payload: String,
    }
    let record: String = connection
        .prepare_cached("SELECT spec FROM jobs WHERE seq = ?1")?
        .query_row([seq], |row| row.get(0))?;
    // What cannot be read is replaced.
    let record = serde_json::from_str::<Record>(&record);
    Ok(record.is_ok_and(|record| {
        record.title == title && record.description == texts.description && record.payload == texts.payload
    }))
}

/// A job's texts are others.
pub(super) fn change(
    connection: &Connection,
    tenant: &str,
    seq: i64,
    title: &str,
    texts: &Texts,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached("DELETE FROM job_text WHERE rowid = ?1")?
        .execute([seq])?;
    index(connection, tenant, seq, title, texts)?;
    let others = connection
        .prepare_cached("DELETE FROM texts WHERE seq = ?1 AND hash <> ?2")?
        .execute(params![seq, texts.hash])?;
    if others == 1 {
        tell(connection, tenant, seq, texts)?;
    }
    Ok(())
}

/// Deletes the texts of jobs, one table after the other: with each other statement between them the text index would be
/// written once more.
pub(super) fn delete(connection: &Connection, seqs: &[i64]) -> rusqlite::Result<()> {
    for table in ["texts WHERE seq", "job_text WHERE rowid"] {
        let mut delete = connection.prepare_cached(&format!("DELETE FROM {table} = ?1"))?;
        for seq in seqs {
            delete.execute([seq])?;
        }
    }
    Ok(())
}

/// Deletes the texts of the jobs of a tenant that are deleted next.
pub(super) fn delete_first(connection: &Connection, tenant: &str, limit: u64) -> rusqlite::Result<()> {
    for table in ["job_text WHERE rowid", "texts WHERE seq"] {
        let jobs = "SELECT seq FROM jobs WHERE tenant = ?1 ORDER BY id LIMIT ?2";
        connection
            .prepare_cached(&format!("DELETE FROM {table} IN ({jobs})"))?
            .execute(params![tenant, limit])?;
    }
    Ok(())
}

/// Texts behind a revision.
pub(super) fn behind(
    connection: &Connection,
    tenant: &str,
    after: u64,
    limit: u32,
) -> rusqlite::Result<Vec<JobTexts>> {
    const SQL: &str = "SELECT texts.seq, texts.revision, jobs.agent, jobs.user, jobs.spec, texts.model, texts.vector \
         FROM texts CROSS JOIN jobs ON jobs.seq = texts.seq \
         WHERE texts.tenant = ?1 AND texts.revision > ?2 ORDER BY texts.revision LIMIT ?3";
    let after = i64::try_from(after).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(SQL)?;
    let found = statement.query_map(params![tenant, after, limit], |row| {
        let model: String = row.get(5)?;
        let vector = (!model.is_empty()).then_some(StoredVector {
            model,
            bytes: row.get(6)?,
        });
        let (title, description) = of_spec(row.get_ref(4)?.as_str().unwrap_or_default());
        Ok(JobTexts {
            number: row.get(0)?,
            revision: row.get(1)?,
            agent: row.get(2)?,
            user: row.get(3)?,
            title,
            description,
            vector,
        })
    })?;
    found.collect()
}

/// Texts that a model has not seen: those of no model or another are two ends of an index.
pub(super) fn unembedded(
    connection: &Connection,
    model: &str,
    limit: u32,
) -> rusqlite::Result<Vec<Unembedded>> {
    const SQL: &str = "WITH found AS (SELECT * FROM (SELECT revision FROM texts WHERE model < ?1 LIMIT ?2) \
             UNION ALL SELECT * FROM (SELECT revision FROM texts WHERE model > ?1 LIMIT ?2) LIMIT ?2) \
         SELECT texts.tenant, texts.seq, texts.revision, jobs.spec FROM found \
         CROSS JOIN texts ON texts.revision = found.revision CROSS JOIN jobs ON jobs.seq = texts.seq";
    let mut statement = connection.prepare_cached(SQL)?;
    let found = statement.query_map(params![model, limit], |row| {
        let (title, description) = of_spec(row.get_ref(3)?.as_str().unwrap_or_default());
        Ok(Unembedded {
            tenant: row.get(0)?,
            number: row.get(1)?,
            revision: row.get(2)?,
            title,
            description,
        })
    })?;
    found.collect()
}

/// Keeps vectors of texts that are still what they were.
pub(super) fn put_vectors(
    connection: &Connection,
    tenant: &str,
    model: &str,
    vectors: &[NewVector],
) -> rusqlite::Result<()> {
    const TAKE: &str = "DELETE FROM texts WHERE tenant = ?1 AND seq = ?2 AND revision = ?3 RETURNING hash";
    const PUT: &str = "INSERT INTO texts (seq, tenant, hash, model, vector) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut take = connection.prepare_cached(TAKE)?;
    let mut put = connection.prepare_cached(PUT)?;
    for vector in vectors {
        let (number, revision) = (row_id(vector.number), row_id(vector.revision));
        let taken = take.query_row(params![tenant, number, revision], |row| row.get::<_, i64>(0));
        if let Some(hash) = taken.optional()? {
            put.execute(params![number, tenant, hash, model, vector.bytes])?;
        }
    }
    Ok(())
}

fn row_id(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Jobs by number, as far as a filter lets them pass.
pub(super) fn pick(
    connection: &Connection,
    tenant: &str,
    numbers: &[u64],
    filter: &JobFilter,
) -> rusqlite::Result<Picked> {
    let condition = owned_by(tenant, filter);
    let mut get = connection.prepare_cached(&format!(
        "SELECT {JOB} FROM jobs WHERE {} AND jobs.seq = ?",
        condition.text
    ))?;
    let (mut jobs, mut bytes) = (Vec::new(), 0);
    for number in numbers {
        let values = condition.values.iter().cloned();
        let values = values.chain([Value::Integer(row_id(*number))]);
        let job = get
            .query_row(params_from_iter(values), |row| {
                bytes += size(row, &JOB_TEXTS)?;
                codec::readable_job(row)
            })
            .optional()?;
        if bytes > PAGE_BYTES_MAX && !jobs.is_empty() {
            return Ok(Picked { jobs, cut: true });
        }
        jobs.extend(job.flatten().map(|job| (*number, job)));
    }
    Ok(Picked { jobs, cut: false })
}

/// Numbers of jobs that a filter lets pass.
pub(super) fn numbers(
    connection: &Connection,
    tenant: &str,
    filter: &JobFilter,
    limit: u32,
) -> rusqlite::Result<Vec<u64>> {
    let condition = owned_by(tenant, filter);
    connection
        .prepare_cached(&format!(
            "SELECT jobs.seq FROM jobs WHERE {} LIMIT {limit}",
            condition.text
        ))?
        .query_map(params_from_iter(&condition.values), |row| row.get(0))?
        .collect()
}
