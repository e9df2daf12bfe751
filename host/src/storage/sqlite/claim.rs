//! Leases: claiming, renewing, releasing.

use rusqlite::{Connection, OptionalExtension, params};

use super::codec::{self, JOB, JOB_TEXTS, JobTexts};
use super::room::size;
use crate::limits::CLAIM_BYTES_MAX;
use crate::wit::storage::{Claim, JobToken};
use crate::wit::types::Instant;

/// A claimed job as it is stored.
pub(super) struct Taken {
    job: JobTexts,
    token: u64,
    due_at: Option<Instant>,
    /// Its run that is not settled yet, if there is one.
    open_run: Option<String>,
}

/// Takes what is due in one statement: lease and token are set where the row is found.
pub(super) fn due(
    connection: &Connection,
    tenant: &str,
    owner: &str,
    now: Instant,
    lease_until: Instant,
    limit: u32,
) -> rusqlite::Result<Vec<Taken>> {
    let mut claim = connection.prepare_cached(&format!(
        "UPDATE jobs SET lease_owner = ?2, lease_token = lease_token + 1, lease_until = ?4, \
         available_at = max(due_at, ?4) \
         WHERE seq IN (SELECT seq FROM jobs WHERE tenant = ?1 AND available_at <= ?3 \
                       ORDER BY available_at LIMIT ?5) \
         RETURNING {JOB}, lease_token, due_at, open_run"
    ))?;
    // What does not fit is given back: it is due as before.
    let mut room = CLAIM_BYTES_MAX;
    let mut surplus: Vec<String> = Vec::new();
    let mut found: Vec<(Taken, Option<String>)> = Vec::new();
    let mut rows = claim.query(params![tenant, owner, now, lease_until, limit])?;
    while let Some(row) = rows.next()? {
        match room.checked_sub(size(row, &JOB_TEXTS)?) {
            None if !found.is_empty() => surplus.push(row.get(0)?),
            left => {
                room = left.unwrap_or(0);
                // What cannot be read keeps its lease: it is looked at again when that lapses.
                if let Some(job) = codec::readable_job_texts(row)? {
                    let taken = Taken {
                        job,
                        token: row.get(9)?,
                        due_at: row.get(10)?,
                        open_run: None,
                    };
                    found.push((taken, row.get(11)?));
                }
            }
        }
    }
    drop(rows);
    let mut get = connection.prepare_cached("SELECT body FROM runs WHERE tenant = ?1 AND id = ?2")?;
    let mut taken: Vec<Taken> = Vec::with_capacity(found.len());
    for (mut job, open_run) in found {
        if let Some(open) = open_run {
            let body: Option<String> = get
                .query_row(params![tenant, open], |row| row.get(0))
                .optional()?;
            let left = room.checked_sub(body.as_ref().map_or(0, String::len));
            if left.is_none() && !taken.is_empty() {
                surplus.push(job.job.id);
                continue;
            }
            room = left.unwrap_or(0);
            job.open_run = body;
        }
        taken.push(job);
    }
    let mut give_back = connection.prepare_cached(
        "UPDATE jobs SET lease_owner = NULL, lease_until = NULL, available_at = due_at WHERE tenant = ?1 AND id = ?2",
    )?;
    for job in surplus {
        give_back.execute(params![tenant, job])?;
    }
    taken.sort_by_key(|claim| claim.due_at);
    Ok(taken)
}

/// What was taken, read. What cannot be read keeps its lease here too.
pub(super) fn read(taken: Vec<Taken>, lease_until: Instant) -> Vec<Claim> {
    let claims = taken.into_iter().filter_map(|taken| {
        let open_run = match taken.open_run {
            Some(body) => Some(codec::readable_text(&body, || {
                format!("the open run of job {}", taken.job.id)
            })?),
            None => None,
        };
        Some(Claim {
            job: taken.job.read()?,
            token: taken.token,
            lease_until,
            open_run,
        })
    });
    claims.collect()
}

/// A counter as a column holds it. None: beyond what any row has.
fn counter(value: u64) -> Option<i64> {
    i64::try_from(value).ok()
}

/// Extends leases; answers those that are lost.
pub(super) fn renew(
    connection: &Connection,
    tenant: &str,
    owner: &str,
    leases: Vec<JobToken>,
    lease_until: Instant,
) -> rusqlite::Result<Vec<JobToken>> {
    let mut renew = connection.prepare_cached(
        "UPDATE jobs SET lease_until = ?5, available_at = CASE WHEN due_at IS NULL THEN NULL ELSE max(due_at, ?5) END \
         WHERE tenant = ?1 AND id = ?2 AND lease_token = ?3 AND lease_owner = ?4",
    )?;
    let mut lost = Vec::new();
    for lease in leases {
        if renew.execute(params![
            tenant,
            lease.job,
            counter(lease.token),
            owner,
            lease_until
        ])? == 0
        {
            lost.push(lease);
        }
    }
    Ok(lost)
}

/// Ends the leases of `owner`, or of everybody else.
pub(super) fn end(connection: &Connection, owner: &str, others: bool) -> rusqlite::Result<u64> {
    let whose = if others {
        "lease_owner IS NOT NULL AND lease_owner <> ?1"
    } else {
        "lease_owner = ?1"
    };
    let ended = connection
        .prepare_cached(&format!(
            "UPDATE jobs SET lease_owner = NULL, lease_until = NULL, available_at = due_at WHERE {whose}"
        ))?
        .execute([owner])?;
    Ok(ended as u64)
}
