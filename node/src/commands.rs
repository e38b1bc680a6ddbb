//! One module per command; each returns the exit code or an error that is printed once.

mod backup;
mod ban;
mod block;
mod cluster;
mod config;
mod devnet;
mod doctor;
mod ledger;
mod load;
mod manual;
mod miner;
mod node;
mod payout;
mod pool;
mod pow;
mod run;
mod stop;
mod supervisor;
mod support;
mod token;

use std::process::ExitCode;

use crate::cli::Command;
use crate::config::{ConfigError, InitError};
use crate::node::FoundingError;

/// Exit code of a wrong configuration or command line (`EX_USAGE` of sysexits).
const EXIT_USAGE: u8 = 64;

/// Runs one command to its end.
///
/// # Errors
/// Whatever made the command fail, with its causes.
pub fn execute(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => run::execute(&args),
        Command::Demo(args) => runtime()?.block_on(crate::demo::execute(&args)),
        Command::Miner(args) => runtime()?.block_on(miner::execute(&args)),
        Command::Loadgen(args) => load::execute(&args),
        Command::Devnet(args) => runtime()?.block_on(devnet::execute(&args)),
        Command::Backup(command) => runtime()?.block_on(backup::execute(&command)),
        Command::Config(command) => config::execute(&command),
        Command::Ledger(command) => runtime()?.block_on(ledger::execute(&command)),
        Command::Cluster(command) => runtime()?.block_on(cluster::execute(&command)),
        Command::Node(command) => runtime()?.block_on(node::execute(&command)),
        Command::Payout(command) => runtime()?.block_on(payout::execute(&command)),
        Command::Ban(command) => runtime()?.block_on(ban::execute(&command)),
        Command::Block(command) => runtime()?.block_on(block::execute(&command)),
        Command::Pool(command) => runtime()?.block_on(pool::execute(&command)),
        Command::Token(command) => runtime()?.block_on(token::execute(&command)),
        Command::Doctor(args) => runtime()?.block_on(doctor::execute(&args)),
        Command::SupportDump(args) => runtime()?.block_on(support::execute(&args)),
        Command::Pow(command) => pow::execute(&command),
        Command::Completions { shell } => Ok(manual::completions(shell)),
        Command::Man { directory } => manual::pages(&directory),
    }
}

/// The error and its causes on one line.
pub fn chain_of(error: &anyhow::Error) -> String {
    error
        .chain()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

/// 64 when the operator's input is wrong, 1 for everything else.
pub fn exit_code(error: &anyhow::Error) -> ExitCode {
    if error.is::<ConfigError>() || error.is::<InitError>() || error.is::<FoundingError>() {
        return ExitCode::from(EXIT_USAGE);
    }
    ExitCode::FAILURE
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    use anyhow::Context;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime")
}
