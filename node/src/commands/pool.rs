//! `raftpool pool`

use std::io::{BufRead, IsTerminal, Write};
use std::process::ExitCode;

use anyhow::{Context, bail};
use raftpool_api::dto::admin::{AdminSettings, MoveRequest, SettingsRequest};
use serde_json::Value;

use super::payout::{connect, reason};
use crate::amount::xel;
use crate::cli::{ApplyArgs, ChangesArgs, LookArgs, MoveArgs, OutputFormat, PoolCommand};
use crate::operator::{account_listing, change_history, difference, listing};
use crate::system::{now_ms, user_name};

pub(super) async fn execute(command: &PoolCommand) -> anyhow::Result<ExitCode> {
    match command {
        PoolCommand::Show(args) => show(args).await?,
        PoolCommand::Apply(args) => apply(args).await?,
        PoolCommand::History(args) => history(args).await?,
        PoolCommand::Accounts(args) => accounts(args).await?,
        PoolCommand::Move(args) => move_funds(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(args: &LookArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let answer = client.get("settings").await?;
    match args.output {
        OutputFormat::Text => print!(
            "# in force at log index {}\n{}",
            answer["index"],
            listing(&in_force(&answer)?)
        ),
        OutputFormat::Json => println!("{answer:#}"),
    }
    Ok(())
}

async fn apply(args: &ApplyArgs) -> anyhow::Result<()> {
    let file = args.config.display();
    let (config, client) = connect(&args.config)?;
    let wanted = AdminSettings::from(config.raw.settings.to_ledger(&config.raw)?);
    let present = in_force(&client.get("settings").await?)?;
    let changes = difference(&present, &wanted);
    if changes.is_empty() {
        println!("nothing to change: the settings of {file} are in force");
        return Ok(());
    }
    print!("{changes}");
    if !args.yes && !is_confirmed()? {
        bail!("nothing was changed");
    }
    let request = SettingsRequest {
        author: user_name(),
        reason: reason(args.reason.as_deref(), "change of settings"),
        settings: wanted,
        replaces: Some(present),
    };
    let changed = client.post("settings", &request).await?;
    println!(
        "the settings of {file} are in force since log index {}",
        changed["index"]
    );
    Ok(())
}

async fn history(args: &ChangesArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.look.config)?;
    // A change of settings is told by what it replaced, which may be any number of changes ago.
    let mut changes = Vec::new();
    let mut path = "changes?limit=100".to_owned();
    loop {
        let mut page = client.get(&path).await?;
        if let Value::Array(items) = page["items"].take() {
            changes.extend(items);
        }
        match page["next_before"].as_u64() {
            Some(before) => path = format!("changes?limit=100&before={before}"),
            None => break,
        }
    }
    let entries = change_history(&changes, now_ms())?;
    let shown = entries.len().min(args.limit);
    match args.look.output {
        OutputFormat::Text => entries[..shown].iter().for_each(|entry| print!("{entry}")),
        OutputFormat::Json => {
            println!("{:#}", Value::from(&changes[..shown]));
        }
    }
    if shown < entries.len() && matches!(args.look.output, OutputFormat::Text) {
        println!("{} older ones: see --limit", entries.len() - shown);
    }
    Ok(())
}

async fn accounts(args: &LookArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let answer = client.get("accounts").await?;
    match args.output {
        OutputFormat::Text => print!("{}", account_listing(&answer)),
        OutputFormat::Json => println!("{answer:#}"),
    }
    Ok(())
}

async fn move_funds(args: &MoveArgs) -> anyhow::Result<()> {
    let (_, client) = connect(&args.config)?;
    let request = MoveRequest {
        author: user_name(),
        reason: args.reason.clone(),
        from: args.from.clone(),
        to: args.to.clone(),
        miner: args.miner.clone(),
        amount_atomic: args.amount.into(),
    };
    let changed = client.post("funds/move", &request).await?;
    println!(
        "{} XEL moved from {} to {} at log index {}",
        xel(&Value::String(args.amount.to_string())),
        args.from,
        args.miner.as_deref().unwrap_or(&args.to),
        changed["index"]
    );
    Ok(())
}

fn in_force(answer: &Value) -> anyhow::Result<AdminSettings> {
    if answer["settings"].is_null() {
        bail!("the pool has no settings yet");
    }
    serde_json::from_value(answer["settings"].clone())
        .context("the node has settings that this program does not know; are both of one version?")
}

fn is_confirmed() -> anyhow::Result<bool> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        bail!("nothing was changed: there is no terminal to ask on; confirm with --yes");
    }
    print!("Change these settings of the whole pool? [y/N] ");
    std::io::stdout().flush().context("ask")?;
    let mut answer = String::new();
    stdin
        .lock()
        .read_line(&mut answer)
        .context("read the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
