//! Refusals that say what a client has to show (RFC 6750, section 3).

use std::time::Duration;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::Site;
use super::error::{Failure, NeededScopes};
use super::metadata::scopes_at_first;
use crate::tenants::{Scope, Scopes, Unauthenticated};

/// The answer to a request that has no session.
pub(super) fn unauthenticated(why: Unauthenticated, site: &Site) -> Response {
    let code = match why {
        Unauthenticated::Unavailable => "unavailable",
        Unauthenticated::Unnamed => "forbidden",
        Unauthenticated::Missing
        | Unauthenticated::Invalid
        | Unauthenticated::RunEnded
        | Unauthenticated::Expired => "unauthenticated",
    };
    let response = Failure::new(code, &why.to_string()).into_response();
    // An error is only named where a token was sent.
    let error = match why {
        Unauthenticated::Missing => "",
        Unauthenticated::Invalid | Unauthenticated::RunEnded => ", error=\"invalid_token\"",
        Unauthenticated::Expired => {
            ", error=\"invalid_token\", error_description=\"The access token expired\""
        }
        Unauthenticated::Unavailable | Unauthenticated::Unnamed => return response,
    };
    let scope = match site.resource {
        Some(_) => format!(", scope=\"{}\"", scopes_at_first()),
        None => String::new(),
    };
    challenged(response, site, &format!("{error}{scope}"))
}

/// Adds the challenge to an answer that refuses for want of scopes. It names the ones that the token
/// has as well, for clients that ask for exactly what they are told.
pub(super) fn with_needed_scopes(response: Response, granted: Scopes, site: &Site) -> Response {
    let Some(NeededScopes(missing)) = response.extensions().get::<NeededScopes>() else {
        return response;
    };
    let missing = Scopes::known(missing);
    // No authorization server makes operators: there is nothing to log in for.
    if site.resource.is_some() && missing.has(Scope::TenantsAdmin) {
        return response;
    }
    let needed = missing.and(granted);
    let parameters = format!(", error=\"insufficient_scope\", scope=\"{needed}\"");
    challenged(response, site, &parameters)
}

fn challenged(mut response: Response, site: &Site, parameters: &str) -> Response {
    let resource = site
        .resource
        .as_ref()
        .map(|it| it.challenge())
        .unwrap_or_default();
    let challenge = format!("Bearer realm=\"meanwhile\"{parameters}{resource}");
    if let Ok(challenge) = HeaderValue::try_from(challenge) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}

/// The answer to one request too many.
pub(super) fn too_many(whose: &str, wait: Duration) -> Response {
    let seconds = wait.as_secs() + 1;
    let message = format!("too many {whose}: wait {seconds} s");
    let mut refused = Failure::new("quota_exceeded", &message).into_response();
    refused
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    refused
}
