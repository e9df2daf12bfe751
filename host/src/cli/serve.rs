//! Commands that put a host together.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::agent;
use crate::config::{ServeArgs, ServeSettings, Store};
use crate::host::{Host, LOCAL_TENANT};
use crate::service::{Service, Session};
use crate::storage::Storage;
use crate::storage::memory::MemoryStorage;
use crate::storage::sqlite::SqliteStorage;
use crate::wit::types::Caller;

/// What is logged unless `RUST_LOG` says otherwise. The protocol's library reports each request's
/// beginning and end as news.
const LOG_DEFAULT: &str = "info,rmcp=warn";

/// Who calls where there is no authentication.
const LOCAL_CALLER: &str = "local";

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
        print!("{}", settings.to_toml());
        return Ok(None);
    }
    Ok(Some(settings))
}

fn storage(settings: &ServeSettings) -> anyhow::Result<Arc<dyn Storage>> {
    Ok(match &settings.store {
        Store::Memory => Arc::new(MemoryStorage::default()),
        Store::Sqlite(path) => Arc::new(SqliteStorage::open(path).context("`store` cannot be opened")?),
    })
}

fn component(settings: &ServeSettings) -> anyhow::Result<Vec<u8>> {
    match &settings.component {
        None => Ok(crate::COMPONENT.to_vec()),
        Some(path) => std::fs::read(path).with_context(|| format!("`component`: {}", path.display())),
    }
}

async fn host(settings: &ServeSettings) -> anyhow::Result<Host> {
    let host = Host::builder()
        .storage(storage(settings)?)
        .agent(agent::from_setting(&settings.agent)?)
        .clock(settings.clock.clock())
        .component(component(settings)?)
        .parallel_runs(settings.parallel_runs)
        .build()
        .await?;
    Ok(host)
}

fn session(settings: &ServeSettings) -> Session {
    let caller = Caller {
        agent: LOCAL_CALLER.to_owned(),
        user: LOCAL_CALLER.to_owned(),
        conversation: None,
        time_zone: settings.timezone.clone(),
        run: None,
    };
    Session {
        tenant: LOCAL_TENANT.to_owned(),
        caller,
    }
}

pub(super) async fn serve(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let Some(settings) = settings(&args)? else {
        return Ok(ExitCode::SUCCESS);
    };
    log();
    // Listen first: an address in use is told before anything is opened.
    let listener = tokio::net::TcpListener::bind(settings.listen)
        .await
        .with_context(|| format!("`listen`: {} cannot be listened on", settings.listen))?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let host = host(&settings).await?;
    host.start()
        .await
        .map_err(|error| anyhow::anyhow!("storage does not answer: {error:?}"))?;
    let service: Arc<dyn Service> = Arc::new(host.clone());
    let session = session(&settings);
    let mcp = crate::http::loopback_only(crate::mcp::router(Arc::clone(&service), session.clone()));
    let router = crate::http::router(service, session).merge(mcp);
    tracing::info!(address = %listener.local_addr()?, "serving");
    // Streams that clients hold open must not hold up the end: the server is dropped, not waited for.
    let served = tokio::select! {
        served = async { axum::serve(listener, router).await } => served,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    host.shutdown().await;
    served?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn mcp(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let Some(settings) = settings(&args)? else {
        return Ok(ExitCode::SUCCESS);
    };
    log();
    let mut terminate = signal(SignalKind::terminate())?;
    let host = host(&settings).await?;
    host.start()
        .await
        .map_err(|error| anyhow::anyhow!("storage does not answer: {error:?}"))?;
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
        println!("{sign}  {part:<9}  {text}");
    };
    tell(
        "store",
        match storage(&settings) {
            Ok(storage) => storage.check().await.map_err(|error| format!("{error:?}")),
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
        let component = crate::component::Component::load(&crate::engine::engine()?, &bytes)?;
        Ok(component.digest().to_owned())
    });
    tell("component", checked.map_err(|error| format!("{error:#}")));
    tell(
        "agent",
        match agent::from_setting(&settings.agent) {
            Ok(agent) => agent.check().await,
            Err(error) => Err(error.to_string()),
        },
    );
    Ok(if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
