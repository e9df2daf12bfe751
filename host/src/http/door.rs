//! Who comes in: each request is authenticated, counted and read before anything is done for it.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::Failure;
use super::server::Peer;
use super::wrong_tokens::WrongTokens;
use super::{Bounds, Site, body, challenge, outcome};
use crate::service::{Service, Session};
use crate::tenants::{Authenticator, AwaitedOutcome, Credential, Login, Scope, Unauthenticated};

/// The query parameter in which RFC 6750 once let tokens travel.
const TOKEN_PARAMETER: &str = "access_token";

/// What the host is to its edge.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) service: Arc<dyn Service>,
    pub(super) authenticator: Arc<Authenticator>,
    pub(super) site: Arc<Site>,
    pub(super) bounds: Bounds,
    pub(super) wrong_tokens: Arc<WrongTokens>,
}

/// What a handler sees: the service, and whose the request is.
pub(super) struct Edge {
    pub(super) service: Arc<dyn Service>,
    pub(super) session: Session,
    /// Where the outcome goes of the run that asks, if its agent sends that.
    pub(super) outcome: Option<Arc<AwaitedOutcome>>,
}

impl FromRequestParts<Door> for Edge {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, door: &Door) -> Result<Self, Response> {
        let session = parts.extensions.get::<Session>().cloned();
        // Every route with a handler stands behind `enter`.
        let session =
            session.ok_or_else(|| challenge::unauthenticated(Unauthenticated::Missing, &door.site))?;
        Ok(Self {
            service: Arc::clone(&door.service),
            session,
            outcome: parts.extensions.get::<Arc<AwaitedOutcome>>().cloned(),
        })
    }
}

/// Lets a request in whose it is known, within what its tenant may ask.
pub(super) async fn enter(
    State(door): State<Door>,
    request: Request,
    next: Next,
) -> Result<Response, Infallible> {
    let (parts, body) = request.into_parts();
    let login = match door.login(&parts).await {
        Ok(login) => login,
        Err(refused) => return Ok(refused),
    };
    let granted = login.session.scopes;
    let answer = match door.admit(login, parts, body).await {
        Ok(request) => {
            let answer = tokio::time::timeout(door.bounds.answer_time, next.run(request)).await;
            let late = "there was no answer in time: try again in a moment";
            answer.unwrap_or_else(|_| Failure::new("unavailable", late).into_response())
        }
        Err(refused) => refused,
    };
    Ok(challenge::with_needed_scopes(answer, granted, &door.site))
}

impl Door {
    /// The request as what comes behind may see it: with its session, without its token, whole.
    async fn admit(&self, login: Login, mut parts: Parts, body: Body) -> Result<Request, Response> {
        let session = &login.session;
        if !self.service.serves(&session.tenant) {
            let message = "this host does not serve your tenant";
            return Err(Failure::new("forbidden", message).into_response());
        }
        self.service
            .admit(&session.tenant)
            .map_err(|wait| challenge::too_many("requests of your tenant", wait))?;
        let body = self.read(&parts, body, session).await?;
        // A client that logged in can log in for more: it is told before anything is done.
        if login.by == Credential::AccessToken
            && parts.uri.path() == crate::mcp::PATH
            && let Some(needed) = crate::mcp::scopes_needed(&body)
        {
            session
                .check(needed)
                .map_err(|error| Failure::from(error).into_response())?;
        }
        // A token is of no use to what comes behind, and cannot get into a log from there.
        parts.headers.remove(header::AUTHORIZATION);
        parts.extensions.insert(login.session);
        if let Some(outcome) = login.outcome {
            parts.extensions.insert(outcome);
        }
        Ok(Request::from_parts(parts, Body::from(body)))
    }

    async fn login(&self, parts: &Parts) -> Result<Login, Response> {
        if shows_token(parts) {
            let message = format!(
                "a token in the query ends up in logs: take it for leaked, and send the next one in \
                 `Authorization: Bearer …` (`{TOKEN_PARAMETER}` is no parameter here)"
            );
            return Err(Failure::new("invalid_argument", &message).into_response());
        }
        let mut given = parts.headers.get_all(header::AUTHORIZATION).iter();
        let login = match (given.next().map(HeaderValue::to_str), given.next()) {
            (None, _) => self.authenticator.login(None).await,
            (Some(Ok(text)), None) => self.authenticator.login(Some(text)).await,
            (Some(_), _) => Err(Unauthenticated::Invalid),
        };
        // Of an attempt that has ended only its outcome is of interest, to whoever sends it.
        let login = login.and_then(|login| match login.by {
            Credential::EndedRun if !outcome::is_sent(parts) => Err(Unauthenticated::RunEnded),
            _ => Ok(login),
        });
        login.map_err(|why| {
            if matches!(why, Unauthenticated::Invalid | Unauthenticated::RunEnded)
                && let Some(Peer(address)) = parts.extensions.get::<Peer>()
                && let Err(wait) = self.wrong_tokens.count(*address)
            {
                return challenge::too_many("wrong tokens of your address", wait);
            }
            challenge::unauthenticated(why, &self.site)
        })
    }

    async fn read(&self, parts: &Parts, body: Body, session: &Session) -> Result<Bytes, Response> {
        let is_upload = parts.method == Method::POST
            && parts.uri.path() == super::COMPONENTS
            && session.scopes.has(Scope::TenantsAdmin);
        let bytes_max = if is_upload {
            self.bounds.upload_bytes
        } else {
            self.bounds.body_bytes
        };
        body::check_announced(&parts.headers, bytes_max)?;
        body::read(body, bytes_max, &self.bounds).await
    }
}

/// Whether a token stands in the query, where anybody logs it.
fn shows_token(parts: &Parts) -> bool {
    parts.uri.query().unwrap_or_default().split('&').any(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        key == TOKEN_PARAMETER || value.starts_with(crate::tenants::token::PREFIX)
    })
}
