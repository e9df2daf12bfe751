//! From a token's claims to whose it is.

use serde_json::{Map, Value};

use super::{AccessTokens, refused};
use crate::limits::TOKEN_NAME_CHARS_MAX;
use crate::service::Session;
use crate::tenants::{Scope, Scopes, Unauthenticated, is_tenant_name};
use crate::wit::types::Caller;

/// Where servers write the client's id: RFC 9068, OpenID Connect, and one that writes it its own way.
const CLIENT_CLAIMS: [&str; 3] = ["client_id", "azp", "cid"];

/// The agent of a token that names no client.
const UNNAMED_CLIENT: &str = "oauth";

/// Whose a token with these claims is; signature, times, issuer and audience were checked.
pub(super) fn session(
    claims: &Map<String, Value>,
    tokens: &AccessTokens,
) -> Result<Session, Unauthenticated> {
    // A list of issuers is nobody's word.
    if text(claims, "iss") != Some(&tokens.issuer) {
        return Err(refused(&"its issuer is no single text"));
    }
    let user = text(claims, "sub").filter(|it| is_name(it));
    let tenant = text(claims, &tokens.tenant_claim).filter(|it| is_tenant_name(it));
    let (Some(user), Some(tenant)) = (user, tenant) else {
        return Err(Unauthenticated::Unnamed);
    };
    let client = CLIENT_CLAIMS.into_iter().find_map(|claim| text(claims, claim));
    let agent = client.unwrap_or(UNNAMED_CLIENT);
    if !is_name(agent) {
        return Err(Unauthenticated::Unnamed);
    }
    let zone = text(claims, "zoneinfo").filter(|zone| zone.parse::<chrono_tz::Tz>().is_ok());
    Ok(Session {
        tenant: tenant.to_owned(),
        caller: Caller {
            agent: agent.to_owned(),
            user: user.to_owned(),
            conversation: None,
            time_zone: zone.map(str::to_owned),
            run: None,
        },
        scopes: scopes(claims),
    })
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name)?.as_str()
}

fn is_name(text: &str) -> bool {
    (1..=TOKEN_NAME_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// The scopes of `scope` (a text, RFC 9068) or `scp` (a text or a list). An operator's is never among
/// them: it opens every tenant, and no tenant's authorization server may give it.
fn scopes(claims: &Map<String, Value>) -> Scopes {
    let given = |name| claims.get(name).filter(|value| !value.is_null());
    let named = match given("scope").or_else(|| given("scp")) {
        Some(Value::String(text)) => Scopes::known(text),
        Some(Value::Array(words)) => words
            .iter()
            .filter_map(Value::as_str)
            .map(Scopes::known)
            .fold(Scopes::NONE, Scopes::and),
        _ => Scopes::NONE,
    };
    named.without(Scopes::NONE.with(Scope::TenantsAdmin))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::session;
    use crate::service::Session;
    use crate::tenants::Unauthenticated;
    use crate::tenants::oauth::AccessTokens;

    fn read(changes: Value) -> Result<Session, Unauthenticated> {
        let tokens = AccessTokens {
            issuer: "https://login.test".into(),
            audience: "https://jobs.test/mcp".into(),
            tenant_claim: "https://login.test/org".into(),
        };
        let mut claims = json!({
            "iss": "https://login.test", "sub": "ada", "client_id": "helper",
            "https://login.test/org": "acme", "scope": "openid jobs:read jobs:run",
            "zoneinfo": "Europe/Berlin",
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        session(claims.as_object().unwrap(), &tokens)
    }

    #[test]
    fn claims_name_tenant_user_agent_zone_and_scopes() {
        let session = read(json!({})).unwrap();
        assert_eq!(session.tenant, "acme");
        assert_eq!(
            (session.caller.user.as_str(), session.caller.agent.as_str()),
            ("ada", "helper")
        );
        assert_eq!(session.caller.time_zone.as_deref(), Some("Europe/Berlin"));
        assert_eq!(session.scopes.words(), ["jobs:read", "jobs:run"]);
    }

    #[test]
    fn servers_that_write_clients_and_scopes_their_own_way_are_understood() {
        let other = json!({ "client_id": null, "azp": "app", "scope": null, "zoneinfo": "Mars" });
        let session = read(other).unwrap();
        assert_eq!(session.caller.agent, "app");
        assert!(session.scopes.words().is_empty() && session.caller.time_zone.is_none());
        for scp in [json!("jobs:write"), json!(["jobs:write", "x", 1])] {
            let session = read(json!({ "scp": scp, "scope": null })).unwrap();
            assert_eq!(session.scopes.words(), ["jobs:write"]);
        }
    }

    #[test]
    fn no_authorization_server_makes_an_operator() {
        let session = read(json!({ "scope": "tenants:admin jobs:read" })).unwrap();
        assert_eq!(session.scopes.words(), ["jobs:read"]);
    }

    #[test]
    fn who_is_not_named_is_refused() {
        let long = "x".repeat(201);
        for claims in [
            json!({ "sub": null }),
            json!({ "sub": "" }),
            json!({ "sub": long }),
            json!({ "sub": "a\nb" }),
            json!({ "https://login.test/org": null }),
            json!({ "https://login.test/org": ["acme"] }),
            json!({ "https://login.test/org": "../acme" }),
            json!({ "client_id": long }),
        ] {
            assert_eq!(
                read(claims.clone()).unwrap_err(),
                Unauthenticated::Unnamed,
                "{claims}"
            );
        }
        let many = json!({ "iss": ["https://login.test", "https://evil.test"] });
        assert_eq!(read(many).unwrap_err(), Unauthenticated::Invalid);
    }
}
