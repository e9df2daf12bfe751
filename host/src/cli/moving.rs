//! `meanwhile export` and `meanwhile import`: a store into another one.

use std::fs::{File, OpenOptions};
use std::io::{BufReader, BufWriter, Read};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;

use super::say::Out;
use crate::config::Store;
use crate::limits::IMPORT_BATCH_ROWS;
use crate::moving::{ExportError, Import};
use crate::storage::moving::{Counts, Dump, TABLES, Target};
use crate::storage::{postgres, sqlite};

pub(super) const AFTER_HELP: &str = "To move a store, stop its host first. What is exported is the store of one instant, \
also while a host works on it; but a host that goes on, and one that begins on the copy, both run the jobs.

An import that was stopped goes on where it was when it is begun again with the same export. Until it is done no host \
opens the store.

Examples:
  meanwhile export --store sqlite:data/meanwhile.db | MEANWHILE_STORE=postgres://… meanwhile import
  meanwhile export --store sqlite:data/meanwhile.db --out store.jsonl
  meanwhile import --store sqlite:elsewhere/meanwhile.db store.jsonl";

#[derive(Debug, Args)]
struct Named {
    /// `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/DATABASE`
    #[arg(long, env = "MEANWHILE_STORE", hide_env_values = true)]
    store: Store,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    from: Named,
    /// A new file, for nobody else to read, in place of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    to: Named,
    /// What was exported; `-` reads standard input
    #[arg(default_value = "-")]
    file: PathBuf,
}

fn none_in_memory() -> anyhow::Error {
    anyhow::anyhow!("`--store memory`: it is nowhere but in its host; name a store that is kept")
}

async fn dump(store: &Store) -> anyhow::Result<Dump> {
    let opened = match store {
        Store::Memory => return Err(none_in_memory()),
        Store::Sqlite(path) => sqlite::dump(path).map_err(anyhow::Error::from),
        Store::Postgres(url) => postgres::dump(url).await.map_err(anyhow::Error::from),
    };
    opened.context("`--store` cannot be exported")
}

pub(super) async fn export(args: ExportArgs) -> anyhow::Result<ExitCode> {
    let dump = dump(&args.from.store).await?;
    if dump.in_use {
        eprintln!(
            "meanwhile: a host has this store open, and goes on with it: this is a copy. To move the store, stop the host \
             and export again; else jobs run in both"
        );
    }
    let counts = match &args.out {
        None => crate::moving::export(dump, BufWriter::new(Out::lock())).await?,
        Some(path) => {
            let file = new_file(path)?;
            let written = into_file(dump, &file).await;
            if written.is_err() {
                // It is of no use, and in the way of the next one.
                let _ = std::fs::remove_file(path);
            }
            written?
        }
    };
    eprintln!("meanwhile: exported {}", shown(&counts));
    Ok(ExitCode::SUCCESS)
}

async fn into_file(dump: Dump, file: &File) -> Result<Counts, ExportError> {
    let counts = crate::moving::export(dump, BufWriter::new(file)).await?;
    file.sync_all()?;
    Ok(counts)
}

fn new_file(path: &Path) -> anyhow::Result<File> {
    // All that anybody has said to anybody is in it.
    let mut options = OpenOptions::new();
    let opened = options.write(true).create_new(true).mode(0o600).open(path);
    opened.with_context(|| format!("--out {}", path.display()))
}

pub(super) async fn import(args: ImportArgs) -> anyhow::Result<ExitCode> {
    let input: Box<dyn Read> = if args.file == Path::new("-") {
        Box::new(std::io::stdin().lock())
    } else {
        let file = File::open(&args.file);
        Box::new(file.with_context(|| args.file.display().to_string())?)
    };
    // Looked at before a store is made for it.
    let import = Import::begin(BufReader::new(input), IMPORT_BATCH_ROWS)?;
    let opened: anyhow::Result<Box<dyn Target>> = match &args.to.store {
        Store::Memory => return Err(none_in_memory()),
        Store::Sqlite(path) => match sqlite::SqliteTarget::open(path) {
            Ok(target) => Ok(Box::new(target)),
            Err(error) => Err(error.into()),
        },
        Store::Postgres(url) => match postgres::PostgresTarget::open(url).await {
            Ok(target) => Ok(Box::new(target)),
            Err(error) => Err(error.into()),
        },
    };
    let mut target = opened.context("`--store` cannot be imported into")?;
    if target.reached().lines > 0 {
        eprintln!("meanwhile: going on after line {}", target.reached().lines);
    }
    let counts = import.run(&mut *target).await?;
    eprintln!("meanwhile: imported {}", shown(&counts));
    Ok(ExitCode::SUCCESS)
}

fn shown(counts: &Counts) -> String {
    let each = TABLES.iter().map(|table| {
        let rows = counts.get(table.name).copied().unwrap_or(0);
        format!("{rows} {}", table.name)
    });
    each.collect::<Vec<_>>().join(", ")
}
