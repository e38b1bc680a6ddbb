//! `raftpool block`

use std::process::ExitCode;

use raftpool_api::dto::stray::AcknowledgeRequest;

use super::payout::connect;
use crate::cli::block::{AcknowledgeArgs, BlockCommand, SimulateArgs};
use crate::cli::{LookArgs, OutputFormat};
use crate::operator::{block_simulation, stray_listing};
use crate::system::{now_ms, user_name};

pub(super) async fn execute(command: &BlockCommand) -> anyhow::Result<ExitCode> {
    match command {
        BlockCommand::ListStray(args) => list(args).await?,
        BlockCommand::Acknowledge(args) => acknowledge(args).await?,
        BlockCommand::Simulate(args) => simulate(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(args: &LookArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let answer = client.get("blocks/stray").await?;
    match args.output {
        OutputFormat::Text => print!("{}", stray_listing(&answer, now_ms())),
        OutputFormat::Json => println!("{answer:#}"),
    }
    Ok(())
}

async fn acknowledge(args: &AcknowledgeArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let request = AcknowledgeRequest {
        author: user_name(),
        reason: args.reason.clone(),
        hash: args.hash.clone(),
    };
    client.post("blocks/acknowledge", &request).await?;
    println!("block {} is acknowledged; nothing was booked", args.hash);
    Ok(())
}

async fn simulate(args: &SimulateArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.look.config)?;
    let mut path = format!("blocks/simulation?limit={}", args.limit);
    if let Some(amount) = args.amount {
        path += &format!("&amount_atomic={amount}");
    }
    let answer = client.get(&path).await?;
    match args.look.output {
        OutputFormat::Text => print!("{}", block_simulation(&answer)),
        OutputFormat::Json => println!("{answer:#}"),
    }
    Ok(())
}
