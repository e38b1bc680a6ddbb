//! The books as lines that anybody can add up: the journal from its beginning, then what every
//! account and every miner holds.
//!
//! Each line is one JSON object. Whoever adds up the entries gets the accounts, and whoever adds up
//! the lines of a miner gets that miner's accounts; `raftpool ledger replay` does both.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use raftpool_ledger::StateError;
use raftpool_ledger::command::Account;
use raftpool_ledger::view::{
    self, JournalQuery, LedgerView, MINERS_ACCOUNTS, account_name, entry_kind_name,
};
use serde::{Deserialize, Serialize};

/// Entries, lines and miners read at a time.
const CHUNK: usize = 1_000;

/// The form of these lines; it changes when a reader has to know.
pub const EXPORT_FORMAT: u32 = 1;

/// Atomic units by name of the account, as decimal text with a sign.
pub type Amounts = BTreeMap<String, String>;

/// Accounts of which every unit is a miner's: an entry's changes of them are in its lines as well.
pub fn miners_accounts() -> [&'static str; 4] {
    MINERS_ACCOUNTS.map(account_name)
}

/// One line of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "row", rename_all = "snake_case")]
pub enum ExportRow {
    /// The first line: what the rest is.
    Head {
        /// [`EXPORT_FORMAT`].
        format: u32,
        /// Name of the chain's network.
        network: String,
        /// The address blocks pay to.
        pool_address: String,
        /// Log index of the books.
        index: u64,
        /// Digest of the books at that index, hexadecimal.
        digest: String,
    },
    /// A balanced change of accounts.
    Entry {
        /// Log index of its command; of the first one, where an hour's paid work is gathered.
        index: u64,
        /// What it is about.
        kind: String,
        /// Ledger time.
        time_ms: u64,
        /// Whose command; empty for an hour's paid work.
        author: String,
        /// Why, where the command says so.
        reason: String,
        /// The block it is about.
        block_number: Option<u64>,
        /// The payout it is about.
        payout_id: Option<u64>,
        /// Changes by account.
        amounts: Amounts,
    },
    /// One miner's part of the entry before it.
    Line {
        /// Log index and kind of the entry.
        index: u64,
        /// Kind of the entry.
        kind: String,
        /// The miner's address.
        miner: String,
        /// Changes by account.
        amounts: Amounts,
        /// Shares that were paid at once.
        shares: u64,
    },
    /// What every account holds in the end.
    Accounts {
        /// Amounts by account; those from outside are below zero.
        amounts: Amounts,
    },
    /// What one miner has in the end.
    Miner {
        /// The miner's address.
        miner: String,
        /// Amounts by account.
        amounts: Amounts,
    },
}

/// Gives every line of the books to `emit`, until it breaks.
///
/// # Errors
/// When the state cannot be read.
pub fn export(
    view: &LedgerView<'_>,
    emit: &mut dyn FnMut(ExportRow) -> ControlFlow<()>,
) -> Result<(), StateError> {
    let settings = view.settings()?.unwrap_or_default();
    let head = ExportRow::Head {
        format: EXPORT_FORMAT,
        network: settings.network,
        pool_address: settings.pool_address,
        index: view.index()?,
        digest: hex::encode(view.digest()?),
    };
    if emit(head).is_break() || export_journal(view, emit)?.is_break() {
        return Ok(());
    }
    let amounts = accounts(&view.accounts()?);
    if emit(ExportRow::Accounts { amounts }).is_break() {
        return Ok(());
    }
    export_miners(view, emit)
}

fn export_journal(
    view: &LedgerView<'_>,
    emit: &mut dyn FnMut(ExportRow) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, StateError> {
    let mut after = None;
    loop {
        let entries = view.journal(JournalQuery::After(after), CHUNK)?;
        let Some(last) = entries.last() else {
            return Ok(ControlFlow::Continue(()));
        };
        after = Some((last.index, last.kind));
        for entry in entries {
            if emit(entry_row(&entry)).is_break() || export_lines(view, &entry, emit)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
}

fn export_lines(
    view: &LedgerView<'_>,
    entry: &view::JournalEntry,
    emit: &mut dyn FnMut(ExportRow) -> ControlFlow<()>,
) -> Result<ControlFlow<()>, StateError> {
    let mut after = None;
    loop {
        let lines = view.journal_lines(entry, after, CHUNK)?;
        let Some(last) = lines.last() else {
            return Ok(ControlFlow::Continue(()));
        };
        after = Some(last.miner_number);
        for line in lines {
            let row = ExportRow::Line {
                index: entry.index,
                kind: entry_kind_name(entry.kind).into(),
                miner: line.miner,
                amounts: named(&line.amounts),
                shares: line.shares,
            };
            if emit(row).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
    }
}

fn export_miners(
    view: &LedgerView<'_>,
    emit: &mut dyn FnMut(ExportRow) -> ControlFlow<()>,
) -> Result<(), StateError> {
    let mut after: Option<String> = None;
    loop {
        let miners = view.miners(after.as_deref(), CHUNK)?;
        let Some(last) = miners.last() else {
            return Ok(());
        };
        after = Some(last.address.clone());
        for miner in miners {
            let own = [
                (Account::Mature, miner.balance_atomic),
                (Account::InFlight, miner.in_flight_atomic),
                (Account::Paid, miner.paid_atomic),
                (Account::NetworkFees, miner.network_fees_atomic),
            ];
            let own = own.into_iter().filter(|(_, amount)| *amount > 0);
            let amounts = own.map(|(account, amount)| (name(account), amount.to_string()));
            let row = ExportRow::Miner {
                miner: miner.address,
                amounts: amounts.collect(),
            };
            if emit(row).is_break() {
                return Ok(());
            }
        }
    }
}

fn entry_row(entry: &view::JournalEntry) -> ExportRow {
    ExportRow::Entry {
        index: entry.index,
        kind: entry_kind_name(entry.kind).into(),
        time_ms: entry.time_ms,
        author: entry.author.clone(),
        reason: entry.reason.clone(),
        block_number: entry.block_number,
        payout_id: entry.payout_id,
        amounts: named(&entry.amounts),
    }
}

fn accounts(accounts: &view::Accounts) -> Amounts {
    let signed = accounts.by_account().into_iter();
    let signed = signed.filter(|(_, amount)| *amount != 0);
    signed
        .map(|(account, amount)| (name(account), amount.to_string()))
        .collect()
}

/// Amounts by name.
pub(crate) fn named(amounts: &BTreeMap<Account, i64>) -> Amounts {
    let amounts = amounts.iter();
    amounts
        .map(|(account, amount)| (name(*account), amount.to_string()))
        .collect()
}

fn name(account: Account) -> String {
    account_name(account).into()
}
