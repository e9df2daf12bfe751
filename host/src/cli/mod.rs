//! The command line. What it prints is its interface: on stdout by `say!`, and on stderr.
#![allow(clippy::print_stderr)]

#[macro_use]
mod say;

mod add;
mod chat;
mod client;
mod component;
mod create;
mod follow;
mod model;
mod moving;
mod outside;
mod remote;
mod schedule;
mod serve;
mod simulate;
mod table;
mod tenant;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Jobs for AI agents: they say what shall happen when, Meanwhile makes it happen.
#[derive(Debug, Parser)]
#[command(name = "meanwhile", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve MCP and HTTP, and run what is due
    Serve(crate::config::ServeArgs),
    /// Serve the tools over stdio, for clients that start their servers
    Mcp(crate::config::ServeArgs),
    /// Check store, clock, component, agent and authentication, and say what to do
    Doctor(crate::config::ServeArgs),
    /// Say what a cron expression or words mean; needs no host
    Preview(schedule::PreviewArgs),
    /// Create jobs from a sentence, and say what was understood
    Add(add::AddArgs),
    /// Talk with the host's agent: about running jobs, and to have new ones
    Chat(chat::ChatArgs),
    /// Run jobs through months in seconds, and say what happens; needs no host
    #[command(long_about = simulate::LONG_ABOUT, after_long_help = simulate::AFTER_HELP)]
    Simulate(simulate::SimulateArgs),
    /// Write all rows of a store, as JSON lines, for `meanwhile import`
    #[command(after_long_help = moving::AFTER_HELP)]
    Export(moving::ExportArgs),
    /// Fill an empty store with what `meanwhile export` wrote
    #[command(after_long_help = moving::AFTER_HELP)]
    Import(moving::ImportArgs),
    #[command(flatten)]
    Remote(remote::Remote),
    /// Tenants of a running host: limits, tokens, components
    Tenant(tenant::TenantArgs),
    /// The model that finds jobs by meaning: bring its files, check them
    Model(model::ModelArgs),
    /// The embedded component: digest, imports, exports
    Component {
        /// Print its WIT
        #[arg(long)]
        wit: bool,
    },
}

/// Runs a command to its end.
#[must_use]
pub fn main(cli: Cli) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("meanwhile: no threads can be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let done: anyhow::Result<ExitCode> = runtime.block_on(async {
        match cli.command {
            Command::Serve(args) => serve::serve(args).await,
            Command::Mcp(args) => serve::mcp(args).await,
            Command::Doctor(args) => serve::doctor(args).await,
            Command::Preview(args) => schedule::preview(args).await,
            Command::Add(args) => add::add(args).await,
            Command::Chat(args) => chat::run(args).await.map(|()| ExitCode::SUCCESS),
            Command::Simulate(args) => simulate::run(args).await,
            Command::Export(args) => moving::export(args).await,
            Command::Import(args) => moving::import(args).await,
            Command::Remote(command) => remote::run(command).await,
            Command::Tenant(args) => tenant::run(args).await,
            Command::Model(args) => model::run(args).await,
            Command::Component { wit } => component::show(wit),
        }
    });
    done.unwrap_or_else(|error| {
        eprintln!("meanwhile: {error:#}");
        ExitCode::FAILURE
    })
}
