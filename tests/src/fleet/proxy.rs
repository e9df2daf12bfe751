//! A network between a host and Postgres that can be cut, stopped, and made to lose the answer to a COMMIT.

#![allow(clippy::unwrap_used)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

/// What it does with what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// Ends every connection, and takes none.
    Cut,
    /// Keeps everything, and passes it on later.
    Stall,
    /// Ends a connection when Postgres has carried out a COMMIT, in place of the answer: each time that so
    /// many were passed on.
    LoseCommit(u32),
}

/// Between a host and the socket of a Postgres.
pub struct Proxy {
    pub address: SocketAddr,
    mode: watch::Sender<Mode>,
    lost: Arc<AtomicU32>,
}

#[derive(Clone)]
struct Way {
    socket: PathBuf,
    mode: watch::Receiver<Mode>,
    commits: Arc<AtomicU32>,
    lost: Arc<AtomicU32>,
}

impl Proxy {
    /// Takes connections from now on.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start(socket: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (mode, modes) = watch::channel(Mode::Pass);
        let lost = Arc::new(AtomicU32::new(0));
        let way = Way {
            socket,
            mode: modes,
            commits: Arc::default(),
            lost: Arc::clone(&lost),
        };
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *way.mode.borrow() != Mode::Cut {
                    tokio::spawn(way.clone().pass(client));
                }
            }
        });
        Self { address, mode, lost }
    }

    /// From now on it does this.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Answers to a COMMIT that it has lost.
    #[must_use]
    pub fn lost(&self) -> u32 {
        self.lost.load(Relaxed)
    }
}

/// As the protocol has it in a query, and in the answer to it.
const COMMIT: &[u8] = b"COMMIT\0";

fn has_commit(bytes: &[u8]) -> bool {
    bytes.windows(COMMIT.len()).any(|part| part == COMMIT)
}

impl Way {
    /// Passes on what comes, until one side ends.
    async fn pass(mut self, mut client: TcpStream) {
        let Ok(mut server) = UnixStream::connect(&self.socket).await else {
            return;
        };
        let (mut up, mut down) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        let mut losing = false;
        loop {
            let mode = *self.mode.borrow_and_update();
            let flows = mode != Mode::Stall;
            tokio::select! {
                changed = self.mode.changed() => {
                    if changed.is_err() || *self.mode.borrow() == Mode::Cut {
                        return;
                    }
                }
                read = client.read(&mut up), if flows => {
                    let Some(bytes) = some(read, &up) else { return };
                    if let Mode::LoseCommit(every) = mode && has_commit(bytes) {
                        losing |= self.commits.fetch_add(1, Relaxed) % every == every - 1;
                    }
                    if server.write_all(bytes).await.is_err() {
                        return;
                    }
                }
                read = server.read(&mut down), if flows => {
                    let Some(bytes) = some(read, &down) else { return };
                    if losing && has_commit(bytes) {
                        self.lost.fetch_add(1, Relaxed);
                        return;
                    }
                    if client.write_all(bytes).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// What was read; none: it was the end.
fn some(read: std::io::Result<usize>, buffer: &[u8]) -> Option<&[u8]> {
    let count = read.ok().filter(|count| *count > 0)?;
    Some(&buffer[..count])
}
