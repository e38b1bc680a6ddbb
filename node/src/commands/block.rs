//! `raftpool block`

use std::process::ExitCode;

use raftpool_api::dto::stray::AcknowledgeRequest;

use super::payout::connect;
use crate::cli::block::{AcknowledgeArgs, BlockCommand};
use crate::cli::{LookArgs, OutputFormat};
use crate::operator::stray_listing;
use crate::system::{now_ms, user_name};

pub(super) async fn execute(command: &BlockCommand) -> anyhow::Result<ExitCode> {
    match command {
        BlockCommand::ListStray(args) => list(args).await?,
        BlockCommand::Acknowledge(args) => acknowledge(args).await?,
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
