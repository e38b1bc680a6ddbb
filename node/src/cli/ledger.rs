//! The command line of `raftpool ledger`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use raftpool_ledger::command::Account;
use raftpool_ledger::view::account_of_name;
use time::format_description::well_known::{Iso8601, Rfc3339};
use time::{Date, OffsetDateTime};

/// Check the books, export them, and add an export up.
#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// Check every invariant of the books; exit code 1 when one is broken
    ///
    /// Asks the node if it runs, and otherwise reads its data directory.
    Verify {
        /// Configuration file of the node
        config: PathBuf,
    },
    /// Write the whole journal, and what every account and every miner holds
    ///
    /// All of it is of one moment. With an account, a miner, a block, a payout or a time, only the
    /// entries that all of this holds for are written, without balances. Asks the node if it runs,
    /// and otherwise reads its data directory.
    Export(ExportArgs),
    /// Add up an export in JSON lines, and compare it with the balances at its end
    ///
    /// Exit code 1 when anything does not add up. Needs no node and no configuration.
    Replay {
        /// The export; standard input when not given
        file: Option<PathBuf>,
    },
}

/// What to export, and how.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Configuration file of the node
    pub config: PathBuf,
    /// How to write it
    #[arg(long, value_enum, default_value_t = ExportFormat::Json)]
    pub format: ExportFormat,
    /// File to write to; standard output when not given
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Only changes of this account, such as mature, reserve or fees_pplns
    #[arg(long, value_name = "NAME", value_parser = account)]
    pub account: Option<Account>,
    /// Only parts of this miner
    #[arg(long, value_name = "ADDRESS")]
    pub miner: Option<String>,
    /// Only entries about the block of this number
    #[arg(long, value_name = "NUMBER")]
    pub block: Option<u64>,
    /// Only entries about this payout
    #[arg(long, value_name = "ID")]
    pub payout: Option<u64>,
    /// Only entries from this time on: 2026-11-26, 2026-11-26T08:00:00Z, or milliseconds since 1970
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    pub since: Option<u64>,
    /// Only entries before this time
    #[arg(long, value_name = "TIME", value_parser = time_ms)]
    pub until: Option<u64>,
}

fn account(name: &str) -> Result<Account, String> {
    account_of_name(name).ok_or_else(|| format!("there is no account \"{name}\""))
}

/// Form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// One JSON object a line, which `raftpool ledger replay` reads
    Json,
    /// One change of one account a line, for spreadsheets
    Csv,
}

/// A point in time as people and exports write it, in milliseconds since the Unix epoch.
fn time_ms(text: &str) -> Result<u64, String> {
    if let Ok(milliseconds) = text.parse() {
        return Ok(milliseconds);
    }
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok().or_else(|| {
        let date = Date::parse(text, &Iso8601::DATE).ok()?;
        Some(date.midnight().assume_utc())
    });
    let milliseconds = moment.map(|moment| moment.unix_timestamp_nanos() / 1_000_000);
    milliseconds
        .and_then(|milliseconds| u64::try_from(milliseconds).ok())
        .ok_or_else(|| {
            "write a day (2026-11-26), a moment (2026-11-26T08:00:00Z), or milliseconds since 1970"
                .to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_and_exports_write_them() {
        let day = 1_795_651_200_000;
        for (text, milliseconds) in [
            ("2026-11-26", day),
            ("2026-11-26T08:00:00Z", day + 8 * 3_600_000),
            ("2026-11-26T08:00:00+02:00", day + 6 * 3_600_000),
            ("1795651200000", day),
        ] {
            assert_eq!(time_ms(text), Ok(milliseconds), "{text}");
        }
        for text in ["", "today", "2026-13-01", "1969-12-31", "-5"] {
            assert!(time_ms(text).is_err(), "{text}");
        }
    }
}
