//! A host that takes tokens of a server in this process, with tenants acme and idle.

use std::sync::{Arc, LazyLock};

use meanwhile::clock::SystemClock;
use meanwhile::host::Host;
use meanwhile::http::{Bounds, ProtectedResource, Site, router_for, serve};
use meanwhile::service::{Service as _, Session};
use meanwhile::storage::memory::{MemoryRegistry, MemoryStorage};
use meanwhile::tenants::{
    AccessTokens, Authenticator, Issuer as KnownIssuer, KeyTimes, NewState, NewTenant, TenantChanges,
    TenantCommand,
};
use meanwhile_tests::in_process;
use meanwhile_tests::issuer::{Issuer, SigningKey};
use meanwhile_tests::served::Client;
use serde_json::{Map, Value, json};

/// One host behind all places.
pub(crate) static HOST: LazyLock<Host> = LazyLock::new(|| {
    // It outlives each test, and so must the threads of its loops.
    let starting = std::thread::spawn(|| {
        let runtime = Box::leak(Box::new(tokio::runtime::Runtime::new().unwrap()));
        runtime.block_on(async {
            let storage = Arc::new(MemoryStorage::default());
            let host = in_process::host(storage, Arc::new(SystemClock), "noop").await;
            for name in ["acme", "idle"] {
                let new = NewTenant {
                    name: name.into(),
                    limits: Map::new(),
                    component: None,
                };
                operate(&host, TenantCommand::Add(new)).await;
            }
            let suspended = TenantChanges {
                state: Some(NewState::Suspended),
                ..TenantChanges::default()
            };
            operate(&host, TenantCommand::Change("idle".into(), suspended)).await;
            host
        })
    });
    starting.join().unwrap()
});

pub(crate) async fn operate(host: &Host, command: TenantCommand) -> Value {
    host.operate(&Session::local(), command).await.unwrap()
}

/// A host's edge, and the server whose tokens it takes.
pub(crate) struct Place {
    pub(crate) issuer: Issuer,
    pub(crate) client: Client,
    /// What tokens have to be for.
    pub(crate) resource: String,
}

impl Place {
    pub(crate) async fn open(key: SigningKey, times: KeyTimes) -> Self {
        let issuer = Issuer::start(key).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let url = format!("http://{address}").parse().unwrap();
        let resource = ProtectedResource::identifier(&url);
        let tokens = AccessTokens {
            issuer: issuer.url.clone(),
            audience: resource.clone(),
            tenant_claim: "tenant".into(),
        };
        let known = Arc::new(KnownIssuer::new(tokens, times).unwrap());
        let registry = Arc::new(MemoryRegistry::default());
        let authenticator = Authenticator::new(registry, Arc::new(SystemClock)).issuer(known);
        let site = Site {
            resource: Some(ProtectedResource::new(&url, issuer.url.clone())),
            ..Site::default()
        };
        let bounds = Bounds::default();
        let router = router_for(site, bounds, Arc::new(HOST.clone()), Arc::new(authenticator));
        tokio::spawn(serve(listener, router, bounds, std::future::pending()));
        Self {
            issuer,
            client: Client::new(&address.to_string()),
            resource,
        }
    }

    /// The claims of a good token, with some of them otherwise; null takes one away.
    pub(crate) fn claims(&self, changes: &Value) -> Value {
        let mut claims = self.issuer.claims(&self.resource);
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
                value => claims[name] = value.clone(),
            }
        }
        claims
    }

    pub(crate) fn token(&self, changes: &Value) -> String {
        self.issuer.token(&self.claims(changes))
    }

    /// Lists the jobs with a token: the answer.
    pub(crate) async fn list(&self, token: &str) -> Answer {
        self.ask(token, "GET", "/api/jobs", None).await
    }

    pub(crate) async fn ask(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}{path}", self.client.url);
        let mut request = http
            .request(method.parse().unwrap(), url)
            .bearer_auth(token)
            .header("accept", "application/json, text/event-stream");
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let challenge = answer.headers().get("www-authenticate");
        Answer {
            status: answer.status().as_u16(),
            challenge: challenge.map(|it| it.to_str().unwrap().to_owned()),
            body: answer.json().await.unwrap_or_default(),
        }
    }

    /// Calls a tool over MCP.
    pub(crate) async fn tool(&self, token: &str, name: &str, arguments: Value) -> Answer {
        let call = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": name, "arguments": arguments },
        });
        self.ask(token, "POST", "/mcp", Some(call)).await
    }
}

/// What the host said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) challenge: Option<String>,
    pub(crate) body: Value,
}

impl Answer {
    /// A parameter of the challenge.
    pub(crate) fn challenged(&self, parameter: &str) -> Option<&str> {
        let (_, rest) = self.challenge.as_ref()?.split_once(&format!("{parameter}=\""))?;
        rest.split('"').next()
    }

    pub(crate) fn message(&self) -> &str {
        self.body["error"]["message"].as_str().unwrap()
    }
}
