//! Who is served: tenants, the tokens that speak for them, and the components they brought.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{LimitOverrides, Scopes};
use crate::limits::TENANT_NAME_CHARS_MAX;
use crate::wit::storage::StorageError;
use crate::wit::types::Instant;

/// Whether a tenant is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TenantState {
    /// Its requests are answered and its jobs run.
    Active,
    /// Its requests are refused and none of its runs start; its rows stay.
    Suspended,
    /// It is being deleted: a host that finds it so goes on with that.
    Removing,
}

impl TenantState {
    /// As it stands in rows and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Removing => "removing",
        }
    }

    /// The state of a stored word; none for a word of a later version.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Active, Self::Suspended, Self::Removing]
            .into_iter()
            .find(|state| state.word() == word)
    }
}

/// A tenant.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantRecord {
    /// See [`is_tenant_name`]. Rows of its jobs are found by it, so it never changes.
    pub name: String,
    /// Whether its requests are answered and its runs start.
    pub state: TenantState,
    /// What an operator set for it alone.
    pub limits: LimitOverrides,
    /// Digest of its own component; none: the host's.
    pub component: Option<String>,
    /// When an operator added it, in milliseconds since 1970 as every instant.
    pub created_at: Instant,
}

impl TenantRecord {
    /// An active tenant with the host's limits and the host's component.
    #[must_use]
    pub fn new(name: impl Into<String>, created_at: Instant) -> Self {
        Self {
            name: name.into(),
            state: TenantState::Active,
            limits: LimitOverrides::default(),
            component: None,
            created_at,
        }
    }

    /// One whose state and limits are stored as words and as JSON. None, with a line in the log: a later
    /// version wrote them, and this one does not know them.
    pub(crate) fn stored(
        name: String,
        state: &str,
        limits: &str,
        component: Option<String>,
        created_at: Instant,
    ) -> Option<Self> {
        let known = TenantState::parse(state).zip(serde_json::from_str(limits).ok());
        let Some((state, limits)) = known else {
            tracing::warn!(name, state, limits, "a tenant cannot be read, and is not served");
            return None;
        };
        Some(Self {
            name,
            state,
            limits,
            component,
            created_at,
        })
    }
}

/// Whether a text can be a tenant's name: it stands in paths, logs and metrics.
#[must_use]
pub fn is_tenant_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= TENANT_NAME_CHARS_MAX
        && name.bytes().next().is_some_and(plain)
        && name
            .bytes()
            .all(|byte| plain(byte) || matches!(byte, b'-' | b'_'))
}

/// SHA-256 of a token's secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenHash(…)")
    }
}

/// What a token stands for. Its secret is nowhere: only the hash is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenRecord {
    /// The part of the token that is no secret.
    pub id: String,
    /// What a secret has to hash to.
    pub hash: TokenHash,
    /// Whose rows its calls see.
    pub tenant: String,
    /// On whose behalf its calls are made.
    pub agent: String,
    /// The person the agent works for.
    pub user: String,
    /// What its calls may do.
    pub scopes: Scopes,
    /// IANA zone of the user.
    pub timezone: Option<String>,
    /// When it was issued.
    pub created_at: Instant,
    /// Refused from then on.
    pub expires_at: Option<Instant>,
}

/// A component that was uploaded.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComponentRecord {
    /// SHA-256 of its bytes, in hexadecimal.
    pub digest: String,
    /// Bytes as they were uploaded, at most
    /// [`COMPONENT_BYTES_MAX`](crate::limits::COMPONENT_BYTES_MAX).
    pub size_bytes: u64,
    /// When it was uploaded first.
    #[serde(skip)]
    pub created_at: Instant,
}

/// Durable rows of tenants, tokens and components. Every method is atomic.
///
/// # Errors
/// Every method answers `unavailable` where the registry cannot be reached or is closed: nothing was
/// written then.
#[async_trait]
pub trait Registry: Send + Sync + 'static {
    /// Grows with every change of tenants, whichever host makes it. None: this host alone makes them.
    async fn revision(&self) -> Result<Option<u64>, StorageError> {
        Ok(None)
    }

    /// All tenants, by name.
    async fn tenants(&self) -> Result<Vec<TenantRecord>, StorageError>;
    /// Puts a tenant in the place of the one with its name.
    async fn put_tenant(&self, tenant: TenantRecord) -> Result<(), StorageError>;
    /// Removes a tenant and its tokens; its jobs are [`purge`](crate::storage::Storage::purge)d before.
    async fn remove_tenant(&self, name: &str) -> Result<(), StorageError>;

    /// A tenant's tokens, oldest first.
    async fn tokens(&self, tenant: &str) -> Result<Vec<TokenRecord>, StorageError>;
    /// The token with this public id, of whatever tenant. None: it was never there, or revoked.
    async fn token(&self, id: &str) -> Result<Option<TokenRecord>, StorageError>;
    /// Keeps a token whose id is new.
    async fn insert_token(&self, token: TokenRecord) -> Result<(), StorageError>;
    /// False: the tenant has no such token.
    async fn remove_token(&self, tenant: &str, id: &str) -> Result<bool, StorageError>;

    /// All components, oldest first.
    async fn components(&self) -> Result<Vec<ComponentRecord>, StorageError>;
    /// The bytes of a component. None: there is no such component.
    async fn component(&self, digest: &str) -> Result<Option<Vec<u8>>, StorageError>;
    /// Nothing happens when there is one with this digest.
    async fn insert_component(
        &self,
        digest: &str,
        bytes: Vec<u8>,
        created_at: Instant,
    ) -> Result<(), StorageError>;
    /// False: there is none, or a tenant has it.
    async fn remove_component(&self, digest: &str) -> Result<bool, StorageError>;
}

#[cfg(test)]
mod tests {
    use super::is_tenant_name;

    #[test]
    fn a_tenants_name_fits_into_paths_and_logs() {
        for name in ["a", "acme", "acme-2", "0_x"] {
            assert!(is_tenant_name(name), "{name}");
        }
        let long = "a".repeat(64);
        for name in ["", "Acme", "-a", "a/b", "a b", "ä", "a.b", &long] {
            assert!(!is_tenant_name(name), "{name}");
        }
    }
}
