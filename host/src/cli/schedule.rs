//! Commands that ask the component what words mean, and need no running host.

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::{Map, Value, json};

use crate::agent::noop::Noop;
use crate::host::Host;
use crate::service::{Service as _, Session};
use crate::storage::memory::MemoryStorage;

/// How a command ends whose words were not understood.
const NOT_UNDERSTOOD: u8 = 2;

#[derive(Debug, clap::Args)]
pub(super) struct PreviewArgs {
    /// A cron expression, or words such as "every weekday at 9am"
    text: String,
    /// IANA zone
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    tz: String,
    /// Fires to show
    #[arg(short, default_value_t = 5, value_parser = clap::value_parser!(u32).range(0..=1000))]
    n: u32,
    /// The present as it shall be taken (RFC 3339)
    #[arg(long, value_name = "INSTANT")]
    at: Option<String>,
    #[arg(long)]
    json: bool,
}

/// A host that only reads words: nothing is stored and nothing runs.
pub(super) async fn reader() -> anyhow::Result<Host> {
    let host = Host::builder()
        .storage(Arc::new(MemoryStorage::default()))
        .agent(Arc::new(Noop))
        .build()
        .await?;
    Ok(host)
}

/// `--at` as the contract takes it.
pub(super) fn instant(at: &str) -> anyhow::Result<i64> {
    let at = chrono::DateTime::parse_from_rfc3339(at)
        .context("--at is no instant such as 2026-06-01T09:00:00Z")?;
    Ok(at.timestamp_millis())
}

/// Tells an error of the contract: as JSON on standard output, or as a sentence.
pub(super) fn tell(error: &Value, as_json: bool) {
    if as_json {
        say!("{:#}", json!({ "error": error }));
    } else {
        let message = error.get("message").and_then(Value::as_str);
        eprintln!("{}", message.unwrap_or("not understood"));
    }
}

/// Tells that words were not understood.
pub(super) fn not_understood(error: &Value, as_json: bool) -> ExitCode {
    tell(error, as_json);
    ExitCode::from(NOT_UNDERSTOOD)
}

pub(super) async fn preview(args: PreviewArgs) -> anyhow::Result<ExitCode> {
    let mut request = Map::new();
    request.insert("text".into(), args.text.clone().into());
    request.insert("timezone".into(), args.tz.clone().into());
    request.insert("count".into(), args.n.into());
    if let Some(at) = &args.at {
        request.insert("at".into(), instant(at)?.into());
    }
    let answer = match reader()
        .await?
        .preview(&Session::local(), Value::Object(request))
        .await
    {
        Err(error) => return Ok(not_understood(&error.0, args.json)),
        Ok(answer) => answer,
    };
    if args.json {
        say!("{answer:#}");
        return Ok(ExitCode::SUCCESS);
    }
    say!(
        "{}",
        answer.get("summary").and_then(Value::as_str).unwrap_or_default()
    );
    let list = |name: &str| {
        answer
            .get(name)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    for next in list("next_runs") {
        say!("  {}", next.as_str().unwrap_or_default());
    }
    for warning in list("warnings") {
        say!("note: {}", warning.as_str().unwrap_or_default());
    }
    for change in list("clock_changes") {
        let text = |name: &str| change.get(name).and_then(Value::as_str).unwrap_or_default();
        say!("clocks change {}: {}", text("at"), text("effect"));
    }
    Ok(ExitCode::SUCCESS)
}
