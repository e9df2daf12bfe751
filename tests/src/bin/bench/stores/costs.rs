//! What one operation takes, through the tools where there is one.

use std::sync::Arc;
use std::time::Instant as Timer;

use meanwhile::agent::noop::Noop;
use meanwhile::clock::{Clock, SystemClock};
use meanwhile::host::{Host, LOCAL_TENANT};
use meanwhile::limits::LEASE;
use meanwhile::service::Service;
use meanwhile::storage::{Quota, Storage};
use meanwhile::wit::storage::{JobToken, Unit, Write};
use meanwhile::wit::types::{Job, JobStatus};
use meanwhile_tests::rows;
use serde_json::{Value, json};

use super::Numbers;
use crate::drain;
use crate::figures::{Samples, print};

const CALLS: usize = 400;
const CLAIMED_AT_ONCE: u32 = 64;
const CLAIMS: usize = 60;
/// Callers that create at the same time, and how many jobs each.
const CALLERS: usize = 32;
const CREATED_BY_EACH: usize = 100;

/// How much more an operation may cost in a large store.
const GROWTH_MAX: f64 = 1.5;

/// Milliseconds of each operation, the median.
pub(crate) struct Costs(Vec<(&'static str, f64)>);

impl Costs {
    /// Lines with the growth since a smaller store.
    pub(crate) fn compared(&self, less: Option<&Self>) -> Vec<(&'static str, String, &'static str)> {
        let lines = self.0.iter().enumerate().map(|(place, (what, cost))| match less {
            None => (*what, format!("{cost:.3} ms"), ""),
            Some(less) => {
                let growth = cost / less.0[place].1;
                let figure = format!("{cost:.3} ms, {growth:.2}×");
                (
                    *what,
                    figure,
                    if growth > GROWTH_MAX {
                        "1.5×, EXCEEDED"
                    } else {
                        "1.5×"
                    },
                )
            }
        });
        lines.collect()
    }

    pub(crate) async fn measure(storage: Arc<dyn Storage>, template: &Job, numbers: &mut Numbers) -> Self {
        let host = Host::builder()
            .storage(Arc::clone(&storage))
            .agent(Arc::new(Noop))
            .limits(rows::limits())
            .component(meanwhile::COMPONENT)
            .build()
            .await
            .unwrap();
        let mut costs = Vec::new();
        let mut created = Vec::new();
        costs.push(("job_create, p50", {
            let mut samples = Samples::default();
            for n in 0..CALLS {
                let (answer, taken) = call(&host, "job-create", a_job("single", n)).await;
                created.push(answer["job"]["job_id"].as_str().unwrap().to_owned());
                samples.push(taken);
            }
            samples.quantile(0.5)
        }));
        let one = |place: usize| created[place % created.len()].clone();
        costs.push(("job_retrieval_by_id, p50", {
            median(&host, "job-retrieval-by-id", |n| json!({"job_id": one(n)})).await
        }));
        costs.push(("job_retrieval_by_keywords, a rare word, p50", {
            median(
                &host,
                "job-retrieval-by-keywords",
                |n| json!({"keywords": [format!("single{n}")]}),
            )
            .await
        }));
        costs.push(("job_retrieval_by_keywords, a word that all have, p50", {
            median(
                &host,
                "job-retrieval-by-keywords",
                |_| json!({"keywords": ["invoices"]}),
            )
            .await
        }));
        costs.push(("job_update, p50", {
            median(
                &host,
                "job-update",
                |n| json!({"job_id": one(n), "description": format!("Changed, {n}.")}),
            )
            .await
        }));
        costs.extend(claim_and_settle(&*storage, template, numbers).await);

        let began = Timer::now();
        let callers = (0..CALLERS).map(|caller| {
            let host = &host;
            async move {
                for n in 0..CREATED_BY_EACH {
                    call(host, "job-create", a_job(&format!("caller{caller}x"), n)).await;
                }
            }
        });
        futures_util::future::join_all(callers).await;
        let rate = (CALLERS * CREATED_BY_EACH) as f64 / began.elapsed().as_secs_f64();
        print(
            &format!("job_create by {CALLERS} callers at once: jobs/s"),
            &format!("{rate:.0}"),
            "",
        );
        host.shutdown().await;
        Self(costs)
    }
}

/// No two alike: else the question would be asked whether the second is meant.
fn a_job(of: &str, n: usize) -> Value {
    json!({
        "title": format!("{of}{n} to{of}{n} for{of}{n}"),
        "payload": "Ask when the delivery will come and note the answer.",
        "trigger_config": {"run_at": "2098-03-04T09:00:00", "timezone": "Europe/Berlin"},
    })
}

/// The answer, and how many milliseconds it took.
async fn call(host: &Host, tool: &str, arguments: Value) -> (Value, f64) {
    let began = Timer::now();
    let answer = host
        .call(&rows::session(), "tools", tool, arguments)
        .await
        .unwrap();
    (answer, began.elapsed().as_secs_f64() * 1e3)
}

async fn median(host: &Host, tool: &str, arguments: impl Fn(usize) -> Value) -> f64 {
    let mut samples = Samples::default();
    for n in 0..CALLS {
        samples.push(call(host, tool, arguments(n)).await.1);
    }
    samples.quantile(0.5)
}

/// Ends a job as its settlement does.
fn run_once(mut job: Job, token: u64) -> Unit {
    job.state.status = JobStatus::Completed;
    job.state.due_at = None;
    let released = JobToken {
        job: job.id.clone(),
        token,
    };
    let ended = drain::update(&job, SystemClock.now());
    drain::unit(
        &job.id,
        token,
        job.revision,
        vec![ended, Write::Release(released)],
    )
}

/// Claims of many due jobs at once and their settlement, a job.
async fn claim_and_settle(
    storage: &dyn Storage,
    template: &Job,
    numbers: &mut Numbers,
) -> Vec<(&'static str, f64)> {
    let now = SystemClock.now();
    let due = numbers.next(CLAIMS * CLAIMED_AT_ONCE as usize);
    rows::fill(storage, template, due, |_| now).await;
    let (mut claims, mut settlements) = (Samples::default(), Samples::default());
    for _ in 0..CLAIMS {
        let began = Timer::now();
        let until = now + LEASE.as_millis() as i64;
        let claimed = storage
            .claim_due(LOCAL_TENANT, "bench", SystemClock.now(), until, CLAIMED_AT_ONCE)
            .await;
        claims.push(began.elapsed().as_secs_f64() * 1e3 / f64::from(CLAIMED_AT_ONCE));
        let units: Vec<Unit> = claimed
            .unwrap()
            .into_iter()
            .map(|claim| run_once(claim.job, claim.token))
            .collect();
        assert_eq!(units.len(), CLAIMED_AT_ONCE as usize);
        let began = Timer::now();
        let results = storage
            .commit(LOCAL_TENANT, Quota::UNLIMITED, units)
            .await
            .unwrap();
        settlements.push(began.elapsed().as_secs_f64() * 1e3 / f64::from(CLAIMED_AT_ONCE));
        assert!(results.iter().all(Result::is_ok), "{results:?}");
    }
    vec![
        ("a claim, of 64 at once, p50", claims.quantile(0.5)),
        ("a settlement, of 64 at once, p50", settlements.quantile(0.5)),
    ]
}
