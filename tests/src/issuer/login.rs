//! The authorization code flow with PKCE (OAuth 2.1): everybody is Ada, and Ada agrees.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::Shared;
use super::keys::base64url;

/// What a person agreed to.
pub(super) struct Grant {
    client: String,
    redirect_uri: String,
    challenge: String,
    resource: String,
    scope: String,
}

type Parameters = BTreeMap<String, String>;

fn parameter(parameters: &Parameters, name: &str) -> Result<String, String> {
    let value = parameters.get(name).filter(|value| !value.is_empty());
    value.cloned().ok_or_else(|| format!("`{name}` is missing"))
}

fn refused(why: String) -> Response {
    let error = json!({ "error": "invalid_request", "error_description": why });
    (StatusCode::BAD_REQUEST, Json(error)).into_response()
}

/// Dynamic client registration (RFC 7591), for public clients.
pub(super) async fn register(Json(mut client): Json<Value>) -> impl IntoResponse {
    client["client_id"] = "client-1".into();
    client["token_endpoint_auth_method"] = "none".into();
    (StatusCode::CREATED, Json(client))
}

pub(super) async fn authorize(
    State(shared): State<Arc<Shared>>,
    Query(query): Query<Parameters>,
) -> Response {
    match agree(&shared, &query) {
        Ok(back) => (StatusCode::FOUND, [(header::LOCATION, back)]).into_response(),
        Err(why) => refused(why),
    }
}

/// Where the person's browser goes next.
fn agree(shared: &Shared, query: &Parameters) -> Result<String, String> {
    if parameter(query, "response_type")? != "code" || parameter(query, "code_challenge_method")? != "S256" {
        return Err("expected a code and S256".into());
    }
    let grant = Grant {
        client: parameter(query, "client_id")?,
        redirect_uri: parameter(query, "redirect_uri")?,
        challenge: parameter(query, "code_challenge")?,
        // RFC 8707: whom the token shall be for.
        resource: parameter(query, "resource")?,
        scope: parameter(query, "scope")?,
    };
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    let code = base64url(&bytes);
    let mut back: reqwest::Url = grant.redirect_uri.parse().map_err(|_| "`redirect_uri`")?;
    back.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("state", &parameter(query, "state")?)
        .append_pair("iss", &shared.url);
    shared.grants.lock().unwrap().insert(code, grant);
    Ok(back.into())
}

pub(super) async fn token(State(shared): State<Arc<Shared>>, form: String) -> Response {
    // A form is written as a query is.
    let url: reqwest::Url = format!("http://form/?{form}").parse().unwrap();
    let form: Parameters = url.query_pairs().into_owned().collect();
    match exchange(&shared, &form) {
        Ok(token) => ([(header::CACHE_CONTROL, "no-store")], Json(token)).into_response(),
        Err(why) => refused(why),
    }
}

fn exchange(shared: &Shared, form: &Parameters) -> Result<Value, String> {
    let code = parameter(form, "code")?;
    let grant = shared.grants.lock().unwrap().remove(&code);
    let grant = grant.ok_or("the code is unknown or used")?;
    let verifier = parameter(form, "code_verifier")?;
    let proven = base64url(digest(&SHA256, verifier.as_bytes()).as_ref()) == grant.challenge;
    if !proven
        || parameter(form, "grant_type")? != "authorization_code"
        || parameter(form, "client_id")? != grant.client
        || parameter(form, "redirect_uri")? != grant.redirect_uri
        || parameter(form, "resource")? != grant.resource
    {
        return Err("the code is another's".into());
    }
    shared.logins.fetch_add(1, SeqCst);
    let claims = shared.claims(&grant.resource, &grant.scope);
    Ok(json!({
        "access_token": shared.token(&claims), "token_type": "Bearer", "expires_in": 3600,
        "scope": grant.scope,
    }))
}
