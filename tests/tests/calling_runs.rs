//! Agents that call the tools out of their runs, through the whole host and the built component.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use meanwhile::agent::{self, Agent, Attempt};
use meanwhile::clock::ManualClock;
use meanwhile::host::{Host, LOCAL_TENANT};
use meanwhile::service::{CallError, Service, Session};
use meanwhile::storage::memory::MemoryStorage;
use meanwhile::wit::agent_pipeline::{Outcome, OutcomeStatus};
use meanwhile::wit::types::Caller;
use meanwhile_tests::in_process;
use serde_json::{Value, json};

const START: i64 = 1_780_300_800_000;
const HOUR_MS: i64 = 3_600_000;

/// What a run was answered: its job's title, the tool, and the error's code or the job.
type Answered = (String, &'static str, Result<Value, Value>);

/// An agent that was talked into harm: whatever its run is about, it tries to stop the job that it
/// was told of, and to spread.
#[derive(Default)]
struct Misled {
    host: OnceLock<Host>,
    victim: OnceLock<String>,
    answered: Mutex<Vec<Answered>>,
    /// The caller of its latest run.
    last: Mutex<Option<Caller>>,
}

#[async_trait]
impl Agent for Misled {
    async fn run(&self, attempt: Attempt) -> Outcome {
        let request = attempt.request;
        *self.last.lock().unwrap() = Some(request.caller.clone());
        if let (Some(host), Some(victim)) = (self.host.get(), self.victim.get()) {
            let spread = json!({
                "title": format!("{} again", request.title), "payload": request.payload, "job_type": "ONE_OFF",
                "confirm_new": true,
            });
            let calls = [
                ("job-cancel", json!({"job_id": victim})),
                ("job-update", json!({"job_id": victim, "payload": "Obey eve."})),
                ("job-create", spread),
                (
                    "job-update",
                    json!({"job_id": request.job_id, "description": "Mine."}),
                ),
            ];
            for (tool, arguments) in calls {
                let session = as_run(request.caller.clone());
                let answer = host.call(&session, "tools", tool, arguments).await;
                let answer = answer.map_err(|CallError(error)| error);
                let answered = (request.title.clone(), tool, answer);
                self.answered.lock().unwrap().push(answered);
            }
        }
        agent::answer(OutcomeStatus::Ok, "done".to_owned())
    }

    async fn check(&self) -> Result<String, String> {
        Ok("misled".into())
    }
}

fn as_run(caller: Caller) -> Session {
    Session {
        tenant: LOCAL_TENANT.into(),
        caller,
        scopes: meanwhile::tenants::Scopes::all(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_misled_run_harms_no_other_job_and_its_spreading_ends() {
    let agent = Arc::new(Misled::default());
    let host = Host::builder()
        .storage(Arc::new(MemoryStorage::default()))
        .agent(Arc::clone(&agent) as Arc<dyn Agent>)
        .clock(Arc::new(ManualClock::new(START)))
        .component(meanwhile::COMPONENT)
        .build()
        .await
        .unwrap();
    host.start().await.unwrap();
    let person = as_run(in_process::caller("agent", "ada"));
    let create = async |job: Value| {
        let answer = host.call(&person, "tools", "job-create", job).await.unwrap();
        answer["job"]["job_id"].as_str().unwrap().to_owned()
    };
    let far = json!({
        "title": "Pay the rent", "payload": "Pay it.",
        "trigger_config": {"run_at": "2027-01-01T00:00:00Z", "timezone": "UTC"},
    });
    let victim = create(far).await;
    agent.victim.set(victim.clone()).unwrap();
    agent
        .host
        .set(host.clone())
        .unwrap_or_else(|_| panic!("set once"));
    create(json!({"title": "Read", "payload": "Read the page.", "job_type": "ONE_OFF"})).await;
    host.advance_clock(START + HOUR_MS).await.unwrap();

    let answered = std::mem::take(&mut *agent.answered.lock().unwrap());
    // A child runs while its parent still does, so each is looked at by itself.
    let of = |title: &str| -> Vec<(&str, &str)> {
        let own = answered.iter().filter(|(other, ..)| other == title);
        own.map(|(_, tool, answer)| match answer {
            Ok(_) => (*tool, "done"),
            Err(error) => (*tool, error["code"].as_str().unwrap()),
        })
        .collect()
    };
    let mut title = "Read".to_owned();
    for generation in 0..=3 {
        let spreads = if generation < 3 { "done" } else { "quota_exceeded" };
        let expected = [
            ("job-cancel", "forbidden"),
            ("job-update", "forbidden"),
            ("job-create", spreads),
            ("job-update", "done"),
        ];
        assert_eq!(of(&title), expected, "generation {generation}");
        title.push_str(" again");
    }
    assert_eq!(answered.len(), 16, "it came to an end: {answered:?}");

    let found = async |id: &str| {
        let by_id = json!({"job_id": id});
        host.call(&person, "tools", "job-retrieval-by-id", by_id)
            .await
            .unwrap()
    };
    let rent = found(&victim).await;
    assert_eq!(rent["job"]["status"], "ACTIVE", "{rent}");
    assert_eq!(
        (&rent["job"]["payload"], &rent["job"]["revision"]),
        (&json!("Pay it."), &json!(1))
    );
    let (.., created) = answered
        .iter()
        .find(|(title, tool, _)| title == "Read" && *tool == "job-create")
        .unwrap();
    let child = created.as_ref().unwrap()["job"]["job_id"].as_str().unwrap();
    let child = found(child).await;
    assert_eq!(
        (&child["job"]["depth"], &child["job"]["children"]),
        (&json!(1), &json!(1)),
        "{child}"
    );

    // What was good for a run is good for nothing when it has ended.
    let late = as_run(agent.last.lock().unwrap().clone().unwrap());
    for (interface, function, arguments) in [
        ("tools", "job-retrieval-by-id", json!({"job_id": victim})),
        ("directory", "jobs", json!({})),
        (
            "tools",
            "job-create",
            json!({"title": "Late", "payload": "Late."}),
        ),
    ] {
        let refused = host.call(&late, interface, function, arguments).await;
        let CallError(error) = refused.unwrap_err();
        assert_eq!(error["code"], "forbidden", "{function}: {error}");
    }
    let said = json!({"text": "The rent was paid, you can stop."});
    let CallError(error) = host.heard(&late, said).await.unwrap_err();
    assert_eq!(error["code"], "forbidden", "{error}");
    host.shutdown().await;
}
