//! `raftpool backup`, and `raftpool cluster force-new`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use raftpool_api::dto::admin::Verified;
use raftpool_ledger::command::PausePayouts;
use raftpool_ledger::command::command::Body;
use raftpool_ledger::compose;
use raftpool_ledger::view::LedgerView;
use raftpool_raft::certified_name;
use raftpool_store::{
    BackupInfo, BackupRequest, Founding, Identity, Store, StoreOptions, found_anew, list_backups,
    restore_backup, stored_identity, verify_backup,
};

use super::payout::connect;
use crate::cli::backup::{BackupCommand, ForceNewArgs};
use crate::config::{BackupSection, Config};
use crate::operator::is_not_running;
use crate::system::{now_ms, user_name};

pub(super) async fn execute(command: &BackupCommand) -> anyhow::Result<ExitCode> {
    match command {
        BackupCommand::Create(args) => create(&args.config).await?,
        BackupCommand::List(args) => list(&load(&args.config)?)?,
        BackupCommand::Verify(args) => return verify(&path_of(&args.config, &args.backup)?),
        BackupCommand::Restore(args) => {
            let path = path_of(&args.config, &args.backup)?;
            restore(&load(&args.config)?, &path)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn load(config: &Path) -> anyhow::Result<Config> {
    Ok(Config::load_without_secrets(config, std::env::vars())?)
}

fn section(config: &Config) -> anyhow::Result<&BackupSection> {
    let section = config.raw.backup.as_ref();
    section.context("the configuration has no [backup] section, which says where backups are")
}

/// A name is one in the configured directory; everything else is a path.
fn path_of(config: &Path, backup: &Path) -> anyhow::Result<PathBuf> {
    if backup.components().count() > 1 {
        return Ok(backup.to_owned());
    }
    Ok(section(&load(config)?)?.directory.join(backup))
}

async fn create(config_file: &Path) -> anyhow::Result<()> {
    let (config, client) = connect(config_file)?;
    let nothing = serde_json::json!({});
    match client.post("backups", &nothing).await {
        Ok(made) => {
            let name = made["name"].as_str().unwrap_or_default();
            println!(
                "{name}: log index {}, {} bytes",
                made["index"], made["size_bytes"]
            );
        }
        Err(error) if is_not_running(&error) => create_stopped(&config).await?,
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Reads the data directory of a node that does not run.
async fn create_stopped(config: &Config) -> anyhow::Result<()> {
    let section = section(config)?;
    let directory = &config.raw.node.data_directory;
    let identity = identity_of(directory)?;
    let store = Store::open(&options(directory, identity))
        .with_context(|| format!("open {} (the node must be stopped)", directory.display()))?;
    let made = store.state().back_up(&BackupRequest {
        directory: section.directory.clone(),
        made_at_ms: now_ms(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        kept_max: section.keep as usize,
    });
    store.close().await?;
    let made = made?;
    let name = made.name();
    let info = made.info?;
    println!(
        "{name}: log index {}, {} bytes",
        info.index, info.size_bytes
    );
    println!("the node is stopped, so its newest entries may not be in it");
    Ok(())
}

fn list(config: &Config) -> anyhow::Result<()> {
    let section = section(config)?;
    let found = list_backups(&section.directory)?;
    if found.is_empty() {
        println!("no backups in {}", section.directory.display());
    }
    for backup in found {
        let name = backup.name();
        match backup.info {
            Ok(info) => println!("{name}: complete, {}", described(&info)),
            Err(error) => println!("{name}: NOT USABLE, {}", super::chain_of(&error.into())),
        }
    }
    Ok(())
}

fn described(info: &BackupInfo) -> String {
    let age_s = now_ms().saturating_sub(info.made_at_ms) / 1_000;
    format!(
        "log index {}, {age_s} s old, {} bytes, node {} of cluster {}, by version {}",
        info.index, info.size_bytes, info.node, info.cluster, info.program
    )
}

fn verify(path: &Path) -> anyhow::Result<ExitCode> {
    let (info, verified) = verify_backup(path, |state| Verified::read(&LedgerView::new(state)))?;
    println!("{}", described(&info));
    println!("digest {}", info.digest);
    for violation in &verified.violations {
        println!("broken {violation}");
    }
    match verified.violations.is_empty() {
        true => {
            println!("every file is what it was, and every invariant holds");
            Ok(ExitCode::SUCCESS)
        }
        false => Ok(ExitCode::FAILURE),
    }
}

fn restore(config: &Config, path: &Path) -> anyhow::Result<()> {
    let (info, (settings, violations)) = verify_backup(path, |state| {
        let view = LedgerView::new(state);
        Ok((view.settings()?, Verified::read(&view)?.violations))
    })?;
    ensure!(
        violations.is_empty(),
        "the books of {} are broken: {}",
        path.display(),
        violations.join("; ")
    );
    if let Some(settings) = settings {
        let (network, address) = (
            config.raw.pool.network.to_string(),
            &config.raw.pool.address,
        );
        ensure!(
            settings.network == network && settings.pool_address == *address,
            "{} is a backup of another pool: of {} on {}, but pool.address is {address} on \
             {network}",
            path.display(),
            settings.pool_address,
            settings.network,
        );
    }
    let identity = new_identity(config, &info.cluster)?;
    let directory = &config.raw.node.data_directory;
    let founding = founding(
        config,
        &format!("restored from the backup at log index {}", info.index),
    );
    restore_backup(path, &options(directory, identity), &founding)?;
    println!(
        "{} holds the books up to log index {}",
        directory.display(),
        info.index
    );
    tell_what_comes_next(identity);
    Ok(())
}

/// Makes a stopped node the only member of a new cluster.
pub(super) fn force_new(args: &ForceNewArgs) -> anyhow::Result<()> {
    let config = load(&args.config)?;
    let directory = &config.raw.node.data_directory;
    let old = identity_of(directory)?;
    let old_cluster = hex::encode(old.cluster_id);
    if args.confirm.as_deref() != Some(old_cluster.as_str()) {
        bail!(
            "this ends cluster {old_cluster} for ever: what only its other nodes have stored is \
             lost, and if any of them still runs or comes back, there are two pools with one \
             wallet; when you are sure that none will, repeat this with --confirm {old_cluster}"
        );
    }
    ensure!(
        old.node_id == config.raw.node.id,
        "{} belongs to node {}, but node.id is {}",
        directory.display(),
        old.node_id,
        config.raw.node.id
    );
    let identity = new_identity(&config, &old_cluster)?;
    let founding = founding(
        &config,
        &format!("the majority of cluster {old_cluster} is lost"),
    );
    found_anew(&options(directory, identity), &founding, old.cluster_id)?;
    println!(
        "node {} is the only member of a new cluster",
        identity.node_id
    );
    tell_what_comes_next(identity);
    Ok(())
}

fn tell_what_comes_next(identity: Identity) {
    println!("cluster {}", hex::encode(identity.cluster_id));
    println!("payouts are paused: start the node, then compare the books with the chain");
    println!("(`raftpool payout reconcile`), and resume them afterwards");
}

fn identity_of(directory: &Path) -> anyhow::Result<Identity> {
    let stored = stored_identity(directory)?;
    stored.with_context(|| format!("{} holds no data", directory.display()))
}

/// The node of the configuration, in the cluster that its certificate names.
fn new_identity(config: &Config, old_cluster: &str) -> anyhow::Result<Identity> {
    let cluster_id = match &config.raw.cluster {
        Some(cluster) => {
            let name = certified_name(&cluster.certificates).context("cluster.certificates")?;
            name.cluster_id
        }
        None => rand::random(),
    };
    ensure!(
        hex::encode(cluster_id) != old_cluster,
        "the certificates in cluster.certificates are of the old cluster, {old_cluster}: make an \
         authority for the new one (`raftpool cluster ca init`) and issue this node's certificate \
         (`raftpool cluster issue`)"
    );
    Ok(Identity {
        cluster_id,
        node_id: config.raw.node.id,
    })
}

fn founding(config: &Config, reason: &str) -> Founding {
    let pause = PausePayouts {
        paused: true,
        reason: format!("{reason}: to be reconciled with the chain"),
        until_reconciled: true,
        ..PausePayouts::default()
    };
    let cluster = config.raw.cluster.as_ref();
    Founding {
        peer_address: cluster.map_or_else(String::new, |cluster| cluster.address.clone()),
        command: compose(user_name(), now_ms(), Body::PausePayouts(pause)),
    }
}

fn options(directory: &Path, identity: Identity) -> StoreOptions {
    let on_fatal = Arc::new(|reason: &str| eprintln!("{reason}"));
    StoreOptions::new(directory, identity, on_fatal)
}
