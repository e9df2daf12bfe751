//! Settings of `meanwhile serve`: flags over environment over file over defaults. A wrong setting
//! is an error that names it, never ignored.

mod check;
mod layers;
mod outside;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use self::outside::{Auth, OAuth, Outside};

use self::layers::{Values, known, read_file};
use crate::clock::{Clock, ManualClock, SystemClock};
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
/// Variables that are no settings of `serve`: what clients read, and where the file is.
const OTHER_VARIABLES: [&str; 4] = [
    "MEANWHILE_URL",
    "MEANWHILE_TOKEN",
    "MEANWHILE_TOKEN_FILE",
    "MEANWHILE_CONFIG",
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
const KEYS: [&str; 19] = [
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
    "clock",
    "jobs_max",
    "parallel_runs",
    "archive_after_days",
    "delete_after_days",
    "history_after_days",
    "timezone",
    "component",
    "compilation_cache",
];

/// The flags of `meanwhile serve` and `meanwhile mcp`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ServeArgs {
    /// Address to listen on; one that others reach needs `auth = token` [default: 127.0.0.1:7803]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// `none` or `token`: whether every request needs a bearer token [default: none]
    #[arg(long)]
    pub auth: Option<String>,
    /// The operator's token, made there at the first start [default: data/operator.token]
    #[arg(long, value_name = "FILE")]
    pub operator_token_file: Option<String>,
    /// The address that clients use, such as `https://jobs.example.com`, where it is not that of `listen`
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Origins of web pages that may call from a browser, separated by commas
    #[arg(long, value_name = "ORIGINS")]
    pub allowed_origins: Option<String>,
    /// Take access tokens of this OAuth authorization server too
    #[arg(long, value_name = "URL")]
    pub oauth_issuer: Option<String>,
    /// The audience that its tokens have to be for [default: PUBLIC_URL/mcp]
    #[arg(long, value_name = "AUDIENCE")]
    pub oauth_audience: Option<String>,
    /// The claim of its tokens that names the tenant [default: tenant]
    #[arg(long, value_name = "CLAIM")]
    pub oauth_tenant_claim: Option<String>,
    /// `sqlite:PATH`, `postgres://USER:PASSWORD@HOST/DATABASE` or `memory` [default: sqlite:data/meanwhile.db]
    #[arg(long)]
    pub store: Option<String>,
    /// `builtin`, `command:PROGRAM …` or `noop` [default: builtin]
    #[arg(long)]
    pub agent: Option<String>,
    /// `system` or `manual:INSTANT` [default: system]
    #[arg(long)]
    pub clock: Option<String>,
    /// Jobs of one tenant that have not ended, unless its own limits say otherwise [default: 100000]
    #[arg(long, value_name = "JOBS")]
    pub jobs_max: Option<String>,
    /// Runs of one tenant that may execute at the same time, likewise [default: 5]
    #[arg(long, value_name = "RUNS")]
    pub parallel_runs: Option<String>,
    /// Jobs that ended are archived after so many days without a change; 0: never [default: 30]
    #[arg(long, value_name = "DAYS")]
    pub archive_after_days: Option<String>,
    /// Archived jobs are deleted after so many days without a change; 0: never [default: 0]
    #[arg(long, value_name = "DAYS")]
    pub delete_after_days: Option<String>,
    /// Runs and history of repeating jobs (but for the newest 100 of each), and delivered messages, are
    /// deleted after so many days; 0: never [default: 90]
    #[arg(long, value_name = "DAYS")]
    pub history_after_days: Option<String>,
    /// IANA zone of the local caller, used where a trigger names none
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Another jobs component than the embedded one
    #[arg(long, value_name = "FILE")]
    pub component: Option<String>,
    /// Where compiled components are kept for the next start: `user` (your cache directory), `none`, or a
    /// directory that nobody else may write to [default: user]
    #[arg(long, value_name = "DIRECTORY")]
    pub compilation_cache: Option<String>,
    /// The settings file [default: meanwhile.toml, where there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Show the settings that result, and end
    #[arg(long)]
    pub print_config: bool,
}

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
    pub clock: ClockSetting,
    /// Of a tenant that has none of its own.
    pub limits: TenantLimits,
    pub retention: Retention,
    pub timezone: Option<String>,
    pub component: Option<PathBuf>,
    pub compilation_cache: CompilationCache,
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
    clock: String,
    jobs_max: u64,
    parallel_runs: u32,
    archive_after_days: u32,
    delete_after_days: u32,
    history_after_days: u32,
    timezone: Option<String>,
    component: Option<String>,
    compilation_cache: String,
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
        let flags = [
            ("listen", &args.listen),
            ("auth", &args.auth),
            ("operator_token_file", &args.operator_token_file),
            ("public_url", &args.public_url),
            ("allowed_origins", &args.allowed_origins),
            ("oauth_issuer", &args.oauth_issuer),
            ("oauth_audience", &args.oauth_audience),
            ("oauth_tenant_claim", &args.oauth_tenant_claim),
            ("store", &args.store),
            ("agent", &args.agent),
            ("clock", &args.clock),
            ("jobs_max", &args.jobs_max),
            ("parallel_runs", &args.parallel_runs),
            ("archive_after_days", &args.archive_after_days),
            ("delete_after_days", &args.delete_after_days),
            ("history_after_days", &args.history_after_days),
            ("timezone", &args.timezone),
            ("component", &args.component),
            ("compilation_cache", &args.compilation_cache),
        ];
        for (key, value) in flags {
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
