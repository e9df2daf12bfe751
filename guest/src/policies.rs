//! Checks of a job's policies, shared by creating and updating.

use crate::bindings::tools::ToolError;
use crate::bindings::types::{Allowance, Budget, RetryPolicy, ToolPolicy};
use crate::errors::{invalid, range, text};
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
    let life = Allowance {
        max_tokens: given.max_tokens,
        max_cost_usd: given.max_cost_usd,
        max_tool_calls: given.max_tool_calls,
        max_seconds: given.max_seconds,
    };
    allowance("budget", &life)?;
    for (field, given) in [
        ("budget.per_run", given.per_run),
        ("budget.per_day", given.per_day),
    ] {
        if let Some(given) = given {
            allowance(field, &given)?;
        }
    }
    Ok(())
}

fn allowance(field: &str, given: &Allowance) -> Result<(), ToolError> {
    if given.max_tokens == Some(0) {
        let field = format!("{field}.max_tokens");
        let message = format!("{field} is 0; give at least 1, or leave it out.");
        return Err(invalid(&field, message));
    }
    if given
        .max_cost_usd
        .is_some_and(|cost| !(cost.is_finite() && cost > 0.0))
    {
        let field = format!("{field}.max_cost_usd");
        let message = format!("{field} must be a number above 0, in US dollars.");
        return Err(invalid(&field, message));
    }
    let most = limits::BUDGET_COUNT_MAX;
    range(&format!("{field}.max_tool_calls"), given.max_tool_calls, 1, most)?;
    range(&format!("{field}.max_seconds"), given.max_seconds, 1, most)
}

/// Checks a tool policy.
pub fn tools(given: Option<&ToolPolicy>) -> Result<(), ToolError> {
    let Some(given) = given else { return Ok(()) };
    for (field, names) in [
        ("tool_policy.allowed", &given.allowed),
        ("tool_policy.needs_approval", &given.needs_approval),
        ("tool_policy.approved", &given.approved),
    ] {
        let names = names.as_deref().unwrap_or_default();
        if names.len() > limits::TOOL_NAMES_MAX {
            let message = format!(
                "{field} has {} names; it may have {}. A `*` at the end of a name stands for any end.",
                names.len(),
                limits::TOOL_NAMES_MAX
            );
            return Err(invalid(field, message));
        }
        for (at, name) in names.iter().enumerate() {
            text(&format!("{field}[{at}]"), name, 1, limits::TOOL_NAME_CHARS_MAX)?;
        }
    }
    let (least, most) = (limits::ANSWER_SECONDS_MIN, limits::ANSWER_SECONDS_MAX);
    range("tool_policy.answer_seconds", given.answer_seconds, least, most)
}
