//! Jobs that are created one after the other while hosts fail: each until it is acknowledged.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::served::Client;

/// The first jobs repeat.
pub const REPEATING: usize = 3;
const INTERVAL_SECONDS: i64 = 10;
/// More than the faults that can hit one run.
const ATTEMPTS: u32 = 100;

/// A host that does not answer within this is asked no longer: the next one is.
const CALL_WAIT: Duration = Duration::from_secs(3);
/// A host that was silent for that long is not asked for a while, as whatever stands before hosts would do.
const SILENT_REST: Duration = Duration::from_secs(10);
/// A host that cannot take a job now is asked again after this.
const REFUSED_WAIT: Duration = Duration::from_millis(20);

/// The n-th job of the load. Every third waits for the one before it.
#[must_use]
pub fn job(n: usize) -> Value {
    let mut job = json!({
        "title": format!("Work {n}"),
        "payload": "Do it.",
        "job_type": "ONE_OFF",
        "idempotency_key": format!("key {n}"),
        "retry": {"max_attempts": ATTEMPTS},
    });
    if n < REPEATING {
        job["job_type"] = "RECURRING".into();
        job["trigger_config"] = json!({"interval_seconds": INTERVAL_SECONDS});
    } else if n % 3 == 2 && n > REPEATING {
        job["depends_on"] = json!([{"job": format!("key {}", n - 1)}]);
    }
    job
}

/// The ids of the jobs that were acknowledged, in the order of their numbers.
pub type Acknowledged = Arc<Mutex<Vec<String>>>;

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    Acknowledged,
    /// Storage was away: nothing was written, or nobody knows.
    Refused,
    NoAnswer,
}

/// Creates the next job.
///
/// # Panics
/// When it is refused for another reason than that storage is away.
pub async fn create(client: &Client, acknowledged: &Acknowledged) -> Created {
    let n = acknowledged.lock().unwrap().len();
    let Ok(answer) = client.try_tool("job_create", &job(n)).await else {
        return Created::NoAnswer;
    };
    match answer["job"]["job_id"].as_str() {
        Some(id) => {
            acknowledged.lock().unwrap().push(id.to_owned());
            Created::Acknowledged
        }
        None => {
            assert_eq!(answer["error"]["code"], "unavailable", "job {n}: {answer}");
            Created::Refused
        }
    }
}

/// Where the hosts are that live; changes as they come and go.
pub type Clients = Arc<Mutex<Vec<Client>>>;

/// A load that goes on until it is stopped.
pub struct Load {
    acknowledged: Acknowledged,
    refused: Arc<AtomicUsize>,
    stop: CancellationToken,
    creating: JoinHandle<()>,
}

impl Load {
    /// Creates a job with each host in turn, with a pause after each.
    #[must_use]
    pub fn start(clients: &Clients, pause: Duration) -> Self {
        let acknowledged = Acknowledged::default();
        let stop = CancellationToken::new();
        let (clients, jobs, stopped) = (Arc::clone(clients), Arc::clone(&acknowledged), stop.clone());
        let refused = Arc::new(AtomicUsize::new(0));
        let refusals = Arc::clone(&refused);
        let creating = tokio::spawn(async move {
            let mut turn = 0;
            let mut silent: HashMap<String, Instant> = HashMap::new();
            while !stopped.is_cancelled() {
                let client = {
                    let clients = clients.lock().unwrap();
                    let hosts = clients.len();
                    let in_turn = (1..=hosts).map(|n| turn + n);
                    let rests = |n: usize| {
                        let since = silent.get(&clients[n % hosts].url);
                        since.is_some_and(|since| since.elapsed() < SILENT_REST)
                    };
                    turn = in_turn.clone().find(|n| !rests(*n)).unwrap_or(turn + 1);
                    clients[turn % hosts].clone()
                };
                // A call that got no answer is made again, with the same key, at the next host.
                let created = tokio::time::timeout(CALL_WAIT, create(&client, &jobs)).await;
                match created {
                    Ok(Created::Refused) => {
                        refusals.fetch_add(1, Relaxed);
                    }
                    Err(_) => {
                        silent.insert(client.url.clone(), Instant::now());
                    }
                    Ok(_) => {}
                }
                let done = created == Ok(Created::Acknowledged);
                tokio::time::sleep(if done { pause } else { REFUSED_WAIT }).await;
            }
        });
        Self {
            acknowledged,
            refused,
            stop,
            creating,
        }
    }

    /// How many jobs were acknowledged so far.
    ///
    /// # Panics
    /// When the load did.
    #[must_use]
    pub fn count(&self) -> usize {
        self.acknowledged.lock().unwrap().len()
    }

    /// Waits until so many more are acknowledged.
    ///
    /// # Panics
    /// When they are not within `within`.
    pub async fn more(&self, jobs: usize, within: Duration) {
        let wanted = self.count() + jobs;
        self.until(within, || self.count() >= wanted).await;
    }

    /// Waits until so many more calls were refused because storage is away.
    ///
    /// # Panics
    /// When they are not within `within`.
    pub async fn refusals(&self, more: usize, within: Duration) {
        let wanted = self.refused.load(Relaxed) + more;
        self.until(within, || self.refused.load(Relaxed) >= wanted).await;
    }

    async fn until(&self, within: Duration, reached: impl Fn() -> bool) {
        let waiting = async {
            while !reached() && !self.creating.is_finished() {
                tokio::time::sleep(REFUSED_WAIT).await;
            }
        };
        let waited = tokio::time::timeout(within, waiting).await;
        waited.expect("the load does not get there");
    }

    /// Ends it; answers the jobs that were acknowledged.
    ///
    /// # Panics
    /// When the load did.
    pub async fn stop(self) -> Vec<String> {
        self.stop.cancel();
        self.creating.await.unwrap();
        let acknowledged = self.acknowledged.lock().unwrap();
        acknowledged.clone()
    }
}
