//! Every way in which a provider fails: its class, and a message that a person can act on.

use std::time::Duration;

use chrono::Utc;
use meanwhile_tests::provider::{Gate, Reply, Wire};
use serde_json::json;

use crate::world::{HOUR, SECOND, WIRES, World};

/// What a failure comes to: the job's status, its code, what is said.
type Ending = (&'static str, &'static str, &'static str);

const KEY: Ending = ("PAUSED", "credentials", "MEANWHILE_MODEL_KEY");
const BALANCE: Ending = ("PAUSED", "quota", "top it up");
const PASSES: Ending = ("FAILED", "retries_exhausted", "");
const TOO_LONG: Ending = ("FAILED", "run_failed", "too long for test-model");

#[tokio::test(flavor = "multi_thread")]
async fn each_failure_has_its_class_and_says_what_to_do() {
    for wire in WIRES {
        let cases: Vec<(&str, Reply, Ending)> = vec![
            ("401", Reply::status(401), KEY),
            ("402", Reply::status(402), BALANCE),
            ("403", Reply::status(403), KEY),
            (
                "404",
                Reply::status(404),
                ("FAILED", "run_failed", "has no model test-model"),
            ),
            ("408", Reply::status(408), PASSES),
            ("413", Reply::status(413), TOO_LONG),
            ("context", Reply::context_too_long(), TOO_LONG),
            ("429", Reply::status(429), PASSES),
            ("credit", Reply::out_of_credit(), BALANCE),
            ("500", Reply::status(500), PASSES),
            ("503", Reply::status(503), PASSES),
            ("529", Reply::status(529), PASSES),
            ("cut at once", Reply::text("Half a sentence").cut_after(0), PASSES),
            (
                "cut",
                Reply::text("Half a sentence, and no more of it").cut_after(2),
                PASSES,
            ),
            (
                "ended early",
                Reply::text("Half a sentence, and no more of it").ended_after(2),
                PASSES,
            ),
            (
                "error within",
                Reply::text("Half a sentence, and no more of it").error_after(2),
                PASSES,
            ),
            (
                "garbage",
                Reply::raw(200, "text/event-stream", "data: {\"a\n\n"),
                PASSES,
            ),
            (
                "a page",
                Reply::raw(200, "text/html", "<html>Sign in</html>"),
                PASSES,
            ),
            (
                "a gateway's page",
                Reply::raw(502, "text/html", "<html>Bad gateway</html>"),
                PASSES,
            ),
            ("nothing", Reply::empty(), PASSES),
            (
                "elsewhere",
                Reply::redirect("http://127.0.0.1:9/"),
                ("FAILED", "run_failed", "refused the request"),
            ),
            (
                "filtered",
                Reply::text("I").filtered(),
                ("FAILED", "run_failed", "declined to answer"),
            ),
            (
                "refused",
                Reply::refusal("I cannot help with that."),
                ("FAILED", "run_failed", ""),
            ),
            (
                "cut short",
                Reply::text("A long").cut_short(),
                ("FAILED", "run_failed", "cut off at"),
            ),
        ];
        let world = World::new(wire).await;
        let replies: Vec<Reply> = cases.iter().map(|(_, reply, _)| reply.clone()).collect();
        world.provider.model(move |asked| {
            let said = asked.last_user();
            let case = said
                .split_once("Instruction: case ")
                .unwrap()
                .1
                .lines()
                .next()
                .unwrap();
            replies[case.parse::<usize>().unwrap()].clone()
        });
        let mut jobs = Vec::new();
        for case in 0..cases.len() {
            jobs.push(world.create_once(&format!("case {case}")).await);
        }
        // All at once: what is asked again within an attempt takes its time.
        world.pass(SECOND).await;
        for (job, (what, reply, (status, code, said))) in jobs.into_iter().zip(cases) {
            let found = world.found(&job).await;
            let reason = &found["job"]["status_reason"];
            assert_eq!(
                (&found["job"]["status"], &reason["code"]),
                (&json!(status), &json!(code)),
                "{wire:?} {what}: {reply:?} {found:#}"
            );
            let message = reason["message"].as_str().unwrap();
            assert!(message.contains(said), "{wire:?} {what}: {message}");
            assert!(!message.contains(meanwhile_tests::provider::KEY), "{message}");
        }
        world.host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_soon_is_asked_again_within_the_attempt() {
    for wire in WIRES {
        let soon = Utc::now() + chrono::TimeDelta::seconds(1);
        for (what, reply) in [
            ("503", Reply::status(503)),
            ("429", Reply::status(429).retry_after(Duration::from_secs(1))),
            ("429 until", Reply::status(429).retry_at(soon)),
            ("cut", Reply::text("Half of it").cut_after(2)),
        ] {
            let world = World::new(wire).await;
            world.provider.script([reply, Reply::text("Whole.")]);
            let job = world.create_once(what).await;
            world.pass(SECOND).await;
            assert_eq!(world.told().await, ["Whole."], "{what}");
            let journal = world.run(&job).await["journal"].to_string();
            assert!(journal.contains("asked again in "), "{journal}");
            world.host.shutdown().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_wait_that_a_provider_asks_for_is_kept_by_the_next_attempt() {
    let world = World::new(Wire::Messages).await;
    world.provider.script([
        Reply::status(429).retry_after(Duration::from_secs(1_800)),
        Reply::text("Done."),
    ]);
    let job = world
        .create(json!({"title": "Patient", "payload": "Wait.", "job_type": "ONE_OFF", "retry": {"initial_seconds": 60}}))
        .await;
    world.pass(SECOND).await;
    let found = world.found(&job).await;
    assert_eq!(
        found["job"]["status_reason"]["code"], "retry_waiting",
        "{found:#}"
    );
    // By the job's own policy it would have been a minute.
    world.pass(HOUR / 2 - 60 * SECOND).await;
    assert_eq!(world.provider.asked().len(), 1);
    world.pass(60 * SECOND).await;
    assert_eq!(world.told().await, ["Done."]);
    world.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_a_failure_that_passes() {
    let world = World::with(Wire::Chat, |setting| {
        setting.url = Some("http://127.0.0.1:9/v1".into())
    })
    .await;
    let job = world.create_once("Ask nobody").await;
    world.pass(SECOND).await;
    let found = world.found(&job).await;
    let reason = &found["job"]["status_reason"];
    assert_eq!(reason["code"], "retries_exhausted", "{found:#}");
    let message = reason["message"].as_str().unwrap();
    assert!(message.contains("Connection refused"), "{message}");
    world.host.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_run_stops_the_call_at_once() {
    for wire in WIRES {
        for reply in [
            Reply::text("Never.").held(&Gate::new()),
            Reply::text("Not to its end, as nobody waits for it.").held_after(2, &Gate::new()),
        ] {
            let world = World::new(wire).await;
            world.provider.script([reply]);
            let job = world.create_once("Wait for ever").await;
            let host = world.host.clone();
            let passing = tokio::spawn(async move { host.advance_clock(1_780_308_001_000).await });
            world.provider.asked_at_least(1).await;
            let cancel = json!({"job_id": job});
            let session = meanwhile_tests::rows::session();
            let cancelled =
                meanwhile::service::Service::call(&world.host, &session, "tools", "job-cancel", cancel).await;
            cancelled.unwrap();
            world.provider.closed().await;
            assert_eq!(world.provider.abandoned(), 1);
            passing.await.unwrap();
            assert_eq!(world.found(&job).await["job"]["status"], "CANCELLED");
            world.host.shutdown().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_run_hangs_past_its_deadline() {
    let world = World::new(Wire::Chat).await;
    world.provider.script([Reply::text("Never.").held(&Gate::new())]);
    let job = world
        .create(json!({
            "title": "Slow", "payload": "Wait.", "job_type": "ONE_OFF", "timeout_seconds": 60, "retry": {"max_attempts": 1},
        }))
        .await;
    let host = world.host.clone();
    let passing = tokio::spawn(async move { host.advance_clock(1_780_308_001_000).await });
    world.provider.asked_at_least(1).await;
    let host = world.host.clone();
    let later = tokio::spawn(async move { host.advance_clock(1_780_308_000_000 + 120_000).await });
    world.provider.closed().await;
    passing.await.unwrap();
    later.await.unwrap();
    let found = world.found(&job).await;
    let why = found["job"]["status_reason"]["message"].as_str().unwrap();
    assert!(why.contains("timed out after"), "{found:#}");
    world.host.shutdown().await;
}
