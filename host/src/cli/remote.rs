//! Commands that ask a running host.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

use super::client::{Client, segment};
use super::table::table;
use crate::visible::visible;

/// `inbox --follow` looks for new messages this often.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
pub(super) struct Target {
    /// The host to ask
    #[arg(long, env = "MEANWHILE_URL", default_value = "http://127.0.0.1:7803")]
    pub(super) url: String,
    /// A file with the token to show it, where it wants one; or the token in MEANWHILE_TOKEN
    #[arg(long, env = "MEANWHILE_TOKEN_FILE", value_name = "FILE")]
    pub(super) token_file: Option<PathBuf>,
    /// The answer as JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Target {
    /// A client that shows the token which flag or environment name, if any does.
    pub(super) fn client(&self) -> anyhow::Result<Client> {
        let token = match &self.token_file {
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("--token-file: {} cannot be read", path.display()))?;
                Some(text)
            }
            // Never a flag: other people on a machine see the arguments of its programs.
            None => std::env::var("MEANWHILE_TOKEN").ok(),
        };
        Client::new(&self.url, token.as_deref())
    }
}

#[derive(Debug, Args)]
pub(super) struct OneJob {
    pub(super) id: String,
    #[command(flatten)]
    pub(super) target: Target,
}

#[derive(Debug, Subcommand)]
pub(super) enum Remote {
    /// The jobs
    List {
        #[command(flatten)]
        target: Target,
    },
    /// One job with its last runs
    Show(OneJob),
    /// A job's runs
    Runs {
        /// Show what they do as they do it, until the job has ended
        #[arg(long)]
        follow: bool,
        #[command(flatten)]
        job: OneJob,
    },
    /// What the jobs had to say
    Inbox {
        /// Go on as messages come
        #[arg(long)]
        follow: bool,
        /// Only what came after this position
        #[arg(long, default_value_t = 0)]
        after: u64,
        #[command(flatten)]
        target: Target,
    },
    /// Stop a job until it is resumed
    Pause(OneJob),
    /// Let a paused, blocked or failed job go on
    Resume(OneJob),
    /// End a job
    Cancel(OneJob),
    /// Run a job now
    Run(OneJob),
    /// Say that a limit was raised or a key replaced: jobs that were paused for it go on
    Cured {
        #[arg(value_parser = ["quota", "credentials"])]
        cause: String,
        /// Only this agent's jobs
        #[arg(long)]
        agent: Option<String>,
        #[command(flatten)]
        target: Target,
    },
}

pub(super) async fn run(command: Remote) -> anyhow::Result<ExitCode> {
    match command {
        Remote::List { target } => {
            let answer = target
                .client()?
                .ask(Method::GET, "/api/jobs?limit=100", None)
                .await?;
            show(&target, &answer, jobs);
        }
        Remote::Show(job) => {
            let answer = ask(&job, Method::GET, "").await?;
            show(&job.target, &answer, details);
        }
        Remote::Runs { follow: true, job } => super::follow::runs(&job).await?,
        Remote::Runs { follow: false, job } => {
            let answer = ask(&job, Method::GET, "/runs").await?;
            show(&job.target, &answer, runs);
        }
        Remote::Inbox {
            follow,
            after,
            target,
        } => inbox(&target, after, follow).await?,
        Remote::Pause(job) => act(&job, "/pause").await?,
        Remote::Resume(job) => act(&job, "/resume").await?,
        Remote::Cancel(job) => act(&job, "/cancel").await?,
        Remote::Run(job) => act(&job, "/run").await?,
        Remote::Cured { cause, agent, target } => {
            let body = json!({ "cause": cause, "agent": agent });
            let answer = target
                .client()?
                .ask(Method::POST, "/api/cured", Some(body))
                .await?;
            show(&target, &answer, |answer| {
                format!("{} jobs go on\n", text(answer, "/resumed"))
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn ask(job: &OneJob, method: Method, rest: &str) -> anyhow::Result<Value> {
    let body = (method == Method::POST).then(|| json!({}));
    let path = format!("/api/jobs/{}{rest}", segment(&job.id)?);
    job.target.client()?.ask(method, &path, body).await
}

async fn act(job: &OneJob, rest: &str) -> anyhow::Result<()> {
    let answer = ask(job, Method::POST, rest).await?;
    show(&job.target, &answer, |answer| {
        let said = [text(answer, "/message"), text(answer, "/summary")];
        let said = said.into_iter().find(|it| !it.is_empty()).unwrap_or_default();
        format!(
            "{}  {}  {said}\n",
            text(answer, "/job/job_id"),
            text(answer, "/job/status")
        )
    });
    Ok(())
}

async fn inbox(target: &Target, mut after: u64, follow: bool) -> anyhow::Result<()> {
    let client = target.client()?;
    loop {
        let answer = client
            .ask(
                Method::GET,
                &format!("/api/messages?after={after}&limit=200"),
                None,
            )
            .await?;
        let messages = list(&answer, "/messages");
        for message in messages {
            if target.json {
                say!("{message}");
            } else {
                let [at, kind, title, said] =
                    ["/created_at", "/kind", "/title", "/text"].map(|it| text(message, it));
                let shown = format!("{at}  {kind}  {title}\n  {}\n", said.replace('\n', "\n  "));
                say!("{}", visible(&shown));
            }
        }
        after = answer.get("next_after").and_then(Value::as_u64).unwrap_or(after);
        if messages.is_empty() {
            if !follow {
                return Ok(());
            }
            tokio::time::sleep(FOLLOW_INTERVAL).await;
        }
    }
}

pub(super) fn show(target: &Target, answer: &Value, tidy: impl Fn(&Value) -> String) {
    if target.json {
        say!("{answer:#}");
    } else {
        // Titles, reasons and summaries may come from outside: a terminal obeys nothing of them.
        say_as_is!("{}", visible(&tidy(answer)));
    }
}

/// The text at a pointer; nothing where there is none.
pub(super) fn text(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// The list at a pointer; empty where there is none.
pub(super) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

fn rows(entries: &[Value], pointers: &[&str]) -> Vec<Vec<String>> {
    entries
        .iter()
        .map(|entry| pointers.iter().map(|it| text(entry, it)).collect())
        .collect()
}

fn jobs(answer: &Value) -> String {
    let pointers = [
        "/job_id",
        "/status",
        "/next_run_at",
        "/title",
        "/schedule_summary",
    ];
    let rows = rows(list(answer, "/jobs"), &pointers);
    table(&["ID", "STATUS", "NEXT RUN", "TITLE", "SCHEDULE"], &rows)
}

fn runs(answer: &Value) -> String {
    let pointers = ["/run_id", "/status", "/scheduled_for", "/attempt", "/summary"];
    table(
        &["ID", "STATUS", "SCHEDULED FOR", "ATTEMPT", "SUMMARY"],
        &rows(list(answer, "/runs"), &pointers),
    )
}

fn details(answer: &Value) -> String {
    let fields = [
        ("id", "/job/job_id"),
        ("title", "/job/title"),
        ("status", "/job/status"),
        ("reason", "/job/status_reason/message"),
        ("schedule", "/job/schedule_summary"),
        ("next run", "/job/next_run_at"),
        ("payload", "/job/payload"),
        ("runs", "/job/run_count"),
    ];
    let mut shown: String = fields
        .iter()
        .map(|(name, pointer)| (name, text(answer, pointer)))
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name:<9} {value}\n"))
        .collect();
    if !list(answer, "/runs").is_empty() {
        shown.push('\n');
        shown.push_str(&runs(answer));
    }
    shown
}
