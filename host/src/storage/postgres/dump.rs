//! All rows of a store, as of one instant, also while hosts work on it.

use deadpool_postgres::Object;
use futures_util::TryStreamExt as _;
use tokio::sync::mpsc::Sender;

use super::connect::Connector;
use super::failure::Failure;
use super::{OpenError, codec, fill, presence, versions};
use crate::storage::moving::{Cell, Dump, Kind, Last, Row, Sent, TABLES, Table};

/// One instant for all statements. It lasts for as long as whoever takes the rows needs.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 0; \
     SET LOCAL idle_in_transaction_session_timeout = 0; SELECT set_config('app.scope', 'host', true)";

/// What a job is in one storage stands in two tables here.
const JOBS: &str = "(SELECT jobs.*, agenda.due_at, agenda.lease_token FROM jobs \
     JOIN agenda ON agenda.tenant = jobs.tenant AND agenda.id = jobs.id) AS jobs";

fn select(table: &Table) -> String {
    match table.name {
        "jobs" => table.select_from(JOBS),
        _ => table.select(),
    }
}

/// Reads all rows of a store: those that it has when this is called.
///
/// # Errors
/// When the database cannot be reached, or there is no whole store of this version in it.
pub async fn dump(url: &str) -> Result<Dump, OpenError> {
    let connector = Connector::new(url)?;
    let client = connector.object().await?;
    client.batch_execute(BEGIN).await?;
    versions::check(&client).await?;
    if fill::reached(&client).await?.is_some() {
        return Err(OpenError::HalfImported);
    }
    let mut last = Last::new();
    for table in TABLES.iter().filter(|table| table.numbered.is_some()) {
        let sequence = fill::sequence(table);
        let sql = format!("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}");
        last.insert(
            table.name.to_owned(),
            client.query_one(&sql, &[]).await?.try_get(0)?,
        );
    }
    let (dump, sender) = Dump::new(last, presence::has_host(&client).await?);
    tokio::spawn(async move {
        let end = match send(&client, &sender).await {
            Ok(()) => Sent::End,
            Err(failure) => Sent::Failed(failure.to_string()),
        };
        // Who does not want the rest has gone.
        let _ = sender.send(end).await;
    });
    Ok(dump)
}

/// Rows are read as they are taken: Postgres waits meanwhile.
async fn send(client: &Object, sender: &Sender<Sent>) -> Result<(), Failure> {
    for table in &TABLES {
        let none: [&str; 0] = [];
        let mut rows = std::pin::pin!(client.query_raw(&select(table), none).await?);
        while let Some(found) = rows.try_next().await? {
            if sender.send(Sent::Row(table, row(table, &found)?)).await.is_err() {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn row(table: &Table, found: &tokio_postgres::Row) -> Result<Row, Failure> {
    let cells = table
        .columns
        .iter()
        .enumerate()
        .map(|(place, column)| match column.kind {
            Kind::Text => Ok(codec::maybe_text(found, place)?.map_or(Cell::Null, Cell::Text)),
            Kind::Int => Ok(codec::maybe_int(found, place)?.map_or(Cell::Null, Cell::Int)),
            Kind::Bytes => codec::bytes(found, place).map(Cell::Bytes),
        });
    Ok(Row(cells.collect::<Result<_, Failure>>()?))
}
