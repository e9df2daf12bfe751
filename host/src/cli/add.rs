//! `meanwhile add`: a sentence to jobs, on a running host or, with `--dry-run`, only said back.

use std::process::ExitCode;

use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::client::{Client, Refused};
use super::create::create;
use super::remote::{Target, list, text};
use super::schedule::{instant, not_understood, reader, tell};
use crate::service::{Service as _, Session};

/// The zone where neither the command nor the host names one, as for `preview`.
const ZONE_DEFAULT: &str = "UTC";

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// What shall be done, and when: "Remind me every Monday at 9 about pending invoices"
    text: String,
    /// IANA zone of the times [default: the host's, else UTC]
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// The present as it shall be taken (RFC 3339)
    #[arg(long, value_name = "INSTANT")]
    at: Option<String>,
    /// Only say what was understood; needs no host
    #[arg(long)]
    dry_run: bool,
    /// Create although a similar job exists
    #[arg(long)]
    confirm_new: bool,
    #[command(flatten)]
    target: Target,
}

pub(super) async fn add(args: AddArgs) -> anyhow::Result<ExitCode> {
    let as_json = args.target.json;
    let client = args.target.client()?;
    let mut jobs = match understand(&args, &client).await? {
        Ok(jobs) => jobs,
        Err(error) => return Ok(not_understood(&error, as_json)),
    };
    if !args.dry_run
        && let Err(error) = create(&client, &mut jobs, args.confirm_new).await
    {
        let Some(Refused(refusal)) = error.downcast_ref() else {
            return Err(error);
        };
        tell(refusal, as_json);
        return Ok(ExitCode::FAILURE);
    }
    if as_json {
        say!("{:#}", json!({ "jobs": jobs }));
    } else {
        say_as_is!("{}", jobs.iter().map(told).collect::<String>());
    }
    Ok(ExitCode::SUCCESS)
}

/// The planned jobs, or why the text is not understood. A zone that nobody names is UTC.
async fn understand(args: &AddArgs, client: &Client) -> anyhow::Result<Result<Vec<Value>, Value>> {
    let mut request = Map::new();
    request.insert("text".into(), args.text.clone().into());
    if let Some(zone) = &args.tz {
        request.insert("timezone".into(), zone.clone().into());
    }
    if let Some(at) = &args.at {
        request.insert("at".into(), instant(at)?.into());
    }
    let host = if args.dry_run { Some(reader().await?) } else { None };
    let mut planned = plan(host.as_ref(), client, request.clone()).await?;
    let zone_wanted = |error: &Value| error.get("field").is_some_and(|field| field == "timezone");
    if args.tz.is_none() && planned.as_ref().is_err_and(zone_wanted) {
        request.insert("timezone".into(), ZONE_DEFAULT.into());
        planned = plan(host.as_ref(), client, request).await?;
    }
    Ok(planned.map(|answer| list(&answer, "/jobs").to_vec()))
}

/// Asks the reader, or without one the running host: it has its own present and zone.
async fn plan(
    reader: Option<&crate::host::Host>,
    client: &Client,
    request: Map<String, Value>,
) -> anyhow::Result<Result<Value, Value>> {
    let request = Value::Object(request);
    if let Some(reader) = reader {
        return Ok(reader
            .plan(&Session::local(), request)
            .await
            .map_err(|error| error.0));
    }
    match client.ask(Method::POST, "/api/plan", Some(request)).await {
        Ok(answer) => Ok(Ok(answer)),
        Err(error) => match error.downcast() {
            Ok(Refused(refusal)) if refusal.get("code").is_some_and(|code| code == "invalid_argument") => {
                Ok(Err(refusal))
            }
            Ok(refused) => Err(refused.into()),
            Err(error) => Err(error),
        },
    }
}

/// What was understood of a job, for people.
fn told(job: &Value) -> String {
    let mut told = text(job, "/title");
    if job.get("job_id").is_some() {
        told.push_str(&format!("  ({}, {})", text(job, "/job_id"), text(job, "/status")));
    }
    told.push_str(&format!(
        "\n  {}\n  {}\n",
        text(job, "/payload"),
        text(job, "/summary")
    ));
    for next in list(job, "/next_runs") {
        told.push_str(&format!("    {}\n", next.as_str().unwrap_or_default()));
    }
    for warning in list(job, "/warnings") {
        told.push_str(&format!("  note: {}\n", warning.as_str().unwrap_or_default()));
    }
    told
}
