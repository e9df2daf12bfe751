//! Our own host as a subject of the stories, through its library.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use meanwhile::agent::{Agent, Attempt, answer};
use meanwhile::clock::{Clock, ManualClock};
use meanwhile::component::Component;
use meanwhile::engine::Sandbox;
use meanwhile::host::{Host, LOCAL_TENANT};
use meanwhile::imports::random::SystemRandom;
use meanwhile::imports::{Outlet, TenantContext};
use meanwhile::search::Search;
use meanwhile::service::{Service, Session};
use meanwhile::storage::Storage;
use meanwhile::storage::memory::MemoryStorage;
use meanwhile::storage::postgres::{LeaseClock, PostgresStorage};
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile::tenants::Scopes;
use meanwhile::wit::agent_pipeline::{Outcome, OutcomeStatus, RunRequest, Task};
use meanwhile::wit::runner::FinishedRun;
use meanwhile::wit::types::{ErrorClass, Message, MessageKind, RunError};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::{Answer, Call, Told};
use crate::cluster::{Cluster, ROLE};
use crate::interposed::Interposed;

/// Rows of one answer of the inbox: more than any story makes.
const INBOX_ROWS: u32 = 1_000;

/// How long a host that crashes may take to be gone.
const GONE: Duration = Duration::from_secs(30);

/// What the rows are kept in.
pub enum Store {
    Memory(Arc<MemoryStorage>),
    Sqlite(TempDir),
    /// A database of the process' cluster, once there is one.
    Postgres(Option<String>),
}

impl Store {
    #[must_use]
    pub fn memory() -> Self {
        Self::Memory(Arc::default())
    }

    /// # Panics
    /// When there is no place for a file.
    #[must_use]
    pub fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    /// Needs `tests/setup/postgres`.
    #[must_use]
    pub fn postgres() -> Self {
        Self::Postgres(None)
    }

    async fn open(&mut self) -> Arc<dyn Storage> {
        match self {
            Self::Memory(storage) => Arc::clone(storage) as Arc<dyn Storage>,
            Self::Sqlite(folder) => Arc::new(SqliteStorage::open(folder.path().join("jobs.db")).unwrap()),
            Self::Postgres(database) => {
                let cluster = Cluster::of_process();
                if database.is_none() {
                    *database = Some(cluster.database().await);
                }
                let url = cluster.url(ROLE, database.as_deref().unwrap());
                Arc::new(PostgresStorage::open(&url, LeaseClock::Caller).await.unwrap())
            }
        }
    }
}

/// Compiled once for all stories.
fn component() -> Arc<Component> {
    static COMPILED: OnceLock<Arc<Component>> = OnceLock::new();
    let compile = || Component::load(&Sandbox::new().unwrap(), meanwhile::COMPONENT).unwrap();
    Arc::clone(COMPILED.get_or_init(|| Arc::new(compile())))
}

/// What calls go through.
#[derive(Clone)]
struct Door {
    host: Host,
    storage: Arc<Interposed>,
    clock: Arc<ManualClock>,
}

impl Door {
    async fn ask(&self, call: &Call) -> Answer {
        let (host, with) = (&self.host, call.with.clone());
        let session = Session {
            tenant: LOCAL_TENANT.to_owned(),
            caller: serde_json::from_value(call.caller.clone()).unwrap(),
            scopes: Scopes::all(),
        };
        let answer = match (call.interface.as_str(), call.function.as_str()) {
            ("runner", "poll") => return Ok(self.poll(&with).await),
            ("runner", "settle") => return Ok(self.settle(&with).await),
            ("runner", "cured") => host.cured(&session, with).await.map(Value::from),
            ("conversation", "heard") => host.heard(&session, with).await,
            ("schedule", "preview") => host.preview(&session, with).await,
            ("schedule", "plan") => host.plan(&session, with).await,
            ("directory", "run") => {
                let request = json!({ "run_id": with });
                host.call(&session, "directory", "run", request).await
            }
            (interface, function) => host.call(&session, interface, function, with).await,
        };
        answer.map_err(|error| error.0)
    }

    /// Another host on the same rows: ours makes the calls of `runner` by itself.
    fn elsewhere(&self) -> Arc<TenantContext> {
        Arc::new(TenantContext {
            tenant: LOCAL_TENANT.to_owned(),
            owner: "another host".to_owned(),
            storage: self.storage.clone(),
            search: Arc::new(Search::new(self.storage.clone(), None)),
            clock: self.clock.clone(),
            outlet: Arc::new(NoOutlet),
            random: Arc::new(SystemRandom),
            allowance: Arc::default(),
        })
    }

    async fn poll(&self, limit: &Value) -> Value {
        let limit = u32::try_from(limit.as_u64().unwrap()).unwrap();
        let end = self.host.component().poll(&self.elsewhere(), limit).await;
        let report = end.result.unwrap().unwrap();
        json!({ "claimed": report.claimed, "started": report.started, "conflicts": report.conflicts })
    }

    async fn settle(&self, finished: &Value) -> Value {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let finished = finished.as_array().unwrap().iter().map(|run| FinishedRun {
            run_id: text(&run["run_id"]),
            job_id: text(&run["job_id"]),
            token: run["token"].as_u64().unwrap(),
            task: Task::Execute,
            outcome: outcome(OutcomeStatus::Ok, &text(&run["outcome"]["output"])),
        });
        let finished: Vec<FinishedRun> = finished.collect();
        let report = self
            .host
            .component()
            .settle(&self.elsewhere(), &finished)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(report.problems, Vec::new());
        json!({ "settled": report.settled, "stale": report.stale, "problems": [] })
    }

    /// Whatever is due at present is done.
    async fn rest(&self) {
        let due = self.storage.next_due(LOCAL_TENANT).await.unwrap();
        // The host's own loop may have taken it already.
        if self.storage.had_claims() || due.is_some_and(|due| due <= self.clock.now()) {
            self.host.advance_clock(self.clock.now()).await;
        }
    }
}

/// One life of a host. What executes ends with its reactor.
struct Life {
    door: Door,
    reactor: Runtime,
}

/// See the module.
pub struct Ours {
    store: Store,
    life: Option<Life>,
}

impl Ours {
    /// # Panics
    /// When the host does not start.
    #[must_use]
    pub fn begin(store: Store, instant: i64) -> Self {
        let mut host = Self { store, life: None };
        super::Host::crash(&mut host, instant);
        host
    }

    /// Does `work` with a call in the middle of it.
    fn told<F: Future<Output = Answer>>(
        &self,
        meanwhile: Option<&Call>,
        work: impl FnOnce(Door) -> F,
    ) -> Told {
        let life = self.life.as_ref().expect("a host lives");
        let told = Arc::new(Mutex::new(None));
        life.door.storage.set_before_commit(meanwhile.map(|call| {
            let (door, call, told) = (life.door.clone(), call.clone(), Arc::clone(&told));
            let work = async move {
                let answer = door.ask(&call).await;
                *told.lock().unwrap() = Some(answer);
            };
            Box::pin(work) as _
        }));
        let answer = life.reactor.block_on(work(life.door.clone()));
        life.door.storage.set_before_commit(None);
        let meanwhile = told.lock().unwrap().take();
        Told { answer, meanwhile }
    }
}

impl super::Host for Ours {
    fn call(&mut self, call: &Call, meanwhile: Option<&Call>) -> Told {
        self.told(meanwhile, |door| async move {
            // What was claimed before was waited for.
            door.storage.had_claims();
            let answer = door.ask(call).await;
            door.rest().await;
            answer
        })
    }

    fn advance_to(&mut self, instant: i64, meanwhile: Option<&Call>) -> Told {
        self.told(meanwhile, |door| async move {
            door.host
                .advance_clock(instant)
                .await
                .expect("the clock is manual");
            Ok(Value::Null)
        })
    }

    fn inbox(&mut self) -> Value {
        let life = self.life.as_ref().expect("a host lives");
        let rows = life.door.storage.inbox(LOCAL_TENANT, None, 0, INBOX_ROWS);
        let rows = life.reactor.block_on(rows).unwrap();
        rows.iter().map(|entry| told_message(&entry.message)).collect()
    }

    fn crash(&mut self, instant: i64) {
        if let Some(life) = self.life.take() {
            drop(life.door);
            life.reactor.shutdown_timeout(GONE);
        }
        let reactor = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let clock = Arc::new(ManualClock::new(instant));
        let storage = Arc::new(Interposed::new(reactor.block_on(self.store.open())));
        let building = Host::builder()
            .storage(storage.clone())
            .agent(Arc::new(Spoken))
            .clock(clock.clone())
            .compiled(component())
            .build();
        let host = reactor.block_on(building).unwrap();
        reactor.block_on(host.start()).unwrap();
        let door = Door { host, storage, clock };
        self.life = Some(Life { door, reactor });
    }
}

fn told_message(message: &Message) -> Value {
    let kind = match message.kind {
        MessageKind::Result => "result",
        MessageKind::Failure => "failure",
        MessageKind::Question => "question",
        MessageKind::Incident => "incident",
        MessageKind::Reply => "reply",
    };
    json!({
        "kind": kind, "job": message.job, "run": message.run, "user": message.user,
        "title": message.title, "text": message.text, "created_at": message.created_at,
    })
}

/// Nothing is started through the other host.
struct NoOutlet;

impl Outlet for NoOutlet {
    fn submit(&self, _requests: Vec<RunRequest>) {}

    fn cancel(&self, _run: &str) {}

    fn can_judge(&self) -> bool {
        false
    }

    fn arm(&self, _at: i64) {}
}

fn outcome(status: OutcomeStatus, output: &str) -> Outcome {
    answer(status, output.to_owned())
}

/// The agent of the stories: the output is the payload, unless that begins with a word that says how
/// the run ends. `tests/hosts/README.md` lists them.
struct Spoken;

#[async_trait]
impl Agent for Spoken {
    async fn run(&self, attempt: Attempt) -> Outcome {
        let Attempt { request, stop, .. } = attempt;
        let mut words = request.payload.split(' ');
        let (verb, argument) = (words.next().unwrap(), words.next().unwrap_or_default());
        let early = || request.attempt <= argument.parse().unwrap();
        let failed = |class| Outcome {
            error: Some(RunError {
                class,
                message: request.payload.clone(),
            }),
            ..outcome(OutcomeStatus::Failed, "")
        };
        match verb {
            "fail" => failed(match argument {
                "transient" => ErrorClass::Transient,
                "quota" => ErrorClass::Quota,
                "auth" => ErrorClass::Auth,
                _ => ErrorClass::Permanent,
            }),
            "echo" => {
                let outputs = request.dependencies.iter().filter_map(|it| it.output.clone());
                let heard: Vec<String> = outputs.chain(request.unread_replies.iter().cloned()).collect();
                let heard = if heard.is_empty() {
                    "nothing".to_owned()
                } else {
                    heard.join(" ")
                };
                outcome(OutcomeStatus::Ok, &heard)
            }
            "ask" => outcome(OutcomeStatus::NeedsInput, &request.payload),
            "flaky" if early() => failed(ErrorClass::Transient),
            "hang" if early() => {
                stop.cancelled().await;
                outcome(OutcomeStatus::Cancelled, "")
            }
            _ => outcome(OutcomeStatus::Ok, &request.payload),
        }
    }

    async fn check(&self) -> Result<String, String> {
        Ok("does as it is told".to_owned())
    }
}
