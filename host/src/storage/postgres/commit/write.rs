//! Writes what was decided in one round trip: one statement a table, whatever the number of rows.

use std::borrow::Cow;

use deadpool_postgres::Object;
use futures_util::join;
use tokio_postgres::Statement;
use tokio_postgres::types::ToSql;

use super::statements::{
    DELETE_EDGES, INSERT_AGENDA, INSERT_CHANGES, INSERT_JOBS, INSERT_MESSAGES, INSERT_RUNS, PUT_EDGES,
    PUT_TEXTS, PUT_WORDS, STORED, UPDATE_AGENDA, UPDATE_JOBS, UPDATE_MESSAGES, UPDATE_RUNS,
};
use super::{Rows, texts};
use crate::storage::postgres::failure::Failure;
use crate::storage::postgres::terms::Terms;
use crate::storage::postgres::text::stored;
use crate::storage::units::{self, State, Sums};
use crate::storage::words::Word as _;

type JobRow = units::JobRow<Terms>;
type NewJob = units::NewJob<Terms>;
type Spec = units::Spec<Terms>;

pub(super) type Parameters<'a> = Vec<Box<dyn ToSql + Sync + Send + 'a>>;

/// The columns of some rows, as arrays.
pub(super) fn column<'a, R, T: ToSql + Sync + Send + 'a>(
    rows: &[R],
    value: impl Fn(&R) -> T,
) -> Box<dyn ToSql + Sync + Send + 'a> {
    Box::new(rows.iter().map(value).collect::<Vec<T>>())
}

fn maybe(text: Option<&String>) -> Option<Cow<'_, str>> {
    text.map(|text| stored(text))
}

/// A write of a pipeline: none is sent where there is nothing to write.
pub(super) async fn write(
    client: &Object,
    statement: &Statement,
    tenant: Option<&str>,
    columns: Option<Parameters<'_>>,
) -> Result<(), Failure> {
    let Some(columns) = columns else { return Ok(()) };
    let tenant = tenant.map(stored);
    let mut parameters: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(columns.len() + 1);
    if let Some(tenant) = &tenant {
        parameters.push(tenant);
    }
    parameters.extend(columns.iter().map(|column| &**column as &(dyn ToSql + Sync)));
    client.execute(statement, &parameters).await?;
    Ok(())
}

/// Writes; the commit is the caller's: it is sent when all of this is known to have arrived.
pub(super) async fn all(client: &Object, tenant: &str, rows: &Rows) -> Result<(), Failure> {
    // All are prepared first: then they are on their way at once.
    let insert_jobs = client.prepare_cached(INSERT_JOBS).await?;
    let insert_agenda = client.prepare_cached(INSERT_AGENDA).await?;
    let update_jobs = client.prepare_cached(UPDATE_JOBS).await?;
    let update_agenda = client.prepare_cached(UPDATE_AGENDA).await?;
    let put_texts = client.prepare_cached(PUT_TEXTS).await?;
    let put_words = client.prepare_cached(PUT_WORDS).await?;
    let insert_runs = client.prepare_cached(INSERT_RUNS).await?;
    let update_runs = client.prepare_cached(UPDATE_RUNS).await?;
    let put_edges = client.prepare_cached(PUT_EDGES).await?;
    let delete_edges = client.prepare_cached(DELETE_EDGES).await?;
    let insert_messages = client.prepare_cached(INSERT_MESSAGES).await?;
    let update_messages = client.prepare_cached(UPDATE_MESSAGES).await?;
    let insert_changes = client.prepare_cached(INSERT_CHANGES).await?;
    let update_stored = client.prepare_cached(STORED).await?;
    let of = Some(tenant);
    let stored: Option<Parameters<'_>> = Some(sums(&rows.sums));
    let (job_texts, words) = texts::terms(tenant, rows);
    let written = join!(
        write(client, &insert_jobs, of, new_jobs(rows)),
        write(client, &insert_agenda, of, new_in_agenda(rows)),
        write(client, &update_jobs, None, changed_jobs(tenant, rows)),
        write(client, &update_agenda, None, changed_in_agenda(tenant, rows)),
        write(client, &put_texts, of, job_texts),
        write(client, &put_words, None, words),
        write(client, &insert_runs, of, new_runs(rows)),
        write(client, &update_runs, None, changed_runs(tenant, rows)),
        write(client, &put_edges, of, edges(rows)),
        write(client, &delete_edges, None, gone_edges(tenant, rows)),
        write(client, &insert_messages, of, new_messages(rows)),
        write(client, &update_messages, None, deliveries(tenant, rows)),
        write(client, &insert_changes, of, new_changes(rows)),
        write(client, &update_stored, of, stored),
    );
    let (a, b, c, d, e, f, g, h, i, j, k, l, m, n) = written;
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n].into_iter().collect()
}

/// A row of `stored`: bytes, then the counts.
pub(super) fn sums(sums: &Sums) -> Parameters<'static> {
    let counts = sums.jobs.columns().into_iter();
    let columns = std::iter::once(sums.bytes).chain(counts);
    columns.map(|value| Box::new(value) as _).collect()
}

/// None where there are no rows.
pub(super) fn some<R>(rows: Vec<R>) -> Option<Vec<R>> {
    (!rows.is_empty()).then_some(rows)
}

/// A job's row with all that is inserted of it; none: it is there already.
fn whole(row: &JobRow) -> Option<(&JobRow, &NewJob, &Spec, &State)> {
    Some((
        row,
        row.new.as_deref()?,
        row.spec.as_deref()?,
        row.state.as_deref()?,
    ))
}

fn inserted(rows: &Rows) -> Option<Vec<(&JobRow, &NewJob, &Spec, &State)>> {
    let changed = rows.jobs.changes().filter_map(|(_, row)| row);
    some(changed.filter_map(whole).collect())
}

fn new_jobs(rows: &Rows) -> Option<Parameters<'_>> {
    let jobs = inserted(rows)?;
    Some(vec![
        column(&jobs, |job| job.0.seq),
        column(&jobs, |job| stored(&job.1.id)),
        column(&jobs, |job| stored(&job.1.agent)),
        column(&jobs, |job| stored(&job.1.user)),
        column(&jobs, |job| stored(&job.1.created_by)),
        column(&jobs, |job| job.1.created_at),
        column(&jobs, |job| job.0.updated_at),
        column(&jobs, |job| job.0.revision),
        column(&jobs, |job| job.3.status.word()),
        column(&jobs, |job| job.2.job_type.word()),
        column(&jobs, |job| stored(&job.2.title)),
        column(&jobs, |job| maybe(job.2.key.as_ref())),
        column(&jobs, |job| maybe(job.3.open_run.as_ref())),
        column(&jobs, |job| job.2.json.as_str()),
        column(&jobs, |job| job.3.json.as_str()),
    ])
}

fn new_in_agenda(rows: &Rows) -> Option<Parameters<'_>> {
    let jobs = inserted(rows)?;
    Some(vec![
        column(&jobs, |job| job.0.seq),
        column(&jobs, |job| stored(&job.1.id)),
        column(&jobs, |job| stored(&job.1.agent)),
        column(&jobs, |job| stored(&job.1.user)),
        column(&jobs, |job| job.3.status.word()),
        column(&jobs, |job| job.2.job_type.word()),
        column(&jobs, |job| job.0.due_at),
        column(&jobs, |job| job.0.available_at()),
    ])
}

/// Rows that were there already.
fn changed(rows: &Rows) -> impl Iterator<Item = (&String, &JobRow)> {
    let changed = rows.jobs.changes().filter_map(|(id, row)| Some((id, row?)));
    changed.filter(|(_, row)| row.new.is_none())
}

/// What becomes of jobs themselves; a lease that ends is none of it.
fn changed_jobs<'a>(tenant: &'a str, rows: &'a Rows) -> Option<Parameters<'a>> {
    let with_state = |(id, row): (&'a String, &'a JobRow)| Some((id, row, row.state.as_deref()?));
    let jobs: Vec<(&String, &JobRow, &State)> = some(changed(rows).filter_map(with_state).collect())?;
    let spec = |row: &'a JobRow| row.spec.as_deref();
    Some(vec![
        column(&jobs, |_| stored(tenant)),
        column(&jobs, |(id, ..)| stored(id)),
        column(&jobs, |(_, row, _)| row.revision),
        column(&jobs, |(.., state)| state.status.word()),
        column(&jobs, |(_, row, _)| row.updated_at),
        column(&jobs, |(.., state)| maybe(state.open_run.as_ref())),
        column(&jobs, |(.., state)| state.json.as_str()),
        column(&jobs, |(_, row, _)| spec(row).map(|spec| stored(&spec.title))),
        column(&jobs, |(_, row, _)| spec(row).map(|spec| spec.job_type.word())),
        column(&jobs, |(_, row, _)| {
            spec(row).and_then(|spec| maybe(spec.key.as_ref()))
        }),
        column(&jobs, |(_, row, _)| spec(row).map(|spec| spec.json.as_str())),
    ])
}

fn changed_in_agenda<'a>(tenant: &'a str, rows: &'a Rows) -> Option<Parameters<'a>> {
    let jobs: Vec<(&String, &JobRow)> = some(changed(rows).collect())?;
    Some(vec![
        column(&jobs, |_| stored(tenant)),
        column(&jobs, |(id, _)| stored(id)),
        column(&jobs, |(_, row)| row.due_at),
        column(&jobs, |(_, row)| row.available_at()),
        column(&jobs, |(_, row)| row.released),
        column(&jobs, |(_, row)| {
            row.state.as_ref().map(|state| state.status.word())
        }),
        column(&jobs, |(_, row)| {
            row.spec.as_ref().map(|spec| spec.job_type.word())
        }),
    ])
}

fn new_runs(rows: &Rows) -> Option<Parameters<'_>> {
    let changed = rows.runs.changes().filter_map(|(_, row)| row);
    let runs = some(
        changed
            .filter(|row| row.is_new)
            .filter_map(|row| row.row.as_ref())
            .collect(),
    )?;
    Some(vec![
        column(&runs, |run| stored(&run.id)),
        column(&runs, |run| stored(&run.job)),
        column(&runs, |run| run.slot),
        column(&runs, |run| run.status.word()),
        column(&runs, |run| run.json.as_str()),
    ])
}

fn changed_runs<'a>(tenant: &'a str, rows: &'a Rows) -> Option<Parameters<'a>> {
    let changed = rows.runs.changes().filter_map(|(_, row)| row);
    let runs = some(
        changed
            .filter(|row| !row.is_new)
            .filter_map(|row| row.row.as_ref())
            .collect(),
    )?;
    Some(vec![
        column(&runs, |_| stored(tenant)),
        column(&runs, |run| stored(&run.id)),
        column(&runs, |run| run.status.word()),
        column(&runs, |run| run.json.as_str()),
    ])
}

fn edges(rows: &Rows) -> Option<Parameters<'_>> {
    let edges = some(
        rows.edges
            .changes()
            .filter_map(|(_, edge)| edge?.as_ref())
            .collect(),
    )?;
    Some(vec![
        column(&edges, |edge| stored(&edge.dependent)),
        column(&edges, |edge| stored(&edge.prerequisite)),
        column(&edges, |edge| edge.on.word()),
        column(&edges, |edge| i64::from(edge.delay_seconds)),
        column(&edges, |edge| edge.status.word()),
        column(&edges, |edge| edge.settled_at),
    ])
}

fn gone_edges<'a>(tenant: &'a str, rows: &'a Rows) -> Option<Parameters<'a>> {
    let gone = rows.edges.changes().filter(|(_, edge)| edge.is_none());
    let edges = some(gone.map(|(key, _)| key).collect())?;
    Some(vec![
        column(&edges, |_| stored(tenant)),
        column(&edges, |edge| stored(&edge.0)),
        column(&edges, |edge| stored(&edge.1)),
    ])
}

fn new_messages(rows: &Rows) -> Option<Parameters<'_>> {
    let changed = rows.messages.changes().filter_map(|(_, row)| row);
    let mut messages = some(
        changed
            .filter_map(|row| {
                row.new
                    .as_ref()
                    .map(|(place, message)| (*place, message, row.delivery))
            })
            .collect(),
    )?;
    messages.sort_by_key(|(place, ..)| *place);
    Some(vec![
        column(&messages, |message| stored(&message.1.id)),
        column(&messages, |message| stored(&message.1.once_key)),
        column(&messages, |message| message.1.kind.word()),
        column(&messages, |message| stored(&message.1.job)),
        column(&messages, |message| maybe(message.1.run.as_ref())),
        column(&messages, |message| stored(&message.1.agent)),
        column(&messages, |message| stored(&message.1.user)),
        column(&messages, |message| maybe(message.1.conversation.as_ref())),
        column(&messages, |message| maybe(message.1.related_entity_id.as_ref())),
        column(&messages, |message| maybe(message.1.narrative_id.as_ref())),
        column(&messages, |message| stored(&message.1.title)),
        column(&messages, |message| stored(&message.1.text)),
        column(&messages, |message| message.2.word()),
        column(&messages, |message| message.1.created_at),
    ])
}

fn deliveries<'a>(tenant: &'a str, rows: &'a Rows) -> Option<Parameters<'a>> {
    let changed = rows.messages.changes().filter_map(|(id, row)| Some((id, row?)));
    let messages = some(changed.filter(|(_, row)| row.new.is_none()).collect())?;
    Some(vec![
        column(&messages, |_| stored(tenant)),
        column(&messages, |(id, _)| stored(id)),
        column(&messages, |(_, row)| row.delivery.word()),
    ])
}

fn new_changes(rows: &Rows) -> Option<Parameters<'_>> {
    let changes = some(rows.new_changes.iter().collect())?;
    Some(vec![
        column(&changes, |change| stored(&change.job)),
        column(&changes, |change| change.at),
        column(&changes, |change| change.from.word()),
        column(&changes, |change| change.to.word()),
        column(&changes, |change| stored(&change.by)),
        column(&changes, |change| {
            change.reason.as_ref().map(|reason| stored(&reason.code))
        }),
        column(&changes, |change| {
            change.reason.as_ref().map(|reason| stored(&reason.message))
        }),
    ])
}
