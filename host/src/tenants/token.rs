//! Tokens: made here, shown once, kept as a hash.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Registry, TokenHash, TokenRecord};
use crate::hex::hex;
use crate::wit::storage::StorageError;
use crate::wit::types::Instant;

/// What every token begins with, so that one that leaked is recognised by scanners.
pub const PREFIX: &str = "mwt_";

/// Bytes of a token's public id, and of its secret: nobody guesses 256 bits, so a plain hash of
/// them needs neither salt nor stretching.
const ID_BYTES: usize = 10;
const SECRET_BYTES: usize = 32;

/// A new token: its public id, the hash of its secret, and the token itself, which is never to be
/// kept.
///
/// # Errors
/// When the operating system gives no random numbers.
pub fn issue() -> Result<(String, TokenHash, String), getrandom::Error> {
    let (id, hash, secret) = secret()?;
    let token = format!("{PREFIX}{id}_{secret}");
    Ok((id, hash, token))
}

/// A new public id, and a new secret behind its hash.
pub(super) fn secret() -> Result<(String, TokenHash, String), getrandom::Error> {
    let (mut id, mut secret) = ([0; ID_BYTES], [0; SECRET_BYTES]);
    getrandom::fill(&mut id)?;
    getrandom::fill(&mut secret)?;
    let (id, secret) = (hex(&id), hex(&secret));
    Ok((id, hash(&secret), secret))
}

/// The hash of a secret as it is kept.
#[must_use]
pub fn hash(secret: &str) -> TokenHash {
    TokenHash(Sha256::digest(secret.as_bytes()).into())
}

/// Whether a secret has this hash, in a time that does not depend on where they differ.
#[must_use]
pub fn matches(secret: &str, kept: &TokenHash) -> bool {
    hash(secret).0.ct_eq(&kept.0).into()
}

/// What a token stands for. None: it is no token, unknown, wrong or expired; which of these is
/// not told.
///
/// # Errors
/// When the registry does not answer.
pub async fn verify(
    registry: &dyn Registry,
    token: &str,
    now: Instant,
) -> Result<Option<TokenRecord>, StorageError> {
    let Some((id, secret)) = token.strip_prefix(PREFIX).and_then(|rest| rest.split_once('_')) else {
        return Ok(None);
    };
    let found = registry.token(id).await?;
    Ok(found
        .filter(|record| matches(secret, &record.hash))
        .filter(|record| record.expires_at.is_none_or(|expires| now < expires)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{PREFIX, issue, matches, verify};
    use crate::storage::memory::MemoryRegistry;
    use crate::tenants::{Registry as _, Scopes, TokenRecord};

    #[tokio::test]
    async fn a_token_is_what_it_was_issued_for_until_it_expires() {
        let registry = MemoryRegistry::default();
        let (id, hash, token) = issue().unwrap();
        let record = TokenRecord {
            id: id.clone(),
            hash,
            tenant: "acme".into(),
            agent: "helper".into(),
            user: "ada".into(),
            scopes: Scopes::jobs(),
            timezone: None,
            created_at: 0,
            expires_at: Some(100),
        };
        registry.insert_token(record.clone()).await.unwrap();
        assert_eq!(verify(&registry, &token, 99).await.unwrap(), Some(record));
        assert_eq!(verify(&registry, &token, 100).await.unwrap(), None);
        let other = format!("{PREFIX}{id}_{}", "0".repeat(64));
        for wrong in [other.as_str(), "", PREFIX, "mwt_x_y", &token[..token.len() - 1]] {
            assert_eq!(verify(&registry, wrong, 99).await.unwrap(), None, "{wrong}");
        }
        assert!(registry.remove_token("acme", &id).await.unwrap());
        assert_eq!(verify(&registry, &token, 99).await.unwrap(), None);
    }

    #[test]
    fn what_is_kept_does_not_tell_the_token() {
        let (id, hash, token) = issue().unwrap();
        let secret = token.rsplit('_').next().unwrap();
        assert!(matches(secret, &hash) && !matches(&id, &hash));
        assert!(!format!("{hash:?}").contains(char::is_numeric));
        assert_ne!(issue().unwrap().2, token);
    }
}
