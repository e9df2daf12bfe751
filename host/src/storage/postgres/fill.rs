//! A store that an import fills: alone in its database meanwhile (`presence.rs`), and with a row in
//! `half_imported` until it is whole, so that no host opens it.

use async_trait::async_trait;
use deadpool_postgres::Object;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use super::commit;
use super::connect::Connector;
use super::failure::Failure;
use super::presence::{self, As};
use super::session::ended_how;
use super::terms::Terms;
use super::text::stored;
use super::{OpenError, codec, versions};
use crate::storage::moving::{
    Batch, Cell, Counts, Kind, Last, PutError, Reached, Row, TABLES, Table, Target, add_sums, check_count,
    last_of,
};

/// Work of the host's own: rows of all tenants.
const BEGIN: &str = "BEGIN; SELECT set_config('app.scope', 'host', true)";

/// The store of a Postgres database while it is filled.
pub struct PostgresTarget {
    client: Object,
    reached: Reached,
}

/// How far an import got that is not finished. The transaction is the host's.
pub(super) async fn reached(client: &Client) -> Result<Option<Reached>, Failure> {
    let rows = client
        .query("SELECT lines, digest FROM half_imported", &[])
        .await?;
    let reached = rows.first().map(|row| {
        Ok(Reached {
            lines: codec::count(row, 0)?,
            digest: codec::bytes(row, 1)?,
        })
    });
    reached.transpose()
}

/// Whether all rows are there that an import brought.
pub(super) async fn is_whole(client: &Client) -> Result<bool, OpenError> {
    client.batch_execute(BEGIN).await?;
    let reached = reached(client).await?;
    client.batch_execute("COMMIT").await?;
    Ok(reached.is_none())
}

/// The numbers of a table's rows come from it.
pub(super) fn sequence(table: &Table) -> String {
    match table.numbered {
        // In other tables it is made with the column.
        Some(column) if table.name != "jobs" => format!("{}_{column}_seq", table.name),
        _ => "jobs_seq".into(),
    }
}

impl PostgresTarget {
    /// Opens a store for an import, and makes its tables where there are none. It has to be empty, or half
    /// filled by an import before.
    ///
    /// # Errors
    /// As [`PostgresStorage::open`](super::PostgresStorage::open), when it has rows already, and when a host
    /// or another import has it open.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        let connector = Connector::new(url)?;
        let mut client = connector.object().await?;
        if !presence::enter(&client, As::Import).await? {
            return Err(OpenError::InUse);
        }
        versions::migrate(&mut client).await?;
        client.batch_execute(BEGIN).await?;
        let reached = match reached(&client).await? {
            Some(reached) => reached,
            None => {
                for table in &TABLES {
                    let some = format!("SELECT EXISTS (SELECT FROM {})", table.name);
                    if client.query_one(&some, &[]).await?.try_get(0)? {
                        return Err(OpenError::NotEmpty(table.name));
                    }
                }
                Reached::default()
            }
        };
        client.batch_execute("COMMIT").await?;
        Ok(Self { client, reached })
    }

    async fn put_rows(&self, batch: &Batch) -> Result<(), Failure> {
        insert(&self.client, batch.table, &batch.rows).await?;
        commit::put_texts(&self.client, &batch.indexed::<Terms>()).await
    }

    async fn put_all(&self, batch: &Batch, reached: &Reached) -> Result<(), Failure> {
        const NOTE: &str = "INSERT INTO half_imported (one, lines, digest) VALUES (1, $1, $2) \
             ON CONFLICT (one) DO UPDATE SET lines = excluded.lines, digest = excluded.digest";
        self.client.batch_execute(BEGIN).await?;
        self.put_rows(batch).await?;
        let add = self.client.prepare_cached(&add_sums('$')).await?;
        for (tenant, sums) in batch.sums() {
            let tenant = stored(tenant);
            let counts = sums.jobs.columns();
            let mut parameters: Vec<&(dyn ToSql + Sync)> = vec![&tenant, &sums.bytes];
            parameters.extend(counts.iter().map(|count| count as &(dyn ToSql + Sync)));
            self.client.execute(&add, &parameters).await?;
        }
        let note = self.client.prepare_cached(NOTE).await?;
        let lines = i64::try_from(reached.lines).unwrap_or(i64::MAX);
        self.client.execute(&note, &[&lines, &reached.digest]).await?;
        self.client.batch_execute("COMMIT").await.map_err(ended_how)
    }

    /// Which of some rows is the one that cannot be there: the first that is refused when they come one by
    /// one. Nothing of that stays.
    async fn refused(&self, batch: Batch, why: Failure) -> Result<PutError, Failure> {
        self.client.batch_execute("ROLLBACK").await?;
        self.client.batch_execute(BEGIN).await?;
        let mut refused = PutError::Storage(why.to_string());
        for (place, row) in batch.rows.into_iter().enumerate() {
            let (table, rows) = (batch.table, vec![row]);
            if let Err(why) = self.put_rows(&Batch { table, rows }).await {
                let why = why.to_string().replace('\n', ": ");
                refused = PutError::Row { place, why };
                break;
            }
        }
        self.client.batch_execute("ROLLBACK").await?;
        Ok(refused)
    }

    async fn make_whole(&self, counts: &Counts, last: &Last) -> Result<Result<(), PutError>, Failure> {
        self.client.batch_execute(BEGIN).await?;
        // Counting a large store takes longer than any call does.
        self.client
            .batch_execute("SET LOCAL statement_timeout = 0")
            .await?;
        for table in &TABLES {
            let count = format!("SELECT count(*) FROM {}", table.name);
            let found = codec::count(&self.client.query_one(&count, &[]).await?, 0)?;
            if let Err(error) = check_count(table, counts, found) {
                self.client.batch_execute("ROLLBACK").await?;
                return Ok(Err(error));
            }
            if let Some(column) = table.numbered {
                let greatest = format!("SELECT max({column}) FROM {}", table.name);
                let greatest = codec::maybe_int(&self.client.query_one(&greatest, &[]).await?, 0)?;
                let last = last_of(last, table, greatest);
                // A sequence begins at 1: one that gave nothing stays as it is.
                if last > 0 {
                    let set = format!("SELECT setval('{}', $1)", sequence(table));
                    self.client.execute(&set, &[&last]).await?;
                }
            }
        }
        self.client.execute("DELETE FROM half_imported", &[]).await?;
        self.client.batch_execute("COMMIT").await.map_err(ended_how)?;
        Ok(Ok(()))
    }
}

/// What of new jobs has its own table.
const AGENDA: &str = "listed AS (INSERT INTO agenda (tenant, id, seq, agent, \"user\", status, job_type, lease_token, due_at, \
     available_at) SELECT tenant, id, seq, agent, \"user\", status, job_type, lease_token, due_at, due_at FROM new)";
/// The columns that are only there.
const IN_AGENDA: [&str; 2] = ["due_at", "lease_token"];

fn jobs_of_new(table: &Table) -> String {
    let own = table
        .columns
        .iter()
        .filter(|column| !IN_AGENDA.contains(&column.name));
    let own: Vec<String> = own.map(|column| format!("\"{}\"", column.name)).collect();
    let own = own.join(", ");
    format!("INSERT INTO jobs ({own}) SELECT {own} FROM new")
}

/// Rows of one table, as one array a column.
async fn insert(client: &Object, table: &Table, rows: &[Row]) -> Result<(), Failure> {
    let kinds = table.columns.iter().enumerate().map(|(place, column)| {
        let kind = match column.kind {
            Kind::Text => "text",
            Kind::Int => "bigint",
            Kind::Bytes => "bytea",
        };
        format!("${}::{kind}[]", place + 1)
    });
    let kinds: Vec<String> = kinds.collect();
    let columns = table.column_list();
    let new = format!("unnest({}) AS new ({columns})", kinds.join(", "));
    let sql = match table.name {
        "jobs" => format!(
            "WITH new AS MATERIALIZED (SELECT * FROM {new}), {AGENDA} {}",
            jobs_of_new(table)
        ),
        name => format!("INSERT INTO {name} ({columns}) OVERRIDING SYSTEM VALUE SELECT new.* FROM {new}"),
    };
    let statement = client.prepare_cached(&sql).await?;
    let arrays: Vec<Box<dyn ToSql + Sync + Send + '_>> = table
        .columns
        .iter()
        .enumerate()
        .map(|(place, column)| array(column.kind, rows, place))
        .collect();
    let parameters: Vec<&(dyn ToSql + Sync)> = arrays
        .iter()
        .map(|array| &**array as &(dyn ToSql + Sync))
        .collect();
    client.execute(&statement, &parameters).await?;
    Ok(())
}

fn array(kind: Kind, rows: &[Row], place: usize) -> Box<dyn ToSql + Sync + Send + '_> {
    let cells = rows.iter().map(move |Row(cells)| cells.get(place));
    match kind {
        Kind::Text => {
            let texts = cells.map(|cell| cell.and_then(Cell::text).map(stored));
            Box::new(texts.collect::<Vec<_>>())
        }
        Kind::Int => Box::new(cells.map(|cell| cell.and_then(Cell::int)).collect::<Vec<_>>()),
        Kind::Bytes => Box::new(cells.map(|cell| cell.and_then(Cell::bytes)).collect::<Vec<_>>()),
    }
}

impl From<Failure> for PutError {
    fn from(failure: Failure) -> Self {
        Self::Storage(failure.to_string())
    }
}

#[async_trait]
impl Target for PostgresTarget {
    fn reached(&self) -> &Reached {
        &self.reached
    }

    async fn put(&mut self, batch: Batch, reached: Reached) -> Result<(), PutError> {
        match self.put_all(&batch, &reached).await {
            Err(failure) if failure.is_of_data() => Err(self.refused(batch, failure).await?),
            put => Ok(put?),
        }
    }

    async fn finish(&mut self, counts: &Counts, last: &Last) -> Result<(), PutError> {
        self.make_whole(counts, last).await?
    }
}
