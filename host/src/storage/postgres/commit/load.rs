//! Locks and reads what units are about, in one round trip: first the tenant's row in `stored`, so that
//! the writers of a tenant take turns and whatever is read afterwards stays as it is; then the jobs, and with a
//! lock their rows in `agenda`, as leases are taken without that of the tenant.
//!
//! Each looks rows up one by one (`LATERAL … OFFSET 0` leaves the planner no other way): a plan that is made
//! while a table is small, and kept, must not read all of it when it has grown.

use deadpool_postgres::Object;
use futures_util::join;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Statement};

use super::{Prepared, Rows};
use crate::storage::postgres::codec;
use crate::storage::postgres::failure::Failure;
use crate::storage::postgres::session::{SET_SCOPE, Scope};
use crate::storage::postgres::text::stored;
use crate::storage::postgres::value::Value;
use crate::storage::units::{JobRow, MessageRow, Named, RunAt, STATUS_COLUMNS, Step};
use crate::storage::words::Word as _;
use crate::wit::types::JobStatus;

const FIRST: &str = "INSERT INTO stored (tenant) VALUES ($1) ON CONFLICT (tenant) DO NOTHING";
const JOBS: &str = "SELECT job.id, job.seq, job.agent, job.\"user\", job.idempotency_key, job.revision, held.lease_token, job.status, \
         held.lease_until, held.due_at, job.spec_bytes, job.state_bytes, job.updated_at \
     FROM unnest($2::text[]) AS asked (id) \
     CROSS JOIN LATERAL (SELECT lease_token, lease_until, due_at FROM agenda WHERE tenant = $1 AND id = asked.id FOR UPDATE) AS held \
     CROSS JOIN LATERAL (SELECT id, seq, agent, \"user\", idempotency_key, revision, status, octet_length(spec)::bigint AS spec_bytes, \
         octet_length(state)::bigint AS state_bytes, updated_at FROM jobs WHERE tenant = $1 AND id = asked.id OFFSET 0) AS job";
const KEYS: &str = "SELECT found.* FROM unnest($2::text[], $3::text[], $4::text[]) AS asked (agent, owner, key) \
     CROSS JOIN LATERAL (SELECT agent, \"user\", idempotency_key, id FROM jobs WHERE tenant = $1 AND agent = asked.agent \
         AND \"user\" = asked.owner AND idempotency_key = asked.key OFFSET 0) AS found";
const RUNS: &str = "SELECT found.* FROM unnest($2::text[]) AS asked (id) CROSS JOIN LATERAL \
         (SELECT id, job, slot, octet_length(body)::bigint FROM runs WHERE tenant = $1 AND id = asked.id OFFSET 0) AS found \
     UNION ALL SELECT found.* FROM unnest($3::text[], $4::bigint[]) AS asked (job, slot) CROSS JOIN LATERAL \
         (SELECT id, job, slot, octet_length(body)::bigint FROM runs \
          WHERE tenant = $1 AND job = asked.job AND slot = asked.slot OFFSET 0) AS found";
const EDGES: &str = "SELECT found.* FROM unnest($2::text[], $3::text[]) AS asked (dependent, prerequisite) CROSS JOIN LATERAL \
     (SELECT dependent, prerequisite FROM edges \
      WHERE tenant = $1 AND dependent = asked.dependent AND prerequisite = asked.prerequisite OFFSET 0) AS found";
const MESSAGES: &str = "SELECT found.* FROM unnest($2::text[]) AS asked (id) CROSS JOIN LATERAL \
         (SELECT id, once_key, delivery FROM messages WHERE tenant = $1 AND id = asked.id OFFSET 0) AS found \
     UNION ALL SELECT found.* FROM unnest($3::text[]) AS asked (key) CROSS JOIN LATERAL \
         (SELECT id, once_key, delivery FROM messages WHERE tenant = $1 AND once_key = asked.key OFFSET 0) AS found";
const SEQS: &str = "SELECT nextval('jobs_seq') FROM generate_series(1::bigint, $1)";

fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Value {
    Value::texts(texts)
}

/// A read of a pipeline; none is sent where there is nothing to ask for.
async fn ask(
    client: &Object,
    statement: &Statement,
    wanted: bool,
    values: &[Value],
) -> Result<Vec<Row>, Failure> {
    if !wanted {
        return Ok(Vec::new());
    }
    let values: Vec<&(dyn ToSql + Sync)> = values.iter().map(Value::parameter).collect();
    Ok(client.query(statement, &values).await?)
}

/// Begins a transaction and reads what the units are about.
pub(super) async fn begin(client: &Object, tenant: &str, units: &[&Prepared]) -> Result<Rows, Failure> {
    // All are prepared before the first is sent: they have to arrive in this order.
    let set_scope = client.prepare_cached(SET_SCOPE).await?;
    let lock = client.prepare_cached(&lock_of_tenant()).await?;
    let jobs = client.prepare_cached(JOBS).await?;
    let keys = client.prepare_cached(KEYS).await?;
    let runs = client.prepare_cached(RUNS).await?;
    let edges = client.prepare_cached(EDGES).await?;
    let messages = client.prepare_cached(MESSAGES).await?;
    let seqs = client.prepare_cached(SEQS).await?;
    let named = Named::by(units.iter().copied());
    let scope = Scope::Tenant(tenant).settings();
    let of = || Value::text(tenant);
    let (one, of_jobs) = ([of()], [of(), texts(named.jobs.iter().copied())]);
    let of_keys = [
        of(),
        texts(named.keys.iter().map(|key| key.0)),
        texts(named.keys.iter().map(|key| key.1)),
        texts(named.keys.iter().map(|key| key.2)),
    ];
    let of_runs = [
        of(),
        texts(named.runs.iter().copied()),
        texts(named.slots.iter().map(|slot| slot.0)),
        Value::Ints(named.slots.iter().map(|slot| slot.1).collect()),
    ];
    let of_edges = [
        of(),
        texts(named.edges.iter().map(|edge| edge.0)),
        texts(named.edges.iter().map(|edge| edge.1)),
    ];
    let of_messages = [
        of(),
        texts(named.messages.iter().copied()),
        texts(named.once.iter().copied()),
    ];
    let of_seqs = [Value::Int(named.new_jobs)];
    let mut first = true;
    loop {
        let began = async {
            if first {
                client.batch_execute("BEGIN").await
            } else {
                Ok(())
            }
        };
        let (began, scoped, locked, jobs, keys, runs, edges, messages, seqs) = join!(
            began,
            ask(client, &set_scope, first, &scope),
            ask(client, &lock, true, &one),
            ask(client, &jobs, !named.jobs.is_empty(), &of_jobs),
            ask(client, &keys, !named.keys.is_empty(), &of_keys),
            ask(client, &runs, !named.runs.is_empty(), &of_runs),
            ask(client, &edges, !named.edges.is_empty(), &of_edges),
            ask(
                client,
                &messages,
                !(named.messages.is_empty() && named.once.is_empty()),
                &of_messages
            ),
            ask(client, &seqs, named.new_jobs > 0, &of_seqs),
        );
        began?;
        scoped?;
        let locked = locked?;
        let (jobs, keys, runs, edges, messages, seqs) = (jobs?, keys?, runs?, edges?, messages?, seqs?);
        let Some(of_tenant) = locked.first() else {
            // The first write of a tenant: its row is there for ever now, and everything is read again
            // under its lock.
            let insert = client.prepare_cached(FIRST).await?;
            ask(client, &insert, true, &one).await?;
            first = false;
            continue;
        };
        let mut rows = Rows {
            sums: codec::sums(of_tenant)?,
            ..Rows::default()
        };
        let seqs: Result<Vec<i64>, Failure> = seqs.iter().map(|row| codec::int(row, 0)).collect();
        rows.seqs = seqs?.into_iter();
        load_jobs(&mut rows, &jobs)?;
        load_keys(&mut rows, &keys)?;
        for row in &runs {
            let (id, job, slot) = (codec::text(row, 0)?, codec::text(row, 1)?, codec::int(row, 2)?);
            rows.slots.load((job.clone(), slot), id.clone());
            let bytes = codec::int(row, 3)?;
            rows.runs.load(
                id,
                RunAt {
                    job,
                    slot,
                    bytes,
                    is_new: false,
                    row: None,
                },
            );
        }
        for row in &edges {
            rows.edges
                .load((codec::text(row, 0)?, codec::text(row, 1)?), None);
        }
        for row in &messages {
            let delivery = codec::word(row, 2)?;
            rows.once.load(codec::text(row, 1)?, ());
            rows.messages
                .load(codec::text(row, 0)?, MessageRow { delivery, new: None });
        }
        keys_of_updates(client, tenant, units, &mut rows).await?;
        return Ok(rows);
    }
}

pub(in crate::storage::postgres) fn lock_of_tenant() -> String {
    format!("SELECT bytes, {STATUS_COLUMNS} FROM stored WHERE tenant = $1 FOR UPDATE")
}

fn load_jobs(rows: &mut Rows, found: &[Row]) -> Result<(), Failure> {
    for row in found {
        let status = codec::text(row, 7)?;
        let job = JobRow {
            seq: codec::int(row, 1)?,
            agent: codec::text(row, 2)?,
            user: codec::text(row, 3)?,
            key: codec::maybe_text(row, 4)?,
            revision: codec::int(row, 5)?,
            token: codec::int(row, 6)?,
            status: JobStatus::parse(&status).ok_or(status),
            lease_until: codec::maybe_int(row, 8)?,
            due_at: codec::maybe_int(row, 9)?,
            spec_bytes: codec::int(row, 10)?,
            state_bytes: codec::int(row, 11)?,
            updated_at: codec::int(row, 12)?,
            new: None,
            spec: None,
            state: None,
            released: false,
        };
        let id = codec::text(row, 0)?;
        if let Some(key) = &job.key {
            rows.keys
                .load((job.agent.clone(), job.user.clone(), key.clone()), id.clone());
        }
        rows.jobs.load(id, job);
    }
    Ok(())
}

fn load_keys(rows: &mut Rows, found: &[Row]) -> Result<(), Failure> {
    for row in found {
        let key = (codec::text(row, 0)?, codec::text(row, 1)?, codec::text(row, 2)?);
        rows.keys.load(key, codec::text(row, 3)?);
    }
    Ok(())
}

/// Who has the keys that jobs are to get: known once the jobs are. Hardly ever is there one.
async fn keys_of_updates(
    client: &Object,
    tenant: &str,
    units: &[&Prepared],
    rows: &mut Rows,
) -> Result<(), Failure> {
    let mut asked: [Vec<String>; 3] = Default::default();
    for step in units.iter().flat_map(|unit| &unit.steps) {
        let Step::UpdateJob(update) = step else { continue };
        let key = update.spec.as_ref().and_then(|spec| spec.key.as_ref());
        let Some((key, row)) = key.zip(rows.jobs.get(&update.id)) else {
            continue;
        };
        if row.key.as_ref() != Some(key) {
            for (column, value) in asked.iter_mut().zip([&row.agent, &row.user, key]) {
                column.push(stored(value).into_owned());
            }
        }
    }
    if asked[0].is_empty() {
        return Ok(());
    }
    let [agents, users, keys] = asked.map(Value::Texts);
    let statement = client.prepare_cached(KEYS).await?;
    let found = ask(
        client,
        &statement,
        true,
        &[Value::text(tenant), agents, users, keys],
    )
    .await?;
    load_keys(rows, &found)
}
