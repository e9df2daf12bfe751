//! An authorization server's signing keys, kept.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;
use tokio::sync::Mutex;

use super::documents::Documents;
use crate::limits::{OAUTH_KEYS_AGE, OAUTH_KEYS_INTERVAL, OAUTH_KEYS_RETRY};

/// How often keys are fetched. The defaults are those of [`crate::limits`].
#[derive(Clone, Copy, Debug)]
pub struct KeyTimes {
    /// Older ones are fetched again while they go on being used.
    pub age: Duration,
    /// For the sake of an unknown key, at most this often.
    pub interval: Duration,
    /// After a try that failed, at most this often.
    pub retry: Duration,
}

impl Default for KeyTimes {
    fn default() -> Self {
        Self {
            age: OAUTH_KEYS_AGE,
            interval: OAUTH_KEYS_INTERVAL,
            retry: OAUTH_KEYS_RETRY,
        }
    }
}

/// One public key, and the one algorithm it is used with: a token has no say in that.
#[derive(Clone)]
pub(super) struct Key {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Key {
    /// None: it is not for signatures, or not of a kind that is taken. A shared secret never is.
    pub(super) fn parse(value: &Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value.clone()).ok()?;
        let common = &jwk.common;
        if common
            .public_key_use
            .as_ref()
            .is_some_and(|it| *it != PublicKeyUse::Signature)
        {
            return None;
        }
        let (algorithm, named) = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
            AlgorithmParameters::EllipticCurve(it) if it.curve == EllipticCurve::P256 => {
                (Algorithm::ES256, KeyAlgorithm::ES256)
            }
            AlgorithmParameters::OctetKeyPair(it) if it.curve == EllipticCurve::Ed25519 => {
                (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
            }
            _ => return None,
        };
        if common.key_algorithm.as_ref().is_some_and(|it| *it != named) {
            return None;
        }
        Some(Self {
            id: common.key_id.clone(),
            algorithm,
            key: DecodingKey::from_jwk(&jwk).ok()?,
        })
    }
}

/// Why there is no key for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// The server has none such.
    Unknown,
    /// The server did not answer.
    Unavailable,
}

#[derive(Default)]
struct Kept {
    keys: Vec<Key>,
    fetched: Option<Instant>,
    tried: Option<Instant>,
    failed: bool,
}

/// The keys of one server. What was fetched once goes on being good while the server is away.
pub(super) struct Keys(Arc<Shared>);

struct Shared {
    documents: Documents,
    times: KeyTimes,
    kept: RwLock<Kept>,
    /// Held by who fetches.
    fetching: Arc<Mutex<()>>,
}

impl Keys {
    pub(super) fn new(documents: Documents, times: KeyTimes) -> Self {
        Self(Arc::new(Shared {
            documents,
            times,
            kept: RwLock::default(),
            fetching: Arc::default(),
        }))
    }

    /// The keys as the server has them now.
    pub(super) async fn fetch(&self) -> Result<Vec<Key>, String> {
        self.0.documents.keys().await
    }

    /// The key of a token with this key id and algorithm.
    pub(super) async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, Missing> {
        if let Some(found) = self.0.known(id, algorithm) {
            self.renew();
            return Ok(found);
        }
        // Whoever waits for the one that fetches finds that it was just done.
        let turn = self.0.fetching.lock().await;
        if self.0.may_fetch() {
            self.0.update().await;
        }
        drop(turn);
        self.0.known(id, algorithm).ok_or(if self.0.kept().failed {
            Missing::Unavailable
        } else {
            Missing::Unknown
        })
    }

    /// Fetches keys that are old, in the background: nobody waits for it.
    fn renew(&self) {
        let shared = &self.0;
        let old = |kept: &Kept| kept.fetched.is_none_or(|at| at.elapsed() >= shared.times.age);
        if !old(&shared.kept()) || !shared.may_fetch() {
            return;
        }
        let Ok(turn) = Arc::clone(&shared.fetching).try_lock_owned() else {
            return;
        };
        let shared = Arc::clone(shared);
        tokio::spawn(async move {
            shared.update().await;
            drop(turn);
        });
    }
}

impl Shared {
    fn kept(&self) -> RwLockReadGuard<'_, Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A token without a key id is the only key's of its kind.
    fn known(&self, id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let kept = self.kept();
        let mut fitting = kept
            .keys
            .iter()
            .filter(|key| key.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id));
        let found = fitting.next()?;
        (id.is_some() || fitting.next().is_none()).then(|| found.key.clone())
    }

    fn may_fetch(&self) -> bool {
        let kept = self.kept();
        let pause = if kept.failed {
            self.times.retry
        } else {
            self.times.interval
        };
        kept.tried.is_none_or(|at| at.elapsed() >= pause)
    }

    async fn update(&self) {
        let fetched = self.documents.keys().await;
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.tried = Some(Instant::now());
        kept.failed = fetched.is_err();
        match fetched {
            Ok(keys) => {
                kept.keys = keys;
                kept.fetched = kept.tried;
            }
            Err(error) => tracing::warn!(
                error,
                kept = kept.keys.len(),
                "the authorization server's keys cannot be fetched: those that are kept go on being used"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Key;

    #[test]
    fn only_public_keys_for_the_three_kinds_of_signatures_are_taken() {
        // The 32 bytes of a coordinate or a key, in base64url.
        let bytes = "A".repeat(43);
        let rsa = json!({ "kty": "RSA", "n": "A".repeat(342), "e": "AQAB", "kid": "1" });
        let p256 = json!({ "kty": "EC", "crv": "P-256", "x": bytes, "y": bytes });
        let ed = json!({ "kty": "OKP", "crv": "Ed25519", "x": bytes, "use": "sig", "alg": "EdDSA" });
        for key in [&rsa, &p256, &ed] {
            assert!(Key::parse(key).is_some(), "{key}");
        }
        let with = |key: &Value, name: &str, value: &str| {
            let mut key = key.clone();
            key[name] = value.into();
            key
        };
        for key in [
            json!({ "kty": "oct", "k": bytes, "alg": "HS256" }),
            json!({ "kty": "AKP" }),
            json!({}),
            json!("x"),
            with(&rsa, "use", "enc"),
            with(&rsa, "alg", "PS256"),
            with(&rsa, "alg", "RSA-OAEP"),
            with(&p256, "crv", "P-384"),
            with(&ed, "alg", "ES256"),
        ] {
            assert!(Key::parse(&key).is_none(), "{key}");
        }
    }
}
