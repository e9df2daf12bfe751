//! Several hosts on one Postgres, as programs, with an agent that keeps a ledger: what is done to them, and
//! the proof afterwards that nothing came of it.

#![allow(clippy::unwrap_used)]

pub mod ledger;
pub mod load;
pub mod proof;
pub mod proxy;

use std::path::Path;
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

/// A small file system in memory, unmounted when this is dropped.
pub struct SmallDisk(tempfile::TempDir);

/// The file that takes the room.
const BALLAST: &str = "ballast";

impl SmallDisk {
    /// Needs the right to mount.
    ///
    /// # Panics
    /// When it cannot be mounted.
    #[must_use]
    pub fn mount(mebibytes: u32) -> Self {
        // Under /tmp: others than root have to reach it, and a socket's path is short by law.
        let folder = tempfile::Builder::new()
            .prefix("mw-disk-")
            .tempdir_in("/tmp")
            .unwrap();
        let size = format!("size={mebibytes}m,mode=777");
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "none"])
            .arg(folder.path())
            .status();
        assert!(mounted.unwrap().success(), "a tmpfs cannot be mounted");
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        Self(folder)
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left.
    ///
    /// # Panics
    /// When there was none.
    pub fn fill(&self) {
        use std::io::Write as _;
        let mut ballast = std::fs::File::create(self.path().join(BALLAST)).unwrap();
        let (mut piece, mut written) = (1 << 20, 0);
        let zeros = vec![0; piece];
        while piece > 0 {
            match ballast.write(&zeros[..piece]) {
                Ok(count) if count > 0 => written += count,
                _ => piece /= 2,
            }
        }
        assert!(written > 0, "the disk was full before");
    }

    /// Gives it back.
    ///
    /// # Panics
    /// When it was not taken.
    pub fn relieve(&self) {
        std::fs::remove_file(self.path().join(BALLAST)).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A program that still has a file open keeps it until it ends.
        let _ = std::process::Command::new("umount")
            .arg("-l")
            .arg(self.path())
            .status();
    }
}
