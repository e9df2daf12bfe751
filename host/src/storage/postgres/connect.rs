//! From a URL to a pool of connections.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime};
use futures_util::stream::{self, Stream};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::{Config, Host, SslMode};
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::OpenError;
use crate::storage::limits::{
    POSTGRES_ANSWER_WAIT, POSTGRES_CONNECT_WAIT, POSTGRES_CONNECTIONS_MAX, POSTGRES_LOCK_WAIT,
    POSTGRES_SILENCE_WAIT, POSTGRES_STATEMENT_WAIT,
};
use crate::tls;

/// How connections are made.
pub(super) struct Connector {
    config: Config,
    /// None: not encrypted.
    tls: Option<MakeRustlsConnect>,
}

impl Connector {
    /// Reads a URL such as `postgres://user:password@host/database`.
    pub(super) fn new(url: &str) -> Result<Self, OpenError> {
        let mut config: Config = url.parse().map_err(OpenError::Url)?;
        // `prefer` is what a URL says that says nothing: encryption is a must then, but not where
        // nobody can listen.
        if config.get_ssl_mode() == SslMode::Prefer {
            let near = config.get_hosts().iter().all(is_near);
            config.ssl_mode(if near { SslMode::Disable } else { SslMode::Require });
        }
        let settings = [
            ("statement_timeout", POSTGRES_STATEMENT_WAIT),
            ("lock_timeout", POSTGRES_LOCK_WAIT),
            ("idle_in_transaction_session_timeout", POSTGRES_SILENCE_WAIT),
        ];
        let mut options = config.get_options().unwrap_or_default().to_owned();
        for (setting, wait) in settings {
            options = format!("{options} -c {setting}={}", wait.as_millis());
        }
        // Every statement is meant to find its rows by an index, one by one: a planner that believes a table
        // to be small, as it does until the table is analysed, would read all of it. Nor is there anything to be
        // sorted where an index has the order: a few rows are wanted of many.
        for way in ["seqscan", "hashjoin", "mergejoin", "sort"] {
            options = format!("{options} -c enable_{way}=off");
        }
        // A plan that has to go a forbidden way counts as costly, and would be compiled, which takes far longer
        // than the few rows do.
        options += " -c jit=off";
        config.options(options.trim_start());
        if config.get_application_name().is_none() {
            config.application_name("meanwhile");
        }
        config.connect_timeout(POSTGRES_CONNECT_WAIT);
        config.tcp_user_timeout(POSTGRES_ANSWER_WAIT);
        config.keepalives_idle(POSTGRES_ANSWER_WAIT);
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => None,
            _ => Some(encryption()?),
        };
        Ok(Self { config, tls })
    }

    /// A pool that has no connection yet.
    pub(super) fn pool(&self) -> Result<Pool, OpenError> {
        // A connection that was lost is seen at its next use, which is tried again: no question
        // before each.
        let manager = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let manager = match &self.tls {
            Some(tls) => Manager::from_config(self.config.clone(), tls.clone(), manager),
            None => Manager::from_config(self.config.clone(), NoTls, manager),
        };
        Pool::builder(manager)
            .max_size(POSTGRES_CONNECTIONS_MAX)
            .wait_timeout(Some(POSTGRES_CONNECT_WAIT))
            .create_timeout(Some(POSTGRES_CONNECT_WAIT))
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| OpenError::Pool(error.to_string()))
    }

    /// A connection of its own that keeps its statements: it ends with the value.
    pub(super) async fn object(&self) -> Result<Object, OpenError> {
        self.pool()?.get().await.map_err(|error| match error {
            PoolError::Backend(error) => OpenError::Postgres(error),
            other => OpenError::Pool(other.to_string()),
        })
    }

    /// The database without user and password, for people.
    pub(super) fn name(&self) -> String {
        let hosts: Vec<String> = self.config.get_hosts().iter().map(host_name).collect();
        let database = self.config.get_dbname().or(self.config.get_user());
        format!("{}/{}", hosts.join(","), database.unwrap_or_default())
    }

    /// A connection of its own, with what drives it: it lives as long as that is read.
    pub(super) async fn connect(&self) -> Result<(Client, Messages), tokio_postgres::Error> {
        match &self.tls {
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await?;
                Ok((client, messages(connection)))
            }
            None => {
                let (client, connection) = self.config.connect(NoTls).await?;
                Ok((client, messages(connection)))
            }
        }
    }
}

/// What Postgres says unasked.
pub(super) type Messages = Pin<Box<dyn Stream<Item = Result<AsyncMessage, tokio_postgres::Error>> + Send>>;

fn messages<S, T>(mut connection: Connection<S, T>) -> Messages
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    Box::pin(stream::poll_fn(move |context| connection.poll_message(context)))
}

/// Certificates are checked as the machine's other programs do.
fn encryption() -> Result<MakeRustlsConnect, OpenError> {
    tls::choose_cryptography();
    let tls = rustls::ClientConfig::builder()
        .with_platform_verifier()
        .map_err(OpenError::Tls)?
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(tls))
}

/// On this machine.
fn is_near(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback())
        }
    }
}

fn host_name(host: &Host) -> String {
    match host {
        Host::Unix(folder) => folder.display().to_string(),
        Host::Tcp(name) => name.clone(),
    }
}

/// Shared by the pool's users and the listener.
pub(super) type SharedConnector = Arc<Connector>;
