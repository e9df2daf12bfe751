//! How a reply goes over the connection: in pieces that end anywhere, when it may, and as far as it
//! is to come.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::AtomicU64;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;
use serde_json::Value;
use tokio::sync::watch;

use super::plan::{Fault, Gate, Problem, What};
use super::reply::Reply;
use super::turn::{Turn, event};
use super::{Asked, Replies, Wire, anthropic, errors, openai};

/// How much is written at once, in bytes and in turn: so it ends within events, lines and characters.
const WRITE_BYTES: [usize; 5] = [61, 7, 1, 251, 1021];

/// A reply, from its request on.
pub(super) struct UnderWay {
    replies: watch::Sender<Replies>,
    whole: bool,
}

impl UnderWay {
    pub(super) fn new(replies: watch::Sender<Replies>) -> Self {
        replies.send_modify(|replies| replies.open += 1);
        Self {
            replies,
            whole: false,
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.replies.send_modify(|replies| {
            replies.open -= 1;
            replies.abandoned += usize::from(!self.whole);
        });
    }
}

/// What is done next for a body.
enum Step {
    Write(Bytes),
    Wait(Gate),
    /// Ends the connection in the middle.
    Break,
}

pub(super) async fn deliver(asked: &Asked, reply: Reply, calls: &AtomicU64, under_way: UnderWay) -> Response {
    if let Some(gate) = &reply.silent {
        gate.opened().await;
    }
    let wire = asked.wire;
    let (what, fault) = match (reply.what, reply.fault) {
        (What::Says(says), fault) if asked.streamed() => {
            let events = events(&Turn::new(asked, says, calls));
            let steps = parcelled(&events, reply.held, fault, wire);
            let sent = Sent::new(200, "text/event-stream; charset=utf-8", reply.headers);
            return sent.with(steps, under_way);
        }
        // Before its headers a provider says with the status that it failed.
        (_, Some((_, Fault::Error))) => (What::Refuses(Problem::Other(errors::failing(wire))), None),
        (what, fault) => (what, fault),
    };
    let (status, content_type, body) = match what {
        What::Says(says) => {
            let body = whole(&Turn::new(asked, says, calls));
            (200, JSON.to_owned(), body.to_string())
        }
        What::Refuses(problem) => {
            let refusal = errors::of_problem(wire, problem);
            (refusal.status, JSON.to_owned(), refusal.body(wire).to_string())
        }
        What::Raw {
            status,
            content_type,
            body,
        } => (status, content_type, body),
    };
    // Two parts: what happens after an event happens between them.
    let (begin, end) = body.split_at(body.floor_char_boundary(body.len() / 2));
    let held = reply.held.map(|(_, gate)| (0, gate));
    let fault = fault.map(|(_, fault)| (1, fault));
    let steps = parcelled(&[begin.to_owned(), end.to_owned()], held, fault, wire);
    Sent::new(status, &content_type, reply.headers).with(steps, under_way)
}

const JSON: &str = "application/json";

fn events(turn: &Turn) -> Vec<String> {
    match turn.asked.wire {
        Wire::Chat => openai::chat_replies::events(turn),
        Wire::Responses => openai::responses_replies::events(turn),
        Wire::Messages => anthropic::replies::events(turn),
    }
}

fn whole(turn: &Turn) -> Value {
    match turn.asked.wire {
        Wire::Chat => openai::chat_replies::whole(turn),
        Wire::Responses => openai::responses_replies::whole(turn),
        Wire::Messages => anthropic::replies::whole(turn),
    }
}

/// A response without its body.
struct Sent(Response);

impl Sent {
    fn new(status: u16, content_type: &str, headers: Vec<(String, String)>) -> Self {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        let content_type = (header::CONTENT_TYPE.to_string(), content_type.to_owned());
        for (name, value) in [content_type].into_iter().chain(headers) {
            let name = HeaderName::try_from(name).unwrap();
            let value = HeaderValue::try_from(value).unwrap();
            response.headers_mut().insert(name, value);
        }
        Self(response)
    }

    fn with(self, steps: VecDeque<Step>, under_way: UnderWay) -> Response {
        self.0.map(|_| sent(steps, under_way))
    }
}

/// The events, with what happens before some of them.
fn parcelled(
    events: &[String],
    held: Option<(usize, Gate)>,
    fault: Option<(usize, Fault)>,
    wire: Wire,
) -> VecDeque<Step> {
    let mut steps = VecDeque::new();
    let mut bytes = String::new();
    for (at, event) in events.iter().enumerate() {
        if let Some((_, gate)) = held.as_ref().filter(|(after, _)| *after == at) {
            write(&mut steps, &std::mem::take(&mut bytes));
            steps.push_back(Step::Wait(gate.clone()));
        }
        match fault.filter(|(after, _)| *after == at) {
            None => bytes.push_str(event),
            Some((_, Fault::Garbage)) => bytes.push_str(GARBAGE),
            Some((_, fault)) => {
                if fault == Fault::Error {
                    bytes.push_str(&failure(wire, at));
                }
                write(&mut steps, &bytes);
                if fault == Fault::Cut {
                    steps.push_back(Step::Break);
                }
                return steps;
            }
        }
    }
    write(&mut steps, &bytes);
    steps
}

/// An event that is none, in place of one.
const GARBAGE: &str = "data: {\"id\": <html>\n\n";

/// The event that says that the provider failed.
fn failure(wire: Wire, sequence: usize) -> String {
    let error = errors::failing(wire);
    match wire {
        Wire::Chat => event(None, &error.body(wire).to_string()),
        Wire::Messages => anthropic::replies::named(&error.body(wire)),
        Wire::Responses => openai::responses_replies::failure(&error.message, sequence),
    }
}

fn write(steps: &mut VecDeque<Step>, text: &str) {
    let mut bytes = Bytes::copy_from_slice(text.as_bytes());
    let mut sizes = WRITE_BYTES.iter().cycle();
    while !bytes.is_empty() {
        let size = sizes.next().expect("an endless iterator");
        steps.push_back(Step::Write(bytes.split_to(bytes.len().min(*size))));
    }
}

/// The body that takes these steps. It lets go of the processor before each, so that what was
/// written before is on its way.
fn sent(steps: VecDeque<Step>, under_way: UnderWay) -> Body {
    Body::from_stream(stream::unfold(
        (steps, under_way),
        |(mut steps, mut under_way)| async move {
            loop {
                tokio::task::yield_now().await;
                let step = steps.pop_front();
                under_way.whole = steps.is_empty() && !matches!(step, Some(Step::Wait(_)));
                match step? {
                    Step::Write(bytes) => return Some((Ok(bytes), (steps, under_way))),
                    Step::Wait(gate) => gate.opened().await,
                    Step::Break => {
                        let broken = io::Error::from(io::ErrorKind::ConnectionAborted);
                        return Some((Err(broken), (steps, under_way)));
                    }
                }
            }
        },
    ))
}
