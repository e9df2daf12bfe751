//! Values that come back from a component, and those that it hands to imports: from a component
//! that does what an input says. Whatever it does, its call ends with an answer or with a typed
//! failure, and the next call is as good as ever.

mod guest;
mod image;
mod shape;

use std::sync::{Arc, LazyLock, Mutex};

use meanwhile::clock::ManualClock;
use meanwhile::component::{CallFailure, Component};
use meanwhile::contract;
use meanwhile::engine::Sandbox;
use meanwhile::imports::random::Random;
use meanwhile::imports::{Outlet, TenantContext};
use meanwhile::search::Search;
use meanwhile::service::CallError;
use meanwhile::storage::memory::MemoryStorage;
use meanwhile::storage::{Quota, Storage};
use meanwhile::wit::agent_pipeline::{Outcome, OutcomeStatus, RunRequest, Task};
use meanwhile::wit::conversation::Utterance;
use meanwhile::wit::runner::{FinishedRun, PauseCause};
use meanwhile::wit::schedule::PreviewRequest;
use meanwhile::wit::storage::Write;
use meanwhile::wit::types::{Instant, Usage};
use meanwhile_tests::in_process::caller;
use meanwhile_tests::storage_suite::{TENANT, edge, job, message, run, unit};
use serde_json::json;

use self::guest::{Contract, IMAGE_BYTES};
use crate::bytes::Bytes;
use crate::fuzz;

static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::read);

/// Answers the image in place of random bytes.
struct Fixed(Mutex<(Vec<u8>, usize)>);

impl Random for Fixed {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), getrandom::Error> {
        let (image, at) = &mut *self.0.lock().unwrap();
        bytes.fill(0);
        let end = (*at + bytes.len()).min(image.len());
        let part = &image[(*at).min(end)..end];
        bytes[..part.len()].copy_from_slice(part);
        *at += bytes.len();
        Ok(())
    }
}

/// Takes whatever a component wants started.
struct Nowhere;

impl Outlet for Nowhere {
    fn submit(&self, _requests: Vec<RunRequest>) {}

    fn cancel(&self, _run: &str) {}

    fn can_judge(&self) -> bool {
        true
    }

    fn arm(&self, _at: Instant) {}
}

/// A tenant with a few rows.
async fn tenant(image: Vec<u8>) -> Arc<TenantContext> {
    let storage = MemoryStorage::default();
    let rows = vec![
        Write::InsertJob(job("a", Some(10))),
        Write::InsertJob(job("b", None)),
        Write::InsertRun(run("r1", "a", 10)),
        Write::PutEdge(edge("b", "a")),
        Write::InsertMessage(message("m1", "k1")),
    ];
    let inserted = storage
        .commit(TENANT, Quota::UNLIMITED, vec![unit(vec![], rows)])
        .await;
    assert_eq!(inserted, Ok(vec![Ok(())]));
    let storage: Arc<dyn Storage> = Arc::new(storage);
    Arc::new(TenantContext {
        tenant: TENANT.to_owned(),
        owner: "host".to_owned(),
        storage: Arc::clone(&storage),
        search: Arc::new(Search::new(storage, None)),
        clock: Arc::new(ManualClock::new(1_000)),
        outlet: Arc::new(Nowhere),
        random: Arc::new(Fixed(Mutex::new((image, 0)))),
        allowance: Arc::default(),
    })
}

fn finished() -> FinishedRun {
    FinishedRun {
        run_id: "r1".to_owned(),
        job_id: "a".to_owned(),
        token: 1,
        task: Task::Execute,
        outcome: Outcome {
            status: OutcomeStatus::Ok,
            output: "done".to_owned(),
            report: None,
            error: None,
            retry_after_seconds: None,
            asks_for: None,
            usage: Usage {
                tokens_in: 1,
                tokens_out: 1,
                cost_usd: 0.1,
                tool_calls: 1,
                seconds: 1.0,
            },
            journal: Vec::new(),
        },
    }
}

/// What a function that is called without its types is given.
fn arguments(function: &str) -> serde_json::Value {
    match function {
        "job-create" => json!({"title": "t", "payload": "p"}),
        "job-retrieval-semantic" => json!({"query": "q"}),
        "job-retrieval-by-keywords" => json!({"keywords": ["k"]}),
        "jobs" => json!({}),
        "plan" => json!({"text": "Remind me tomorrow to call Bob"}),
        _ => json!({"job_id": "a"}),
    }
}

/// Calls an export as the host does, up to the JSON that a client would see.
async fn call(
    component: &Component,
    tenant: &Arc<TenantContext>,
    interface: &str,
    function: &str,
) -> Result<(), CallFailure> {
    match (interface, function) {
        ("runner", "poll") => component.poll(tenant, 5).await.result.map(drop),
        ("runner", "settle") => component.settle(tenant, &[finished()]).await.map(drop),
        ("runner", "cured") => component.cured(tenant, PauseCause::Quota, None).await.map(drop),
        ("conversation", "heard") => {
            let utterance = Utterance {
                text: "yes".to_owned(),
                in_reply_to: None,
            };
            component
                .heard(tenant, &caller("agent", "ada"), &utterance)
                .await
                .map(drop)
        }
        ("schedule", "preview") => {
            let request = PreviewRequest {
                text: Some("every day".to_owned()),
                trigger_config: None,
                job_type: None,
                timezone: None,
                count: 3,
                at: None,
            };
            component.preview(tenant, &request).await.map(drop)
        }
        _ => {
            let typed = contract::function(interface, function).unwrap();
            let request = match function {
                "run" => wasmtime::component::Val::String("r1".to_owned()),
                _ => contract::arguments_to_val(&typed, arguments(function)).unwrap(),
            };
            let caller = contract::caller_to_val(&caller("agent", "ada"));
            let given = if interface == "schedule" {
                vec![request]
            } else {
                vec![caller, request]
            };
            let value = component.call_dynamic(tenant, interface, function, given).await?;
            // What a client is shown: whatever the component said.
            let (Ok(answer) | Err(CallError(answer))) = contract::result_to_json(&typed, value);
            assert!(serde_json::to_string(&answer).is_ok());
            Ok(())
        }
    }
}

#[test]
fn values() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let sandbox = Sandbox::new().unwrap();
    let component = Component::load(&sandbox, &CONTRACT.component()).unwrap();
    fuzz("values", 3_000, move |input| {
        let mut bytes = Bytes::new(input);
        let export = &CONTRACT.exports[bytes.below(CONTRACT.exports.len())];
        let image = if bytes.byte() == b'=' {
            // The memory as it is.
            let mut image = bytes.rest().to_vec();
            image.resize(IMAGE_BYTES, 0);
            image
        } else {
            image::image(&CONTRACT, &export.function, bytes)
        };
        let interface = export.interface.split(['/', '@']).nth(1).unwrap();
        let ended = runtime.block_on(async {
            let tenant = tenant(image).await;
            call(&component, &tenant, interface, &export.function.name).await
        });
        match ended {
            Ok(()) | Err(CallFailure::Trap(_) | CallFailure::Memory | CallFailure::Forbidden(_)) => {}
            Err(failure) => panic!("{interface} {}: {failure}", export.function.name),
        }
    });
}
