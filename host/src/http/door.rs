//! Who comes in: each request is authenticated and counted before anything is done for it.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::Failure;
use crate::service::{Service, Session};
use crate::tenants::{Authenticator, Unauthenticated};

/// What the host is to its edge.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) service: Arc<dyn Service>,
    pub(super) authenticator: Arc<Authenticator>,
}

/// What a handler sees: the service, and whose the request is.
pub(super) struct Edge {
    pub(super) service: Arc<dyn Service>,
    pub(super) session: Session,
}

impl FromRequestParts<Door> for Edge {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Response> {
        let session = parts.extensions.get::<Session>().cloned();
        // Every route with a handler stands behind `authenticate`.
        let session = session.ok_or_else(|| unauthenticated(Unauthenticated::Missing))?;
        Ok(Self {
            service: Arc::clone(&door.service),
            session,
        })
    }
}

/// Finds out whose a request is, and counts it against that tenant's rate.
pub(super) async fn authenticate(
    State(door): State<Door>,
    mut request: Request,
    next: Next,
) -> Result<Response, Infallible> {
    let authorization = request.headers().get(header::AUTHORIZATION);
    let session = match authorization.map(HeaderValue::to_str) {
        None => door.authenticator.session(None).await,
        Some(Ok(text)) => door.authenticator.session(Some(text)).await,
        Some(Err(_)) => Err(Unauthenticated::Invalid),
    };
    let session = match session {
        Ok(session) => session,
        Err(why) => return Ok(unauthenticated(why)),
    };
    if let Err(wait) = door.service.admit(&session.tenant) {
        let seconds = wait.as_secs() + 1;
        let message = format!("too many requests of your tenant: wait {seconds} s");
        let mut refused = Failure::new("quota_exceeded", &message).into_response();
        refused
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        return Ok(refused);
    }
    // A token is of no use to what comes behind, and cannot get into a log from there.
    request.headers_mut().remove(header::AUTHORIZATION);
    request.extensions_mut().insert(session);
    Ok(next.run(request).await)
}

fn unauthenticated(why: Unauthenticated) -> Response {
    let code = match why {
        Unauthenticated::Unavailable => "unavailable",
        Unauthenticated::Missing | Unauthenticated::Invalid => "unauthenticated",
    };
    let mut response = Failure::new(code, &why.to_string()).into_response();
    if response.status() == StatusCode::UNAUTHORIZED {
        // RFC 6750, section 3: an error is only named where a token was sent.
        let challenge = match why {
            Unauthenticated::Invalid => "Bearer realm=\"meanwhile\", error=\"invalid_token\"",
            _ => "Bearer realm=\"meanwhile\"",
        };
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    response
}
