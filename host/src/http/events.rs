//! What changes, as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use super::door::Edge;
use super::error::Failure;
use crate::limits::{EVENT_STREAM_ALIVE, EVENT_STREAM_TIME};

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct From {
    /// As `Last-Event-ID`, for clients that cannot send that.
    after: Option<u64>,
}

/// Events `job`, `run`, `message`, each with the row as it is now, and `missed`. A message's event has its position as
/// id: who comes again with it is told all messages since. The stream ends after an hour: come again.
pub(super) async fn events(
    edge: Edge,
    from: Result<Query<From>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Query(from) = from.map_err(|error| Failure::new("invalid_argument", &error.body_text()))?;
    let last = match headers.get("last-event-id") {
        None => None,
        Some(id) => {
            let position = id.to_str().ok().and_then(|id| id.trim().parse().ok());
            let wrong = || {
                Failure::new(
                    "invalid_argument",
                    "Last-Event-ID is the id of an event: a whole number",
                )
            };
            Some(position.ok_or_else(wrong)?)
        }
    };
    let told = edge.service.events(&edge.session, last.or(from.after)).await?;
    let end = tokio::time::Instant::now() + EVENT_STREAM_TIME;
    let events = stream::unfold(told, move |mut told| async move {
        let event = tokio::time::timeout_at(end, told.recv()).await.ok()??;
        let mut sent = Event::default().event(event.name).data(event.data.to_string());
        if let Some(position) = event.position {
            sent = sent.id(position.to_string());
        }
        Some((Ok::<_, Infallible>(sent), told))
    });
    let alive: Duration = EVENT_STREAM_ALIVE;
    Ok(Sse::new(events)
        .keep_alive(KeepAlive::new().interval(alive))
        .into_response())
}
