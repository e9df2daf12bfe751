//! What must hold when all is over, whatever happened: nothing acknowledged is lost, no slot was run twice
//! to its end, each end was told once.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use serde_json::{Value, json};

use super::ledger::{Attempt, Ledger};
use super::load::REPEATING;
use crate::served::Client;

const LOOK: Duration = Duration::from_millis(50);
const DRAIN: Duration = Duration::from_secs(180);

/// What was found.
pub struct Found {
    pub jobs: usize,
    pub runs: BTreeMap<String, Value>,
    /// Attempts by the agent's notes, each with the one that took over from it.
    pub taken_over: Vec<(Attempt, Attempt)>,
}

/// The rows of all pages.
async fn pages(client: &Client, first: &str, rows: &str) -> Vec<Value> {
    let mut all = Vec::new();
    let mut path = first.to_owned();
    loop {
        let page = client.get(&path).await;
        all.extend(page[rows].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{first}&cursor={cursor}"),
            None => return all,
        }
    }
}

/// Waits until no job is live.
async fn drained(client: &Client) {
    let look = async {
        loop {
            let mut live = 0;
            for status in ["PENDING", "ACTIVE", "IN_PROGRESS", "BLOCKED"] {
                let page = client.get(&format!("/api/jobs?status={status}&limit=1")).await;
                live += page["total"].as_u64().unwrap();
            }
            if live == 0 {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    let drained = tokio::time::timeout(DRAIN, look).await;
    assert!(drained.is_ok(), "some jobs never ended");
}

/// Cancels what repeats, waits for the end of all, and checks what must hold.
///
/// # Panics
/// When something does not.
pub async fn prove(client: &Client, jobs: &[String], ledger: &Ledger) -> Found {
    for job in &jobs[..REPEATING] {
        client.post(&format!("/api/jobs/{job}/cancel"), &json!({})).await;
    }
    drained(client).await;

    // No job is lost, none was created twice.
    assert_eq!(jobs.iter().collect::<HashSet<_>>().len(), jobs.len());
    let all = pages(client, "/api/jobs?limit=100", "jobs").await.len();
    // The last creation may have been made without its answer arriving.
    let acknowledged = jobs.len();
    assert!(
        (acknowledged..=acknowledged + 1).contains(&all),
        "{all} jobs, {acknowledged} acknowledged"
    );

    let mut told: HashMap<String, u32> = HashMap::new();
    let mut keys = HashSet::new();
    for message in client.inbox().await {
        assert_eq!(message["kind"], "result", "{message}");
        assert!(keys.insert(message["message_id"].clone()), "{message}");
        *told
            .entry(message["run_id"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    let mut runs = BTreeMap::new();
    for (n, job) in jobs.iter().enumerate() {
        let found = client.get(&format!("/api/jobs/{job}")).await;
        let of_job = pages(client, &format!("/api/jobs/{job}/runs?limit=100"), "runs").await;
        if n < REPEATING {
            assert_eq!(found["job"]["status"], "CANCELLED", "{found}");
            let slots: HashSet<&str> = of_job
                .iter()
                .map(|run| run["scheduled_for"].as_str().unwrap())
                .collect();
            assert_eq!(slots.len(), of_job.len(), "a slot has two runs");
        } else {
            assert_eq!(found["job"]["status"], "COMPLETED", "{found}");
            assert_eq!(of_job.len(), 1, "{of_job:?}");
            assert_eq!(of_job[0]["status"], "succeeded", "{of_job:?}");
        }
        let slot_of = |run: &&Value| run["scheduled_for"].as_str().unwrap().to_owned();
        let newest = of_job.iter().max_by_key(slot_of);
        let newest = newest.map(|run| run["run_id"].as_str().unwrap().to_owned());
        for run in of_job {
            let id = run["run_id"].as_str().unwrap().to_owned();
            let messages = told.get(&id).copied().unwrap_or_default();
            let wanted = u32::from(run["status"] == "succeeded");
            // A run that the cancellation found under way keeps its result, and tells nobody.
            let found_under_way = n < REPEATING && newest.as_deref() == Some(&id);
            assert!(
                messages == wanted || (found_under_way && messages == 0),
                "{messages}: {run}"
            );
            runs.insert(id, run);
        }
    }

    // The agent's notes agree: an attempt began once.
    let mut taken_over = Vec::new();
    for (run, begun) in ledger.attempts() {
        let Some(row) = runs.get(&run) else {
            // Of the one job that may have been created without an answer.
            continue;
        };
        let numbers: Vec<u32> = begun.iter().map(|attempt| attempt.attempt).collect();
        assert!(
            numbers.is_sorted_by(|a, b| a < b),
            "{run} began attempts {numbers:?}"
        );
        assert!(
            u64::from(*numbers.last().unwrap()) <= row["attempt"].as_u64().unwrap(),
            "{row}"
        );
        let pairs = begun.windows(2).map(|pair| (pair[0].clone(), pair[1].clone()));
        taken_over.extend(pairs);
    }
    Found {
        jobs: jobs.len(),
        runs,
        taken_over,
    }
}
