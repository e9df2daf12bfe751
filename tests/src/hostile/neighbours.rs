//! Well-behaved tenants under load, each with a ledger of what it did: what is in the store at the
//! end has to be exactly that.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant as Timer};

use async_trait::async_trait;
use meanwhile::agent::{Agent, Attempt, noop::Noop};
use meanwhile::host::Host;
use meanwhile::service::Service;
use meanwhile::wit::agent_pipeline::Outcome;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::yard::session;

/// A run that does not start within this is a failure.
const START: Duration = Duration::from_secs(60);

/// Does nothing, and notes when the runs of a job started.
pub struct Noting {
    started: Mutex<HashMap<String, Timer>>,
    changed: watch::Sender<()>,
}

impl Noting {
    #[must_use]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        let (changed, _) = watch::channel(());
        Self {
            started: Mutex::default(),
            changed,
        }
    }

    /// When the run of a job started, as soon as it has.
    async fn started(&self, job: &str) -> Timer {
        let mut changes = self.changed.subscribe();
        loop {
            if let Some(at) = self.started.lock().unwrap().remove(job) {
                return at;
            }
            let changed = tokio::time::timeout(START, changes.changed()).await;
            changed.unwrap_or_else(|_| panic!("{job} did not start")).unwrap();
        }
    }
}

#[async_trait]
impl Agent for Noting {
    async fn run(&self, attempt: Attempt) -> Outcome {
        let job = attempt.request.job_id.clone();
        self.started.lock().unwrap().insert(job, Timer::now());
        self.changed.send_replace(());
        Noop.run(attempt).await
    }

    async fn check(&self) -> Result<String, String> {
        Ok("notes when runs start".into())
    }
}

/// A well-behaved tenant.
pub struct Neighbour {
    host: Host,
    agent: Arc<Noting>,
    name: String,
    rounds: usize,
    /// Title, description and payload of each of its jobs, by id.
    ledger: BTreeMap<String, [String; 3]>,
}

/// How long one thing took: what, and the time.
pub type Taken = (&'static str, Duration);

impl Neighbour {
    #[must_use]
    pub fn new(host: &Host, agent: &Arc<Noting>, name: &str) -> Self {
        Self {
            host: host.clone(),
            agent: Arc::clone(agent),
            name: name.into(),
            rounds: 0,
            ledger: BTreeMap::new(),
        }
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    async fn call(&self, tool: &'static str, request: Value, taken: &mut Vec<Taken>) -> Value {
        let began = Timer::now();
        let answer = self.host.call(&session(&self.name), "tools", tool, request).await;
        taken.push((tool, began.elapsed()));
        answer.unwrap_or_else(|error| panic!("{} {tool}: {}", self.name, error.0))
    }

    /// Creates, reads, searches, changes, and has something run; each answer has to be right.
    pub async fn round(&mut self) -> Vec<Taken> {
        let mut taken = Vec::with_capacity(6);
        self.rounds += 1;
        let round = self.rounds;
        let title = format!("Round {round}");
        // Everybody's jobs of this round have this word.
        let word = format!("secret{round}");
        let payload = format!("Keep the {word} of {}", self.name);

        let job = json!({
            "title": title, "payload": payload, "confirm_new": true,
            "trigger_config": { "run_at": "2099-06-01T09:00:00", "timezone": "Europe/Berlin" },
        });
        let answer = self.call("job-create", job, &mut taken).await;
        let id = answer["job"]["job_id"].as_str().unwrap().to_owned();

        let found = self
            .call("job-retrieval-by-id", json!({ "job_id": id }), &mut taken)
            .await;
        assert_eq!(found["job"]["payload"], payload.as_str());

        let search = json!({ "keywords": [word] });
        let found = self.call("job-retrieval-by-keywords", search, &mut taken).await;
        let found = found["jobs"].as_array().unwrap();
        assert!(found.len() == 1 && found[0]["payload"] == payload.as_str());

        let description = format!("Changed in round {round}");
        let change = json!({ "job_id": id, "description": description });
        self.call("job-update", change, &mut taken).await;
        self.ledger.insert(id, [title, description, payload.clone()]);

        let title = format!("Run of round {round}");
        let job = json!({ "title": title, "payload": payload, "confirm_new": true, "job_type": "ONE_OFF" });
        let began = Timer::now();
        let answer = self.call("job-create", job, &mut taken).await;
        let id = answer["job"]["job_id"].as_str().unwrap().to_owned();
        let started = self.agent.started(&id).await;
        taken.push(("run", started.saturating_duration_since(began)));
        self.ledger.insert(id, [title, String::new(), payload]);
        taken
    }
}

/// Holds every row of the store against what the tenants did: each has its own jobs and no other,
/// as it left them, and everything else is about its own jobs.
///
/// # Panics
/// With the first difference.
pub fn compare(file: &Path, neighbours: &[Neighbour]) {
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = rusqlite::Connection::open_with_flags(file, flags).unwrap();
    for Neighbour { name, ledger, .. } in neighbours {
        let sql = "SELECT id, spec ->> '$.title', spec ->> '$.description', spec ->> '$.payload' FROM jobs \
                   WHERE tenant = ?1";
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement
            .query_map([name], |row| {
                Ok((row.get::<_, String>(0)?, [row.get(1)?, row.get(2)?, row.get(3)?]))
            })
            .unwrap();
        let stored: BTreeMap<String, [String; 3]> = rows.map(Result::unwrap).collect();
        assert_eq!(stored, *ledger, "the jobs of {name}");
        for (table, job) in [
            ("runs", "job"),
            ("messages", "job"),
            ("changes", "job"),
            ("edges", "dependent"),
            ("edges", "prerequisite"),
        ] {
            let sql = format!(
                "SELECT count(*) FROM {table} WHERE tenant = ?1 AND {job} NOT IN (SELECT id FROM jobs WHERE tenant = ?1)"
            );
            let strays: usize = connection.query_row(&sql, [name], |row| row.get(0)).unwrap();
            assert_eq!(strays, 0, "{table} of {name}");
        }
        let sql = "SELECT count(*) FROM runs WHERE tenant = ?1";
        let runs: usize = connection.query_row(sql, [name], |row| row.get(0)).unwrap();
        assert_eq!(runs * 2, ledger.len(), "the runs of {name}");
    }
}
