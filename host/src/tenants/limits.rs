//! What one tenant may use. The numbers are each tenant's own; those of the whole host are in
//! [`crate::limits`].

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::limits as host;
use crate::storage::Quota;
use crate::storage::usage::Amounts;
use crate::wit::types::RunReach;

/// The limits that hold for a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TenantLimits {
    /// Jobs that have not ended. More are refused as `quota_exceeded`.
    pub jobs_max: u64,
    /// Bytes of the tenant's rows, indexes not counted. At it, new jobs are refused and no new
    /// run starts; what runs is settled.
    pub storage_bytes_max: u64,
    /// Runs that execute at the same time.
    pub parallel_runs: u32,
    /// Requests a second over HTTP and MCP, in the mean; a burst of twice as many passes.
    pub requests_per_second: u32,
    /// Milliseconds that one call of the component may compute.
    pub cpu_ms_per_call: u32,
    /// Bytes of linear memory of one call.
    pub memory_bytes_per_call: u64,
    /// Tokens in and out that its runs and conversations may use in a day, in UTC.
    pub tokens_per_day: u64,
    /// What they may cost in a day, in hundredths of a US dollar.
    pub cost_cents_per_day: u64,
    /// Calls of tools that they may make in a day.
    pub tool_calls_per_day: u64,
    /// Seconds that its runs may take in a day, all together.
    pub run_seconds_per_day: u64,
    /// What calls of its runs may change.
    pub run_reach: Reach,
}

/// What a run that calls may change: `run-reach` of the contract.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Its own job, and it creates none.
    OwnJob,
    /// Its own job, and what came of it.
    #[default]
    OwnDescendants,
    /// Every job of its user, and what the user may say in the chat.
    All,
}

impl From<Reach> for RunReach {
    fn from(reach: Reach) -> Self {
        match reach {
            Reach::OwnJob => Self::OwnJob,
            Reach::OwnDescendants => Self::OwnDescendants,
            Reach::All => Self::All,
        }
    }
}

impl Default for TenantLimits {
    fn default() -> Self {
        Self {
            jobs_max: host::TENANT_JOBS_DEFAULT,
            storage_bytes_max: host::TENANT_STORAGE_BYTES_DEFAULT,
            parallel_runs: host::PARALLEL_RUNS_DEFAULT,
            requests_per_second: host::TENANT_REQUESTS_PER_SECOND_DEFAULT,
            cpu_ms_per_call: host::TENANT_CPU_MS_DEFAULT,
            memory_bytes_per_call: host::GUEST_MEMORY_BYTES_MAX as u64,
            tokens_per_day: host::TENANT_USE_MAX as u64,
            cost_cents_per_day: MAX_CENTS,
            tool_calls_per_day: host::TENANT_USE_MAX as u64,
            run_seconds_per_day: MAX_SECONDS,
            run_reach: Reach::default(),
        }
    }
}

const MICROS_PER_CENT: u64 = 10_000;
const MAX_CENTS: u64 = host::TENANT_USE_MAX as u64 / MICROS_PER_CENT;
const MAX_SECONDS: u64 = host::TENANT_USE_MAX as u64 / 1_000;

/// The one limit that is no number.
const RUN_REACH: &str = "run_reach";

/// Names, least and greatest values of the numbers.
const BOUNDS: [(&str, u64, u64); 10] = [
    ("jobs_max", 0, host::TENANT_JOBS_MAX),
    ("storage_bytes_max", 0, host::TENANT_STORAGE_BYTES_MAX),
    ("parallel_runs", 1, host::PARALLEL_RUNS_MAX as u64),
    (
        "requests_per_second",
        1,
        host::TENANT_REQUESTS_PER_SECOND_MAX as u64,
    ),
    (
        "cpu_ms_per_call",
        host::TENANT_CPU_MS_MIN,
        host::TENANT_CPU_MS_MAX,
    ),
    (
        "memory_bytes_per_call",
        host::TENANT_MEMORY_BYTES_MIN,
        host::GUEST_MEMORY_BYTES_MAX as u64,
    ),
    ("tokens_per_day", 0, host::TENANT_USE_MAX as u64),
    ("cost_cents_per_day", 0, MAX_CENTS),
    ("tool_calls_per_day", 0, host::TENANT_USE_MAX as u64),
    ("run_seconds_per_day", 0, MAX_SECONDS),
];

/// What is set for one tenant alone; everything else is the host's default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LimitOverrides(Map<String, Value>);

/// A limit that cannot be set so; says what can.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct LimitError {
    /// The limit's name.
    pub field: String,
    /// What was given, and what can be.
    pub message: String,
}

impl LimitOverrides {
    /// These with others laid over them; `null` takes the host's default again.
    ///
    /// # Errors
    /// When a name is no limit's or a value is out of bounds.
    pub fn merged(&self, changes: &Map<String, Value>) -> Result<Self, LimitError> {
        let mut merged = self.clone();
        for (name, value) in changes {
            if value.is_null() {
                if name != RUN_REACH {
                    known(name)?;
                }
                merged.0.remove(name);
            } else if name == RUN_REACH {
                if Reach::deserialize(value).is_err() {
                    let message = format!(
                        "`{RUN_REACH}` is {value}: expected \"own_job\", \"own_descendants\", \"all\", or null for \
                         the host's default"
                    );
                    return Err(LimitError {
                        field: name.clone(),
                        message,
                    });
                }
                merged.0.insert(name.clone(), value.clone());
            } else {
                let (least, greatest) = known(name)?;
                if !value
                    .as_u64()
                    .is_some_and(|value| (least..=greatest).contains(&value))
                {
                    let message = format!(
                        "`{name}` is {value}: expected a whole number from {least} to {greatest}, or null for the \
                         host's default"
                    );
                    return Err(LimitError {
                        field: name.clone(),
                        message,
                    });
                }
                merged.0.insert(name.clone(), value.clone());
            }
        }
        Ok(merged)
    }

    /// The limits that result.
    #[must_use]
    pub fn over(&self, defaults: TenantLimits) -> TenantLimits {
        let set = |name: &str| self.0.get(name).and_then(Value::as_u64);
        let small = |name: &str, default: u32| {
            set(name)
                .and_then(|value| u32::try_from(value).ok())
                .unwrap_or(default)
        };
        TenantLimits {
            jobs_max: set("jobs_max").unwrap_or(defaults.jobs_max),
            storage_bytes_max: set("storage_bytes_max").unwrap_or(defaults.storage_bytes_max),
            parallel_runs: small("parallel_runs", defaults.parallel_runs),
            requests_per_second: small("requests_per_second", defaults.requests_per_second),
            cpu_ms_per_call: small("cpu_ms_per_call", defaults.cpu_ms_per_call),
            memory_bytes_per_call: set("memory_bytes_per_call").unwrap_or(defaults.memory_bytes_per_call),
            tokens_per_day: set("tokens_per_day").unwrap_or(defaults.tokens_per_day),
            cost_cents_per_day: set("cost_cents_per_day").unwrap_or(defaults.cost_cents_per_day),
            tool_calls_per_day: set("tool_calls_per_day").unwrap_or(defaults.tool_calls_per_day),
            run_seconds_per_day: set("run_seconds_per_day").unwrap_or(defaults.run_seconds_per_day),
            run_reach: self
                .0
                .get(RUN_REACH)
                .and_then(|reach| Reach::deserialize(reach).ok())
                .unwrap_or(defaults.run_reach),
        }
    }
}

/// The bounds of a limit.
fn known(name: &str) -> Result<(u64, u64), LimitError> {
    let found = BOUNDS.iter().find(|(known, ..)| *known == name);
    found
        .map(|(_, least, greatest)| (*least, *greatest))
        .ok_or_else(|| {
            let names: Vec<&str> = BOUNDS.iter().map(|(name, ..)| *name).collect();
            LimitError {
                field: name.to_owned(),
                message: format!(
                    "`{name}` is no limit; there are: {}, {RUN_REACH}",
                    names.join(", ")
                ),
            }
        })
}

impl TenantLimits {
    /// What its rows may come to. Above `storage_bytes_max` there is room for the results of
    /// everything that may run when it is reached.
    #[must_use]
    pub fn quota(&self) -> Quota {
        let reserve = u64::from(self.parallel_runs) * host::TENANT_RUN_RESERVE_BYTES;
        Quota {
            live_jobs: self.jobs_max,
            bytes: self.storage_bytes_max,
            bytes_hard: self.storage_bytes_max.saturating_add(reserve),
        }
    }

    /// What its runs and conversations may use in a day.
    #[must_use]
    pub fn per_day(&self) -> Amounts {
        let bounded = |limit: u64, unit: u64| {
            let limit = i64::try_from(limit.saturating_mul(unit)).unwrap_or(i64::MAX);
            limit.min(host::TENANT_USE_MAX)
        };
        Amounts {
            tokens: bounded(self.tokens_per_day, 1),
            cost_micros: bounded(self.cost_cents_per_day, MICROS_PER_CENT),
            tool_calls: bounded(self.tool_calls_per_day, 1),
            milliseconds: bounded(self.run_seconds_per_day, 1_000),
        }
    }

    /// CPU time of one call.
    pub(crate) fn cpu_per_call(&self) -> Duration {
        Duration::from_millis(self.cpu_ms_per_call.into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::{Value, json};

    use super::{BOUNDS, LimitOverrides, TenantLimits};

    fn merged(before: &LimitOverrides, changes: Value) -> Result<LimitOverrides, String> {
        before
            .merged(changes.as_object().unwrap())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_set_is_the_hosts() {
        let defaults = TenantLimits::default();
        let set = merged(&LimitOverrides::default(), json!({ "jobs_max": 7 })).unwrap();
        assert_eq!(
            set.over(defaults),
            TenantLimits {
                jobs_max: 7,
                ..defaults
            }
        );
        let cleared = merged(&set, json!({ "jobs_max": null, "parallel_runs": 2 })).unwrap();
        assert_eq!(
            cleared.over(defaults),
            TenantLimits {
                parallel_runs: 2,
                ..defaults
            }
        );
    }

    #[test]
    fn a_wrong_limit_is_refused_by_name() {
        for (changes, word) in [
            (json!({ "jobs": 1 }), "storage_bytes_max"),
            (json!({ "jobs_max": -1 }), "jobs_max"),
            (json!({ "parallel_runs": 0 }), "from 1 to"),
            (json!({ "cpu_ms_per_call": "much" }), "\"much\""),
            (json!({ "run_reach": "everything" }), "own_descendants"),
        ] {
            let error = merged(&LimitOverrides::default(), changes).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn every_limit_has_bounds_and_its_default_is_within() {
        let Value::Object(fields) = serde_json::to_value(TenantLimits::default()).unwrap() else {
            panic!("limits are an object");
        };
        assert_eq!(fields.len(), BOUNDS.len() + 1);
        merged(&LimitOverrides::default(), Value::Object(fields)).unwrap();
    }
}
