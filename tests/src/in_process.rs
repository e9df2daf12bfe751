//! A host in this process with an MCP endpoint for each caller, where a test needs several people
//! or several hosts.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use axum::Router;
use meanwhile::agent::llm::LlmSetting;
use meanwhile::clock::{Clock, SystemClock};
use meanwhile::host::{Host, LOCAL_TENANT};
use meanwhile::service::Session;
use meanwhile::storage::Storage;
use meanwhile::storage::memory::MemoryRegistry;
use meanwhile::tenants::{Authenticator, Scopes};
use meanwhile::wit::types::Caller;

use crate::served::Client;

/// Someone who calls, without a time zone of their own.
#[must_use]
pub fn caller(agent: &str, user: &str) -> Caller {
    Caller {
        agent: agent.into(),
        user: user.into(),
        conversation: None,
        time_zone: None,
        run: None,
    }
}

/// A host that runs. `agent` is a setting such as `builtin`.
pub async fn host(storage: Arc<dyn Storage>, clock: Arc<dyn Clock>, agent: &str) -> Host {
    let host = Host::builder()
        .storage(storage)
        .agent(meanwhile::agent::from_setting(agent, None, &LlmSetting::default()).unwrap())
        .clock(clock)
        .component(meanwhile::COMPONENT)
        .build()
        .await
        .unwrap();
    host.start().await.unwrap();
    host
}

/// Everything that the host serves over HTTP; requests without a token are the session's.
pub fn router(host: Arc<Host>, session: Session) -> Router {
    let registry = Arc::new(MemoryRegistry::default());
    let authenticator = Authenticator::new(registry, Arc::new(SystemClock)).without_token(session);
    meanwhile::http::router(host, Arc::new(authenticator))
}

/// A client over HTTP that the host knows as `caller`.
pub async fn client(host: &Host, caller: Caller) -> Client {
    let session = Session {
        tenant: LOCAL_TENANT.to_owned(),
        caller,
        scopes: Scopes::all(),
    };
    let router = router(Arc::new(host.clone()), session);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let bounds = meanwhile::http::Bounds::default();
    tokio::spawn(meanwhile::http::serve(
        listener,
        router,
        bounds,
        std::future::pending(),
    ));
    Client::new(&address)
}
