//! Leases: claiming, renewing, releasing.

use rusqlite::{Connection, OptionalExtension, params};

use super::codec::{self, JOB, JOB_TEXTS};
use super::room::size;
use super::write::counter;
use crate::limits::CLAIM_BYTES_MAX;
use crate::wit::storage::{Claim, JobToken};
use crate::wit::types::{Instant, Job, Run};

/// The open run of a claimed job.
enum Found {
    Run(Box<Run>),
    Unreadable,
    TooLarge,
}

/// Takes what is due in one statement: lease and token are set where the row is found.
pub(super) fn due(
    connection: &Connection,
    tenant: &str,
    owner: &str,
    now: Instant,
    lease_until: Instant,
    limit: u32,
) -> rusqlite::Result<Vec<Claim>> {
    let mut claim = connection.prepare_cached(&format!(
        "UPDATE jobs SET lease_owner = ?2, lease_token = lease_token + 1, lease_until = ?4, \
         available_at = max(due_at, ?4) \
         WHERE seq IN (SELECT seq FROM jobs WHERE tenant = ?1 AND available_at <= ?3 \
                       ORDER BY available_at LIMIT ?5) \
         RETURNING {JOB}, lease_token"
    ))?;
    // What does not fit is given back: it is due as before.
    let mut room = CLAIM_BYTES_MAX;
    let mut surplus: Vec<String> = Vec::new();
    let mut taken: Vec<(Option<Job>, u64)> = Vec::new();
    let mut rows = claim.query(params![tenant, owner, now, lease_until, limit])?;
    while let Some(row) = rows.next()? {
        match room.checked_sub(size(row, &JOB_TEXTS)?) {
            None if !taken.is_empty() => surplus.push(row.get(0)?),
            left => {
                room = left.unwrap_or(0);
                taken.push((codec::readable_job(row)?, row.get(9)?));
            }
        }
    }
    drop(rows);
    let mut get = connection.prepare_cached("SELECT body FROM runs WHERE tenant = ?1 AND id = ?2")?;
    let mut claims = Vec::with_capacity(taken.len());
    for (job, token) in taken {
        // What cannot be read keeps its lease: it is looked at again when that lapses.
        let Some(job) = job else { continue };
        let mut open_run = None;
        if let Some(open) = &job.state.open_run {
            let alone = claims.is_empty();
            let found = get
                .query_row(params![tenant, open], |row| {
                    match room.checked_sub(size(row, &[0])?) {
                        None if !alone => Ok(Found::TooLarge),
                        left => {
                            room = left.unwrap_or(0);
                            Ok(codec::readable_run(row)?
                                .map_or(Found::Unreadable, |run| Found::Run(Box::new(run))))
                        }
                    }
                })
                .optional()?;
            match found {
                None => {}
                Some(Found::Run(run)) => open_run = Some(*run),
                Some(Found::Unreadable) => continue,
                Some(Found::TooLarge) => {
                    surplus.push(job.id);
                    continue;
                }
            }
        }
        claims.push(Claim {
            job,
            token,
            lease_until,
            open_run,
        });
    }
    let mut give_back = connection.prepare_cached(
        "UPDATE jobs SET lease_owner = NULL, lease_until = NULL, available_at = due_at WHERE tenant = ?1 AND id = ?2",
    )?;
    for job in surplus {
        give_back.execute(params![tenant, job])?;
    }
    claims.sort_by_key(|claim| claim.job.state.due_at);
    Ok(claims)
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
