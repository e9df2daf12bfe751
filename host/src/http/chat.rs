//! What a person says, and what is answered: whole, or as it comes.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::http::{HeaderMap, header};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};

use super::door::Edge;
use super::error::Failure;
use super::jobs::object;
use crate::agent::Progress;
use crate::tenants::{Scope, Scopes};

/// Events that wait for a slow reader.
const EVENTS_WAITING: usize = 64;

pub(super) async fn chat(edge: Edge, headers: HeaderMap, body: Bytes) -> Result<Response, Failure> {
    let request = Value::Object(object(&body)?);
    let accepts = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok());
    // Who takes both, as MCP clients say of themselves, gets it whole.
    if accepts.is_some_and(|accept| accept.contains("text/event-stream") && !accept.contains("json")) {
        // Who may not speak is told so at once.
        edge.session.check(Scopes::NONE.with(Scope::JobsWrite))?;
        return Ok(as_it_comes(edge, request));
    }
    let answer = edge
        .service
        .chat(&edge.session, request, Progress::default())
        .await?;
    Ok(Json(answer).into_response())
}

/// Server-sent events: `note` (what is done), `text` (a piece of the answer), `again` (the text so far does not
/// count), and at the end `answer` or `error`. Who goes away ends it.
fn as_it_comes(edge: Edge, request: Value) -> Response {
    let (events, waiting) = mpsc::channel(EVENTS_WAITING);
    tokio::spawn(async move {
        let mut telling = Telling {
            events,
            told: String::new(),
        };
        let news = Arc::new(Notify::new());
        let progress = Progress::waking(Arc::clone(&news));
        let mut answer = std::pin::pin!(edge.service.chat(&edge.session, request, progress.clone()));
        loop {
            tokio::select! {
                answer = &mut answer => {
                    // What came with the end is told before it.
                    telling.progress(&progress).await;
                    match answer {
                        Ok(answer) => telling.tell("answer", answer).await,
                        Err(error) => telling.tell("error", error.0).await,
                    };
                    return;
                }
                () = news.notified() => if !telling.progress(&progress).await {
                    return;
                },
                () = telling.events.closed() => return,
            }
        }
    });
    let events = stream::unfold(waiting, |mut waiting| async move {
        let event: Event = waiting.recv().await?;
        Some((Ok::<_, Infallible>(event), waiting))
    });
    Sse::new(events).into_response()
}

struct Telling {
    events: mpsc::Sender<Event>,
    /// The text so far.
    told: String,
}

impl Telling {
    /// Tells what is new. False: nobody listens any more.
    async fn progress(&mut self, progress: &Progress) -> bool {
        let (lines, text) = progress.take();
        for line in lines {
            if !self.tell("note", json!({ "note": line })).await {
                return false;
            }
        }
        if text == self.told {
            return true;
        }
        let more = match text.strip_prefix(&self.told) {
            Some(more) => more.to_owned(),
            None => {
                if !self.tell("again", json!({})).await {
                    return false;
                }
                text.clone()
            }
        };
        self.told = text;
        more.is_empty() || self.tell("text", json!({ "text": more })).await
    }

    async fn tell(&self, name: &str, data: Value) -> bool {
        let event = Event::default().event(name).data(data.to_string());
        self.events.send(event).await.is_ok()
    }
}
