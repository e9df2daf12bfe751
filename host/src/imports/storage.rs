//! `storage`: bounds are checked here, before storage is asked; the tenant, the lease's owner and
//! the present are bound here.

use super::{CallState, LimitReached, Outlet, guard};
use crate::events;
use crate::limits::{self, CLAIM_JOBS_MAX, PAGE_ROWS_MAX};
use crate::search::writes_texts;
use crate::wit::storage::{
    Claim, EdgeFilter, HitPage, Host, JobFilter, JobPage, MessageFilter, Page, Rejection, RunFilter,
    SearchMode, SearchQuery, StorageError, Unit, Write,
};
use crate::wit::types::{Edge, Job, Message, Run, StatusChange};

/// The outer result is the trap, the inner one the contract's.
type Answer<T> = wasmtime::Result<Result<T, StorageError>>;

pub(super) fn bounded(what: &str, count: usize, most: usize) -> Result<(), StorageError> {
    if count <= most {
        return Ok(());
    }
    Err(StorageError::LimitExceeded(format!(
        "{count} {what}; at most {most}"
    )))
}

fn page_rows(limit: u32) -> Result<(), StorageError> {
    if (1..=PAGE_ROWS_MAX).contains(&limit) {
        return Ok(());
    }
    Err(StorageError::LimitExceeded(format!(
        "a page of {limit} rows; 1 to {PAGE_ROWS_MAX}"
    )))
}

/// An answer that storage could give. Rows that are too many for it are too many for the guest's
/// memory as well: then the call ends as it would there, and its caller asks for less.
fn fits<T>(outlet: &dyn Outlet, answer: Result<T, StorageError>) -> Answer<T> {
    match answer {
        Err(StorageError::LimitExceeded(_)) => Err(LimitReached::Memory.into()),
        answer => Ok(heard(outlet, answer)),
    }
}

/// Whether storage answers the host knows from storage, not from the component.
fn heard<T>(outlet: &dyn Outlet, answer: Result<T, StorageError>) -> Result<T, StorageError> {
    if let Err(StorageError::Unavailable(_)) = &answer {
        outlet.storage_failed();
    }
    answer
}

fn writes_messages(unit: &Unit) -> bool {
    let concerns = |write: &Write| matches!(write, Write::InsertMessage(_) | Write::UpdateMessage(_));
    unit.writes.iter().any(concerns)
}

fn edge_rows(filter: &EdgeFilter) -> Result<(), StorageError> {
    match filter {
        EdgeFilter::OfDependents(jobs) => bounded("dependents", jobs.len(), PAGE_ROWS_MAX as usize),
        EdgeFilter::OfPrerequisite(prerequisite) => page_rows(prerequisite.limit),
        EdgeFilter::Ancestors(of) => bounded("dependents", of.dependents.len(), PAGE_ROWS_MAX as usize)
            .and_then(|()| bounded("edges", of.limit as usize, limits::ANCESTOR_EDGES_MAX as usize)),
    }
}

fn search_bounds(query: &SearchQuery) -> Result<(), StorageError> {
    page_rows(query.page.limit)?;
    bounded("search terms", query.terms.len(), limits::SEARCH_TERMS_MAX)?;
    let longest = query
        .terms
        .iter()
        .map(|term| term.chars().count())
        .max()
        .unwrap_or(0);
    bounded(
        "characters of a search term",
        longest,
        limits::SEARCH_TERM_CHARS_MAX,
    )
}

impl Host for CallState {
    async fn get_jobs(&mut self, ids: Vec<String>) -> Answer<Vec<Option<Job>>> {
        self.count_host_call()?;
        if let Err(error) = bounded("job ids", ids.len(), PAGE_ROWS_MAX as usize) {
            return Ok(Err(error));
        }
        self.take_turn().await;
        fits(
            &*self.context.outlet,
            self.context.storage.get_jobs(&self.context.tenant, ids).await,
        )
    }

    async fn get_runs(&mut self, ids: Vec<String>) -> Answer<Vec<Option<Run>>> {
        self.count_host_call()?;
        if let Err(error) = bounded("run ids", ids.len(), PAGE_ROWS_MAX as usize) {
            return Ok(Err(error));
        }
        self.take_turn().await;
        fits(
            &*self.context.outlet,
            self.context.storage.get_runs(&self.context.tenant, ids).await,
        )
    }

    async fn find_jobs(&mut self, filter: JobFilter, page: Page) -> Answer<JobPage> {
        self.count_host_call()?;
        if let Err(error) = page_rows(page.limit) {
            return Ok(Err(error));
        }
        self.take_turn().await;
        fits(
            &*self.context.outlet,
            self.context
                .storage
                .find_jobs(&self.context.tenant, filter, page)
                .await,
        )
    }

    async fn find_runs(&mut self, filter: RunFilter) -> Answer<Vec<Run>> {
        self.count_host_call()?;
        if let Err(error) = page_rows(filter.limit) {
            return Ok(Err(error));
        }
        self.take_turn().await;
        fits(
            &*self.context.outlet,
            self.context.storage.find_runs(&self.context.tenant, filter).await,
        )
    }

    async fn find_edges(&mut self, filter: EdgeFilter) -> Answer<Vec<Edge>> {
        self.count_host_call()?;
        if let Err(error) = edge_rows(&filter) {
            return Ok(Err(error));
        }
        self.take_turn().await;
        fits(
            &*self.context.outlet,
            self.context
                .storage
                .find_edges(&self.context.tenant, filter)
                .await,
        )
    }

    async fn find_messages(&mut self, filter: MessageFilter) -> Answer<Vec<Message>> {
        self.count_host_call()?;
        if let Err(error) = page_rows(filter.limit) {
            return Ok(Err(error));
        }
        self.take_turn().await;
        fits(
            &*self.context.outlet,
            self.context
                .storage
                .find_messages(&self.context.tenant, filter)
                .await,
        )
    }

    async fn find_changes(&mut self, job: String, limit: u32) -> Answer<Vec<StatusChange>> {
        self.count_host_call()?;
        if let Err(error) = page_rows(limit) {
            return Ok(Err(error));
        }
        self.take_turn().await;
        fits(
            &*self.context.outlet,
            self.context
                .storage
                .find_changes(&self.context.tenant, job, limit)
                .await,
        )
    }

    async fn search_jobs(&mut self, query: SearchQuery) -> Answer<HitPage> {
        self.count_host_call()?;
        if let Err(error) = search_bounds(&query) {
            return Ok(Err(error));
        }
        if query.mode == SearchMode::Meaning {
            // Who waits for the embedder leaves the turn to others.
            self.end_turn();
        } else {
            self.take_turn().await;
        }
        fits(
            &*self.context.outlet,
            self.context.search.jobs(&self.context.tenant, query).await,
        )
    }

    /// Only a poll claims, and no more than it was told to: what it claims it may start.
    async fn claim_due(&mut self, limit: u32) -> Answer<Vec<Claim>> {
        self.count_host_call()?;
        let limit = limit.min(CLAIM_JOBS_MAX).min(self.claims_left);
        if limit == 0 {
            return Ok(Ok(Vec::new()));
        }
        self.end_turn();
        let context = &self.context;
        let now = context.clock.now();
        let lease_until = now.saturating_add(limits::LEASE.as_millis() as i64);
        let claimed = context
            .storage
            .claim_due(&context.tenant, &context.owner, now, lease_until, limit)
            .await;
        if let Ok(claims) = &claimed {
            let count = u32::try_from(claims.len()).unwrap_or(u32::MAX);
            self.claims_left = self.claims_left.saturating_sub(count);
            self.claimed = self.claimed.saturating_add(count);
            let taken = claims.iter().map(|claim| (claim.job.id.clone(), claim.token));
            self.submittable.extend(taken.map(|claim| (claim, None)));
        }
        Ok(claimed)
    }

    async fn commit(&mut self, units: Vec<Unit>) -> Answer<Vec<Result<(), Rejection>>> {
        self.count_host_call()?;
        if let Err(error) = guard::size(&units) {
            return Ok(Err(error));
        }
        let holds = |job: &str, token| self.submittable.contains_key(&(job.to_owned(), token));
        let refused = units.iter().map(|unit| guard::refusal(unit, &holds));
        let refused: Vec<Option<Rejection>> = refused.collect();
        let allowed: Vec<Unit> = units
            .into_iter()
            .zip(&refused)
            .filter(|(_, refused)| refused.is_none())
            .map(|(unit, _)| unit)
            .collect();
        let applied = if allowed.is_empty() {
            Vec::new()
        } else {
            // Who waits for the store leaves the turn to others.
            self.end_turn();
            let context = &self.context;
            let quota = context.allowance.limits().quota();
            let texts = allowed.iter().any(writes_texts);
            let messages = allowed.iter().any(writes_messages);
            let watched = context.outlet.is_watched();
            let changes: Vec<_> = allowed.iter().filter(|_| watched).map(events::of_unit).collect();
            let answer = context.storage.commit(&context.tenant, quota, allowed).await;
            if let Ok(applied) = &answer {
                let written = changes
                    .into_iter()
                    .zip(applied)
                    .filter(|(_, applied)| applied.is_ok());
                context
                    .outlet
                    .changed(written.flat_map(|(changes, _)| changes).collect());
            }
            if texts {
                context.search.texts_were_written();
            }
            if messages {
                context.outlet.messages_written();
            }
            match heard(&*context.outlet, answer) {
                Ok(applied) => applied,
                Err(error) => return Ok(Err(error)),
            }
        };
        let mut applied = applied.into_iter();
        let results = refused.into_iter().map(|refused| match refused {
            Some(rejection) => Err(rejection),
            // Storage answers one result a unit.
            None => applied.next().unwrap_or(Err(Rejection::Stale)),
        });
        Ok(Ok(results.collect()))
    }
}
