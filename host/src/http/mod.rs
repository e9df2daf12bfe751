//! The host over HTTP: health, metrics and the JSON interface.

mod error;
mod jobs;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

use crate::service::{Service, Session};

/// Bytes of a request's body: a job with all its texts at their longest fits.
const BODY_BYTES_MAX: usize = 1 << 20;

/// What every handler sees.
#[derive(Clone)]
struct Edge {
    service: Arc<dyn Service>,
    session: Session,
}

/// All routes but MCP's, behind [`loopback_only`]. Calls are made as `session`.
pub fn router(service: Arc<dyn Service>, session: Session) -> Router {
    let routes = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(status::ready))
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
        .fallback(|| async { error::Failure::not_found("there is no such path") })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Edge { service, session });
    loopback_only(routes)
}

/// Refuses requests that name another host or come from another site's page: a browser on this
/// machine must not become a way in (DNS rebinding).
pub fn loopback_only(router: Router) -> Router {
    router.layer(middleware::from_fn(error::check_origin))
}
