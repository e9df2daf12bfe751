//! Settings of `meanwhile serve`: flags over environment over file over defaults. A wrong setting
//! is an error that names it, never ignored.

mod args;
mod check;
mod layers;
mod outside;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::args::ServeArgs;
pub use self::outside::{Auth, OAuth, Outside};

use self::layers::{Values, known, read_file};
use crate::agent::http::{SECRET_FILE_VARIABLE, SECRET_VARIABLE};
use crate::agent::llm::{self, LlmSetting};
use crate::clock::{Clock, ManualClock, SystemClock};
use crate::embedding::{EmbedderSetting, KEY_FILE_VARIABLE, KEY_VARIABLE};
use crate::engine::CompilationCache;
use crate::runtime::Retention;
use crate::tenants::TenantLimits;

/// Read from the working directory where no other file is named.
pub const FILE_DEFAULT: &str = "meanwhile.toml";
pub const LISTEN_DEFAULT: &str = "127.0.0.1:7803";
pub const STORE_DEFAULT: &str = "sqlite:data/meanwhile.db";
pub const OPERATOR_TOKEN_FILE_DEFAULT: &str = "data/operator.token";
/// The claim that names an access token's tenant.
pub const OAUTH_TENANT_CLAIM_DEFAULT: &str = "tenant";
const PREFIX: &str = "MEANWHILE_";
/// Variables that are no settings of `serve`: what clients read, where the file is, the keys that no setting
/// may show, and where tests find the model.
const OTHER_VARIABLES: [&str; 11] = [
    "MEANWHILE_URL",
    "MEANWHILE_TOKEN",
    "MEANWHILE_TOKEN_FILE",
    "MEANWHILE_CONFIG",
    KEY_VARIABLE,
    KEY_FILE_VARIABLE,
    llm::KEY_VARIABLE,
    llm::KEY_FILE_VARIABLE,
    SECRET_VARIABLE,
    SECRET_FILE_VARIABLE,
    "MEANWHILE_TEST_MODEL",
];

/// Why settings are refused.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ConfigError {
    #[error("{origin}: `{key}` is no setting; there are: {}", KEYS.join(", "))]
    UnknownKey { origin: String, key: String },
    #[error("{origin}: `{key}` is `{value}`: {expected}")]
    Wrong {
        origin: String,
        key: &'static str,
        value: String,
        expected: String,
    },
    #[error("{path}: {message}")]
    File { path: String, message: String },
}

/// The names of all settings, as in the file.
const KEYS: [&str; 27] = [
    "listen",
    "auth",
    "operator_token_file",
    "public_url",
    "allowed_origins",
    "oauth_issuer",
    "oauth_audience",
    "oauth_tenant_claim",
    "store",
    "agent",
    "model",
    "model_url",
    "judge_model",
    "model_prices",
    "prompts",
    "tool_servers",
    "fetch_hosts",
    "clock",
    "jobs_max",
    "parallel_runs",
    "archive_after_days",
    "delete_after_days",
    "history_after_days",
    "timezone",
    "component",
    "compilation_cache",
    "embedder",
];

/// Where jobs are kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Store {
    Memory,
    Sqlite(PathBuf),
    /// The database's URL, with its password.
    Postgres(String),
}

/// Which clock rules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ClockSetting {
    System,
    /// Milliseconds since 1970.
    Manual(i64),
}

impl ClockSetting {
    #[must_use]
    pub fn clock(self) -> Arc<dyn Clock> {
        match self {
            Self::System => Arc::new(SystemClock),
            Self::Manual(start) => Arc::new(ManualClock::new(start)),
        }
    }
}

/// Settings that were checked.
#[derive(Clone, Debug, PartialEq)]
pub struct ServeSettings {
    pub outside: Outside,
    pub store: Store,
    pub agent: String,
    /// Of the agent `llm`.
    pub llm: LlmSetting,
    pub clock: ClockSetting,
    /// Of a tenant that has none of its own.
    pub limits: TenantLimits,
    pub retention: Retention,
    pub timezone: Option<String>,
    pub component: Option<PathBuf>,
    pub compilation_cache: CompilationCache,
    pub embedder: EmbedderSetting,
    shown: Shown,
}

/// The settings as they are written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Shown {
    listen: String,
    auth: String,
    operator_token_file: String,
    public_url: Option<String>,
    allowed_origins: String,
    oauth_issuer: Option<String>,
    oauth_audience: Option<String>,
    oauth_tenant_claim: String,
    store: String,
    agent: String,
    model: Option<String>,
    model_url: Option<String>,
    judge_model: Option<String>,
    model_prices: Option<String>,
    prompts: Option<String>,
    tool_servers: Option<String>,
    fetch_hosts: String,
    clock: String,
    jobs_max: u64,
    parallel_runs: u32,
    archive_after_days: u32,
    delete_after_days: u32,
    history_after_days: u32,
    timezone: Option<String>,
    component: Option<String>,
    compilation_cache: String,
    embedder: String,
}

impl ServeSettings {
    /// Reads flags, this process' environment and the file.
    ///
    /// # Errors
    /// When a setting is unknown or wrong; the error names it.
    pub fn load(args: &ServeArgs) -> Result<Self, ConfigError> {
        let environment = std::env::vars_os()
            .filter_map(|(key, value)| Some((key.into_string().ok()?, value.to_string_lossy().into_owned())));
        Self::resolve(args, environment)
    }

    /// The same with an environment that is given.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn resolve(
        args: &ServeArgs,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut from_environment = Values::new();
        let mut named = args.config.clone();
        for (variable, value) in environment {
            let Some(name) = variable.strip_prefix(PREFIX) else {
                continue;
            };
            if variable == "MEANWHILE_CONFIG" && named.is_none() {
                named = Some(PathBuf::from(value));
            } else if !OTHER_VARIABLES.contains(&variable.as_str()) {
                let key = known(&name.to_lowercase(), "environment", &variable)?;
                from_environment.insert(key, (value, format!("environment variable {variable}")));
            }
        }
        let mut values = match named {
            Some(path) => read_file(&path)?,
            None if Path::new(FILE_DEFAULT).is_file() => read_file(Path::new(FILE_DEFAULT))?,
            None => Values::new(),
        };
        values.append(&mut from_environment);
        for (key, value) in args.given() {
            if let Some(value) = value {
                values.insert(key, (value.clone(), format!("flag --{}", key.replace('_', "-"))));
            }
        }
        check::check(&values)
    }

    /// The settings as a file would have them, but for a password.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut shown = self.shown.clone();
        shown.store = without_password(&shown.store);
        toml::to_string(&shown).unwrap_or_default()
    }
}

/// A store as it may be shown to anybody.
fn without_password(store: &str) -> String {
    let user_and_host = store.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
    let password = user_and_host.and_then(|(user, _)| user.split_once(':'));
    let in_query = store
        .split(['?', '&'])
        .find_map(|part| part.strip_prefix("password="));
    let secrets = [password.map(|(_, password)| password), in_query];
    let secrets = secrets.into_iter().flatten().filter(|secret| !secret.is_empty());
    secrets.fold(store.to_owned(), |shown, secret| shown.replace(secret, "***"))
}
