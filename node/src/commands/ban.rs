//! `raftpool ban`

use std::net::IpAddr;
use std::process::ExitCode;

use anyhow::{Context, bail};
use raftpool_api::dto::ban::LiftRequest;
use reqwest::Url;
use serde_json::{Value, json};

use super::payout::{connect, reason};
use crate::cli::ban::{BanCommand, LiftArgs};
use crate::cli::{LookArgs, OutputFormat};
use crate::operator::{AdminClient, ban_listing};
use crate::system::{now_ms, user_name};

pub(super) async fn execute(command: &BanCommand) -> anyhow::Result<ExitCode> {
    match command {
        BanCommand::List(args) => list(args).await?,
        BanCommand::Lift(args) => lift(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(args: &LookArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let all = all_bans(&client).await?;
    match args.output {
        OutputFormat::Text => print!("{}", ban_listing(&all, now_ms())),
        OutputFormat::Json => println!("{all:#}"),
    }
    Ok(())
}

/// The node's answer with the bans of all its pages.
async fn all_bans(client: &AdminClient) -> anyhow::Result<Value> {
    let mut answer = client.get("bans").await?;
    let mut bans = taken(&mut answer);
    while let (Some(miner), Some(worker)) = (
        answer["next_after_miner"].as_str(),
        answer["next_after_worker"].as_str(),
    ) {
        let cursor = [("after_miner", miner), ("after_worker", worker)];
        let next = Url::parse_with_params("http://localhost/", cursor).context("ask for more")?;
        let query = next.query().unwrap_or_default();
        answer = client.get(&format!("bans?{query}")).await?;
        bans.append(&mut taken(&mut answer));
    }
    answer["bans"] = Value::Array(bans);
    Ok(answer)
}

fn taken(answer: &mut Value) -> Vec<Value> {
    match answer["bans"].take() {
        Value::Array(bans) => bans,
        _ => Vec::new(),
    }
}

async fn lift(args: &LiftArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let request = LiftRequest {
        author: user_name(),
        reason: reason(args.reason.as_deref(), "lifted"),
        miner: None,
        worker: None,
        ip: None,
    };
    if let Ok(ip) = args.address.parse::<IpAddr>() {
        let ip = Some(ip);
        client
            .post("bans/lift", &LiftRequest { ip, ..request })
            .await?;
        println!("{} may connect to this node again", args.address);
        return Ok(());
    }
    let workers = match &args.worker {
        Some(worker) => vec![worker.clone()],
        None => banned_workers(&all_bans(&client).await?, &args.address),
    };
    if workers.is_empty() {
        bail!("no worker of {} is banned", args.address);
    }
    for worker in workers {
        let request = LiftRequest {
            miner: Some(args.address.clone()),
            worker: Some(worker.clone()),
            ..request.clone()
        };
        client.post("bans/lift", &request).await?;
        println!("worker {worker} of {} may work again", args.address);
    }
    Ok(())
}

/// Names of the banned workers of a miner.
fn banned_workers(all: &Value, miner: &str) -> Vec<String> {
    let lists = [&all["bans"], &all["of_this_node"]];
    let bans = lists.iter().filter_map(|list| list.as_array()).flatten();
    let own = bans.filter(|ban| ban["miner"] == json!(miner));
    let names = own.filter_map(|ban| ban["worker"].as_str());
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_banned_workers_of_a_miner_are_found_and_nobody_elses() {
        let all = json!({
            "bans": [
                {"miner": "xel:a", "worker": "1"},
                {"miner": "xel:b", "worker": "2"},
            ],
            "of_this_node": [
                {"kind": "ip", "miner": null, "worker": null, "ip": "203.0.113.7"},
                {"kind": "worker", "miner": "xel:a", "worker": "3"},
            ],
        });
        assert_eq!(banned_workers(&all, "xel:a"), ["1", "3"]);
        assert!(banned_workers(&all, "xel:c").is_empty());
    }
}
