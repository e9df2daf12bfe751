//! Several hosts on one Postgres under load, of which one is killed again and again; and a Postgres that is
//! restarted again and again. Afterwards it is proved that nothing was lost and nothing was done twice.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use meanwhile::clock::{Clock as _, SystemClock};
use meanwhile::limits::LEASE;
use meanwhile_tests::cluster::{Cluster, ROLE, SUPERUSER};
use meanwhile_tests::fleet::Fleet;
use meanwhile_tests::fleet::proof::Found;
use tokio::time::sleep_until;

use crate::figures::{Samples, heading, print};

const HOSTS: usize = 4;
const KILL_EVERY: Duration = Duration::from_secs(5);
/// Unless a number among the arguments says otherwise.
const KILLING: Duration = Duration::from_secs(300);
/// So long after a death its trouble may reach jobs of other hosts: the new host starts.
const AFTER_DEATH_MS: i64 = 1_000;
const RESTARTS: usize = 10;
/// Between one job and the next.
const PAUSE: Duration = Duration::from_millis(40);
/// What a run takes.
const WORK: Duration = Duration::from_millis(100);
/// Jobs that are created between two restarts of Postgres.
const JOBS: usize = 40;
const SOON: Duration = Duration::from_secs(60);

/// How late the agent began, by its own notes: after the death of the host that had the run; after it was due for
/// all others; and of these those that were due shortly after a death; in milliseconds. `deaths`: when a process was
/// killed.
async fn lateness(
    cluster: &Cluster,
    database: &str,
    fleet: &Fleet,
    found: &Found,
    deaths: &HashMap<u32, i64>,
) -> [Samples; 3] {
    let attempts = fleet.ledger.attempts();
    let client = cluster.connect(SUPERUSER, database).await;
    // Answers over HTTP have whole seconds. A host may also die between its claim and its word to the agent:
    // storage counts the claims of a job, for those that run once.
    let sql = "SELECT runs.id, slot, CASE job_type WHEN 'ONE_OFF' THEN lease_token ELSE 0 END \
         FROM runs JOIN agenda AS jobs ON jobs.tenant = runs.tenant AND jobs.id = runs.job";
    let rows = client.query(sql, &[]).await.unwrap();
    let slots: HashMap<String, (i64, i64)> = rows
        .iter()
        .map(|row| (row.get(0), (row.get(1), row.get(2))))
        .collect();
    let mut late = [Samples::default(), Samples::default(), Samples::default()];
    let shortly = |due: i64| {
        deaths
            .values()
            .any(|at| (0..AFTER_DEATH_MS).contains(&(due - at)))
    };
    for run in found.runs.keys() {
        let Some(begun) = attempts.get(run) else {
            continue;
        };
        let (slot, claims) = slots[run];
        // How long each beginning was waited for, and how many hosts died meanwhile.
        let mut waits = vec![((begun[0].at - slot) as f64, begun[0].attempt - 1)];
        for pair in begun.windows(2) {
            let wait = (pair[1].at - deaths[&pair[0].host]) as f64;
            waits.push((wait, pair[1].attempt - pair[0].attempt));
        }
        let last = begun.last().map_or(0, |attempt| i64::from(attempt.attempt));
        let longest = waits.iter_mut().max_by(|one, other| one.0.total_cmp(&other.0));
        // What waits for another job was claimed before that ended, too.
        if let Some((wait, died)) = longest
            && deaths
                .values()
                .any(|at| (0..=*wait as i64).contains(&(at - slot)))
        {
            *died += u32::try_from(claims - last).unwrap_or(0);
        }
        // Each death has a part of the wait.
        for (wait, died) in waits {
            late[usize::from(died == 0)].push(wait / f64::from(died.max(1)));
            if died == 0 && shortly(slot) {
                late[2].push(wait);
            }
        }
    }
    late
}

fn figure(sample: &mut Samples) -> String {
    let [p50, p99, max] = [0.5, 0.99, 1.0].map(|part| sample.quantile(part));
    format!("{p50:.0} / {p99:.0} / {max:.0} ms of {}", sample.len())
}

/// Hosts on a new database, and its name.
async fn fleet(cluster: &Cluster) -> (Fleet, String) {
    let database = cluster.database().await;
    let url = cluster.url(ROLE, &database);
    let mut fleet = Fleet::new(WORK);
    for _ in 0..HOSTS {
        fleet.add(&url, &[]);
    }
    (fleet, database)
}

pub(crate) async fn measure(seconds: Option<usize>) {
    heading("failover");
    let killing = seconds.map_or(KILLING, |seconds| Duration::from_secs(seconds as u64));
    let cluster = Cluster::durable();
    let (mut fleet, database) = fleet(&cluster).await;
    let load = fleet.load(PAUSE);
    let began = tokio::time::Instant::now();
    let mut starts = Samples::default();
    let mut deaths = HashMap::new();
    let mut kills = 0;
    while began.elapsed() < killing {
        kills += 1;
        sleep_until(began + KILL_EVERY * kills).await;
        let host = kills as usize % HOSTS;
        deaths.insert(fleet.hosts[host].id(), SystemClock.now());
        fleet.hosts[host].kill();
        let started = Instant::now();
        tokio::task::block_in_place(|| fleet.restart(host));
        starts.push(started.elapsed().as_millis() as f64);
    }
    let jobs = load.stop().await;
    let found = fleet.prove(&jobs).await;
    let [mut affected, mut rest, mut shortly] = lateness(&cluster, &database, &fleet, &found, &deaths).await;
    print(
        &format!(
            "{kills} of {HOSTS} hosts killed under {} jobs: lost / doubled",
            found.jobs
        ),
        "0 / 0",
        "0 / 0",
    );
    print("a host is there again, p50 / p99 / max", &figure(&mut starts), "");
    let bound = format!("p99 {} s", LEASE.as_secs() + 1);
    print(
        "started again after the host died, p50 / p99 / max",
        &figure(&mut affected),
        &bound,
    );
    print(
        "due to started, all others, p50 / p99 / max",
        &figure(&mut rest),
        "p99 50 ms",
    );
    print(
        "of these, due within a second after a death",
        &figure(&mut shortly),
        "",
    );

    let (fleet, _) = self::fleet(&cluster).await;
    let load = fleet.load(PAUSE);
    let mut back = Samples::default();
    for restart in 0..RESTARTS {
        load.more(JOBS, SOON).await;
        tokio::task::block_in_place(|| {
            cluster.down(["immediate", "fast"][restart % 2]);
            cluster.up();
        });
        let waits = futures_util::future::join_all((0..HOSTS).map(|host| fleet.back(host))).await;
        waits.iter().for_each(|wait| back.push(wait.as_millis() as f64));
    }
    print(
        &format!("Postgres restarted {RESTARTS} times: hosts back, p50 / p99 / max"),
        &figure(&mut back),
        "max 2 s",
    );
    load.more(JOBS, SOON).await;
    let jobs = load.stop().await;
    fleet.prove(&jobs).await;
}
