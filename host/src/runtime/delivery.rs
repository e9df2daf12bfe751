//! Delivery of messages: at least once, in order, apart from the runs that wrote them.

use std::sync::Arc;

use async_trait::async_trait;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::limits::{self, DELIVERY_BATCH};
use crate::storage::{InboxEntry, Storage};
use crate::wit::storage::StorageError;
use crate::wit::types::{DeliveryStatus, MessageKind};

/// A way to people. The same message may come twice: its `once-key` tells.
#[async_trait]
pub trait Delivery: Send + Sync + 'static {
    /// Delivers messages of a tenant, oldest first.
    ///
    /// # Errors
    /// A sentence; all of them are tried again.
    async fn deliver(&self, tenant: &str, messages: &[InboxEntry]) -> Result<(), String>;
}

/// The inbox is the store itself: what is stored is delivered.
pub struct Inbox;

#[async_trait]
impl Delivery for Inbox {
    async fn deliver(&self, _tenant: &str, _messages: &[InboxEntry]) -> Result<(), String> {
        Ok(())
    }
}

/// The messages of all tenants, on their way out.
pub(crate) struct Outbox {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) delivery: Arc<dyn Delivery>,
    /// Notified after whatever may have written a message.
    pub(crate) messages: Arc<Notify>,
    pub(crate) closed: CancellationToken,
}

impl Outbox {
    /// Delivers one batch. True: there may be more.
    async fn step(&self) -> Result<bool, StorageError> {
        let batch = self.storage.undelivered(DELIVERY_BATCH).await?;
        let full = batch.len() == DELIVERY_BATCH as usize;
        // A reply goes to the job, not to a person.
        let mut batch = batch
            .into_iter()
            .filter(|(_, entry)| entry.message.kind != MessageKind::Reply)
            .peekable();
        let mut marked = 0;
        while let Some((tenant, first)) = batch.next() {
            let mut messages = vec![first];
            while let Some((_, entry)) = batch.next_if(|(next, _)| *next == tenant) {
                messages.push(entry);
            }
            self.delivery
                .deliver(&tenant, &messages)
                .await
                .map_err(StorageError::Unavailable)?;
            let ids = messages.into_iter().map(|entry| entry.message.id).collect();
            marked += self
                .storage
                .set_delivery(&tenant, ids, DeliveryStatus::Delivered)
                .await?;
        }
        Ok(full && marked > 0)
    }

    /// The delivery loop.
    pub(crate) async fn run(self) {
        let mut wait = limits::RETRY_WAIT_FIRST;
        // What a former host left undelivered comes first.
        self.messages.notify_one();
        loop {
            tokio::select! {
                biased;
                () = self.messages.notified() => {}
                () = self.closed.cancelled() => return,
            }
            loop {
                match self.step().await {
                    Ok(more) => {
                        wait = limits::RETRY_WAIT_FIRST;
                        if !more {
                            break;
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%error, "messages wait for their delivery");
                        tokio::select! {
                            () = tokio::time::sleep(wait) => {}
                            () = self.closed.cancelled() => return,
                        }
                        wait = (wait * 2).min(limits::RETRY_WAIT_MAX);
                    }
                }
            }
        }
    }
}
