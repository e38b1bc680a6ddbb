//! `raftpool token`

use std::process::ExitCode;

use anyhow::Context;
use raftpool_api::dto::token::{MakeTokenRequest, RequireTokenRequest, RevokeTokenRequest};
use serde_json::{Value, json};

use super::payout::{connect, reason};
use crate::cli::OutputFormat;
use crate::cli::token::{
    ListTokensArgs, MakeTokenArgs, RequireTokenArgs, RevokeTokenArgs, TokenCommand,
};
use crate::operator::{AdminClient, rule_list, token_list};
use crate::system::{now_ms, user_name};

const DAY_MS: u64 = 86_400_000;

pub(super) async fn execute(command: &TokenCommand) -> anyhow::Result<ExitCode> {
    match command {
        TokenCommand::Make(args) => make(args).await?,
        TokenCommand::List(args) => list(args).await?,
        TokenCommand::Revoke(args) => revoke(args).await?,
        TokenCommand::Require(args) => require(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the token alone to standard output, so that a script gets nothing else.
async fn make(args: &MakeTokenArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let end_ms = |days: u32| now_ms().saturating_add(u64::from(days) * DAY_MS);
    let request = MakeTokenRequest {
        author: user_name(),
        reason: reason(args.reason.as_deref(), "token made"),
        address: args.address.clone(),
        label: args.label.clone(),
        worker: args.worker.clone(),
        expires_at_ms: args.days.map(end_ms),
    };
    let made = client.post("tokens/make", &request).await?;
    if args.output == OutputFormat::Json {
        println!("{made:#}");
        return Ok(());
    }
    let token = made["token"].as_str().context("the answer has no token")?;
    eprintln!(
        "token {} of {}; it cannot be shown again:",
        made["id"].as_str().unwrap_or("?"),
        made["address"].as_str().unwrap_or("?"),
    );
    println!("{token}");
    Ok(())
}

async fn list(args: &ListTokensArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let (answer, text) = match &args.address {
        Some(address) => {
            let tokens = client.get(&path_of(address)).await?;
            let text = token_list(&tokens, now_ms());
            (tokens, text)
        }
        None => {
            let rules = all_rules(&client).await?;
            let text = rule_list(&rules);
            (json!({ "items": rules }), text)
        }
    };
    match args.output {
        OutputFormat::Text => print!("{text}"),
        OutputFormat::Json => println!("{answer:#}"),
    }
    Ok(())
}

/// Every page of the addresses that have to do with tokens.
async fn all_rules(client: &AdminClient) -> anyhow::Result<Vec<Value>> {
    let mut rules = Vec::new();
    let mut path = "tokens?limit=100".to_owned();
    loop {
        let mut page = client.get(&path).await?;
        let items = page["items"].as_array_mut();
        rules.append(items.context("the answer has no items")?);
        match page["next_after"].as_str() {
            Some(after) => path = format!("tokens?limit=100&after={}", escape(after)),
            None => return Ok(rules),
        }
    }
}

async fn revoke(args: &RevokeTokenArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let request = RevokeTokenRequest {
        author: user_name(),
        reason: reason(args.reason.as_deref(), "token revoked"),
        address: args.address.clone(),
        id: args.id.clone(),
    };
    let revoked = client.post("tokens/revoke", &request).await?;
    println!(
        "token {} lets nobody in since log index {}; whoever is connected with it is closed on \
         within a moment",
        args.id, revoked["index"]
    );
    Ok(())
}

async fn require(args: &RequireTokenArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let present = client.get(&path_of(&args.address)).await?;
    let request = RequireTokenRequest {
        author: user_name(),
        reason: reason(args.reason.as_deref(), "requirement of a token"),
        address: args.address.clone(),
        is_required: !args.off,
    };
    let changed = client.post("tokens/require", &request).await?;
    let (address, index) = (&args.address, &changed["index"]);
    if args.off {
        println!("{address} requires no token since log index {index}");
        return Ok(());
    }
    println!("{address} requires a token since log index {index}");
    let is_good = |token: &Value| token["is_expired"] == json!(false);
    if !present["items"]
        .as_array()
        .is_some_and(|items| items.iter().any(is_good))
    {
        println!("it has none that is good: nobody can mine to it until you make one");
    }
    Ok(())
}

fn path_of(address: &str) -> String {
    format!("tokens/{}", escape(address))
}

/// An address as a part of a path or query, whatever was typed.
fn escape(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b':';
    let escaped = |byte: u8| match is_plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    text.trim().bytes().map(escaped).collect()
}
