//! `raftpool ledger`

mod export;
mod replay;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use raftpool_api::dto::admin::Verified;
use raftpool_ledger::StateError;
use raftpool_ledger::view::LedgerView;
use raftpool_store::{Store, StoreOptions, stored_identity};

use crate::cli::LedgerCommand;
use crate::config::Config;
use crate::operator::{AdminClient, is_not_running};

pub(super) async fn execute(command: &LedgerCommand) -> anyhow::Result<ExitCode> {
    match command {
        LedgerCommand::Verify { config } => verify(config).await,
        LedgerCommand::Export(args) => export::execute(args).await,
        LedgerCommand::Replay { file } => replay::execute(file.as_deref()),
    }
}

async fn verify(config_file: &std::path::Path) -> anyhow::Result<ExitCode> {
    let config = Config::load_without_secrets(config_file, std::env::vars())?;
    let client = AdminClient::new(&config, config_file)?;
    let (index, verified) = match client.get_slowly("ledger/verify").await {
        Ok(answer) => {
            let index = answer["index"].as_u64();
            let verified = serde_json::from_value(answer).context("read the node's answer")?;
            (index.context("the node's answer has no index")?, verified)
        }
        Err(error) if is_not_running(&error) => {
            read_stopped(&config, |view| Ok((view.index()?, Verified::read(view)?))).await?
        }
        Err(error) => return Err(error),
    };
    let Verified { digest, violations } = verified;
    println!("index {index}, digest {digest}");
    for violation in &violations {
        println!("broken {violation}");
    }
    match violations.is_empty() {
        true => {
            println!("every invariant holds");
            Ok(ExitCode::SUCCESS)
        }
        false => Ok(ExitCode::FAILURE),
    }
}

/// Reads the books of a node that does not run.
async fn read_stopped<T>(
    config: &Config,
    query: impl FnOnce(&LedgerView<'_>) -> Result<T, StateError>,
) -> anyhow::Result<T> {
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
    let mut query = Some(query);
    let mut found = None;
    store.state().reader().read(&mut |state| {
        if let Some(query) = query.take() {
            found = Some(query(&LedgerView::new(state))?);
        }
        Ok(())
    })?;
    // The database's own threads must have ended before the process does, or they may find what
    // they need gone already and abort it.
    store.close().await?;
    found.context("the state was not read")
}
