//! How far a run is can be seen while it executes.

use meanwhile::service::Service as _;
use meanwhile_tests::provider::{Gate, Reply};
use meanwhile_tests::rows::session;
use serde_json::{Value, json};

use crate::world::{WIRES, World};

/// The run, once it shows what is looked for.
async fn once(world: &World, job: &str, looks: impl Fn(&Value) -> bool) -> Value {
    loop {
        let found = world.found(job).await;
        if found["runs"][0]["run_id"].is_string() {
            let run = world.run(job).await;
            if looks(&run) {
                return run;
            }
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_does_and_says_is_in_its_row_while_it_executes() {
    for wire in WIRES {
        let world = World::new(wire).await;
        let gate = Gate::new();
        let slow = Reply::text("Two invoices are open, and one of them is late.").held_after(4, &gate);
        world.provider.script([
            Reply::call("job_retrieval_by_keywords", json!({"keywords": ["invoices"]})),
            slow,
        ]);
        let job = world.create_once("Look").await;
        let host = world.host.clone();
        let to = host.now() + 1_000;
        let passing = tokio::spawn(async move { host.advance_clock(to).await });
        let run = once(&world, &job, |run| run["output"].is_string()).await;
        assert_eq!(run["status"], "executing", "{run:#}");
        let said = run["output"].as_str().unwrap();
        assert!(
            "Two invoices are open, and one of them is late.".starts_with(said),
            "{said}"
        );
        let journal = run["journal"].to_string();
        assert!(journal.contains("job_retrieval_by_keywords"), "{journal}");
        gate.open();
        passing.await.unwrap();
        let run = world.run(&job).await;
        assert_eq!(run["output"], "Two invoices are open, and one of them is late.");
        // No line is told twice.
        let lines: Vec<&str> = run["journal"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        assert_eq!(lines.len(), 2, "{lines:?}");
        let inbox = world.host.inbox(&session(), 0, 10).await.unwrap();
        assert_eq!(inbox.len(), 1);
        world.host.shutdown().await;
    }
}
