//! Readiness, metrics, messages, chat and the manual clock.

use std::fmt::Write as _;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::Edge;
use super::error::{Answer, Failure};
use super::jobs::object;
use crate::storage::InboxEntry;
use crate::wit::types::{DeliveryStatus, MessageKind};

/// Messages of one page unless asked otherwise, and at most.
const MESSAGES_DEFAULT: u32 = 50;
const MESSAGES_MAX: u32 = 200;

pub(super) async fn ready(State(edge): State<Edge>) -> Result<&'static str, Failure> {
    if edge.service.figures(&edge.session).await?.ready {
        return Ok("ready\n");
    }
    Err(Failure::new(
        "unavailable",
        "the poll loop has not heard from storage lately",
    ))
}

pub(super) async fn metrics(State(edge): State<Edge>) -> Result<impl IntoResponse, Failure> {
    let figures = edge.service.figures(&edge.session).await?;
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "# HELP meanwhile_jobs Jobs by status.\n# TYPE meanwhile_jobs gauge"
    );
    for (status, jobs) in &figures.jobs_by_status {
        let _ = writeln!(text, "meanwhile_jobs{{status=\"{status}\"}} {jobs}");
    }
    let rows = [
        (
            "runs_executing",
            "gauge",
            "Runs that execute now.",
            figures.runs_executing,
        ),
        (
            "runs_started_total",
            "counter",
            "Runs started by this process.",
            figures.runs_started,
        ),
        (
            "runs_settled_total",
            "counter",
            "Runs settled by this process.",
            figures.runs_settled,
        ),
        ("polls_total", "counter", "Looks at what is due.", figures.polls),
        (
            "component_failures_total",
            "counter",
            "Calls of the component that failed.",
            figures.component_failures,
        ),
        (
            "ready",
            "gauge",
            "Whether the poll loop lives and storage answers.",
            u64::from(figures.ready),
        ),
    ];
    for (name, kind, help, value) in rows {
        let _ = writeln!(
            text,
            "# HELP meanwhile_{name} {help}\n# TYPE meanwhile_{name} {kind}\nmeanwhile_{name} {value}"
        );
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text))
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    #[serde(default)]
    after: u64,
    limit: Option<u32>,
}

pub(super) async fn messages(State(edge): State<Edge>, page: Result<Query<Page>, QueryRejection>) -> Answer {
    let Query(page) = page.map_err(|error| Failure::new("invalid_argument", &error.body_text()))?;
    let limit = page.limit.unwrap_or(MESSAGES_DEFAULT).clamp(1, MESSAGES_MAX);
    let entries = edge.service.inbox(&edge.session, page.after, limit).await?;
    let next = entries.last().map_or(page.after, |entry| entry.position);
    let messages: Vec<Value> = entries.iter().map(message).collect();
    Ok(Json(json!({ "messages": messages, "next_after": next })))
}

fn message(entry: &InboxEntry) -> Value {
    let it = &entry.message;
    let kind = match it.kind {
        MessageKind::Result => "result",
        MessageKind::Failure => "failure",
        MessageKind::Question => "question",
        MessageKind::Incident => "incident",
        MessageKind::Reply => "reply",
    };
    let delivery = match it.delivery {
        DeliveryStatus::Queued => "queued",
        DeliveryStatus::Delivered => "delivered",
        DeliveryStatus::Failed => "failed",
        DeliveryStatus::Read => "read",
    };
    json!({
        "position": entry.position, "message_id": it.id, "kind": kind, "job_id": it.job, "run_id": it.run,
        "conversation": it.conversation, "related_entity_id": it.related_entity_id,
        "narrative_id": it.narrative_id, "title": it.title, "text": it.text, "delivery": delivery,
        "created_at": rfc3339(it.created_at),
    })
}

fn rfc3339(at: i64) -> Option<String> {
    let at = chrono::DateTime::from_timestamp_millis(at)?;
    Some(at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true))
}

pub(super) async fn acknowledge(State(edge): State<Edge>, Path(id): Path<String>) -> Answer {
    if edge.service.acknowledge(&edge.session, &id).await? {
        return Ok(Json(json!({ "message_id": id, "delivery": "read" })));
    }
    Err(Failure::not_found("there is no such message"))
}

pub(super) async fn chat(State(edge): State<Edge>, body: Bytes) -> Answer {
    let utterance = Value::Object(object(&body)?);
    let effects = edge.service.heard(&edge.session, utterance).await?;
    Ok(Json(json!({ "effects": effects })))
}

/// A limit was raised or a key replaced: what was paused for it goes on.
pub(super) async fn cured(State(edge): State<Edge>, body: Bytes) -> Answer {
    let request = Value::Object(object(&body)?);
    let resumed = edge.service.cured(&edge.session, request).await?;
    Ok(Json(json!({ "resumed": resumed })))
}

pub(super) async fn clock(State(edge): State<Edge>, body: Bytes) -> Answer {
    let request = object(&body)?;
    let to = match (request.get("advance_seconds"), request.get("to")) {
        (Some(seconds), None) => seconds
            .as_u64()
            .and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1_000))
            .and_then(|step| edge.service.now().checked_add(step))
            .ok_or_else(|| Failure::invalid("advance_seconds", "expected a whole number of seconds"))?,
        (None, Some(to)) => to
            .as_str()
            .and_then(|to| chrono::DateTime::parse_from_rfc3339(to).ok())
            .map(|to| to.timestamp_millis())
            .ok_or_else(|| Failure::invalid("to", "expected an instant such as 2026-06-01T09:00:00Z"))?,
        _ => {
            return Err(Failure::new(
                "invalid_argument",
                "give either `advance_seconds` or `to`",
            ));
        }
    };
    let report = edge.service.advance_clock(to).await.ok_or_else(|| {
        Failure::new(
            "conflict",
            "the clock is the machine's: start with `--clock manual:INSTANT` to move it",
        )
    })?;
    Ok(Json(json!({
        "now": report.now, "started": report.started, "settled": report.settled,
        "executing": report.executing,
    })))
}
