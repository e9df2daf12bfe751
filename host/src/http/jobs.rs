//! Jobs and runs.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query};
use serde_json::{Map, Value, json};

use super::Edge;
use super::error::{Answer, Failure};

type Parameters = Query<BTreeMap<String, String>>;

/// A body that may be left out: an object.
pub(super) fn object(body: &Bytes) -> Result<Map<String, Value>, Failure> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Failure::new("invalid_argument", "the body is not a JSON object")),
        Err(error) => Err(Failure::new(
            "invalid_argument",
            &format!("the body is not JSON: {error}"),
        )),
    }
}

async fn tool(edge: &Edge, function: &str, arguments: Value) -> Answer {
    Ok(Json(
        edge.service
            .call(&edge.session, "tools", function, arguments)
            .await?,
    ))
}

async fn directory(edge: &Edge, function: &str, arguments: Value) -> Answer {
    Ok(Json(
        edge.service
            .call(&edge.session, "directory", function, arguments)
            .await?,
    ))
}

/// Query parameters as a request's fields: numbers, truth values and comma lists are read as such.
/// Unknown ones reach the contract, which names them.
fn fields(parameters: BTreeMap<String, String>) -> Result<Map<String, Value>, Failure> {
    let mut fields = Map::new();
    for (key, value) in parameters {
        let read = match key.as_str() {
            "limit" | "include_runs" => Value::from(
                value
                    .parse::<u32>()
                    .map_err(|_| Failure::invalid(&key, "expected a whole number"))?,
            ),
            "include_archived" => Value::from(
                value
                    .parse::<bool>()
                    .map_err(|_| Failure::invalid(&key, "expected `true` or `false`"))?,
            ),
            "status" | "job_type" => value.split(',').map(str::trim).collect(),
            _ => Value::from(value),
        };
        fields.insert(key, read);
    }
    Ok(fields)
}

pub(super) async fn list(edge: Edge, Query(query): Parameters) -> Answer {
    directory(&edge, "jobs", Value::Object(fields(query)?)).await
}

pub(super) async fn create(edge: Edge, body: Bytes) -> Answer {
    tool(&edge, "job-create", Value::Object(object(&body)?)).await
}

/// What a sentence asks for, read in the caller's zone unless the request names one.
pub(super) async fn plan(edge: Edge, body: Bytes) -> Answer {
    let mut request = object(&body)?;
    if let Some(zone) = &edge.session.caller.time_zone {
        request.entry("timezone").or_insert_with(|| zone.as_str().into());
    }
    Ok(Json(
        edge.service.plan(&edge.session, Value::Object(request)).await?,
    ))
}

pub(super) async fn show(edge: Edge, Path(id): Path<String>, Query(query): Parameters) -> Answer {
    let mut request = fields(query)?;
    request.insert("job_id".into(), id.into());
    tool(&edge, "job-retrieval-by-id", Value::Object(request)).await
}

async fn on_job(edge: &Edge, function: &str, id: String, body: &Bytes) -> Answer {
    let mut request = object(body)?;
    request.insert("job_id".into(), id.into());
    tool(edge, function, Value::Object(request)).await
}

pub(super) async fn update(edge: Edge, Path(id): Path<String>, body: Bytes) -> Answer {
    on_job(&edge, "job-update", id, &body).await
}

pub(super) async fn pause(edge: Edge, Path(id): Path<String>, body: Bytes) -> Answer {
    on_job(&edge, "job-pause", id, &body).await
}

pub(super) async fn cancel(edge: Edge, Path(id): Path<String>, body: Bytes) -> Answer {
    on_job(&edge, "job-cancel", id, &body).await
}

pub(super) async fn resume(edge: Edge, Path(id): Path<String>) -> Answer {
    tool(&edge, "job-update", json!({ "job_id": id, "status": "ACTIVE" })).await
}

pub(super) async fn run_now(edge: Edge, Path(id): Path<String>) -> Answer {
    tool(&edge, "job-update", json!({ "job_id": id, "run_now": true })).await
}

pub(super) async fn runs(edge: Edge, Path(id): Path<String>, Query(query): Parameters) -> Answer {
    let mut request = fields(query)?;
    request.insert("job_id".into(), id.into());
    directory(&edge, "runs", Value::Object(request)).await
}

pub(super) async fn run(edge: Edge, Path(id): Path<String>) -> Answer {
    directory(&edge, "run", json!({ "run_id": id })).await
}
