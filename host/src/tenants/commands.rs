//! What an operator asks of a host, over HTTP or from the command line.

use serde::Deserialize;
use serde_json::{Map, Value};

/// One thing that an operator does.
#[derive(Debug)]
pub enum TenantCommand {
    /// All tenants, each as `Show` tells it.
    List,
    /// A tenant by name: its state, limits, component, and what its rows come to.
    Show(String),
    /// Adds a tenant and serves it.
    Add(NewTenant),
    /// Changes a tenant by name; what runs meanwhile notices nothing.
    Change(String, TenantChanges),
    /// Refuses its requests at once, deletes everything of it in the background.
    Remove(String),
    /// A tenant's tokens, without their secrets.
    Tokens(String),
    /// Makes a token for a tenant. The answer is the one time that its secret is told.
    IssueToken(String, NewToken),
    /// Revokes a token of a tenant, by its public id: refused from then on.
    RevokeToken(String, String),
    /// All components that were uploaded.
    Components,
    /// Checks, compiles and keeps a component, given as its bytes. The answer has its digest.
    UploadComponent(Vec<u8>),
    /// Removes a component by its digest, unless a tenant has it.
    RemoveComponent(String),
}

/// A tenant to be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    /// Lower-case letters, digits, `-` and `_`; at most 63.
    pub name: String,
    /// As in [`TenantLimits`](super::TenantLimits); what is left out is the host's default.
    #[serde(default)]
    pub limits: Map<String, Value>,
    /// Digest of a component that was uploaded; none: the host's.
    pub component: Option<String>,
}

/// Changes of a tenant; what is left out stays.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantChanges {
    /// Merged name by name; null takes the host's default again.
    #[serde(default)]
    pub limits: Map<String, Value>,
    /// A digest, or null for the host's component.
    #[serde(default, deserialize_with = "given")]
    pub component: Option<Option<String>>,
    /// `active` or `suspended`.
    pub state: Option<NewState>,
}

/// A state that an operator can set.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NewState {
    /// Served; a suspended tenant goes on where it was.
    Active,
    /// Requests are refused and no run starts; what executes gets
    /// [`SUSPEND_GRACE`](crate::limits::SUSPEND_GRACE).
    Suspended,
}

/// A token to be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// On whose behalf its calls are made.
    pub agent: String,
    /// The person the agent works for.
    pub user: String,
    /// Names of scopes; all of a tenant's own unless given.
    pub scopes: Option<Vec<String>>,
    /// IANA zone of the user.
    pub timezone: Option<String>,
    /// Seconds until it expires; none: never.
    pub expires_in_seconds: Option<u32>,
}

/// Tells `null` from nothing.
fn given<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(from).map(Some)
}
