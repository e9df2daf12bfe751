//! Whether a goal is met, judged by a model: with evidence that is there, and not otherwise.

use meanwhile_tests::provider::{Reply, Wire};
use serde_json::json;

use crate::world::{HOUR, SECOND, WIRES, World};

async fn judged(wire: Wire, judgement: Reply) -> (World, String) {
    let world = World::with(wire, |setting| setting.judge = Some("judge-model".into())).await;
    world.provider.model(move |asked| match asked.model() {
        "judge-model" => judgement.clone(),
        _ => Reply::text("The bank says: invoice 17 was paid on Monday."),
    });
    let job = world
        .create(json!({
            "title": "Watch invoice 17", "payload": "Ask the bank whether invoice 17 was paid.", "job_type": "ONGOING",
            "trigger_config": {"interval_seconds": 3600, "end_condition": "invoice 17 is paid", "max_iterations": 10},
        }))
        .await;
    world.pass(HOUR).await;
    world.pass(SECOND).await;
    (world, job)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_goal_is_met_when_the_evidence_is_in_the_output() {
    for wire in WIRES {
        let evidence =
            json!({"met": true, "evidence": "invoice 17 was paid on Monday", "reason": "The bank says so."});
        let (world, job) = judged(wire, Reply::call("judgement", evidence)).await;
        let found = world.found(&job).await;
        assert_eq!(found["job"]["status"], "COMPLETED", "{found:#}");
        assert_eq!(found["job"]["status_reason"]["code"], "goal_met");
        let asked = world.provider.asked();
        let judge = asked.iter().find(|asked| asked.model() == "judge-model").unwrap();
        assert_eq!(judge.tools(), ["judgement"]);
        assert!(
            judge.last_user().contains("Goal: invoice 17 is paid"),
            "{}",
            judge.last_user()
        );
        world.host.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_unclear_or_made_up_changes_nothing() {
    let made_up = json!({"met": true, "evidence": "invoice 17 was paid on Tuesday", "reason": "Surely."});
    for judgement in [
        Reply::call("judgement", made_up),
        Reply::call(
            "judgement",
            json!({"met": true, "evidence": "", "reason": "Surely."}),
        ),
        Reply::call("judgement", json!({"met": "perhaps", "evidence": "invoice 17"})),
        Reply::text("I think that it is met."),
        Reply::status(400),
    ] {
        let (world, job) = judged(Wire::Chat, judgement.clone()).await;
        let found = world.found(&job).await;
        assert_eq!(found["job"]["status"], "ACTIVE", "{judgement:?}: {found:#}");
        world.host.shutdown().await;
    }
}
