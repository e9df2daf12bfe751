//! Hints between hosts over LISTEN and NOTIFY: another host wrote what this one may claim; somebody watches a tenant's
//! rows here; rows of a tenant that is watched there were changed. Nothing rests on
//! them: hosts look by themselves. They are sent apart from commits, a tenant's at most every few
//! milliseconds: a NOTIFY within a transaction makes all commits of a database take turns.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use deadpool_postgres::Pool;
use futures_util::StreamExt as _;
use tokio::sync::{Notify, mpsc};
use tokio_postgres::{AsyncMessage, Client};

use super::connect::{Messages, SharedConnector};
use super::offers::Offers;
use super::{presence, text};
use crate::events::Change;
use crate::limits::WATCHED_FOR;
use crate::storage::limits::{
    POSTGRES_CHANGES_TOLD, POSTGRES_LISTEN_AGAIN, POSTGRES_NUDGE_EVERY, POSTGRES_NUDGES_KEPT,
    POSTGRES_OFFER_WAIT,
};

/// Another host may claim something: its payload is sender and tenant, as are the beginnings of the others.
const DUE: &str = "meanwhile_due";
/// Somebody watches the tenant's rows at the sender.
const WATCHED: &str = "meanwhile_watched";
/// Rows were changed: behind the tenant their ids, each with a letter for its kind.
const CHANGED: &str = "meanwhile_changed";

/// Sends and hears hints.
pub(super) struct Nudges {
    outgoing: Arc<Outgoing>,
    heard: tokio::sync::Mutex<mpsc::Receiver<Option<String>>>,
    told: tokio::sync::Mutex<mpsc::Receiver<(String, Vec<Change>)>>,
    watched: Arc<Watched>,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

struct Outgoing {
    /// Who sends: a host does not heed its own hints.
    sender: String,
    /// Channels, and what is said there behind the sender.
    hints: Mutex<HashSet<(&'static str, String)>>,
    /// What becomes a hint if this host does not take it.
    offers: Mutex<Offers>,
    /// There are more hints, or offers.
    some: Notify,
}

impl Outgoing {
    fn offers(&self) -> MutexGuard<'_, Offers> {
        self.offers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hint(&self, channel: &'static str, told: String) {
        let mut hints = self.hints.lock().unwrap_or_else(PoisonError::into_inner);
        if hints.insert((channel, told)) {
            self.some.notify_one();
        }
    }

    /// Tells other hosts soon that a tenant has something to claim.
    fn tell(&self, tenant: &str) {
        self.hint(DUE, text::stored(tenant).into_owned());
    }

    /// Waits for hints, and takes them.
    async fn hints(&self) -> HashSet<(&'static str, String)> {
        loop {
            for tenant in self.offers().lapsed(Instant::now()) {
                self.tell(&tenant);
            }
            let hints = std::mem::take(&mut *self.hints.lock().unwrap_or_else(PoisonError::into_inner));
            if !hints.is_empty() {
                return hints;
            }
            let next = self.offers().next();
            tokio::select! {
                () = self.some.notified() => {}
                () = tokio::time::sleep_until(next.unwrap_or_else(Instant::now).into()), if next.is_some() => {}
            }
        }
    }
}

/// Tenants that are watched at other hosts, and until when.
#[derive(Default)]
struct Watched(Mutex<HashMap<String, Instant>>);

impl Watched {
    fn tenants(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, tenant: &str) {
        let mut tenants = self.tenants();
        let now = Instant::now();
        tenants.retain(|_, until| *until > now);
        tenants.insert(tenant.to_owned(), now + WATCHED_FOR);
    }
}

/// Where what is heard goes.
struct Ears {
    due: mpsc::Sender<Option<String>>,
    changes: mpsc::Sender<(String, Vec<Change>)>,
    watched: Arc<Watched>,
}

impl Ears {
    /// What does not fit is found by looking, or lost.
    fn hear(&self, channel: &str, told: &str) {
        let mut words = told.split(' ');
        let tenant = text::original(words.next().unwrap_or_default());
        match channel {
            DUE => drop(self.due.try_send(Some(tenant))),
            WATCHED => self.watched.note(&tenant),
            _ => drop(
                self.changes
                    .try_send((tenant, words.filter_map(change).collect())),
            ),
        }
    }
}

/// A change in a word: a letter for its kind, and its id.
fn word(change: &Change) -> Option<String> {
    let (kind, id) = match change {
        Change::Job(id) => ('j', id),
        Change::Run(id) => ('r', id),
        Change::Message(id) => ('m', id),
    };
    // An id with a space, or a NUL, is none of ours.
    let plain = |c: char| c.is_ascii_graphic();
    id.chars().all(plain).then(|| format!("{kind}{id}"))
}

fn change(word: &str) -> Option<Change> {
    let id = |of: fn(String) -> Change| word.get(1..).map(|id| of(id.to_owned()));
    match word.chars().next()? {
        'j' => id(Change::Job),
        'r' => id(Change::Run),
        'm' => id(Change::Message),
        _ => None,
    }
}

impl Nudges {
    /// Listens on the connection on which the host came in, and on others if that is lost.
    pub(super) fn start(pool: Pool, connector: SharedConnector, first: (Client, Messages)) -> Self {
        // A name that another host has too would only cost hints.
        let sender = format!("{:016x}", getrandom::u64().unwrap_or_default());
        let outgoing = Arc::new(Outgoing {
            sender: sender.clone(),
            hints: Mutex::default(),
            offers: Mutex::default(),
            some: Notify::new(),
        });
        let (due, heard) = mpsc::channel(POSTGRES_NUDGES_KEPT);
        let (changes, told) = mpsc::channel(POSTGRES_NUDGES_KEPT);
        let watched: Arc<Watched> = Arc::default();
        let ears = Ears {
            due,
            changes,
            watched: Arc::clone(&watched),
        };
        let to_send = Arc::clone(&outgoing);
        let tasks = [
            tokio::spawn(async move { send(&pool, &to_send).await }),
            tokio::spawn(async move { listen(&connector, first, &sender, &ears).await }),
        ];
        Self {
            outgoing,
            heard: tokio::sync::Mutex::new(heard),
            told: tokio::sync::Mutex::new(told),
            watched,
            tasks,
        }
    }

    /// Tells other hosts soon that a tenant has something to claim.
    pub(super) fn tell(&self, tenant: &str) {
        self.outgoing.tell(tenant);
    }

    /// A tenant has something to claim: other hosts are told unless this one takes it.
    pub(super) fn offer(&self, tenant: &str) {
        self.outgoing
            .offers()
            .offer(tenant, Instant::now(), POSTGRES_OFFER_WAIT);
        self.outgoing.some.notify_one();
    }

    /// See [`Offers::made`].
    pub(super) fn offers_made(&self) -> u64 {
        self.outgoing.offers().made()
    }

    /// A look that began after so many offers found nothing due.
    pub(super) fn taken(&self, tenant: &str, offers: u64) {
        self.outgoing
            .offers()
            .taken(tenant, offers, Instant::now(), POSTGRES_OFFER_WAIT);
    }

    /// This host has no room for what it was offered.
    pub(super) fn decline(&self, tenant: &str) {
        if self.outgoing.offers().decline(tenant) {
            self.tell(tenant);
        }
    }

    /// Tells other hosts that somebody watches a tenant's rows here.
    pub(super) fn watch(&self, tenant: &str) {
        self.outgoing.hint(WATCHED, text::stored(tenant).into_owned());
    }

    /// Whether somebody watches a tenant's rows at another host.
    pub(super) fn is_watched(&self, tenant: &str) -> bool {
        let tenants = self.watched.tenants();
        tenants.get(tenant).is_some_and(|until| *until > Instant::now())
    }

    /// Tells other hosts what changed of a tenant's rows, where somebody watches them.
    pub(super) fn tell_changes(&self, tenant: &str, changes: &[Change]) {
        if !self.is_watched(tenant) {
            return;
        }
        let words: Vec<String> = changes.iter().filter_map(word).collect();
        for words in words.chunks(POSTGRES_CHANGES_TOLD) {
            self.outgoing
                .hint(CHANGED, format!("{} {}", text::stored(tenant), words.join(" ")));
        }
    }

    /// What another host changed of a tenant's rows.
    pub(super) async fn told_changes(&self) -> (String, Vec<Change>) {
        match self.told.lock().await.recv().await {
            Some(told) => told,
            None => std::future::pending().await,
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
        let (channels, told): (Vec<&str>, Vec<String>) = outgoing.hints().await.into_iter().unzip();
        let sent = async {
            let client = pool.get().await.ok()?;
            let notify = client
                .prepare_cached(
                    "SELECT pg_notify(channel, $3 || ' ' || told) FROM unnest($1::text[], $2::text[]) AS hint (channel, told)",
                )
                .await
                .ok()?;
            client
                .execute(&notify, &[&channels, &told, &outgoing.sender])
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
async fn listen(connector: &SharedConnector, first: (Client, Messages), own: &str, ears: &Ears) {
    let mut connected = Ok(first);
    loop {
        let listened = match connected {
            Ok((client, messages)) => listen_once(&client, messages, own, ears).await,
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
    ears: &Ears,
) -> Result<(), tokio_postgres::Error> {
    let listen = format!(
        "{}; LISTEN {DUE}; LISTEN {WATCHED}; LISTEN {CHANGED}",
        presence::enter_again()
    );
    let listening = client.batch_execute(&listen);
    let mut listening = std::pin::pin!(listening);
    let mut asked = false;
    loop {
        tokio::select! {
            answer = &mut listening, if !asked => {
                answer?;
                asked = true;
                // Nobody knows what was told before.
                drop(ears.due.try_send(None));
            }
            message = messages.next() => match message {
                Some(Ok(AsyncMessage::Notification(note))) => {
                    if let Some((sender, told)) = note.payload().split_once(' ')
                        && sender != own
                    {
                        ears.hear(note.channel(), told);
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            },
        }
    }
}
