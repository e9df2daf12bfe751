//! Several hosts on one Postgres, as programs, with an agent that keeps a ledger: what is done to them, and
//! the proof afterwards that nothing came of it.

#![allow(clippy::unwrap_used)]

pub mod disk;
pub mod ledger;
pub mod load;
pub mod proof;
pub mod proxy;

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use self::ledger::Ledger;
use self::load::{Clients, Load};
use self::proof::Found;
use crate::served::{Client, Served, command};

const PARALLEL_RUNS: &str = "8";
/// How often a host is asked whether it is back.
const LOOK: Duration = Duration::from_millis(5);
/// A host that is not back after this never is.
const BACK: Duration = Duration::from_secs(60);

/// How a host is started.
#[derive(Clone)]
struct Place {
    store: String,
    environment: Vec<(&'static str, String)>,
}

/// See the module.
pub struct Fleet {
    places: Vec<Place>,
    pub hosts: Vec<Served>,
    pub clients: Clients,
    pub ledger: Ledger,
    _folder: tempfile::TempDir,
}

impl Fleet {
    /// Without a host yet; an agent's work takes so long.
    ///
    /// # Panics
    /// When there is no temporary folder.
    #[must_use]
    pub fn new(work: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            places: Vec::new(),
            hosts: Vec::new(),
            clients: Clients::default(),
            ledger: Ledger::new(folder.path(), work),
            _folder: folder,
        }
    }

    /// Adds a host on a store, as `--store` has it, with more in its environment.
    ///
    /// # Panics
    /// When it does not serve.
    pub fn add(&mut self, store: &str, environment: &[(&'static str, &str)]) {
        let environment = environment
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()));
        let place = Place {
            store: store.to_owned(),
            environment: environment.collect(),
        };
        let host = self.start(&place);
        self.clients.lock().unwrap().push(host.client.clone());
        self.places.push(place);
        self.hosts.push(host);
    }

    fn start(&self, place: &Place) -> Served {
        let mut command = command();
        command.envs(place.environment.iter().map(|(name, value)| (name, value)));
        let agent = self.ledger.setting();
        let arguments = [
            "--store",
            &place.store,
            "--agent",
            agent,
            "--parallel-runs",
            PARALLEL_RUNS,
        ];
        Served::start_as(command, &arguments)
    }

    /// A client of a host.
    ///
    /// # Panics
    /// Where another thread did.
    #[must_use]
    pub fn client(&self, host: usize) -> Client {
        self.clients.lock().unwrap()[host].clone()
    }

    /// Starts a host again that was killed.
    ///
    /// # Panics
    /// When it does not serve.
    pub fn restart(&mut self, host: usize) {
        self.hosts[host] = self.start(&self.places[host]);
        self.clients.lock().unwrap()[host] = self.hosts[host].client.clone();
    }

    /// Stops a host where it is, or lets it go on.
    ///
    /// # Panics
    /// When it is not there.
    pub fn signal(&self, host: usize, signal: Signal) {
        let process = i32::try_from(self.hosts[host].id()).unwrap();
        kill(Pid::from_raw(process), signal).unwrap();
    }

    /// Jobs with each host in turn, with a pause after each.
    #[must_use]
    pub fn load(&self, pause: Duration) -> Load {
        Load::start(&self.clients, pause)
    }

    /// Waits until a host answers out of storage and says that it is ready; answers how long that took.
    ///
    /// # Panics
    /// When it never does.
    pub async fn back(&self, host: usize) -> Duration {
        let (client, began) = (self.client(host), Instant::now());
        let answers = async {
            loop {
                let mut back = true;
                for path in ["/api/jobs?limit=1", "/readyz"] {
                    let answer = client.try_request("GET", path, None).await;
                    back &= answer.is_ok_and(|(status, _)| status == 200);
                }
                if back {
                    return;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(BACK, answers)
            .await
            .expect("the host never came back");
        began.elapsed()
    }

    /// See [`proof::prove`]: by the first host.
    pub async fn prove(&self, jobs: &[String]) -> Found {
        proof::prove(&self.client(0), jobs, &self.ledger).await
    }
}
