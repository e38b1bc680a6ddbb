//! `raftpool completions` and `raftpool man`: what the command line says of itself to other programs.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::cli::Cli;

pub(super) fn completions(shell: Shell) -> ExitCode {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    clap_complete::generate(shell, &mut command, name, &mut std::io::stdout());
    ExitCode::SUCCESS
}

pub(super) fn pages(directory: &Path) -> anyhow::Result<ExitCode> {
    clap_mangen::generate_to(Cli::command(), directory)
        .with_context(|| format!("write manual pages to {}", directory.display()))?;
    let pages = std::fs::read_dir(directory).context("count them")?.count();
    println!("{} has {pages} manual pages", directory.display());
    Ok(ExitCode::SUCCESS)
}
