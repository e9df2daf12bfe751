//! Settings of `meanwhile serve`: flags over environment over file over defaults. A wrong setting
//! is an error that names it, never ignored.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::{Clock, ManualClock, SystemClock};
use crate::limits::{PARALLEL_RUNS_DEFAULT, PARALLEL_RUNS_MAX, TENANT_JOBS_DEFAULT, TENANT_JOBS_MAX};
use crate::tenants::TenantLimits;

/// Read from the working directory where no other file is named.
pub const FILE_DEFAULT: &str = "meanwhile.toml";
pub const LISTEN_DEFAULT: &str = "127.0.0.1:7803";
pub const STORE_DEFAULT: &str = "sqlite:data/meanwhile.db";
pub const OPERATOR_TOKEN_FILE_DEFAULT: &str = "data/operator.token";
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
const KEYS: [&str; 10] = [
    "listen",
    "auth",
    "operator_token_file",
    "store",
    "agent",
    "clock",
    "jobs_max",
    "parallel_runs",
    "timezone",
    "component",
];

/// The flags of `meanwhile serve` and `meanwhile mcp`.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ServeArgs {
    /// Address to listen on; loopback only [default: 127.0.0.1:7803]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// `none` or `token`: whether every request needs a bearer token [default: none]
    #[arg(long)]
    pub auth: Option<String>,
    /// The operator's token, made there at the first start [default: data/operator.token]
    #[arg(long, value_name = "FILE")]
    pub operator_token_file: Option<String>,
    /// `sqlite:PATH` or `memory` [default: sqlite:data/meanwhile.db]
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
    /// IANA zone of the local caller, used where a trigger names none
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Another jobs component than the embedded one
    #[arg(long, value_name = "FILE")]
    pub component: Option<String>,
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
}

/// Who may call.
#[derive(Clone, Debug, PartialEq)]
pub enum Auth {
    /// Everybody who reaches the host, as its one person.
    None,
    /// Whoever brings a token.
    Token { operator_token_file: PathBuf },
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
    pub listen: SocketAddr,
    pub auth: Auth,
    pub store: Store,
    pub agent: String,
    pub clock: ClockSetting,
    /// Of a tenant that has none of its own.
    pub limits: TenantLimits,
    pub timezone: Option<String>,
    pub component: Option<PathBuf>,
    shown: Shown,
}

/// The settings as they are written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Shown {
    listen: String,
    auth: String,
    operator_token_file: String,
    store: String,
    agent: String,
    clock: String,
    jobs_max: u64,
    parallel_runs: u32,
    timezone: Option<String>,
    component: Option<String>,
}

/// One layer on top of others: key to (value, where it comes from).
type Values = BTreeMap<&'static str, (String, String)>;

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
            ("store", &args.store),
            ("agent", &args.agent),
            ("clock", &args.clock),
            ("jobs_max", &args.jobs_max),
            ("parallel_runs", &args.parallel_runs),
            ("timezone", &args.timezone),
            ("component", &args.component),
        ];
        for (key, value) in flags {
            if let Some(value) = value {
                values.insert(key, (value.clone(), format!("flag --{}", key.replace('_', "-"))));
            }
        }
        check(&values)
    }

    /// The settings as a file would have them.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(&self.shown).unwrap_or_default()
    }
}

fn known(key: &str, origin: &str, shown: &str) -> Result<&'static str, ConfigError> {
    let unknown = || ConfigError::UnknownKey {
        origin: origin.to_owned(),
        key: shown.to_owned(),
    };
    KEYS.into_iter().find(|it| *it == key).ok_or_else(unknown)
}

fn read_file(path: &Path) -> Result<Values, ConfigError> {
    let origin = path.display().to_string();
    let failed = |message: String| ConfigError::File {
        path: origin.clone(),
        message,
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| failed(error.to_string()))?;
    let mut values = Values::new();
    for (key, value) in table {
        let name = known(&key, &origin, &key)?;
        let value = match value {
            toml::Value::String(text) => text,
            toml::Value::Integer(number) => number.to_string(),
            other => {
                let expected = "expected a string or a whole number".to_owned();
                return Err(ConfigError::Wrong {
                    origin,
                    key: name,
                    value: other.to_string(),
                    expected,
                });
            }
        };
        values.insert(name, (value, origin.clone()));
    }
    Ok(values)
}

fn check(values: &Values) -> Result<ServeSettings, ConfigError> {
    let text = |key: &'static str, default: &str| {
        values
            .get(key)
            .map_or_else(|| default.to_owned(), |(value, _)| value.clone())
    };
    let wrong = |key: &'static str, expected: &str| {
        let (value, origin) = values.get(key).cloned().unwrap_or_default();
        ConfigError::Wrong {
            origin,
            key,
            value,
            expected: expected.to_owned(),
        }
    };
    let shown = Shown {
        listen: text("listen", LISTEN_DEFAULT),
        auth: text("auth", "none"),
        operator_token_file: text("operator_token_file", OPERATOR_TOKEN_FILE_DEFAULT),
        store: text("store", STORE_DEFAULT),
        agent: text("agent", "builtin"),
        clock: text("clock", "system"),
        jobs_max: text("jobs_max", &TENANT_JOBS_DEFAULT.to_string())
            .parse()
            .ok()
            .filter(|jobs| *jobs <= TENANT_JOBS_MAX)
            .ok_or_else(|| {
                wrong(
                    "jobs_max",
                    &format!("expected a whole number up to {TENANT_JOBS_MAX}"),
                )
            })?,
        parallel_runs: text("parallel_runs", &PARALLEL_RUNS_DEFAULT.to_string())
            .parse()
            .ok()
            .filter(|runs| (1..=PARALLEL_RUNS_MAX).contains(runs))
            .ok_or_else(|| {
                wrong(
                    "parallel_runs",
                    &format!("expected a whole number from 1 to {PARALLEL_RUNS_MAX}"),
                )
            })?,
        timezone: values.get("timezone").map(|(value, _)| value.clone()),
        component: values.get("component").map(|(value, _)| value.clone()),
    };
    let listen: SocketAddr = shown
        .listen
        .parse()
        .map_err(|_| wrong("listen", "expected ADDRESS:PORT, such as 127.0.0.1:7803"))?;
    if !listen.ip().is_loopback() {
        return Err(wrong(
            "listen",
            "only loopback addresses are served: there is no authentication yet",
        ));
    }
    let auth = match shown.auth.as_str() {
        "none" => Auth::None,
        "token" => Auth::Token {
            operator_token_file: PathBuf::from(&shown.operator_token_file),
        },
        _ => return Err(wrong("auth", "expected `none` or `token`")),
    };
    let store = match shown.store.split_once(':') {
        None if shown.store == "memory" => Store::Memory,
        Some(("sqlite", path)) if !path.is_empty() => Store::Sqlite(PathBuf::from(path)),
        _ => return Err(wrong("store", "expected `sqlite:PATH` or `memory`")),
    };
    let clock = match shown.clock.strip_prefix("manual:") {
        None if shown.clock == "system" => ClockSetting::System,
        Some(instant) => chrono::DateTime::parse_from_rfc3339(instant)
            .map(|at| ClockSetting::Manual(at.timestamp_millis()))
            .map_err(|_| {
                wrong(
                    "clock",
                    "expected an instant such as `manual:2026-06-01T09:00:00Z`",
                )
            })?,
        None => return Err(wrong("clock", "expected `system` or `manual:INSTANT`")),
    };
    let is_agent = matches!(shown.agent.as_str(), "builtin" | "noop")
        || shown
            .agent
            .strip_prefix("command:")
            .is_some_and(|program| !program.trim().is_empty());
    if !is_agent {
        return Err(wrong(
            "agent",
            "expected `builtin`, `noop` or `command:PROGRAM …`",
        ));
    }
    if shown
        .timezone
        .as_ref()
        .is_some_and(|zone| zone.parse::<chrono_tz::Tz>().is_err())
    {
        return Err(wrong("timezone", "expected an IANA name such as Europe/Berlin"));
    }
    Ok(ServeSettings {
        listen,
        auth,
        store,
        agent: shown.agent.clone(),
        clock,
        limits: TenantLimits {
            jobs_max: shown.jobs_max,
            parallel_runs: shown.parallel_runs,
            ..TenantLimits::default()
        },
        timezone: shown.timezone.clone(),
        component: shown.component.clone().map(PathBuf::from),
        shown,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn with(environment: &[(&str, &str)], args: &ServeArgs) -> Result<ServeSettings, ConfigError> {
        ServeSettings::resolve(
            args,
            environment
                .iter()
                .map(|(key, value)| ((*key).into(), (*value).into())),
        )
    }

    #[test]
    fn flags_go_over_environment_over_defaults() {
        let args = ServeArgs {
            store: Some("memory".into()),
            ..ServeArgs::default()
        };
        let environment = [("MEANWHILE_STORE", "sqlite:x"), ("MEANWHILE_PARALLEL_RUNS", "7")];
        let settings = with(&environment, &args).unwrap();
        assert_eq!(
            (settings.store, settings.limits.parallel_runs),
            (Store::Memory, 7)
        );
        assert_eq!(settings.listen.to_string(), LISTEN_DEFAULT);
    }

    #[test]
    fn errors_name_the_setting() {
        let message = |name: &str, value: &str| {
            with(&[(name, value)], &ServeArgs::default())
                .unwrap_err()
                .to_string()
        };
        assert!(message("MEANWHILE_LISTN", "x").contains("MEANWHILE_LISTN"));
        assert!(message("MEANWHILE_LISTEN", "0.0.0.0:1").contains("loopback"));
        assert!(message("MEANWHILE_CLOCK", "manual:today").contains("MEANWHILE_CLOCK"));
        assert!(message("MEANWHILE_STORE", "sqlite:").contains("sqlite:PATH"));
        assert!(message("MEANWHILE_AGENT", "nobody").contains("nobody"));
        assert!(message("MEANWHILE_TIMEZONE", "CST6").contains("IANA"));
        assert!(message("MEANWHILE_PARALLEL_RUNS", "0").contains("parallel_runs"));
    }

    #[test]
    fn what_is_printed_can_be_read() {
        let settings = with(&[("MEANWHILE_TIMEZONE", "Europe/Berlin")], &ServeArgs::default()).unwrap();
        let table: toml::Table = settings.to_toml().parse().unwrap();
        assert_eq!(table["timezone"].as_str(), Some("Europe/Berlin"));
        assert!(table.keys().all(|key| KEYS.contains(&key.as_str())));
    }
}
