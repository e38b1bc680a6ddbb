//! `raftpool payout`

mod reconcile;
mod rules;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use raftpool_api::dto::admin::{PauseRequest, ReleaseRequest};

use crate::cli::{ChangeArgs, LookArgs, OutputFormat, PayoutCommand};
use crate::config::Config;
use crate::operator::{AdminClient, describe};
use crate::system::{now_ms, user_name};

pub(super) async fn execute(command: &PayoutCommand) -> anyhow::Result<ExitCode> {
    match command {
        PayoutCommand::Status(args) => status(args).await?,
        PayoutCommand::Pause(args) => {
            let index = set_paused(args, "pause").await?;
            println!("payouts are paused since log index {index}");
            println!("what was sent before may still execute, and is followed to its end");
        }
        PayoutCommand::Resume(args) => {
            let index = set_paused(args, "resume").await?;
            println!("payouts are resumed since log index {index}");
        }
        PayoutCommand::Release(args) => release(args).await?,
        PayoutCommand::Approve(args) => rules::approve(args).await?,
        PayoutCommand::Reject(args) => rules::reject(args).await?,
        PayoutCommand::Hold(args) => rules::hold(args, true).await?,
        PayoutCommand::Unhold(args) => rules::hold(args, false).await?,
        PayoutCommand::Holds(args) => rules::holds(args).await?,
        PayoutCommand::Reconcile(args) => reconcile::execute(args).await?,
        PayoutCommand::Abandon(args) => rules::abandon(args).await?,
        PayoutCommand::History(args) => rules::show_history(args).await?,
        PayoutCommand::Simulate(args) => rules::simulate(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A client of the node that the configuration describes.
pub(super) fn connect(config_file: &Path) -> anyhow::Result<(Config, AdminClient)> {
    let config = Config::load_without_secrets(config_file, std::env::vars())?;
    let client = AdminClient::new(&config, config_file)?;
    Ok((config, client))
}

async fn status(args: &LookArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let status = client.get("status").await?;
    match args.output {
        OutputFormat::Text => print!("{}", describe(&status, now_ms())),
        OutputFormat::Json => println!("{status:#}"),
    }
    Ok(())
}

async fn set_paused(args: &ChangeArgs, action: &str) -> anyhow::Result<u64> {
    let (_, client) = connect(&args.config)?;
    let request = PauseRequest {
        author: user_name(),
        reason: reason(args.reason.as_deref(), action),
    };
    let path = format!("payouts/{action}");
    let changed = client.post(&path, &request).await?;
    changed["index"].as_u64().context("the answer has no index")
}

async fn release(args: &ChangeArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let status = client.get("status").await?;
    let (id, debit) = rules::open_payout(&status)?;
    let request = ReleaseRequest {
        author: user_name(),
        reason: reason(args.reason.as_deref(), "release"),
        payout_id: Some(id),
    };
    client.post("payouts/release", &request).await?;
    println!(
        "payout {id} is released: {debit} XEL are back in the balances of {} payees",
        status["open_payout"]["payees"],
    );
    if status["payouts_paused_reason"].is_null() {
        println!("payouts are not paused, so the next one may take the same balances at once");
    }
    Ok(())
}

/// The reason that is kept: the operator's, or that there is none.
pub(super) fn reason(given: Option<&str>, action: &str) -> String {
    given.map_or_else(
        || format!("{action} by hand, no reason given"),
        str::to_owned,
    )
}
