//! What operators decide about payouts: approvals, holds, giving up; and what they look at.

use anyhow::{Context, bail};
use raftpool_api::dto::rules::{AbandonRequest, DecisionRequest, HoldRequest};
use serde_json::Value;

use super::{connect, reason};
use crate::amount::xel;
use crate::cli::payout::{AbandonArgs, DecideArgs, HistoryArgs, HoldArgs};
use crate::cli::{LookArgs, OutputFormat};
use crate::operator::{AdminClient, history, hold_list, simulation};
use crate::system::{now_ms, user_name};

/// The payout that is meant: the one named, or the open one.
async fn payout_of(client: &AdminClient, named: Option<u64>) -> anyhow::Result<u64> {
    if let Some(id) = named {
        return Ok(id);
    }
    let status = client.get("status").await?;
    status["open_payout"]["id"]
        .as_u64()
        .context("no payout is open")
}

pub(super) async fn approve(args: &DecideArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let payout_id = payout_of(&client, args.payout).await?;
    let request = DecisionRequest {
        author: user_name(),
        reason: reason(args.reason.as_deref(), "approved"),
        payout_id,
    };
    client.post("payouts/approve", &request).await?;
    println!("payout {payout_id} is approved and will be signed and sent");
    Ok(())
}

pub(super) async fn reject(args: &DecideArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let payout_id = payout_of(&client, args.payout).await?;
    let request = DecisionRequest {
        author: user_name(),
        reason: reason(args.reason.as_deref(), "rejected"),
        payout_id,
    };
    client.post("payouts/reject", &request).await?;
    println!("payout {payout_id} is rejected: its amounts are back, and payouts are paused");
    println!("hold who shall not be paid, or change the settings, and resume");
    Ok(())
}

pub(super) async fn abandon(args: &AbandonArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let payout_id = payout_of(&client, args.payout).await?;
    let request = AbandonRequest {
        author: user_name(),
        reason: reason(args.reason.as_deref(), "abandoned"),
        payout_id,
        is_forced: args.force,
    };
    client.post("payouts/abandon", &request).await?;
    println!("payout {payout_id} is given up: its amounts are back in the balances");
    println!("payouts are still paused; resume them when it is known where the money went");
    Ok(())
}

pub(super) async fn hold(args: &HoldArgs, is_held: bool) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let action = if is_held { "held" } else { "hold ended" };
    let request = HoldRequest {
        author: user_name(),
        reason: reason(args.reason.as_deref(), action),
        address: args.address.clone(),
        is_held,
    };
    client.post("holds", &request).await?;
    match is_held {
        true => println!("{} goes on to earn and is not paid", args.address),
        false => println!("{} is paid again", args.address),
    }
    Ok(())
}

pub(super) async fn holds(args: &LookArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let mut answer = client.get("holds").await?;
    let mut all = taken(&mut answer);
    while let Some(after) = answer["next_after"].as_str() {
        answer = client.get(&format!("holds?after={after}")).await?;
        all.append(&mut taken(&mut answer));
    }
    answer["items"] = Value::Array(all);
    match args.output {
        OutputFormat::Text => print!("{}", hold_list(&answer, now_ms())),
        OutputFormat::Json => println!("{answer:#}"),
    }
    Ok(())
}

fn taken(answer: &mut Value) -> Vec<Value> {
    match answer["items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

pub(super) async fn show_history(args: &HistoryArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let mut path = format!("payouts?limit={}", args.limit);
    if let Some(before) = args.before {
        path += &format!("&before={before}");
    }
    if args.payees {
        path += "&payees=1";
    }
    let answer = client.get(&path).await?;
    match args.output {
        OutputFormat::Text => print!("{}", history(&answer, now_ms())),
        OutputFormat::Json => println!("{answer:#}"),
    }
    Ok(())
}

pub(super) async fn simulate(args: &LookArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let answer = client.get("payouts/simulation").await?;
    match args.output {
        OutputFormat::Text => print!("{}", simulation(&answer)),
        OutputFormat::Json => println!("{answer:#}"),
    }
    Ok(())
}

/// What is asked of a release: the open payout, and what it would give back.
pub(super) fn open_payout(status: &Value) -> anyhow::Result<(u64, String)> {
    let payout = &status["open_payout"];
    match payout["id"].as_u64() {
        Some(id) => Ok((id, xel(&payout["debit_atomic"]))),
        None => bail!("no payout is open, so there is nothing to release"),
    }
}
