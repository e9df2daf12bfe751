//! Checks of a job's policies, shared by creating and updating.

use crate::bindings::tools::ToolError;
use crate::bindings::types::{Budget, RetryPolicy};
use crate::errors::{invalid, range};
use crate::limits;

/// Checks and completes a retry policy: what is left out comes from `base`.
pub fn retry(given: Option<&RetryPolicy>, base: &RetryPolicy) -> Result<RetryPolicy, ToolError> {
    let Some(given) = given else { return Ok(*base) };
    range(
        "retry.max_attempts",
        given.max_attempts,
        1,
        limits::RETRY_ATTEMPTS_MAX,
    )?;
    range(
        "retry.initial_seconds",
        given.initial_seconds,
        1,
        limits::RETRY_SECONDS_MAX,
    )?;
    range("retry.factor", given.factor, 1.0, limits::RETRY_FACTOR_MAX)?;
    range(
        "retry.max_seconds",
        given.max_seconds,
        1,
        limits::RETRY_SECONDS_MAX,
    )?;
    Ok(RetryPolicy {
        max_attempts: given.max_attempts.or(base.max_attempts),
        initial_seconds: given.initial_seconds.or(base.initial_seconds),
        factor: given.factor.or(base.factor),
        max_seconds: given.max_seconds.or(base.max_seconds),
    })
}

/// The policy of a job that states none.
pub const DEFAULT_RETRY: RetryPolicy = RetryPolicy {
    max_attempts: Some(limits::RETRY_ATTEMPTS_DEFAULT),
    initial_seconds: Some(limits::RETRY_INITIAL_SECONDS_DEFAULT),
    factor: Some(limits::RETRY_FACTOR_DEFAULT),
    max_seconds: Some(limits::RETRY_MAX_SECONDS_DEFAULT),
};

/// Checks the seconds that one run may take.
pub fn timeout(given: Option<u32>) -> Result<(), ToolError> {
    range("timeout_seconds", given, 1, limits::TIMEOUT_SECONDS_MAX)
}

/// Checks the bounds of a budget.
pub fn budget(given: Option<&Budget>) -> Result<(), ToolError> {
    let Some(given) = given else { return Ok(()) };
    range("budget.max_runs", given.max_runs, 1, limits::BUDGET_RUNS_MAX)?;
    range(
        "budget.max_runs_per_day",
        given.max_runs_per_day,
        1,
        limits::BUDGET_RUNS_PER_DAY_MAX,
    )?;
    if given.max_tokens == Some(0) {
        return Err(invalid(
            "budget.max_tokens",
            "budget.max_tokens is 0; give at least 1, or leave it out.",
        ));
    }
    if given
        .max_cost_usd
        .is_some_and(|cost| !(cost.is_finite() && cost > 0.0))
    {
        return Err(invalid(
            "budget.max_cost_usd",
            "budget.max_cost_usd must be a number above 0, in US dollars.",
        ));
    }
    Ok(())
}
