//! What jobs use, and what they may: over their life, in a day of their zone, in one run.
//!
//! A job has one open run at a time. That run may use all that is left (`left`), so nothing else can use it
//! meanwhile; what it did use is settled in the unit that records its end.

use crate::bindings::agent_pipeline::BudgetLeft;
use crate::bindings::types::{Allowance, Amounts, Budget, Instant, Job, Run, Spending, Usage};
use crate::plan;
use crate::trigger::local_day;

/// Of a job that has used nothing.
pub const NOTHING: Spending = Spending {
    day: 0,
    runs_today: 0,
    tokens: 0,
    cost_usd: 0.0,
    tool_calls: None,
    seconds: None,
    today: None,
};

/// A budget without limits.
pub const UNLIMITED: Budget = Budget {
    max_runs: None,
    max_runs_per_day: None,
    max_tokens: None,
    max_cost_usd: None,
    max_tool_calls: None,
    max_seconds: None,
    per_run: None,
    per_day: None,
};

const NO_AMOUNTS: Amounts = Amounts {
    tokens: 0,
    cost_usd: 0.0,
    tool_calls: 0,
    seconds: 0.0,
};

/// Why a job may not go on: in a sentence, and from when it may again, where time alone mends it.
pub type SpentOut = (String, Option<Instant>);

/// Counts a run on the job.
pub fn count(job: &mut Job, now: Instant) {
    turn_day(job, now);
    job.state.spent.runs_today += 1;
    job.state.run_count += 1;
}

/// Settles what an attempt, or a judgement, has used.
pub fn add(job: &mut Job, usage: &Usage, now: Instant) {
    let used = amounts(usage);
    turn_day(job, now);
    let spent = &mut job.state.spent;
    spent.tokens += used.tokens;
    spent.cost_usd += used.cost_usd;
    if used == NO_AMOUNTS {
        return;
    }
    spent.tool_calls = Some(spent.tool_calls.unwrap_or(0).saturating_add(used.tool_calls));
    spent.seconds = Some(spent.seconds.unwrap_or(0.0) + used.seconds);
    let today = spent.today.get_or_insert(NO_AMOUNTS);
    today.tokens += used.tokens;
    today.cost_usd += used.cost_usd;
    today.tool_calls = today.tool_calls.saturating_add(used.tool_calls);
    today.seconds += used.seconds;
}

fn turn_day(job: &mut Job, now: Instant) {
    let day = local_day(now, plan::zone(&job.spec));
    let spent = &mut job.state.spent;
    if !is_day(spent, day) {
        (spent.day, spent.runs_today, spent.today) = (day, 0, None);
    }
}

/// Whether what is counted is that of a day. A host whose clock is behind may still see the day before: what was
/// counted since is not forgotten by it.
fn is_day(spent: &Spending, day: i32) -> bool {
    spent.day == day || spent.day == day.saturating_add(1)
}

fn amounts(usage: &Usage) -> Amounts {
    Amounts {
        tokens: usage.tokens_in.saturating_add(usage.tokens_out),
        cost_usd: usage.cost_usd.max(0.0),
        tool_calls: usage.tool_calls.into(),
        seconds: usage.seconds.max(0.0),
    }
}

fn in_life(spent: &Spending) -> Amounts {
    Amounts {
        tokens: spent.tokens,
        cost_usd: spent.cost_usd,
        tool_calls: spent.tool_calls.unwrap_or(0),
        seconds: spent.seconds.unwrap_or(0.0),
    }
}

/// What was used on the day that `now` is of.
fn on_day(job: &Job, now: Instant) -> (u32, Amounts) {
    let spent = &job.state.spent;
    if is_day(spent, local_day(now, plan::zone(&job.spec))) {
        (spent.runs_today, spent.today.unwrap_or(NO_AMOUNTS))
    } else {
        (0, NO_AMOUNTS)
    }
}

/// What a budget allows over a job's life.
fn life(budget: &Budget) -> Allowance {
    Allowance {
        max_tokens: budget.max_tokens,
        max_cost_usd: budget.max_cost_usd,
        max_tool_calls: budget.max_tool_calls,
        max_seconds: budget.max_seconds,
    }
}

/// Which of the amounts are used up, in a sentence.
fn used_up(used: Amounts, allowed: Allowance, of: &str) -> Option<String> {
    if allowed.max_tokens.is_some_and(|max| used.tokens >= max) {
        return Some(format!("Its token budget{of} is spent: {} used.", used.tokens));
    }
    if allowed.max_cost_usd.is_some_and(|max| used.cost_usd >= max) {
        let cost = used.cost_usd;
        return Some(format!(
            "Its cost budget{of} is spent: {cost:.2} US dollars used."
        ));
    }
    if allowed
        .max_tool_calls
        .is_some_and(|max| used.tool_calls >= max.into())
    {
        return Some(format!(
            "Its budget of tool calls{of} is spent: {} made.",
            used.tool_calls
        ));
    }
    if allowed.max_seconds.is_some_and(|max| used.seconds >= max.into()) {
        return Some(format!(
            "Its budget of time{of} is spent: {:.0} seconds used.",
            used.seconds
        ));
    }
    None
}

/// Why the job may spend no more: asked before every attempt of a run.
pub fn spent_out(job: &Job, now: Instant) -> Option<SpentOut> {
    let budget = job.spec.budget.as_ref()?;
    if let Some(text) = used_up(in_life(&job.state.spent), life(budget), "") {
        return Some((text, None));
    }
    let (_, today) = on_day(job, now);
    let text = used_up(today, budget.per_day?, " of the day")?;
    Some((format!("{text} It goes on tomorrow."), Some(tomorrow(job, now))))
}

/// Why the job may not start another run.
pub fn over_budget(job: &Job, now: Instant) -> Option<SpentOut> {
    let budget = job.spec.budget.as_ref()?;
    let runs = job.state.run_count;
    if budget.max_runs.is_some_and(|max| runs >= max) {
        return Some((format!("Its budget of {runs} runs is spent."), None));
    }
    if let Some(spent) = spent_out(job, now) {
        return Some(spent);
    }
    let (runs, _) = on_day(job, now);
    if budget.max_runs_per_day.is_some_and(|max| runs >= max) {
        let text = format!("Its budget of {runs} runs a day is spent; it goes on tomorrow.");
        return Some((text, Some(tomorrow(job, now))));
    }
    None
}

/// Why this run may spend no more.
pub fn run_spent(job: &Job, run: &Run) -> Option<String> {
    let allowed = job.spec.budget.as_ref()?.per_run?;
    used_up(amounts(&run.usage), allowed, " for one run")
}

/// What the next attempt of a run may use: the least of what is left for the run, the day and the job.
pub fn left(job: &Job, run: &Run, now: Instant) -> Option<BudgetLeft> {
    let budget = job.spec.budget.as_ref()?;
    let (_, today) = on_day(job, now);
    let levels = [
        (Some(life(budget)), in_life(&job.state.spent)),
        (budget.per_day, today),
        (budget.per_run, amounts(&run.usage)),
    ];
    let levels = || {
        levels
            .iter()
            .filter_map(|(allowed, used)| Some((allowed.as_ref()?, used)))
    };
    let whole = |left: fn(&Allowance, &Amounts) -> Option<u64>| {
        levels().filter_map(|(allowed, used)| left(allowed, used)).min()
    };
    let part = |left: fn(&Allowance, &Amounts) -> Option<f64>| {
        levels()
            .filter_map(|(allowed, used)| Some(left(allowed, used)?.max(0.0)))
            .min_by(f64::total_cmp)
    };
    Some(BudgetLeft {
        runs: budget.max_runs.map(|max| max.saturating_sub(job.state.run_count)),
        tokens: whole(|allowed, used| Some(allowed.max_tokens?.saturating_sub(used.tokens))),
        cost_usd: part(|allowed, used| Some(allowed.max_cost_usd? - used.cost_usd)),
        tool_calls: whole(|allowed, used| {
            Some(u64::from(allowed.max_tool_calls?).saturating_sub(used.tool_calls))
        }),
        seconds: part(|allowed, used| Some(f64::from(allowed.max_seconds?) - used.seconds)),
    })
}

/// The first instant of tomorrow in the job's zone: local days are 23 to 25 hours long, so look for the change of
/// date within the hours around the next local midnight.
fn tomorrow(job: &Job, now: Instant) -> Instant {
    const DAY_MS: i64 = 86_400_000;
    let zone = plan::zone(&job.spec);
    let today = local_day(now, zone);
    let (mut low, mut high) = (now, now + 2 * DAY_MS);
    while high - low > 1_000 {
        let middle = low + (high - low) / 2;
        if local_day(middle, zone) > today {
            high = middle
        } else {
            low = middle
        }
    }
    high
}
