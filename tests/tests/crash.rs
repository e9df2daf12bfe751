//! `kill -9` at random instants under load: nothing acknowledged is lost, no slot is run twice to
//! its end, and what was interrupted goes on within its lease.
//!
//! `CRASH_SEED` replays a run's choices, `CRASH_KILLS` changes how many there are.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use meanwhile::limits::LEASE;
use meanwhile_tests::served::{Client, Served};
use serde_json::{Value, json};

const KILLS: u32 = 200;
/// A host lives for at most this long after it began to serve.
const LIFE_MS_MAX: u64 = 250;
/// Jobs created in one life of the host.
const JOBS_A_LIFE: usize = 6;
const REPEATING: usize = 3;
const INTERVAL_SECONDS: i64 = 10;
/// More than the kills that can hit one run.
const ATTEMPTS: u32 = 100;
const LOOK: Duration = Duration::from_millis(50);
const DRAIN: Duration = Duration::from_secs(120);

/// Notes each attempt in a file, as a program would that sends an e-mail: what it did stays done
/// when the host dies.
const AGENT: &str = r#"#!/bin/sh
request=$(cat)
field() { printf '%s' "$request" | grep -oE "\"$1\":\"?[^\",}]*" | head -n 1 | sed 's/.*[:"]//'; }
run=$(field idempotency_key) attempt=$(field attempt)
# A host that dies while it writes leaves half a request.
[ -n "$run" ] && [ -n "$attempt" ] || exit 1
echo "$run $attempt $PPID $(date +%s%3N)" >>"$1"
sleep 0.1 # the work
echo done
"#;

/// SplitMix64: the choices of a run, from its seed.
struct Choices(u64);

impl Choices {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

/// The n-th job of the load. Every third waits for the one before it.
fn job(n: usize) -> Value {
    let mut job = json!({
        "title": format!("Work {n}"),
        "payload": "Do it.",
        "job_type": "ONE_OFF",
        "idempotency_key": format!("key {n}"),
        "retry": {"max_attempts": ATTEMPTS},
    });
    if n < REPEATING {
        job["job_type"] = "RECURRING".into();
        job["trigger_config"] = json!({"interval_seconds": INTERVAL_SECONDS});
    } else if n % 3 == 2 && n > REPEATING {
        job["depends_on"] = json!([{"job": format!("key {}", n - 1)}]);
    }
    job
}

/// Creates the jobs that are not acknowledged yet, in order, until the host is gone. A call that
/// got no answer is made again, with the same key, by the next life's client.
async fn load(client: Client, acknowledged: Arc<Mutex<Vec<String>>>, until: usize) {
    loop {
        let n = acknowledged.lock().unwrap().len();
        if n >= until {
            return;
        }
        let Ok(answer) = client.try_tool("job_create", &job(n)).await else {
            return;
        };
        let id = answer["job"]["job_id"].as_str();
        let id = id.unwrap_or_else(|| panic!("job {n}: {answer}")).to_owned();
        acknowledged.lock().unwrap().push(id);
    }
}

/// An attempt by the agent's own notes.
struct Attempt {
    run: String,
    attempt: u32,
    /// The process that began it.
    host: u32,
    at: i64,
}

fn notes(ledger: &Path) -> Vec<Attempt> {
    let read = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        Attempt {
            run: words[0].to_owned(),
            attempt: words[1].parse().unwrap(),
            host: words[2].parse().unwrap(),
            at: words[3].parse().unwrap(),
        }
    };
    std::fs::read_to_string(ledger)
        .unwrap()
        .lines()
        .map(read)
        .collect()
}

async fn all_runs(client: &Client, job: &str) -> Vec<Value> {
    let mut runs = Vec::new();
    let mut path = format!("/api/jobs/{job}/runs?limit=100");
    loop {
        let page = client.get(&path).await;
        runs.extend(page["runs"].as_array().unwrap().iter().cloned());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("/api/jobs/{job}/runs?limit=100&cursor={cursor}"),
            None => return runs,
        }
    }
}

/// Waits until no job but the repeating ones is live.
async fn drained(client: &Client) {
    let look = async {
        loop {
            let mut live = 0;
            for status in ["PENDING", "ACTIVE", "IN_PROGRESS"] {
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

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_runs_twice() {
    let seed = setting("CRASH_SEED", now_ms().unsigned_abs());
    let kills = setting("CRASH_KILLS", u64::from(KILLS));
    println!("CRASH_SEED={seed}");
    let mut choices = Choices(seed);
    let folder = tempfile::tempdir().unwrap();
    let agent = folder.path().join("agent");
    std::fs::write(&agent, AGENT).unwrap();
    std::fs::set_permissions(&agent, PermissionsExt::from_mode(0o755)).unwrap();
    let ledger = folder.path().join("ledger");
    std::fs::write(&ledger, "").unwrap();
    let agent = format!("command:{} {}", agent.display(), ledger.display());
    let store = format!("sqlite:{}", folder.path().join("meanwhile.db").display());
    let start = || Served::start(&["--store", &store, "--agent", &agent, "--parallel-runs", "8"]);

    let acknowledged = Arc::new(Mutex::new(Vec::new()));
    let mut killed_at = Vec::new();
    for life in 1..=kills {
        let mut served = start();
        let until = usize::try_from(life).unwrap() * JOBS_A_LIFE;
        let creating = tokio::spawn(load(served.client.clone(), Arc::clone(&acknowledged), until));
        tokio::time::sleep(Duration::from_millis(choices.next(LIFE_MS_MAX))).await;
        served.kill();
        killed_at.push(now_ms());
        creating.await.unwrap();
    }

    let served = start();
    let client = &served.client;
    let jobs = acknowledged.lock().unwrap().clone();
    for job in &jobs[..REPEATING] {
        client.post(&format!("/api/jobs/{job}/cancel"), &json!({})).await;
    }
    drained(client).await;

    // No job is lost, none was created twice.
    assert_eq!(jobs.iter().collect::<HashSet<_>>().len(), jobs.len());
    let all = client.get("/api/jobs?limit=1").await["total"].as_u64().unwrap();
    // The last creation may have been made without its answer arriving.
    assert!(
        (0..=1).contains(&(all - jobs.len() as u64)),
        "{all} jobs, {} acknowledged",
        jobs.len()
    );

    let mut told: HashMap<String, u32> = HashMap::new();
    for message in client.inbox().await {
        assert_eq!(message["kind"], "result", "{message}");
        *told
            .entry(message["run_id"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    let mut runs = BTreeMap::new();
    for (n, job) in jobs.iter().enumerate() {
        let found = client.get(&format!("/api/jobs/{job}")).await;
        let of_job = all_runs(client, job).await;
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
        for run in of_job {
            let id = run["run_id"].as_str().unwrap().to_owned();
            let messages = told.get(&id).copied().unwrap_or_default();
            let wanted = u32::from(run["status"] == "succeeded");
            assert_eq!(messages, wanted, "{run}");
            runs.insert(id, run);
        }
    }

    // The agent's notes agree: an attempt began once, and a host never began its own run again; what
    // was taken over went on within the lease, counted from the death before it.
    let begun = notes(&ledger);
    let mut attempts: BTreeMap<&str, Vec<&Attempt>> = BTreeMap::new();
    for attempt in &begun {
        attempts.entry(&attempt.run).or_default().push(attempt);
    }
    let mut taken_over = 0;
    for (run, begun) in attempts {
        let Some(row) = runs.get(run) else {
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
        for pair in begun.windows(2) {
            taken_over += 1;
            assert_ne!(
                pair[0].host, pair[1].host,
                "{run} was begun again by a host that lives"
            );
            let lease = i64::try_from(LEASE.as_millis()).unwrap();
            let last = killed_at.iter().rev().find(|at| **at <= pair[1].at).unwrap();
            assert!(pair[1].at - last <= lease, "{run} waited longer than its lease");
        }
    }
    println!(
        "{} jobs, {} runs, {taken_over} attempts taken over after {kills} kills",
        jobs.len(),
        runs.len()
    );
    assert!(
        kills < 50 || taken_over > 0,
        "no kill hit a run: this proves nothing"
    );
}
