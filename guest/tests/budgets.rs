//! What jobs may use: over their life, in a day, in one run.
#![allow(clippy::unwrap_used, unreachable_pub, dead_code)]

mod model;

use meanwhile_guest::bindings::agent_pipeline::Outcome;
use meanwhile_guest::bindings::tools::{JobCreateRequest, JobUpdateRequest};
use meanwhile_guest::bindings::types::{
    Allowance, Budget, ErrorClass, JobStatus, MessageKind, RunStatus, Usage,
};
use meanwhile_guest::spending::UNLIMITED;
use meanwhile_guest::{create, update};
use model::jobs::{DAY, HOUR, change, every, made, once};
use model::{Model, caller, failed, ok};

const ANYTHING: Allowance = Allowance {
    max_tokens: None,
    max_cost_usd: None,
    max_tool_calls: None,
    max_seconds: None,
};

fn limited(budget: Budget, request: JobCreateRequest) -> JobCreateRequest {
    JobCreateRequest {
        budget: Some(budget),
        ..request
    }
}

fn used(tokens: u64, cost_usd: f64, tool_calls: u32, seconds: f64, outcome: Outcome) -> Outcome {
    let usage = Usage {
        tokens_in: tokens,
        tokens_out: 0,
        cost_usd,
        tool_calls,
        seconds,
    };
    Outcome { usage, ..outcome }
}

/// Every amount ends the job's work when it is used up, and says which.
#[test]
fn each_amount_bounds_a_life() {
    for (budget, word) in [
        (
            Budget {
                max_tokens: Some(20),
                ..UNLIMITED
            },
            "token budget is spent: 20 used",
        ),
        (
            Budget {
                max_cost_usd: Some(0.5),
                ..UNLIMITED
            },
            "cost budget is spent: 0.50",
        ),
        (
            Budget {
                max_tool_calls: Some(4),
                ..UNLIMITED
            },
            "tool calls is spent: 4 made",
        ),
        (
            Budget {
                max_seconds: Some(60),
                ..UNLIMITED
            },
            "time is spent: 60 seconds",
        ),
    ] {
        let world = Model::new();
        let job = made(&world, &limited(budget, every("Watch", HOUR)));
        let runs = world.live(DAY, |_| used(10, 0.25, 2, 30.0, ok("x")));
        assert_eq!(runs.len(), 2, "{word}");
        let reason = world.job(&job).state.status_reason.unwrap();
        assert_eq!(
            (world.status(&job), reason.code.as_str()),
            (JobStatus::Blocked, "budget_spent")
        );
        assert!(reason.message.contains(word), "{}", reason.message);
    }
}

#[test]
fn a_days_budget_goes_on_the_next_day_of_the_jobs_zone() {
    let world = Model::new();
    let per_day = Some(Allowance {
        max_cost_usd: Some(0.5),
        ..ANYTHING
    });
    let job = made(
        &world,
        &limited(Budget { per_day, ..UNLIMITED }, every("Watch", HOUR)),
    );
    let spend = |_: &_| used(10, 0.25, 0, 1.0, ok("x"));
    // It is 10:00: until midnight in Berlin two runs, and the job says that it goes on.
    assert_eq!(world.live(13 * HOUR + 1_800, spend).len(), 2);
    let reason = world.job(&job).state.status_reason.unwrap();
    assert!(reason.message.contains("tomorrow"), "{}", reason.message);
    assert_eq!(world.live(DAY, spend).len(), 2);
    assert_eq!(world.job(&job).state.spent.today.unwrap().cost_usd, 0.5);
    assert!((world.job(&job).state.spent.cost_usd - 1.0).abs() < 1e-9);
}

#[test]
fn a_run_is_told_the_least_of_what_is_left() {
    let world = Model::new();
    let budget = Budget {
        max_runs: Some(10),
        max_tokens: Some(100),
        max_cost_usd: Some(1.0),
        max_tool_calls: Some(5),
        per_run: Some(Allowance {
            max_tokens: Some(60),
            max_tool_calls: Some(9),
            ..ANYTHING
        }),
        per_day: Some(Allowance {
            max_cost_usd: Some(0.75),
            max_seconds: Some(600),
            ..ANYTHING
        }),
        ..UNLIMITED
    };
    made(&world, &limited(budget, every("Watch", HOUR)));
    let runs = world.live(2 * HOUR, |_| used(50, 0.25, 1, 100.0, ok("x")));
    let left = runs[0].budget_left.unwrap();
    assert_eq!(
        (left.runs, left.tokens, left.tool_calls),
        (Some(9), Some(60), Some(5))
    );
    assert_eq!((left.cost_usd, left.seconds), (Some(0.75), Some(600.0)));
    let left = runs[1].budget_left.unwrap();
    assert_eq!((left.tokens, left.tool_calls), (Some(50), Some(4)));
    assert_eq!((left.cost_usd, left.seconds), (Some(0.5), Some(500.0)));
    // An attempt ends when its time is used up, not its timeout alone.
    assert_eq!(runs[1].deadline - runs[0].deadline, 3_600_000 - 100_000);
}

#[test]
fn what_one_run_may_use_fails_that_run_and_no_other() {
    let world = Model::new();
    let per_run = Some(Allowance {
        max_tokens: Some(10),
        ..ANYTHING
    });
    let job = made(
        &world,
        &limited(Budget { per_run, ..UNLIMITED }, every("Watch", HOUR)),
    );
    let runs = world.live(3 * HOUR, |_| {
        used(10, 0.0, 0, 1.0, failed(ErrorClass::Transient, "cut off"))
    });
    assert_eq!(runs.len(), 3, "no second attempt of any");
    assert!(runs.iter().all(|run| run.attempt == 1));
    let rows = world.runs(&job);
    assert!(rows.iter().all(|run| run.status == RunStatus::Failed));
    let told = world.messages(&job);
    assert!(
        told[0]
            .text
            .contains("token budget for one run is spent: 10 used"),
        "{}",
        told[0].text
    );
    assert_eq!(world.status(&job), JobStatus::Active);
}

/// An agent that stops in the middle because the job has nothing left says `quota`: that is the job's budget, and no
/// limit that somebody else could mend.
#[test]
fn a_run_that_uses_up_the_jobs_budget_waits_for_more() {
    let world = Model::new();
    let budget = Budget {
        max_tokens: Some(10),
        ..UNLIMITED
    };
    let job = made(&world, &limited(budget, once("Research")));
    let stopped = |_: &_| used(12, 0.0, 0, 1.0, failed(ErrorClass::Quota, "used up"));
    assert_eq!(world.live(HOUR, stopped).len(), 1);
    assert_eq!(world.status(&job), JobStatus::Blocked);
    assert_eq!(world.messages(&job).len(), 1);
    let more = JobUpdateRequest {
        budget: Some(None),
        status: Some(JobStatus::Active),
        ..change(&job)
    };
    update::update(&world, &caller(), &more).unwrap();
    let runs = world.live(0, |_| ok("done"));
    assert_eq!((runs.len(), runs[0].attempt), (1, 2));
    assert_eq!(world.status(&job), JobStatus::Completed);
}

#[test]
fn a_limit_that_says_when_it_ends_lets_the_job_go_on_by_itself() {
    let world = Model::new();
    let job = made(&world, &once("Research"));
    let limited = |run: &meanwhile_guest::bindings::agent_pipeline::RunRequest| match run.attempt {
        1 => Outcome {
            retry_after_seconds: Some(7_200),
            ..failed(ErrorClass::Quota, "the day's tokens are used up")
        },
        _ => ok("done"),
    };
    assert_eq!(world.live(7_199, limited).len(), 1);
    assert_eq!(world.status(&job), JobStatus::Paused);
    let told = world.messages(&job);
    assert_eq!((told.len(), told[0].kind), (1, MessageKind::Incident));
    assert!(
        told[0].text.contains("It goes on at 2026-06-01T12:00:00+02:00"),
        "{}",
        told[0].text
    );
    assert_eq!(world.live(HOUR, limited).len(), 1);
    assert_eq!(world.status(&job), JobStatus::Completed);
}

#[test]
fn a_budget_of_nothing_is_refused_by_its_field() {
    let world = Model::new();
    for (budget, field) in [
        (
            Budget {
                max_tokens: Some(0),
                ..UNLIMITED
            },
            "budget.max_tokens",
        ),
        (
            Budget {
                per_day: Some(Allowance {
                    max_cost_usd: Some(f64::NAN),
                    ..ANYTHING
                }),
                ..UNLIMITED
            },
            "budget.per_day.max_cost_usd",
        ),
        (
            Budget {
                per_run: Some(Allowance {
                    max_tool_calls: Some(0),
                    ..ANYTHING
                }),
                ..UNLIMITED
            },
            "budget.per_run.max_tool_calls",
        ),
        (
            Budget {
                max_seconds: Some(0),
                ..UNLIMITED
            },
            "budget.max_seconds",
        ),
    ] {
        let refused = create::create(&world, &caller(), &limited(budget, once("Nothing"))).unwrap_err();
        assert_eq!(refused.field.as_deref(), Some(field));
    }
}

/// Hosts' clocks differ: one that still has yesterday does not undo what was counted today.
#[test]
fn a_clock_that_is_behind_forgets_nothing_of_the_day() {
    let world = Model::new();
    let budget = Budget {
        max_runs_per_day: Some(2),
        ..UNLIMITED
    };
    let job = made(&world, &limited(budget, every("Watch", HOUR)));
    // Midnight in Berlin, and a few seconds.
    world.pass(14 * HOUR + 5);
    let run = world.poll().remove(0);
    world.pass(-10);
    world.settle(&run, used(1, 0.0, 0, 1.0, ok("x")));
    world.pass(10);
    assert_eq!(world.job(&job).state.spent.runs_today, 1);
    assert_eq!(world.live(23 * HOUR, |_| used(1, 0.0, 0, 1.0, ok("x"))).len(), 1);
}
