//! Whose a request is.

use std::sync::Arc;

use super::oauth::Issuer;
use super::{AwaitedOutcome, Registry, RunTokens, Scopes, TokenHash, TokenRecord, token};
use crate::clock::Clock;
use crate::service::Session;
use crate::wit::storage::StorageError;
use crate::wit::types::Caller;

/// The public id of the operator's token, which stands in no registry.
const OPERATOR_ID: &str = "operator";

/// Why a request has no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// It brought no token, and this host wants one.
    #[error(
        "this host wants a token: send `Authorization: Bearer …`; the operator makes one with `meanwhile tenant`"
    )]
    Missing,
    /// The token is not known, or no more: which part of it is wrong is never told.
    #[error("the token is unknown, expired or revoked: ask the operator for a new one")]
    Invalid,
    /// The token says that it is a run's, and no run that is carried out here has it.
    #[error(
        "this token is of no run that this host carries out now: its attempt has ended, or the host was started anew. \
         If the run goes on, its next request brings another token"
    )]
    RunEnded,
    /// An authorization server's token that was good: its client gets a new one without a person.
    #[error("the access token has expired: get a new one")]
    Expired,
    /// An authorization server's token that is good, but says not whose it is.
    #[error(
        "the access token names no tenant or no user: its authorization server has to put them into the claims \
         that this host reads (`sub`, and the one that `oauth_tenant_claim` names)"
    )]
    Unnamed,
    /// The registry, or the authorization server's keys, cannot be had at present: nothing is said
    /// about the token.
    #[error("tokens cannot be checked now: try again in a moment")]
    Unavailable,
}

/// What a request showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Nothing, where nothing is wanted.
    None,
    /// A token that this host made.
    Token,
    /// The token of a run's attempt that has ended. It opens nothing; an outcome that comes with it is told
    /// what came of it.
    EndedRun,
    /// An authorization server's access token.
    AccessToken,
}

/// Whose a request is, and how that is known.
#[derive(Clone, Debug)]
pub struct Login {
    /// For whom the request is carried out.
    pub session: Session,
    /// What it was told by: decides how a refusal for want of scopes is told.
    pub by: Credential,
    /// Where the outcome of the run goes that the request is of, if its agent sends that.
    pub outcome: Option<Arc<AwaitedOutcome>>,
}

/// Tells whose a request is, by its bearer token.
pub struct Authenticator {
    registry: Arc<dyn Registry>,
    clock: Arc<dyn Clock>,
    /// Who calls without a token; none: nobody may.
    without_token: Option<Session>,
    operator: Option<TokenHash>,
    runs: Option<Arc<RunTokens>>,
    issuer: Option<Arc<Issuer>>,
}

impl Authenticator {
    /// Every request needs a token.
    #[must_use]
    pub fn new(registry: Arc<dyn Registry>, clock: Arc<dyn Clock>) -> Self {
        Self {
            registry,
            clock,
            without_token: None,
            operator: None,
            runs: None,
            issuer: None,
        }
    }

    /// Takes the tokens of a host's runs: see [`Host::run_tokens`](crate::host::Host::run_tokens).
    #[must_use]
    pub fn runs(mut self, tokens: Arc<RunTokens>) -> Self {
        self.runs = Some(tokens);
        self
    }

    /// Requests without a token are this caller's. Only for a host that nobody else can reach.
    #[must_use]
    pub fn without_token(mut self, session: Session) -> Self {
        self.without_token = Some(session);
        self
    }

    /// Takes the operator's token; see [`operator_token`].
    #[must_use]
    pub fn operator(mut self, token: &str) -> Self {
        self.operator = operator_secret(token).map(token::hash);
        self
    }

    /// Takes access tokens of an authorization server as well.
    #[must_use]
    pub fn issuer(mut self, issuer: Arc<Issuer>) -> Self {
        self.issuer = Some(issuer);
        self
    }

    /// Whose a request with this `Authorization` header is.
    ///
    /// # Errors
    /// When it is nobody's; which part of a token is wrong is never told.
    pub async fn login(&self, authorization: Option<&str>) -> Result<Login, Unauthenticated> {
        let mut outcome = None;
        let (by, session) = match (authorization.map(bearer), &self.issuer) {
            (None, _) => {
                let session = self.without_token.clone().ok_or(Unauthenticated::Missing)?;
                (Credential::None, session)
            }
            (Some(None), _) => return Err(Unauthenticated::Invalid),
            (Some(Some(token)), _) if RunTokens::is_runs(token) => {
                let run = self.runs.as_ref().and_then(|runs| runs.login(token));
                let run = run.ok_or(Unauthenticated::RunEnded)?;
                outcome = run.outcome;
                let by = if run.ended {
                    Credential::EndedRun
                } else {
                    Credential::Token
                };
                (by, run.session)
            }
            (Some(Some(token)), Some(issuer)) if !token.starts_with(token::PREFIX) => {
                (Credential::AccessToken, issuer.session(token).await?)
            }
            (Some(Some(token)), _) => (Credential::Token, self.session(token).await?),
        };
        Ok(Login { session, by, outcome })
    }

    async fn session(&self, token: &str) -> Result<Session, Unauthenticated> {
        if let (Some(secret), Some(operator)) = (operator_secret(token), &self.operator) {
            return if token::matches(secret, operator) {
                Ok(operator_session())
            } else {
                Err(Unauthenticated::Invalid)
            };
        }
        match token::verify(&*self.registry, token, self.clock.now()).await {
            Ok(Some(record)) => Ok(session_of(record)),
            Ok(None) => Err(Unauthenticated::Invalid),
            Err(error) => Err(unavailable(&error)),
        }
    }
}

fn unavailable(error: &StorageError) -> Unauthenticated {
    tracing::warn!(%error, "a token could not be checked");
    Unauthenticated::Unavailable
}

/// The token of `Bearer TOKEN` (RFC 6750, section 2.1): the scheme's case does not matter.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A new operator's token. It belongs into a file that only the operator can read.
///
/// # Errors
/// When the operating system gives no random numbers.
pub fn operator_token() -> Result<String, getrandom::Error> {
    let (_, _, token) = token::issue()?;
    let secret = token.rsplit('_').next().unwrap_or_default();
    Ok(format!("{}{OPERATOR_ID}_{secret}", token::PREFIX))
}

/// The secret part of an operator's token; none where it is another's.
#[must_use]
pub fn operator_secret(token: &str) -> Option<&str> {
    token
        .strip_prefix(token::PREFIX)?
        .strip_prefix(OPERATOR_ID)?
        .strip_prefix('_')
        .filter(|secret| !secret.is_empty())
}

fn operator_session() -> Session {
    let mut session = Session::local();
    session.caller.user = OPERATOR_ID.to_owned();
    session
}

fn session_of(record: TokenRecord) -> Session {
    Session {
        tenant: record.tenant,
        caller: Caller {
            agent: record.agent,
            user: record.user,
            conversation: None,
            time_zone: record.timezone,
            run: None,
        },
        scopes: record.scopes,
    }
}

impl Session {
    /// The one person who runs a host for themselves: may do everything.
    #[must_use]
    pub fn local() -> Self {
        Self {
            tenant: crate::host::LOCAL_TENANT.to_owned(),
            caller: Caller {
                agent: LOCAL_CALLER.to_owned(),
                user: LOCAL_CALLER.to_owned(),
                conversation: None,
                time_zone: None,
                run: None,
            },
            scopes: Scopes::all(),
        }
    }
}

/// Who calls where there is no authentication.
const LOCAL_CALLER: &str = "local";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::Arc;

    use super::{Authenticator, Credential, Login, Unauthenticated, operator_token};
    use crate::clock::ManualClock;
    use crate::service::Session;
    use crate::storage::memory::MemoryRegistry;
    use crate::tenants::{Registry as _, Scope, Scopes, TokenRecord, token};

    async fn with_ada() -> (Authenticator, String) {
        let registry = Arc::new(MemoryRegistry::default());
        let (id, hash, token) = token::issue().unwrap();
        let record = TokenRecord {
            id,
            hash,
            tenant: "acme".into(),
            agent: "helper".into(),
            user: "ada".into(),
            scopes: Scopes::NONE.with(Scope::JobsRead),
            timezone: Some("Europe/Berlin".into()),
            created_at: 0,
            expires_at: None,
        };
        registry.insert_token(record).await.unwrap();
        (Authenticator::new(registry, Arc::new(ManualClock::new(0))), token)
    }

    #[tokio::test]
    async fn a_token_names_tenant_agent_user_and_scopes() {
        let (authenticator, token) = with_ada().await;
        let Login { session, by, .. } = authenticator
            .login(Some(&format!("bearer {token}")))
            .await
            .unwrap();
        assert_eq!(by, Credential::Token);
        assert_eq!(
            (session.tenant.as_str(), session.caller.user.as_str()),
            ("acme", "ada")
        );
        assert_eq!(session.scopes.words(), ["jobs:read"]);
    }

    #[tokio::test]
    async fn without_a_token_only_who_is_let_in_gets_in_and_a_wrong_one_never() {
        let (authenticator, _) = with_ada().await;
        assert_eq!(
            authenticator.login(None).await.unwrap_err(),
            Unauthenticated::Missing
        );
        let local = authenticator.without_token(Session::local());
        assert_eq!(local.login(None).await.unwrap().session.tenant, "local");
        for wrong in ["Bearer mwt_x_y", "Basic YTpi", "Bearer", "Bearer "] {
            assert_eq!(
                local.login(Some(wrong)).await.unwrap_err(),
                Unauthenticated::Invalid,
                "{wrong}"
            );
        }
    }

    #[tokio::test]
    async fn the_operators_token_is_the_one_it_was_started_with() {
        let (mine, other) = (operator_token().unwrap(), operator_token().unwrap());
        let (authenticator, _) = with_ada().await;
        let authenticator = authenticator.operator(&mine);
        let login = authenticator
            .login(Some(&format!("Bearer {mine}")))
            .await
            .unwrap();
        assert!(login.session.scopes.has(Scope::TenantsAdmin));
        let refused = authenticator.login(Some(&format!("Bearer {other}"))).await;
        assert_eq!(refused.unwrap_err(), Unauthenticated::Invalid);
    }
}
