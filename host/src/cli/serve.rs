//! Commands that put a host together.

use std::io::IsTerminal as _;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use super::outside;
use crate::agent;
use crate::clock::Clock;
use crate::config::{ClockSetting, ServeArgs, ServeSettings, Store};
use crate::embedding::Vector;
use crate::engine::Sandbox;
use crate::host::Host;
use crate::http::Bounds;
use crate::service::Session;
use crate::storage::Storage;
use crate::storage::memory::{MemoryRegistry, MemoryStorage};
use crate::storage::postgres::{LeaseClock, PostgresStorage};
use crate::storage::sqlite::SqliteStorage;
use crate::tenants::Registry;

/// What is logged unless `RUST_LOG` says otherwise. The protocol's library reports each request's
/// beginning and end as news.
const LOG_DEFAULT: &str = "info,rmcp=warn";

fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("RUST_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(LOG_DEFAULT));
    // Standard output belongs to answers, and to MCP over stdio.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init();
}

/// The settings, or none where they were only to be shown.
fn settings(args: &ServeArgs) -> anyhow::Result<Option<ServeSettings>> {
    let settings = ServeSettings::load(args)?;
    if args.print_config {
        say_as_is!("{}", settings.to_toml());
        return Ok(None);
    }
    Ok(Some(settings))
}

/// Where rows are kept, and the clock that goes with it.
struct Stores {
    storage: Arc<dyn Storage>,
    registry: Arc<dyn Registry>,
    clock: Arc<dyn Clock>,
}

async fn store(settings: &ServeSettings) -> anyhow::Result<Stores> {
    let mut clock = settings.clock.clock();
    let (storage, registry): (Arc<dyn Storage>, Arc<dyn Registry>) = match &settings.store {
        Store::Memory => (
            Arc::new(MemoryStorage::default()),
            Arc::new(MemoryRegistry::default()),
        ),
        Store::Sqlite(path) => {
            let store = Arc::new(SqliteStorage::open(path).context("`store` cannot be opened")?);
            (Arc::clone(&store) as _, store)
        }
        Store::Postgres(url) => {
            // A clock that is moved by hand rules leases too; else hosts may have different ones.
            let ruling = match settings.clock {
                ClockSetting::System => LeaseClock::Database,
                ClockSetting::Manual(_) => LeaseClock::Caller,
            };
            let store = PostgresStorage::open(url, ruling).await;
            let store = Arc::new(store.context("`store` cannot be opened")?);
            if ruling == LeaseClock::Database {
                clock = store.clock();
            }
            (Arc::clone(&store) as _, store)
        }
    };
    Ok(Stores {
        storage,
        registry,
        clock,
    })
}

fn component(settings: &ServeSettings) -> anyhow::Result<Vec<u8>> {
    match &settings.component {
        None => Ok(crate::COMPONENT.to_vec()),
        Some(path) => std::fs::read(path).with_context(|| format!("`component`: {}", path.display())),
    }
}

async fn host(settings: &ServeSettings, stores: Stores, url: Option<String>) -> anyhow::Result<Host> {
    let mut builder = Host::builder();
    if let Some(embedder) = settings.embedder.embedder()? {
        builder = builder.embedder(embedder);
    }
    let host = builder
        .storage(stores.storage)
        .registry(stores.registry)
        .agent(agent::from_setting(&settings.agent, url, &settings.llm)?)
        .clock(stores.clock)
        .component(component(settings)?)
        .compilation_cache(settings.compilation_cache.clone())
        .limits(settings.limits)
        .retention(settings.retention)
        .build()
        .await?;
    host.start()
        .await
        .map_err(|error| anyhow::anyhow!("storage does not answer: {error}"))?;
    Ok(host)
}

/// What finds jobs by meaning, tried with one text.
async fn embedder(settings: &ServeSettings) -> Result<String, String> {
    let embedder = settings.embedder.embedder().map_err(|error| error.to_string())?;
    let Some(embedder) = embedder else {
        return Ok("none: jobs are found by their words (`meanwhile model fetch` brings a model)".into());
    };
    let tried = embedder.embed(vec!["Pending invoices".into()]).await;
    let vectors = tried.map_err(|error| error.to_string())?;
    let dimensions = vectors.first().map_or(0, Vector::dimensions);
    Ok(format!("{}: {dimensions} dimensions", embedder.model()))
}

/// The one person who runs this host.
pub(super) fn session(settings: &ServeSettings) -> Session {
    let mut session = Session::local();
    session.caller.time_zone.clone_from(&settings.timezone);
    session
}

/// Where a program on this machine finds the host.
fn near(address: SocketAddr) -> String {
    let mut near = address;
    if address.ip().is_unspecified() {
        near.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{near}")
}

/// Where the agent finds the host: one on this machine where it listens, one elsewhere where others do, if they can.
fn known_to_agent(settings: &ServeSettings, address: SocketAddr) -> Option<String> {
    if !agent::http::is_elsewhere(&settings.agent) {
        return Some(near(address));
    }
    let public = settings.outside.public_url.as_ref();
    public.filter(|url| !url.is_loopback()).map(ToString::to_string)
}

pub(super) async fn serve(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let Some(settings) = settings(&args)? else {
        return Ok(ExitCode::SUCCESS);
    };
    log();
    // Listen first: an address in use is told before anything is opened.
    let listen = settings.outside.listen;
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .with_context(|| format!("`listen`: {listen} cannot be listened on"))?;
    let address = listener.local_addr()?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stores = store(&settings).await?;
    let (registry, clock) = (Arc::clone(&stores.registry), Arc::clone(&stores.clock));
    let authenticator = outside::authenticator(&settings, registry, clock, address)?;
    let host = host(&settings, stores, known_to_agent(&settings, address)).await?;
    let authenticator = Arc::new(authenticator.runs(host.run_tokens()));
    let bounds = Bounds::default();
    let site = outside::site(&settings.outside, address);
    let router = crate::http::router_for(site, bounds, Arc::new(host.clone()), authenticator);
    tracing::info!(%address, "serving");
    outside::warn(&settings.outside);
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    crate::http::serve(listener, router, bounds, stop).await;
    host.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn mcp(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let Some(settings) = settings(&args)? else {
        return Ok(ExitCode::SUCCESS);
    };
    log();
    let mut terminate = signal(SignalKind::terminate())?;
    let host = host(&settings, store(&settings).await?, None).await?;
    let served = tokio::select! {
        served = crate::mcp::serve_stdio(Arc::new(host.clone()), session(&settings)) => served,
        _ = terminate.recv() => Ok(()),
    };
    host.shutdown().await;
    served?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn doctor(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let Some(settings) = settings(&args)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let mut sound = true;
    let mut tell = |part: &str, found: Result<String, String>| {
        sound &= found.is_ok();
        let (sign, text) = match &found {
            Ok(text) => ("ok  ", text),
            Err(text) => ("FAIL", text),
        };
        say!("{sign}  {part:<9}  {text}");
    };
    tell(
        "store",
        match store(&settings).await {
            Ok(stores) => stores.storage.check().await.map_err(|error| format!("{error:?}")),
            Err(error) => Err(format!("{error:#}")),
        },
    );
    let now = settings.clock.clock().now();
    tell(
        "clock",
        chrono::DateTime::from_timestamp_millis(now)
            .map(|now| now.to_rfc3339())
            .ok_or_else(|| "shows no date: set the machine's clock".to_owned()),
    );
    let checked = component(&settings).and_then(|bytes| {
        let sandbox = Sandbox::keeping(&settings.compilation_cache)?;
        let component = crate::component::Component::load(&sandbox, &bytes)?;
        Ok(component.digest().to_owned())
    });
    tell("component", checked.map_err(|error| format!("{error:#}")));
    tell(
        "agent",
        match agent::from_setting(
            &settings.agent,
            known_to_agent(&settings, settings.outside.listen),
            &settings.llm,
        ) {
            Ok(agent) => agent.check().await,
            Err(error) => Err(error.to_string()),
        },
    );
    tell("embedder", embedder(&settings).await);
    tell("auth", outside::check(&settings.outside).await);
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
