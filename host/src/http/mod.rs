//! The host over HTTP: health, metrics, the JSON interface, and the tools over MCP.

mod door;
mod error;
mod jobs;
mod status;
mod tenants;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

use self::door::{Door, Edge};
use crate::limits::{COMPONENT_BYTES_MAX, HTTP_BODY_BYTES_MAX};
use crate::service::Service;
use crate::tenants::Authenticator;

/// Every route. Each request but those for health is its token's.
pub fn router(service: Arc<dyn Service>, authenticator: Arc<Authenticator>) -> Router {
    let mcp = crate::mcp::router(Arc::clone(&service));
    let door = Door {
        service,
        authenticator,
    };
    let known = Router::new()
        .route("/metrics", get(status::metrics))
        .route("/api/plan", post(jobs::plan))
        .route("/api/jobs", get(jobs::list).post(jobs::create))
        .route("/api/jobs/{id}", get(jobs::show).patch(jobs::update))
        .route("/api/jobs/{id}/pause", post(jobs::pause))
        .route("/api/jobs/{id}/resume", post(jobs::resume))
        .route("/api/jobs/{id}/cancel", post(jobs::cancel))
        .route("/api/jobs/{id}/run", post(jobs::run_now))
        .route("/api/jobs/{id}/runs", get(jobs::runs))
        .route("/api/runs/{id}", get(jobs::run))
        .route("/api/messages", get(status::messages))
        .route("/api/messages/{id}/ack", post(status::acknowledge))
        .route("/api/chat", post(status::chat))
        .route("/api/cured", post(status::cured))
        .route("/api/clock", post(status::clock))
        .route("/api/tenants", get(tenants::list).post(tenants::add))
        .route(
            "/api/tenants/{name}",
            get(tenants::show).patch(tenants::change).delete(tenants::remove),
        )
        .route(
            "/api/tenants/{name}/tokens",
            get(tenants::tokens).post(tenants::issue),
        )
        .route(
            "/api/tenants/{name}/tokens/{id}",
            axum::routing::delete(tenants::revoke),
        )
        .route(
            "/api/components/{digest}",
            axum::routing::delete(tenants::remove_component),
        )
        .layer(DefaultBodyLimit::max(HTTP_BODY_BYTES_MAX))
        .route(
            "/api/components",
            get(tenants::components)
                .post(tenants::upload)
                // The loader itself tells what is too large.
                .layer(DefaultBodyLimit::max(COMPONENT_BYTES_MAX + 1)),
        )
        .merge(mcp)
        .fallback(|| async { error::Failure::not_found("there is no such path") })
        .layer(middleware::from_fn_with_state(door.clone(), door::authenticate));
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(status::ready))
        .merge(known)
        .layer(middleware::from_fn(error::check_origin))
        .with_state(door)
}
