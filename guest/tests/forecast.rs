//! What a repeating job will come to in a month.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

mod model;

use meanwhile_guest::bindings::tools::{ByIdRequest, Forecast};
use meanwhile_guest::bindings::types::{Budget, TriggerConfig};
use meanwhile_guest::create::{EMPTY_TRIGGER, create};
use meanwhile_guest::retrieve::by_id;
use meanwhile_guest::spending::UNLIMITED;
use model::jobs::{HOUR, every, made, once, request};
use model::{Model, caller, ok};

fn cron(text: &str) -> TriggerConfig {
    TriggerConfig {
        cron: Some(text.into()),
        ..EMPTY_TRIGGER
    }
}

fn forecast(world: &Model, title: &str, trigger: TriggerConfig) -> Option<Forecast> {
    create(world, &caller(), &request(title, trigger))
        .unwrap()
        .forecast
}

#[test]
fn a_schedule_says_how_often_it_runs_in_a_month() {
    let world = Model::new();
    // From a Monday on, 30 days.
    for (text, runs) in [
        ("0 9 * * *", 30),
        ("0 9 * * 1-5", 22),
        ("0 9 * * 1", 4),
        ("0 9 1 * *", 1),
        ("0 * * * *", 720),
        ("*/15 * * * *", 2_880),
        ("* * * * *", 43_200),
    ] {
        let found = forecast(&world, text, cron(text)).unwrap();
        let off = found.runs_per_month.abs_diff(runs);
        assert!(off <= runs / 100, "{text}: {}", found.message);
        assert_eq!((found.tokens_per_month, found.cost_usd_per_month), (None, None));
    }
    let hourly = forecast(&world, "hourly", every("hourly", HOUR).trigger_config.unwrap()).unwrap();
    assert_eq!(hourly.message, "About 720 runs in the next 30 days.");
    let ends = TriggerConfig {
        end_at: Some("2026-06-04T12:00:00".into()),
        ..cron("0 9 * * *")
    };
    assert_eq!(forecast(&world, "ends", ends).unwrap().runs_per_month, 3);
    let alone = create(&world, &caller(), &once("once")).unwrap();
    assert!(alone.forecast.is_none());
}

#[test]
fn limits_bound_it_and_what_was_measured_says_what_it_costs() {
    let world = Model::new();
    let mut bounded = every("bounded", HOUR);
    bounded.budget = Some(Budget {
        max_runs: Some(10),
        ..UNLIMITED
    });
    let answer = create(&world, &caller(), &bounded).unwrap();
    assert_eq!(answer.forecast.unwrap().runs_per_month, 10);

    let job = made(&world, &every("measured", HOUR));
    for _ in 0..2 {
        world.live(HOUR, |_| {
            let mut outcome = ok("x");
            outcome.usage.tokens_in = 900;
            outcome.usage.tokens_out = 100;
            outcome.usage.cost_usd = 0.01;
            outcome
        });
    }
    let asked = ByIdRequest {
        job_id: job,
        include_runs: None,
    };
    let found = by_id(&world, &caller(), &asked).unwrap().forecast.unwrap();
    assert_eq!(
        (found.runs_per_month, found.tokens_per_month),
        (720, Some(720_000))
    );
    assert!((found.cost_usd_per_month.unwrap() - 7.2).abs() < 1e-9);
    assert_eq!(
        found.message,
        "About 720 runs in the next 30 days, about 720000 tokens and 7.20 US dollars by the average of its 2 runs so far."
    );
    let done = made(&world, &once("done"));
    let asked = ByIdRequest {
        job_id: done,
        include_runs: None,
    };
    assert!(by_id(&world, &caller(), &asked).unwrap().forecast.is_none());
}
