//! `raftpool cluster`

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, bail};
use raftpool_api::dto::cluster::{ClusterStatus, Health, MemberChange};
use raftpool_raft::CertificateAuthority;
use raftpool_store::stored_identity;

use super::payout::connect;
use crate::cli::LookArgs;
use crate::cli::cluster::{AuthorityCommand, ClusterCommand, IssueArgs};
use crate::config::Config;
use crate::operator::{node_table, restart_table};
use crate::system::now_ms;

pub(super) async fn execute(command: &ClusterCommand) -> anyhow::Result<ExitCode> {
    match command {
        ClusterCommand::Ca(AuthorityCommand::Init { directory, node }) => {
            make_authority(directory, node.as_deref())?;
        }
        ClusterCommand::Issue(args) => issue(args)?,
        ClusterCommand::ForceNew(args) => super::backup::force_new(args)?,
        ClusterCommand::Init(args) => change(&args.config, MemberChange::Init).await?,
        ClusterCommand::Add(args) => {
            let (node_id, address) = (args.node.into(), args.address.clone());
            change(&args.config, MemberChange::Add { node_id, address }).await?;
        }
        ClusterCommand::Promote(args) => {
            let promote = MemberChange::Promote {
                node_ids: args.nodes.iter().copied().map(u64::from).collect(),
                is_forced: args.force,
            };
            change(&args.config, promote).await?;
        }
        ClusterCommand::Replace(args) => {
            let replace = MemberChange::Replace {
                old_node_id: args.old.into(),
                new_node_id: args.new.into(),
                address: args.address.clone(),
            };
            change(&args.config, replace).await?;
        }
        ClusterCommand::Remove(args) => {
            let remove = MemberChange::Remove {
                node_id: args.node.into(),
                is_forced: args.force,
            };
            change(&args.config, remove).await?;
        }
        ClusterCommand::Transfer(args) => {
            let node_id = args.node.into();
            change(&args.config, MemberChange::Transfer { node_id }).await?;
        }
        ClusterCommand::Finalize(args) => {
            let finalize = MemberChange::Finalize {
                is_check: args.check,
                reason: args.reason.clone(),
            };
            change(&args.config, finalize).await?;
        }
        ClusterCommand::Status(args) => return status(args).await,
        ClusterCommand::Check(args) => return check(args).await,
    }
    Ok(ExitCode::SUCCESS)
}

fn make_authority(directory: &Path, node: Option<&Path>) -> anyhow::Result<()> {
    let cluster_id = match node {
        None => rand::random(),
        Some(file) => {
            let config = Config::load_without_secrets(file, std::env::vars())?;
            let data = &config.raw.node.data_directory;
            let stored = stored_identity(data)?;
            let stored = stored.with_context(|| format!("{} holds no data", data.display()))?;
            stored.cluster_id
        }
    };
    let authority = CertificateAuthority::create(directory, cluster_id, now_ms())?;
    println!(
        "the authority of cluster {} is in {}; keep ca.key to yourself",
        hex::encode(authority.cluster_id()),
        directory.display()
    );
    Ok(())
}

fn issue(args: &IssueArgs) -> anyhow::Result<()> {
    let authority = CertificateAuthority::load(&args.ca)?;
    authority.issue(&args.out, args.node.into(), &args.dns, now_ms())?;
    println!(
        "certificate and key of node {} of cluster {} are in {}",
        args.node,
        hex::encode(authority.cluster_id()),
        args.out.display()
    );
    Ok(())
}

/// Asks for a change until it is made.
async fn change(config_file: &Path, change: MemberChange) -> anyhow::Result<()> {
    let (_, client) = connect(config_file)?;
    let tell = |text: &str| println!("{text}");
    client.change_members(change, tell).await
}

async fn status(args: &LookArgs) -> anyhow::Result<ExitCode> {
    let status = look(args).await?;
    if args.is_json() {
        println!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        print!("{}", node_table(&status));
    }
    Ok(exit_code(status.health))
}

async fn check(args: &LookArgs) -> anyhow::Result<ExitCode> {
    let status = look(args).await?;
    let (table, is_each_safe) = restart_table(&status);
    if args.is_json() {
        let nodes: serde_json::Map<_, _> = table
            .iter()
            .map(|(id, obstacle)| (id.to_string(), obstacle.clone().into()))
            .collect();
        let answer = serde_json::json!({
            "health": status.health,
            "problems": status.problems,
            "obstacles_to_stopping": nodes,
        });
        println!("{answer:#}");
    } else {
        for (id, obstacle) in &table {
            match obstacle {
                None => println!("node {id}  may be stopped"),
                Some(obstacle) => println!("node {id}  must not be stopped: {obstacle}"),
            }
        }
        for problem in &status.problems {
            println!("problem: {problem}");
        }
    }
    Ok(match (status.health, is_each_safe) {
        (Health::Healthy, true) => ExitCode::SUCCESS,
        (Health::NoQuorum, _) => ExitCode::from(2),
        _ => ExitCode::from(1),
    })
}

async fn look(args: &LookArgs) -> anyhow::Result<ClusterStatus> {
    let (_, client) = connect(&args.config)?;
    let answer = client.get("cluster").await?;
    let Ok(status) = serde_json::from_value(answer) else {
        bail!("the node's answer cannot be read; are both of one version?");
    };
    Ok(status)
}

fn exit_code(health: Health) -> ExitCode {
    ExitCode::from(match health {
        Health::Healthy => 0,
        Health::Degraded => 1,
        Health::NoQuorum => 2,
    })
}
