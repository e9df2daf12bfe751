//! From what is written to what it means; what cannot be meant is an error.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::layers::Values;
use super::{
    ClockSetting, ConfigError, LISTEN_DEFAULT, OAUTH_TENANT_CLAIM_DEFAULT, OPERATOR_TOKEN_FILE_DEFAULT,
    STORE_DEFAULT, ServeSettings, Shown, Store, outside,
};
use crate::agent;
use crate::agent::llm::{FetchHosts, LlmSetting, model_named, url_named};
use crate::embedding::EmbedderSetting;
use crate::engine::CompilationCache;
use crate::limits::{
    ARCHIVE_AFTER_DEFAULT, HISTORY_AFTER_DEFAULT, PARALLEL_RUNS_DEFAULT, PARALLEL_RUNS_MAX,
    TENANT_JOBS_DEFAULT, TENANT_JOBS_MAX,
};
use crate::runtime::Retention;
use crate::tenants::TenantLimits;

/// The values as they were given, for errors that name where.
pub(super) struct Given<'a>(&'a Values);

impl Given<'_> {
    pub(super) fn has(&self, key: &'static str) -> bool {
        self.0.contains_key(key)
    }

    fn text(&self, key: &'static str, default: &str) -> String {
        self.maybe(key).unwrap_or_else(|| default.to_owned())
    }

    fn maybe(&self, key: &'static str) -> Option<String> {
        self.0.get(key).map(|(value, _)| value.clone())
    }

    fn days(&self, key: &'static str, default: Duration) -> Result<u32, ConfigError> {
        let default = default.as_secs() / DAY.as_secs();
        let days = self.text(key, &default.to_string()).parse().ok();
        days.filter(|days| *days <= DAYS_MAX).ok_or_else(|| {
            let expected = format!("expected a whole number of days up to {DAYS_MAX}, 0 for never");
            self.wrong(key, &expected)
        })
    }

    pub(super) fn wrong(&self, key: &'static str, expected: &str) -> ConfigError {
        let (value, origin) = self.0.get(key).cloned().unwrap_or_default();
        ConfigError::Wrong {
            origin,
            key,
            value,
            expected: expected.to_owned(),
        }
    }
}

const DAY: Duration = Duration::from_secs(86_400);
/// A hundred years: longer is for ever.
const DAYS_MAX: u32 = 36_525;

/// A setting in days; 0 is never.
fn after(days: u32) -> Option<Duration> {
    (days > 0).then(|| DAY * days)
}

impl FromStr for Store {
    type Err = String;

    fn from_str(store: &str) -> Result<Self, String> {
        match store.split_once(':') {
            None if store == "memory" => Ok(Self::Memory),
            Some(("sqlite", path)) if !path.is_empty() => Ok(Self::Sqlite(PathBuf::from(path))),
            Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => {
                Ok(Self::Postgres(store.to_owned()))
            }
            _ => Err("expected `sqlite:PATH`, `postgres://USER:PASSWORD@HOST/DATABASE` or `memory`".into()),
        }
    }
}

/// The error without a value in which a key or a password can be.
fn without_secret(error: ConfigError) -> ConfigError {
    match error {
        ConfigError::Wrong {
            origin,
            key,
            value,
            expected,
        } if value.contains(['@', '?']) => ConfigError::Wrong {
            origin,
            key,
            value: "…".into(),
            expected,
        },
        other => other,
    }
}

pub(super) fn check(values: &Values) -> Result<ServeSettings, ConfigError> {
    let given = Given(values);
    let shown = Shown {
        listen: given.text("listen", LISTEN_DEFAULT),
        auth: given.text("auth", "none"),
        operator_token_file: given.text("operator_token_file", OPERATOR_TOKEN_FILE_DEFAULT),
        public_url: given.maybe("public_url"),
        allowed_origins: given.text("allowed_origins", ""),
        oauth_issuer: given.maybe("oauth_issuer"),
        oauth_audience: given.maybe("oauth_audience"),
        oauth_tenant_claim: given.text("oauth_tenant_claim", OAUTH_TENANT_CLAIM_DEFAULT),
        store: given.text("store", STORE_DEFAULT),
        agent: given.text("agent", "builtin"),
        model: given.maybe("model"),
        model_url: given.maybe("model_url"),
        judge_model: given.maybe("judge_model"),
        model_prices: given.maybe("model_prices"),
        prompts: given.maybe("prompts"),
        tool_servers: given.maybe("tool_servers"),
        fetch_hosts: given.text("fetch_hosts", "public"),
        clock: given.text("clock", "system"),
        jobs_max: given
            .text("jobs_max", &TENANT_JOBS_DEFAULT.to_string())
            .parse()
            .ok()
            .filter(|jobs| *jobs <= TENANT_JOBS_MAX)
            .ok_or_else(|| {
                let expected = format!("expected a whole number up to {TENANT_JOBS_MAX}");
                given.wrong("jobs_max", &expected)
            })?,
        parallel_runs: given
            .text("parallel_runs", &PARALLEL_RUNS_DEFAULT.to_string())
            .parse()
            .ok()
            .filter(|runs| (1..=PARALLEL_RUNS_MAX).contains(runs))
            .ok_or_else(|| {
                let expected = format!("expected a whole number from 1 to {PARALLEL_RUNS_MAX}");
                given.wrong("parallel_runs", &expected)
            })?,
        archive_after_days: given.days("archive_after_days", ARCHIVE_AFTER_DEFAULT)?,
        delete_after_days: given.days("delete_after_days", Duration::ZERO)?,
        history_after_days: given.days("history_after_days", HISTORY_AFTER_DEFAULT)?,
        timezone: given.maybe("timezone"),
        component: given.maybe("component"),
        compilation_cache: given.text("compilation_cache", "user"),
        embedder: given.text("embedder", "candle"),
    };
    let outside = outside::check(&shown, &given)?;
    let store: Result<Store, String> = shown.store.parse();
    let store = store.map_err(|expected| given.wrong("store", &expected))?;
    let clock = match shown.clock.strip_prefix("manual:") {
        None if shown.clock == "system" => ClockSetting::System,
        Some(instant) => chrono::DateTime::parse_from_rfc3339(instant)
            .map(|at| ClockSetting::Manual(at.timestamp_millis()))
            .map_err(|_| {
                let expected = "expected an instant such as `manual:2026-06-01T09:00:00Z`";
                given.wrong("clock", expected)
            })?,
        None => return Err(given.wrong("clock", "expected `system` or `manual:INSTANT`")),
    };
    let is_agent = matches!(shown.agent.as_str(), "builtin" | "noop" | "llm")
        || shown
            .agent
            .strip_prefix("command:")
            .is_some_and(|program| !program.trim().is_empty());
    if agent::http::is_address(&shown.agent) {
        let address = agent::http::address(&shown.agent);
        address.map_err(|expected| without_secret(given.wrong("agent", &expected)))?;
    } else if !is_agent {
        let expected = "expected `builtin`, `noop`, `llm`, `command:PROGRAM …` or `http://HOST/PATH`";
        return Err(given.wrong("agent", expected));
    }
    let llm = llm(&shown, &given)?;
    if shown
        .timezone
        .as_ref()
        .is_some_and(|zone| zone.parse::<chrono_tz::Tz>().is_err())
    {
        return Err(given.wrong("timezone", "expected an IANA name such as Europe/Berlin"));
    }
    let compilation_cache = match shown.compilation_cache.as_str() {
        "user" => CompilationCache::User,
        "none" => CompilationCache::None,
        "" => {
            let expected = "expected `user`, `none` or a directory";
            return Err(given.wrong("compilation_cache", expected));
        }
        directory => CompilationCache::Directory(PathBuf::from(directory)),
    };
    let embedder: Result<EmbedderSetting, String> = shown.embedder.parse();
    let embedder = embedder.map_err(|expected| without_secret(given.wrong("embedder", &expected)))?;
    Ok(ServeSettings {
        outside,
        store,
        agent: shown.agent.clone(),
        llm,
        clock,
        limits: TenantLimits {
            jobs_max: shown.jobs_max,
            parallel_runs: shown.parallel_runs,
            ..TenantLimits::default()
        },
        retention: Retention {
            archive_after: after(shown.archive_after_days),
            delete_after: after(shown.delete_after_days),
            history_after: after(shown.history_after_days),
        },
        timezone: shown.timezone.clone(),
        component: shown.component.clone().map(PathBuf::from),
        compilation_cache,
        embedder,
        shown,
    })
}

fn llm(shown: &Shown, given: &Given<'_>) -> Result<LlmSetting, ConfigError> {
    if let Some(model) = &shown.model {
        model_named(model).map_err(|expected| given.wrong("model", &expected))?;
    } else if shown.agent == "llm" {
        let expected = "this agent asks a model: name one with `model`, as PROVIDER:MODEL, such as `anthropic:claude-haiku-4-5`";
        return Err(given.wrong("agent", expected));
    }
    if let Some(url) = &shown.model_url {
        url_named(url).map_err(|expected| without_secret(given.wrong("model_url", &expected)))?;
    }
    let fetch_hosts: Result<FetchHosts, String> = shown.fetch_hosts.parse();
    Ok(LlmSetting {
        model: shown.model.clone(),
        url: shown.model_url.clone(),
        judge: shown.judge_model.clone(),
        prices: shown.model_prices.clone().map(PathBuf::from),
        prompts: shown.prompts.clone().map(PathBuf::from),
        tool_servers: shown.tool_servers.clone().map(PathBuf::from),
        fetch_hosts: fetch_hosts.map_err(|expected| given.wrong("fetch_hosts", &expected))?,
    })
}
