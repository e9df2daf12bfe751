//! Random hostile calls, one after the other and several at a time.

use futures_util::future::join_all;
use serde_json::json;

use super::process::Taken;
use super::yard::{Yard, tight};
use super::{component, names};
use crate::sim::random::Random;

/// Guests that compute for as long as they may: one call in a hundred is one of theirs.
const SLOW: [&str; 6] = [
    "loop-in-export",
    "loop-in-start",
    "loop-over-import",
    "realloc-loops",
    "reads-huge-pages",
    "rewrites-states",
];

/// Guests that make thousands of expensive calls of the host, whatever they may compute.
const LEFT_OUT: [&str; 2] = ["loop-over-reads", "rewrites-texts"];

const AT_ONCE: usize = 8;

/// A host in which every hostile guest that loads is a tenant.
pub struct Soak {
    yard: Yard,
    quick: Vec<String>,
    slow: Vec<String>,
    random: Random,
}

impl Soak {
    /// The same seed, the same calls.
    pub async fn new(seed: u64) -> Self {
        let yard = Yard::new().await;
        let (mut quick, mut slow) = (Vec::new(), Vec::new());
        for name in names() {
            if LEFT_OUT.contains(&name.as_str()) {
                continue;
            }
            // Some are not even loaded.
            let Ok(digest) = yard.upload_bytes(component(&name)).await else {
                continue;
            };
            yard.add_tenant(&name, &tight()).await;
            yard.give(&name, Some(&digest)).await;
            let of = if SLOW.contains(&name.as_str()) {
                &mut slow
            } else {
                &mut quick
            };
            of.push(name);
        }
        yard.add_tenant("good", &json!({})).await;
        yard.create("good", "Water the plants").await;
        Self {
            yard,
            quick,
            slow,
            random: Random::new(seed),
        }
    }

    /// Makes so many hostile calls, and looks now and then whether a good tenant still works.
    /// Answers what the process takes then.
    pub async fn calls(&mut self, calls: usize) -> Taken {
        for round in 0..calls / AT_ONCE {
            let mut tenants = Vec::with_capacity(AT_ONCE);
            for _ in 0..AT_ONCE {
                let of = if self.random.one_in(100) {
                    &self.slow
                } else {
                    &self.quick
                };
                tenants.push(of[self.random.index(of.len())].clone());
            }
            let yard = &self.yard;
            let calls = tenants
                .iter()
                .map(|tenant| yard.call(tenant, "job-pause", json!({ "job_id": "job_1" })));
            for (answer, tenant) in join_all(calls).await.into_iter().zip(&tenants) {
                assert!(answer.is_err(), "{tenant} got an answer");
            }
            if round % 100 == 0 {
                assert_eq!(yard.found("good", "plants").await, ["Water the plants"]);
            }
        }
        Taken::now()
    }

    pub async fn end(self) {
        self.yard.host.shutdown().await;
    }
}
