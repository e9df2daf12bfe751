//! What an operator does: tenants, their tokens, components.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Edge;
use super::error::{Answer, Failure};
use super::jobs::object;
use crate::tenants::TenantCommand;

async fn operate(edge: Edge, command: TenantCommand) -> Answer {
    Ok(Json(edge.service.operate(&edge.session, command).await?))
}

/// A body as what it shall be; the error names the field.
fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Failure> {
    let object = Value::Object(object(body)?);
    serde_json::from_value(object).map_err(|error| Failure::new("invalid_argument", &error.to_string()))
}

pub(super) async fn list(edge: Edge) -> Answer {
    operate(edge, TenantCommand::List).await
}

pub(super) async fn add(edge: Edge, body: Bytes) -> Answer {
    operate(edge, TenantCommand::Add(read(&body)?)).await
}

pub(super) async fn show(edge: Edge, Path(name): Path<String>) -> Answer {
    operate(edge, TenantCommand::Show(name)).await
}

pub(super) async fn change(edge: Edge, Path(name): Path<String>, body: Bytes) -> Answer {
    operate(edge, TenantCommand::Change(name, read(&body)?)).await
}

pub(super) async fn remove(edge: Edge, Path(name): Path<String>) -> Answer {
    operate(edge, TenantCommand::Remove(name)).await
}

pub(super) async fn tokens(edge: Edge, Path(name): Path<String>) -> Answer {
    operate(edge, TenantCommand::Tokens(name)).await
}

pub(super) async fn issue(edge: Edge, Path(name): Path<String>, body: Bytes) -> Answer {
    operate(edge, TenantCommand::IssueToken(name, read(&body)?)).await
}

pub(super) async fn revoke(edge: Edge, Path((name, id)): Path<(String, String)>) -> Answer {
    operate(edge, TenantCommand::RevokeToken(name, id)).await
}

pub(super) async fn components(edge: Edge) -> Answer {
    operate(edge, TenantCommand::Components).await
}

pub(super) async fn upload(edge: Edge, body: Bytes) -> Answer {
    operate(edge, TenantCommand::UploadComponent(body.to_vec())).await
}

pub(super) async fn remove_component(edge: Edge, Path(digest): Path<String>) -> Answer {
    operate(edge, TenantCommand::RemoveComponent(digest)).await
}
