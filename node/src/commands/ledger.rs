//! `raftpool ledger`

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use raftpool_ledger::view::LedgerView;
use raftpool_store::{Store, StoreOptions, stored_identity};

use crate::cli::LedgerCommand;
use crate::config::Config;

pub(super) fn execute(command: &LedgerCommand) -> anyhow::Result<ExitCode> {
    match command {
        LedgerCommand::Verify { config } => verify(&Config::load(config, std::env::vars())?),
    }
}

fn verify(config: &Config) -> anyhow::Result<ExitCode> {
    let directory = &config.raw.node.data_directory;
    let Some(identity) = stored_identity(directory)? else {
        bail!(
            "{} holds no data; is node.data_directory right?",
            directory.display()
        );
    };
    let options = StoreOptions::new(
        directory,
        identity,
        Arc::new(|reason| eprintln!("{reason}")),
    );
    let store = Store::open(&options)
        .with_context(|| format!("open {} (the node must be stopped)", directory.display()))?;
    let mut found = None;
    store.state().reader().read(&mut |state| {
        let view = LedgerView::new(state);
        found = Some((
            raftpool_ledger::verify(state)?,
            view.index()?,
            view.digest()?,
        ));
        Ok(())
    })?;
    // The database's own threads must have ended before the process does, or they may find what
    // they need gone already and abort it.
    super::runtime()?.block_on(store.close())?;
    let (violations, index, digest) = found.context("the state was not read")?;
    println!("index {index}, digest {}", hex::encode(digest));
    for violation in &violations {
        println!("broken {}: {}", violation.id, violation.detail);
    }
    match violations.is_empty() {
        true => {
            println!("every invariant holds");
            Ok(ExitCode::SUCCESS)
        }
        false => Ok(ExitCode::FAILURE),
    }
}
