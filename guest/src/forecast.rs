//! How often a job will run, and what that comes to.

use crate::bindings::tools::Forecast;
use crate::bindings::types::{Instant, Job};
use crate::lifecycle::ended;
use crate::limits::{FORECAST_DAYS, FORECAST_SLOTS};
use crate::plan;

const DAY_MS: Instant = 86_400_000;
const MONTH_MS: Instant = FORECAST_DAYS * DAY_MS;

/// What is to be expected of a repeating job from `now` on; none of one that runs once, or has ended.
pub fn of(job: &Job, now: Instant) -> Option<Forecast> {
    if !plan::repeats(&job.spec) || ended(job.state.status) {
        return None;
    }
    let runs = bounded(job, slots(job, now)?);
    let so_far = job.state.run_count;
    let (tokens, cost) = (job.state.spent.tokens, job.state.spent.cost_usd);
    let measured = so_far > 0 && (tokens > 0 || cost > 0.0);
    let share = f64::from(runs) / f64::from(so_far.max(1));
    let tokens = measured.then_some((tokens as f64 * share).round() as u64);
    let cost = measured.then_some(cost * share);
    let mut message = match runs {
        1 => "About 1 run in the next 30 days".to_owned(),
        _ => format!("About {runs} runs in the next 30 days"),
    };
    if let (Some(tokens), Some(cost)) = (tokens, cost) {
        message.push_str(&format!(
            ", about {tokens} tokens and {cost:.2} US dollars by the average of its {so_far} runs so far"
        ));
    }
    message.push('.');
    Some(Forecast {
        runs_per_month: runs,
        tokens_per_month: tokens,
        cost_usd_per_month: cost,
        message,
    })
}

/// Slots of the next month. Where there are very many, those of its first days say how many.
fn slots(job: &Job, now: Instant) -> Option<u32> {
    let schedule = plan::schedule(&job.id, &job.spec).ok()?;
    if job.spec.trigger.cron.is_none() {
        let counted = schedule.missed_between(now, now + MONTH_MS);
        return Some(counted.map_or(0, |(_, slots)| slots));
    }
    let (mut count, mut last) = (0, now);
    while let Some(slot) = schedule.next_after(last).filter(|slot| slot - now <= MONTH_MS) {
        (count, last) = (count + 1, slot);
        if count == FORECAST_SLOTS {
            let end = schedule
                .end()
                .map_or(now + MONTH_MS, |end| end.min(now + MONTH_MS));
            let whole = f64::from(count) * (end - now) as f64 / (last - now).max(1) as f64;
            return Some(whole.round() as u32);
        }
    }
    Some(count)
}

/// As many as the job's own limits let through.
fn bounded(job: &Job, slots: u32) -> u32 {
    let mut runs = slots;
    if let Some(most) = job.spec.trigger.max_iterations {
        runs = runs.min(most.saturating_sub(job.state.iteration));
    }
    if let Some(budget) = &job.spec.budget {
        if let Some(most) = budget.max_runs {
            runs = runs.min(most.saturating_sub(job.state.run_count));
        }
        if let Some(a_day) = budget.max_runs_per_day {
            runs = runs.min(a_day.saturating_mul(FORECAST_DAYS as u32));
        }
    }
    runs
}
