//! A crowd of tenants in one host, of whom one presses on the others with a hostile guest.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use meanwhile::host::{Host, LOCAL_TENANT};
use meanwhile::service::Service;
use meanwhile::storage::sqlite::SqliteStorage;
use meanwhile::tenants::{NewTenant, TenantChanges, TenantCommand};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::component;
use super::neighbours::{Neighbour, Noting};
use super::yard::session;
use crate::interposed::Interposed;

/// A way to press.
pub struct Press {
    pub what: &'static str,
    /// Who presses: `hostile`, or `parked`, whom storage never answers.
    tenant: &'static str,
    guest: Option<&'static str>,
    /// Calls at the same time.
    callers: usize,
    before: Before,
}

/// What the tenant does before, with a component of good faith.
enum Before {
    /// Creates one job, which is never due.
    OneJob,
    /// Fills pages with the longest payloads.
    LongJobs,
    /// Creates a job that is due in a moment.
    DueJob,
}

/// Every way to press.
pub const PRESSES: &[Press] = &[
    press("loop in an export", "loop-in-export"),
    press("loop over a cheap import", "loop-over-import"),
    press("loop over reads", "loop-over-reads"),
    press("all memory, every page", "touches-memory"),
    press("starts and fails", "unreachable"),
    press("the longest texts, rewritten", "rewrites-texts"),
    press("the largest commits", "rewrites-states"),
    Press {
        before: Before::LongJobs,
        ..press("the largest pages", "reads-huge-pages")
    },
    Press {
        before: Before::DueJob,
        callers: 0,
        ..press("claims and gives back", "claims-without-end")
    },
    Press {
        tenant: "parked",
        ..press("waits in vain", "waits-in-import")
    },
    Press {
        guest: None,
        callers: 64,
        before: Before::LongJobs,
        ..press("a flood of requests", "")
    },
];

const fn press(what: &'static str, guest: &'static str) -> Press {
    Press {
        what,
        tenant: "hostile",
        guest: Some(guest),
        callers: 8,
        before: Before::OneJob,
    }
}

/// Long jobs of a tenant that fills pages: 20 MiB of them.
const LONG_JOBS: usize = 640;

/// A host with some well-behaved tenants.
pub struct Crowd {
    pub host: Host,
    pub neighbours: Vec<Neighbour>,
    folder: tempfile::TempDir,
}

impl Crowd {
    pub async fn new(neighbours: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = Arc::new(SqliteStorage::open(folder.path().join("crowd.db")).unwrap());
        let agent = Arc::new(Noting::new());
        let host = Host::builder()
            .storage(Arc::new(Interposed::parking(Arc::clone(&storage) as _)))
            .registry(storage)
            .agent(Arc::clone(&agent) as _)
            .build()
            .await
            .unwrap();
        host.start().await.unwrap();
        let mut crowd = Self {
            host,
            neighbours: Vec::new(),
            folder,
        };
        for number in 0..neighbours {
            let name = format!("neighbour-{number}");
            crowd.add(&name).await;
            crowd.neighbours.push(Neighbour::new(&crowd.host, &agent, &name));
        }
        for name in ["hostile", "parked"] {
            crowd.add(name).await;
        }
        crowd
    }

    /// Where the rows are.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.path().join("crowd.db")
    }

    async fn operate(&self, command: TenantCommand) -> Value {
        self.host.operate(&session(LOCAL_TENANT), command).await.unwrap()
    }

    async fn add(&self, name: &str) {
        let new = NewTenant {
            name: name.into(),
            limits: serde_json::Map::new(),
            component: None,
        };
        self.operate(TenantCommand::Add(new)).await;
    }

    async fn give(&self, tenant: &str, digest: Option<String>) {
        let changes = TenantChanges {
            component: Some(digest),
            ..TenantChanges::default()
        };
        self.operate(TenantCommand::Change(tenant.into(), changes)).await;
    }

    async fn create(&self, tenant: &str, job: Value) -> String {
        let answer = self.host.call(&session(tenant), "tools", "job-create", job).await;
        let id = answer.unwrap()["job"]["job_id"].take();
        id.as_str().unwrap().to_owned()
    }

    /// Begins to press.
    pub async fn press(&self, press: &Press) -> Pressure {
        let later = json!({
            "title": "Later", "payload": "Do it.", "confirm_new": true,
            "trigger_config": { "run_at": "2099-06-01T09:00:00", "timezone": "Europe/Berlin" },
        });
        let job = self.create(press.tenant, later.clone()).await;
        match press.before {
            Before::OneJob => {}
            Before::LongJobs => {
                let mut long = later;
                long["payload"] = "secret1 words ".repeat(2_300).into();
                for _ in 0..LONG_JOBS {
                    self.create(press.tenant, long.clone()).await;
                }
            }
            Before::DueJob => {
                let due = json!({
                    "title": "Soon", "payload": "Do it.", "confirm_new": true,
                    "trigger_config": { "when": "in 2 seconds", "timezone": "Europe/Berlin" },
                });
                self.create(press.tenant, due).await;
            }
        }
        if let Some(guest) = press.guest {
            let answer = self
                .operate(TenantCommand::UploadComponent(component(guest)))
                .await;
            let digest = answer["digest"].as_str().unwrap().to_owned();
            self.give(press.tenant, Some(digest)).await;
        }
        let stop = CancellationToken::new();
        let calls = Arc::new(AtomicU64::new(0));
        let mut callers = JoinSet::new();
        for _ in 0..press.callers {
            let (host, stop, calls) = (self.host.clone(), stop.clone(), Arc::clone(&calls));
            let (tool, request) = match press.guest {
                Some(_) => ("job-pause", json!({ "job_id": job })),
                None => (
                    "job-retrieval-by-keywords",
                    json!({ "keywords": ["secret1"], "limit": 20 }),
                ),
            };
            let session = session(press.tenant);
            callers.spawn(async move {
                loop {
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => return,
                        // However it ends.
                        _ = host.call(&session, "tools", tool, request.clone()) => {}
                    }
                    calls.fetch_add(1, Relaxed);
                    // Hostile guests are; their callers are tasks as others.
                    tokio::task::yield_now().await;
                }
            });
        }
        Pressure {
            tenant: press.tenant,
            stop,
            calls,
            callers,
        }
    }

    /// Ends it. Answers how many calls there were.
    pub async fn release(&self, pressure: Pressure) -> u64 {
        pressure.stop.cancel();
        pressure.callers.join_all().await;
        self.give(pressure.tenant, None).await;
        pressure.calls.load(Relaxed)
    }
}

/// Somebody who presses.
pub struct Pressure {
    tenant: &'static str,
    stop: CancellationToken,
    calls: Arc<AtomicU64>,
    callers: JoinSet<()>,
}
