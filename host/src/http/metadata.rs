//! How clients find out where to log in (RFC 9728).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

use super::Site;
use super::error::{Answer, Failure};
use super::origin::Origin;
use crate::tenants::{Scope, Scopes};

/// Where the document is; behind it stands the path of the resource, where it has one.
pub(super) const PATH: &str = "/.well-known/oauth-protected-resource";

/// The host as a resource that an authorization server's tokens open.
#[derive(Clone, Debug)]
pub struct ProtectedResource {
    /// Its identifier (RFC 8707): the address of `/mcp`, as clients know it.
    pub resource: String,
    /// The authorization server's identifier.
    pub issuer: String,
    /// Where the document about it is.
    metadata_url: String,
}

impl ProtectedResource {
    /// The host at `url`, with tokens of `issuer`.
    #[must_use]
    pub fn new(url: &Origin, issuer: impl Into<String>) -> Self {
        let path = crate::mcp::PATH;
        Self {
            resource: Self::identifier(url),
            issuer: issuer.into(),
            metadata_url: format!("{url}{PATH}{path}"),
        }
    }

    /// The identifier of the host at `url`.
    #[must_use]
    pub fn identifier(url: &Origin) -> String {
        format!("{url}{}", crate::mcp::PATH)
    }

    /// The parameters of a challenge that lead a client to log in (section 5.1).
    pub(super) fn challenge(&self) -> String {
        format!(", resource_metadata=\"{}\"", self.metadata_url)
    }

    fn document(&self) -> Value {
        json!({
            "resource": self.resource,
            "resource_name": "Meanwhile",
            "authorization_servers": [self.issuer],
            "scopes_supported": Scopes::jobs().words(),
            "bearer_methods_supported": ["header"],
        })
    }
}

/// What a client needs that has not said what for: to see jobs and to make some.
pub(super) fn scopes_at_first() -> Scopes {
    Scopes::NONE.with(Scope::JobsRead).with(Scope::JobsWrite)
}

pub(super) async fn show(State(site): State<Arc<Site>>) -> Answer {
    let resource = site.resource.as_ref();
    resource.map(|it| Json(it.document())).ok_or_else(|| {
        Failure::not_found("this host has no authorization server: the operator makes its tokens")
    })
}
