//! A host's edge, and a stranger's wire to it.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use meanwhile::clock::SystemClock;
use meanwhile::host::Host;
use meanwhile::http::{Bounds, Site, router_for, serve};
use meanwhile::service::Session;
use meanwhile::storage::memory::{MemoryRegistry, MemoryStorage};
use meanwhile::tenants::{Authenticator, operator_token};
use meanwhile_tests::in_process;
use meanwhile_tests::served::Client;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What never comes is a failure after this long; nothing is measured by it.
const NEVER: Duration = Duration::from_secs(60);

/// Short enough for a test to wait for.
pub(crate) const SHORT: Duration = Duration::from_millis(100);

/// Waits for what has to happen.
pub(crate) async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    let happened = tokio::time::timeout(NEVER, happens).await;
    happened.unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// One host behind all edges: what is tested never gets as far.
static HOST: LazyLock<Host> = LazyLock::new(|| {
    // It outlives each test, and so must the threads of its loops.
    let starting = std::thread::spawn(|| {
        let runtime = Box::leak(Box::new(tokio::runtime::Runtime::new().unwrap()));
        let storage = Arc::new(MemoryStorage::default());
        runtime.block_on(in_process::host(storage, Arc::new(SystemClock), "noop"))
    });
    starting.join().unwrap()
});

/// A host's edge to the outside.
pub(crate) struct Edge {
    pub(crate) address: SocketAddr,
    /// None: everybody is its one person.
    pub(crate) operator: Option<String>,
    pub(crate) stop: CancellationToken,
    pub(crate) served: JoinHandle<()>,
}

impl Edge {
    /// For its one person.
    pub(crate) async fn open(bounds: Bounds) -> Self {
        Self::start(Site::default(), bounds, None).await
    }

    /// For who has a token.
    pub(crate) async fn guarded(site: Site) -> Self {
        Self::start(site, Bounds::default(), Some(operator_token().unwrap())).await
    }

    async fn start(site: Site, bounds: Bounds, operator: Option<String>) -> Self {
        let registry = Arc::new(MemoryRegistry::default());
        let authenticator = Authenticator::new(registry, Arc::new(SystemClock));
        let authenticator = match &operator {
            Some(token) => authenticator.operator(token),
            None => authenticator.without_token(Session::local()),
        };
        let router = router_for(site, bounds, Arc::new(HOST.clone()), Arc::new(authenticator));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let served = tokio::spawn(serve(listener, router, bounds, stop.clone().cancelled_owned()));
        Self {
            address,
            operator,
            stop,
            served,
        }
    }

    pub(crate) fn client(&self) -> Client {
        let client = Client::new(&self.address.to_string());
        match &self.operator {
            Some(token) => client.with_token(token),
            None => client,
        }
    }

    pub(crate) async fn wire(&self) -> Wire {
        Wire {
            stream: TcpStream::connect(self.address).await.unwrap(),
            read: Vec::new(),
        }
    }
}

/// A connection on which a test writes what it likes.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    read: Vec<u8>,
}

/// One answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

impl Wire {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next answer.
    pub(crate) async fn answer(&mut self) -> Answer {
        let answer = soon("an answer", async {
            loop {
                if let Some(answer) = self.take() {
                    return Some(answer);
                }
                if self.stream.read_buf(&mut self.read).await.unwrap_or(0) == 0 {
                    return None;
                }
            }
        });
        let answer = answer.await;
        answer.unwrap_or_else(|| panic!("closed after {:?}", String::from_utf8_lossy(&self.read)))
    }

    /// An answer that was read whole.
    fn take(&mut self) -> Option<Answer> {
        let end = self.read.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(self.read[..end].to_vec()).unwrap();
        let mut answer = Answer {
            status: head.split(' ').nth(1)?.parse().unwrap(),
            head,
            body: String::new(),
        };
        let length: usize = answer
            .header("content-length")
            .map_or(0, |it| it.parse().unwrap());
        let body = self.read.get(end..end + length)?;
        answer.body = String::from_utf8(body.to_vec()).unwrap();
        self.read.drain(..end + length);
        Some(answer)
    }

    /// Waits for the end of the connection: what came before it, beyond the answers taken.
    pub(crate) async fn rest(mut self) -> String {
        soon("the connection's end", async {
            // A reset is an end as well.
            while self.stream.read_buf(&mut self.read).await.unwrap_or(0) > 0 {}
        })
        .await;
        String::from_utf8_lossy(&self.read).into_owned()
    }
}

/// A POST's head with a number of bytes to come.
pub(crate) fn post(path: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Accept: application/json, text/event-stream\r\nContent-Length: {length}\r\n\r\n"
    )
}

pub(crate) const HEALTH: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
