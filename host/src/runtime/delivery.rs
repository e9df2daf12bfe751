//! Delivery of messages: at least once, each tenant's in order, apart from the runs that wrote them.
//! Tenants do not wait for each other: who cannot be reached is tried again, later and later.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::limits::{self, DELIVERY_BATCH, OUTBOX_HELD};
use crate::storage::{InboxEntry, Storage};
use crate::wit::storage::StorageError;
use crate::wit::types::DeliveryStatus;

/// A way to people. The same message may come twice: its `once-key` tells.
#[async_trait]
pub trait Delivery: Send + Sync + 'static {
    /// Delivers messages of a tenant, oldest first.
    ///
    /// # Errors
    /// A sentence; all of them are tried again, as they are when it takes longer than
    /// [`DELIVERY_WAIT`](limits::DELIVERY_WAIT).
    async fn deliver(&self, tenant: &str, messages: &[InboxEntry]) -> Result<(), String>;

    /// Whether one host at a time shall deliver a tenant's messages, where several share the store.
    fn takes_turns(&self) -> bool {
        true
    }
}

/// The inbox is the store itself: what is stored is delivered.
pub struct Inbox;

#[async_trait]
impl Delivery for Inbox {
    async fn deliver(&self, _tenant: &str, _messages: &[InboxEntry]) -> Result<(), String> {
        Ok(())
    }

    /// Nothing is sent.
    fn takes_turns(&self) -> bool {
        false
    }
}

/// The messages of all tenants, on their way out.
#[derive(Clone)]
pub(crate) struct Outbox {
    pub(crate) storage: Arc<dyn Storage>,
    pub(crate) delivery: Arc<dyn Delivery>,
    /// Under whose name outboxes are held.
    pub(crate) owner: String,
    /// Notified after whatever wrote a message here.
    pub(crate) messages: Arc<Notify>,
    pub(crate) closed: CancellationToken,
}

/// Why messages were not delivered.
enum Obstacle {
    /// Another host delivers them.
    Held,
    /// To be told.
    Failed(String),
}

impl From<StorageError> for Obstacle {
    fn from(error: StorageError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// How a delivery to a tenant ended.
type Ended = (String, Result<(), Obstacle>);

impl Outbox {
    /// The delivery loop.
    pub(crate) async fn run(self) {
        // What a former host left undelivered comes first.
        self.messages.notify_one();
        let mut round = Round::default();
        loop {
            let retry = round.retry();
            // Also for what another host wrote and could not deliver any more.
            let look = Instant::now() + limits::OUTBOX_IDLE_LOOK;
            let next = retry.map_or(look, |retry| retry.min(look));
            tokio::select! {
                biased;
                () = self.closed.cancelled() => break,
                () = self.messages.notified() => {}
                Some(ended) = round.under_way.next() => round.ended(ended),
                () = tokio::time::sleep_until(next) => {}
            }
            if round.is_full() {
                continue;
            }
            match self.storage.undelivered_tenants().await {
                Ok(tenants) => {
                    round.unread = None;
                    round.begin(&self, tenants);
                }
                Err(error) => {
                    tracing::warn!(%error, "messages wait for storage");
                    round.unread = Some(Retry::after(round.unread, limits::STORAGE_RETRY_WAIT_MAX));
                }
            }
        }
        // What is on its way is marked, so that the next host does not send it again.
        while round.under_way.next().await.is_some() {}
    }

    /// Delivers the oldest messages of a tenant.
    async fn deliver(self, tenant: String) -> Ended {
        let (storage, turns) = (&self.storage, self.delivery.takes_turns());
        let work = async {
            if turns && !storage.hold_outbox(&tenant, &self.owner, OUTBOX_HELD).await? {
                return Err(Obstacle::Held);
            }
            let batch = storage.undelivered(&tenant, DELIVERY_BATCH).await?;
            let sent = self.delivery.deliver(&tenant, &batch).await;
            sent.map_err(Obstacle::Failed)?;
            let ids = batch.into_iter().map(|entry| entry.message.id).collect();
            storage
                .set_delivery(&tenant, ids, DeliveryStatus::Delivered)
                .await?;
            Ok(())
        };
        let work = AssertUnwindSafe(work).catch_unwind();
        let result = match tokio::time::timeout(limits::DELIVERY_WAIT, work).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Obstacle::Failed("the delivery panicked".into())),
            Err(_) => Err(Obstacle::Failed(format!(
                "it took longer than {} s",
                limits::DELIVERY_WAIT.as_secs()
            ))),
        };
        // Also where they did not arrive: another host may reach whom this one does not.
        if turns
            && !matches!(result, Err(Obstacle::Held))
            && let Err(error) = storage.leave_outbox(&tenant, &self.owner).await
        {
            tracing::warn!(tenant, %error, "an outbox was not given back: others wait for its end");
        }
        (tenant, result)
    }
}

/// When something that failed is tried again.
#[derive(Clone, Copy)]
struct Retry {
    at: Instant,
    wait: Duration,
}

impl Retry {
    /// Twice as long after the last one as that waited.
    fn after(last: Option<Self>, most: Duration) -> Self {
        let wait = last.map_or(limits::RETRY_WAIT_FIRST, |last| (last.wait * 2).min(most));
        let at = Instant::now() + wait;
        Self { at, wait }
    }
}

/// A tenant to whom messages are on their way, or were and did not arrive.
#[derive(Default)]
struct Recipient {
    under_way: bool,
    retry: Option<Retry>,
}

/// Who is delivered to, and who waits.
#[derive(Default)]
struct Round {
    under_way: FuturesUnordered<BoxFuture<'static, Ended>>,
    recipients: HashMap<String, Recipient>,
    /// The tenant that was begun with last: the next one begins behind it.
    last: String,
    /// Storage did not say who waits.
    unread: Option<Retry>,
}

impl Round {
    fn is_full(&self) -> bool {
        self.under_way.len() >= limits::DELIVERIES_PARALLEL_MAX
    }

    /// The next time at which something is tried again by itself.
    fn retry(&self) -> Option<Instant> {
        let waiting = |recipient: &&Recipient| !recipient.under_way && !self.is_full();
        let recipients = self.recipients.values().filter(waiting);
        let retries = recipients.filter_map(|recipient| recipient.retry);
        retries.chain(self.unread).map(|retry| retry.at).min()
    }

    fn ended(&mut self, (tenant, result): Ended) {
        let most = match result {
            Ok(()) => {
                self.recipients.remove(&tenant);
                return;
            }
            Err(Obstacle::Held) => limits::OUTBOX_LOOK,
            Err(Obstacle::Failed(error)) => {
                tracing::warn!(tenant, error, "messages wait for their delivery");
                limits::RETRY_WAIT_MAX
            }
        };
        if let Some(recipient) = self.recipients.get_mut(&tenant) {
            recipient.under_way = false;
            recipient.retry = Some(Retry::after(recipient.retry, most));
        }
    }

    /// Begins with as many of those who wait as may be under way at the same time, in turns.
    fn begin(&mut self, outbox: &Outbox, mut tenants: Vec<String>) {
        tenants.sort_unstable();
        // Who has nothing more to be delivered is forgotten.
        self.recipients
            .retain(|tenant, recipient| recipient.under_way || tenants.binary_search(tenant).is_ok());
        let next = tenants.partition_point(|tenant| *tenant <= self.last);
        tenants.rotate_left(next);
        let now = Instant::now();
        for tenant in tenants {
            if self.is_full() {
                return;
            }
            let recipient = self.recipients.entry(tenant.clone()).or_default();
            if recipient.under_way || recipient.retry.is_some_and(|retry| retry.at > now) {
                continue;
            }
            recipient.under_way = true;
            self.last.clone_from(&tenant);
            self.under_way.push(Box::pin(outbox.clone().deliver(tenant)));
        }
    }
}
