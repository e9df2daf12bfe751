//! A provider of language models in this process: it takes requests as `OpenAI` (chat completions,
//! responses) and Anthropic (messages) publish them, refuses those that they would refuse, and
//! answers with what a test has written down, whole or as a stream.
//!
//! ```text
//! let provider = Provider::start().await;
//! provider.script([Reply::call("list_jobs", json!({})), Reply::text("There is one job.")]);
//! ```
//!
//! Its rules are those of the providers' `OpenAPI` documents and of the errors that they are known to
//! give; where it is stricter than one of them, a comment says so.

#![allow(clippy::unwrap_used)]

mod anthropic;
mod asked;
mod checks;
mod deliver;
mod errors;
mod openai;
mod plan;
mod reply;
mod turn;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use serde_json::Value;
use tokio::sync::watch;

pub use self::asked::{Asked, ToolCall, ToolResult, Wire};
pub use self::plan::{Gate, Usage};
pub use self::reply::Reply;

use self::deliver::UnderWay;
use self::errors::Refusal;

/// The longest request that it reads (Anthropic's limit).
const REQUEST_BYTES_MAX: usize = 32 << 20;

/// The key that it wants unless told otherwise.
pub const KEY: &str = "test-key";

/// The models that it has unless told otherwise.
pub const MODELS: [&str; 2] = ["test-model", "judge-model"];

/// The provider, until it is dropped: then every connection ends.
pub struct Provider {
    url: String,
    shared: Arc<Shared>,
    served: tokio::task::JoinHandle<()>,
}

struct Shared {
    key: String,
    models: Vec<String>,
    mind: Mutex<Mind>,
    asked: watch::Sender<Vec<Asked>>,
    replies: watch::Sender<Replies>,
    /// The calls made so far: each has an identifier of its own.
    calls: AtomicU64,
}

/// Who thinks up the replies.
enum Mind {
    Script(VecDeque<Reply>),
    Model(Arc<dyn Fn(&Asked) -> Reply + Send + Sync>),
}

/// How many replies are under way, and how many their client did not wait for.
#[derive(Clone, Copy, Default)]
struct Replies {
    open: usize,
    abandoned: usize,
}

impl Provider {
    /// On a free port of this machine, with [`KEY`] and [`MODELS`] and an empty script.
    pub async fn start() -> Self {
        Self::start_with(KEY, &MODELS).await
    }

    /// The same with a key and models of one's own.
    pub async fn start_with(key: &str, models: &[&str]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            key: key.to_owned(),
            models: models.iter().map(|&model| model.to_owned()).collect(),
            mind: Mutex::new(Mind::Script(VecDeque::new())),
            asked: watch::Sender::default(),
            replies: watch::Sender::default(),
            calls: AtomicU64::new(0),
        });
        let taking = |wire| {
            post(move |State(shared): State<Arc<Shared>>, request: Request| answer(shared, wire, request))
        };
        let router = Router::new()
            .route("/v1/chat/completions", taking(Wire::Chat))
            .route("/v1/responses", taking(Wire::Responses))
            .route("/v1/messages", taking(Wire::Messages))
            .route("/v1/models", get(models_of))
            .fallback(nowhere)
            .with_state(Arc::clone(&shared));
        // What is written is sent: the pieces of a stream are the client's to put together.
        let listener = listener.tap_io(|connection| connection.set_nodelay(true).unwrap());
        let served = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, served }
    }

    /// `http://127.0.0.1:PORT`. Anthropic's clients take it as it is, those of `OpenAI` with `/v1`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Adds replies that are given in this order, one a request. A request that is refused, or that
    /// no reply is left for (status 500, which says so), uses none up.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        let mut mind = self.shared.mind.lock().unwrap();
        match &mut *mind {
            Mind::Script(script) => script.extend(replies),
            Mind::Model(_) => *mind = Mind::Script(replies.into_iter().collect()),
        }
    }

    /// Decides by the request from now on, in place of a script.
    pub fn model(&self, think: impl Fn(&Asked) -> Reply + Send + Sync + 'static) {
        *self.shared.mind.lock().unwrap() = Mind::Model(Arc::new(think));
    }

    /// Every request so far, in order, also the refused ones ([`Asked::refused`]).
    #[must_use]
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.borrow().clone()
    }

    /// The same, once there are so many.
    pub async fn asked_at_least(&self, count: usize) -> Vec<Asked> {
        let mut asked = self.shared.asked.subscribe();
        asked
            .wait_for(|asked| asked.len() >= count)
            .await
            .unwrap()
            .clone()
    }

    /// How many replies are under way: from the request on until the last byte is handed over or
    /// the client has gone away.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.replies.borrow().open
    }

    /// Waits until no reply is under way.
    pub async fn closed(&self) {
        let mut replies = self.shared.replies.subscribe();
        replies.wait_for(|replies| replies.open == 0).await.unwrap();
    }

    /// How many replies ended because their client went away first.
    #[must_use]
    pub fn abandoned(&self) -> usize {
        self.shared.replies.borrow().abandoned
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.served.abort();
    }
}

impl Shared {
    fn reply(&self, asked: &Asked) -> Reply {
        let model = match &mut *self.mind.lock().unwrap() {
            Mind::Script(script) => return script.pop_front().unwrap_or_else(Reply::unscripted),
            Mind::Model(model) => Arc::clone(model),
        };
        model(asked)
    }

    /// Whether a request may be read at all.
    fn admit(&self, wire: Wire, headers: &HeaderMap) -> Result<(), Refusal> {
        match wire {
            Wire::Messages => anthropic::admit(headers, &self.key),
            Wire::Chat | Wire::Responses => openai::admit(headers, &self.key),
        }
    }
}

async fn answer(shared: Arc<Shared>, wire: Wire, request: Request) -> Response {
    let under_way = UnderWay::new(shared.replies.clone());
    let (head, body) = request.into_parts();
    let body = match axum::body::to_bytes(body, REQUEST_BYTES_MAX).await {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| errors::no_json(wire, &error)),
        Err(_) => Err(Refusal::of_status(413)),
    };
    let admitted = shared.admit(wire, &head.headers);
    let body = admitted.and(body);
    let checked = body.as_ref().map_err(Clone::clone).and_then(|body| match wire {
        Wire::Chat => openai::chat::check(body, &shared.models),
        Wire::Responses => openai::responses::check(body, &shared.models),
        Wire::Messages => anthropic::check(body, &shared.models),
    });
    let asked = Asked {
        wire,
        headers: head.headers,
        body: body.unwrap_or(Value::Null),
        refused: checked.as_ref().err().map(|refusal| refusal.message.clone()),
    };
    shared.asked.send_modify(|all| all.push(asked.clone()));
    let mut response = match checked {
        Err(refusal) => refusal.answer(wire),
        Ok(()) => {
            let reply = shared.reply(&asked);
            deliver::deliver(&asked, reply, &shared.calls, under_way).await
        }
    };
    let name = match wire {
        Wire::Chat | Wire::Responses => "x-request-id",
        Wire::Messages => "request-id",
    };
    let id = HeaderValue::from_static(errors::REQUEST_ID);
    response.headers_mut().insert(name, id);
    response
}

async fn models_of(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Result<Json<Value>, Response> {
    let wire = if headers.contains_key("anthropic-version") {
        Wire::Messages
    } else {
        Wire::Chat
    };
    let admitted = shared.admit(wire, &headers);
    admitted.map_err(|refusal| refusal.answer(wire))?;
    Ok(Json(match wire {
        Wire::Messages => anthropic::models(&shared.models),
        Wire::Chat | Wire::Responses => openai::models(&shared.models),
    }))
}

async fn nowhere(request: Request) -> Response {
    let message = format!("Invalid URL ({} {})", request.method(), request.uri().path());
    Refusal::new(404, message).answer(Wire::Chat)
}

/// An identifier as providers make them: a prefix and something unique.
fn identifier(prefix: &str, calls: &AtomicU64) -> String {
    format!("{prefix}{:024}", calls.fetch_add(1, SeqCst) + 1)
}
