//! Hints between hosts over LISTEN and NOTIFY: another host wrote what this one may claim. Nothing rests on
//! them: hosts look by themselves. They are sent apart from commits, a tenant's at most every few
//! milliseconds: a NOTIFY within a transaction makes all commits of a database take turns.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};

use deadpool_postgres::Pool;
use futures_util::StreamExt as _;
use tokio::sync::{Notify, mpsc};
use tokio_postgres::AsyncMessage;

use super::connect::SharedConnector;
use crate::storage::limits::{POSTGRES_LISTEN_AGAIN, POSTGRES_NUDGE_EVERY, POSTGRES_NUDGES_KEPT};

const CHANNEL: &str = "meanwhile_due";

/// Sends and hears hints.
pub(super) struct Nudges {
    outgoing: Arc<Outgoing>,
    heard: tokio::sync::Mutex<mpsc::Receiver<String>>,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

#[derive(Default)]
struct Outgoing {
    tenants: Mutex<HashSet<String>>,
    some: Notify,
}

impl Nudges {
    pub(super) fn start(pool: Pool, connector: SharedConnector) -> Self {
        let outgoing = Arc::<Outgoing>::default();
        let (sender, heard) = mpsc::channel(POSTGRES_NUDGES_KEPT);
        let to_send = Arc::clone(&outgoing);
        let tasks = [
            tokio::spawn(async move { send(&pool, &to_send).await }),
            tokio::spawn(async move { listen(&connector, &sender).await }),
        ];
        Self {
            outgoing,
            heard: tokio::sync::Mutex::new(heard),
            tasks,
        }
    }

    /// Tells other hosts soon that a tenant has something to claim.
    pub(super) fn tell(&self, tenant: &str) {
        let mut tenants = self
            .outgoing
            .tenants
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if tenants.insert(tenant.to_owned()) {
            self.outgoing.some.notify_one();
        }
    }

    /// The tenant of the next hint.
    pub(super) async fn heard(&self) -> String {
        match self.heard.lock().await.recv().await {
            Some(tenant) => tenant,
            None => std::future::pending().await,
        }
    }

    pub(super) fn stop(&self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

impl Drop for Nudges {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn send(pool: &Pool, outgoing: &Outgoing) {
    loop {
        outgoing.some.notified().await;
        let tenants = std::mem::take(&mut *outgoing.tenants.lock().unwrap_or_else(PoisonError::into_inner));
        let tenants: Vec<String> = tenants.into_iter().collect();
        let sent = async {
            let client = pool.get().await.ok()?;
            let notify = client
                .prepare_cached("SELECT pg_notify($1, tenant) FROM unnest($2::text[]) AS told (tenant)")
                .await
                .ok()?;
            client.execute(&notify, &[&CHANNEL, &tenants]).await.ok()
        };
        if sent.await.is_none() {
            tracing::debug!("hints to other hosts were not sent: they look by themselves");
        }
        tokio::time::sleep(POSTGRES_NUDGE_EVERY).await;
    }
}

/// Listens on a connection of its own, again and again where it is lost.
async fn listen(connector: &SharedConnector, heard: &mpsc::Sender<String>) {
    loop {
        if let Err(error) = listen_once(connector, heard).await {
            let error = super::failure::with_causes(&error);
            tracing::debug!(error, "no hints from other hosts: this one looks by itself");
        }
        tokio::time::sleep(POSTGRES_LISTEN_AGAIN).await;
    }
}

async fn listen_once(
    connector: &SharedConnector,
    heard: &mpsc::Sender<String>,
) -> Result<(), tokio_postgres::Error> {
    let (client, mut messages) = connector.connect().await?;
    let listening = client.batch_execute("LISTEN meanwhile_due");
    let mut listening = std::pin::pin!(listening);
    let mut asked = false;
    loop {
        tokio::select! {
            answer = &mut listening, if !asked => {
                answer?;
                asked = true;
            }
            message = messages.next() => match message {
                // What does not fit is found by looking.
                Some(Ok(AsyncMessage::Notification(note))) => drop(heard.try_send(note.payload().to_owned())),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            },
        }
    }
}
