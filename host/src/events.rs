//! What changes, for whoever watches: told by the host that wrote it, once it is written. Nothing rests on it; whoever
//! missed something reads it where it stands.

use std::collections::HashSet;

use serde_json::Value;
use tokio::sync::broadcast;

use crate::limits::{EVENT_CHANGES_KEPT, EVENT_STREAMS_MAX};
use crate::wit::storage::{Unit, Write};

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// A job's row.
    Job(String),
    /// A run's row.
    Run(String),
    /// A message, or how far it got.
    Message(String),
}

/// What somebody who watches is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Of a message: its position in the inbox.
    pub position: Option<u64>,
    /// `job`, `run`, `message`, or `missed`: then there was more than could be told.
    pub name: &'static str,
    /// The job, the run or the message as the interfaces show it.
    pub data: Value,
}

/// What a unit writes.
pub(crate) fn of_unit(unit: &Unit) -> Vec<Change> {
    let change = |write: &Write| match write {
        Write::InsertJob(job) => Some(Change::Job(job.id.clone())),
        Write::UpdateJob(update) => Some(Change::Job(update.id.clone())),
        Write::InsertRun(run) | Write::UpdateRun(run) => Some(Change::Run(run.id.clone())),
        Write::InsertMessage(message) => Some(Change::Message(message.id.clone())),
        Write::UpdateMessage(update) => Some(Change::Message(update.id.clone())),
        // They show in the rows of their jobs, or nowhere.
        Write::PutEdge(_) | Write::DeleteEdge(_) | Write::InsertChange(_) | Write::Release(_) => None,
    };
    unit.writes.iter().filter_map(change).collect()
}

/// The changes of one tenant.
pub(crate) struct Changes(broadcast::Sender<Vec<Change>>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::Sender::new(EVENT_CHANGES_KEPT))
    }
}

impl Changes {
    /// Whether anybody is told: nothing else need be done where nobody is.
    pub(crate) fn are_watched(&self) -> bool {
        self.0.receiver_count() > 0
    }

    pub(crate) fn tell(&self, changes: Vec<Change>) {
        if !changes.is_empty() {
            // Who went away meanwhile is not told.
            let _ = self.0.send(changes);
        }
    }

    /// None: as many watch as may.
    pub(crate) fn watch(&self) -> Option<Watch> {
        let free = self.0.receiver_count() < EVENT_STREAMS_MAX;
        free.then(|| Watch(self.0.subscribe()))
    }
}

/// One who watches.
pub(crate) struct Watch(broadcast::Receiver<Vec<Change>>);

impl Watch {
    /// The next changes. None: some were missed.
    pub(crate) async fn next(&mut self) -> Option<Vec<Change>> {
        match self.0.recv().await {
            Ok(changes) => Some(changes),
            Err(broadcast::error::RecvError::Lagged(_)) => None,
            // Its sender lives as long as the tenant is served; the stream ends with that.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }

    /// What has come already besides, and whether some was missed.
    pub(crate) fn rest(&mut self, into: &mut HashSet<Change>) -> bool {
        loop {
            match self.0.try_recv() {
                Ok(changes) => into.extend(changes),
                Err(broadcast::error::TryRecvError::Lagged(_)) => return true,
                Err(_) => return false,
            }
        }
    }
}
