//! Tenants: who they are, what each may use, and how a request proves whose it is.

mod access;
mod allowance;
mod authenticator;
mod commands;
mod limits;
mod log_lines;
mod oauth;
mod outcome;
mod rate;
mod registry;
mod scopes;
pub mod token;

pub use access::{RunAccess, RunLogin, RunTokens};
pub use allowance::Allowance;
pub use authenticator::{Authenticator, Credential, Login, Unauthenticated, operator_secret, operator_token};
pub use commands::{NewState, NewTenant, NewToken, TenantChanges, TenantCommand};
pub use limits::{LimitError, LimitOverrides, Reach, TenantLimits};
pub(crate) use log_lines::clipped;
pub use oauth::{AccessTokens, Issuer, KeyTimes, check_issuer};
pub use outcome::{AwaitedOutcome, LateOutcome};
pub use rate::RequestRate;
pub use registry::{
    ComponentRecord, Registry, TenantRecord, TenantState, TokenHash, TokenRecord, is_tenant_name,
};
pub use scopes::{Scope, Scopes};
