//! `raftpool ledger export`

use std::fs::File;
use std::io::{BufWriter, Write, stdout};
use std::ops::ControlFlow;
use std::process::ExitCode;

use anyhow::Context;
use raftpool_api::dto::export::{Amounts, ExportRow, export, miners_accounts};
use raftpool_api::dto::selection::Selection;
use raftpool_chain::{Address, Network};
use raftpool_ledger::view::account_name;

use super::read_stopped;
use crate::cli::{ExportArgs, ExportFormat};
use crate::config::Config;
use crate::operator::{AdminClient, is_not_running};

pub(super) async fn execute(args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let config = Config::load_without_secrets(&args.config, std::env::vars())?;
    let client = AdminClient::new(&config, &args.config)?;
    let out: Box<dyn Write + Send> = match &args.output {
        Some(file) => {
            let file = File::create(file).with_context(|| format!("make {}", file.display()))?;
            Box::new(BufWriter::new(file))
        }
        None => Box::new(BufWriter::new(stdout())),
    };
    let mut writer = RowWriter::new(args.format, out);
    let selection = selection(args, config.raw.pool.network)?;
    let asked = client
        .get_lines("ledger/export", &parameters(&selection), &mut |line| {
            let row = serde_json::from_str(line).context("read a line of the node's answer")?;
            writer.write(&row)
        })
        .await;
    match asked {
        Ok(()) => {}
        Err(error) if is_not_running(&error) => {
            let mut failure = None;
            read_stopped(&config, |view| {
                export(view, &selection, &mut |row| match writer.write(&row) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        failure = Some(error);
                        ControlFlow::Break(())
                    }
                })
            })
            .await?;
            if let Some(error) = failure {
                return Err(error);
            }
        }
        Err(error) => return Err(error),
    }
    writer.finish()?;
    Ok(ExitCode::SUCCESS)
}

fn selection(args: &ExportArgs, network: Network) -> anyhow::Result<Selection> {
    let miner = args.miner.as_deref();
    let miner = miner.map(|text| Address::parse(text, network)).transpose();
    let miner = miner.context("--miner")?;
    Ok(Selection {
        account: args.account,
        miner: miner.map(|address| address.as_str().to_owned()),
        block_number: args.block,
        payout_id: args.payout,
        since_ms: args.since,
        until_ms: args.until,
    })
}

/// What a node is asked with.
fn parameters(selection: &Selection) -> Vec<(&'static str, String)> {
    let account = selection.account.map(account_name);
    let numbers = [
        ("block", selection.block_number),
        ("payout", selection.payout_id),
        ("since_ms", selection.since_ms),
        ("until_ms", selection.until_ms),
    ];
    let numbers = numbers
        .into_iter()
        .filter_map(|(name, number)| Some((name, number?.to_string())));
    let account = account.map(|account| ("account", account.to_owned()));
    let miner = selection.miner.clone().map(|miner| ("miner", miner));
    account.into_iter().chain(miner).chain(numbers).collect()
}

/// The last entry's fields that its lines repeat in CSV.
#[derive(Default)]
struct Of {
    time_ms: u64,
    author: String,
    reason: String,
    block: String,
    payout: String,
}

enum RowWriter {
    Json(Box<dyn Write + Send>),
    Csv(Box<csv::Writer<Box<dyn Write + Send>>>, Of),
}

impl RowWriter {
    fn new(format: ExportFormat, out: Box<dyn Write + Send>) -> Self {
        match format {
            ExportFormat::Json => Self::Json(out),
            ExportFormat::Csv => Self::Csv(Box::new(csv::Writer::from_writer(out)), Of::default()),
        }
    }

    fn write(&mut self, row: &ExportRow) -> anyhow::Result<()> {
        match self {
            Self::Json(out) => {
                serde_json::to_writer(&mut *out, row).context("write the export")?;
                out.write_all(b"\n").context("write the export")
            }
            Self::Csv(csv, of) => write_csv(csv, of, row),
        }
    }

    fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Json(mut out) => out.flush().context("write the export"),
            Self::Csv(mut csv, _) => csv.flush().context("write the export"),
        }
    }
}

fn write_csv(
    csv: &mut csv::Writer<Box<dyn Write + Send>>,
    of: &mut Of,
    row: &ExportRow,
) -> anyhow::Result<()> {
    let number =
        |number: &Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    match row {
        ExportRow::Head { .. } => csv
            .write_record([
                "index",
                "kind",
                "time_ms",
                "author",
                "reason",
                "block_number",
                "payout_id",
                "miner",
                "account",
                "amount_atomic",
                "shares",
                "score",
            ])
            .context("write the export"),
        ExportRow::Entry {
            index,
            kind,
            time_ms,
            author,
            reason,
            block_number,
            payout_id,
            amounts,
        } => {
            *of = Of {
                time_ms: *time_ms,
                author: author.clone(),
                reason: reason.clone(),
                block: number(block_number),
                payout: number(payout_id),
            };
            // The lines of the miners have the rest.
            let of_pool = |account: &str| !miners_accounts().contains(&account);
            let line = CsvLine {
                index: *index,
                kind,
                miner: "",
                shares: 0,
                score: "",
            };
            write_amounts(csv, of, &line, amounts, of_pool)
        }
        ExportRow::Line {
            index,
            kind,
            miner,
            amounts,
            shares,
            score,
        } => {
            let line = CsvLine {
                index: *index,
                kind,
                miner,
                shares: *shares,
                score,
            };
            write_amounts(csv, of, &line, amounts, |_| true)
        }
        // What is held in the end is the sum of the lines.
        ExportRow::Accounts { .. } | ExportRow::Miner { .. } => Ok(()),
    }
}

/// What the rows of all accounts of an entry, or of a miner's part of it, have in common.
struct CsvLine<'a> {
    index: u64,
    kind: &'a str,
    miner: &'a str,
    shares: u64,
    score: &'a str,
}

fn write_amounts(
    csv: &mut csv::Writer<Box<dyn Write + Send>>,
    of: &Of,
    line: &CsvLine<'_>,
    amounts: &Amounts,
    is_wanted: impl Fn(&str) -> bool,
) -> anyhow::Result<()> {
    let (index, time_ms) = (line.index.to_string(), of.time_ms.to_string());
    let shares = match line.shares {
        0 => String::new(),
        shares => shares.to_string(),
    };
    for (account, amount) in amounts.iter().filter(|(account, _)| is_wanted(account)) {
        csv.write_record([
            &index, line.kind, &time_ms, &of.author, &of.reason, &of.block, &of.payout, line.miner,
            account, amount, &shares, line.score,
        ])
        .context("write the export")?;
    }
    Ok(())
}
