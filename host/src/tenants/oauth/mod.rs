//! Access tokens of an authorization server (OAuth 2.1), as JWTs (RFC 9068): the host is a resource
//! that they open. It makes none, and no tenants for them either.

mod address;
mod claims;
mod documents;
mod keys;
mod verify;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use serde_json::{Map, Value};

pub use self::address::check_issuer;
pub use self::keys::KeyTimes;

use self::documents::Documents;
use self::keys::{Keys, Missing};
use crate::limits::OAUTH_LEEWAY;
use crate::service::Session;
use crate::tenants::Unauthenticated;

/// Which access tokens are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessTokens {
    /// Who makes them: exactly what they say in `iss`.
    pub issuer: String,
    /// Whom they are for: exactly one of what they say in `aud`.
    pub audience: String,
    /// The claim with the name of the tenant.
    pub tenant_claim: String,
}

/// An authorization server, as far as this host knows it.
pub struct Issuer {
    tokens: AccessTokens,
    keys: Keys,
}

impl Issuer {
    /// Asks nobody anything yet.
    ///
    /// # Errors
    /// When the issuer is no address (see [`check_issuer`]), or there is no TLS.
    pub fn new(tokens: AccessTokens, times: KeyTimes) -> Result<Self, String> {
        check_issuer(&tokens.issuer)?;
        verify::install();
        let documents = Documents::new(&tokens.issuer)?;
        Ok(Self {
            keys: Keys::new(documents, times),
            tokens,
        })
    }

    /// Fetches its signing keys: how many can be used.
    ///
    /// # Errors
    /// When it does not answer as it should; in words for an operator.
    pub async fn check(&self) -> Result<usize, String> {
        self.keys.fetch().await.map(|keys| keys.len())
    }

    /// Whose a token is.
    ///
    /// # Errors
    /// When it is not good, not now, or not for us; what exactly is only logged.
    pub async fn session(&self, token: &str) -> Result<Session, Unauthenticated> {
        let header = jsonwebtoken::decode_header(token).map_err(|error| refused(&error))?;
        check_header(&header)?;
        let key = match self.keys.find(header.kid.as_deref(), header.alg).await {
            Ok(key) => key,
            Err(Missing::Unknown) => return Err(refused(&"it is signed with an unknown key")),
            Err(Missing::Unavailable) => return Err(Unauthenticated::Unavailable),
        };
        let decoded = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &self.validation(header.alg));
        let claims = decoded.map_err(|error| match error.kind() {
            // The signature was checked before: its owner is known, only late.
            ErrorKind::ExpiredSignature => Unauthenticated::Expired,
            _ => refused(&error),
        })?;
        claims::session(&claims.claims, &self.tokens)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&self.tokens.issuer]);
        validation.set_audience(&[&self.tokens.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud"]);
        validation.validate_nbf = true;
        validation.leeway = OAUTH_LEEWAY.as_secs();
        validation
    }
}

/// Refuses what is no access token, or asks for an understanding that we lack (RFC 7515, 4.1.11).
fn check_header(header: &Header) -> Result<(), Unauthenticated> {
    if header.crit.is_some() {
        return Err(refused(&"it has critical headers"));
    }
    // RFC 9068 wants `at+jwt`, and most servers write `JWT`, or nothing.
    let plain = |kind: &str| {
        let kind = kind.to_ascii_lowercase();
        matches!(kind.trim_start_matches("application/"), "at+jwt" | "jwt")
    };
    if header.typ.as_deref().is_some_and(|kind| !plain(kind)) {
        return Err(refused(&"it is of another type"));
    }
    Ok(())
}

fn refused(why: &dyn std::fmt::Display) -> Unauthenticated {
    tracing::debug!(%why, "an access token is refused");
    Unauthenticated::Invalid
}
