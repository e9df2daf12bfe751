//! Hints between hosts over LISTEN and NOTIFY: another host wrote what this one may claim. Nothing rests on
//! them: hosts look by themselves. They are sent apart from commits, a tenant's at most every few
//! milliseconds: a NOTIFY within a transaction makes all commits of a database take turns.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};

use deadpool_postgres::Pool;
use futures_util::StreamExt as _;
use tokio::sync::{Notify, mpsc};
use tokio_postgres::{AsyncMessage, Client};

use super::connect::{Messages, SharedConnector};
use super::{presence, text};
use crate::storage::limits::{POSTGRES_LISTEN_AGAIN, POSTGRES_NUDGE_EVERY, POSTGRES_NUDGES_KEPT};

const CHANNEL: &str = "meanwhile_due";

/// Sends and hears hints.
pub(super) struct Nudges {
    outgoing: Arc<Outgoing>,
    heard: tokio::sync::Mutex<mpsc::Receiver<Option<String>>>,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

struct Outgoing {
    /// Who sends: a host does not heed its own hints.
    sender: String,
    tenants: Mutex<HashSet<String>>,
    some: Notify,
}

impl Nudges {
    /// Listens on the connection on which the host came in, and on others if that is lost.
    pub(super) fn start(pool: Pool, connector: SharedConnector, first: (Client, Messages)) -> Self {
        // A name that another host has too would only cost hints.
        let sender = format!("{:016x}", getrandom::u64().unwrap_or_default());
        let outgoing = Arc::new(Outgoing {
            sender: sender.clone(),
            tenants: Mutex::default(),
            some: Notify::new(),
        });
        let (hints, heard) = mpsc::channel(POSTGRES_NUDGES_KEPT);
        let to_send = Arc::clone(&outgoing);
        let tasks = [
            tokio::spawn(async move { send(&pool, &to_send).await }),
            tokio::spawn(async move { listen(&connector, first, &sender, &hints).await }),
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
        if tenants.insert(text::stored(tenant).into_owned()) {
            self.outgoing.some.notify_one();
        }
    }

    /// The tenant of the next hint; none: some may have been missed.
    pub(super) async fn heard(&self) -> Option<String> {
        match self.heard.lock().await.recv().await {
            Some(hint) => hint,
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
                .prepare_cached(
                    "SELECT pg_notify($1, $3 || ' ' || tenant) FROM unnest($2::text[]) AS told (tenant)",
                )
                .await
                .ok()?;
            client
                .execute(&notify, &[&CHANNEL, &tenants, &outgoing.sender])
                .await
                .ok()
        };
        if sent.await.is_none() {
            tracing::debug!("hints to other hosts were not sent: they look by themselves");
        }
        tokio::time::sleep(POSTGRES_NUDGE_EVERY).await;
    }
}

/// Listens on a connection of its own, again and again where it is lost.
async fn listen(
    connector: &SharedConnector,
    first: (Client, Messages),
    own: &str,
    heard: &mpsc::Sender<Option<String>>,
) {
    let mut connected = Ok(first);
    loop {
        let listened = match connected {
            Ok((client, messages)) => listen_once(&client, messages, own, heard).await,
            Err(error) => Err(error),
        };
        if let Err(error) = listened {
            let error = super::failure::with_causes(&error);
            tracing::debug!(error, "no hints from other hosts: this one looks by itself");
        }
        tokio::time::sleep(POSTGRES_LISTEN_AGAIN).await;
        connected = connector.connect().await;
    }
}

async fn listen_once(
    client: &Client,
    mut messages: Messages,
    own: &str,
    heard: &mpsc::Sender<Option<String>>,
) -> Result<(), tokio_postgres::Error> {
    let listen = format!("{}; LISTEN {CHANNEL}", presence::enter_again());
    let listening = client.batch_execute(&listen);
    let mut listening = std::pin::pin!(listening);
    let mut asked = false;
    loop {
        tokio::select! {
            answer = &mut listening, if !asked => {
                answer?;
                asked = true;
                // Nobody knows what was told before.
                drop(heard.try_send(None));
            }
            message = messages.next() => match message {
                Some(Ok(AsyncMessage::Notification(note))) => {
                    if let Some((sender, tenant)) = note.payload().split_once(' ')
                        && sender != own
                    {
                        // What does not fit is found by looking.
                        drop(heard.try_send(Some(text::original(tenant))));
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            },
        }
    }
}
