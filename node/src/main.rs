//! The `raftpool` program: parses the command line, runs one command, turns errors to exit codes.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use raftpool::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match raftpool::commands::execute(cli.command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("raftpool: {}", raftpool::commands::chain_of(&error));
            raftpool::commands::exit_code(&error)
        }
    }
}
