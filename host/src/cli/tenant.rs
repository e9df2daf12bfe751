//! `meanwhile tenant`: what an operator does with a running host.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::client::segment;
use super::remote::{Target, list, show, text};
use super::table::table;

#[derive(Debug, Args)]
pub(super) struct TenantArgs {
    #[command(subcommand)]
    command: TenantCommand,
}

#[derive(Debug, Subcommand)]
enum TenantCommand {
    /// The tenants, with what they use
    List {
        #[command(flatten)]
        target: Target,
    },
    /// One tenant with its limits
    Show(OneTenant),
    /// Add a tenant
    Add {
        #[command(flatten)]
        tenant: OneTenant,
        #[command(flatten)]
        limits: Limits,
        /// Digest of its own component
        #[arg(long)]
        component: Option<String>,
    },
    /// Change a tenant's limits or component
    Set {
        #[command(flatten)]
        tenant: OneTenant,
        #[command(flatten)]
        limits: Limits,
        /// Digest of its own component, or `default`
        #[arg(long)]
        component: Option<String>,
    },
    /// Refuse a tenant's requests and start none of its runs; its jobs stay
    Suspend(OneTenant),
    /// Serve a suspended tenant again
    Resume(OneTenant),
    /// Delete a tenant with all its jobs, runs, messages and tokens
    Remove {
        #[command(flatten)]
        tenant: OneTenant,
        /// Really
        #[arg(long)]
        yes: bool,
    },
    /// A tenant's tokens
    Tokens(OneTenant),
    /// Make a token; it is shown this once
    Token {
        #[command(flatten)]
        tenant: OneTenant,
        /// The agent whose calls it is for
        #[arg(long)]
        agent: String,
        /// The person the agent works for
        #[arg(long)]
        user: String,
        /// `jobs:read,jobs:write,jobs:run` unless given
        #[arg(long, value_delimiter = ',')]
        scopes: Vec<String>,
        /// IANA zone of the person
        #[arg(long, value_name = "ZONE")]
        tz: Option<String>,
        /// Refused after this many days
        #[arg(long, value_name = "DAYS")]
        expires_in_days: Option<u32>,
    },
    /// Make a token worthless
    Revoke {
        #[command(flatten)]
        tenant: OneTenant,
        /// The token's id, as `tokens` shows it
        token_id: String,
    },
    /// The components that were uploaded
    Components {
        #[command(flatten)]
        target: Target,
    },
    /// Check and upload a component that tenants can be given
    Upload {
        file: PathBuf,
        #[command(flatten)]
        target: Target,
    },
}

#[derive(Debug, Args)]
struct OneTenant {
    name: String,
    #[command(flatten)]
    target: Target,
}

/// A number, or `default` for the host's.
#[derive(Debug, Args)]
struct Limits {
    /// Jobs that have not ended
    #[arg(long, value_name = "JOBS|default")]
    jobs_max: Option<String>,
    /// Bytes of rows
    #[arg(long, value_name = "BYTES|default")]
    storage_bytes_max: Option<String>,
    /// Runs at the same time
    #[arg(long, value_name = "RUNS|default")]
    parallel_runs: Option<String>,
    /// Requests a second
    #[arg(long, value_name = "REQUESTS|default")]
    requests_per_second: Option<String>,
    /// Milliseconds that one call may compute
    #[arg(long, value_name = "MS|default")]
    cpu_ms_per_call: Option<String>,
    /// Bytes of memory of one call
    #[arg(long, value_name = "BYTES|default")]
    memory_bytes_per_call: Option<String>,
    /// Tokens in and out in a day, in UTC
    #[arg(long, value_name = "TOKENS|default")]
    tokens_per_day: Option<String>,
    /// Hundredths of a US dollar in a day
    #[arg(long, value_name = "CENTS|default")]
    cost_cents_per_day: Option<String>,
    /// Calls of tools in a day
    #[arg(long, value_name = "CALLS|default")]
    tool_calls_per_day: Option<String>,
    /// Seconds of runs in a day, all together
    #[arg(long, value_name = "SECONDS|default")]
    run_seconds_per_day: Option<String>,
    /// What its runs may change: `own_job`, `own_descendants` or `all`
    #[arg(long, value_name = "REACH|default")]
    run_reach: Option<String>,
}

impl Limits {
    fn changes(&self) -> anyhow::Result<Map<String, Value>> {
        let given = [
            ("jobs_max", &self.jobs_max),
            ("storage_bytes_max", &self.storage_bytes_max),
            ("parallel_runs", &self.parallel_runs),
            ("requests_per_second", &self.requests_per_second),
            ("cpu_ms_per_call", &self.cpu_ms_per_call),
            ("memory_bytes_per_call", &self.memory_bytes_per_call),
            ("tokens_per_day", &self.tokens_per_day),
            ("cost_cents_per_day", &self.cost_cents_per_day),
            ("tool_calls_per_day", &self.tool_calls_per_day),
            ("run_seconds_per_day", &self.run_seconds_per_day),
        ];
        let mut changes = Map::new();
        for (name, value) in given {
            let Some(value) = value else { continue };
            let value = match value.as_str() {
                "default" => Value::Null,
                number => number
                    .parse::<u64>()
                    .with_context(|| {
                        format!(
                            "--{}: expected a whole number or `default`",
                            name.replace('_', "-")
                        )
                    })?
                    .into(),
            };
            changes.insert(name.to_owned(), value);
        }
        if let Some(reach) = &self.run_reach {
            let reach = (reach != "default").then_some(reach.as_str());
            changes.insert("run_reach".to_owned(), reach.into());
        }
        Ok(changes)
    }
}

impl OneTenant {
    async fn ask(&self, method: Method, rest: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let path = format!("/api/tenants/{}{rest}", segment(&self.name)?);
        self.target.client()?.ask(method, &path, body).await
    }
}

pub(super) async fn run(args: TenantArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        TenantCommand::List { target } => {
            let answer = target.client()?.ask(Method::GET, "/api/tenants", None).await?;
            show(&target, &answer, tenants);
        }
        TenantCommand::Show(tenant) => {
            let answer = tenant.ask(Method::GET, "", None).await?;
            show(&tenant.target, &answer, details);
        }
        TenantCommand::Add {
            tenant,
            limits,
            component,
        } => {
            let body = json!({ "name": tenant.name, "limits": limits.changes()?, "component": component });
            let client = tenant.target.client()?;
            let answer = client.ask(Method::POST, "/api/tenants", Some(body)).await?;
            show(&tenant.target, &answer, details);
        }
        TenantCommand::Set {
            tenant,
            limits,
            component,
        } => {
            let mut body = json!({ "limits": limits.changes()? });
            if let Some(component) = component {
                body["component"] = match component.as_str() {
                    "default" => Value::Null,
                    digest => digest.into(),
                };
            }
            change(&tenant, body).await?;
        }
        TenantCommand::Suspend(tenant) => change(&tenant, json!({ "state": "suspended" })).await?,
        TenantCommand::Resume(tenant) => change(&tenant, json!({ "state": "active" })).await?,
        TenantCommand::Remove { tenant, yes } => {
            anyhow::ensure!(
                yes,
                "this deletes all jobs, runs, messages and tokens of `{}`: say --yes",
                tenant.name
            );
            let answer = tenant.ask(Method::DELETE, "", None).await?;
            show(&tenant.target, &answer, |answer| {
                format!("{} is {}\n", text(answer, "/name"), text(answer, "/state"))
            });
        }
        TenantCommand::Tokens(tenant) => {
            let answer = tenant.ask(Method::GET, "/tokens", None).await?;
            show(&tenant.target, &answer, tokens);
        }
        TenantCommand::Token {
            tenant,
            agent,
            user,
            scopes,
            tz,
            expires_in_days,
        } => {
            let mut body = json!({
                "agent": agent, "user": user, "timezone": tz,
                "expires_in_seconds": expires_in_days.map(|days| days.saturating_mul(86_400)),
            });
            if !scopes.is_empty() {
                body["scopes"] = scopes.into();
            }
            let answer = tenant.ask(Method::POST, "/tokens", Some(body)).await?;
            show(&tenant.target, &answer, |answer| {
                format!("{}\n", text(answer, "/token"))
            });
        }
        TenantCommand::Revoke { tenant, token_id } => {
            let rest = format!("/tokens/{}", segment(&token_id)?);
            let answer = tenant.ask(Method::DELETE, &rest, None).await?;
            show(&tenant.target, &answer, |answer| {
                format!("{} is revoked\n", text(answer, "/token_id"))
            });
        }
        TenantCommand::Components { target } => {
            let answer = target.client()?.ask(Method::GET, "/api/components", None).await?;
            show(&target, &answer, components);
        }
        TenantCommand::Upload { file, target } => {
            let bytes = std::fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
            let answer = target.client()?.upload("/api/components", bytes).await?;
            show(&target, &answer, |answer| {
                format!("{}\n", text(answer, "/digest"))
            });
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn change(tenant: &OneTenant, body: Value) -> anyhow::Result<()> {
    let answer = tenant.ask(Method::PATCH, "", Some(body)).await?;
    show(&tenant.target, &answer, details);
    Ok(())
}

fn rows(answer: &Value, of: &str, pointers: &[&str]) -> Vec<Vec<String>> {
    list(answer, of)
        .iter()
        .map(|entry| pointers.iter().map(|it| text(entry, it)).collect())
        .collect()
}

fn tenants(answer: &Value) -> String {
    let pointers = [
        "/name",
        "/state",
        "/stored/live_jobs",
        "/limits/jobs_max",
        "/stored/bytes",
    ];
    table(
        &["NAME", "STATE", "JOBS", "OF", "STORED BYTES"],
        &rows(answer, "/tenants", &pointers),
    )
}

fn tokens(answer: &Value) -> String {
    let rows: Vec<Vec<String>> = list(answer, "/tokens")
        .iter()
        .map(|token| {
            let scopes: Vec<&str> = list(token, "/scopes").iter().filter_map(Value::as_str).collect();
            let mut row: Vec<String> = ["/token_id", "/agent", "/user"]
                .map(|it| text(token, it))
                .to_vec();
            row.push(scopes.join(" "));
            row.push(text(token, "/expires_at"));
            row
        })
        .collect();
    table(&["ID", "AGENT", "USER", "SCOPES", "EXPIRES"], &rows)
}

fn components(answer: &Value) -> String {
    let mut shown = format!("{}  the host's default\n", text(answer, "/default"));
    for component in list(answer, "/components") {
        let size = text(component, "/size_bytes");
        shown.push_str(&format!("{}  {size} bytes\n", text(component, "/digest")));
    }
    shown
}

fn details(answer: &Value) -> String {
    let mut shown = String::new();
    let fields = [
        ("name", "/name"),
        ("state", "/state"),
        ("component", "/component"),
        ("jobs", "/stored/live_jobs"),
        ("stored bytes", "/stored/bytes"),
        ("tokens today", "/today/used/tokens"),
        ("US dollars today", "/today/used/cost_usd"),
        ("tool calls today", "/today/used/tool_calls"),
        ("run seconds today", "/today/used/seconds"),
    ];
    for (name, pointer) in fields {
        shown.push_str(&format!("{name:<22} {}\n", text(answer, pointer)));
    }
    if let Some(limits) = answer.get("limits").and_then(Value::as_object) {
        for (name, value) in limits {
            let own = answer.pointer(&format!("/own_limits/{name}")).is_some();
            let whose = if own { "" } else { "  (the host's default)" };
            shown.push_str(&format!("{name:<22} {value}{whose}\n"));
        }
    }
    shown
}
