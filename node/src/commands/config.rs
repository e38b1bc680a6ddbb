//! `raftpool config`

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};

use crate::cli::{ConfigCommand, InitArgs, NodeKind};
use crate::config::{Config, EXAMPLE, Membership, NewNode, NewWallet, reference};

/// Where the wallet's password is to be, beside the configuration.
const PASSWORD_FILE: &str = "wallet-password";

pub(super) fn execute(command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Example => print!("{EXAMPLE}"),
        ConfigCommand::Reference => print!("{}", reference()),
        ConfigCommand::Init(arguments) => init(arguments)?,
        ConfigCommand::Check { file } => check(file)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn check(file: &Path) -> anyhow::Result<()> {
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
    Ok(())
}

fn init(arguments: &InitArgs) -> anyhow::Result<()> {
    match (
        arguments.kind,
        &arguments.cluster_address,
        &arguments.wallet,
    ) {
        (NodeKind::Single, Some(_), _) => {
            bail!("a single node has no --cluster-address; a node of a cluster is a `member`")
        }
        (NodeKind::Edge, _, Some(_)) => {
            bail!("an edge never pays, so it has no --wallet; a node that may pay is a `member`")
        }
        _ => {}
    }
    let node = NewNode {
        network: arguments.network.clone(),
        pool_address: arguments.pool_address.clone(),
        id: arguments.id,
        data_directory: arguments.data_directory.clone(),
        daemons: arguments.daemon.clone(),
        membership: arguments
            .cluster_address
            .as_ref()
            .map(|address| Membership {
                address: address.clone(),
                peers: arguments.peer.clone(),
            }),
        wallet: arguments.wallet.as_ref().map(|url| NewWallet {
            url: url.clone(),
            username: arguments.wallet_user.clone(),
            password_file: PASSWORD_FILE.into(),
        }),
    };
    let file = arguments.output.as_deref();
    let text = node.to_text(file.unwrap_or(Path::new("configuration")))?;
    let Some(file) = file else {
        print!("{text}");
        return Ok(());
    };
    let target = OpenOptions::new().write(true).create_new(true).open(file);
    target
        .and_then(|mut target| target.write_all(text.as_bytes()))
        .with_context(|| {
            let shown = file.display();
            format!("write {shown} (a file that exists is never replaced)")
        })?;
    print_next_steps(arguments, file);
    Ok(())
}

fn print_next_steps(arguments: &InitArgs, file: &Path) {
    let (shown, id) = (file.display(), arguments.id);
    println!("{shown} is written. What is left to do:");
    if arguments.wallet.is_some() {
        let secret = file.with_file_name(PASSWORD_FILE);
        println!(
            "- write the wallet's password to {}, readable by the node alone",
            secret.display()
        );
    }
    if arguments.kind != NodeKind::Single {
        let directory = file.with_file_name("certificates");
        let directory = directory.display();
        println!(
            "- put the node's certificate into {directory}: `raftpool cluster issue {id} --ca CA`"
        );
    }
    println!("- check it: `raftpool config check {shown}`");
    println!("- start the node: `raftpool run {shown}`");
    match arguments.kind {
        NodeKind::Single => {}
        NodeKind::Member => println!(
            "- on the first node `raftpool cluster init {shown}`; the others are added there with \
             `raftpool cluster add` and get their vote with `raftpool cluster promote`"
        ),
        NodeKind::Edge => println!(
            "- on a node of the cluster add it with `raftpool cluster add`, and do not promote it"
        ),
    }
}
