//! What one tenant leaves in an instance, the next does not find.

use futures_util::future::join_all;
use meanwhile_tests::hostile::{component_of, text, yard};
use serde_json::json;
use yard::{Yard, tight};

/// Calls of each tenant. The pool has 16 slots, and tenants' own components share them.
const CALLS: usize = 150;
const TENANTS: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_one_tenant_is_ever_seen_by_another() {
    let yard = Yard::new().await;
    let guest = text("canary");
    let names: Vec<String> = (0..TENANTS).map(|tenant| format!("tenant-{tenant}")).collect();
    for name in &names {
        yard.add_tenant(name, &tight()).await;
        // A component each: the pool prefers a slot that had the same component before.
        let own = format!("{guest}\n(data (i32.const 0x900) \"{name}\")");
        let digest = yard.upload_bytes(component_of(&own)).await.unwrap();
        yard.give(name, Some(&digest)).await;
    }

    // It would see something, if there were something.
    let seen = yard
        .call(&names[0], "job-cancel", json!({ "job_id": "job_1" }))
        .await;
    assert_eq!(seen, Err(json!({ "code": "conflict", "message": "seen" })));

    let (yard, names) = (&yard, &names);
    let calls = join_all((0..TENANTS).map(|tenant| async move {
        let mut told = Vec::new();
        for _ in 0..CALLS {
            // One at a time, and several: slots are used again at once, and later.
            let both = join_all(
                [tenant, (tenant + 1) % TENANTS]
                    .map(|tenant| yard.call(&names[tenant], "job-pause", json!({ "job_id": "job_1" }))),
            );
            told.extend(both.await);
        }
        told
    }));
    for told in calls.await.concat() {
        assert_eq!(told, Err(json!({ "code": "conflict", "message": "done" })));
    }
    yard.host.shutdown().await;
}
