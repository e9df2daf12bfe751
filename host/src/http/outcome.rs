//! What agents send later, with the token of the run's request: outcomes (`POST /api/runs/{id}/outcome`), and before
//! them how far they are (`POST /api/runs/{id}/progress`).

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Value, json};

use super::Edge;
use super::error::Failure;
use crate::agent::reply;
use crate::tenants::AwaitedOutcome;

/// Whether a request sends an outcome, or how far it is.
pub(super) fn is_sent(parts: &Parts) -> bool {
    let run = parts.uri.path().strip_prefix("/api/runs/");
    let run = run.and_then(|rest| rest.strip_suffix("/outcome").or(rest.strip_suffix("/progress")));
    parts.method == Method::POST && run.is_some_and(|run| !run.contains('/'))
}

/// The attempt that waits for its outcome, where the request has that attempt's token.
fn awaited(id: &str, edge: Edge) -> Result<Arc<AwaitedOutcome>, Failure> {
    let awaited = match (edge.outcome, &edge.session.caller.run) {
        (Some(awaited), _) => awaited,
        (None, Some(_)) => {
            let message =
                "the agent of this run answers by itself: nothing waits for an outcome that is sent";
            return Err(Failure::new("conflict", message));
        }
        (None, None) => {
            let message = "an outcome is sent with the token of its run: that is the header `meanwhile-token` of the \
                           request, as `Authorization: Bearer mwr_…`";
            return Err(Failure::new("unauthenticated", message));
        }
    };
    if awaited.run() != id {
        return Err(Failure::not_found("the token is not that of this run"));
    }
    Ok(awaited)
}

fn accepted(id: &str) -> (StatusCode, Json<Value>) {
    let answer = json!({ "run_id": id, "accepted": true });
    (StatusCode::ACCEPTED, Json(answer))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    #[serde(default)]
    notes: Vec<String>,
    output: Option<String>,
}

/// Tells how far an attempt is: `{"notes": ["…"], "output": "the answer so far"}`. It stands in the run's row soon after.
pub(super) async fn tell(
    Path(id): Path<String>,
    edge: Edge,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let awaited = awaited(&id, edge)?;
    let told: Told = serde_json::from_slice(&body).map_err(|why| {
        let message = format!("expected {{\"notes\": [\"…\"], \"output\": \"…\"}}: {why}");
        Failure::new("invalid_argument", &message)
    })?;
    awaited
        .tell(&told.notes, told.output.as_deref())
        .map_err(|late| Failure::new("conflict", &late.to_string()))?;
    Ok(accepted(&id))
}

/// Hands an outcome to the attempt that waits for it. 202, not 200: it is on disk once the run shows it.
pub(super) async fn take(
    Path(id): Path<String>,
    edge: Edge,
    headers: HeaderMap,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>), Failure> {
    let awaited = awaited(&id, edge)?;
    let kind = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let outcome = reply::of_body(kind, &body).map_err(|why| {
        let message = format!("the body {why}; the attempt still waits for its outcome");
        Failure::new("invalid_argument", &message)
    })?;
    awaited
        .take(outcome)
        .map_err(|late| Failure::new("conflict", &late.to_string()))?;
    Ok(accepted(&id))
}
