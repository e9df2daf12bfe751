//! Readiness, metrics, messages and the manual clock.

use std::fmt::Write as _;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Value, json};

use super::door::{Door, Edge};
use super::error::{Answer, Failure};
use super::jobs::object;
use crate::service::{Figures, shown_message};
use crate::storage::InboxEntry;

/// Messages of one page unless asked otherwise, and at most.
const MESSAGES_DEFAULT: u32 = 50;
const MESSAGES_MAX: u32 = 200;

pub(super) async fn ready(State(door): State<Door>) -> Result<&'static str, Failure> {
    if door.service.ready() {
        return Ok("ready\n");
    }
    Err(Failure::new(
        "unavailable",
        "the poll loop has not heard from storage lately",
    ))
}

/// A figure of a tenant: its name, kind and help, and where it stands.
type Row = (&'static str, &'static str, &'static str, fn(&Figures) -> u64);

const ROWS: [Row; 7] = [
    ("runs_executing", "gauge", "Runs that execute now.", |it| {
        it.runs_executing
    }),
    (
        "runs_started_total",
        "counter",
        "Runs started by this process.",
        |it| it.runs_started,
    ),
    (
        "runs_settled_total",
        "counter",
        "Runs settled by this process.",
        |it| it.runs_settled,
    ),
    ("polls_total", "counter", "Looks at what is due.", |it| it.polls),
    (
        "component_failures_total",
        "counter",
        "Calls of the component that failed.",
        |it| it.component_failures,
    ),
    ("storage_bytes", "gauge", "Bytes of the tenant's rows.", |it| {
        it.storage_bytes
    }),
    (
        "ready",
        "gauge",
        "Whether the poll loop lives and storage answers.",
        |it| u64::from(it.ready),
    ),
];

pub(super) async fn metrics(edge: Edge) -> Result<impl IntoResponse, Failure> {
    let tenants = edge.service.figures(&edge.session).await?;
    let mut text = String::new();
    // Writing to a string cannot fail; the names of tenants and statuses need no escaping.
    let _ = writeln!(
        text,
        "# HELP meanwhile_jobs Jobs by status.\n# TYPE meanwhile_jobs gauge"
    );
    for figures in &tenants {
        for (status, jobs) in &figures.jobs_by_status {
            let tenant = &figures.tenant;
            let _ = writeln!(
                text,
                "meanwhile_jobs{{tenant=\"{tenant}\",status=\"{status}\"}} {jobs}"
            );
        }
    }
    for (name, kind, help, value) in ROWS {
        let _ = writeln!(
            text,
            "# HELP meanwhile_{name} {help}\n# TYPE meanwhile_{name} {kind}"
        );
        for figures in &tenants {
            let _ = writeln!(
                text,
                "meanwhile_{name}{{tenant=\"{}\"}} {}",
                figures.tenant,
                value(figures)
            );
        }
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

pub(super) async fn messages(edge: Edge, page: Result<Query<Page>, QueryRejection>) -> Answer {
    let Query(page) = page.map_err(|error| Failure::new("invalid_argument", &error.body_text()))?;
    let limit = page.limit.unwrap_or(MESSAGES_DEFAULT).clamp(1, MESSAGES_MAX);
    let entries = edge.service.inbox(&edge.session, page.after, limit).await?;
    let next = entries.last().map_or(page.after, |entry| entry.position);
    let shown = |entry: &InboxEntry| shown_message(Some(entry.position), &entry.message);
    let messages: Vec<Value> = entries.iter().map(shown).collect();
    Ok(Json(json!({ "messages": messages, "next_after": next })))
}

pub(super) async fn acknowledge(edge: Edge, Path(id): Path<String>) -> Answer {
    if edge.service.acknowledge(&edge.session, &id).await? {
        return Ok(Json(json!({ "message_id": id, "delivery": "read" })));
    }
    Err(Failure::not_found("there is no such message"))
}

/// A limit was raised or a key replaced: what was paused for it goes on.
pub(super) async fn cured(edge: Edge, body: Bytes) -> Answer {
    let request = Value::Object(object(&body)?);
    let resumed = edge.service.cured(&edge.session, request).await?;
    Ok(Json(json!({ "resumed": resumed })))
}

pub(super) async fn clock(edge: Edge, body: Bytes) -> Answer {
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
    let report = edge
        .service
        .advance_clock(&edge.session, to)
        .await?
        .ok_or_else(|| {
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
