//! Leases: claiming, renewing, releasing. Between hosts whose clocks differ one clock has to say when a
//! lease ends: Postgres' own ([`LeaseClock`]).

use tokio_postgres::{Client, Row};

use super::PostgresStorage;
use super::codec::{self, JOB, JOB_COLUMNS};
use super::failure::Failure;
use super::session::{self, Scope, Sql};
use super::value::Value;
use crate::clock::{Clock as _, StoreClock, SystemClock};
use crate::limits::CLAIM_BYTES_MAX;
use crate::storage::limits::POSTGRES_LEASE_MAX;
use crate::wit::storage::{Claim, JobToken};
use crate::wit::types::{Instant, Run};

/// Whose clock says when a lease ends and what is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseClock {
    /// Postgres': a host says how long a lease shall last. For hosts whose clock is the machine's.
    Database,
    /// The caller's, as it says: for clocks that are moved by hand. All hosts have to share it.
    Caller,
}

/// Milliseconds since 1970 on Postgres' clock, the same within a statement.
pub(super) const DATABASE_NOW: &str = "floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint";

/// A lease's end: as the caller says, or so long from the database's present.
struct LeaseEnd {
    exactly: Option<Instant>,
    milliseconds: i64,
}

impl LeaseClock {
    fn present(self, now: Instant) -> Option<Instant> {
        match self {
            Self::Database => None,
            Self::Caller => Some(now),
        }
    }

    fn end(self, now: Instant, lease_until: Instant) -> LeaseEnd {
        match self {
            Self::Caller => LeaseEnd {
                exactly: Some(lease_until),
                milliseconds: 0,
            },
            Self::Database => {
                let most = i64::try_from(POSTGRES_LEASE_MAX.as_millis()).unwrap_or(i64::MAX);
                LeaseEnd {
                    exactly: None,
                    milliseconds: lease_until.saturating_sub(now).clamp(0, most),
                }
            }
        }
    }
}

/// The clock of the database at the other end of a connection.
pub(super) async fn clock_of(client: &Client) -> Result<StoreClock, tokio_postgres::Error> {
    let clock = StoreClock::default();
    let before = SystemClock.now();
    let row = client.query_one(&format!("SELECT {DATABASE_NOW}"), &[]).await?;
    clock.observe(before, row.get(0), SystemClock.now());
    Ok(clock)
}

impl PostgresStorage {
    /// Takes what is due in one statement: rows that another host has in hand are passed over, not
    /// waited for; those whose texts do not fit into one answer stay due. A job that a commit changed while the
    /// statement began may come as it was: the claim's unit is then refused as stale, and decided again.
    pub(super) async fn claim(
        &self,
        tenant: &str,
        owner: &str,
        now: Instant,
        lease_until: Instant,
        limit: u32,
    ) -> Result<Vec<Claim>, Failure> {
        let sql = format!(
            "WITH present AS (SELECT coalesce($3::bigint, {DATABASE_NOW}) AS now), \
             due AS (SELECT tenant, id, seq, due_at, available_at FROM agenda \
                 WHERE tenant = $1 AND available_at <= (SELECT now FROM present) \
                 ORDER BY available_at, seq LIMIT $6 FOR UPDATE SKIP LOCKED), \
             found AS (SELECT due.tenant, due.seq, due.due_at, due.available_at, jobs.*, octet_length(spec) + octet_length(state) \
                     + coalesce(octet_length(run), 0) AS size \
                 FROM due CROSS JOIN LATERAL (SELECT {JOB}, (SELECT body FROM runs WHERE runs.tenant = jobs.tenant \
                     AND runs.id = jobs.open_run) AS run FROM jobs WHERE tenant = due.tenant AND id = due.id OFFSET 0) AS jobs), \
             sized AS (SELECT found.*, sum(size) OVER byte AS so_far, row_number() OVER byte AS place \
                 FROM found WINDOW byte AS (ORDER BY available_at, seq)), \
             claimed AS (UPDATE agenda SET lease_owner = $2, lease_token = lease_token + 1, \
                     lease_until = coalesce($4::bigint, (SELECT now FROM present) + $5), \
                     available_at = greatest(agenda.due_at, coalesce($4::bigint, (SELECT now FROM present) + $5)) \
                 FROM sized WHERE agenda.tenant = sized.tenant AND agenda.id = sized.id AND (sized.so_far <= $7 OR sized.place = 1) \
                 RETURNING sized.id, sized.revision, sized.agent, sized.\"user\", sized.created_by, sized.created_at, \
                     sized.updated_at, sized.spec, sized.state, agenda.lease_token, sized.run, agenda.due_at, agenda.seq) \
             SELECT * FROM claimed ORDER BY due_at, seq"
        );
        let end = self.clock.end(now, lease_until);
        let values = [
            Value::text(tenant),
            Value::text(owner),
            Value::MaybeInt(self.clock.present(now)),
            Value::MaybeInt(end.exactly),
            Value::Int(end.milliseconds),
            Value::Int(limit.into()),
            Value::Int(i64::try_from(CLAIM_BYTES_MAX).unwrap_or(i64::MAX)),
        ];
        let rows = session::change(&self.pool, Scope::Tenant(tenant), Sql::Fixed(&sql), &values).await?;
        let claims = rows.iter().map(|row| claim_of(row, lease_until));
        // What cannot be read keeps its lease: it is looked at again when that lapses.
        let readable = claims
            .zip(&rows)
            .filter_map(|(claim, row)| codec::readable(claim, row));
        Ok(readable.collect())
    }

    pub(super) async fn renew_leases(
        &self,
        tenant: &str,
        owner: &str,
        leases: Vec<JobToken>,
        lease_until: Instant,
    ) -> Result<Vec<JobToken>, Failure> {
        // Locked in the order in which commits do it: nobody waits for somebody who waits for him.
        const SQL: &str = "WITH held AS MATERIALIZED (SELECT job.tenant, job.id \
                 FROM unnest($2::text[], $3::bigint[]) AS asked (id, token) CROSS JOIN LATERAL (SELECT tenant, id FROM agenda \
                     WHERE tenant = $1 AND id = asked.id AND lease_token = asked.token AND lease_owner = $4 FOR UPDATE) AS job) \
             UPDATE agenda SET lease_until = coalesce($5::bigint, NOW_HERE + $6), \
                 available_at = CASE WHEN due_at IS NULL THEN NULL ELSE greatest(due_at, coalesce($5::bigint, NOW_HERE + $6)) END \
             FROM held WHERE agenda.tenant = held.tenant AND agenda.id = held.id RETURNING agenda.id, agenda.lease_token";
        let end = self.clock.end(self.shown.now(), lease_until);
        let mut known: Vec<(&str, i64)> = leases
            .iter()
            .filter_map(|lease| Some((lease.job.as_str(), i64::try_from(lease.token).ok()?)))
            .collect();
        known.sort_unstable();
        let values = [
            Value::text(tenant),
            Value::texts(known.iter().map(|(job, _)| *job)),
            Value::Ints(known.iter().map(|(_, token)| *token).collect()),
            Value::text(owner),
            Value::MaybeInt(end.exactly),
            Value::Int(end.milliseconds),
        ];
        let sql = SQL.replace("NOW_HERE", DATABASE_NOW);
        let rows =
            session::change_again(&self.pool, Scope::Tenant(tenant), Sql::Fixed(&sql), &values).await?;
        let renewed: Result<Vec<(String, u64)>, Failure> = rows
            .iter()
            .map(|row| Ok((codec::text(row, 0)?, codec::count(row, 1)?)))
            .collect();
        let renewed = renewed?;
        let is_lost = |lease: &JobToken| {
            !renewed
                .iter()
                .any(|(job, token)| *job == lease.job && *token == lease.token)
        };
        Ok(leases.into_iter().filter(is_lost).collect())
    }

    pub(super) async fn end_leases(&self, owner: &str) -> Result<u64, Failure> {
        const SQL: &str = "WITH leased AS MATERIALIZED (SELECT tenant, id FROM \
                 (SELECT tenant, id FROM agenda WHERE lease_owner = $1 OFFSET 0) AS found ORDER BY tenant, id), \
             held AS MATERIALIZED (SELECT job.tenant, job.id FROM leased CROSS JOIN LATERAL \
                 (SELECT tenant, id FROM agenda WHERE tenant = leased.tenant AND id = leased.id AND lease_owner = $1 FOR UPDATE) \
                 AS job), \
             ended AS (UPDATE agenda SET lease_owner = NULL, lease_until = NULL, available_at = due_at \
                 FROM held WHERE agenda.tenant = held.tenant AND agenda.id = held.id RETURNING 1), \
             outboxes_left AS (DELETE FROM outboxes WHERE owner = $1) \
             SELECT count(*) FROM ended";
        let rows =
            session::change_again(&self.pool, Scope::Host, Sql::Fixed(SQL), &[Value::text(owner)]).await?;
        rows.first().map_or(Ok(0), |row| codec::count(row, 0))
    }

    /// Also learns what the database's clock shows, and whether this host took what it was offered.
    pub(super) async fn next_due_of(&self, tenant: &str) -> Result<Option<Instant>, Failure> {
        let sql = format!("SELECT (SELECT min(available_at) FROM agenda WHERE tenant = $1), {DATABASE_NOW}");
        let values = [Value::text(tenant)];
        let offers = self.nudges.offers_made();
        let before = SystemClock.now();
        let rows = self
            .rows(Scope::Tenant(tenant), Sql::Fixed(&sql), &values)
            .await?;
        let after = SystemClock.now();
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let (due, now) = (codec::maybe_int(row, 0)?, codec::int(row, 1)?);
        self.shown.observe(before, now, after);
        if due.is_none_or(|due| due > now) {
            self.nudges.taken(tenant, offers);
        }
        Ok(due)
    }

    pub(super) fn present(&self, now: Instant) -> Option<Instant> {
        self.clock.present(now)
    }
}

/// A row of a claim: job, token, and the body of the open run.
fn claim_of(row: &Row, lease_until: Instant) -> Result<Claim, Failure> {
    const BODY: usize = JOB_COLUMNS + 1;
    let body = codec::maybe_text(row, BODY)?;
    let open_run: Option<Run> = match body {
        Some(_) => Some(codec::run(row, BODY)?),
        None => None,
    };
    Ok(Claim {
        job: codec::job(row)?,
        token: codec::count(row, JOB_COLUMNS)?,
        lease_until,
        open_run,
    })
}
