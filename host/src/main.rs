//! The `meanwhile` program.

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    meanwhile::cli::main(meanwhile::cli::Cli::parse())
}
