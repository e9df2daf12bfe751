//! Messages on their way out: each tenant's in order, no tenant behind another.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::limits::{DELIVERIES_PARALLEL_MAX, DELIVERY_BATCH};
use crate::runtime::{Delivery, Outbox};
use crate::storage::memory::MemoryStorage;
use crate::storage::{InboxEntry, Quota, Storage};
use crate::wit::storage::{Unit, Write};
use crate::wit::types::{DeliveryStatus, Message, MessageKind};

/// Notes what it is given; how it ends is in the tenant's name.
struct Postman(mpsc::UnboundedSender<(String, Vec<String>)>);

#[async_trait]
impl Delivery for Postman {
    async fn deliver(&self, tenant: &str, messages: &[InboxEntry]) -> Result<(), String> {
        let texts = messages.iter().map(|entry| entry.message.text.clone()).collect();
        self.0.send((tenant.to_owned(), texts)).unwrap();
        match tenant.split('-').next() {
            Some("refuses") => Err("the chat is closed".into()),
            Some("hangs") => std::future::pending().await,
            Some("panics") => panic!("as asked"),
            _ => Ok(()),
        }
    }
}

struct Place {
    storage: Arc<MemoryStorage>,
    written: Arc<Notify>,
    closed: CancellationToken,
    delivered: mpsc::UnboundedReceiver<(String, Vec<String>)>,
    outbox: tokio::task::JoinHandle<()>,
}

impl Place {
    fn new() -> Self {
        let (sender, delivered) = mpsc::unbounded_channel();
        let storage = Arc::new(MemoryStorage::default());
        let (written, closed) = (Arc::new(Notify::new()), CancellationToken::new());
        let outbox = Outbox {
            owner: "host".into(),
            storage: Arc::clone(&storage) as Arc<dyn Storage>,
            delivery: Arc::new(Postman(sender)),
            messages: Arc::clone(&written),
            closed: closed.clone(),
        };
        let outbox = tokio::spawn(outbox.run());
        Self {
            storage,
            written,
            closed,
            delivered,
            outbox,
        }
    }

    async fn write(&self, tenant: &str, texts: impl IntoIterator<Item = String>) {
        self.write_elsewhere(tenant, texts).await;
        self.written.notify_one();
    }

    /// As another host on the same store does: nobody here is told.
    async fn write_elsewhere(&self, tenant: &str, texts: impl IntoIterator<Item = String>) {
        let writes = texts.into_iter().map(|text| Write::InsertMessage(message(&text)));
        let unit = Unit {
            guards: Vec::new(),
            writes: writes.collect(),
        };
        let answers = self.storage.commit(tenant, Quota::UNLIMITED, vec![unit]).await;
        assert_eq!(answers.unwrap(), [Ok(())]);
    }
}

fn message(text: &str) -> Message {
    Message {
        id: text.to_owned(),
        once_key: text.to_owned(),
        kind: MessageKind::Result,
        job: "job_1".to_owned(),
        run: None,
        agent: "agent".to_owned(),
        user: "ada".to_owned(),
        conversation: None,
        related_entity_id: None,
        narrative_id: None,
        title: String::new(),
        text: text.to_owned(),
        delivery: DeliveryStatus::Queued,
        created_at: 0,
    }
}

/// A host that died before it delivered what it wrote leaves that to the others.
#[tokio::test(start_paused = true)]
async fn what_another_host_wrote_is_found_by_looking() {
    let mut place = Place::new();
    for text in ["first", "second"] {
        place.write_elsewhere("well", [text.to_owned()]).await;
        let told = place.delivered.recv().await.unwrap();
        assert_eq!(told, ("well".to_owned(), vec![text.to_owned()]));
    }
    place.closed.cancel();
    place.outbox.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn no_tenant_waits_behind_one_that_cannot_be_reached() {
    let mut place = Place::new();
    for name in ["hangs", "panics", "refuses"] {
        place.write(name, ["lost".to_owned()]).await;
    }
    for n in 0..3 {
        place.write("well", [format!("{n}")]).await;
        loop {
            let (tenant, texts) = place.delivered.recv().await.unwrap();
            if tenant == "well" {
                assert_eq!(texts, [format!("{n}")]);
                break;
            }
        }
    }
    // The others are tried again, with the same message.
    for name in ["hangs", "panics", "refuses"] {
        let again = async { while place.delivered.recv().await.unwrap().0 != name {} };
        again.await;
        assert_eq!(place.storage.undelivered(name, 9).await.unwrap().len(), 1);
    }
    place.closed.cancel();
    place.outbox.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn everything_arrives_in_order_however_many_tenants_and_messages() {
    let mut place = Place::new();
    let (tenants, messages) = (3 * DELIVERIES_PARALLEL_MAX, 2 * DELIVERY_BATCH as usize + 1);
    let texts = || (0..messages).map(|n| format!("{n}"));
    for tenant in 0..tenants {
        place.write(&format!("well-{tenant}"), texts()).await;
    }
    let mut arrived = std::collections::HashMap::<String, Vec<String>>::new();
    while arrived.values().map(Vec::len).sum::<usize>() < tenants * messages {
        let (tenant, texts) = place.delivered.recv().await.unwrap();
        arrived.entry(tenant).or_default().extend(texts);
    }
    assert_eq!(arrived.len(), tenants);
    let expected: Vec<String> = texts().collect();
    assert!(arrived.values().all(|texts| *texts == expected));
    // What is on its way when the host closes is marked as delivered before that.
    place.closed.cancel();
    place.outbox.await.unwrap();
    assert_eq!(
        place.storage.undelivered_tenants().await.unwrap(),
        Vec::<String>::new()
    );
}
