//! `raftpool config`

use std::process::ExitCode;

use crate::cli::ConfigCommand;
use crate::config::{Config, EXAMPLE};

pub(super) fn execute(command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Example => print!("{EXAMPLE}"),
        ConfigCommand::Check { file } => {
            let config = Config::load(file, std::env::vars())?;
            println!(
                "{} is valid: node {} of a {} pool paying to {}",
                file.display(),
                config.raw.node.id,
                config.raw.pool.network,
                config.raw.pool.address,
            );
            match &config.raw.cluster {
                Some(cluster) => println!("the other nodes find it at {}", cluster.address),
                None => println!("note: no [cluster] section, so this node runs alone"),
            }
            if config.raw.wallet.is_none() {
                println!("note: no [wallet] section, so this node never pays");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
