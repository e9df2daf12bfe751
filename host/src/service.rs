//! What the outside asks of the host, behind one door: MCP, HTTP and the command line all come
//! through here.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::agent::Progress;
pub use crate::events::Event;
use crate::storage::InboxEntry;
use crate::storage::words::Word as _;
use crate::tenants::{Scope, Scopes, TenantCommand};
use crate::wit::types::{Caller, Instant, Message};

/// An authenticated caller: the tenant whose rows a call may see, who calls, and what for.
#[derive(Clone, Debug)]
pub struct Session {
    /// Whose rows the call sees and writes, and whose limits it is under.
    pub tenant: String,
    /// Who calls, as the component is told it: the agent, the user, and the run where a run calls.
    pub caller: Caller,
    /// What the caller may do.
    pub scopes: Scopes,
}

impl Session {
    /// Whether the caller has all of these scopes.
    ///
    /// # Errors
    /// `forbidden`, with the missing ones as `scope`.
    pub fn check(&self, needed: Scopes) -> Result<(), CallError> {
        let missing = needed.without(self.scopes);
        if missing == Scopes::NONE {
            return Ok(());
        }
        let message = format!("the token lacks the scope `{missing}`: get one that has it");
        Err(CallError(
            json!({ "code": "forbidden", "message": message, "scope": missing.to_string() }),
        ))
    }
}

/// A message, with its position where that is known.
pub(crate) fn shown_message(position: Option<u64>, it: &Message) -> Value {
    json!({
        "position": position, "message_id": it.id, "kind": it.kind.word(), "job_id": it.job, "run_id": it.run,
        "conversation": it.conversation, "related_entity_id": it.related_entity_id,
        "narrative_id": it.narrative_id, "title": it.title, "text": it.text, "delivery": it.delivery.word(),
        "created_at": rfc3339(it.created_at),
    })
}

fn rfc3339(at: i64) -> Option<String> {
    let at = chrono::DateTime::from_timestamp_millis(at)?;
    Some(at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

/// The scopes that a call of the component needs.
#[must_use]
pub fn scopes_needed(interface: &str, function: &str, arguments: &Value) -> Scopes {
    let writes = interface == "tools" && !function.starts_with("job-retrieval");
    let needed = Scopes::NONE.with(if writes { Scope::JobsWrite } else { Scope::JobsRead });
    let runs = arguments.get("run_now");
    if runs.is_some_and(|now| *now != Value::Bool(false)) {
        return needed.with(Scope::JobsRun);
    }
    needed
}

/// Why a call was not carried out: `{"code": …, "field"?: …, "message": …, …}` as in
/// `wit/tools.wit`'s `tool-error`, in JSON words (`invalid_argument`).
#[derive(Clone, Debug, PartialEq)]
pub struct CallError(pub Value);

impl std::fmt::Display for CallError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = |name: &str| self.0.get(name).and_then(Value::as_str).unwrap_or("unknown");
        write!(formatter, "{}: {}", text("code"), text("message"))
    }
}

impl std::error::Error for CallError {}

/// What moving a manual clock did.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct ClockReport {
    /// RFC 3339 in UTC.
    pub now: String,
    /// Runs that started meanwhile.
    pub started: u64,
    /// Runs whose results were settled meanwhile.
    pub settled: u64,
    /// Runs that still execute (they did not end within the time the call waits).
    pub executing: u64,
}

/// One tenant's figures, for metrics.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Figures {
    /// Whose figures these are.
    pub tenant: String,
    /// Jobs by status as JSON spells it (`IN_PROGRESS`), at present; statuses without a job are
    /// left out.
    pub jobs_by_status: Vec<(String, u64)>,
    /// Bytes of the tenant's rows.
    pub storage_bytes: u64,
    /// Attempts that execute in this host at present.
    pub runs_executing: u64,
    /// Attempts that this host has started since it began to serve the tenant.
    pub runs_started: u64,
    /// Results that were settled since then.
    pub runs_settled: u64,
    /// Polls of the component since then.
    pub polls: u64,
    /// Calls by the loops that the component did not bring to an end since then: traps, and limits
    /// of the sandbox.
    pub component_failures: u64,
    /// Whether the poll loop is alive and storage answered lately.
    pub ready: bool,
}

/// The way back to the host for what lives in it, such as an agent that uses the tools. It keeps no host alive.
#[derive(Clone)]
pub struct ServiceLink(Arc<dyn Fn() -> Option<Arc<dyn Service>> + Send + Sync>);

impl ServiceLink {
    /// A link to what `find` finds, for as long as it does.
    pub fn new(find: impl Fn() -> Option<Arc<dyn Service>> + Send + Sync + 'static) -> Self {
        Self(Arc::new(find))
    }

    /// The host. None: it is gone.
    #[must_use]
    pub fn host(&self) -> Option<Arc<dyn Service>> {
        (self.0)()
    }
}

/// The running host, as its edges see it.
#[async_trait]
pub trait Service: Send + Sync + 'static {
    /// Calls one of the component's exports that take (caller, request record): interface `tools`
    /// or `directory`, function in WIT spelling (`job-create`, `jobs`). `arguments` is the
    /// request as JSON; the answer is the ok-record as JSON. Every kind of bad input is an error
    /// with the field's path.
    async fn call(
        &self,
        session: &Session,
        interface: &str,
        function: &str,
        arguments: Value,
    ) -> Result<Value, CallError>;

    /// `schedule.preview`, as JSON to JSON.
    async fn preview(&self, session: &Session, request: Value) -> Result<Value, CallError>;

    /// `schedule.plan`, as JSON to JSON. Creates nothing.
    async fn plan(&self, session: &Session, request: Value) -> Result<Value, CallError>;

    /// `conversation.heard`: the effects as JSON.
    async fn heard(&self, session: &Session, utterance: Value) -> Result<Value, CallError>;

    /// What a person says, `{"text", "in_reply_to"?, "conversation"?}`: as [`heard`](Self::heard), and what concerns no
    /// job the agent answers with its tools, if it talks. `{"conversation", "effects", "reply"}`; what is done and
    /// said on the way goes to `progress`. Dropped, it ends.
    async fn chat(&self, session: &Session, request: Value, progress: Progress) -> Result<Value, CallError>;

    /// `runner.cured`: `{"cause": "quota" | "credentials", "agent"?: …}`; answers how many jobs go on.
    async fn cured(&self, session: &Session, request: Value) -> Result<u32, CallError>;

    /// Messages after a position, oldest first, at most `limit`.
    async fn inbox(&self, session: &Session, after: u64, limit: u32) -> Result<Vec<InboxEntry>, CallError>;

    /// What changes of the caller's jobs, runs and messages from now on, as this host writes it; messages after a
    /// position of the inbox first, where one is given. Dropped, it ends; it also ends when the tenant is not served
    /// any more.
    async fn events(&self, session: &Session, after: Option<u64>)
    -> Result<mpsc::Receiver<Event>, CallError>;

    /// Marks a message of the caller as read. False: there is no such message.
    async fn acknowledge(&self, session: &Session, message: &str) -> Result<bool, CallError>;

    /// The host's present.
    fn now(&self) -> Instant;

    /// Whether the loops live and storage answered lately.
    fn ready(&self) -> bool;

    /// Moves a manual clock; `None` where the clock is the machine's. Needs `tenants:admin`.
    async fn advance_clock(&self, session: &Session, to: Instant) -> Result<Option<ClockReport>, CallError>;

    /// The caller's tenant's figures; an operator's are those of every tenant.
    async fn figures(&self, session: &Session) -> Result<Vec<Figures>, CallError>;

    /// Whether there is such a tenant, be it suspended: an access token may name any.
    fn serves(&self, tenant: &str) -> bool {
        let _ = tenant;
        true
    }

    /// Counts a request against the tenant's rate.
    ///
    /// # Errors
    /// When there were too many: how long to wait.
    fn admit(&self, tenant: &str) -> Result<(), Duration>;

    /// Carries out an operator's command. Needs `tenants:admin`.
    async fn operate(&self, session: &Session, command: TenantCommand) -> Result<Value, CallError>;
}
