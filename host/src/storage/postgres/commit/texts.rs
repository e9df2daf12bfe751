//! Texts of jobs and their words, as the index has them.

use deadpool_postgres::Object;

use super::Rows;
use super::statements::{PUT_TEXTS, PUT_WORDS};
use super::write::{Parameters, column, some, write};
use crate::storage::postgres::failure::Failure;
use crate::storage::postgres::terms::Terms;
use crate::storage::postgres::text::stored;
use crate::storage::units::JobText;

/// Numbers as Postgres writes an array.
fn array(numbers: &[i64]) -> String {
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}

/// Texts of jobs, and their words.
pub(super) fn terms<'a>(tenant: &'a str, rows: &'a Rows) -> (Option<Parameters<'a>>, Option<Parameters<'a>>) {
    let changed = rows.jobs.changes().filter_map(|(_, row)| row);
    let jobs = changed.filter_map(|row| {
        let spec = row.spec.as_ref()?;
        Some(JobText {
            tenant,
            seq: row.seq,
            agent: &row.agent,
            user: &row.user,
            title: &spec.title,
            indexed: &spec.indexed,
        })
    });
    match some(jobs.collect()) {
        Some(jobs) => (Some(texts(&jobs)), Some(words(&jobs))),
        None => (None, None),
    }
}

fn texts<'a>(jobs: &[JobText<'a, &'a Terms>]) -> Parameters<'a> {
    vec![
        column(jobs, |job| job.seq),
        column(jobs, |job| stored(job.agent)),
        column(jobs, |job| stored(job.user)),
        column(jobs, |job| stored(job.title)),
        column(jobs, |job| job.indexed.text.as_str()),
        column(jobs, |job| job.indexed.hash),
    ]
}

fn words<'a>(jobs: &[JobText<'a, &'a Terms>]) -> Parameters<'a> {
    vec![
        column(jobs, |job| job.seq),
        column(jobs, |job| array(&job.indexed.words)),
    ]
}

/// Puts texts of jobs into the index, each tenant's by themselves.
pub(in crate::storage::postgres) async fn put_texts(
    client: &Object,
    jobs: &[JobText<'_, Terms>],
) -> Result<(), Failure> {
    let put_texts = client.prepare_cached(PUT_TEXTS).await?;
    let put_words = client.prepare_cached(PUT_WORDS).await?;
    for of_tenant in jobs.chunk_by(|one, next| one.tenant == next.tenant) {
        let borrowed: Vec<_> = of_tenant.iter().map(JobText::by_ref).collect();
        let tenant = borrowed.first().map(|job| job.tenant);
        write(client, &put_texts, tenant, Some(texts(&borrowed))).await?;
        write(client, &put_words, None, Some(words(&borrowed))).await?;
    }
    Ok(())
}
