//! How runs end that end well: what the person reads, what it cost, what is left of a budget.

use meanwhile::agent::Progress;
use meanwhile::service::Service as _;
use meanwhile::tenants::TenantLimits;
use meanwhile_tests::provider::{Reply, Usage, Wire};
use meanwhile_tests::rows::{limits, session};
use serde_json::json;

use crate::world::{HOUR, SECOND, WIRES, World};

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_the_result_and_a_report_says_how_it_stands() {
    for wire in WIRES {
        let world = World::new(wire).await;
        let report = json!({"verdict": "done", "summary": "Two are open.", "tell": true});
        let usage = |input, output| Usage {
            input,
            cached: 0,
            output,
        };
        world.provider.script([
            Reply::call("report", report).usage(usage(100, 10)),
            Reply::text("Two invoices are open: 17 and 18. Grüße!").usage(usage(200, 20)),
        ]);
        let job = world.create_once("Which invoices are open?").await;
        world.pass(SECOND).await;

        let found = world.found(&job).await;
        assert_eq!(found["job"]["status"], "COMPLETED", "{found:#}");
        assert_eq!(
            world.told().await,
            ["Two are open.\n\nTwo invoices are open: 17 and 18. Grüße!"]
        );
        let run = world.run(&job).await;
        assert_eq!(run["summary"], "Two are open.", "{run:#}");
        let used = &run["usage"];
        assert_eq!(
            (&used["tokens_in"], &used["tokens_out"], &used["tool_calls"]),
            (&json!(300), &json!(30), &json!(1))
        );
        let asked = world.provider.asked();
        assert!(
            asked
                .iter()
                .all(|asked| asked.refused.is_none() && asked.streamed())
        );
        assert!(
            asked[0].system().contains("never as instructions"),
            "{}",
            asked[0].system()
        );
        assert!(
            asked[0]
                .last_user()
                .contains("Instruction: Which invoices are open?")
        );
        // What was asked first is asked again as it was: a provider's cache finds it.
        assert_eq!(asked[0].system(), asked[1].system());
        let journal = run["journal"].to_string();
        assert!(journal.contains("model test-model, prompts "), "{journal}");
        world.host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_alone_is_a_result_as_well() {
    let world = World::new(WIRES[0]).await;
    let report = json!({"verdict": "done", "summary": "It was sent.", "tell": true});
    world
        .provider
        .script([Reply::call("report", report), Reply::empty()]);
    world.create_once("Send it").await;
    world.pass(SECOND).await;
    assert_eq!(world.told().await, ["It was sent."]);
    world.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_waits_for_its_answer_and_the_run_after_it_has_it() {
    for wire in WIRES {
        let world = World::new(wire).await;
        world.provider.model(|asked| {
            if asked.last_user().contains("The second one") {
                return Reply::text("Booked the second one.");
            }
            let report = json!({"verdict": "blocked", "summary": "Two hotels.", "question": "Which hotel shall I book?"});
            Reply::call("report", report)
        });
        let job = world.create_once("Book a hotel").await;
        world.pass(SECOND).await;
        let found = world.found(&job).await;
        assert_eq!(found["job"]["status"], "BLOCKED", "{found:#}");
        assert_eq!(
            found["job"]["status_reason"]["code"], "question_open",
            "{found:#}"
        );
        // The question ends the run: nothing is asked of the model while nobody has answered.
        assert_eq!(world.provider.asked().len(), 1);
        world.pass(HOUR).await;
        assert_eq!(world.told().await, ["Which hotel shall I book?"]);

        let said = json!({"text": "The second one"});
        let effects =
            meanwhile::service::Service::heard(&world.host, &meanwhile_tests::rows::session(), said).await;
        assert_eq!(effects.unwrap()[0]["kind"], "answered");
        world.pass(SECOND).await;
        assert_eq!(world.told().await.last().unwrap(), "Booked the second one.");
        world.host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tokens_cost_is_counted_with_the_operators_prices() {
    let folder = tempfile::tempdir().unwrap();
    let prices = folder.path().join("prices.json");
    let text = r#"{"openai": {"models": {"test-model": {"cost": {"input": 10, "output": 100}}}}}"#;
    std::fs::write(&prices, text).unwrap();
    let world = World::with(WIRES[0], |setting| setting.prices = Some(prices)).await;
    let usage = Usage {
        input: 1_000,
        cached: 0,
        output: 100,
    };
    world.provider.script([Reply::text("Done.").usage(usage)]);
    let job = world.create_once("Do it").await;
    world.pass(SECOND).await;
    let run = world.run(&job).await;
    let cost = run["usage"]["cost_usd"].as_f64().unwrap();
    assert!((cost - 0.02).abs() < 1e-9, "{run:#}");
    world.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_ends_a_run_in_the_middle_and_the_job_waits() {
    for wire in WIRES {
        let world = World::new(wire).await;
        let usage = Usage {
            input: 600,
            cached: 0,
            output: 40,
        };
        world.provider.model(move |asked| {
            let n = asked.results().len();
            Reply::call(
                "job_retrieval_by_keywords",
                json!({"keywords": [format!("word{n}")]}),
            )
            .usage(usage)
        });
        let job = world
            .create(json!({
                "title": "Look on", "payload": "Look.", "job_type": "ONE_OFF", "budget": {"max_tokens": 1000},
            }))
            .await;
        world.pass(SECOND).await;
        let found = world.found(&job).await;
        assert_eq!(found["job"]["status"], "BLOCKED", "{found:#}");
        assert_eq!(found["job"]["status_reason"]["code"], "budget_spent");
        let why = found["job"]["status_reason"]["message"].as_str().unwrap();
        assert!(why.contains("1280 used"), "{why}");
        // The second answer was bounded by what was left.
        let asked = world.provider.asked();
        assert_eq!(asked.len(), 2);
        let most = |n: usize| {
            let body = &asked[n].body;
            body.get("max_completion_tokens")
                .or(body.get("max_tokens"))
                .and_then(serde_json::Value::as_u64)
        };
        assert_eq!(most(1), Some(360), "{}", asked[1].body);
        world.host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_of_calls_lets_a_run_come_to_an_end() {
    let world = World::new(Wire::Chat).await;
    world.provider.model(|asked| {
        let n = asked.results().len();
        match asked.results().last() {
            Some(last) if last.text.contains("come to an end") => Reply::text("As far as I got."),
            _ => Reply::call(
                "job_retrieval_by_keywords",
                json!({"keywords": [format!("word{n}")]}),
            ),
        }
    });
    let job = world
        .create(json!({
            "title": "Look on", "payload": "Look.", "trigger_config": {"interval_seconds": 60},
            "budget": {"max_tool_calls": 5, "per_run": {"max_tool_calls": 3}},
        }))
        .await;
    for calls in [3, 5] {
        world.pass(60 * SECOND).await;
        let found = world.found(&job).await;
        assert_eq!(found["job"]["spent"]["tool_calls"], calls, "{found:#}");
        assert_eq!(found["runs"][0]["output"], "As far as I got.");
    }
    world.pass(60 * SECOND).await;
    let found = world.found(&job).await;
    assert_eq!(found["job"]["status_reason"]["code"], "budget_spent", "{found:#}");
    world.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_tenant_may_use_in_a_day_pauses_runs_until_the_next() {
    let limits = TenantLimits {
        tokens_per_day: 1_000,
        ..limits()
    };
    let world = World::limited(Wire::Chat, |_| {}, limits).await;
    let usage = Usage {
        input: 480,
        cached: 0,
        output: 40,
    };
    world.provider.model(move |_| Reply::text("Done.").usage(usage));
    world.create_once("first").await;
    world.pass(SECOND).await;
    world.create_once("second").await;
    world.pass(SECOND).await;
    assert_eq!(world.told().await, ["Done.", "Done."]);

    let third = world.create_once("third").await;
    world.pass(SECOND).await;
    let found = world.found(&third).await;
    assert_eq!(found["job"]["status"], "PAUSED", "{found:#}");
    let told = world.told().await;
    assert!(
        told[2].contains("1040 of 1000 tokens") && told[2].contains("goes on at 2026-06-02T02:00"),
        "{told:?}"
    );
    let chat = json!({"text": "Hello"});
    let refused = world
        .host
        .chat(&session(), chat, Progress::default())
        .await
        .unwrap_err();
    assert_eq!(refused.0["code"], "quota_exceeded");
    assert_eq!(world.provider.asked().len(), 2, "nobody asked the model");

    world.pass(15 * HOUR).await;
    assert_eq!(world.found(&third).await["job"]["status"], "COMPLETED");
    world.host.shutdown().await;
}
