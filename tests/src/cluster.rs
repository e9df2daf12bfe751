//! A private Postgres for the tests of one process, from Debian's package (`tests/setup/postgres`): on a
//! socket in a temporary folder, with a database for each test. It goes when the process does, however
//! that ends.

#![allow(clippy::unwrap_used)]

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use nix::unistd::{Uid, User};
use tokio_postgres::NoTls;

/// Where Debian puts each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Users that may run Postgres for root, whom it refuses.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// The role of hosts: neither superuser nor above row-level security.
pub const ROLE: &str = "meanwhile";
/// The role that makes databases.
pub const SUPERUSER: &str = "super";

/// A running cluster.
pub struct Cluster {
    bin: PathBuf,
    folder: PathBuf,
    user: Option<User>,
    databases: AtomicU32,
    /// Ends, and the cluster with it, when the pipe to it does.
    watcher: Option<Child>,
}

/// The newest version that is installed.
fn installed() -> Option<PathBuf> {
    let versions = std::fs::read_dir(VERSIONS).ok()?.flatten();
    let bins = versions.map(|version| version.path().join("bin"));
    let number = |bin: &PathBuf| -> Option<u32> { bin.parent()?.file_name()?.to_str()?.parse().ok() };
    bins.filter(|bin| bin.join("initdb").is_file()).max_by_key(number)
}

/// Whom Postgres runs as; none: whoever runs the tests.
fn unprivileged() -> Option<User> {
    if !Uid::effective().is_root() {
        return None;
    }
    let known = UNPRIVILEGED
        .iter()
        .find_map(|name| User::from_name(name).ok().flatten());
    Some(known.expect("Postgres refuses to run as root: a user `postgres` or `nobody`"))
}

impl Cluster {
    /// The cluster of this process, started at its first use.
    ///
    /// # Panics
    /// When Postgres is not installed, or does not start.
    pub fn of_process() -> &'static Self {
        static CLUSTER: OnceLock<Cluster> = OnceLock::new();
        CLUSTER.get_or_init(Self::start)
    }

    /// A cluster of its own, for tests that stop it.
    ///
    /// # Panics
    /// As [`of_process`](Self::of_process).
    #[must_use]
    pub fn start() -> Self {
        // What a crash of the machine would do to it is nobody's concern here.
        Self::with("fsync = off\n", Path::new("/tmp"))
    }

    /// A cluster of its own in a folder that others may read, with little room for its log.
    ///
    /// # Panics
    /// As [`of_process`](Self::of_process).
    #[must_use]
    pub fn within(folder: &Path) -> Self {
        Self::with("min_wal_size = 32MB\nmax_wal_size = 48MB\n", folder)
    }

    /// The same that loses nothing when the machine fails: to measure with.
    ///
    /// # Panics
    /// As [`of_process`](Self::of_process).
    #[must_use]
    pub fn durable() -> Self {
        Self::with("", Path::new("/tmp"))
    }

    /// A cluster of its own that counts what each statement reads (extension `pg_stat_statements`).
    ///
    /// # Panics
    /// As [`of_process`](Self::of_process).
    #[must_use]
    pub fn counting() -> Self {
        let settings = "fsync = off\nautovacuum = off\nshared_preload_libraries = 'pg_stat_statements'\n";
        Self::with(settings, Path::new("/tmp"))
    }

    fn with(settings: &str, parent: &Path) -> Self {
        let bin = installed().expect("Postgres is not installed: tests/setup/postgres");
        let user = unprivileged();
        // A socket's path is short by law: not under a deep target folder.
        let folder = tempfile::Builder::new()
            .prefix("mw-pg-")
            .tempdir_in(parent)
            .unwrap()
            .keep();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
        if let Some(user) = &user {
            chown(&folder, Some(user.uid.as_raw()), Some(user.gid.as_raw())).unwrap();
        }
        let mut cluster = Self {
            bin,
            folder,
            user,
            databases: AtomicU32::new(0),
            watcher: None,
        };
        cluster.watcher = Some(cluster.watch());
        let data = cluster.data();
        let initdb = [
            "-A",
            "trust",
            "-U",
            SUPERUSER,
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
            "-D",
        ];
        cluster.run("initdb", initdb.iter().map(Path::new).chain([data.as_path()]));
        let settings = format!(
            "listen_addresses = ''\nmax_connections = 300\nunix_socket_directories = '{}'\n{settings}",
            cluster.folder.display()
        );
        let file = data.join("postgresql.auto.conf");
        std::fs::write(&file, settings).unwrap();
        cluster.up();
        cluster
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir("/")
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LC_ALL", "C");
        if let Some(user) = &self.user {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }

    fn run<'a>(&self, program: &str, arguments: impl IntoIterator<Item = &'a Path>) {
        let mut command = self.command(self.bin.join(program));
        command.args(arguments).stdin(Stdio::null());
        // A server inherits what its starter has: pipes would never end.
        let log = self.folder.join(format!("{program}.log"));
        let output = std::fs::File::create(&log).unwrap();
        let status = command
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .status()
            .unwrap();
        assert!(
            status.success(),
            "{program}: {}",
            std::fs::read_to_string(log).unwrap()
        );
    }

    /// Starts the server, and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub fn up(&self) {
        let (data, log) = (self.data(), self.folder.join("server.log"));
        let arguments = ["-w", "-s", "start", "-D"].map(Path::new);
        self.run(
            "pg_ctl",
            arguments
                .into_iter()
                .chain([data.as_path(), Path::new("-l"), &log]),
        );
    }

    /// Whether the server runs.
    ///
    /// # Panics
    /// When its programs are gone.
    pub fn is_up(&self) -> bool {
        let mut command = self.command(self.bin.join("pg_ctl"));
        command.args(["status", "-D"]).arg(self.data());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.status().unwrap().success()
    }

    /// Stops the server: `fast` ends transactions, `immediate` is a crash.
    ///
    /// # Panics
    /// When it does not stop.
    pub fn down(&self, how: &str) {
        let data = self.data();
        let arguments = ["-w", "-s", "stop", "-m", how, "-D"].map(Path::new);
        self.run("pg_ctl", arguments.into_iter().chain([data.as_path()]));
    }

    /// Leaves somebody behind who stops the server and removes the folder when this process is gone: the
    /// pipe between them ends then, whatever ended the process.
    fn watch(&self) -> Child {
        let script = "cat; \"$0/pg_ctl\" -s stop -m immediate -D \"$1/data\"; rm -rf \"$1\"";
        let mut watcher = self.command("/bin/sh");
        watcher.args(["-c", script]).arg(&self.bin).arg(&self.folder);
        watcher
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        watcher.spawn().unwrap()
    }

    /// The server's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join(".s.PGSQL.5432")
    }

    /// A URL of a database for a role.
    #[must_use]
    pub fn url(&self, role: &str, database: &str) -> String {
        let folder = self.folder.display().to_string().replace('/', "%2F");
        format!("postgres://{role}@{folder}/{database}")
    }

    /// A connection to a database.
    ///
    /// # Panics
    /// When there is none.
    pub async fn connect(&self, role: &str, database: &str) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(&self.url(role, database), NoTls)
            .await
            .unwrap();
        tokio::spawn(connection);
        client
    }

    /// A new database that [`ROLE`] owns; answers its name.
    ///
    /// # Panics
    /// When it cannot be made.
    pub async fn database(&self) -> String {
        let number = self.databases.fetch_add(1, Relaxed);
        let client = self.connect(SUPERUSER, "postgres").await;
        let role = format!(
            "DO $$ BEGIN CREATE ROLE {ROLE} LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        );
        client.batch_execute(&role).await.unwrap();
        let name = format!("test_{number}");
        client
            .batch_execute(&format!("CREATE DATABASE {name} OWNER {ROLE} STRATEGY file_copy"))
            .await
            .unwrap();
        name
    }
}
