//! The host over HTTP: health, metrics, the JSON interface, and the tools over MCP.

mod body;
mod bounds;
mod challenge;
mod chat;
mod door;
mod error;
mod events;
mod headers;
mod jobs;
mod metadata;
mod origin;
mod outcome;
mod server;
mod site;
mod status;
mod tenants;
mod wrong_tokens;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::routing::{get, post};

pub use self::bounds::Bounds;
pub use self::metadata::ProtectedResource;
pub use self::origin::Origin;
pub use self::server::serve;
pub use self::site::Site;

use self::door::{Door, Edge};
use crate::service::Service;
use crate::tenants::Authenticator;

/// Where components are listed and uploaded.
const COMPONENTS: &str = "/api/components";

/// Every route, for callers on this machine. Each request but those for health is its token's.
pub fn router(service: Arc<dyn Service>, authenticator: Arc<Authenticator>) -> Router {
    router_for(Site::default(), Bounds::default(), service, authenticator)
}

/// Every route of a host that faces the outside as `site` says.
pub fn router_for(
    site: Site,
    bounds: Bounds,
    service: Arc<dyn Service>,
    authenticator: Arc<Authenticator>,
) -> Router {
    let mcp = crate::mcp::router(Arc::clone(&service), bounds.body_bytes);
    let site = Arc::new(site);
    let cors = site.cors();
    let door = Door {
        service,
        authenticator,
        site: Arc::clone(&site),
        bounds,
        wrong_tokens: Arc::default(),
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
        .route("/api/runs/{id}/outcome", post(outcome::take))
        .route("/api/runs/{id}/progress", post(outcome::tell))
        .route("/api/messages", get(status::messages))
        .route("/api/messages/{id}/ack", post(status::acknowledge))
        .route("/api/events", get(events::events))
        .route("/api/chat", post(chat::chat))
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
        .route(COMPONENTS, get(tenants::components).post(tenants::upload))
        .merge(mcp)
        .fallback(no_path)
        // The door has read the body, within its bounds.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(door.clone(), door::enter));
    let found = Router::new()
        .route(metadata::PATH, get(metadata::show))
        .route(
            &format!("{}{}", metadata::PATH, crate::mcp::PATH),
            get(metadata::show),
        )
        // Clients look for other documents as well: that they are not there is told to anybody.
        .route("/.well-known/{*rest}", get(no_path))
        .with_state(Arc::clone(&site));
    let mut all = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(status::ready))
        .merge(known)
        .merge(found);
    if let Some(cors) = cors {
        all = all.layer(cors);
    }
    all.layer(middleware::from_fn_with_state(site, site::check))
        .layer(middleware::from_fn(headers::secure))
        .with_state(door)
}

async fn no_path() -> error::Failure {
    error::Failure::not_found("there is no such path")
}
