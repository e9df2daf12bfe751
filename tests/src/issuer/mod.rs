//! An authorization server in this process: it publishes keys, signs tokens, and lets everybody in
//! who asks in the right way.

#![allow(clippy::unwrap_used)]

pub mod keys;
mod login;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

pub use self::keys::SigningKey;
use self::login::Grant;

/// The path under which it lives: an issuer's identifier may have one.
const PATH: &str = "/login";

/// The authorization server, until it is dropped.
pub struct Issuer {
    /// Its identifier.
    pub url: String,
    shared: Arc<Shared>,
    served: tokio::task::JoinHandle<()>,
}

struct Shared {
    url: String,
    /// Those that it publishes; it signs with the first.
    keys: Mutex<Vec<Arc<SigningKey>>>,
    /// What was granted and not yet fetched, by code.
    grants: Mutex<BTreeMap<String, Grant>>,
    down: AtomicBool,
    keys_read: AtomicU32,
    logins: AtomicU32,
}

impl Issuer {
    pub async fn start(key: SigningKey) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{PATH}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            url: url.clone(),
            keys: Mutex::new(vec![Arc::new(key)]),
            grants: Mutex::default(),
            down: AtomicBool::new(false),
            keys_read: AtomicU32::new(0),
            logins: AtomicU32::new(0),
        });
        let router = Router::new()
            .route(
                &format!("/.well-known/oauth-authorization-server{PATH}"),
                get(metadata),
            )
            .route(&format!("{PATH}/keys"), get(keys))
            .route(&format!("{PATH}/register"), post(login::register))
            .route(&format!("{PATH}/authorize"), get(login::authorize))
            .route(&format!("{PATH}/token"), post(login::token))
            .layer(middleware::from_fn_with_state(Arc::clone(&shared), unless_down))
            .with_state(Arc::clone(&shared));
        let served = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, shared, served }
    }

    /// Publishes these keys and no others, and signs with the first.
    pub fn rotate(&self, keys: Vec<SigningKey>) {
        *self.shared.keys.lock().unwrap() = keys.into_iter().map(Arc::new).collect();
    }

    /// Answers nothing but an error from now on, or answers again.
    pub fn set_down(&self, down: bool) {
        self.shared.down.store(down, SeqCst);
    }

    /// How often its keys were read.
    #[must_use]
    pub fn keys_read(&self) -> u32 {
        self.shared.keys_read.load(SeqCst)
    }

    /// How many tokens people got by logging in.
    #[must_use]
    pub fn logins(&self) -> u32 {
        self.shared.logins.load(SeqCst)
    }

    /// The claims of a good token for a resource: Ada's, of the tenant acme, for an hour.
    #[must_use]
    pub fn claims(&self, resource: &str) -> Value {
        self.shared.claims(resource, "jobs:read jobs:write")
    }

    /// A token with these claims, signed as it should be.
    #[must_use]
    pub fn token(&self, claims: &Value) -> String {
        self.shared.token(claims)
    }

    /// The key that it signs with.
    #[must_use]
    pub fn key(&self) -> Arc<SigningKey> {
        self.shared.key()
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.served.abort();
    }
}

impl Shared {
    fn key(&self) -> Arc<SigningKey> {
        Arc::clone(&self.keys.lock().unwrap()[0])
    }

    fn token(&self, claims: &Value) -> String {
        let key = self.key();
        key.sign(&key.header(), claims)
    }

    fn claims(&self, resource: &str, scope: &str) -> Value {
        let now = chrono::Utc::now().timestamp();
        json!({
            "iss": self.url, "aud": resource, "sub": "ada", "client_id": "helper", "tenant": "acme",
            "scope": scope, "iat": now, "exp": now + 3600, "jti": format!("{now}"),
        })
    }
}

async fn unless_down(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if shared.down.load(SeqCst) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    next.run(request).await
}

async fn metadata(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let url = &shared.url;
    Json(json!({
        "issuer": url, "jwks_uri": format!("{url}/keys"),
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"), "registration_endpoint": format!("{url}/register"),
        "response_types_supported": ["code"], "grant_types_supported": ["authorization_code"],
        "token_endpoint_auth_methods_supported": ["none"], "code_challenge_methods_supported": ["S256"],
        "scopes_supported": ["jobs:read", "jobs:write", "jobs:run"],
        "authorization_response_iss_parameter_supported": true,
    }))
}

async fn keys(State(shared): State<Arc<Shared>>) -> Json<Value> {
    shared.keys_read.fetch_add(1, SeqCst);
    let keys = shared.keys.lock().unwrap();
    let keys: Vec<Value> = keys.iter().map(|key| key.published()).collect();
    Json(json!({ "keys": keys }))
}
