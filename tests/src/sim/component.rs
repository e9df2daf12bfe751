//! The built component as the logic: the same world stands behind the host's own imports.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use meanwhile::clock::Clock;
use meanwhile::component::Component;
use meanwhile::imports::random::Random;
use meanwhile::imports::{Outlet, TenantContext};
use meanwhile::search::Search;
use meanwhile::storage::retention::{Old, SweptJob};
use meanwhile::storage::texts::{JobTexts, NewVector, Picked, Unembedded};
use meanwhile::storage::turns::{Conversation, Turn};
use meanwhile::storage::usage::{Booking, DayUse};
use meanwhile::storage::{InboxEntry, Owner, Quota, Storage, Stored, Tenant};
use meanwhile::wit::agent_pipeline::RunRequest;
use meanwhile::wit::conversation::ConversationError;
use meanwhile::wit::runner::RunnerError;
use meanwhile::wit::storage::{
    Claim, EdgeFilter, HitPage, JobFilter, JobPage, JobToken, MessageFilter, Page, Rejection, RunFilter,
    SearchQuery, StorageError, Unit,
};
use meanwhile::wit::types::{DeliveryStatus, Edge, Instant, Job, JobStatus, Message, Run, StatusChange};
use meanwhile::{contract, engine};
use meanwhile_guest::bindings as guest;
use meanwhile_guest::world::World;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::call::Call;
use super::logic::{Logic, Tool};

/// The component, and a reactor for the host's time limits.
pub struct Built {
    component: Component,
    reactor: tokio::runtime::Runtime,
}

impl Built {
    /// # Errors
    /// When the component does not load.
    pub fn load(bytes: &[u8]) -> anyhow::Result<Self> {
        let sandbox = engine::Sandbox::new().map_err(|error| anyhow::anyhow!("{error:#}"))?;
        Ok(Self {
            component: Component::load(&sandbox, bytes)?,
            // With a thread of its own: time passes there, and turns come to an end, while a call waits for one.
            reactor: tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_time()
                .build()?,
        })
    }

    /// Runs a call to its end on this thread. The world answers at once, so whatever is pending
    /// has only made room; that way calls may stand inside of each other.
    fn finish<T>(&self, work: impl Future<Output = T>) -> T {
        let _reactor = self.reactor.enter();
        let mut work = pin!(work);
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
                return done;
            }
        }
    }
}

/// From one set of bindings to the other: the same contract, so the same JSON.
fn same<A: Serialize, B: DeserializeOwned>(value: &A) -> B {
    let text = serde_json::to_vec(value).expect("values of the contract are JSON");
    serde_json::from_slice(&text).expect("both bindings come from one contract")
}

fn answer<A: Serialize, B: DeserializeOwned>(
    answer: Result<A, guest::storage::StorageError>,
) -> Result<B, StorageError> {
    match answer {
        Ok(value) => Ok(same(&value)),
        Err(error) => Err(same(&error)),
    }
}

fn tenant(call: &Arc<Call>) -> Arc<TenantContext> {
    let imports = Arc::new(Imports(Arc::clone(call)));
    Arc::new(TenantContext {
        tenant: "world".into(),
        owner: format!("host {}", call.host),
        storage: imports.clone(),
        search: Arc::new(Search::new(imports.clone(), None)),
        clock: imports.clone(),
        outlet: imports.clone(),
        random: imports,
        allowance: Arc::default(),
    })
}

impl Logic for Built {
    fn poll(&self, call: &Arc<Call>, limit: u32) -> Result<guest::runner::PollReport, String> {
        match self.finish(self.component.poll(&tenant(call), limit)).result {
            Ok(Ok(report)) => Ok(same(&report)),
            Ok(Err(RunnerError::Unavailable(why))) => Err(why),
            Err(failure) => panic!("{failure}"),
        }
    }

    fn settle(
        &self,
        call: &Arc<Call>,
        finished: Vec<guest::runner::FinishedRun>,
    ) -> Result<guest::runner::SettleReport, String> {
        let finished: Vec<_> = finished.iter().map(same).collect();
        match self.finish(self.component.settle(&tenant(call), &finished)) {
            Ok(Ok(report)) => Ok(same(&report)),
            Ok(Err(RunnerError::Unavailable(why))) => Err(why),
            Err(failure) => panic!("{failure}"),
        }
    }

    fn heard(
        &self,
        call: &Arc<Call>,
        caller: &guest::types::Caller,
        said: &guest::conversation::Utterance,
    ) -> Result<usize, String> {
        let tenant = tenant(call);
        let (caller, said) = (same(caller), same(said));
        match self.finish(self.component.heard(&tenant, &caller, &said)) {
            Ok(Ok(effects)) => Ok(effects.len()),
            Ok(Err(
                ConversationError::Invalid(why)
                | ConversationError::NotFound(why)
                | ConversationError::Unavailable(why)
                | ConversationError::Forbidden(why),
            )) => Err(why),
            Err(failure) => panic!("{failure}"),
        }
    }

    fn tool(&self, call: &Arc<Call>, caller: &guest::types::Caller, tool: &Tool) -> Result<String, String> {
        let (name, request) = match tool {
            Tool::Create(request) => ("job-create", written(request)),
            Tool::Update(request) => ("job-update", written(request)),
            Tool::Pause(request) => ("job-pause", written(request)),
            Tool::Cancel(request) => ("job-cancel", written(request)),
        };
        let function = contract::function("tools", name).expect("a tool of the contract");
        let request = contract::arguments_to_val(&function, request).expect("a request of the contract");
        let arguments = vec![contract::caller_to_val(&same(caller)), request];
        let tenant = tenant(call);
        let called = self.component.call_dynamic(&tenant, "tools", name, arguments);
        let result = match self.finish(called) {
            Ok(result) => contract::result_to_json(&function, result),
            Err(failure) => panic!("{failure}"),
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match result {
            Ok(answer) => Ok(text(&answer["job"]["job_id"])),
            Err(error) => Err(text(&error.0["message"])),
        }
    }
}

/// A request as callers write it: what is left out is absent, and words are the contract's.
fn written(request: &impl Serialize) -> Value {
    let mut value = serde_json::to_value(request).expect("values of the contract are JSON");
    in_words(&mut value, "");
    value
}

/// Fields that hold a word of an enumeration.
const WORDS: [&str; 8] = [
    "job_type",
    "status",
    "notify",
    "policy",
    "gap",
    "overlap",
    "on_dependency_failure",
    "on",
];

fn in_words(value: &mut Value, field: &str) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, value| !value.is_null());
            for (field, value) in fields {
                in_words(value, field);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| in_words(item, field)),
        Value::String(word) if WORDS.contains(&field) => {
            let mut snake = String::with_capacity(word.len() + 2);
            for (index, letter) in word.char_indices() {
                if letter.is_uppercase() && index > 0 {
                    snake.push('_');
                }
                snake.push(letter.to_ascii_lowercase());
            }
            let upper = matches!(field, "job_type" | "status");
            *word = if upper { snake.to_uppercase() } else { snake };
        }
        _ => {}
    }
}

/// The world behind the host's imports, for one call.
struct Imports(Arc<Call>);

impl Clock for Imports {
    fn now(&self) -> Instant {
        World::now(&*self.0)
    }

    fn sleep_until(&self, _at: Instant) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl Random for Imports {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), getrandom::Error> {
        for chunk in bytes.chunks_mut(8) {
            let drawn = World::random(&*self.0).to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
        Ok(())
    }
}

impl Outlet for Imports {
    fn submit(&self, requests: Vec<RunRequest>) {
        let requests: Vec<_> = requests.iter().map(same).collect();
        World::submit(&*self.0, &requests);
    }

    fn cancel(&self, run: &str) {
        World::cancel(&*self.0, run);
    }

    fn can_judge(&self) -> bool {
        World::can_judge(&*self.0)
    }

    fn arm(&self, at: Instant) {
        World::arm(&*self.0, at);
    }
}

/// What the host's own loops would ask; the simulation has loops of its own.
fn not_asked<T>() -> Result<T, StorageError> {
    Err(StorageError::Unavailable(
        "the simulation asks its store itself".into(),
    ))
}

#[async_trait]
impl Storage for Imports {
    async fn get_jobs(&self, _tenant: &Tenant, ids: Vec<String>) -> Result<Vec<Option<Job>>, StorageError> {
        answer(World::get_jobs(&*self.0, &ids))
    }

    async fn get_runs(&self, _tenant: &Tenant, ids: Vec<String>) -> Result<Vec<Option<Run>>, StorageError> {
        answer(World::get_runs(&*self.0, &ids))
    }

    async fn find_jobs(
        &self,
        _tenant: &Tenant,
        filter: JobFilter,
        page: Page,
    ) -> Result<JobPage, StorageError> {
        answer(World::find_jobs(&*self.0, &same(&filter), &same(&page)))
    }

    async fn find_runs(&self, _tenant: &Tenant, filter: RunFilter) -> Result<Vec<Run>, StorageError> {
        answer(World::find_runs(&*self.0, &same(&filter)))
    }

    async fn find_edges(&self, _tenant: &Tenant, filter: EdgeFilter) -> Result<Vec<Edge>, StorageError> {
        answer(World::find_edges(&*self.0, &same(&filter)))
    }

    async fn find_messages(
        &self,
        _tenant: &Tenant,
        filter: MessageFilter,
    ) -> Result<Vec<Message>, StorageError> {
        answer(World::find_messages(&*self.0, &same(&filter)))
    }

    async fn find_changes(
        &self,
        _tenant: &Tenant,
        job: String,
        limit: u32,
    ) -> Result<Vec<StatusChange>, StorageError> {
        answer(World::find_changes(&*self.0, &job, limit))
    }

    async fn search_jobs(&self, _tenant: &Tenant, query: SearchQuery) -> Result<HitPage, StorageError> {
        answer(World::search_jobs(&*self.0, &same(&query)))
    }

    // Worlds search by terms alone.
    async fn texts(&self, _tenant: &Tenant, _after: u64, _limit: u32) -> Result<Vec<JobTexts>, StorageError> {
        Ok(Vec::new())
    }

    async fn unembedded(&self, _model: &str, _limit: u32) -> Result<Vec<Unembedded>, StorageError> {
        Ok(Vec::new())
    }

    async fn put_vectors(
        &self,
        _tenant: &Tenant,
        _model: &str,
        _vectors: Vec<NewVector>,
    ) -> Result<(), StorageError> {
        Ok(())
    }

    async fn pick_jobs(
        &self,
        _tenant: &Tenant,
        _numbers: Vec<u64>,
        _filter: JobFilter,
    ) -> Result<Picked, StorageError> {
        Ok(Picked::default())
    }

    async fn job_numbers(
        &self,
        _tenant: &Tenant,
        _filter: JobFilter,
        _limit: u32,
    ) -> Result<Vec<u64>, StorageError> {
        Ok(Vec::new())
    }

    async fn claim_due(
        &self,
        _tenant: &Tenant,
        _owner: &Owner,
        _now: Instant,
        _lease_until: Instant,
        limit: u32,
    ) -> Result<Vec<Claim>, StorageError> {
        answer(World::claim_due(&*self.0, limit))
    }

    async fn commit(
        &self,
        _tenant: &Tenant,
        _quota: Quota,
        units: Vec<Unit>,
    ) -> Result<Vec<Result<(), Rejection>>, StorageError> {
        let units: Vec<guest::storage::Unit> = units.iter().map(same).collect();
        answer(World::commit(&*self.0, &units))
    }

    async fn next_due(&self, _tenant: &Tenant) -> Result<Option<Instant>, StorageError> {
        not_asked()
    }

    async fn due_tenants(&self, _now: Instant) -> Result<Vec<String>, StorageError> {
        not_asked()
    }

    async fn renew(
        &self,
        _tenant: &Tenant,
        _owner: &Owner,
        _leases: Vec<JobToken>,
        _lease_until: Instant,
    ) -> Result<Vec<JobToken>, StorageError> {
        not_asked()
    }

    async fn release_owner(&self, _owner: &Owner) -> Result<u64, StorageError> {
        not_asked()
    }

    async fn take_over(&self, _owner: &Owner) -> Result<u64, StorageError> {
        not_asked()
    }

    async fn inbox(
        &self,
        _tenant: &Tenant,
        _user: Option<String>,
        _after: u64,
        _limit: u32,
    ) -> Result<Vec<InboxEntry>, StorageError> {
        not_asked()
    }

    async fn set_delivery(
        &self,
        _tenant: &Tenant,
        _ids: Vec<String>,
        _delivery: DeliveryStatus,
    ) -> Result<u64, StorageError> {
        not_asked()
    }

    async fn undelivered(&self, _tenant: &Tenant, _limit: u32) -> Result<Vec<InboxEntry>, StorageError> {
        not_asked()
    }

    async fn undelivered_tenants(&self) -> Result<Vec<String>, StorageError> {
        not_asked()
    }

    async fn count_jobs(&self, _tenant: &Tenant) -> Result<Vec<(JobStatus, u64)>, StorageError> {
        not_asked()
    }

    async fn stored(&self, _tenant: &Tenant) -> Result<Stored, StorageError> {
        not_asked()
    }

    async fn purge(&self, _tenant: &Tenant, _limit: u32) -> Result<u64, StorageError> {
        not_asked()
    }

    async fn sweep(&self, _tenant: &Tenant, _after: u64, _limit: u32) -> Result<Vec<SweptJob>, StorageError> {
        not_asked()
    }

    async fn sweep_messages(
        &self,
        _tenant: &Tenant,
        _after: u64,
        _limit: u32,
    ) -> Result<Vec<InboxEntry>, StorageError> {
        not_asked()
    }

    async fn forget(&self, _tenant: &Tenant, _old: Old) -> Result<u64, StorageError> {
        not_asked()
    }

    async fn book(&self, _tenant: &Tenant, _day: i64, _booking: Booking) -> Result<bool, StorageError> {
        not_asked()
    }

    async fn day_use(&self, _tenant: &Tenant, _day: i64) -> Result<DayUse, StorageError> {
        not_asked()
    }

    async fn last_message(&self, _tenant: &Tenant) -> Result<u64, StorageError> {
        not_asked()
    }

    async fn add_turns(&self, _tenant: &Tenant, _turns: Vec<Turn>) -> Result<(), StorageError> {
        not_asked()
    }

    async fn turns(
        &self,
        _tenant: &Tenant,
        _of: &Conversation,
        _limit: u32,
    ) -> Result<Vec<Turn>, StorageError> {
        not_asked()
    }

    async fn forget_turns(
        &self,
        _tenant: &Tenant,
        _before: Instant,
        _limit: u32,
    ) -> Result<u64, StorageError> {
        not_asked()
    }

    async fn check(&self) -> Result<String, StorageError> {
        not_asked()
    }

    async fn close(&self) {}
}
