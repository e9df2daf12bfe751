//! What changes of a caller's jobs, runs and messages, as it changes.

use std::collections::HashSet;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::answers::{error, storage_failed};
use super::{Host, check};
use crate::events::{Change, Event, Watch};
use crate::limits::{
    EVENT_CHANGES_AT_ONCE, EVENT_CHANGES_KEPT, EVENT_STREAMS_MAX, EVENTS_EVERY, PAGE_ROWS_MAX, WATCHED_AGAIN,
};
use crate::service::{CallError, Service as _, Session, shown_message};
use crate::tenants::Scope;
use crate::wit::storage::MessageFilter;
use crate::wit::types::Job;

impl Host {
    /// See [`Service::events`](crate::service::Service::events).
    pub(super) async fn watch(
        &self,
        session: &Session,
        after: Option<u64>,
    ) -> Result<mpsc::Receiver<Event>, CallError> {
        check(session, Scope::JobsRead)?;
        let runtime = self.runtime(session)?;
        let watch = runtime.pipeline.changes_of_rows().watch().ok_or_else(|| {
            error(
                "quota_exceeded",
                format_args!("{EVENT_STREAMS_MAX} streams of events are open: close one"),
            )
        })?;
        let storage = &self.0.storage;
        let position = match after {
            Some(position) => position,
            None => storage
                .last_message(&session.tenant)
                .await
                .map_err(storage_failed)?,
        };
        let (events, told) = mpsc::channel(EVENT_CHANGES_KEPT);
        let telling = Telling {
            host: self.clone(),
            session: session.clone(),
            events,
            position,
        };
        let closing = runtime.closing();
        tokio::spawn(async move {
            tokio::select! {
                () = telling.tell_all(watch) => {}
                () = closing.cancelled() => {}
            }
        });
        Ok(told)
    }
}

struct Telling {
    host: Host,
    session: Session,
    events: mpsc::Sender<Event>,
    /// Of the last message that was told.
    position: u64,
}

/// Why no more is told: nobody listens, or the caller may not listen any more.
struct End;

impl Telling {
    async fn tell_all(mut self, mut watch: Watch) {
        let _: Result<(), End> = async {
            self.messages(&mut HashSet::new()).await?;
            let mut again = tokio::time::interval(WATCHED_AGAIN);
            loop {
                let first = tokio::select! {
                    first = watch.next() => first,
                    _ = again.tick() => {
                        self.host.0.storage.watch(&self.session.tenant);
                        continue;
                    }
                    () = self.events.closed() => return Err(End),
                };
                let mut missed = first.is_none();
                let mut changes: HashSet<Change> = first.into_iter().flatten().collect();
                // What comes in between goes with it: a row that changes again is told once.
                tokio::time::sleep(EVENTS_EVERY).await;
                missed |= watch.rest(&mut changes);
                missed |= changes.len() > EVENT_CHANGES_AT_ONCE;
                if missed {
                    self.tell(None, "missed", json!({})).await?;
                }
                self.changed(changes).await?;
            }
        }
        .await;
    }

    async fn tell(&self, position: Option<u64>, name: &'static str, data: Value) -> Result<(), End> {
        let event = Event { position, name, data };
        self.events.send(event).await.map_err(|_| End)
    }

    async fn changed(&mut self, changes: HashSet<Change>) -> Result<(), End> {
        let (mut jobs, mut runs, mut messages) = (Vec::new(), Vec::new(), HashSet::new());
        for change in changes.into_iter().take(EVENT_CHANGES_AT_ONCE) {
            match change {
                Change::Job(id) => jobs.push(id),
                Change::Run(id) => runs.push(id),
                Change::Message(id) => drop(messages.insert(id)),
            }
        }
        // Ids grow with time.
        jobs.sort_unstable();
        runs.sort_unstable();
        for id in self.own_jobs(jobs).await? {
            let asked = json!({ "job_id": id, "include_runs": 0 });
            let found = self.look("tools", "job-retrieval-by-id", asked).await?;
            if let Some(mut found) = found {
                self.tell(None, "job", found["job"].take()).await?;
            }
        }
        for id in self.own_runs(runs).await? {
            if let Some(run) = self.look("directory", "run", json!({ "run_id": id })).await? {
                self.tell(None, "run", run).await?;
            }
        }
        if !messages.is_empty() {
            self.messages(&mut messages).await?;
            self.old_messages(messages).await?;
        }
        Ok(())
    }

    /// Asks the component as the caller. None: it is not there any more, or was not to be had now.
    async fn look(&self, interface: &str, function: &str, asked: Value) -> Result<Option<Value>, End> {
        match self.host.call(&self.session, interface, function, asked).await {
            Ok(found) => Ok(Some(found)),
            Err(CallError(error)) if error["code"] == "forbidden" => Err(End),
            Err(_) => Ok(None),
        }
    }

    fn is_own(&self, job: &Job) -> bool {
        let caller = &self.session.caller;
        job.agent == caller.agent && job.user == caller.user
    }

    /// Those of some jobs that are the caller's. Where storage does not answer, none is told: what is missed is told
    /// with the next change.
    async fn own_jobs(&self, ids: Vec<String>) -> Result<Vec<String>, End> {
        if ids.is_empty() {
            return Ok(ids);
        }
        let jobs = self.host.0.storage.get_jobs(&self.session.tenant, ids).await;
        let Ok(jobs) = jobs else {
            self.tell(None, "missed", json!({})).await?;
            return Ok(Vec::new());
        };
        let own = jobs.into_iter().flatten().filter(|job| self.is_own(job));
        Ok(own.map(|job| job.id).collect())
    }

    async fn own_runs(&self, ids: Vec<String>) -> Result<Vec<String>, End> {
        if ids.is_empty() {
            return Ok(ids);
        }
        let runs = self.host.0.storage.get_runs(&self.session.tenant, ids).await;
        let Ok(runs) = runs else {
            self.tell(None, "missed", json!({})).await?;
            return Ok(Vec::new());
        };
        let runs: Vec<(String, String)> = runs.into_iter().flatten().map(|run| (run.id, run.job)).collect();
        let jobs = runs.iter().map(|(_, job)| job.clone()).collect();
        let own: HashSet<String> = self.own_jobs(jobs).await?.into_iter().collect();
        let own_runs = runs.into_iter().filter(|(_, job)| own.contains(job));
        Ok(own_runs.map(|(run, _)| run).collect())
    }

    /// Tells what is new in the inbox, and takes it out of `changed`.
    async fn messages(&mut self, changed: &mut HashSet<String>) -> Result<(), End> {
        loop {
            let entries = self.host.inbox(&self.session, self.position, PAGE_ROWS_MAX).await;
            let entries = match entries {
                Ok(entries) => entries,
                Err(CallError(error)) if error["code"] == "forbidden" => return Err(End),
                // Told with the next change: the position stays.
                Err(_) => return Ok(()),
            };
            if entries.is_empty() {
                return Ok(());
            }
            for entry in entries {
                changed.remove(&entry.message.id);
                self.position = entry.position;
                let shown = shown_message(Some(entry.position), &entry.message);
                self.tell(Some(entry.position), "message", shown).await?;
            }
        }
    }

    /// Tells how far messages got that were told before.
    async fn old_messages(&self, changed: HashSet<String>) -> Result<(), End> {
        for id in changed {
            let filter = MessageFilter {
                id: Some(id),
                job: None,
                user: Some(self.session.caller.user.clone()),
                kinds: Vec::new(),
                deliveries: Vec::new(),
                limit: 1,
            };
            let found = self
                .host
                .0
                .storage
                .find_messages(&self.session.tenant, filter)
                .await;
            for message in found.unwrap_or_default() {
                let shown = shown_message(None, &message);
                self.tell(None, "message", shown).await?;
            }
        }
        Ok(())
    }
}
