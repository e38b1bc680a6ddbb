//! `raftpool node`

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use raftpool_api::dto::drain::{DrainRequest, DrainStatus, UndrainRequest};

use super::payout::connect;
use crate::cli::cluster::NodeArgs;
use crate::cli::node::{DrainArgs, NodeCommand};
use crate::cli::{LookArgs, OutputFormat};
use crate::operator::AdminClient;
use crate::system::user_name;

/// Between two questions how far the node is.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

pub(super) async fn execute(command: &NodeCommand) -> anyhow::Result<ExitCode> {
    match command {
        NodeCommand::Drain(args) => drain(args).await?,
        NodeCommand::Undrain(args) => undrain(args).await?,
        NodeCommand::Status(args) => status(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn drain(args: &DrainArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let over_ms = args.over.map(|over| over.as_millis());
    let request = DrainRequest {
        author: user_name(),
        over_ms: over_ms.map(u64::try_from).transpose().context("--over")?,
        is_forced: args.force,
    };
    let mut told = String::new();
    let mut status = read(client.post("node/drain", &request).await?)?;
    loop {
        let text = describe(&status);
        if text != told {
            println!("{text}");
            told = text;
        }
        match status.drain_phase.as_deref() {
            Some("drained") => return Ok(()),
            Some(_) => {}
            None => bail!("somebody has undrained node {}", status.node_id),
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
        status = look(&client).await?;
    }
}

async fn undrain(args: &NodeArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let request = UndrainRequest {
        author: user_name(),
    };
    let status = read(client.post("node/undrain", &request).await?)?;
    println!("{}", describe(&status));
    Ok(())
}

async fn status(args: &LookArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let status = look(&client).await?;
    match args.output {
        OutputFormat::Text => println!("{}", describe(&status)),
        OutputFormat::Json => println!("{}", serde_json::to_string_pretty(&status)?),
    }
    Ok(())
}

async fn look(client: &AdminClient) -> anyhow::Result<DrainStatus> {
    read(client.get("node").await?)
}

fn read(answer: serde_json::Value) -> anyhow::Result<DrainStatus> {
    serde_json::from_value(answer).context("the node's answer cannot be read")
}

fn describe(status: &DrainStatus) -> String {
    let id = status.node_id;
    let leads = if status.is_leader { ", and leads" } else { "" };
    let miners = status.connections;
    match status.drain_phase.as_deref() {
        None if status.serving => format!("node {id} serves {miners} connections of miners{leads}"),
        None => format!("node {id} does not serve miners yet{leads}"),
        Some("waiting") => format!(
            "node {id} is not ready any more and waits for balancers and resolvers; {miners} \
             connections of miners{leads}"
        ),
        Some("leaving") => format!("node {id} lets its miners go: {miners} connections{leads}"),
        Some("drained") => format!("node {id} is drained: it may be stopped{leads}"),
        Some(_) => format!("node {id} asks the others whether it may drain"),
    }
}
